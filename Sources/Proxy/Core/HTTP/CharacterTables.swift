// What characters may stand where, as tables of 256 flags (RFC 9110 §5.6.2, RFC 3986).

/// Bits of one byte of `characters`.
enum CharacterClass {
  static let token: UInt8 = 1
  /// Allowed in a request target. RFC 3986's set and also `"<>\^`{|}` and backslash, which clients really send; never controls, space,
  /// `#`, DEL or bytes beyond ASCII, which peers read differently.
  static let target: UInt8 = 2
  /// Allowed in an authority: reg-name, IP literal, port (RFC 3986 §3.2.2). No user information: it has no place in Host.
  static let authority: UInt8 = 4
  /// Allowed in a name or an IPv4 address with nothing around it.
  static let name: UInt8 = 8
}

// SAFETY: written once by the initialiser, only read afterwards.
nonisolated(unsafe) let characters: UnsafePointer<UInt8> = {
  let t = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
  t.initialize(repeating: 0, count: 256)
  func allow(_ text: String, _ bits: UInt8) { for c in text.utf8 { t[Int(c)] |= bits } }
  let alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
  allow(alphanumeric, CharacterClass.token | CharacterClass.authority)
  allow("!#$%&'*+-.^_`|~", CharacterClass.token)
  allow("-._~%!$&'()*+,;=:[]", CharacterClass.authority)
  allow(alphanumeric + "-._~%!$&'()*+;=", CharacterClass.name)
  for c in 0x21...0x7e where c != 0x23 { t[c] |= CharacterClass.target }
  return UnsafePointer(t)
}()

/// First offset at or after `start` whose byte may not stand in a field value (a control character other than HTAB, or DEL), or
/// `n`. Eight bytes a step.
@inline(__always)
func scanValue(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> Int {
  var i = start
  let raw = UnsafeRawPointer(p)
  while i &+ 8 <= n {
    let x = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
    let below = (x &- 0x2020_2020_2020_2020) & ~x
    let d = x ^ 0x7f7f_7f7f_7f7f_7f7f
    let delete = (d &- 0x0101_0101_0101_0101) & ~d
    let marks = (below | delete) & 0x8080_8080_8080_8080
    if marks != 0 {
      // The lowest mark is exact; those above it may be carried into by the subtraction, so only the lowest counts.
      let j = i &+ (marks.trailingZeroBitCount >> 3)
      if p[j] != 9 { return j }
      i = j &+ 1
      continue
    }
    i &+= 8
  }
  while i < n {
    let c = p[i]
    if (c < 0x20 && c != 9) || c == 0x7f { return i }
    i &+= 1
  }
  return n
}

/// First offset at or after `start` whose byte may not stand in a token (RFC 9110 §5.6.2), or `n`. Eight letters and hyphens a step, as
/// field names have them; any other byte is looked up.
@inline(__always)
func scanToken(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, _ table: UnsafePointer<UInt8>) -> Int {
  var i = start
  let raw = UnsafeRawPointer(p)
  while i &+ 8 <= n {
    let x = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
    // Sums of seven bits and seven bits never carry into the next byte; what lies beyond ASCII is masked out at the end.
    let low = (x | 0x2020_2020_2020_2020) & 0x7f7f_7f7f_7f7f_7f7f
    let letters = (low &+ 0x1f1f_1f1f_1f1f_1f1f) & ~(low &+ 0x0505_0505_0505_0505)
    let hyphens = ~((x ^ 0x2d2d_2d2d_2d2d_2d2d) & 0x7f7f_7f7f_7f7f_7f7f &+ 0x7f7f_7f7f_7f7f_7f7f)
    let others = ~((letters | hyphens) & ~x) & 0x8080_8080_8080_8080
    i &+= others.trailingZeroBitCount >> 3  // 64 zeros are eight bytes
    if others == 0 { continue }
    if table[Int(p[i])] & CharacterClass.token == 0 { return i }
    i &+= 1
  }
  while i < n && table[Int(p[i])] & CharacterClass.token != 0 { i &+= 1 }
  return i
}

/// First offset at or after `start` whose byte may not stand in a request target, or `n`. Eight bytes a step.
@inline(__always)
func scanTarget(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, _ table: UnsafePointer<UInt8>) -> Int {
  var i = start
  let raw = UnsafeRawPointer(p)
  while i &+ 8 <= n {
    let x = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
    let seven = x & 0x7f7f_7f7f_7f7f_7f7f
    let above = seven &+ 0x5f5f_5f5f_5f5f_5f5f  // from 0x21 on
    let delete = seven &+ 0x0101_0101_0101_0101
    let hash = (seven ^ 0x2323_2323_2323_2323) &+ 0x7f7f_7f7f_7f7f_7f7f  // high bit clear: "#"
    let others = ~(above & ~delete & hash & ~x) & 0x8080_8080_8080_8080
    if others != 0 { return i &+ others.trailingZeroBitCount >> 3 }
    i &+= 8
  }
  while i < n && table[Int(p[i])] & CharacterClass.target != 0 { i &+= 1 }
  return i
}

/// Known field names by length, then by letters.
@inline(__always)
func fieldID(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt8 {
  switch n {
  case 4: return (UnsafeRawPointer(p).loadUnaligned(as: UInt32.self) | 0x2020_2020) == 0x7473_6f68 ? FieldID.host : 0  // "host"
  case 2, 3, 5, 6, 7, 8, 9: return shortFieldID(p, n)
  case 10...19: return longFieldID(p, n)
  default: return 0
  }
}

@inline(never)
private func shortFieldID(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt8 {
  switch n {
  case 2: equalsIgnoringCase(p, 2, "te") ? FieldID.te : 0
  case 3: equalsIgnoringCase(p, 3, "via") ? FieldID.via : 0
  case 5: equalsIgnoringCase(p, 5, "range") ? FieldID.caching : 0
  case 6:
    equalsIgnoringCase(p, 6, "expect")
      ? FieldID.expect
      : equalsIgnoringCase(p, 6, "cookie") ? FieldID.cookie : equalsIgnoringCase(p, 6, "pragma") ? FieldID.caching : 0
  case 7: equalsIgnoringCase(p, 7, "upgrade") ? FieldID.upgrade : equalsIgnoringCase(p, 7, "trailer") ? FieldID.trailer : 0
  case 8: equalsIgnoringCase(p, 8, "if-match") || equalsIgnoringCase(p, 8, "if-range") ? FieldID.caching : 0
  case 9: equalsIgnoringCase(p, 9, "forwarded") ? FieldID.forwarded : 0
  default: 0
  }
}

/// Told apart by their first eight letters as one number; a token's other characters do not become letters by the bit of lower case.
@inline(__always)
private func longFieldID(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt8 {
  let rest = p + 8
  switch UnsafeRawPointer(p).loadUnaligned(as: UInt64.self) | 0x2020_2020_2020_2020 {
  case 0x2d74_6e65_746e_6f63: return equalsIgnoringCase(rest, n &- 8, "length") ? FieldID.contentLength : 0  // "content-"
  case 0x6974_6365_6e6e_6f63: return equalsIgnoringCase(rest, n &- 8, "on") ? FieldID.connection : 0  // "connecti"
  case 0x696c_612d_7065_656b: return equalsIgnoringCase(rest, n &- 8, "ve") ? FieldID.keepAlive : 0  // "keep-ali"
  case 0x7261_7065_6361_7274: return equalsIgnoringCase(rest, n &- 8, "ent") ? FieldID.traceparent : 0  // "tracepar"
  case 0x7365_7571_6572_2d78: return equalsIgnoringCase(rest, n &- 8, "t-id") ? FieldID.requestID : 0  // "x-reques"
  case 0x6573_2d32_7074_7468: return equalsIgnoringCase(rest, n &- 8, "ttings") ? FieldID.http2Settings : 0  // "http2-se"
  case 0x6f63_2d79_786f_7270: return equalsIgnoringCase(rest, n &- 8, "nnection") ? FieldID.proxyConnection : 0  // "proxy-co"
  case 0x6f63_2d65_6863_6163: return equalsIgnoringCase(rest, n &- 8, "ntrol") ? FieldID.caching : 0  // "cache-co"
  case 0x7a69_726f_6874_7561: return equalsIgnoringCase(rest, n &- 8, "ation") ? FieldID.caching : 0  // "authoriz"
  case 0x2d65_6e6f_6e2d_6669: return equalsIgnoringCase(rest, n &- 8, "match") ? FieldID.caching : 0  // "if-none-"
  case 0x6669_646f_6d2d_6669: return equalsIgnoringCase(rest, n &- 8, "ied-since") ? FieldID.caching : 0  // "if-modif"
  case 0x646f_6d6e_752d_6669: return equalsIgnoringCase(rest, n &- 8, "ified-since") ? FieldID.caching : 0  // "if-unmod"
  case 0x7265_6673_6e61_7274: return equalsIgnoringCase(rest, n &- 8, "-encoding") ? FieldID.transferEncoding : 0  // "transfer"
  case 0x7261_7772_6f66_2d78:  // "x-forwar"
    switch n {
    case 15: return equalsIgnoringCase(rest, 7, "ded-for") ? FieldID.forwardedFor : 0
    case 16:
      return equalsIgnoringCase(rest, 8, "ded-host")
        ? FieldID.forwardedHost : equalsIgnoringCase(rest, 8, "ded-port") ? FieldID.forwardedPort : 0
    case 17: return equalsIgnoringCase(rest, 9, "ded-proto") ? FieldID.forwardedProto : 0
    default: return 0
    }
  default: return 0
  }
}
