// Owns header fields and query parameters as values that share the bytes of their message, and the reading of such bytes as ASCII.

/// One header field of a message, or one parameter of a query string.
public struct MessageField: Hashable, Sendable {
  public var name: ArraySlice<UInt8>
  public var value: ArraySlice<UInt8>

  public init(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
    self.name = name
    self.value = value
  }

  public init(_ name: String, _ value: String) {
    self.init(name: Array(name.utf8)[...], value: Array(value.utf8)[...])
  }

  /// Whether the name is this one in any case (RFC 9110 section 5.1).
  public func isNamed(_ other: ArraySlice<UInt8>) -> Bool { ASCII.equalsIgnoringCase(name, other) }
}

/// Bytes as ASCII letters, where a protocol takes both cases for one.
enum ASCII {
  @inline(__always)
  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }

  static func equalsIgnoringCase(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { lowercased($0) == lowercased($1) }
  }

  /// Space, tab and line ends.
  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

  static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    return bytes
  }

  /// A decimal integer with an optional minus sign, at most 18 digits.
  static func integer(_ text: ArraySlice<UInt8>) -> Int? {
    var digits = text
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits.removeFirst() }
    if digits.isEmpty || digits.count > 18 { return nil }
    var value = 0
    for byte in digits {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return isNegative ? -value : value
  }
}
