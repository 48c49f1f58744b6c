// The two pieces of grammar that reading and writing JSON share: what a number is, and what a UTF-8 scalar is.

enum JSONGrammar {
  /// The end of the longest number that starts at `start` (RFC 8259 §6).
  /// - Parameter fault: on failure, the offset of the byte that cannot be; the text's length if it ends too early.
  /// - Returns: the offset after the number, or nil if none starts there.
  static func numberEnd(in bytes: UnsafeRawBufferPointer, from start: Int, fault: inout Int) -> Int? {
    var cursor = start
    func isDigit(_ offset: Int) -> Bool {
      offset < bytes.count && bytes[offset] >= UInt8(ascii: "0") && bytes[offset] <= UInt8(ascii: "9")
    }
    func has(_ byte: UInt8) -> Bool { cursor < bytes.count && bytes[cursor] == byte }
    func skipDigits() -> Bool {
      guard isDigit(cursor) else { return false }
      while isDigit(cursor) { cursor += 1 }
      return true
    }
    fault = start
    if has(UInt8(ascii: "-")) { cursor += 1 }
    if has(UInt8(ascii: "0")) {
      cursor += 1
      // A leading zero stands alone; saying so here gives a better place than the "unexpected byte" that would follow.
      fault = cursor
      if isDigit(cursor) { return nil }
    } else {
      fault = cursor
      if !skipDigits() { return nil }
    }
    if has(UInt8(ascii: ".")) {
      cursor += 1
      fault = cursor
      if !skipDigits() { return nil }
    }
    if has(UInt8(ascii: "e")) || has(UInt8(ascii: "E")) {
      cursor += 1
      if has(UInt8(ascii: "+")) || has(UInt8(ascii: "-")) { cursor += 1 }
      fault = cursor
      if !skipDigits() { return nil }
    }
    return cursor
  }

  /// The length of the UTF-8 sequence at an offset, or 0 if it is not well-formed (RFC 3629 §4; Unicode table 3-7: no overlong
  /// forms, no surrogates, nothing above U+10FFFF).
  static func scalarBytes(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
    let first = bytes[offset]
    if first < 0x80 { return 1 }
    func continues(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
      offset + index < bytes.count && range.contains(bytes[offset + index])
    }
    switch first {
    case 0xC2...0xDF: return continues(1) ? 2 : 0
    case 0xE0: return continues(1, 0xA0...0xBF) && continues(2) ? 3 : 0
    case 0xED: return continues(1, 0x80...0x9F) && continues(2) ? 3 : 0
    case 0xE1...0xEF: return continues(1) && continues(2) ? 3 : 0
    case 0xF0: return continues(1, 0x90...0xBF) && continues(2) && continues(3) ? 4 : 0
    case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : 0
    case 0xF4: return continues(1, 0x80...0x8F) && continues(2) && continues(3) ? 4 : 0
    default: return 0
    }
  }
}
