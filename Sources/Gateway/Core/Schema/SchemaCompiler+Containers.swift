// Owns: keywords about what is inside arrays and objects.
import Runtime

extension SchemaCompiler {
  mutating func compileItems(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    var items = SchemaItems(list: Int32(program.lists.count), count: 0, rest: -1)
    let prefixKeyword = schema.draft >= .draft2020 ? "prefixItems" : "items"
    if let value = schema[prefixKeyword], case .array(let elements) = value {
      var nodes: [Int32] = []
      for (position, element) in elements.enumerated() {
        nodes.append(try self.node(schema.location, prefixKeyword, String(position), value: element))
      }
      (items.list, items.count) = add(list: nodes)
      // Draft 4 validation §5.3.1: `additionalItems` counts only beside an array.
      if schema.draft < .draft2020, let value = schema["additionalItems"] {
        items.rest = try self.node(schema.location, "additionalItems", value: value)
      }
    } else if schema.draft >= .draft2020, schema[prefixKeyword] != nil {
      throw index.fault(schema.place(prefixKeyword), "\"prefixItems\" must be an array of schemas")
    }
    if let value = schema["items"], schema.draft >= .draft2020 || value.arrayValue == nil {
      items.rest = try self.node(schema.location, "items", value: value)
    }
    if items.count > 0 || items.rest >= 0 {
      program.items.append(items)
      node.rules.append(.items(table: Int32(program.items.count - 1)))
    }
    guard schema.draft >= .draft6, let value = schema["contains"] else { return }
    var contains = SchemaContains(node: try self.node(schema.location, "contains", value: value), min: 1, max: Int.max, evaluates: false)
    contains.evaluates = schema.draft >= .draft2020
    if schema.draft >= .draft2019, schema.dialect.hasValidation {
      contains.min = try size("minContains", schema) ?? 1
      contains.max = try size("maxContains", schema) ?? Int.max
    }
    program.contains.append(contains)
    node.rules.append(.contains(table: Int32(program.contains.count - 1)))
  }

  mutating func compileMembers(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    var names: [String] = []
    var nodes: [Int32] = []
    for member in try map("properties", schema) {
      names.append(member.name)
      nodes.append(try self.node(schema.location, "properties", member.name, value: member.value))
    }
    var patterns: [(pattern: Int32, node: Int32)] = []
    for member in try map("patternProperties", schema) {
      let place = schema.location.appending("patternProperties", member.name)
      let inner = try self.node(schema.location, "patternProperties", member.name, value: member.value)
      patterns.append((try pattern(member.name, at: place), inner))
    }
    var rest: Int32 = -1
    if let value = schema["additionalProperties"] { rest = try self.node(schema.location, "additionalProperties", value: value) }
    if !names.isEmpty || !patterns.isEmpty || rest >= 0 {
      var members = SchemaMembers(
        names: NameTable([]), nodes: nodes, requiredPlaces: Array(repeating: -1, count: nodes.count), requiredCount: 0, patterns: patterns,
        rest: rest)
      cover(&node, names: &names, members: &members)
      members.names = NameTable(names)
      program.members.append(members)
      node.rules.append(.members(table: Int32(program.members.count - 1)))
    }
    if schema.draft >= .draft6, let value = schema["propertyNames"] {
      node.rules.append(.propertyNames(try self.node(schema.location, "propertyNames", value: value)))
    }
    try compileDependencies(schema, into: &node)
  }

  /// Takes the node's `required` into the table of its members.
  private func cover(_ node: inout PendingNode, names: inout [String], members: inout SchemaMembers) {
    for place in node.rules.indices {
      guard case .required(let table, false) = node.rules[place] else { continue }
      node.rules[place] = .required(table: table, isCovered: true)
      let required = program.required[Int(table)].names
      members.requiredCount = required.count
      let properties = NameTable(names)
      for (position, name) in required.enumerated() {
        let known = properties.index(of: name)
        if known >= 0 {
          members.requiredPlaces[known] = Int32(position)
        } else {
          names.append(name)
          members.nodes.append(-1)
          members.requiredPlaces.append(Int32(position))
        }
      }
    }
  }

  private mutating func compileDependencies(_ schema: SchemaKeywords, into node: inout PendingNode) throws(SchemaError) {
    var found: [(name: String, dependency: SchemaDependencies.Dependency)] = []
    // Later drafts split it in two; their metaschemas keep it for what was written before.
    for member in try map("dependencies", schema) {
      var dependency = SchemaDependencies.Dependency(required: -1, node: -1)
      if case .array = member.value {
        let place = schema.location.appending("dependencies", member.name)
        dependency.required = add(required: try self.names(member.value, place, "a dependency"))
      } else {
        dependency.node = try self.node(schema.location, "dependencies", member.name, value: member.value)
      }
      found.append((member.name, dependency))
    }
    if schema.draft >= .draft2019 {
      for member in schema.dialect.hasValidation ? try map("dependentRequired", schema) : [] {
        let place = schema.location.appending("dependentRequired", member.name)
        let required = add(required: try self.names(member.value, place, "a dependency"))
        found.append((member.name, SchemaDependencies.Dependency(required: required, node: -1)))
      }
      for member in try map("dependentSchemas", schema) {
        let inner = try self.node(schema.location, "dependentSchemas", member.name, value: member.value)
        found.append((member.name, SchemaDependencies.Dependency(required: -1, node: inner)))
      }
    }
    guard !found.isEmpty else { return }
    var dependencies = SchemaDependencies(table: NameTable(found.map(\.name)), names: [], dependencies: [])
    var places: [ExactText: Int] = [:]
    for (name, dependency) in found {
      if let place = places[ExactText(name)] {
        dependencies.dependencies[place].append(dependency)
      } else {
        places[ExactText(name)] = dependencies.names.count
        dependencies.names.append(name)
        dependencies.dependencies.append([dependency])
      }
    }
    dependencies.table = NameTable(dependencies.names)
    program.dependencies.append(dependencies)
    node.rules.append(.dependencies(table: Int32(program.dependencies.count - 1)))
  }

  /// The members of an object, of equal names the last.
  private func map(_ keyword: String, _ schema: SchemaKeywords) throws(SchemaError) -> [JSONMember] {
    guard let value = schema[keyword] else { return [] }
    guard case .object = value else { throw index.fault(schema.place(keyword), "\"\(keyword)\" must be an object") }
    return value.distinctMembers
  }

  mutating func add(list nodes: [Int32]) -> (list: Int32, count: Int32) {
    let start = Int32(program.lists.count)
    program.lists += nodes
    return (start, Int32(nodes.count))
  }
}
