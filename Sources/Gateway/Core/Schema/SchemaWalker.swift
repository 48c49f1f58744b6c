// Owns: the check of a value against a compiled schema, by the fast way: yes or no, at the first failure. What is inside arrays and
// objects stands in SchemaWalker+Containers; why a value fails is SchemaReport's.
import Runtime

/// What rules about the same array or object have evaluated (2019-09 core §7.7.1.2: annotations of `properties`, `items` and the like).
final class EvaluatedMarks {
  private(set) var isWhole = false
  private var marks: [Bool]

  init(count: Int) { marks = Array(repeating: false, count: count) }

  var count: Int { marks.count }

  subscript(place: Int) -> Bool { isWhole || marks.indices.contains(place) && marks[place] }

  func mark(_ place: Int) { if marks.indices.contains(place) { marks[place] = true } }

  func markAll() { isWhole = true }

  /// Another set of as many.
  var fresh: EvaluatedMarks { EvaluatedMarks(count: marks.count) }

  func take(_ other: EvaluatedMarks) {
    if other.isWhole { isWhole = true }
    for place in marks.indices where other.marks[place] { marks[place] = true }
  }
}

/// One validation.
struct SchemaWalker {
  let schema: CompiledSchema
  /// Schemas that may still be applied.
  var steps: Int
  private var depth = 0
  /// Whether a limit was met; nothing that was said since counts.
  private(set) var isExhausted = false
  /// The resources on the way here, outermost first (2020-12 core §7.1, dynamic scope).
  private var scope: [Int32] = []
  private var matcher: PatternMatcher?

  init(_ schema: CompiledSchema) {
    self.schema = schema
    steps = schema.limits.stepsMax
  }

  mutating func isValid(_ value: JSONValue) -> Bool { check(schema.program.root, value, nil) && !isSpent }

  mutating func exhaust() { isExhausted = true }

  /// Whether a limit was met.
  var isSpent: Bool { isExhausted || steps <= 0 }

  /// Takes the cost of what is no schema but grows with the value.
  mutating func spend(_ cost: Int) { steps -= cost }

  /// - Parameter marks: what is evaluated is noted there, if anybody wants to know.
  mutating func check(_ index: Int32, _ value: JSONValue, _ marks: EvaluatedMarks?) -> Bool {
    let node = schema.program.nodes[Int(index)]
    steps -= 1
    if steps <= 0 || depth >= schema.limits.depthMax || isExhausted {
      isExhausted = true
      return false
    }
    let kind = value.kind
    if !Self.holds(node, kind, value) { return false }
    let range = schema.program.rules(of: index, for: kind)
    if range.isEmpty { return true }
    depth += 1
    let isEntering = schema.program.isDynamic && scope.last != node.resource
    if isEntering { scope.append(node.resource) }
    defer {
      depth -= 1
      if isEntering { scope.removeLast() }
    }
    if node.isUnevaluated { return checkUnevaluated(range, value, marks) }
    for place in range {
      if !check(schema.program.rules[place], value, marks) { return false }
    }
    return true
  }

  /// Goes into a schema that somebody else applies rule by rule, and out of it.
  mutating func enter(_ index: Int32) { if schema.program.isDynamic { scope.append(schema.program.nodes[Int(index)].resource) } }

  mutating func leave(_ index: Int32) { if schema.program.isDynamic { scope.removeLast() } }

  /// `type`, and the schema `false`.
  static func holds(_ node: SchemaNode, _ kind: JSONKind, _ value: JSONValue) -> Bool {
    if node.types.contains(SchemaTypes(kind)) { return !node.isNever }
    guard kind == .number, node.types.contains(.integer), case .number(let text) = value else { return false }
    // Draft 4 core §3.5: an integer is "a JSON number without a fraction or exponent part".
    if text.utf8.allSatisfy({ $0 != UInt8(ascii: ".") && $0 | 0x20 != UInt8(ascii: "e") }) { return true }
    return !node.integersByText && JSONDecimal(text).isWhole
  }

  private mutating func checkUnevaluated(_ range: Range<Int>, _ value: JSONValue, _ marks: EvaluatedMarks?) -> Bool {
    let count: Int
    switch value {
    case .array(let elements): count = elements.count
    case .object(let members): count = members.count
    case .null, .bool, .number, .string: count = 0
    }
    let own = EvaluatedMarks(count: count)
    for place in range {
      if !check(schema.program.rules[place], value, own) { return false }
    }
    marks?.take(own)
    return true
  }

  mutating func check(_ rule: SchemaRule, _ value: JSONValue, _ marks: EvaluatedMarks?) -> Bool {
    switch rule {
    case .values(let set):
      spend(Self.weight(of: value))
      return schema.program.valueSets[Int(set)].contains(value, budget: &steps)
    case .allOf, .anyOf, .oneOf, .not, .condition, .reference, .dynamicReference, .recursiveReference:
      return checkLogic(rule, value, marks)
    case .unknownFormat: return true
    case .minimum, .maximum, .multipleOf:
      guard case .number(let text) = value else { return true }
      spend(text.utf8.count / 64)
      return checkNumber(rule, JSONDecimal(text))
    case .minLength(let size):
      guard case .string(let text) = value else { return true }
      spend(text.utf8.count / 256)
      return text.utf8.count >= size && (text.utf8.count / 4 >= size || Self.length(of: text) >= size)
    case .maxLength(let size):
      guard case .string(let text) = value else { return true }
      spend(text.utf8.count / 256)
      return text.utf8.count <= size || Self.length(of: text) <= size
    case .pattern(let pattern):
      guard case .string(let text) = value else { return true }
      return matches(pattern, text)
    case .format(let format):
      guard case .string(let text) = value else { return true }
      spend(1 + text.utf8.count / 16)
      return format.holds(text)
    case .minItems, .maxItems, .uniqueItems, .items, .contains, .unevaluatedItems:
      guard case .array(let elements) = value else { return true }
      return checkArray(rule, elements, marks)
    case .minProperties, .maxProperties, .required, .members, .propertyNames, .dependencies, .unevaluatedProperties:
      guard case .object(let members) = value else { return true }
      return checkObject(rule, value, members, marks)
    }
  }

  /// Steps that hashing a text or a number is worth.
  private static func weight(of value: JSONValue) -> Int {
    switch value {
    case .string(let text): text.utf8.count / 256
    case .number(let text): text.utf8.count / 64
    case .null, .bool, .array, .object: 0
    }
  }

  private func checkNumber(_ rule: SchemaRule, _ number: JSONDecimal) -> Bool {
    switch rule {
    case .minimum(let bound, let isExclusive):
      let order = number.compared(to: schema.program.numbers[Int(bound)].value)
      return order > 0 || order == 0 && !isExclusive
    case .maximum(let bound, let isExclusive):
      let order = number.compared(to: schema.program.numbers[Int(bound)].value)
      return order < 0 || order == 0 && !isExclusive
    case .multipleOf(let divisor): return number.isMultiple(of: schema.program.numbers[Int(divisor)].value)
    default: return true
    }
  }

  /// Code points: "The length of a string instance is defined as the number of its characters as defined by RFC 4627" (draft 4
  /// validation §5.2.1).
  static func length(of text: String) -> Int {
    let bytes = text.utf8.span
    var count = 0
    for place in 0..<bytes.count where bytes[place] & 0xC0 != 0x80 { count += 1 }
    return count
  }

  mutating func matches(_ pattern: Int32, _ text: String) -> Bool {
    spend(1 + text.utf8.count / 64)
    let matcher = matcher ?? PatternMatcher()
    self.matcher = matcher
    switch matcher?.match(schema.program.patterns[Int(pattern)], text) {
    case .matches?: return true
    case .differs?: return false
    case .exhausted?, nil:
      isExhausted = true
      return false
    }
  }

  private mutating func checkLogic(_ rule: SchemaRule, _ value: JSONValue, _ marks: EvaluatedMarks?) -> Bool {
    switch rule {
    case .allOf(let list, let count):
      for place in Int(list)..<Int(list + count) where !check(schema.program.lists[place], value, marks) { return false }
      return true
    case .anyOf(let list, let count):
      var holds = false
      for place in Int(list)..<Int(list + count) where checkBranch(schema.program.lists[place], value, marks) {
        if marks == nil { return true }
        holds = true
      }
      return holds
    case .oneOf(let list, let count):
      var holding = 0
      for place in Int(list)..<Int(list + count) where checkBranch(schema.program.lists[place], value, marks) {
        holding += 1
        if holding > 1 { return false }
      }
      return holding == 1
    case .not(let inner): return !check(inner, value, nil)
    case .condition(let test, let then, let otherwise):
      let next = checkBranch(test, value, marks) ? then : otherwise
      return next < 0 || check(next, value, marks)
    case .reference(let target): return check(target, value, marks)
    case .dynamicReference, .recursiveReference: return check(target(of: rule), value, marks)
    default: return true
    }
  }

  /// A schema whose failure decides nothing, so that what it has evaluated counts only if it holds.
  private mutating func checkBranch(_ node: Int32, _ value: JSONValue, _ marks: EvaluatedMarks?) -> Bool {
    guard let marks else { return check(node, value, nil) }
    spend(marks.count / 64)
    let own = marks.fresh
    guard check(node, value, own) else { return false }
    marks.take(own)
    return true
  }

  /// The outermost resource on the way here that has such an anchor gives the target (2020-12 core §8.2.3.2; 2019-09 core §8.2.4.2).
  func target(of rule: SchemaRule) -> Int32 {
    switch rule {
    case .dynamicReference(let target, let anchor):
      let targets = schema.program.dynamicTargets[Int(anchor)]
      for resource in scope where targets[Int(resource)] >= 0 { return targets[Int(resource)] }
      return target
    case .recursiveReference(let target):
      guard schema.program.recursiveTargets[Int(schema.program.nodes[Int(target)].resource)] >= 0 else { return target }
      for resource in scope where schema.program.recursiveTargets[Int(resource)] >= 0 {
        return schema.program.recursiveTargets[Int(resource)]
      }
      return target
    case .reference(let target): return target
    default: return -1
    }
  }
}
