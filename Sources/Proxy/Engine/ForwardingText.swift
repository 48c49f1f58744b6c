// What is said of the client and of this hop: the lines added to requests and responses (RFC 9110 §7.6.3, RFC 7239, W3C trace context),
// with their constant parts made once per snapshot.
import Glibc
import Runtime

/// The `Date` line of the current second (RFC 9110 §6.6.1).
struct DateLine {
  static let count = 37  // "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
  let text: Bytes = .allocate(capacity: 40)
  private var second: UInt64 = .max

  init() { memset(text, 0x20, 40) }

  mutating func update(_ seconds: UInt64) {
    if seconds == second { return }
    second = seconds
    var o = put(text, 0, "Date: ")
    CivilTime(WallTime(secondsSinceEpoch: seconds)).writeIMFFixdate(to: text + o)
    o += CivilTime.imfFixdateBytes
    _ = put(text, o, "\r\n")
  }
}

/// SAFETY: the buffers belong to the worker, which calls `deallocate`; names are cut to what fits them.
/// A snapshot's forwarding options, ready to be copied. One per worker.
struct ForwardingText {
  static let responseViaMax = 128
  /// `Via`, and behind it the beginning of the line that follows in every response: "X-Request-Id: ".
  let responseVia: Bytes = .allocate(capacity: ForwardingText.responseViaMax)
  private(set) var responseViaCount = 0
  private(set) var responseLeadCount = 0
  /// `Via`, and behind it the beginning of the line that follows in requests that say who the client is: "X-Forwarded-For: ".
  let requestVia: Bytes = .allocate(capacity: ForwardingText.responseViaMax)
  private(set) var requestViaCount = 0
  private(set) var requestLeadCount = 0
  private(set) var trusted: [AddressRange] = []
  private(set) var sendsForwarded = false
  private(set) var mode = ForwardingOptions.Mode.append
  private(set) var hops = 0
  var date = DateLine()

  func deallocate() {
    responseVia.deallocate()
    requestVia.deallocate()
    date.text.deallocate()
  }

  mutating func adopt(_ options: ForwardingOptions) {
    trusted = options.trusted
    sendsForwarded = options.sendsForwarded
    mode = options.mode
    hops = options.hops
    let name = Array(options.via.utf8.prefix(64))
    responseViaCount = write(name, to: responseVia)
    responseLeadCount = put(responseVia, responseViaCount, "X-Request-Id: ")
    requestViaCount = write(name, to: requestVia)
    requestLeadCount = mode == .off ? requestViaCount : put(requestVia, requestViaCount, "X-Forwarded-For: ")
  }

  private func write(_ name: [UInt8], to out: Bytes) -> Int {
    if name.isEmpty { return 0 }
    var o = put(out, 0, "Via: 1.1 ")
    for c in name {
      out[o] = c
      o += 1
    }
    return put(out, o, "\r\n")
  }

  func trusts(_ address: SocketAddress) -> Bool {
    for range in trusted where range.contains(address) { return true }
    return false
  }
}

extension Worker {
  /// The request head for an HTTP/1 upstream; its length.
  @inline(__always)
  func putRequestHead(_ x: ExchangeRef, _ p: Bytes, _ out: Bytes, chunked: Bool) -> Int {
    let head = request
    var o = put(out, 0, p + head.pointee.start, head.pointee.methodCount)
    o = put(out, o, " ")
    if head.pointee.targetForm == .origin {
      o = put(out, o, p + head.pointee.target, head.pointee.targetCount)
    } else {
      o = putOtherTarget(p, out, o)
    }
    o = put(out, o, " HTTP/1.1\r\n")
    var skipped = FieldID.hopByHop | FieldID.bit(FieldID.requestID)
    skipped |= FieldID.bit(FieldID.forwardedFor) | FieldID.bit(FieldID.peer)
    if head.pointee.has(FieldID.traceparent) && !keepsTrace(x, p) { skipped |= FieldID.bit(FieldID.traceparent) }
    let rewritesHost = x.pointee.pool!.pointee.options.rewritesHost || x.pointee.plan!.pointee.host != nil
    if rewritesHost || head.pointee.targetForm != .origin || !head.pointee.has(FieldID.host) {
      skipped |= FieldID.bit(FieldID.host)
      o = putHost(x, p, out, o, rewritten: rewritesHost)
    }
    let trusted = (x.pointee.downstream!.pointee.peerIsTrusted || forwarding.hops > 0) && forwarding.mode == .append
    if x.pointee.pool!.pointee.options.isOfPeers {
      // Between nodes the head goes as the client sent it: whoever speaks to the origin judges it.
      skipped = FieldID.hopByHop | FieldID.bit(FieldID.requestID) | skipped & FieldID.bit(FieldID.host)
    } else if !trusted {
      skipped |= FieldID.bit(FieldID.forwardedProto) | FieldID.bit(FieldID.forwardedHost) | FieldID.bit(FieldID.forwardedPort)
      skipped |= FieldID.bit(FieldID.forwarded)
    }
    if chunked { skipped |= FieldID.bit(FieldID.contentLength) }
    if x.pointee.minor == 0 { skipped |= FieldID.bit(FieldID.expect) }
    o = head.pointee.putFields(p, out, o, skipping: skipped)
    if chunked { o = put(out, o, "Transfer-Encoding: chunked\r\n") }
    if x.pointee.wantsUpgrade { o = putUpgrade(x, p, out, o) }
    return putHop(x, p, out, o, trusted: trusted)
  }

  /// The lines of this hop: `Via`, `X-Forwarded-*`, `Forwarded`, `traceparent`, `X-Request-Id`, and the blank line.
  @inline(__always)
  private func putHop(_ x: ExchangeRef, _ p: Bytes, _ out: Bytes, _ at: Int, trusted: Bool) -> Int {
    let head = request
    if x.pointee.pool!.pointee.options.isOfPeers {
      // A trace that began here has the request's id, which the other node takes over: it says so to the origin.
      return put(out, putRequestID(x, out, put(out, at, "X-Request-Id: ")), "\r\n")
    }
    let c = x.pointee.downstream!
    let secure = c.pointee.tls != nil || c.pointee.isSecure
    var o = putVia(x, out, at)
    if forwarding.mode != .off {
      o = trusted ? putTrustedFields(c, p, out, o, secure: secure) : putForwardedFields(c, p, out, o, secure: secure)
    }
    if forwarding.sendsForwarded { o = putForwarded(c, p, out, o, secure: secure) }
    o = putTrace(x, p, out, o)
    if trusted && head.pointee.has(FieldID.requestID) {
      o = putField(FieldID.requestID, "X-Request-Id: ", p, out, o)
    } else {
      o = putRequestID(x, out, put(out, o, "X-Request-Id: "))
    }
    return put(out, o, "\r\n")
  }

  /// `Via` names the version that the request came in (RFC 9110 §7.6.3). Behind it stands "X-Forwarded-For: " unless that is off.
  @inline(__always)
  private func putVia(_ x: ExchangeRef, _ out: Bytes, _ at: Int) -> Int {
    let o = put(out, at, forwarding.requestVia, forwarding.requestLeadCount)
    if forwarding.requestViaCount > 0 {
      let isHTTP2 = x.pointee.downstreamID > 0
      let old = isHTTP2 || x.pointee.minor == 0
      if isHTTP2 { out[at &+ 5] = 0x32 }
      if old { out[at &+ 7] = 0x30 }
    }
    return o
  }

  @inline(__always)
  private func putForwardedFields(_ c: ConnectionRef, _ p: Bytes, _ out: Bytes, _ at: Int, secure: Bool) -> Int {
    var o = putAddress(c, out, at)
    o =
      secure
      ? put(out, o, "\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: ")
      : put(out, o, "\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: ")
    o = putDecimal(out, o, Int(c.pointee.listenerPort))
    if request.pointee.authorityCount > 0 {
      o = put(out, o, "\r\nX-Forwarded-Host: ")
      o = put(out, o, p + request.pointee.authority, request.pointee.authorityCount)
    }
    return put(out, o, "\r\n")
  }

  /// As above for a client that is a proxy of ours: what it says of its own client stands.
  @inline(never)
  private func putTrustedFields(_ c: ConnectionRef, _ p: Bytes, _ out: Bytes, _ at: Int, secure: Bool) -> Int {
    let head = request
    var o = head.pointee.has(FieldID.forwardedFor) ? putEarlierHops(p, out, at) : at
    o = put(out, putAddress(c, out, o), "\r\n")
    if !head.pointee.has(FieldID.forwardedProto) {
      o = put(out, put(out, o, "X-Forwarded-Proto: "), secure ? "https\r\n" : "http\r\n")
    }
    if !head.pointee.has(FieldID.forwardedPort) {
      o = put(out, putDecimal(out, put(out, o, "X-Forwarded-Port: "), Int(c.pointee.listenerPort)), "\r\n")
    }
    if !head.pointee.has(FieldID.forwardedHost), head.pointee.authorityCount > 0 {
      o = put(out, o, "X-Forwarded-Host: ")
      o = put(out, o, p + head.pointee.authority, head.pointee.authorityCount)
      o = put(out, o, "\r\n")
    }
    return o
  }

  @inline(__always)
  private func putAddress(_ c: ConnectionRef, _ out: Bytes, _ at: Int) -> Int {
    withUnsafeBytes(of: &c.pointee.peerText.bytes) {
      put(out, at, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), Int(c.pointee.peerText.count))
    }
  }

  @inline(never)
  private func putEarlierHops(_ p: Bytes, _ out: Bytes, _ at: Int) -> Int {
    var o = at
    for k in 0..<request.pointee.count where request.pointee.fields[k].id == FieldID.forwardedFor {
      let field = request.pointee.fields[k]
      if field.valueCount == 0 { continue }
      o = put(out, o, p + Int(field.value), Int(field.valueCount))
      o = put(out, o, ", ")
    }
    return o
  }

  @inline(never)
  private func putField(_ id: UInt8, _ name: StaticString, _ p: Bytes, _ out: Bytes, _ at: Int) -> Int {
    let k = request.pointee.index(of: id)
    guard k >= 0 else { return at }
    var o = put(out, at, name)
    o = put(out, o, p + Int(request.pointee.fields[k].value), Int(request.pointee.fields[k].valueCount))
    return put(out, o, "\r\n")
  }

  /// A target that is not in origin-form: an absolute-form loses its authority, an OPTIONS without a path is `*` (RFC 9112 §3.2.4).
  @inline(never)
  private func putOtherTarget(_ p: Bytes, _ out: Bytes, _ at: Int) -> Int {
    let head = request.pointee
    if head.targetForm == .asterisk { return put(out, at, "*") }
    if head.pathCount == 0 && head.queryCount == 0 && head.method == .options { return put(out, at, "*") }
    var o = at
    if head.pathCount == 0 { o = put(out, o, "/") }
    return put(out, o, p + head.path, head.pathCount &+ head.queryCount)
  }

  @inline(never)
  private func putHost(_ x: ExchangeRef, _ p: Bytes, _ out: Bytes, _ at: Int, rewritten: Bool) -> Int {
    var o = put(out, at, "Host: ")
    if let host = x.pointee.plan!.pointee.host {
      o = put(out, o, host, x.pointee.plan!.pointee.hostCount)
    } else if rewritten || request.pointee.authorityCount == 0 {
      let endpoint = x.pointee.endpoint!
      var name = endpoint.pointee.host
      let port = endpoint.pointee.address.port
      o = name.withUTF8 { text in
        let bare =
          text.contains(0x3a)
          ? put(out, put(out, put(out, o, "["), text.baseAddress!, text.count), "]") : put(out, o, text.baseAddress!, text.count)
        if port == (x.pointee.pool!.pointee.options.tls == nil ? 80 : 443) { return bare }
        return putDecimal(out, put(out, bare, ":"), Int(port))
      }
    } else {
      o = put(out, o, p + request.pointee.authority, request.pointee.authorityCount)
    }
    return put(out, o, "\r\n")
  }

  @inline(never)
  private func putUpgrade(_ x: ExchangeRef, _ p: Bytes, _ out: Bytes, _ at: Int) -> Int {
    putField(FieldID.upgrade, "Upgrade: ", p, out, put(out, at, "Connection: upgrade\r\n"))
  }

  /// RFC 7239: addresses of IPv6 in brackets and quotes.
  @inline(never)
  private func putForwarded(_ c: ConnectionRef, _ p: Bytes, _ out: Bytes, _ at: Int, secure: Bool) -> Int {
    let quoted = !c.pointee.peer.isIPv4
    var o = put(out, at, quoted ? "Forwarded: for=\"[" : "Forwarded: for=")
    o = putAddress(c, out, o)
    if quoted { o = put(out, o, "]\"") }
    o = put(out, o, secure ? ";proto=https" : ";proto=http")
    if request.pointee.authorityCount > 0 {
      o = put(out, o, ";host=\"")
      o = put(out, o, p + request.pointee.authority, request.pointee.authorityCount)
      o = put(out, o, "\"")
    }
    return put(out, o, "\r\n")
  }

  /// A valid `traceparent` passes through with the other fields; without one a trace begins here, its id the request's.
  @inline(__always)
  private func putTrace(_ x: ExchangeRef, _ p: Bytes, _ out: Bytes, _ at: Int) -> Int {
    // A trace that began here is said at each attempt.
    if x.pointee.trace != x.pointee.requestID { return at }
    var o = put(out, at, "traceparent: 00-")
    o = putHex(out, o, x.pointee.requestID.0)
    o = putHex(out, o, x.pointee.requestID.1)
    o = put(out, o, "-")
    o = putHex(out, o, x.pointee.requestID.0 ^ x.pointee.requestID.1 | 1)
    return put(out, o, "-01\r\n")
  }

  /// Whether the client's `traceparent` is one (W3C trace context §3.2); its trace id is then the exchange's.
  @inline(never)
  func keepsTrace(_ x: ExchangeRef, _ p: Bytes) -> Bool {
    let k = request.pointee.index(of: FieldID.traceparent)
    guard k >= 0 else { return false }
    let field = request.pointee.fields[k]
    let v = p + Int(field.value)
    let n = Int(field.valueCount)
    guard n >= 55, v[2] == 0x2d, v[35] == 0x2d, v[52] == 0x2d, !(v[0] == 0x66 && v[1] == 0x66), let a = hexValue(v + 3),
      let b = hexValue(v + 19), let parent = hexValue(v + 36), hexValue(v, 2) != nil, hexValue(v + 53, 2) != nil, a | b != 0, parent != 0,
      n == 55 || !(v[0] == 0x30 && v[1] == 0x30) && v[55] == 0x2d
    else { return false }
    x.pointee.trace = (a, b)
    return true
  }

  /// The request's id as the node has it at which its client came in; nil where there is none that could be one.
  @inline(never)
  func askedID(_ p: Bytes) -> (UInt64, UInt64)? {
    let k = request.pointee.index(of: FieldID.requestID)
    guard k >= 0, request.pointee.fields[k].valueCount == 32 else { return nil }
    let v = p + Int(request.pointee.fields[k].value)
    guard let a = hexValue(v), let b = hexValue(v + 16) else { return nil }
    return (a, b)
  }

  /// Walks `X-Forwarded-For` from its right end: the first address that is neither trusted nor within the configured number of hops.
  func resolveClient(_ c: ConnectionRef, _ p: Bytes) -> SocketAddress? {
    var client: SocketAddress?
    var hops = forwarding.hops
    if !c.pointee.peerIsTrusted { hops -= 1 }
    var k = request.pointee.count
    while k > 0 {
      k -= 1
      let field = request.pointee.fields[k]
      if field.id != FieldID.forwardedFor { continue }
      var e = Int(field.value) + Int(field.valueCount)
      while e > Int(field.value) {
        var s = e
        while s > Int(field.value) && p[s - 1] != 0x2c { s -= 1 }
        guard let address = forwardedAddress(p + s, e - s) else { return client }
        client = address
        if forwarding.trusts(address) {} else if hops > 0 { hops -= 1 } else { return client }
        e = s - 1
      }
    }
    return client
  }

  private func forwardedAddress(_ p: Bytes, _ n: Int) -> SocketAddress? {
    var (s, e) = (0, n)
    while s < e && (p[s] == 0x20 || p[s] == 9) { s += 1 }
    while e > s && (p[e - 1] == 0x20 || p[e - 1] == 9) { e -= 1 }
    if e - s > 64 { return nil }
    let text = ByteView(p + s, e - s).text
    return SocketAddress(host: text, port: 0) ?? SocketAddress(text)
  }

  private func hexValue(_ p: Bytes, _ n: Int = 16) -> UInt64? {
    var value: UInt64 = 0
    for i in 0..<n {
      let c = p[i]
      if c &- 48 < 10 {
        value = value << 4 | UInt64(c &- 48)
      } else if c &- 97 < 6 {
        value = value << 4 | UInt64(c &- 87)
      } else {
        return nil
      }
    }
    return value
  }

  // MARK: hash keys

  /// The key of a hash-balanced pool for this request.
  func hashKey(_ x: ExchangeRef, _ p: Bytes, _ pool: UpstreamPoolRef) -> UInt64 {
    switch pool.pointee.options.hash {
    case .client:
      if let client = x.pointee.client { return StableHash.avalanche(client.high ^ StableHash.avalanche(client.low)) }
      let c = x.pointee.downstream!
      return withUnsafeBytes(of: &c.pointee.peerText.bytes) { StableHash.hash($0.baseAddress!, count: Int(c.pointee.peerText.count)) }
    case .path:
      return StableHash.hash(p + request.pointee.path, count: request.pointee.pathCount)
    case .header(let name):
      return name.withUnsafeBufferPointer { name in
        let k = request.pointee.index(named: name.baseAddress!, name.count, in: p)
        if k < 0 { return random.next() }
        return StableHash.hash(p + Int(request.pointee.fields[k].value), count: Int(request.pointee.fields[k].valueCount))
      }
    case .cookie(let name):
      return cookieKey(p, name) ?? random.next()
    }
  }

  private func cookieKey(_ p: Bytes, _ name: [UInt8]) -> UInt64? {
    for k in 0..<request.pointee.count where request.pointee.fields[k].id == FieldID.cookie {
      var i = Int(request.pointee.fields[k].value)
      let e = i + Int(request.pointee.fields[k].valueCount)
      while i < e {
        while i < e && (p[i] == 0x20 || p[i] == 0x3b) { i += 1 }
        var t = i
        while t < e && p[t] != 0x3b { t += 1 }
        if t - i > name.count && p[i + name.count] == 0x3d && memcmp(p + i, name, name.count) == 0 {
          return StableHash.hash(p + i + name.count + 1, count: t - i - name.count - 1)
        }
        i = t
      }
    }
    return nil
  }
}
