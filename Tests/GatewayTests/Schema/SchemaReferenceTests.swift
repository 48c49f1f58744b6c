// References: what they lead to, within a document, between an API's models, to other documents; and what schemas are refused.

import Runtime
import Testing

@testable import Gateway

@Suite struct SchemaReferenceTests {
  static let local: [(schema: String, valid: String, invalid: String)] = [
    (##"{"properties": {"a": {"$ref": "#"}}, "additionalProperties": false}"##, #"{"a": {"a": {}}}"#, #"{"a": {"b": 1}}"#),
    (##"{"items": {"$ref": "#/definitions/a~1b~0c%25d"}, "definitions": {"a/b~c%d": {"type": "null"}}}"##, "[null]", "[1]"),
    (##"{"items": [{"type": "null"}, {"$ref": "#/items/0"}]}"##, "[null, null]", "[null, 1]"),
    (##"{"$ref": "#/elsewhere/0/deep", "elsewhere": [{"deep": {"type": "null"}}]}"##, "null", "1"),
    (##"{"allOf": [{"$ref": "#name"}], "definitions": {"a": {"id": "#name", "type": "null"}}}"##, "null", "1"),
    (##"{"id": "http://e.org/a/b", "$ref": "#/definitions/c", "definitions": {"c": {"type": "null"}}}"##, "null", "1"),
    (
      ##"{"id": "http://e.org/a/b", "items": {"$ref": "c#/items"}, "definitions": {"d": {"id": "c", "items": {"type": "null"}}}}"##,
      "[null]", "[1]"
    ),
    (
      ##"{"id": "http://e.org/a/b", "definitions": {"d": {"id": "../x/", "items": {"$ref": "y"}}, "e": {"id": "/x/y", "type": "null"}}"##
        + ##", "$ref": "#/definitions/d", "allOf": 7}"##, "[null]", "[1]"
    ),
    // Two texts that Swift's own comparison takes for one.
    (
      ##"{"properties": {"a": {"$ref": "#/definitions/e\u0301"}}, "definitions": {"\u00e9": {}, "e\u0301": {"type": "null"}}}"##,
      #"{"a": null}"#, #"{"a": 1}"#
    ),
  ]

  @Test(arguments: local.indices)
  func aReferenceWithinTheDocumentHolds(_ row: Int) throws {
    let (schema, valid, invalid) = Self.local[row]
    let compiled = try CompiledSchema(JSONValue.parse(schema))
    #expect(try compiled.isValid(JSONValue.parse(valid)))
    #expect(try !compiled.isValid(JSONValue.parse(invalid)))
  }

  static func models(_ texts: [String: String]) throws -> SchemaRegistry {
    var registry = SchemaRegistry()
    for (name, text) in texts { registry.add(try JSONValue.parse(text), named: name) }
    return registry
  }

  static let toModel: [String] = [
    "https://apigateway.amazonaws.com/restapis/abc123/models/Pet",
    "https://apigateway.amazonaws.com/restapis/{{apiId}}/models/Pet",
    "https://apigateway.eu-west-1.amazonaws.com/restapis/abc123/models/Pet",
    "https://apigateway.cn-north-1.amazonaws.com.cn/restapis/abc123/models/Pet",
    "#/definitions/Pet",
    "#/components/schemas/Pet",
    "Pet",
  ]

  @Test(arguments: toModel)
  func aModelRefersToAnother(_ reference: String) throws {
    let registry = try Self.models([
      "Pets": #"{"type": "array", "items": {"$ref": "\#(reference)"}}"#, "Pet": #"{"required": ["id"]}"#,
    ])
    let schema = try CompiledSchema(model: "Pets", registry: registry)
    #expect(try schema.isValid(JSONValue.parse(#"[{"id": 1}]"#)))
    #expect(try !schema.isValid(JSONValue.parse("[{}]")))
  }

  @Test func modelsMayLeadToEachOther() throws {
    let registry = try Self.models([
      "Person": ##"{"required": ["name"], "properties": {"house": {"$ref": "#/components/schemas/House"}}}"##,
      "House": ##"{"properties": {"contains": {"items": {"$ref": "#/components/schemas/Person"}, "minItems": 1}}}"##,
    ])
    let schema = try CompiledSchema(model: "Person", registry: registry)
    #expect(try schema.isValid(JSONValue.parse(#"{"name": 1, "house": {"contains": [{"name": 2, "house": {}}]}}"#)))
    #expect(try !schema.isValid(JSONValue.parse(#"{"name": 1, "house": {"contains": [{"house": {}}]}}"#)))
  }

  @Test func aDefinitionOfTheDocumentComesBeforeAModel() throws {
    let registry = try Self.models(["A": ##"{"$ref": "#/definitions/B", "definitions": {"B": {"type": "null"}}}"##, "B": "{}"])
    #expect(try !CompiledSchema(model: "A", registry: registry).isValid(1))
  }

  @Test func aReferenceLeadsToAnotherDocumentAndBack() throws {
    var registry = SchemaRegistry()
    registry.add(try JSONValue.parse(##"{"definitions": {"a": {"$ref": "main.json#/definitions/b"}}}"##), at: "http://e.org/s/other.json")
    let main = try JSONValue.parse(##"{"items": {"$ref": "other.json#/definitions/a"}, "definitions": {"b": {"type": "null"}}}"##)
    let schema = try CompiledSchema(main, at: "http://e.org/s/main.json", registry: registry)
    #expect(try schema.isValid(JSONValue.parse("[null]")))
    #expect(try !schema.isValid(JSONValue.parse("[1]")))
  }

  struct Refused: Sendable, CustomTestStringConvertible {
    let schema: String
    let pointer: String
    let reason: String
    let draft: SchemaDraft

    init(_ schema: String, _ pointer: String, _ reason: String, _ draft: SchemaDraft = .draft4) {
      self.schema = schema
      self.pointer = pointer
      self.reason = reason
      self.draft = draft
    }

    var testDescription: String { schema }
  }

  static let refused: [Refused] = [
    Refused("[]", "", "a schema must be an object, not an array"),
    Refused("true", "", "a schema must be an object, not a boolean"),
    Refused("1", "", "a schema must be an object or a boolean, not a number", .draft7),
    Refused(#"{"type": "text"}"#, "/type", "'text' is no type"),
    Refused(#"{"type": []}"#, "/type", "must name a type"),
    Refused(#"{"type": [1]}"#, "/type", "must be a type's name"),
    Refused(#"{"enum": 1}"#, "/enum", "must be an array"),
    Refused(#"{"minimum": "1"}"#, "/minimum", "must be a number"),
    Refused(#"{"exclusiveMinimum": true}"#, "/exclusiveMinimum", "needs \"minimum\""),
    Refused(#"{"exclusiveMaximum": 1, "maximum": 1}"#, "/exclusiveMaximum", "must be true or false"),
    Refused(#"{"exclusiveMaximum": true}"#, "/exclusiveMaximum", "must be a number", .draft6),
    Refused(#"{"multipleOf": 0}"#, "/multipleOf", "must be more than 0"),
    Refused(#"{"multipleOf": 1.00000000000000000001}"#, "/multipleOf", "more than 19 significant digits"),
    Refused(#"{"minLength": -1}"#, "/minLength", "must be a whole number, 0 or more"),
    Refused(#"{"maxItems": 1.5}"#, "/maxItems", "must be a whole number, 0 or more"),
    Refused(#"{"minProperties": null}"#, "/minProperties", "must be a number"),
    Refused(#"{"uniqueItems": 1}"#, "/uniqueItems", "must be true or false"),
    Refused(#"{"properties": {"a": {"required": true}}}"#, "/properties/a/required", "must be an array of names"),
    Refused(#"{"required": [1]}"#, "/required", "must be an array of names"),
    Refused(#"{"pattern": "("}"#, "/pattern", "a group is not closed, at its character 2"),
    Refused(#"{"pattern": "(?<=a*)b"}"#, "/pattern", "lookbehind"),
    Refused(#"{"pattern": 1}"#, "/pattern", "must be a string"),
    Refused(#"{"patternProperties": {"[": {}}}"#, "/patternProperties/[", "a class is not closed"),
    Refused(#"{"format": 1}"#, "/format", "must be a string"),
    Refused(#"{"items": "a"}"#, "/items", "a schema must be an object, not a string"),
    Refused(#"{"items": [1]}"#, "/items/0", "a schema must be an object, not a number"),
    Refused(#"{"prefixItems": {}}"#, "/prefixItems", "must be an array of schemas", .draft2020),
    Refused(#"{"properties": []}"#, "/properties", "must be an object"),
    Refused(#"{"properties": {"a/b": 1}}"#, "/properties/a~1b", "a schema must be an object, not a number"),
    Refused(#"{"properties": {"a": true}}"#, "/properties/a", "a schema must be an object, not a boolean"),
    Refused(#"{"additionalProperties": 1}"#, "/additionalProperties", "a schema must be an object"),
    Refused(#"{"dependencies": {"a": "b"}}"#, "/dependencies/a", "a schema must be an object"),
    Refused(#"{"dependencies": {"a": [1]}}"#, "/dependencies/a", "must be an array of names"),
    Refused(#"{"allOf": []}"#, "/allOf", "must be an array of at least one schema"),
    Refused(#"{"not": 1}"#, "/not", "a schema must be an object"),
    Refused(#"{"$ref": "http://e.org/x"}"#, "", "schemas are never fetched"),
    Refused(##"{"items": {"$ref": "#/definitions/a"}}"##, "/items", "there is no '/definitions/a'"),
    Refused(##"{"items": {"$ref": "#a"}}"##, "/items", "there is no anchor 'a'"),
    Refused(##"{"items": {"$ref": "#%zz"}}"##, "/items", "a broken escape"),
    Refused(##"{"items": {"$ref": "#/type"}, "type": "object"}"##, "/items", "there is no '/type'"),
    Refused(##"{"$ref": "#"}"##, "", "leads back to itself"),
    Refused(##"{"items": {"$ref": "#/items"}}"##, "/items", "leads back to itself"),
    Refused(##"{"allOf": [{"anyOf": [{"$ref": "#"}]}]}"##, "", "leads back to itself"),
    Refused(##"{"not": {"$ref": "#/definitions/a"}, "definitions": {"a": {"oneOf": [{"$ref": "#"}]}}}"##, "", "leads back to itself"),
    Refused(##"{"dependencies": {"a": {"$ref": "#"}}}"##, "", "leads back to itself"),
    Refused(##"{"if": {"$ref": "#"}}"##, "", "leads back to itself", .draft7),
    Refused(#"{"$ref": 1}"#, "/$ref", "must be a string", .draft2019),
    Refused(#"{"$schema": "http://e.org/mine"}"#, "", "names the dialect 'http://e.org/mine', which is not known"),
  ]

  @Test(arguments: refused)
  func aBadSchemaIsRefusedWithItsPlace(_ row: Refused) throws {
    var options = SchemaOptions()
    options.draft = row.draft
    let document = try JSONValue.parse(row.schema)
    let error = #expect(throws: SchemaError.self) { try CompiledSchema(document, options: options) }
    #expect(error?.pointer == row.pointer)
    #expect(error?.reason.contains(row.reason) == true, "\(error?.reason ?? "")")
    #expect(error?.document == "")
  }

  @Test func aFaultInAnotherModelNamesIt() throws {
    let registry = try Self.models(["A": #"{"items": {"$ref": "B"}}"#, "B": #"{"items": {"type": "text"}}"#])
    let error = #expect(throws: SchemaError.self) { try CompiledSchema(model: "A", registry: registry) }
    #expect(error?.document == "https://apigateway.amazonaws.com/restapis/-/models/B")
    #expect(error?.pointer == "/items/type")
    let missing = #expect(throws: SchemaError.self) { try CompiledSchema(model: "C", registry: registry) }
    #expect(missing?.reason == "there is no model 'C'")
  }

  @Test func vocabulariesSayWhatCounts() throws {
    var registry = SchemaRegistry()
    let vocabularies = "https://json-schema.org/draft/2020-12/vocab"
    registry.add(
      try JSONValue.parse(
        #"""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$vocabulary": {
          "\#(vocabularies)/core": true, "\#(vocabularies)/applicator": true, "\#(vocabularies)/format-assertion": false,
          "http://e.org/unknown": false}}
        """#), at: "http://e.org/meta")
    let schema = try CompiledSchema(
      JSONValue.parse(#"{"$schema": "http://e.org/meta", "items": {"format": "ipv4", "maxLength": 1}, "minItems": 9}"#), registry: registry)
    #expect(try schema.isValid(JSONValue.parse(#"["127.0.0.1"]"#)))
    #expect(try !schema.isValid(JSONValue.parse(#"["127.0.0.256"]"#)))
    registry.add(
      try JSONValue.parse(
        #"{"$schema": "https://json-schema.org/draft/2020-12/schema", "$vocabulary": {"http://e.org/unknown": true}}"#),
      at: "http://e.org/meta")
    let error = #expect(throws: SchemaError.self) {
      try CompiledSchema(JSONValue.parse(#"{"$schema": "http://e.org/meta"}"#), registry: registry)
    }
    #expect(error?.reason.contains("requires the vocabulary 'http://e.org/unknown'") == true)
  }

  static let resolved: [(reference: String, target: String)] = [
    // RFC 3986 §5.4, at http://a/b/c/d;p?q.
    ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"), ("//g", "http://g"),
    ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"), ("g#s", "http://a/b/c/g"),
    (";x", "http://a/b/c/;x"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"),
    ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../g", "http://a/g"), ("../../../g", "http://a/g"),
    ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"),
    ("./../g", "http://a/b/g"), ("g;x=1/../y", "http://a/b/c/y"), ("g:h", "g:h"), ("urn:uuid:1", "urn:uuid:1"),
  ]

  @Test(arguments: resolved.indices)
  func anAddressIsReadAtItsBase(_ row: Int) {
    let (reference, target) = Self.resolved[row]
    #expect(SchemaURI(reference).resolved(against: SchemaURI("http://a/b/c/d;p?q")).document == target)
  }
}
