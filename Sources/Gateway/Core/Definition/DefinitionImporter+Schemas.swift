// Owns the reading of models: the schemas of a document, their references to each other, and the naming of schemas that stand inline.
// What a schema accepts is compiled elsewhere.
import Runtime

extension DefinitionImporter {
  mutating func readModels(_ node: DocumentNode?) {
    guard let node else { return }
    let entries = members(node, "the schemas")
    if entries.count > limits.modelsMax { return fail(node, "the document has more than \(limits.modelsMax) schemas") }
    for (name, element) in entries {
      // OpenAPI section 4.8.7; AWS takes letters and digits.
      if name.isEmpty || !name.utf8.allSatisfy({ DefinitionImporter.isAlphanumeric($0) || "._-".utf8.contains($0) }) {
        fail(element, "\"\(Shown.text(name))\" is no name of a model; it has letters, digits, dots, - and _")
        continue
      }
      if !name.utf8.allSatisfy(DefinitionImporter.isAlphanumeric) {
        note(element, "AWS takes letters and digits for the name of a model, and would refuse \"\(Shown.text(name))\"")
      }
      definition.models[name] = model(element)
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    MappingSource.isVariable(String(UnicodeScalar(byte))) && byte != UInt8(ascii: "_")
  }

  private mutating func model(_ node: DocumentNode) -> APIDefinition.Model {
    var schema = schema(node, root: node.value, depth: 0)
    let description = schema["description"]?.stringValue
    // OpenAPI 3.1 section 4.8.24: without a word on it, its schemas are of draft 2020-12; elsewhere draft 4 is meant.
    if format == .openAPI31, case .object(let members) = schema, schema["$schema"] == nil {
      let dialect = document.root["jsonSchemaDialect"]?.stringValue ?? "https://json-schema.org/draft/2020-12/schema"
      schema = .object([JSONMember("$schema", .string(dialect))] + members)
    }
    return APIDefinition.Model(description: description, schema: schema)
  }

  /// The name of the model that a schema stands for. One that has none gets a name made of its content, so that a second import gives
  /// the same.
  mutating func modelName(_ node: DocumentNode) -> String? {
    if let reference = node.value.objectValue?.first(where: { $0.name == "$ref" })?.value {
      let place = DocumentNode(value: reference, pointer: node.pointer.appending("$ref"))
      guard let text = string(place, "$ref") else { return nil }
      guard let name = modelReference(text, place), checkModel(name, text, place) else { return nil }
      return name
    }
    let model = model(node)
    let text = model.schema.serialized()
    guard spend(text.count / 16) else { return nil }
    for seed in 0..<UInt64(8) {
      let hash = text.withUnsafeBytes { StableHash.hash($0, seed: seed) }
      let digits = String(hash % 0xFF_FFFF_FFFF, radix: 16)
      let name = "MODEL" + String(repeating: "0", count: 10 - digits.utf8.count) + digits
      if let known = definition.models[name] {
        if known == model { return name }
        continue
      }
      guard definition.models.count < limits.modelsMax else { break }
      definition.models[name] = model
      return name
    }
    fail(node, "the API has more than \(limits.modelsMax) models")
    return nil
  }

  /// - Returns: the model that a reference names as a whole.
  private mutating func modelReference(_ text: String, _ place: DocumentNode) -> String? {
    let pointer: DocumentPointer
    if let name = DefinitionImporter.modelName(ofURL: text) {
      return name
    } else {
      guard let local = target(text, place) else { return nil }
      pointer = local
    }
    let home = format.isSwagger ? ["definitions"] : ["components", "schemas"]
    guard pointer.tokens.count == home.count + 1, Array(pointer.tokens.prefix(home.count)) == home, let name = pointer.tokens.last else {
      fail(place, "\"\(Shown.text(text))\" is no model; a body refers to #/\(home.joined(separator: "/"))/NAME")
      return nil
    }
    return name
  }

  private mutating func checkModel(_ name: String, _ text: String, _ place: DocumentNode) -> Bool {
    if definition.models.contains(name: name) { return true }
    let near = nearest(name) { $0.definition.models.names }
    fail(place, "\"\(Shown.text(text))\" leads nowhere: the document has no such schema", suggestion: near)
    return false
  }

  /// `https://apigateway.amazonaws.com/restapis/ID/models/NAME`, as AWS's own models refer to each other.
  static func modelName(ofURL text: String) -> String? {
    guard text.hasPrefix("https://apigateway."), text.contains("/restapis/") else { return nil }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[parts.count - 2] == "models", let name = parts.last, !name.isEmpty else { return nil }
    return String(name)
  }

  // MARK: References inside of schemas

  /// A schema with its references to models in the form that the definition has them.
  private mutating func schema(_ node: DocumentNode, root: JSONValue, depth: Int) -> JSONValue {
    guard case .object(let members) = node.value else {
      // Drafts from 6 on know true and false as schemas.
      if node.value.boolValue == nil { mismatch(node, "a schema", "an object") }
      return node.value
    }
    guard depth < limits.schemaDepthMax else {
      fail(node, "the schema has more than \(limits.schemaDepthMax) levels")
      return node.value
    }
    guard spend(members.count) else { return node.value }
    if let name = node.value.duplicateName { fail(node, "\"\(Shown.text(name))\" stands twice in a schema") }
    return .object(
      members.map { member in
        let child = DocumentNode(value: member.value, pointer: node.pointer.appending(member.name))
        return JSONMember(member.name, keyword(member.name, child, root: root, depth: depth + 1))
      })
  }

  private mutating func keyword(_ name: String, _ node: DocumentNode, root: JSONValue, depth: Int) -> JSONValue {
    switch (SchemaReferences.holding(name), node.value) {
    case (.reference, _): return reference(node, root: root)
    case (.named, .object(let members)):
      return .object(
        members.map { member in
          // `dependencies` may list names instead.
          if case .array = member.value { return member }
          let child = DocumentNode(value: member.value, pointer: node.pointer.appending(member.name))
          return JSONMember(member.name, schema(child, root: root, depth: depth + 1))
        })
    case (.schemas, _), (.either, .array): return schemas(node, root: root, depth: depth)
    case (.schema, _), (.either, _): return schema(node, root: root, depth: depth)
    case (.named, _), (.data, _): return node.value
    }
  }

  private mutating func schemas(_ node: DocumentNode, root: JSONValue, depth: Int) -> JSONValue {
    guard case .array(let elements) = node.value else { return node.value }
    return .array(
      elements.enumerated().map { index, element in
        schema(DocumentNode(value: element, pointer: node.pointer.appending(index)), root: root, depth: depth + 1)
      })
  }

  /// A reference to a model, also into one, in the definition's form; a reference within the schema itself stays.
  private mutating func reference(_ node: DocumentNode, root: JSONValue) -> JSONValue {
    guard let text = node.value.stringValue else {
      // A property may have this name.
      return node.value
    }
    if let name = DefinitionImporter.modelName(ofURL: text) { return .string(APIDefinition.schemaPrefix + name) }
    guard let pointer = target(text, node) else { return node.value }
    var table = ReferenceTable()
    let home = format.isSwagger ? ["definitions"] : ["components", "schemas"]
    if Array(pointer.tokens.prefix(home.count)) == home, pointer.tokens.count > home.count {
      if references.value(at: pointer, in: document.root) != nil {
        return .string(DocumentPointer(["components", "schemas"] + pointer.tokens.dropFirst(home.count)).fragment)
      }
    }
    guard spend(pointer.tokens.count), pointer.tokens.count <= limits.schemaDepthMax else { return node.value }
    if table.value(at: pointer, in: root) == nil {
      fail(node, "\"\(Shown.text(text))\" leads nowhere: neither the document nor the schema has it", suggestion: near(pointer))
    }
    return node.value
  }

  /// A schema that is nothing but a reference to itself, by however many steps, accepts nothing that could be said.
  mutating func checkModelCycles() {
    var cleared: Set<String> = []
    for entry in definition.models {
      var chain: [String] = []
      var name: String? = entry.name
      while let current = name, !cleared.contains(current) {
        if chain.contains(current) || chain.count > limits.referenceChainMax {
          let home = format.isSwagger ? ["definitions"] : ["components", "schemas"]
          findings.add(
            .error, DocumentPointer(home + [entry.name]),
            "the schema \"\(Shown.text(entry.name))\" refers to itself, or through more than \(limits.referenceChainMax) others, "
              + "before it says anything")
          break
        }
        chain.append(current)
        name = definition.models[current]?.schema["$ref"]?.stringValue.flatMap { MappingSource.rest($0, APIDefinition.schemaPrefix) }
      }
      cleared.formUnion(chain)
    }
  }
}

extension APIDefinition {
  /// What stands before a model's name where a schema refers to it.
  public static let schemaPrefix = "#/components/schemas/"
}
