// Owns: keywords that apply other schemas to the same value, and the refusal of those that would never end.
import Runtime

extension SchemaCompiler {
  mutating func compileLogic(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    if let (list, count) = try schemas("allOf", schema) { node.rules.append(.allOf(list: list, count: count)) }
    if let (list, count) = try schemas("anyOf", schema) { node.rules.append(.anyOf(list: list, count: count)) }
    if let (list, count) = try schemas("oneOf", schema) { node.rules.append(.oneOf(list: list, count: count)) }
    if let value = schema["not"] { node.rules.append(.not(try self.node(schema.location, "not", value: value))) }
    // Draft 7 validation §6.6.1: without `if`, the others mean nothing.
    if schema.draft >= .draft7, let test = schema["if"] {
      let testNode = try self.node(schema.location, "if", value: test)
      let then = try schema["then"].map { value throws(SchemaError) in try self.node(schema.location, "then", value: value) }
      let otherwise = try schema["else"].map { value throws(SchemaError) in try self.node(schema.location, "else", value: value) }
      node.rules.append(.condition(if: testNode, then: then ?? -1, else: otherwise ?? -1))
    }
  }

  private mutating func schemas(_ keyword: String, _ schema: SchemaKeywords) throws(SchemaError) -> (Int32, Int32)? {
    guard let value = schema[keyword] else { return nil }
    guard case .array(let elements) = value, !elements.isEmpty else {
      throw index.fault(schema.place(keyword), "\"\(keyword)\" must be an array of at least one schema")
    }
    var nodes: [Int32] = []
    for (position, element) in elements.enumerated() {
      nodes.append(try node(schema.location, keyword, String(position), value: element))
    }
    return add(list: nodes)
  }

  mutating func compileReferences(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    if !schema.draft.refStandsAlone, let value = schema["$ref"] {
      node.rules.append(.reference(self.node(at: try target(value, "$ref", schema))))
    }
    if schema.draft == .draft2019, let value = schema["$recursiveRef"] {
      node.rules.append(.recursiveReference(self.node(at: try target(value, "$recursiveRef", schema))))
      program.isDynamic = true
    }
    if schema.draft >= .draft2020, let value = schema["$dynamicRef"] {
      try compileDynamicReference(value, schema, into: &node)
    }
  }

  private mutating func target(_ value: JSONValue, _ keyword: String, _ schema: SchemaKeywords) throws(SchemaError) -> SchemaLocation {
    guard case .string(let reference) = value else { throw index.fault(schema.place(keyword), "\"\(keyword)\" must be a string") }
    return try index.resolve(reference, from: schema.location)
  }

  /// 2020-12 core §8.2.3.2: a plain reference, unless what it leads to was made by `$dynamicAnchor`.
  private mutating func compileDynamicReference(
    _ value: JSONValue, _ schema: SchemaKeywords, into node: inout PendingNode
  ) throws(SchemaError) {
    let place = try target(value, "$dynamicRef", schema)
    let anchor = SchemaURI(value.stringValue ?? "").decodedFragment.map { ExactText($0) }
    let resource = index.sites[place].map { index.resources[$0.resource] }
    guard let anchor, resource?.dynamicAnchors[anchor] == place else {
      node.rules.append(.reference(self.node(at: place)))
      return
    }
    let number = dynamicAnchors.firstIndex(of: anchor) ?? dynamicAnchors.count
    if number == dynamicAnchors.count { dynamicAnchors.append(anchor) }
    node.rules.append(.dynamicReference(self.node(at: place), anchor: Int32(number)))
    program.isDynamic = true
  }

  /// Makes nodes of all that dynamic references may lead to.
  /// - Returns: whether there was one that had not been reached before.
  mutating func reachDynamicTargets() throws(SchemaError) -> Bool {
    guard program.isDynamic else { return false }
    let before = nodes.count
    program.recursiveTargets = []
    program.dynamicTargets = Array(repeating: [], count: dynamicAnchors.count)
    for resource in index.resources {
      program.recursiveTargets.append(resource.isRecursive ? node(at: resource.root) : -1)
      for (number, anchor) in dynamicAnchors.enumerated() {
        program.dynamicTargets[number].append(resource.dynamicAnchors[anchor].map { node(at: $0) } ?? -1)
      }
    }
    return nodes.count > before
  }

  /// The nodes that a node applies to the very value that it is applied to. Where dynamic references lead is not known here; the walker
  /// has a limit of its own.
  private func inPlace(_ node: PendingNode) -> [Int32] {
    node.rules.flatMap { rule -> [Int32] in
      switch rule {
      case .allOf(let list, let count), .anyOf(let list, let count), .oneOf(let list, let count):
        Array(program.lists[Int(list)..<Int(list) + Int(count)])
      case .not(let inner): [inner]
      case .condition(let test, let then, let otherwise): [test, then, otherwise].filter { $0 >= 0 }
      case .reference(let target): [target]
      case .dependencies(let table): program.dependencies[Int(table)].dependencies.joined().map(\.node).filter { $0 >= 0 }
      case .values, .dynamicReference, .recursiveReference, .unknownFormat, .minimum, .maximum, .multipleOf, .minLength, .maxLength,
        .pattern, .format, .minItems, .maxItems, .uniqueItems, .items, .contains, .unevaluatedItems, .minProperties, .maxProperties,
        .required, .members, .propertyNames, .unevaluatedProperties:
        []
      }
    }
  }

  /// A schema that comes back to itself without having gone into the value would be applied to it for ever (2020-12 core §9.4.1).
  func refuseLoops() throws(SchemaError) {
    enum State { case new, open, closed }
    var states = [State](repeating: .new, count: nodes.count)
    for start in nodes.indices where states[start] == .new {
      var path: [(node: Int, rest: [Int32])] = [(start, inPlace(nodes[start]))]
      states[start] = .open
      while let last = path.last {
        guard let next = last.rest.last.map({ Int($0) }) else {
          states[last.node] = .closed
          path.removeLast()
          continue
        }
        path[path.count - 1].rest.removeLast()
        switch states[next] {
        case .closed: break
        case .open:
          throw index.fault(
            nodes[next].location, "the schema leads back to itself without going into the value, so that checking would never end")
        case .new:
          states[next] = .open
          path.append((next, inPlace(nodes[next])))
        }
      }
    }
  }
}
