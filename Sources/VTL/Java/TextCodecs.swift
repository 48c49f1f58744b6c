// Owns: the encodings of `$util`, byte for byte as Java's libraries have them.

enum TextCodecs {
  /// `StringEscapeUtils.escapeJavaScript` of Apache commons-lang: quotes of both kinds, backslashes and slashes get a backslash, what is
  /// no ASCII becomes `\uXXXX`. A single quote so escaped is no JSON, of which the developer guide warns.
  static func escapedJavaScript(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 8)
    guard UTF8Text.isASCII(text) else {
      for unit in String(decoding: text, as: UTF8.self).utf16 {
        if unit <= 0x7F {
          appendEscaped(UInt8(unit), to: &result)
        } else {
          result.append(UInt8(ascii: "\\"))
          UTF8Text.appendUnit(unit, to: &result)
        }
      }
      return result
    }
    for byte in text { appendEscaped(byte, to: &result) }
    return result
  }

  private static func appendEscaped(_ byte: UInt8, to result: inout [UInt8]) {
    let code: UInt8
    switch byte {
    case 0x08: code = UInt8(ascii: "b")
    case 0x09: code = UInt8(ascii: "t")
    case 0x0A: code = UInt8(ascii: "n")
    case 0x0C: code = UInt8(ascii: "f")
    case 0x0D: code = UInt8(ascii: "r")
    case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): code = byte
    case 0x20..<0x7F: return result.append(byte)
    default:
      // commons-lang writes what lies above U+007F, and control characters, by number; U+007F itself as it is.
      if byte == 0x7F { return result.append(byte) }
      result.append(UInt8(ascii: "\\"))
      return UTF8Text.appendUnit(UInt16(byte), to: &result)
    }
    result.append(UInt8(ascii: "\\"))
    result.append(code)
  }

  /// `java.net.URLEncoder`: letters, digits and `.-*_` stay, a space becomes `+`.
  static func urlEncoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 4)
    for byte in text {
      switch byte {
      case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "_"): result.append(byte)
      case 0x20: result.append(UInt8(ascii: "+"))
      default:
        if Spelling.isLetter(byte) || Spelling.isDigit(byte) {
          result.append(byte)
        } else {
          result.append(UInt8(ascii: "%"))
          result.append(UTF8Text.hexDigit(of: byte >> 4))
          result.append(UTF8Text.hexDigit(of: byte & 15))
        }
      }
    }
    return result
  }

  /// `java.net.URLDecoder`.
  /// - Returns: nil where digits are missing behind a `%`.
  static func urlDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var cursor = text.startIndex
    while cursor < text.endIndex {
      let byte = text[cursor]
      cursor += 1
      if byte == UInt8(ascii: "%") {
        guard text.endIndex - cursor >= 2, let high = UTF8Text.hexDigit(text[cursor]), let low = UTF8Text.hexDigit(text[cursor + 1]) else {
          return nil
        }
        result.append(high << 4 | low)
        cursor += 2
      } else {
        result.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return result
  }

  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func base64Encoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity((text.count + 2) / 3 * 4)
    var cursor = text.startIndex
    while cursor < text.endIndex {
      let left = text.endIndex - cursor
      let group =
        UInt32(text[cursor]) << 16 | (left > 1 ? UInt32(text[cursor + 1]) << 8 : 0) | (left > 2 ? UInt32(text[cursor + 2]) : 0)
      result.append(digits[Int(group >> 18)])
      result.append(digits[Int(group >> 12 & 63)])
      result.append(left > 1 ? digits[Int(group >> 6 & 63)] : UInt8(ascii: "="))
      result.append(left > 2 ? digits[Int(group & 63)] : UInt8(ascii: "="))
      cursor += 3
    }
    return result
  }

  /// `Base64.decodeBase64` of Apache commons-codec: both alphabets, and other characters passed over, up to the padding.
  static func base64Decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count / 4 * 3 + 2)
    var group: UInt32 = 0
    var count = 0
    for byte in text {
      if byte == UInt8(ascii: "=") { break }
      guard let digit = digit(byte) else { continue }
      group = group << 6 | UInt32(digit)
      count += 1
      if count == 4 {
        result.append(UInt8(truncatingIfNeeded: group >> 16))
        result.append(UInt8(truncatingIfNeeded: group >> 8))
        result.append(UInt8(truncatingIfNeeded: group))
        (group, count) = (0, 0)
      }
    }
    if count == 2 { result.append(UInt8(truncatingIfNeeded: group >> 4)) }
    if count == 3 {
      result.append(UInt8(truncatingIfNeeded: group >> 10))
      result.append(UInt8(truncatingIfNeeded: group >> 2))
    }
    return result
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
