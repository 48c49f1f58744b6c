// Owns: what stands for what inside the quotes of JSON strings, in both directions.

enum JSONEscapes {
  /// The characters that a string's text stands for. Halves of surrogate pairs that lack the other half become U+FFFD, as they do when Java
  /// writes UTF-8; an escape that JSON does not know stands for the character behind the backslash.
  static func decoded(_ raw: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(raw.count)
    var cursor = raw.startIndex
    while cursor < raw.endIndex {
      let byte = raw[cursor]
      cursor += 1
      guard byte == UInt8(ascii: "\\"), cursor < raw.endIndex else {
        result.append(byte)
        continue
      }
      let code = raw[cursor]
      cursor += 1
      switch code {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        if let scalar = scalar(raw, &cursor) { UTF8Text.append(scalar, to: &result) } else { result.append(code) }
      default: result.append(code)
      }
    }
    return result
  }

  /// The scalar of the digits behind `\u`, together with its second half where it has one (RFC 8259 §7).
  private static func scalar(_ raw: ArraySlice<UInt8>, _ cursor: inout Int) -> Unicode.Scalar? {
    guard let unit = hexUnit(raw, cursor) else { return nil }
    cursor += 4
    if let scalar = Unicode.Scalar(unit) { return scalar }
    let isEscape = raw.endIndex - cursor >= 2 && raw[cursor] == UInt8(ascii: "\\") && raw[cursor + 1] == UInt8(ascii: "u")
    if unit < 0xDC00, isEscape, let low = hexUnit(raw, cursor + 2), 0xDC00...0xDFFF ~= low {
      cursor += 6
      return Unicode.Scalar(0x1_0000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    }
    return "\u{FFFD}"
  }

  static func hexUnit(_ raw: ArraySlice<UInt8>, _ start: Int) -> UInt32? {
    guard start >= raw.startIndex, raw.endIndex - start >= 4 else { return nil }
    var value: UInt32 = 0
    for byte in raw[start..<start + 4] {
      guard let digit = UTF8Text.hexDigit(byte) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// Appends a JSON string with its quotes, escaped as json-smart does: what JSON demands, and besides it U+007F to U+009F and U+2000 to
  /// U+20FF.
  /// - Parameter slashes: whether `/` is escaped too.
  static func appendQuoted(_ text: ArraySlice<UInt8>, slashes: Bool, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    var plain = text.startIndex
    var cursor = text.startIndex
    while cursor < text.endIndex {
      let byte = text[cursor]
      let width: Int
      if byte >= 0x20, byte < 0x7F {
        let isSpecial = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || (slashes && byte == UInt8(ascii: "/"))
        if !isSpecial {
          cursor += 1
          continue
        }
        width = 1
      } else if byte < 0x80 {
        width = 1
      } else {
        width = wideWidth(text, cursor)
        if width == 0 {
          cursor += 1
          continue
        }
      }
      output.append(contentsOf: text[plain..<cursor])
      appendEscape(text, cursor, width, to: &output)
      cursor += width
      plain = cursor
    }
    output.append(contentsOf: text[plain..<cursor])
    output.append(UInt8(ascii: "\""))
  }

  /// The bytes of a character beyond ASCII that is escaped, or 0 for one that is not.
  private static func wideWidth(_ text: ArraySlice<UInt8>, _ cursor: Int) -> Int {
    let left = text.endIndex - cursor
    if text[cursor] == 0xC2, left >= 2, 0x80..<0xA0 ~= text[cursor + 1] { return 2 }
    if text[cursor] == 0xE2, left >= 3, 0x80...0x83 ~= text[cursor + 1], text[cursor + 2] & 0xC0 == 0x80 { return 3 }
    return 0
  }

  private static func appendEscape(_ text: ArraySlice<UInt8>, _ cursor: Int, _ width: Int, to output: inout [UInt8]) {
    let byte = text[cursor]
    output.append(UInt8(ascii: "\\"))
    switch (width, byte) {
    case (1, 0x08): output.append(UInt8(ascii: "b"))
    case (1, 0x0C): output.append(UInt8(ascii: "f"))
    case (1, 0x0A): output.append(UInt8(ascii: "n"))
    case (1, 0x0D): output.append(UInt8(ascii: "r"))
    case (1, 0x09): output.append(UInt8(ascii: "t"))
    case (1, 0x20..<0x7F): output.append(byte)
    case (1, _): UTF8Text.appendUnit(UInt16(byte), to: &output)
    case (2, _): UTF8Text.appendUnit(UInt16(text[cursor + 1]), to: &output)
    default:
      UTF8Text.appendUnit(0x2000 | UInt16(text[cursor + 1] & 0x3F) << 6 | UInt16(text[cursor + 2] & 0x3F), to: &output)
    }
  }
}
