// Owns: texts as Java sees them, which is in UTF-16 units, over bytes of UTF-8: lengths, places and parts. ASCII, which most texts are, is
// never converted.

enum UTF8Text {
  static func isASCII(_ text: ArraySlice<UInt8>) -> Bool { text.withUnsafeBufferPointer { $0.allSatisfy { $0 < 0x80 } } }

  /// `String.length()`.
  static func length(_ text: ArraySlice<UInt8>) -> Int {
    if isASCII(text) { return text.count }
    return String(decoding: text, as: UTF8.self).utf16.count
  }

  /// The part between two places in UTF-16 units, which the caller has checked against `length`.
  static func part(_ text: ArraySlice<UInt8>, _ range: Range<Int>) -> ArraySlice<UInt8> {
    if isASCII(text) { return text[text.startIndex + range.lowerBound..<text.startIndex + range.upperBound] }
    let units = Array(String(decoding: text, as: UTF8.self).utf16)
    guard range.upperBound <= units.count else { return [] }
    return Array(String(decoding: units[range], as: UTF16.self).utf8)[...]
  }

  /// The place in UTF-16 units of the byte at an offset from the text's beginning.
  static func unit(_ text: ArraySlice<UInt8>, atByte offset: Int) -> Int { length(text.prefix(offset)) }

  /// The offset in bytes of the place in UTF-16 units; the text's end for a place behind it.
  static func byte(_ text: ArraySlice<UInt8>, atUnit unit: Int) -> Int {
    var units = 0
    var offset = 0
    for byte in text {
      if units >= unit, byte & 0xC0 != 0x80 { return offset }
      if byte & 0xC0 != 0x80 { units += byte >= 0xF0 ? 2 : 1 }
      offset += 1
    }
    return text.count
  }

  /// The offset in bytes of the first occurrence at or behind an offset.
  static func firstIndex(of part: ArraySlice<UInt8>, in text: ArraySlice<UInt8>, from start: Int = 0) -> Int? {
    guard start >= 0, start <= text.count else { return nil }
    if part.isEmpty { return start }
    return text.withUnsafeBufferPointer { text in
      part.withUnsafeBufferPointer { part in
        var cursor = start
        while cursor + part.count <= text.count {
          if text[cursor] == part[0], (1..<part.count).allSatisfy({ text[cursor + $0] == part[$0] }) { return cursor }
          cursor += 1
        }
        return nil
      }
    }
  }

  static func lastIndex(of part: ArraySlice<UInt8>, in text: ArraySlice<UInt8>) -> Int? {
    if part.count > text.count { return nil }
    var cursor = text.count - part.count
    while cursor >= 0 {
      let start = text.startIndex + cursor
      if text[start..<start + part.count] == part { return cursor }
      cursor -= 1
    }
    return nil
  }

  /// `String.trim()`.
  static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let first = text.firstIndex(where: { $0 > 0x20 }), let last = text.lastIndex(where: { $0 > 0x20 }) else { return [] }
    return text[first...last]
  }

  static func replacing(_ part: ArraySlice<UInt8>, in text: ArraySlice<UInt8>, with other: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard var found = firstIndex(of: part, in: text) else { return text }
    var result: [UInt8] = []
    var plain = 0
    while true {
      result.append(contentsOf: text[text.startIndex + plain..<text.startIndex + found])
      result.append(contentsOf: other)
      plain = found + part.count
      var next = plain
      if part.isEmpty {
        // Java puts the other text between all characters, and at both ends.
        if found >= text.count { break }
        next = found + 1
        while next < text.count, text[text.startIndex + next] & 0xC0 == 0x80 { next += 1 }
      }
      guard let again = firstIndex(of: part, in: text, from: next) else { break }
      found = again
    }
    result.append(contentsOf: text[(text.startIndex + plain)...])
    return result[...]
  }

  static func append(_ scalar: Unicode.Scalar, to output: inout [UInt8]) {
    output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }

  static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  static func hexDigit(of value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10 }

  /// Appends `u` and four digits: what stands behind the backslash.
  static func appendUnit(_ unit: UInt16, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "u"))
    for shift in [12, 8, 4, 0] as [UInt16] { output.append(hexDigit(of: UInt8((unit >> shift) & 0xF))) }
  }
}
