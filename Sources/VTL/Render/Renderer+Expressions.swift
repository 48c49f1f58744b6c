// Owns: what expressions are worth: literals, operators, what counts as true, what a loop goes through, and values as texts.

extension Renderer {
  func evaluate(_ expression: Expression) throws(RenderFault) -> Value {
    switch expression {
    case .text(let text): return .text(text)
    case .integer(let number): return .integer(number)
    case .double(let number): return .double(number)
    case .number(let text): return .number(text)
    case .bool(let isTrue): return .bool(isTrue)
    case .reference(let reference):
      steps -= 1
      return try value(of: reference)
    case .interpolated(let block): return .text(try interpolate(block))
    case .list(let elements):
      var values: [Value] = []
      values.reserveCapacity(elements.count)
      for element in elements { values.append(try evaluate(element)) }
      try count(elements.count + 4, at: 0)
      let list = ListObject(values)
      if values.contains(where: \.isContainer) { hold(list) }
      return .list(list)
    case .map(let members): return .map(try map(members))
    case .range(let first, let last, let offset):
      guard let (low, high) = try range(first, last) else { return .null }
      let total = Self.length(low, high)
      try count(total, at: offset)
      return .list(ListObject(Self.numbers(low, high, total)))
    case .not, .and, .or: return .bool(try isTrue(expression))
    case .negate(let inner): return Number.arithmetic(.subtract, .integer(0), try nested(inner)) ?? .null
    case .binary(let sign, let left, let right): return try binary(sign, try nested(left), try nested(right))
    }
  }

  private func nested(_ expression: Expression) throws(RenderFault) -> Value {
    try enter(at: 0)
    defer { leave() }
    return try evaluate(expression)
  }

  private func interpolate(_ block: Block) throws(RenderFault) -> ArraySlice<UInt8> {
    try enter(at: 0)
    defer { leave() }
    return try captured(at: 0) { () throws(RenderFault) in _ = try render(block) }
  }

  private func map(_ members: [(name: Expression, value: Expression)]) throws(RenderFault) -> MapObject {
    let map = MapObject(order: .hashed)
    for (name, value) in members {
      let name = try text(of: try evaluate(name), at: 0)
      let value = try evaluate(value)
      if value.isContainer { hold(map) }
      map.put(name, value)
    }
    try count(members.count + 4, at: 0)
    return map
  }

  // MARK: Conditions

  /// Everything is true except false and null: an empty text is (Velocity 1.7, `ASTReference.evaluate`), and so is, by the service's rules,
  /// a reference without value.
  func isTrue(_ expression: Expression) throws(RenderFault) -> Bool {
    switch expression {
    case .not(let inner): return try !isNestedTrue(inner)
    case .and(let left, let right):
      if try !isNestedTrue(left) { return false }
      return try isNestedTrue(right)
    case .or(let left, let right):
      if try isNestedTrue(left) { return true }
      return try isNestedTrue(right)
    default:
      switch try evaluate(expression) {
      case .null: return false
      case .bool(let isTrue): return isTrue
      default: return true
      }
    }
  }

  private func isNestedTrue(_ expression: Expression) throws(RenderFault) -> Bool {
    steps -= 1
    try enter(at: 0)
    defer { leave() }
    return try isTrue(expression)
  }

  // MARK: Operators

  private func binary(_ sign: Operator, _ left: Value, _ right: Value) throws(RenderFault) -> Value {
    steps -= 1
    switch sign {
    case .equal: return .bool(try equal(left, right))
    case .unequal: return .bool(try !equal(left, right))
    case .less: return .bool(Number.compare(left, right).map { $0 < 0 } ?? false)
    case .lessOrEqual: return .bool(Number.compare(left, right).map { $0 <= 0 } ?? false)
    case .greater: return .bool(Number.compare(left, right).map { $0 > 0 } ?? false)
    case .greaterOrEqual: return .bool(Number.compare(left, right).map { $0 >= 0 } ?? false)
    case .add:
      if left.isNumber, right.isNumber { return Number.arithmetic(.add, left, right) ?? .null }
      if left.isNull || right.isNull { return .null }
      // Whatever is no number makes `+` join texts (Velocity 1.7, `ASTAddNode.handleSpecial`).
      let (head, tail) = (try text(of: left, at: 0), try text(of: right, at: 0))
      if head.count + tail.count > limits.outputBytesMax { throw fault(.tooMuch, at: 0) }
      try count((head.count + tail.count) / 64, at: 0)
      return .text((Array(head) + tail)[...])
    case .subtract, .multiply, .divide, .remainder: return Number.arithmetic(sign, left, right) ?? .null
    }
  }

  func equal(_ left: Value, _ right: Value) throws(RenderFault) -> Bool {
    var left = left
    var right = right
    if case .block = left { left = .text(try text(of: left, at: 0)) }
    if case .block = right { right = .text(try text(of: right, at: 0)) }
    guard let isEqual = ValueEquality.equal(left, right, steps: &steps) else {
      throw RenderFault(.tooManySteps, at: 0, "comparing these values takes too long")
    }
    return isEqual
  }

  // MARK: Loops

  private func range(_ first: Expression, _ last: Expression) throws(RenderFault) -> (Int64, Int64)? {
    guard let low = Self.place(try evaluate(first)), let high = Self.place(try evaluate(last)) else { return nil }
    return (Int64(low), Int64(high))
  }

  private static func length(_ low: Int64, _ high: Int64) -> Int {
    let span = low < high ? high.subtractingReportingOverflow(low) : low.subtractingReportingOverflow(high)
    return span.overflow || span.partialValue >= Int64(Int32.max) ? Int(Int32.max) : Int(span.partialValue) + 1
  }

  private static func numbers(_ low: Int64, _ high: Int64, _ count: Int) -> [Value] {
    (0..<Int64(count)).map { .integer(low <= high ? low + $0 : low - $0) }
  }

  /// What a loop goes through, no more than the rounds allowed, and how much there is in all; nil for what no loop goes through.
  func items(of expression: Expression) throws(RenderFault) -> (items: [Value], total: Int)? {
    if case .range(let first, let last, _) = expression {
      guard let (low, high) = try range(first, last) else { return nil }
      let total = Self.length(low, high)
      return (Self.numbers(low, high, min(total, limits.roundsMax)), total)
    }
    let rounds = limits.roundsMax
    let value = try evaluate(expression)
    switch value {
    case .list(let list): return (Array(list.elements.prefix(rounds)), list.elements.count)
    case .map(let map):
      try count(map.count, at: 0)
      return (map.sequence.prefix(rounds).map { map.values[$0] }, map.count)
    case .node(let node):
      let total = Int(node.document.tape[node.index].count)
      var items: [Value] = []
      items.reserveCapacity(min(total, rounds))
      if node.kind == .array {
        var cursor = node.index + 1
        for _ in 0..<min(total, rounds) {
          items.append(node.document.value(at: cursor))
          cursor = Int(node.document.tape[cursor].next)
        }
        return (items, total)
      }
      try count(total, at: 0)
      node.document.forEachMember(of: node.index) { _, value in if items.count < rounds { items.append(node.document.value(at: value)) } }
      return (items, node.document.memberCount(of: node.index))
    case .context, .contextGroup, .stageVariables, .parameters, .parameterGroup:
      let items = names(of: value).map { member($0, of: value) }
      return (Array(items.prefix(rounds)), items.count)
    case .null, .bool, .integer, .double, .number, .text, .entry, .block, .loop, .input, .util: return nil
    }
  }

  // MARK: Texts

  /// `value.toString()`.
  func text(of value: Value, at offset: Int) throws(RenderFault) -> ArraySlice<UInt8> {
    switch value {
    case .text(let text), .number(let text): return text
    case .block(let block): return try captured(at: offset) { () throws(RenderFault) in _ = try render(block, at: offset) }
    default:
      var printer = ValuePrinter(bytesMax: limits.outputBytesMax)
      do { try printer.append(value) } catch { throw fault(error, at: offset) }
      try count(printer.output.count / 64, at: offset)
      return printer.output[...]
    }
  }
}
