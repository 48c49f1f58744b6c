// Owns: the notations of references: `$name`, `$!name`, `${name}`, steps, indices, calls, an alternate value.

extension TemplateParser {
  /// Parses the reference that starts at the `$` of the position.
  /// - Returns: nil, with the position where it was, if that `$` begins none and is text.
  mutating func parseReference(backslashes: Int) throws(TemplateError) -> Reference? {
    let start = position
    var cursor = start + 1
    let isQuiet = cursor < text.endIndex && text[cursor] == UInt8(ascii: "!")
    if isQuiet { cursor += 1 }
    let isFormal = cursor < text.endIndex && text[cursor] == UInt8(ascii: "{")
    if isFormal { cursor += 1 }
    let name = Spelling.identifier(text, cursor, compilation.dialect)
    if name.isEmpty { return nil }
    position = name.endIndex
    let variable = variable(name)
    let steps = try parseSteps(variable)
    var alternate: Expression?
    if isFormal {
      if peek() == UInt8(ascii: "|") {
        position += 1
        alternate = try parseExpression()
        skipSpace()
      }
      guard peek() == UInt8(ascii: "}") else { throw syntax("'}' is missing here, found \(shown)") }
      position += 1
    }
    return Reference(
      variable: variable, steps: steps, literal: text[start..<position], isQuiet: isQuiet, backslashes: backslashes,
      alternate: alternate, contextKey: Self.contextKey(variable, steps), offset: offset(start))
  }

  private mutating func parseSteps(_ variable: Variable) throws(TemplateError) -> [Step] {
    var steps: [Step] = []
    while let byte = peek() {
      if byte == UInt8(ascii: "[") {
        steps.append(.index(try parseIndex()))
      } else if byte == UInt8(ascii: "."), let next = peek(1), Spelling.isLetter(next) {
        let start = position
        let name = Spelling.identifier(text, position + 1, compilation.dialect)
        position = name.endIndex
        if peek() == UInt8(ascii: "(") {
          steps.append(.call(try parseArguments(name, start, isInput: steps.isEmpty && variable.isSlot(NameTable.input))))
        } else {
          steps.append(.property(name))
        }
      } else {
        break
      }
    }
    return steps
  }

  private mutating func parseIndex() throws(TemplateError) -> Expression {
    position += 1
    let index = try parseExpression()
    skipSpace()
    guard peek() == UInt8(ascii: "]") else { throw syntax("']' is missing here, found \(shown)") }
    position += 1
    return index
  }

  private mutating func parseArguments(_ name: ArraySlice<UInt8>, _ start: Int, isInput: Bool) throws(TemplateError) -> Call {
    position += 1
    var arguments: [Expression] = []
    skipSpace()
    if peek() != UInt8(ascii: ")") {
      while true {
        arguments.append(try parseExpression())
        skipSpace()
        guard peek() == UInt8(ascii: ",") else { break }
        position += 1
      }
    }
    guard peek() == UInt8(ascii: ")") else { throw syntax("')' or ',' is missing here, found \(shown)") }
    position += 1
    let method = Method(name)
    return Call(
      method: method, name: name, arguments: arguments,
      prepared: try prepare(method, arguments, isInput: isInput, start), offset: offset(start))
  }

  /// A literal JSONPath must be one; a literal regular expression that is none fails when it is reached, as in Java.
  private func prepare(
    _ method: Method?, _ arguments: [Expression], isInput: Bool, _ start: Int
  ) throws(TemplateError) -> Call.Prepared {
    guard case .text(let literal) = arguments.first else { return .nothing }
    switch method {
    case .path where isInput, .json where isInput:
      do {
        return .path(try JSONPath(literal))
      } catch {
        throw compilation.error(.jsonPath, at: offset(start), "'\(error.path)' is no JSONPath: \(error)")
      }
    case .matches, .replaceAll, .replaceFirst, .split:
      return (try? JavaRegex(literal, stepsMax: compilation.limits.regexStepsMax)).map { .regex($0) } ?? .nothing
    default: return .nothing
    }
  }

  /// The variable of `$context` that the first steps name, in whatever notation: `.a.b`, `['a']["b"]`, `.get('a')`.
  private static func contextKey(_ variable: Variable, _ steps: [Step]) -> (key: ContextKey, steps: Int)? {
    guard variable.isSlot(NameTable.context), let first = steps.first.flatMap(constantName) else { return nil }
    if let group = ContextGroup(first) {
      guard steps.count > 1, let second = constantName(steps[1]), let key = ContextKey(second, in: group) else { return nil }
      return (key, 2)
    }
    return ContextKey(root: first).map { ($0, 1) }
  }

  private static func constantName(_ step: Step) -> ArraySlice<UInt8>? {
    switch step {
    case .property(let name): return name
    case .index(.text(let name)): return name
    case .index: return nil
    case .call(let call):
      guard call.method == .get, call.arguments.count == 1, case .text(let name) = call.arguments[0] else { return nil }
      return name
    }
  }
}

extension Variable {
  func isSlot(_ index: Int) -> Bool { if case .slot(index) = self { true } else { false } }
}
