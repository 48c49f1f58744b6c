// Owns the way back from a pointer to its line and column in a JSON text. It is taken only for what is reported, so it scans the text
// instead of keeping a place for every value.

import Runtime

/// Finds values in a text that a JSON parser has accepted; a text it has not gives nil, never a trap. All pointers are found on one way,
/// which passes each byte once a level at most.
struct DocumentLocator {
  /// One step of the pointers that are looked for.
  private struct Step {
    var next: [String: Int] = [:]
    /// Where the value begins, once it is found.
    var offset: Int?
  }

  private let bytes: [UInt8]
  private var cursor = 0
  private var steps = [Step()]

  /// - Returns: for each pointer where its value begins, or nil where there is none.
  static func positions(of pointers: [DocumentPointer], in bytes: [UInt8]) -> [DocumentPosition?] {
    var locator = DocumentLocator(bytes: bytes)
    let wanted = pointers.map { locator.add($0) }
    locator.find(0)
    let offsets = wanted.map { locator.steps[$0].offset }
    let places = locator.places(of: offsets.compactMap { $0 })
    return offsets.map { $0.flatMap { places[$0] } }
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func add(_ pointer: DocumentPointer) -> Int {
    var step = 0
    for token in pointer.tokens {
      if let known = steps[step].next[token] {
        step = known
      } else {
        steps[step].next[token] = steps.count
        step = steps.count
        steps.append(Step())
      }
    }
    return step
  }

  /// Looks at the value under the cursor for a step; the cursor may end up anywhere behind. As deep as the pointers are long.
  private mutating func find(_ step: Int) {
    skipSpace()
    guard cursor < bytes.count else { return }
    steps[step].offset = cursor
    guard !steps[step].next.isEmpty else { return }
    let found =
      switch bytes[cursor] {
      case UInt8(ascii: "{"): members(steps[step].next)
      case UInt8(ascii: "["): elements(steps[step].next)
      default: [:] as [Int: Int]
      }
    for (next, start) in found.sorted(by: { $0.key < $1.key }) {
      cursor = start
      find(next)
    }
  }

  /// Line and column of each offset, counted in one pass.
  private func places(of offsets: [Int]) -> [Int: DocumentPosition] {
    var places: [Int: DocumentPosition] = [:]
    var position = DocumentPosition(line: 1, column: 1)
    var passed = 0
    for offset in Set(offsets).sorted() {
      for byte in bytes[passed..<offset] {
        if byte == UInt8(ascii: "\n") {
          position = DocumentPosition(line: position.line + 1, column: 1)
        } else if byte & 0xC0 != 0x80 {
          position.column += 1
        }
      }
      passed = offset
      places[offset] = position
    }
    return places
  }

  private var peeked: UInt8? { cursor < bytes.count ? bytes[cursor] : nil }

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
        cursor += 1
        while let byte = peeked, byte > 0x20, !",]}".utf8.contains(byte) { cursor += 1 }
      }
    } while depth > 0
  }

  /// Where the values of the wanted members begin; of members of one name the last, which is the one that `JSONValue` gives.
  private mutating func members(_ wanted: [String: Int]) -> [Int: Int] {
    var found: [Int: Int] = [:]
    cursor += 1
    while true {
      skipSpace()
      guard peeked == UInt8(ascii: "\"") else { break }
      let start = cursor
      skipString()
      let name = name(start..<min(cursor, bytes.count))
      skipSpace()
      guard peeked == UInt8(ascii: ":") else { break }
      cursor += 1
      skipSpace()
      if let step = wanted[name] { found[step] = cursor }
      skipValue()
      skipSpace()
      guard peeked == UInt8(ascii: ",") else { break }
      cursor += 1
    }
    return found
  }

  private func name(_ quoted: Range<Int>) -> String {
    let inner = bytes[quoted].dropFirst().dropLast()
    if !inner.contains(UInt8(ascii: "\\")) { return String(decoding: inner, as: UTF8.self) }
    return (try? JSONValue.parse(Array(bytes[quoted])))?.stringValue ?? ""
  }

  private mutating func elements(_ wanted: [String: Int]) -> [Int: Int] {
    var found: [Int: Int] = [:]
    var index = 0
    cursor += 1
    while true {
      skipSpace()
      guard let byte = peeked, byte != UInt8(ascii: "]") else { break }
      if let step = wanted[String(index)] { found[step] = cursor }
      skipValue()
      skipSpace()
      guard peeked == UInt8(ascii: ",") else { break }
      cursor += 1
      index += 1
    }
    return found
  }
}
