// The fields that decide framing, persistence and routing, and the forms of the request target. Off the parser's inner loop.
import Glibc
import Runtime

extension MessageHead {
  /// Takes note of a known field; 0, or the fault that refuses the message.
  @inline(never)
  mutating func note(_ p: Bytes, _ id: UInt8, _ v: Int, _ n: Int, _ isRequest: Bool) -> Int {
    let malformed = HeadFault.malformed.rawValue
    let repeated = seen & FieldID.bit(id) != 0
    seen |= FieldID.bit(id)
    switch id {
    case FieldID.contentLength:
      // One field of digits: a list or a second field, even with equal values, is where peers disagree (RFC 9112 §6.3, item 5).
      if repeated || n == 0 || n > 18 { return malformed }
      var x = 0
      for i in v..<(v &+ n) {
        let d = p[i] &- 48
        if d > 9 { return malformed }
        x = x &* 10 &+ Int(d)
      }
      contentLength = x
    case FieldID.transferEncoding:
      if repeated || (isRequest && minor == 0) { return malformed }
      return noteCodings(p + v, n, isRequest)
    case FieldID.connection:
      eachToken(p, v, n) { token, count in
        if equalsIgnoringCase(token, count, "close") { saysClose = true }
        if equalsIgnoringCase(token, count, "keep-alive") { saysKeepAlive = true }
        if equalsIgnoringCase(token, count, "upgrade") { saysUpgrade = true }
      }
    case FieldID.host:
      if repeated && isRequest { return malformed }
      authority = v
      authorityCount = n
      // Also where an absolute target replaces it, it has to be a host (RFC 9112 §3.2).
      if isRequest && !authorityIsValid(p) { return malformed }
    case FieldID.expect:
      if isRequest && minor == 1 {
        if !equalsIgnoringCase(p + v, n, "100-continue") { return HeadFault.expectation.rawValue }
        expectsContinue = true
      }
    default:
      break
    }
    return 0
  }

  /// `chunked`, alone, is the one coding spoken here; another one is 501, `chunked` not last or twice is malformed (RFC 9112 §6.1).
  private mutating func noteCodings(_ p: Bytes, _ n: Int, _ isRequest: Bool) -> Int {
    if equalsIgnoringCase(p, n, "chunked") {
      isChunked = true
      return 0
    }
    if n == 0 { return HeadFault.malformed.rawValue }
    var codings = 0
    var chunkedAt = -1
    var bad = false
    eachToken(p, 0, n) { token, count in
      if count == 0 { bad = true }
      for i in 0..<count where table[Int(token[i])] & CharacterClass.token == 0 { bad = true }
      if equalsIgnoringCase(token, count, "chunked") {
        if chunkedAt >= 0 { bad = true }
        chunkedAt = codings
      }
      codings &+= 1
    }
    if bad || (chunkedAt >= 0 && chunkedAt != codings &- 1) || (chunkedAt < 0 && codings > 1) { return HeadFault.malformed.rawValue }
    return HeadFault.coding.rawValue
  }

  /// Calls `body` for each element of a comma-separated list, white space trimmed; empty elements come with a count of 0.
  @inline(__always)
  func eachToken(_ p: UnsafePointer<UInt8>, _ v: Int, _ n: Int, _ body: (UnsafePointer<UInt8>, Int) -> Void) {
    var i = v
    let e = v &+ n
    while i <= e {
      var s = i
      while i < e && p[i] != 0x2c { i &+= 1 }
      var t = i
      while s < t && (p[s] == 0x20 || p[s] == 9) { s &+= 1 }
      while t > s && (p[t &- 1] == 0x20 || p[t &- 1] == 9) { t &-= 1 }
      body(p + s, t &- s)
      i &+= 1
    }
  }

  /// Options in `Connection` that are looked at; each is compared with every field.
  private static var optionsMax: Int { 64 }

  /// Marks the fields that `Connection` names (RFC 9110 §7.6.1); those that frame or route the message cannot be named away. False when
  /// it has more options than anyone needs.
  @inline(never)
  mutating func markNamed(_ p: Bytes) -> Bool {
    var options = 0
    for c in 0..<count where fields[c].id == FieldID.connection {
      eachToken(p, Int(fields[c].value), Int(fields[c].valueCount)) { token, n in
        if n == 0 || equalsIgnoringCase(token, n, "close") || equalsIgnoringCase(token, n, "keep-alive") { return }
        options &+= 1
        if options > MessageHead.optionsMax { return }
        for k in 0..<count where Int(fields[k].nameCount) == n {
          let id = fields[k].id
          if id == FieldID.contentLength || id == FieldID.host || FieldID.hopByHop & FieldID.bit(id) != 0 { continue }
          if strncasecmp(chars(p + Int(fields[k].name)), chars(token), n) == 0 {
            fields[k].id = FieldID.named
            // Of the caching fields another one may be left.
            if id != FieldID.caching { seen &= ~FieldID.bit(id) }
            seen |= FieldID.bit(FieldID.named)
          }
        }
      }
    }
    return options <= MessageHead.optionsMax
  }

  // SAFETY: only the type of the bytes changes; the counts that go with them were checked by the parser.
  @inline(__always)
  private func chars(_ p: UnsafePointer<UInt8>) -> UnsafePointer<CChar> { UnsafeRawPointer(p).assumingMemoryBound(to: CChar.self) }

  /// Finds path, query and authority in the target (RFC 9112 §3.2) and checks the authority; returns `length` or a fault.
  @inline(__always)
  mutating func settleTarget(_ p: Bytes, _ length: Int) -> Int {
    if p[target] == 0x2f && method != .connect {
      targetForm = .origin
      path = target
      splitQuery(p, targetCount)
    } else {
      let fault = settleOtherForm(p)
      if fault != 0 { return fault }
    }
    if seen & FieldID.bit(FieldID.host) == 0 && minor == 1 { return HeadFault.malformed.rawValue }
    if seen & FieldID.bit(FieldID.host) == 0 && targetForm != .absolute && targetForm != .authority { authorityCount = 0 }
    // Host was checked when it was read.
    if targetForm == .origin || targetForm == .asterisk { return length }
    return authorityIsValid(p) ? length : HeadFault.malformed.rawValue
  }

  @inline(__always)
  private mutating func splitQuery(_ p: Bytes, _ n: Int) {
    if let q = memchr(p + path, 0x3f, n) {
      let at = q.assumingMemoryBound(to: UInt8.self) - (p + path)
      pathCount = at
      queryCount = n &- at
    } else {
      pathCount = n
      queryCount = 0
    }
  }

  @inline(never)
  private mutating func settleOtherForm(_ p: Bytes) -> Int {
    let malformed = HeadFault.malformed.rawValue
    path = target
    pathCount = 0
    queryCount = 0
    if method == .connect {
      // authority-form: host ":" port (RFC 9112 §3.2.3)
      targetForm = .authority
      authority = target
      authorityCount = targetCount
      return memchr(p + target, 0x2f, targetCount) == nil && memchr(p + target, 0x3a, targetCount) != nil ? 0 : malformed
    }
    if p[target] == 0x2a {
      targetForm = .asterisk
      return targetCount == 1 && method == .options ? 0 : malformed
    }
    // absolute-form: its authority counts, Host is replaced (RFC 9112 §3.2.2)
    targetForm = .absolute
    var a = 7
    if targetCount > 7 && equalsIgnoringCase(p + target, 7, "http://") {
      a = 7
    } else if targetCount > 8 && equalsIgnoringCase(p + target, 8, "https://") {
      a = 8
    } else {
      return malformed
    }
    var i = target &+ a
    let e = target &+ targetCount
    while i < e && p[i] != 0x2f && p[i] != 0x3f { i &+= 1 }
    authority = target &+ a
    authorityCount = i &- authority
    if authorityCount == 0 { return malformed }
    path = i
    splitQuery(p, e &- i)
    return 0
  }

  /// Whether the authority can be one: a name or an address, and a port where there is a colon (RFC 3986 §3.2).
  @inline(__always)
  func authorityIsValid(_ p: Bytes) -> Bool {
    var i = authority
    let e = authority &+ authorityCount
    while i < e && table[Int(p[i])] & CharacterClass.name != 0 { i &+= 1 }
    if i == e { return true }
    return p[i] == 0x3a && i > authority ? portIsValid(p, i &+ 1, e) : literalIsValid(p)
  }

  /// An IPv6 address as text (RFC 3986 §3.2.2; nobody has made use of IPvFuture).
  private func isAddress(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    if n < 2 || n > 45 || memchr(p, 0x3a, n) == nil { return false }
    return SocketAddress(host: Array(UnsafeBufferPointer(start: p, count: n)), port: 0) != nil
  }

  /// An IP literal in brackets; then, if any, a colon and digits.
  @inline(never)
  private func literalIsValid(_ p: Bytes) -> Bool {
    var i = authority
    let e = authority &+ authorityCount
    if p[i] != 0x5b { return false }
    while i < e && p[i] != 0x5d { i &+= 1 }
    if i == e || !isAddress(p + (authority &+ 1), i &- authority &- 1) { return false }
    i &+= 1
    return i == e || p[i] == 0x3a && portIsValid(p, i &+ 1, e)
  }

  /// At most five digits, or none (RFC 3986 §3.2.3).
  @inline(__always)
  private func portIsValid(_ p: Bytes, _ start: Int, _ e: Int) -> Bool {
    if e &- start > 5 { return false }
    var i = start
    var port = 0
    while i < e {
      let d = p[i] &- 48
      if d > 9 { return false }
      port = port &* 10 &+ Int(d)
      i &+= 1
    }
    return port < 65536
  }
}
