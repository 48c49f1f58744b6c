// Owns Base64 of bodies (RFC 4648 section 4): encoding with padding, and decoding that refuses whatever is no Base64, blanks and line
// ends included; padding may be left out, as Java's basic decoder allows.

enum Base64Text {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var word: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes {
      word = word << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        text.append(alphabet[Int(word >> bits & 0x3F)])
      }
      word &= (1 << bits) - 1
    }
    if bits > 0 { text.append(alphabet[Int(word << (6 - bits) & 0x3F)]) }
    while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
    return text
  }

  /// - Returns: nil for text that is no Base64.
  static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var digits = text
    var padding = 0
    while padding < 2 && digits.last == UInt8(ascii: "=") {
      digits.removeLast()
      padding += 1
    }
    if digits.count % 4 == 1 || (padding > 0 && text.count % 4 != 0) { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 4 * 3 + 2)
    var word: UInt32 = 0
    var bits: UInt32 = 0
    for digit in digits {
      guard let value = value(digit) else { return nil }
      word = word << 6 | value
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: word >> bits))
        word &= (1 << bits) - 1
      }
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a") + 26)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0") + 52)
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
