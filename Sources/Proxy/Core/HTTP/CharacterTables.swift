// What characters may stand where, as tables of 256 flags (RFC 9110 §5.6.2, RFC 3986).

/// Bits of one byte of `characters`.
enum CharacterClass {
  static let token: UInt8 = 1
  /// Allowed in a request target. RFC 3986's set and also `"<>\^`{|}` and backslash, which clients really send; never controls, space,
  /// `#`, DEL or bytes beyond ASCII, which peers read differently.
  static let target: UInt8 = 2
  /// Allowed in an authority: reg-name, IP literal, port (RFC 3986 §3.2.2). No user information: it has no place in Host.
  static let authority: UInt8 = 4
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

/// Known field names by length, then by letters.
@inline(__always)
func fieldID(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt8 {
  switch n {
  case 2: equalsIgnoringCase(p, 2, "te") ? FieldID.te : 0
  case 3: equalsIgnoringCase(p, 3, "via") ? FieldID.via : 0
  case 4: equalsIgnoringCase(p, 4, "host") ? FieldID.host : 0
  case 6: equalsIgnoringCase(p, 6, "expect") ? FieldID.expect : equalsIgnoringCase(p, 6, "cookie") ? FieldID.cookie : 0
  case 7: equalsIgnoringCase(p, 7, "upgrade") ? FieldID.upgrade : equalsIgnoringCase(p, 7, "trailer") ? FieldID.trailer : 0
  case 9: equalsIgnoringCase(p, 9, "forwarded") ? FieldID.forwarded : 0
  case 10:
    equalsIgnoringCase(p, 10, "connection") ? FieldID.connection : equalsIgnoringCase(p, 10, "keep-alive") ? FieldID.keepAlive : 0
  case 11: equalsIgnoringCase(p, 11, "traceparent") ? FieldID.traceparent : 0
  case 12: equalsIgnoringCase(p, 12, "x-request-id") ? FieldID.requestID : 0
  case 14:
    equalsIgnoringCase(p, 14, "content-length")
      ? FieldID.contentLength : equalsIgnoringCase(p, 14, "http2-settings") ? FieldID.http2Settings : 0
  case 15: equalsIgnoringCase(p, 15, "x-forwarded-for") ? FieldID.forwardedFor : 0
  case 16:
    equalsIgnoringCase(p, 16, "proxy-connection")
      ? FieldID.proxyConnection
      : equalsIgnoringCase(p, 16, "x-forwarded-host")
        ? FieldID.forwardedHost : equalsIgnoringCase(p, 16, "x-forwarded-port") ? FieldID.forwardedPort : 0
  case 17:
    equalsIgnoringCase(p, 17, "transfer-encoding")
      ? FieldID.transferEncoding : equalsIgnoringCase(p, 17, "x-forwarded-proto") ? FieldID.forwardedProto : 0
  default: 0
  }
}
