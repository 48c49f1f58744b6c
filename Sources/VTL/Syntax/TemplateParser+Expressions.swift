// Owns: the grammar of what stands in parentheses: operators by rank, in signs and in words, and the literals they join.

extension TemplateParser {
  mutating func parseExpression() throws(TemplateError) -> Expression {
    compilation.enterExpression()
    defer { compilation.leaveExpression() }
    return try nested(position) { (parser) throws(TemplateError) in try parser.parseOr() }
  }

  private mutating func parseOr() throws(TemplateError) -> Expression {
    var left = try parseAnd()
    while take("||", orWord: "or") {
      try joined()
      left = .or(left, try parseAnd())
    }
    return left
  }

  private mutating func parseAnd() throws(TemplateError) -> Expression {
    var left = try parseEquality()
    while take("&&", orWord: "and") {
      try joined()
      left = .and(left, try parseEquality())
    }
    return left
  }

  private mutating func parseEquality() throws(TemplateError) -> Expression {
    var left = try parseRelation()
    while true {
      if take("==", orWord: "eq") {
        left = .binary(.equal, left, try parseRelation())
      } else if take("!=", orWord: "ne") {
        left = .binary(.unequal, left, try parseRelation())
      } else {
        return left
      }
      try joined()
    }
  }

  private mutating func parseRelation() throws(TemplateError) -> Expression {
    var left = try parseSum()
    while true {
      if take("<=", orWord: "le") {
        left = .binary(.lessOrEqual, left, try parseSum())
      } else if take(">=", orWord: "ge") {
        left = .binary(.greaterOrEqual, left, try parseSum())
      } else if take("<", orWord: "lt") {
        left = .binary(.less, left, try parseSum())
      } else if take(">", orWord: "gt") {
        left = .binary(.greater, left, try parseSum())
      } else {
        return left
      }
      try joined()
    }
  }

  private mutating func parseSum() throws(TemplateError) -> Expression {
    var left = try parseProduct()
    while true {
      if take("+") {
        left = .binary(.add, left, try parseProduct())
      } else if take("-") {
        left = .binary(.subtract, left, try parseProduct())
      } else {
        return left
      }
      try joined()
    }
  }

  private mutating func parseProduct() throws(TemplateError) -> Expression {
    var left = try parseUnary()
    while true {
      if take("*") {
        left = .binary(.multiply, left, try parseUnary())
      } else if take("/") {
        left = .binary(.divide, left, try parseUnary())
      } else if take("%") {
        left = .binary(.remainder, left, try parseUnary())
      } else {
        return left
      }
      try joined()
    }
  }

  private func joined() throws(TemplateError) { try compilation.countOperator(at: offset) }

  private mutating func parseUnary() throws(TemplateError) -> Expression {
    if take("!", orWord: "not") {
      return .not(try nested(position) { (parser) throws(TemplateError) in try parser.parseUnary() })
    }
    skipSpace()
    if peek() == UInt8(ascii: "-"), let next = peek(1), !Spelling.isDigit(next), next != UInt8(ascii: ".") {
      position += 1
      return .negate(try nested(position) { (parser) throws(TemplateError) in try parser.parseUnary() })
    }
    return try parsePrimary()
  }

  /// Passes an operator if it stands here.
  private mutating func take(_ sign: StaticString, orWord word: String? = nil) -> Bool {
    skipSpace()
    let count = sign.utf8CodeUnitCount
    let isSign = text.endIndex - position >= count && (0..<count).allSatisfy { text[position + $0] == sign.utf8Start[$0] }
    if isSign {
      // `!` is an operator of its own only where it does not begin `!=`.
      if count == 1, sign.utf8Start[0] == UInt8(ascii: "!"), peek(1) == UInt8(ascii: "=") { return false }
      position += count
      return true
    }
    guard let word, let first = peek(), Spelling.isLetter(first) else { return false }
    guard Spelling.word(text, position).elementsEqual(word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  // MARK: Literals

  mutating func parsePrimary() throws(TemplateError) -> Expression {
    skipSpace()
    guard let byte = peek() else { throw syntax("a value is missing at the end of the text") }
    switch byte {
    case UInt8(ascii: "$"):
      guard let reference = try parseReference(backslashes: 0) else { throw syntax("'$' needs a name behind it") }
      return .reference(reference)
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return try parseString(byte)
    case UInt8(ascii: "["): return try parseList()
    case UInt8(ascii: "{"): return try parseMap()
    case UInt8(ascii: "("):
      position += 1
      let inner = try parseExpression()
      skipSpace()
      guard peek() == UInt8(ascii: ")") else { throw syntax("')' is missing here, found \(shown)") }
      position += 1
      return inner
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default:
      let word = Spelling.word(text, position)
      if word.elementsEqual("true".utf8) || word.elementsEqual("false".utf8) {
        position += word.count
        return .bool(word.count == 4)
      }
      if word.elementsEqual("null".utf8) { throw syntax("the language has no word null; an unset reference such as $null stands for it") }
      if !word.isEmpty { throw syntax("'\(String(decoding: word, as: UTF8.self))' is no value; texts stand in quotes") }
      throw syntax("a value is missing here, found \(shown)")
    }
  }

  private mutating func parseNumber() throws(TemplateError) -> Expression {
    let start = position
    var cursor = position
    func digits() -> Int {
      var end = cursor
      while end < text.endIndex, Spelling.isDigit(text[end]) { end += 1 }
      return end - cursor
    }
    if text[cursor] == UInt8(ascii: "-") { cursor += 1 }
    var whole = digits()
    cursor += whole
    var isDecimal = false
    if cursor < text.endIndex, text[cursor] == UInt8(ascii: "."), !(cursor + 1 < text.endIndex && text[cursor + 1] == UInt8(ascii: ".")) {
      cursor += 1
      let fraction = digits()
      cursor += fraction
      if whole + fraction == 0 { throw syntax("a value is missing here, found \(shown)") }
      whole += fraction
      isDecimal = true
    }
    if whole == 0 { throw syntax("a value is missing here, found \(shown)") }
    if cursor < text.endIndex, text[cursor] | 0x20 == UInt8(ascii: "e") {
      let mark = cursor
      cursor += 1
      if cursor < text.endIndex, text[cursor] == UInt8(ascii: "+") || text[cursor] == UInt8(ascii: "-") { cursor += 1 }
      let exponent = digits()
      cursor = exponent > 0 ? cursor + exponent : mark
      if exponent > 0 { isDecimal = true }
    }
    position = cursor
    let literal = text[start..<cursor]
    if isDecimal {
      return .double(Double(String(decoding: literal, as: UTF8.self)) ?? Double(String(decoding: literal.dropLast(), as: UTF8.self)) ?? 0)
    }
    switch Number.integer(literal) {
    case .integer(let value): return .integer(value)
    default: return .number(literal)
    }
  }

  private mutating func parseList() throws(TemplateError) -> Expression {
    let start = position
    position += 1
    var elements: [Expression] = []
    skipSpace()
    if peek() == UInt8(ascii: "]") {
      position += 1
      return .list([])
    }
    while true {
      elements.append(try parseExpression())
      skipSpace()
      if elements.count == 1, peek() == UInt8(ascii: "."), peek(1) == UInt8(ascii: ".") {
        position += 2
        let last = try parseExpression()
        try expect("]", "range", start)
        return .range(elements[0], last, offset: offset(start))
      }
      guard peek() == UInt8(ascii: ",") else { break }
      position += 1
    }
    try expect("]", "list", start)
    return .list(elements)
  }

  private mutating func parseMap() throws(TemplateError) -> Expression {
    let start = position
    position += 1
    var members: [(name: Expression, value: Expression)] = []
    skipSpace()
    if peek() == UInt8(ascii: "}") {
      position += 1
      return .map([])
    }
    while true {
      let name = try parseExpression()
      skipSpace()
      guard peek() == UInt8(ascii: ":") else { throw syntax("a map needs ':' here, not \(shown)") }
      position += 1
      members.append((name, try parseExpression()))
      skipSpace()
      guard peek() == UInt8(ascii: ",") else { break }
      position += 1
    }
    try expect("}", "map", start)
    return .map(members)
  }

  private mutating func expect(_ sign: Unicode.Scalar, _ what: String, _ start: Int) throws(TemplateError) {
    skipSpace()
    guard peek() == UInt8(ascii: sign) else { throw syntax("this \(what) needs '\(sign)' or ',', not \(shown)", at: start) }
    position += 1
  }

  /// A text in quotes: as it stands in single ones, itself a template in double ones. The quote twice stands for one; a backslash escapes
  /// no quote (Velocity 1.7, `STRING_LITERAL`).
  private mutating func parseString(_ quote: UInt8) throws(TemplateError) -> Expression {
    let start = position
    var cursor = start + 1
    var isDoubled = false
    while true {
      guard cursor < text.endIndex else { throw syntax("this text has no quote to end it", at: start) }
      if text[cursor] == quote {
        guard cursor + 1 < text.endIndex, text[cursor + 1] == quote else { break }
        isDoubled = true
        cursor += 1
      }
      cursor += 1
    }
    position = cursor + 1
    var content = text[start + 1..<cursor]
    let isTemplate = quote == UInt8(ascii: "\"")
    let hasUnits = isTemplate && UTF8Text.firstIndex(of: Array("\\u".utf8)[...], in: content) != nil
    if isDoubled { content = Self.undoubled(content, quote)[...] }
    if hasUnits { content = Self.unescaped(content)[...] }
    guard isTemplate, content.contains(where: { $0 == UInt8(ascii: "$") || $0 == UInt8(ascii: "#") }) else { return .text(content) }
    let fixed = isDoubled || hasUnits ? offset(start) : fixedOffset
    var parser = TemplateParser(content, compilation, locals: locals, fixedOffset: fixed)
    let block = try compilation.nested(at: offset(start)) { () throws(TemplateError) in try parser.parseTemplate() }
    if block.nodes.isEmpty { return .text([]) }
    if block.nodes.count == 1, case .text(let plain) = block.nodes[0] { return .text(plain) }
    return .interpolated(block)
  }

  private static func undoubled(_ content: ArraySlice<UInt8>, _ quote: UInt8) -> [UInt8] {
    var result: [UInt8] = []
    var cursor = content.startIndex
    while cursor < content.endIndex {
      result.append(content[cursor])
      cursor += content[cursor] == quote ? 2 : 1
    }
    return result
  }

  private static func unescaped(_ content: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var cursor = content.startIndex
    while cursor < content.endIndex {
      let isUnit = content[cursor] == UInt8(ascii: "\\") && cursor + 1 < content.endIndex && content[cursor + 1] == UInt8(ascii: "u")
      if isUnit, let unit = JSONEscapes.hexUnit(content, cursor + 2) {
        UTF8Text.append(Unicode.Scalar(unit) ?? "\u{FFFD}", to: &result)
        cursor += 6
      } else {
        result.append(content[cursor])
        cursor += 1
      }
    }
    return result
  }
}
