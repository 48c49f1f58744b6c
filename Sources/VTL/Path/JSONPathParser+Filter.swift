// Owns: the grammar of filters, `[?(…)]`: what is compared, by which operator, joined by `&&`, `||`, `!` and parentheses.

extension JSONPathParser {
  mutating func parsePredicate() throws(JSONPathError) -> JSONPath.Predicate {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthMax { throw fault("more than \(Self.depthMax) filters inside each other", .tooDeep) }
    var left = try parseConjunction()
    while takeSign("||") {
      try countOperator()
      left = .or(left, try parseConjunction())
    }
    return left
  }

  private mutating func countOperator() throws(JSONPathError) {
    operators += 1
    if operators > Self.operatorsMax { throw fault("more than \(Self.operatorsMax) operators", .tooDeep) }
  }

  private mutating func parseConjunction() throws(JSONPathError) -> JSONPath.Predicate {
    var left = try parseCondition()
    while takeSign("&&") {
      try countOperator()
      left = .and(left, try parseCondition())
    }
    return left
  }

  private mutating func parseCondition() throws(JSONPathError) -> JSONPath.Predicate {
    skipSpace()
    if peek() == UInt8(ascii: "!"), peek(1) != UInt8(ascii: "=") {
      position += 1
      depth += 1
      defer { depth -= 1 }
      if depth > Self.depthMax { throw fault("more than \(Self.depthMax) filters inside each other", .tooDeep) }
      return .not(try parseCondition())
    }
    if peek() == UInt8(ascii: "(") {
      position += 1
      let inner = try parsePredicate()
      try expect(")")
      return inner
    }
    let start = position
    let left = try parseOperand()
    guard let comparison = takeComparison() else {
      guard case .path(let path) = left else { throw fault("an operator is missing here, found \(shown)", at: start) }
      return .exists(path)
    }
    return .compare(left, comparison, try parseOperand())
  }

  private mutating func takeSign(_ sign: String) -> Bool {
    skipSpace()
    let bytes = Array(sign.utf8)
    guard text[position...].starts(with: bytes) else { return false }
    position += bytes.count
    return true
  }

  private mutating func takeComparison() -> JSONPath.Comparison? {
    for sign in ["==", "!=", "<=", ">=", "=~", "<", ">"] where takeSign(sign) { return JSONPath.Comparison(rawValue: sign) }
    skipSpace()
    let word = Spelling.word(text[...], position)
    guard !word.isEmpty else { return nil }
    guard let comparison = JSONPath.Comparison(rawValue: String(decoding: word, as: UTF8.self).lowercased()) else { return nil }
    position += word.count
    return comparison
  }

  mutating func parseOperand() throws(JSONPathError) -> JSONPath.Operand {
    skipSpace()
    guard let byte = peek() else { throw fault("a value is missing at the end") }
    switch byte {
    case UInt8(ascii: "$"), UInt8(ascii: "@"):
      depth += 1
      defer { depth -= 1 }
      return .path(try parsePath())
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try parseQuoted())
    case UInt8(ascii: "/"): return try parsePattern()
    case UInt8(ascii: "["): return try parseOperands()
    default: return try parseWord()
    }
  }

  private mutating func parseOperands() throws(JSONPathError) -> JSONPath.Operand {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthMax { throw fault("more than \(Self.depthMax) lists inside each other", .tooDeep) }
    position += 1
    var elements: [JSONPath.Operand] = []
    skipSpace()
    while let byte = peek(), byte != UInt8(ascii: "]") {
      elements.append(try parseOperand())
      skipSpace()
      if peek() == UInt8(ascii: ",") { position += 1 }
      skipSpace()
    }
    try expect("]")
    return .list(elements)
  }

  /// `/pattern/flags`.
  private mutating func parsePattern() throws(JSONPathError) -> JSONPath.Operand {
    let start = position + 1
    var cursor = start
    while cursor < text.count, text[cursor] != UInt8(ascii: "/") { cursor += text[cursor] == UInt8(ascii: "\\") ? 2 : 1 }
    guard cursor < text.count else { throw fault("this pattern has no '/' to end it") }
    let pattern = text[start..<cursor]
    position = cursor + 1
    var flags: [UInt8] = []
    while let byte = peek(), Spelling.isLetter(byte) {
      flags.append(byte)
      position += 1
    }
    do {
      return .regex(try JavaRegex(pattern, flags: flags, stepsMax: JavaRegex.stepsMaxStandard))
    } catch {
      throw fault("this pattern is none: \(error.reason)", at: start)
    }
  }

  private mutating func parseWord() throws(JSONPathError) -> JSONPath.Operand {
    let start = position
    while let byte = peek(), Spelling.isWord(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".") {
      position += 1
    }
    let word = String(decoding: text[start..<position], as: UTF8.self)
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "null": return .null
    default:
      guard let number = Double(word), number.isFinite else { throw fault("this is no value", at: start) }
      return .number(number)
    }
  }
}
