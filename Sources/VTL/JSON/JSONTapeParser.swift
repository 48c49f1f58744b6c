// Owns: the grammar of JSON bodies, strict JSON first and around it what json-smart's permissive mode accepts, which is the parser behind
// API Gateway's `$input` (its messages show through where the service answers 400 "Could not process payload").

struct JSONTapeParser {
  let bytes: [UInt8]
  let limits: JSONDocumentLimits
  private(set) var tape: [JSONTapeNode] = []
  private var position = 0
  /// The containers that are open, by tape index.
  private var open: [Int] = []

  init(bytes: [UInt8], limits: JSONDocumentLimits) {
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
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: ":"), bytes[position] != UInt8(ascii: "}"),
        bytes[position] != UInt8(ascii: "{"), bytes[position] != UInt8(ascii: ",")
      { position += 1 }
      try append(.name, trimmed(start..<position))
    }
  }

  private mutating func parseValue() throws(JSONDocumentError) {
    guard position < bytes.count else { throw unexpected() }
    switch bytes[position] {
    case UInt8(ascii: "{"): try begin(.object)
    case UInt8(ascii: "["): try begin(.array)
    case UInt8(ascii: "\""), UInt8(ascii: "'"): try parseQuoted(.text)
    case UInt8(ascii: ":"), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","): throw unexpected()
    default: try parseBare()
    }
  }

  private mutating func parseQuoted(_ kind: JSONTapeNode.Kind) throws(JSONDocumentError) {
    let quote = bytes[position]
    let start = position + 1
    var cursor = start
    var isMarked = false
    while cursor < bytes.count {
      let byte = bytes[cursor]
      if byte == quote {
        position = cursor + 1
        return try append(kind, start..<cursor, isMarked: isMarked)
      }
      if byte == UInt8(ascii: "\\") {
        isMarked = true
        cursor += 1
      }
      cursor += 1
    }
    throw fault(.unexpectedEnd, at: bytes.count)
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
    try append(Self.kind(of: bytes[range]), range)
  }

  private func trimmed(_ range: Range<Int>) -> Range<Int> {
    var end = range.upperBound
    while end > range.lowerBound, bytes[end - 1] <= 0x20 { end -= 1 }
    return range.lowerBound..<end
  }

  private static func kind(of word: ArraySlice<UInt8>) -> JSONTapeNode.Kind {
    switch word.first {
    case UInt8(ascii: "n"): return word.elementsEqual("null".utf8) ? .null : .text
    case UInt8(ascii: "t"): return word.elementsEqual("true".utf8) ? .yes : .text
    case UInt8(ascii: "f"): return word.elementsEqual("false".utf8) ? .no : .text
    default: break
    }
    var rest = word
    if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
    func skipDigits() -> Bool {
      let digits = rest.prefix { $0 &- UInt8(ascii: "0") < 10 }
      rest.removeFirst(digits.count)
      return !digits.isEmpty
    }
    guard skipDigits() else { return .text }
    if rest.isEmpty { return .integer }
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      if !skipDigits() { return .text }
    }
    if let byte = rest.first, byte | 0x20 == UInt8(ascii: "e") {
      rest.removeFirst()
      if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
      if !skipDigits() { return .text }
    }
    return rest.isEmpty ? .decimal : .text
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
    var names = Set<ArraySlice<UInt8>>()
    cursor = object + 1
    while cursor < tape.count {
      let node = tape[cursor]
      let raw = bytes[Int(node.start)..<Int(node.end)]
      if !names.insert(node.isMarked ? JSONEscapes.decoded(raw)[...] : raw).inserted { return true }
      cursor = Int(tape[cursor + 1].next)
    }
    return false
  }
}
