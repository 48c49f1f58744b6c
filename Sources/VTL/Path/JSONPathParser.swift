// Owns: the notations of a path: dots, brackets, `..`, `*`, indices, slices, functions (Jayway JsonPath, README and `PathCompiler`).
// Filters are JSONPathParser+Filter.swift's.

struct JSONPathParser {
  let text: [UInt8]
  var position = 0
  var depth = 0
  /// Operators of all filters: asking them goes down as deep as there are.
  var operators = 0

  static let operatorsMax = 200
  static let bytesMax = 8 << 10
  static let depthMax = 16

  init(_ text: [UInt8]) { self.text = text }

  // MARK: Bytes

  func fault(_ reason: String, at place: Int? = nil, _ kind: JSONPathError.Kind = .syntax) -> JSONPathError {
    JSONPathError(kind: kind, path: String(decoding: text.prefix(256), as: UTF8.self), column: (place ?? position) + 1, reason: reason)
  }

  func peek(_ ahead: Int = 0) -> UInt8? { position + ahead < text.count ? text[position + ahead] : nil }

  var shown: String {
    guard let byte = peek() else { return "the end" }
    return (0x21..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
  }

  mutating func skipSpace() {
    while let byte = peek(), Spelling.isSpace(byte) { position += 1 }
  }

  mutating func expect(_ sign: Unicode.Scalar) throws(JSONPathError) {
    skipSpace()
    guard peek() == UInt8(ascii: sign) else { throw fault("'\(sign)' is missing here, found \(shown)") }
    position += 1
  }

  // MARK: Paths

  mutating func parse() throws(JSONPathError) -> JSONPath {
    if text.count > Self.bytesMax { throw fault("a path has \(Self.bytesMax) bytes at most", .tooLong) }
    skipSpace()
    let path: JSONPath
    if peek() == UInt8(ascii: "$") || peek() == UInt8(ascii: "@") {
      path = try parsePath()
    } else if peek() == UInt8(ascii: "[") || peek() == UInt8(ascii: ".") {
      path = try parseTail(.document)
    } else {
      guard peek() != nil else { throw fault("an empty text is no path") }
      var segments: [JSONPath.Segment] = []
      let function = try parseName(descends: false, &segments)
      path = try parseTail(.document, segments, function)
    }
    skipSpace()
    if position < text.count { throw fault("the path cannot go on with \(shown)") }
    return path
  }

  mutating func parsePath() throws(JSONPathError) -> JSONPath {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthMax { throw fault("more than \(Self.depthMax) filters inside each other", .tooDeep) }
    let root: JSONPath.Root = peek() == UInt8(ascii: "@") ? .current : .document
    position += 1
    return try parseTail(root)
  }

  private mutating func parseTail(
    _ root: JSONPath.Root, _ before: [JSONPath.Segment] = [], _ named: JSONPath.Function? = nil
  ) throws(JSONPathError) -> JSONPath {
    var segments = before
    var function = named
    while function == nil, let byte = peek() {
      if byte == UInt8(ascii: ".") {
        position += 1
        let descends = peek() == UInt8(ascii: ".")
        if descends { position += 1 }
        if peek() == UInt8(ascii: "[") {
          segments.append(JSONPath.Segment(choice: try parseBracket(), descends: descends))
        } else {
          function = try parseName(descends: descends, &segments)
        }
      } else if byte == UInt8(ascii: "[") {
        segments.append(JSONPath.Segment(choice: try parseBracket(), descends: false))
      } else {
        break
      }
    }
    return JSONPath(root: root, segments: segments, function: function)
  }

  /// A name behind a dot, `*`, or a function.
  private mutating func parseName(
    descends: Bool, _ segments: inout [JSONPath.Segment]
  ) throws(JSONPathError) -> JSONPath.Function? {
    let start = position
    if peek() == UInt8(ascii: "*") {
      position += 1
      segments.append(JSONPath.Segment(choice: .all, descends: descends))
      return nil
    }
    while let byte = peek(), !isNameEnd(byte) { position += 1 }
    let name = text[start..<position]
    if name.isEmpty { throw fault("a name is missing here, found \(shown)") }
    guard peek() == UInt8(ascii: "(") else {
      segments.append(JSONPath.Segment(choice: .name(name), descends: descends))
      return nil
    }
    guard let function = JSONPath.Function.Name(rawValue: String(decoding: name, as: UTF8.self)) else {
      throw fault("there is no function \(String(decoding: name, as: UTF8.self))", at: start)
    }
    position += 1
    var arguments: [JSONPath.Operand] = []
    skipSpace()
    while let byte = peek(), byte != UInt8(ascii: ")") {
      arguments.append(try parseOperand())
      skipSpace()
      if peek() == UInt8(ascii: ",") { position += 1 }
      skipSpace()
    }
    try expect(")")
    return JSONPath.Function(name: function, arguments: arguments)
  }

  /// Inside a filter a path ends where an operator or the filter's end comes.
  private func isNameEnd(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "."), UInt8(ascii: "["), UInt8(ascii: "("): return true
    case UInt8(ascii: " "), UInt8(ascii: ")"), UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: "~"):
      return depth > 1 || byte == UInt8(ascii: " ") || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]")
    default: return false
    }
  }

  // MARK: Brackets

  private mutating func parseBracket() throws(JSONPathError) -> JSONPath.Segment.Choice {
    position += 1
    skipSpace()
    guard let byte = peek() else { throw fault("']' is missing at the end") }
    switch byte {
    case UInt8(ascii: "*"):
      position += 1
      try expect("]")
      return .all
    case UInt8(ascii: "?"):
      position += 1
      try expect("(")
      depth += 1
      let predicate = try parsePredicate()
      depth -= 1
      try expect(")")
      try expect("]")
      return .filter(predicate)
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return try parseNames()
    case UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseIndices()
    default: throw fault("'[' needs a name in quotes, an index, '*' or a filter behind it, not \(shown)")
    }
  }

  private mutating func parseNames() throws(JSONPathError) -> JSONPath.Segment.Choice {
    var names: [ArraySlice<UInt8>] = []
    repeat {
      skipSpace()
      guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
        throw fault("a name in quotes is missing here, found \(shown)")
      }
      names.append(try parseQuoted())
      skipSpace()
    } while take(",")
    try expect("]")
    return names.count == 1 ? .name(names[0]) : .names(names)
  }

  mutating func parseQuoted() throws(JSONPathError) -> ArraySlice<UInt8> {
    let quote = text[position]
    let start = position + 1
    var cursor = start
    while cursor < text.count, text[cursor] != quote { cursor += text[cursor] == UInt8(ascii: "\\") ? 2 : 1 }
    guard cursor < text.count else { throw fault("this text has no quote to end it") }
    position = cursor + 1
    let raw = text[start..<cursor]
    return raw.contains(UInt8(ascii: "\\")) ? JSONEscapes.decoded(raw)[...] : raw
  }

  private mutating func take(_ sign: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: sign) else { return false }
    position += 1
    return true
  }

  private mutating func parseIndices() throws(JSONPathError) -> JSONPath.Segment.Choice {
    let first = try parseInteger()
    skipSpace()
    if take(":") {
      skipSpace()
      let to = try parseInteger()
      try expect("]")
      if first == nil && to == nil { throw fault("a slice needs a beginning or an end") }
      return .slice(from: first, to: to)
    }
    guard let first else { throw fault("an index is missing here, found \(shown)") }
    var indices = [first]
    while take(",") {
      skipSpace()
      guard let next = try parseInteger() else { throw fault("an index is missing here, found \(shown)") }
      indices.append(next)
      skipSpace()
    }
    try expect("]")
    return indices.count == 1 ? .index(indices[0]) : .indices(indices)
  }

  /// nil if none stands here.
  private mutating func parseInteger() throws(JSONPathError) -> Int? {
    let start = position
    if peek() == UInt8(ascii: "-") { position += 1 }
    while let byte = peek(), Spelling.isDigit(byte) { position += 1 }
    if start == position { return nil }
    guard let value = Int32(String(decoding: text[start..<position], as: UTF8.self)) else { throw fault("this is no index", at: start) }
    return Int(value)
  }
}
