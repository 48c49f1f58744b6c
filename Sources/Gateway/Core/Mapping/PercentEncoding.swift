// Owns the percent-encoding of bytes that go into a URI.

/// Percent-encoding of what cannot stand in a part of a URI (RFC 3986 section 2.1).
enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)

  static func append(_ byte: UInt8, to text: inout [UInt8], isSafe: Bool) {
    if isSafe {
      text.append(byte)
    } else {
      text.append(UInt8(ascii: "%"))
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 0x0F)])
    }
  }

  /// Whether a byte of a value that may be encoded already can stay: visible ASCII but "#", and in a path "?".
  static func isSafe(_ byte: UInt8, isInPath: Bool) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") && (!isInPath || byte != UInt8(ascii: "?"))
  }

  static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "-._~".utf8.contains(byte)
    }
  }
}
