// Owns: the grammar of JSON bodies, strict JSON first and around it what json-smart's permissive mode accepts, which is the parser behind
// API Gateway's `$input` (its messages show through where the service answers 400 "Could not process payload").

/// Makes a tape of a text that somebody else keeps in memory.
// SAFETY: whoever makes a parser keeps `bytes` alive and unchanged while it parses; the tape holds offsets, no pointers.
// SAFETY: every load is preceded by a check of its offset against `bytes.count`.
struct JSONTapeParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let limits: JSONDocumentLimits
  private(set) var tape: [JSONTapeNode] = []
  private var position = 0
  /// The containers that are open, by tape index.
  private var open: [Int] = []

  init(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONDocumentLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  private func fault(_ kind: JSONDocumentError.Kind, at offset: Int) -> JSONDocumentError { JSONDocumentError(kind: kind, offset: offset) }

  private func unexpected() -> JSONDocumentError {
    position < bytes.count ? fault(.unexpectedByte(bytes[position]), at: position) : fault(.unexpectedEnd, at: bytes.count)
  }

  mutating func parse() throws(JSONDocumentError) {
    if bytes.count > min(limits.bytesMax, Int(UInt32.max)) { throw fault(.tooManyBytes(limit: limits.bytesMax), at: limits.bytesMax) }
    tape.reserveCapacity(bytes.count / 12 + 4)
    skipSpace()
    if position == bytes.count {
      tape.append(JSONTapeNode(kind: .object, isMarked: false, start: 0, end: 0, next: 1, count: 0))
      return
    }
    try parseValue()
    while !open.isEmpty { try parseNext() }
  }

  private mutating func skipSpace() {
    while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
  }

  private mutating func append(_ kind: JSONTapeNode.Kind, _ range: Range<Int>, isMarked: Bool = false) throws(JSONDocumentError) {
    if tape.count >= limits.nodesMax { throw fault(.tooManyNodes(limit: limits.nodesMax), at: range.lowerBound) }
    let next = UInt32(tape.count + 1)
    tape.append(
      JSONTapeNode(kind: kind, isMarked: isMarked, start: UInt32(range.lowerBound), end: UInt32(range.upperBound), next: next, count: 0))
  }

  private mutating func begin(_ kind: JSONTapeNode.Kind) throws(JSONDocumentError) {
    if open.count >= limits.depthMax { throw fault(.tooDeep(limit: limits.depthMax), at: position) }
    open.append(tape.count)
    try append(kind, position..<position)
    position += 1
  }

  private mutating func close(_ index: Int) {
    position += 1
    tape[index].end = UInt32(position)
    tape[index].next = UInt32(tape.count)
    if tape[index].kind == .object { tape[index].isMarked = hasDuplicates(index) }
    open.removeLast()
  }

  /// Reads what comes next in the innermost container: its end, or one more element or member.
  private mutating func parseNext() throws(JSONDocumentError) {
    let index = open[open.count - 1]
    skipSpace()
    guard position < bytes.count else { throw unexpected() }
    let byte = bytes[position]
    if byte == UInt8(ascii: ",") {
      position += 1
      return
    }
    if tape[index].kind == .array {
      if byte == UInt8(ascii: "]") { return close(index) }
      if byte == UInt8(ascii: "}") || byte == UInt8(ascii: ":") { throw unexpected() }
      tape[index].count += 1
      try parseValue()
    } else {
      if byte == UInt8(ascii: "}") { return close(index) }
      try parseName()
      tape[index].count += 1
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw unexpected() }
      position += 1
      skipSpace()
      try parseValue()
    }
    if open.last == index { try expectSeparator(index) }
  }

  /// What may follow an element or member: a comma, or the end of its container, which stay where they are.
  private mutating func expectSeparator(_ index: Int) throws(JSONDocumentError) {
    skipSpace()
    guard position < bytes.count else { throw unexpected() }
    let end = tape[index].kind == .array ? UInt8(ascii: "]") : UInt8(ascii: "}")
    guard bytes[position] == UInt8(ascii: ",") || bytes[position] == end else { throw unexpected() }
  }

  private mutating func parseName() throws(JSONDocumentError) {
    switch bytes[position] {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): try parseQuoted(.name)
    case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"): throw unexpected()
    default:
      // A name without quotes goes on to the colon, whatever stands in between.
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: ":") { position += 1 }
      try append(.name, trimmed(start..<position))
    }
  }

  private mutating func parseValue() throws(JSONDocumentError) {
    guard position < bytes.count else { throw unexpected() }
    switch bytes[position] {
    case UInt8(ascii: "{"): try begin(.object)
    case UInt8(ascii: "["): try begin(.array)
    case UInt8(ascii: "\""), UInt8(ascii: "'"): try parseQuoted(.text)
    case UInt8(ascii: ":"), UInt8(ascii: "}"), UInt8(ascii: "]"): throw unexpected()
    default: try parseBare()
    }
  }

  private mutating func parseQuoted(_ kind: JSONTapeNode.Kind) throws(JSONDocumentError) {
    let quote = bytes[position]
    let start = position + 1
    var cursor = start
    var isMarked = false
    while true {
      cursor = plainEnd(from: cursor, quote)
      guard cursor < bytes.count else { break }
      if bytes[cursor] == quote {
        position = cursor + 1
        return try append(kind, start..<cursor, isMarked: isMarked)
      }
      isMarked = true
      cursor += 2
    }
    throw fault(.unexpectedEnd, at: bytes.count)
  }

  /// The first offset at which the quote or a backslash stands, or the text's end: eight bytes at a time.
  private func plainEnd(from start: Int, _ quote: UInt8) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let (quotes, backslashes) = (ones &* UInt64(quote), ones &* UInt64(UInt8(ascii: "\\")))
    var cursor = start
    let raw = UnsafeRawBufferPointer(bytes)
    while cursor + 8 <= bytes.count {
      let word = raw.loadUnaligned(fromByteOffset: cursor, as: UInt64.self)
      let (a, b) = (word ^ quotes, word ^ backslashes)
      // A byte that is zero borrows from its own top bit.
      if (((a &- ones) & ~a) | ((b &- ones) & ~b)) & (ones &* 0x80) != 0 { break }
      cursor += 8
    }
    while cursor < bytes.count, bytes[cursor] != quote, bytes[cursor] != UInt8(ascii: "\\") { cursor += 1 }
    return cursor
  }

  /// A word, a number, or a text without quotes: to the end of the element or member, or of the whole text.
  private mutating func parseBare() throws(JSONDocumentError) {
    let start = position
    if let first = open.last {
      let end = tape[first].kind == .array ? UInt8(ascii: "]") : UInt8(ascii: "}")
      while position < bytes.count, bytes[position] != UInt8(ascii: ","), bytes[position] != end { position += 1 }
    } else {
      position = bytes.count
    }
    let range = trimmed(start..<position)
    try append(kind(of: range), range)
  }

  private func trimmed(_ range: Range<Int>) -> Range<Int> {
    var end = range.upperBound
    while end > range.lowerBound, bytes[end - 1] <= 0x20 { end -= 1 }
    return range.lowerBound..<end
  }

  private func kind(of range: Range<Int>) -> JSONTapeNode.Kind {
    func isWord(_ word: StaticString) -> Bool {
      range.count == word.utf8CodeUnitCount && (0..<range.count).allSatisfy { bytes[range.lowerBound + $0] == word.utf8Start[$0] }
    }
    guard !range.isEmpty else { return .text }
    switch bytes[range.lowerBound] {
    case UInt8(ascii: "n"): return isWord("null") ? .null : .text
    case UInt8(ascii: "t"): return isWord("true") ? .yes : .text
    case UInt8(ascii: "f"): return isWord("false") ? .no : .text
    default: return numberKind(of: range)
    }
  }

  private func numberKind(of range: Range<Int>) -> JSONTapeNode.Kind {
    var cursor = range.lowerBound
    let end = range.upperBound
    func skipDigits() -> Bool {
      let start = cursor
      while cursor < end, Spelling.isDigit(bytes[cursor]) { cursor += 1 }
      return cursor > start
    }
    if bytes[cursor] == UInt8(ascii: "-") { cursor += 1 }
    guard skipDigits() else { return .text }
    if cursor == end { return .integer }
    if bytes[cursor] == UInt8(ascii: ".") {
      cursor += 1
      if !skipDigits() { return .text }
    }
    if cursor < end, bytes[cursor] | 0x20 == UInt8(ascii: "e") {
      cursor += 1
      if cursor < end, bytes[cursor] == UInt8(ascii: "+") || bytes[cursor] == UInt8(ascii: "-") { cursor += 1 }
      if !skipDigits() { return .text }
    }
    return cursor == end ? .decimal : .text
  }

  /// Whether a name occurs twice, asked exactly only where a coarse look at lengths and ends of names cannot rule it out.
  private func hasDuplicates(_ object: Int) -> Bool {
    var seen: UInt64 = 0
    var cursor = object + 1
    var isSuspect = false
    while cursor < tape.count {
      let node = tape[cursor]
      let length = Int(node.end - node.start)
      if node.isMarked { isSuspect = true }
      if length > 0 {
        let ends = Int(bytes[Int(node.start)]) &* 31 &+ Int(bytes[Int(node.end) - 1])
        let bit: UInt64 = 1 << UInt64((ends &+ length &* 7) & 63)
        if seen & bit != 0 { isSuspect = true }
        seen |= bit
      } else {
        isSuspect = true
      }
      cursor = Int(tape[cursor + 1].next)
    }
    if !isSuspect { return false }
    var names = Set<[UInt8]>()
    cursor = object + 1
    while cursor < tape.count {
      let node = tape[cursor]
      let raw = Array(bytes[Int(node.start)..<Int(node.end)])
      if !names.insert(node.isMarked ? JSONEscapes.decoded(raw[...]) : raw).inserted { return true }
      cursor = Int(tape[cursor + 1].next)
    }
    return false
  }
}
