// Owns the way back from a pointer to its line and column in a JSON text. It is taken only for what is reported, so it scans the text
// instead of keeping a place for every value.

import Runtime

/// Finds values in a text that a JSON parser has accepted; a text it has not gives nil, never a trap.
struct DocumentLocator {
  private let bytes: [UInt8]
  private var cursor = 0

  /// - Returns: where the value begins, or, where the last token names nothing, nil.
  static func position(of pointer: DocumentPointer, in bytes: [UInt8]) -> DocumentPosition? {
    var locator = DocumentLocator(bytes: bytes)
    for token in pointer.tokens {
      locator.skipSpace()
      switch locator.peeked {
      case UInt8(ascii: "{"): guard locator.enterObject(token) else { return nil }
      case UInt8(ascii: "["): guard let index = Int(token), locator.enterArray(index) else { return nil }
      default: return nil
      }
    }
    locator.skipSpace()
    return locator.cursor < bytes.count ? locator.place : nil
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private var peeked: UInt8? { cursor < bytes.count ? bytes[cursor] : nil }

  private var place: DocumentPosition {
    var position = DocumentPosition(line: 1, column: 1)
    for byte in bytes[..<cursor] {
      if byte == UInt8(ascii: "\n") {
        position = DocumentPosition(line: position.line + 1, column: 1)
      } else if byte & 0xC0 != 0x80 {
        position.column += 1
      }
    }
    return position
  }

  private mutating func skipSpace() {
    while let byte = peeked, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { cursor += 1 }
  }

  /// Goes behind the string that begins here.
  private mutating func skipString() {
    cursor += 1
    while let byte = peeked, byte != UInt8(ascii: "\"") { cursor += byte == UInt8(ascii: "\\") ? 2 : 1 }
    cursor += 1
  }

  /// Goes behind the value that begins here, without a call for each level.
  private mutating func skipValue() {
    var depth = 0
    repeat {
      skipSpace()
      switch peeked {
      case nil: return
      case UInt8(ascii: "\""): skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        cursor += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
        cursor += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        if depth == 0 { return }
        cursor += 1
      default:
        while let byte = peeked, byte > 0x20, byte != UInt8(ascii: ","), byte != UInt8(ascii: "]"), byte != UInt8(ascii: "}") {
          cursor += 1
        }
      }
    } while depth > 0
  }

  /// Goes to the value of the last member of that name, which is the one that `JSONValue` gives.
  private mutating func enterObject(_ name: String) -> Bool {
    cursor += 1
    var found: Int?
    while true {
      skipSpace()
      guard peeked == UInt8(ascii: "\"") else { break }
      let start = cursor
      skipString()
      let isIt = matches(name, start..<min(cursor, bytes.count))
      skipSpace()
      guard peeked == UInt8(ascii: ":") else { return false }
      cursor += 1
      skipSpace()
      if isIt { found = cursor }
      skipValue()
      skipSpace()
      guard peeked == UInt8(ascii: ",") else { break }
      cursor += 1
    }
    if let found { cursor = found }
    return found != nil
  }

  private func matches(_ name: String, _ quoted: Range<Int>) -> Bool {
    let inner = bytes[quoted].dropFirst().dropLast()
    if !inner.contains(UInt8(ascii: "\\")) { return inner.elementsEqual(name.utf8) }
    return (try? JSONValue.parse(Array(bytes[quoted])))?.stringValue == name
  }

  private mutating func enterArray(_ index: Int) -> Bool {
    cursor += 1
    var passed = 0
    while passed < index {
      skipSpace()
      guard let byte = peeked, byte != UInt8(ascii: "]") else { return false }
      skipValue()
      skipSpace()
      guard peeked == UInt8(ascii: ",") else { return false }
      cursor += 1
      passed += 1
    }
    skipSpace()
    return index >= 0 && peeked != UInt8(ascii: "]")
  }
}
