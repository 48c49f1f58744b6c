// Owns: when a filter holds for a value: how Jayway's operators compare values of different kinds (`EvaluatorFactory`, `ValueNodes`).

extension JSONPathReader {
  /// A value in a comparison; nil for a path that leads nowhere.
  private typealias Side = Value?

  mutating func holds(_ predicate: JSONPath.Predicate, _ current: Int) throws(JSONPathError) -> Bool {
    try count()
    switch predicate {
    case .or(let left, let right):
      if try holds(left, current) { return true }
      return try holds(right, current)
    case .and(let left, let right):
      if try !holds(left, current) { return false }
      return try holds(right, current)
    case .not(let inner): return try !holds(inner, current)
    case .exists(let path): return try exists(path, current)
    case .compare(let left, let comparison, let right):
      if case .regex(let regex) = right { return try matches(try side(left, current), regex, comparison) }
      return try compare(try side(left, current), comparison, try side(right, current))
    }
  }

  private mutating func exists(_ path: JSONPath, _ current: Int) throws(JSONPathError) -> Bool {
    if path.function == nil, !path.isDefinite { return try !nodes(path, current).isEmpty }
    return try value(of: path, current: current) != nil
  }

  mutating func side(_ operand: JSONPath.Operand, _ current: Int) throws(JSONPathError) -> Value? {
    switch operand {
    case .path(let path): return try value(of: path, current: current)
    case .null: return .null
    case .bool(let isTrue): return .bool(isTrue)
    case .number(let number): return .double(number)
    case .text(let text): return .text(text)
    case .regex: return nil
    case .list(let elements):
      var values: [Value] = []
      for element in elements { values.append(try side(element, current) ?? .null) }
      return .list(ListObject(values, form: .json))
    }
  }

  private func matches(_ left: Value?, _ regex: JavaRegex, _ comparison: JSONPath.Comparison) throws(JSONPathError) -> Bool {
    guard comparison == .matches, case .text(let text) = left else { return false }
    let outcome = text.withUnsafeBufferPointer { bytes -> Result<Bool, JavaRegex.Exhausted> in
      Result { () throws(JavaRegex.Exhausted) in try regex.match(in: bytes, from: 0, whole: true) != nil }
    }
    switch outcome {
    case .success(let isMatch): return isMatch
    case .failure: throw .tooManySteps
    }
  }

  private mutating func compare(_ left: Value?, _ comparison: JSONPath.Comparison, _ right: Value?) throws(JSONPathError) -> Bool {
    switch comparison {
    case .equal: return try equal(left, right)
    case .unequal: return try !equal(left, right)
    case .less: return order(left, right).map { $0 < 0 } ?? false
    case .lessOrEqual: return order(left, right).map { $0 <= 0 } ?? false
    case .greater: return order(left, right).map { $0 > 0 } ?? false
    case .greaterOrEqual: return order(left, right).map { $0 >= 0 } ?? false
    case .matches: return false
    case .within: return try contains(right, left)
    case .notWithin: return try !contains(right, left)
    case .contains:
      if case .text(let text) = left, case .text(let part) = right { return UTF8Text.firstIndex(of: part, in: text) != nil }
      return try contains(left, right)
    case .subsetOf: return try all(of: left, in: right)
    case .allOf: return try all(of: right, in: left)
    case .anyOf: return try any(of: left, in: right)
    case .noneOf: return try !any(of: left, in: right)
    case .size:
      guard let size = Self.size(left), let right, let wanted = Number.double(right) else { return false }
      return Double(size) == wanted
    case .empty:
      guard let size = Self.size(left), case .bool(let wanted) = right else { return false }
      return (size == 0) == wanted
    }
  }

  /// Numbers and texts equal each other where they read the same, by the left one's rules; nothing equals what is not there.
  private mutating func equal(_ left: Value?, _ right: Value?) throws(JSONPathError) -> Bool {
    guard let left, let right else { return false }
    switch (left, right) {
    case (.null, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.text(let a), .text(let b)): return a == b
    case (.text(let a), _) where right.isNumber:
      var printer = ValuePrinter(bytesMax: 1 << 10)
      try? printer.append(Self.plain(right))
      return printer.output[...] == a
    case (_, .text(let b)) where left.isNumber:
      return Double(String(decoding: b, as: UTF8.self)).map { Number.double(left) == $0 } ?? false
    case (.list, .list), (.list, .node), (.node, .list), (.node, .node), (.map, .node), (.node, .map), (.map, .map):
      var steps = steps
      defer { self.steps = steps }
      guard let isEqual = ValueEquality.equal(left, right, steps: &steps) else { throw .tooManySteps }
      return isEqual
    default: return Number.compare(left, right) == 0
    }
  }

  /// A whole number without its point, as `BigDecimal` would have it for a literal such as `10`.
  private static func plain(_ value: Value) -> Value {
    if case .double(let number) = value, let whole = Int64(exactly: number) { return .integer(whole) }
    return value
  }

  private func order(_ left: Value?, _ right: Value?) -> Int? {
    guard let left, let right else { return nil }
    if case .text(let a) = left, case .text(let b) = right { return a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1 }
    return Number.compare(left, right)
  }

  private mutating func elements(_ value: Value?) throws(JSONPathError) -> [Value]? {
    switch value {
    case .list(let list):
      try count(list.elements.count)
      return list.elements
    case .node(let node) where node.kind == .array:
      try count(Int(node.document.tape[node.index].count))
      var result: [Value] = []
      node.document.forEachElement(of: node.index) { result.append(node.document.value(at: $0)) }
      return result
    default: return nil
    }
  }

  private mutating func contains(_ list: Value?, _ wanted: Value?) throws(JSONPathError) -> Bool {
    guard let values = try elements(list) else { return false }
    for value in values where try equal(value, wanted) { return true }
    return false
  }

  private mutating func all(of part: Value?, in list: Value?) throws(JSONPathError) -> Bool {
    guard let values = try elements(part) else { return false }
    for value in values where try !contains(list, value) { return false }
    return true
  }

  private mutating func any(of part: Value?, in list: Value?) throws(JSONPathError) -> Bool {
    guard let values = try elements(part) else { return false }
    for value in values where try contains(list, value) { return true }
    return false
  }

  /// Elements of an array, members of an object, characters of a text.
  static func size(_ value: Value?) -> Int? {
    switch value {
    case .text(let text): return UTF8Text.length(text)
    case .list(let list): return list.elements.count
    case .map(let map): return map.count
    case .node(let node):
      let isArray = node.kind == .array
      return isArray ? Int(node.document.tape[node.index].count) : node.document.memberCount(of: node.index)
    default: return nil
    }
  }
}
