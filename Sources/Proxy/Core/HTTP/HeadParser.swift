// The HTTP/1 head parser: strict where leniency lets a request be read in two ways (RFC 9112 §11.2), one pass, no allocation.
import Glibc
import Runtime

/// Why a head is refused; the raw value is what the parse functions return, always negative.
public enum HeadFault: Int {
  /// Malformed (400).
  case malformed = -1
  /// The request target is longer than allowed (414).
  case targetTooLong = -2
  /// The field section is too large, or has too many fields (431).
  case fieldsTooLarge = -3
  /// A major version other than 1 (505).
  case version = -4
  /// A transfer coding that nobody here knows (501, RFC 9112 §6.1).
  case coding = -5
  /// An expectation other than 100-continue (417, RFC 9110 §10.1.1).
  case expectation = -6
}

/// Bounds that the parser itself holds.
public struct HeadLimits: Sendable {
  public var targetBytesMax: Int
  public var headBytesMax: Int
  public var fieldsMax: Int

  public init(targetBytesMax: Int = 8192, headBytesMax: Int = 65536, fieldsMax: Int = 128) {
    self.targetBytesMax = targetBytesMax
    self.headBytesMax = headBytesMax
    self.fieldsMax = min(fieldsMax, MessageHead.capacity)
  }
}

extension MessageHead {
  /// Parses a request head from `p[0..<n]` (RFC 9112 §3, §5).
  ///
  /// - Returns: its length; 0 when more bytes are needed; a `HeadFault` raw value when it is refused.
  @inline(__always)
  mutating func parseRequest(_ p: Bytes, _ n: Int, _ limits: HeadLimits) -> Int {
    // A server should pass over an empty line before the request line (RFC 9112 §2.2).
    start = 0
    if n > 0 && p[0] == 13 {
      if n < 2 { return 0 }
      start = 2
      if p[1] != 10 { return HeadFault.malformed.rawValue }
    }
    let table = table
    var i = start
    while i < n && table[Int(p[i])] & CharacterClass.token != 0 { i &+= 1 }
    methodCount = i &- start
    if methodCount > 32 { return HeadFault.malformed.rawValue }
    if i == n { return 0 }
    if methodCount == 0 || p[i] != 0x20 { return HeadFault.malformed.rawValue }
    target = i &+ 1
    i = scanTarget(p, target, n, table)
    targetCount = i &- target
    if targetCount > limits.targetBytesMax { return HeadFault.targetTooLong.rawValue }
    if i &+ 11 > n { return prefixOfVersion(p + i, n &- i) }
    if targetCount == 0 || p[i] != 0x20 { return HeadFault.malformed.rawValue }
    // " HTTP/1.x\r\n", the eight bytes compared as one little-endian number
    let version = UnsafeRawPointer(p).loadUnaligned(fromByteOffset: i &+ 1, as: UInt64.self)
    if version & 0x00ff_ffff_ffff_ffff != 0x002e_312f_5054_5448 { return versionFault(p + (i &+ 1)) }
    minor = p[i &+ 8] &- 48
    if minor > 9 || p[i &+ 9] != 13 || p[i &+ 10] != 10 { return HeadFault.malformed.rawValue }
    if minor > 1 { minor = 1 }
    lineEnd = i &+ 11
    method = MessageHead.method(p + start, methodCount)
    let length = parseFields(p, n, limits, isRequest: true)
    return length > 0 ? settleTarget(p, length) : length
  }

  /// Parses a response head from `p[0..<n]` (RFC 9112 §4, §5). Returns as `parseRequest`.
  @inline(__always)
  mutating func parseResponse(_ p: Bytes, _ n: Int, _ limits: HeadLimits) -> Int {
    start = 0
    if n < 14 { return 0 }
    let version = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self)
    if version & 0x00ff_ffff_ffff_ffff != 0x002e_312f_5054_5448 || p[8] != 0x20 { return HeadFault.malformed.rawValue }
    minor = p[7] &- 48
    let a = Int(p[9]) &- 48
    let b = Int(p[10]) &- 48
    let c = Int(p[11]) &- 48
    if minor > 9 || a < 1 || a > 9 || b < 0 || b > 9 || c < 0 || c > 9 { return HeadFault.malformed.rawValue }
    status = a &* 100 &+ b &* 10 &+ c
    if p[12] != 0x20 && p[12] != 13 { return HeadFault.malformed.rawValue }
    let e = scanValue(p, 12, n)
    if e &+ 1 >= n { return 0 }
    if p[e] != 13 || p[e &+ 1] != 10 { return HeadFault.malformed.rawValue }
    lineEnd = e &+ 2
    return parseFields(p, n, limits, isRequest: false)
  }

  /// Parses the field lines from `lineEnd` to the blank line (RFC 9112 §5).
  @inline(__always)
  private mutating func parseFields(_ p: Bytes, _ n: Int, _ limits: HeadLimits, isRequest: Bool) -> Int {
    var i = lineEnd
    var k = 0
    contentLength = -1
    isChunked = false
    saysClose = false
    saysKeepAlive = false
    saysUpgrade = false
    expectsContinue = false
    seen = 0
    let table = table
    let (fieldsMax, bytesMax) = (limits.fieldsMax, limits.headBytesMax)
    let raw = UnsafeRawPointer(p)
    while true {
      if i &+ 1 >= n {
        return i < n && p[i] != 13 && table[Int(p[i])] & CharacterClass.token == 0 ? HeadFault.malformed.rawValue : 0
      }
      if p[i] == 13 {
        if p[i &+ 1] != 10 { return HeadFault.malformed.rawValue }
        i &+= 2
        break
      }
      let s = i
      i = scanToken(p, s, n, table)
      // White space before the colon and lines that begin with white space (obs-fold) are refused (RFC 9112 §5.1, §5.2).
      if i == s { return HeadFault.malformed.rawValue }
      let nameCount = i &- s
      if nameCount > 0xffff || i &- lineEnd > bytesMax { return HeadFault.fieldsTooLarge.rawValue }
      if i == n { return 0 }
      if p[i] != 0x3a { return HeadFault.malformed.rawValue }
      i &+= 1
      while i < n && (p[i] == 0x20 || p[i] == 9) { i &+= 1 }
      let v = i
      i = scanValue(p, i, n)
      if i &- lineEnd > bytesMax { return HeadFault.fieldsTooLarge.rawValue }
      if i &+ 1 >= n { return i < n && p[i] != 13 ? HeadFault.malformed.rawValue : 0 }
      if raw.loadUnaligned(fromByteOffset: i, as: UInt16.self) != 0x0a0d { return HeadFault.malformed.rawValue }
      var e = i
      while e > v && (p[e &- 1] == 0x20 || p[e &- 1] == 9) { e &-= 1 }
      i &+= 2
      if k == fieldsMax { return HeadFault.fieldsTooLarge.rawValue }
      let id = fieldID(p + s, nameCount)
      fields[k] = Field(
        name: UInt32(truncatingIfNeeded: s), value: UInt32(truncatingIfNeeded: v), valueCount: UInt32(truncatingIfNeeded: e &- v),
        nameCount: UInt16(truncatingIfNeeded: nameCount), id: id)
      if id != 0 {
        let fault = note(p, id, v, e &- v, isRequest)
        if fault != 0 { return fault }
      }
      k &+= 1
    }
    count = k
    end = i
    if isChunked && contentLength >= 0 { return HeadFault.malformed.rawValue }
    if seen & FieldID.bit(FieldID.connection) != 0 && !markNamed(p) { return HeadFault.fieldsTooLarge.rawValue }
    return i
  }

  /// What is left after the target is shorter than " HTTP/1.1\r\n": a prefix of it means wait.
  @inline(never)
  private func prefixOfVersion(_ p: Bytes, _ n: Int) -> Int {
    let expected: StaticString = " HTTP/"
    if n > 0 && targetCount == 0 { return HeadFault.malformed.rawValue }
    for i in 0..<min(n, 6) where p[i] != expected.utf8Start[i] { return HeadFault.malformed.rawValue }
    if n > 6 && !(p[6] >= 0x30 && p[6] <= 0x39) { return HeadFault.malformed.rawValue }
    if n > 7 && p[7] != 0x2e { return HeadFault.malformed.rawValue }
    if n > 8 && !(p[8] >= 0x30 && p[8] <= 0x39) { return HeadFault.malformed.rawValue }
    if n > 9 && p[9] != 13 { return HeadFault.malformed.rawValue }
    return n > 9 && p[6] != 0x31 ? HeadFault.version.rawValue : 0
  }

  @inline(never)
  private func versionFault(_ p: Bytes) -> Int {
    let name: StaticString = "HTTP/"
    for i in 0..<5 where p[i] != name.utf8Start[i] { return HeadFault.malformed.rawValue }
    let digits = p[5] >= 0x30 && p[5] <= 0x39 && p[6] == 0x2e && p[7] >= 0x30 && p[7] <= 0x39 && p[8] == 13
    return digits ? HeadFault.version.rawValue : HeadFault.malformed.rawValue
  }

  static func method(_ p: UnsafePointer<UInt8>, _ n: Int) -> Method {
    func matches(_ s: StaticString) -> Bool { memcmp(p, s.utf8Start, n) == 0 }
    switch n {
    case 3: return matches("GET") ? .get : matches("PUT") ? .put : .other
    case 4: return matches("POST") ? .post : matches("HEAD") ? .head : .other
    case 5: return matches("PATCH") ? .patch : matches("TRACE") ? .trace : .other
    case 6: return matches("DELETE") ? .delete : .other
    case 7: return matches("OPTIONS") ? .options : matches("CONNECT") ? .connect : .other
    default: return .other
    }
  }
}

extension MessageHead {
  /// Parses a trailer section, field lines and a blank line (RFC 9112 §7.1.2). Returns as `parseRequest`.
  mutating func parseTrailers(_ p: Bytes, _ n: Int, _ limits: HeadLimits) -> Int {
    start = 0
    lineEnd = 0
    minor = 1
    return parseFields(p, n, limits, isRequest: false)
  }
}
