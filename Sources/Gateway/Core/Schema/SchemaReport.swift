// Owns: why a value fails, in the words of json-schema-validator, which API Gateway shows as `$context.error.validationErrorString`.
// The walk is that validator's (its InstanceValidator): a schema's own rules first; what is inside the value only as long as nothing has
// failed; members in the order of their names. The wording is that of its validation.properties.
import Runtime

struct SchemaReport {
  let schema: CompiledSchema
  /// Answers yes or no for what messages say no more about.
  private var walker: SchemaWalker
  private var messages = MessageSet()
  private var hasFailed = false
  private var depth = 0

  init(_ schema: CompiledSchema) {
    self.schema = schema
    walker = SchemaWalker(schema)
  }

  mutating func failures(of value: JSONValue) -> SchemaFailures {
    report(schema.program.root, value)
    if walker.isSpent || !hasFailed { fail("the value takes more steps to check than the limits allow") }
    return SchemaFailures(messages: messages.ordered)
  }

  private var limits: SchemaLimits { schema.limits }

  private mutating func fail(_ message: String) {
    hasFailed = true
    messages.insert(message, limits)
  }

  /// A text of a message, cut so that no message outgrows its limit.
  private func shown(_ value: JSONValue) -> String { Self.text(of: value, limit: limits.messageBytesMax) }

  private func shown(_ text: String) -> String { MessageSet.cut(text, limits.messageBytesMax) }

  private func shown(_ names: [String]) -> String { shown(.array(names.map { .string($0) })) }

  private mutating func report(_ index: Int32, _ value: JSONValue) {
    walker.spend(1)
    guard depth < limits.depthMax, !walker.isSpent, !messages.isFull(limits) else { return }
    depth += 1
    walker.enter(index)
    defer {
      walker.leave(index)
      depth -= 1
    }
    let node = schema.program.nodes[Int(index)]
    let kind = value.kind
    let rules = schema.program.rules[schema.program.rules(of: index, for: kind)]
    if node.isNever {
      fail("instance is not allowed by the schema")
      return
    }
    if !SchemaWalker.holds(node, kind, value) {
      fail("instance type (\(Self.typeName(value))) does not match any allowed primitive type (allowed: \(Self.names(of: node.types)))")
    }
    if node.isUnevaluated { reportUnevaluated(index, rules, value) } else { for rule in rules { report(rule, value) } }
    if hasFailed { return }
    for rule in rules { reportInside(rule, value) }
  }

  /// The failures of a schema with `unevaluatedItems` or `unevaluatedProperties`, whose rules are to be checked together.
  private mutating func reportUnevaluated(_ index: Int32, _ rules: ArraySlice<SchemaRule>, _ value: JSONValue) {
    for rule in rules { report(rule, value) }
    if hasFailed || walker.check(index, value, nil) { return }
    for rule in rules {
      switch rule {
      case .unevaluatedItems: fail("array has elements which no schema allows")
      case .unevaluatedProperties: fail("object instance has properties which no schema allows")
      default: break
      }
    }
  }

  private mutating func report(_ rule: SchemaRule, _ value: JSONValue) {
    switch rule {
    case .items(let table): reportListed(schema.program.items[Int(table)], value)
    case .members(let table): reportUnwanted(Int(table), value)
    case .required(let table, _): reportMissing(Int(table), value)
    case .dependencies(let table): reportDependencies(Int(table), value)
    case .reference, .dynamicReference, .recursiveReference: report(walker.target(of: rule), value)
    case .unevaluatedItems, .unevaluatedProperties: break
    case .unknownFormat(let name):
      messages.insert("format attribute \"\(shown(schema.program.names[Int(name)]))\" not supported", limits)
    case .values, .allOf, .anyOf, .oneOf, .not, .condition, .minimum, .maximum, .multipleOf, .minLength, .maxLength, .pattern, .format,
      .minItems, .maxItems, .uniqueItems, .contains, .minProperties, .maxProperties, .propertyNames:
      if !walker.check(rule, value, nil) { fail(complaint(rule, value)) }
    }
  }

  private mutating func complaint(_ rule: SchemaRule, _ value: JSONValue) -> String {
    switch rule {
    case .values(let set):
      "instance value (\(shown(value))) not found in enum (possible values: \(schema.program.valueTexts[Int(set)]))"
    case .allOf(let list, let count):
      "instance failed to match all required schemas (matched only \(matched(list, count, value)) out of \(count))"
    case .anyOf(_, let count): "instance failed to match at least one required schema among \(count)"
    case .oneOf(let list, let count): "instance failed to match exactly one schema (matched \(matched(list, count, value)) out of \(count))"
    case .not: "instance matched a schema which it should not have"
    case .condition: "instance failed to match the schema which a condition requires"
    case .minimum, .maximum, .multipleOf: complaint(number: rule, value)
    case .minLength(let size): complaint(text: value, "short", "required minimum", size)
    case .maxLength(let size): complaint(text: value, "long", "maximum allowed", size)
    case .pattern(let pattern):
      "ECMA 262 regex \"\(schema.program.patterns[Int(pattern)].text)\" does not match input string \"\(shown(value.stringValue ?? ""))\""
    case .format(let format): format.complaint(shown(value.stringValue ?? ""))
    case .minItems(let size):
      "array is too short: must have at least \(size) elements but instance has \(value.arrayValue?.count ?? 0) elements"
    case .maxItems(let size):
      "array is too long: must have at most \(size) elements but instance has \(value.arrayValue?.count ?? 0) elements"
    case .uniqueItems: "array must not contain duplicate elements"
    case .contains: "array does not contain the elements which the schema requires"
    case .minProperties(let size):
      "object has too few properties (found \(SchemaWalker.distinct(value.objectValue ?? [])) but schema requires at least \(size))"
    case .maxProperties(let size):
      "object has too many properties (found \(SchemaWalker.distinct(value.objectValue ?? [])) but schema requires at most \(size))"
    case .propertyNames: "object instance has properties whose names the schema does not allow"
    case .items, .members, .required, .dependencies, .reference, .dynamicReference, .recursiveReference, .unevaluatedItems,
      .unevaluatedProperties, .unknownFormat:
      "instance is not allowed by the schema"
    }
  }

  private func complaint(number rule: SchemaRule, _ value: JSONValue) -> String {
    let found = JavaText.number(value.numberText ?? "")
    switch rule {
    case .minimum(let number, let isExclusive):
      let bound = schema.program.numbers[Int(number)]
      return isExclusive && JSONDecimal(value.numberText ?? "").compared(to: bound.value) == 0
        ? "numeric instance is not strictly greater than the required minimum \(JavaText.number(bound.text))"
        : "numeric instance is lower than the required minimum (minimum: \(JavaText.number(bound.text)), found: \(shown(found)))"
    case .maximum(let number, let isExclusive):
      let bound = schema.program.numbers[Int(number)]
      return isExclusive && JSONDecimal(value.numberText ?? "").compared(to: bound.value) == 0
        ? "numeric instance is not strictly lower than the required maximum \(JavaText.number(bound.text))"
        : "numeric instance is greater than the required maximum (maximum: \(JavaText.number(bound.text)), found: \(shown(found)))"
    case .multipleOf(let number):
      return "remainder of division is not zero (\(shown(found)) / \(JavaText.number(schema.program.numbers[Int(number)].text)))"
    default: return ""
    }
  }

  private func complaint(text value: JSONValue, _ fault: String, _ bound: String, _ size: Int) -> String {
    let text = value.stringValue ?? ""
    return "string \"\(shown(text))\" is too \(fault) (length: \(SchemaWalker.length(of: text)), \(bound): \(size))"
  }

  /// How many of a list of schemas a value matches.
  private mutating func matched(_ list: Int32, _ count: Int32, _ value: JSONValue) -> Int {
    var matched = 0
    for place in Int(list)..<Int(list + count) where walker.check(schema.program.lists[place], value, nil) { matched += 1 }
    return matched
  }
}

/// Arrays and objects.
extension SchemaReport {
  private func isNever(_ node: Int32) -> Bool { node >= 0 && schema.program.nodes[Int(node)].isNever }

  /// `additionalItems: false`.
  private mutating func reportListed(_ items: SchemaItems, _ value: JSONValue) {
    guard let elements = value.arrayValue, items.count > 0, isNever(items.rest), elements.count > items.count else { return }
    fail("schema only allows \(items.count) elements in array but instance has \(elements.count) elements")
  }

  /// `additionalProperties: false`.
  private mutating func reportUnwanted(_ table: Int, _ value: JSONValue) {
    guard let members = value.objectValue, isNever(schema.program.members[table].rest) else { return }
    walker.spend(members.count)
    var unwanted: Set<ExactText> = []
    for member in members where nodes(table, member.name).isEmpty { unwanted.insert(ExactText(member.name)) }
    if unwanted.isEmpty { return }
    let names = unwanted.map(\.text).sorted(by: JavaText.precedes)
    fail("object instance has properties which are not allowed by the schema: \(shown(names))")
  }

  /// What `properties` and `patternProperties` say of a member.
  private mutating func nodes(_ table: Int, _ name: String) -> [Int32] {
    var nodes: [Int32] = []
    let known = schema.program.members[table].names.index(of: name)
    if known >= 0, schema.program.members[table].nodes[known] >= 0 { nodes.append(schema.program.members[table].nodes[known]) }
    for entry in schema.program.members[table].patterns where walker.matches(entry.pattern, name) { nodes.append(entry.node) }
    return nodes
  }

  private mutating func reportMissing(_ table: Int, _ value: JSONValue) {
    guard let members = value.objectValue else { return }
    walker.spend(members.count)
    let missing = missing(schema.program.required[table].names, members)
    if !missing.isEmpty { fail("object has missing required properties (\(shown(missing)))") }
  }

  private func missing(_ names: [String], _ members: [JSONMember]) -> [String] {
    let present = Set(members.map { ExactText($0.name) })
    return names.filter { !present.contains(ExactText($0)) }
  }

  private mutating func reportDependencies(_ table: Int, _ value: JSONValue) {
    guard let members = value.objectValue else { return }
    walker.spend(members.count)
    let present = Set(members.map { ExactText($0.name) })
    for (place, name) in schema.program.dependencies[table].names.enumerated() where present.contains(ExactText(name)) {
      for dependency in schema.program.dependencies[table].dependencies[place] {
        if dependency.required >= 0 {
          let required = schema.program.required[Int(dependency.required)].names
          walker.spend(members.count)
          let missing = missing(required, members)
          if !missing.isEmpty {
            fail(
              "property \"\(shown(name))\" of object has missing property dependencies (schema requires \(shown(required)); "
                + "missing: \(shown(missing)))")
          }
        }
        if dependency.node >= 0 { report(dependency.node, value) }
      }
    }
  }

  /// The failures of what is inside an array or object.
  private mutating func reportInside(_ rule: SchemaRule, _ value: JSONValue) {
    switch (rule, value) {
    case (.items(let table), .array(let elements)):
      let items = schema.program.items[Int(table)]
      for (place, element) in elements.enumerated() {
        if messages.isFull(limits) || walker.isSpent { return }
        if place < items.count {
          report(schema.program.lists[Int(items.list) + place], element)
        } else if items.rest >= 0 {
          report(items.rest, element)
        }
      }
    case (.members(let table), .object(let members)):
      let rest = schema.program.members[Int(table)].rest
      walker.spend(members.count)
      for member in members.sorted(by: { JavaText.precedes($0.name, $1.name) }) {
        if messages.isFull(limits) || walker.isSpent { return }
        let nodes = nodes(Int(table), member.name)
        for node in nodes { report(node, member.value) }
        if nodes.isEmpty, rest >= 0 { report(rest, member.value) }
      }
    default: break
    }
  }

  private static func typeName(_ value: JSONValue) -> String {
    if case .number(let text) = value { return text.utf8.allSatisfy { FormatScanner.isDigit($0) || $0 == 0x2D } ? "integer" : "number" }
    return value.kind.name
  }

  private static func names(of types: SchemaTypes) -> String {
    var names: [JSONValue] = []
    for kind in JSONKind.allCases {
      if kind == .null, types.contains(.integer) || types.contains(SchemaTypes(.number)) { names.append("integer") }
      if types.contains(SchemaTypes(kind)) { names.append(.string(kind.name)) }
    }
    return text(of: .array(names), limit: 256)
  }
}

extension JSONKind {
  var name: String {
    switch self {
    case .array: "array"
    case .boolean: "boolean"
    case .null: "null"
    case .number: "number"
    case .object: "object"
    case .string: "string"
    }
  }
}
