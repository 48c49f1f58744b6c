// What characters may stand where, as tables of 256 flags (RFC 9110 §5.6.2, RFC 3986).
import CVector

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
/// `n`. Sixteen bytes a step; the last ones are looked at together with those before them.
@inline(__always)
func scanValue(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> Int {
  var i = start
  while i < n {
    let marks = i &+ 16 <= n ? tg_controls16(p + i) : lastControls(p, i, n)
    if marks == 0 {
      i &+= 16
      continue
    }
    i &+= marks.trailingZeroBitCount
    if p[i] != 9 { return i }
    i &+= 1
  }
  return n
}

/// Which of the bytes from `start` to `n`, fewer than 16, are control characters.
@inline(__always)
private func lastControls(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int) -> UInt32 {
  if n >= 16 { return tg_controls16(p + (n &- 16)) >> UInt32(truncatingIfNeeded: start &+ 16 &- n) }
  var marks: UInt32 = 0
  for i in start..<n where p[i] < 0x20 || p[i] == 0x7f { marks |= 1 << UInt32(truncatingIfNeeded: i &- start) }
  return marks
}

/// First offset at or after `start` whose byte may not stand in a token (RFC 9110 §5.6.2), or `n`. Sixteen letters and hyphens a step,
/// as field names have them; any other byte is looked up.
@inline(__always)
func scanToken(_ p: UnsafePointer<UInt8>, _ start: Int, _ n: Int, _ table: UnsafePointer<UInt8>) -> Int {
  var i = start
  while i &+ 16 <= n {
    let others = tg_others16(p + i)
    i &+= (others | 0x1_0000).trailingZeroBitCount
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

/// Told apart by their first eight letters and their last eight, each as one number; a token's other characters do not become letters by
/// the bit of lower case.
@inline(__always)
private func longFieldID(_ p: UnsafePointer<UInt8>, _ n: Int) -> UInt8 {
  let last = eight(p + (n &- 8))
  switch eight(p) {
  case eight("content-"): return n == 14 && last == eight("t-length") ? FieldID.contentLength : 0
  case eight("connecti"): return n == 10 && last == eight("nnection") ? FieldID.connection : 0
  case eight("keep-ali"): return n == 10 && last == eight("ep-alive") ? FieldID.keepAlive : 0
  case eight("tracepar"): return n == 11 && last == eight("ceparent") ? FieldID.traceparent : 0
  case eight("x-reques"): return n == 12 && last == eight("quest-id") ? FieldID.requestID : 0
  case eight("http2-se"): return n == 14 && last == eight("settings") ? FieldID.http2Settings : 0
  case eight("proxy-co"): return n == 16 && last == eight("nnection") ? FieldID.proxyConnection : 0
  case eight("cache-co"): return n == 13 && last == eight("-control") ? FieldID.caching : 0
  case eight("authoriz"): return n == 13 && last == eight("rization") ? FieldID.caching : 0
  case eight("if-none-"): return n == 13 && last == eight("ne-match") ? FieldID.caching : 0
  case eight("if-modif"): return equalsIgnoringCase(p + 8, n &- 8, "ied-since") ? FieldID.caching : 0
  case eight("if-unmod"): return equalsIgnoringCase(p + 8, n &- 8, "ified-since") ? FieldID.caching : 0
  case eight("tidegate"):
    switch n {
    case 12: return last == eight("gate-key") ? FieldID.peer : 0
    case 13: return last == eight("ate-peer") ? FieldID.peer : 0
    case 15: return last == eight("e-client") ? FieldID.peer : 0
    default: return 0
    }
  case eight("transfer"): return equalsIgnoringCase(p + 8, n &- 8, "-encoding") ? FieldID.transferEncoding : 0
  case eight("x-forwar"):
    switch n {
    case 15: return last == eight("rded-for") ? FieldID.forwardedFor : 0
    case 16: return last == eight("ded-host") ? FieldID.forwardedHost : last == eight("ded-port") ? FieldID.forwardedPort : 0
    case 17: return equalsIgnoringCase(p + 8, 9, "ded-proto") ? FieldID.forwardedProto : 0
    default: return 0
    }
  default: return 0
  }
}

/// Eight letters as one number, in lower case.
@inline(__always)
private func eight(_ p: UnsafePointer<UInt8>) -> UInt64 { UnsafeRawPointer(p).loadUnaligned(as: UInt64.self) | 0x2020_2020_2020_2020 }

@inline(__always)
private func eight(_ text: StaticString) -> UInt64 { eight(text.utf8Start) }
