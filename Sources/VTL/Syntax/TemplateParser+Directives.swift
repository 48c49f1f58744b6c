// Owns: what stands between a directive's parentheses, and the blocks of those that have some.

extension TemplateParser {
  mutating func parseDirective(_ name: DirectiveName, _ start: Int) throws(TemplateError) -> Node? {
    switch name {
    case .set: return try parseSet()
    case .ifDirective: return try parseIf(start)
    case .foreach: return try parseForeach(start)
    case .macro:
      try parseMacro(start)
      return nil
    case .define: return try parseDefine(start)
    case .evaluate:
      try expectParenthesis("#evaluate")
      let text = try parseExpression()
      try expectEnd("#evaluate")
      return .evaluate(Evaluation(text: text, locals: locals, offset: offset(start)))
    case .literal:
      try skipArguments()
      skipLineEnd()
      let from = position
      let (_, to) = try parseRaw(start)
      return from < to ? .text(text[from..<to]) : nil
    case .leave:
      try skipArguments()
      return .leave
    case .stop:
      try skipArguments()
      return .stop
    case .include, .parse:
      throw compilation.error(.refusedDirective, at: offset(start), "#\(name.rawValue) reads other templates, and there are none here")
    case .elseIf, .otherwise, .end: return nil
    }
  }

  private mutating func expectParenthesis(_ name: String) throws(TemplateError) {
    skipSpace()
    guard peek() == UInt8(ascii: "(") else { throw syntax("\(name) needs '(' here, not \(shown)") }
    position += 1
  }

  /// Passes the closing parenthesis and the rest of its line if that is blank.
  private mutating func expectEnd(_ name: String) throws(TemplateError) {
    skipSpace()
    guard peek() == UInt8(ascii: ")") else { throw syntax("\(name) needs ')' here, not \(shown)") }
    position += 1
    skipLineEnd()
  }

  private mutating func parseSet() throws(TemplateError) -> Node {
    try expectParenthesis("#set")
    skipSpace()
    guard peek() == UInt8(ascii: "$"), let target = try parseReference(backslashes: 0) else {
      throw syntax("#set needs a reference here, not \(shown)")
    }
    if case .call = target.steps.last { throw syntax("a method's result cannot be set") }
    skipSpace()
    guard peek() == UInt8(ascii: "="), peek(1) != UInt8(ascii: "=") else { throw syntax("#set needs '=' here, not \(shown)") }
    position += 1
    let value = try parseExpression()
    try expectEnd("#set")
    return .assign(target, value)
  }

  private mutating func parseIf(_ start: Int) throws(TemplateError) -> Node {
    var arms: [Branch.Arm] = []
    var otherwise: Block?
    try expectParenthesis("#if")
    var condition = try parseExpression()
    try expectEnd("#if")
    while true {
      let (block, terminator) = try nested(start) { (parser) throws(TemplateError) in try parser.parseBlock(.branch, from: start) }
      arms.append(Branch.Arm(condition: condition, body: block))
      switch terminator {
      case .elseIf:
        try expectParenthesis("#elseif")
        condition = try parseExpression()
        try expectEnd("#elseif")
        continue
      case .otherwise:
        otherwise = try nested(start) { (parser) throws(TemplateError) in try parser.parseBlock(.lastBranch, from: start).block }
      case .end, .endOfText: break
      }
      return .branch(Branch(arms: arms, otherwise: otherwise))
    }
  }

  private mutating func parseForeach(_ start: Int) throws(TemplateError) -> Node {
    try expectParenthesis("#foreach")
    skipSpace()
    let name = try parsePlainReference("#foreach")
    skipSpace()
    guard Spelling.word(text, position).elementsEqual("in".utf8) else { throw syntax("#foreach needs 'in' here, not \(shown)") }
    position += 2
    let items = try parseExpression()
    try expectEnd("#foreach")
    let body = try nested(start) { (parser) throws(TemplateError) in try parser.parseBlock(.block, from: start).block }
    return .each(Loop(variable: variable(name), items: items, body: body, offset: offset(start)))
  }

  private mutating func parseDefine(_ start: Int) throws(TemplateError) -> Node {
    try expectParenthesis("#define")
    skipSpace()
    let name = try parsePlainReference("#define")
    try expectEnd("#define")
    let body = try nested(start) { (parser) throws(TemplateError) in try parser.parseBlock(.block, from: start).block }
    return .define(variable(name), body)
  }

  /// `$name`, `$!name`, `${name}`: a reference without steps.
  private mutating func parsePlainReference(_ directive: String) throws(TemplateError) -> ArraySlice<UInt8> {
    let start = position
    guard peek() == UInt8(ascii: "$") else { throw syntax("\(directive) needs a variable here, not \(shown)") }
    position += 1
    if peek() == UInt8(ascii: "!") { position += 1 }
    let isBraced = peek() == UInt8(ascii: "{")
    if isBraced { position += 1 }
    let name = Spelling.identifier(text, position, compilation.dialect)
    position += name.count
    if name.isEmpty || (isBraced && peek() != UInt8(ascii: "}")) { throw syntax("\(directive) needs a variable here", at: start) }
    if isBraced { position += 1 }
    return name
  }

  private mutating func parseMacro(_ start: Int) throws(TemplateError) {
    try expectParenthesis("#macro")
    skipSpace()
    let name = Spelling.word(text, position)
    if name.isEmpty { throw syntax("#macro needs a name here, not \(shown)") }
    position += name.count
    var parameters: [Macro.Parameter] = []
    while true {
      skipSeparators()
      guard peek() == UInt8(ascii: "$") else { break }
      let parameter = try parsePlainReference("#macro")
      skipSpace()
      var standard: Expression?
      if peek() == UInt8(ascii: "=") {
        position += 1
        standard = try parseExpression()
      }
      parameters.append(Macro.Parameter(name: parameter, standard: standard))
    }
    try expectEnd("#macro")
    parameters.append(Macro.Parameter(name: Array("bodyContent".utf8)[...], standard: nil))
    let outer = locals
    locals = [:]
    for (index, parameter) in parameters.enumerated() { locals[parameter.name] = index }
    let body = try nested(start) { (parser) throws(TemplateError) in try parser.parseBlock(.block, from: start).block }
    locals = outer
    compilation.define(name, Macro(parameters: parameters, body: body))
  }

  /// A macro's call behind its name: arguments apart by blanks or commas, and its content where it has one.
  mutating func parseCall(_ macro: Int, _ start: Int, hasContent: Bool) throws(TemplateError) -> MacroCall {
    var arguments: [Expression] = []
    var cursor = position
    while cursor < text.endIndex, text[cursor] == 0x20 || text[cursor] == 0x09 { cursor += 1 }
    if cursor < text.endIndex, text[cursor] == UInt8(ascii: "(") {
      position = cursor + 1
      skipSeparators()
      while let byte = peek(), byte != UInt8(ascii: ")") {
        arguments.append(try nested(position) { (parser) throws(TemplateError) in try parser.parsePrimary() })
        skipSeparators()
      }
      try expectEnd("this macro's call")
    }
    var content: Block?
    if hasContent { content = try nested(start) { (parser) throws(TemplateError) in try parser.parseBlock(.block, from: start).block } }
    return MacroCall(macro: macro, arguments: arguments, content: content, offset: offset(start))
  }

  private mutating func skipSeparators() {
    while let byte = peek(), Spelling.isSpace(byte) || byte == UInt8(ascii: ",") { position += 1 }
  }

  /// Passes arguments that a directive takes and has no use for here.
  private mutating func skipArguments() throws(TemplateError) {
    guard peek() == UInt8(ascii: "(") else { return }
    position += 1
    skipSeparators()
    while let byte = peek(), byte != UInt8(ascii: ")") {
      _ = try nested(position) { (parser) throws(TemplateError) in try parser.parsePrimary() }
      skipSeparators()
    }
    guard peek() == UInt8(ascii: ")") else { throw syntax("')' is missing here") }
    position += 1
  }

  /// Passes the block of #literal, in which nothing means anything except its own #end.
  /// - Returns: where the text ends and where it starts, which is the position before.
  private mutating func parseRaw(_ start: Int) throws(TemplateError) -> (Int, Int) {
    let from = position
    guard let found = UTF8Text.firstIndex(of: Array("#end".utf8)[...], in: text[from...]) else {
      throw syntax("this block has no #end", at: start)
    }
    position = from + found + 4
    skipLineEnd()
    return (from, from + found)
  }

  mutating func nested<Result>(
    _ start: Int, _ body: (inout TemplateParser) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    var parser = self
    let result = try compilation.nested(at: offset(start)) { () throws(TemplateError) in try body(&parser) }
    self = parser
    return result
  }

  func variable(_ name: ArraySlice<UInt8>) -> Variable {
    if let index = locals[name] { return .local(index) }
    return .slot(compilation.names.slot(name))
  }
}
