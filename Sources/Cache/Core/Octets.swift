// Owns: the smallest readings of header bytes: character classes, trimming, numbers, comparison without case. What a value means is
// left to the files that name its field.

/// Functions over bytes of header text. All are total: any bytes may come in.
enum Octets {
  /// A character of a token (RFC 9110 §5.6.2).
  @inline(__always)
  static func isToken(_ c: UInt8) -> Bool {
    switch c {
    case 0x30...0x39, 0x41...0x5A, 0x5E...0x7A: true  // digits, letters, "^", "_", "`"
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x7C, 0x7E: true  // ! # $ % & ' * + - . | ~
    default: false
    }
  }

  @inline(__always) static func isDigit(_ c: UInt8) -> Bool { c &- 0x30 < 10 }
  @inline(__always) static func isAlpha(_ c: UInt8) -> Bool { (c | 0x20) &- 0x61 < 26 }
  @inline(__always) static func lower(_ c: UInt8) -> UInt8 { c &- 0x41 < 26 ? c | 0x20 : c }
  /// OWS (RFC 9110 §5.6.3).
  @inline(__always) static func isBlank(_ c: UInt8) -> Bool { c == 0x20 || c == 9 }

  static func isToken(_ text: ArraySlice<UInt8>) -> Bool { !text.isEmpty && text.allSatisfy { isToken($0) } }

  static func lowered(_ text: ArraySlice<UInt8>) -> [UInt8] { text.map { lower($0) } }

  /// Without the white space around it.
  static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var (start, end) = (text.startIndex, text.endIndex)
    while start < end && isBlank(text[start]) { start += 1 }
    while end > start && isBlank(text[end - 1]) { end -= 1 }
    return text[start..<end]
  }

  /// Whether a text equals a literal, letters of either case alike.
  /// - Parameter literal: ASCII, in lower case.
  // SAFETY: a StaticString of more than one character is a pointer to constant UTF-8, read within its count. Field names and
  // directives all have more than one.
  static func equals(_ text: ArraySlice<UInt8>, _ literal: StaticString) -> Bool {
    guard text.count == literal.utf8CodeUnitCount else { return false }
    let wanted = UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    var i = text.startIndex
    for c in wanted {
      if lower(text[i]) != c { return false }
      i += 1
    }
    return true
  }

  static func equalsIgnoringCase(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { lower($0) == lower($1) }
  }

  /// Digits only, as a number; what does not fit becomes `limit`. Nil for anything else, an empty text too.
  static func decimal(_ text: ArraySlice<UInt8>, limit: Int64) -> Int64? {
    guard !text.isEmpty else { return nil }
    var value: Int64 = 0
    for c in text {
      guard isDigit(c) else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int64(c &- 0x30))
      value = overflow || carry ? limit : min(sum, limit)
    }
    return value
  }

  /// delta-seconds: what is too great counts as 2^31 (RFC 9111 §1.2.2).
  static func deltaSeconds(_ text: ArraySlice<UInt8>) -> Int64? { decimal(text, limit: Seconds.max) }
}

/// Arithmetic on times that cannot trap, whatever was read from a peer or a disk.
enum Seconds {
  /// The greatest span that is told apart from longer ones (RFC 9111 §1.2.2).
  static let max: Int64 = 2_147_483_648

  static func sum(_ a: Int64, _ b: Int64) -> Int64 {
    let (value, overflow) = a.addingReportingOverflow(b)
    return overflow ? (b > 0 ? .max : .min) : value
  }

  static func difference(_ a: Int64, _ b: Int64) -> Int64 {
    let (value, overflow) = a.subtractingReportingOverflow(b)
    return overflow ? (b < 0 ? .max : .min) : value
  }

  /// Held between 0 and `max`.
  static func span(_ value: Int64) -> Int64 { Swift.min(Swift.max(value, 0), max) }

  /// Whole seconds in milliseconds, rounded down also below zero.
  static func whole(_ milliseconds: Int64) -> Int64 { milliseconds >= 0 ? milliseconds / 1000 : -1 - (-1 - milliseconds) / 1000 }
}

extension Array where Element == UInt8 {
  mutating func append(_ literal: StaticString) {
    // SAFETY: as in `Octets.equals`; literals written here are texts of more than one character.
    append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  mutating func append(decimal value: Int) { append(contentsOf: String(value).utf8) }
}
