// Each keyword as tables of values: what a schema lets through and what it does not (draft 4 validation §5; later drafts where named).

import Runtime
import Testing

@testable import Gateway

/// A schema with values that are valid and values that are not, as JSON texts.
struct SchemaCase: Sendable, CustomTestStringConvertible {
  let schema: String
  let valid: [String]
  let invalid: [String]

  init(_ schema: String, valid: [String] = [], invalid: [String] = []) {
    self.schema = schema
    self.valid = valid
    self.invalid = invalid
  }

  var testDescription: String { schema }

  func check(_ draft: SchemaDraft, assertsFormats: Bool = false) throws {
    var options = SchemaOptions()
    options.draft = draft
    options.assertsFormats = assertsFormats
    let compiled = try CompiledSchema(JSONValue.parse(schema), options: options)
    for text in valid {
      let value = try JSONValue.parse(text)
      #expect(compiled.isValid(value), "\(text) against \(schema)")
      #expect(compiled.failures(of: value) == nil, "\(text) against \(schema)")
    }
    for text in invalid {
      let value = try JSONValue.parse(text)
      #expect(!compiled.isValid(value), "\(text) against \(schema)")
      #expect(compiled.failures(of: value)?.messages.isEmpty == false, "\(text) against \(schema)")
    }
  }
}

@Suite struct SchemaKeywordTests {
  static let draft4: [SchemaCase] = [
    SchemaCase("{}", valid: ["null", "1", #""a""#, "[]", "{}"]),
    SchemaCase(#"{"type": "integer"}"#, valid: ["0", "-3", "12345678901234567890123"], invalid: ["1.0", "1e2", #""1""#, "null"]),
    SchemaCase(#"{"type": "number"}"#, valid: ["0", "1.5", "1e400"], invalid: [#""1""#, "true"]),
    SchemaCase(#"{"type": ["string", "null"]}"#, valid: [#""""#, "null"], invalid: ["0", "false", "[]"]),
    SchemaCase(#"{"type": "object"}"#, valid: ["{}"], invalid: ["[]"]),
    SchemaCase(#"{"type": "boolean"}"#, valid: ["true", "false"], invalid: ["0", #""true""#]),
    SchemaCase(
      #"{"enum": [1, "a", null, [2], {"b": 3}]}"#, valid: ["1", "1.0", "10e-1", #""a""#, "null", "[2.0]", #"{"b": 3e0}"#],
      invalid: ["2", #""A""#, "false", "[2, 2]", #"{"b": 3, "c": 3}"#]),
    SchemaCase(#"{"enum": [false]}"#, valid: ["false"], invalid: ["0", "null", "[]"]),
    SchemaCase(#"{"minimum": 1.1}"#, valid: ["1.1", "2", #""0""#], invalid: ["1.09999999999999999999999", "-2"]),
    SchemaCase(#"{"minimum": 3, "exclusiveMinimum": true}"#, valid: ["3.0000000000000000000001"], invalid: ["3", "3.0", "30e-1"]),
    SchemaCase(#"{"maximum": 9007199254740993}"#, valid: ["9007199254740993"], invalid: ["9007199254740993.1", "9007199254740994"]),
    SchemaCase(#"{"maximum": 3, "exclusiveMaximum": true}"#, valid: ["2.9"], invalid: ["3"]),
    SchemaCase(#"{"multipleOf": 0.01}"#, valid: ["4.35", "0", "1e300", "-0.07"], invalid: ["4.355", "0.005", "1e-300"]),
    SchemaCase(#"{"multipleOf": 7}"#, valid: ["49", "7.0", "700000000000000000000000"], invalid: ["8", "3.5", "1e50"]),
    SchemaCase(
      #"{"minLength": 2, "maxLength": 3}"#, valid: [#""ab""#, #""äöü""#, #""\ud83d\ude00\ud83d\ude00""#, "1"],
      invalid: [#""a""#, #""abcd""#, #""\ud83d\ude00""#]),
    SchemaCase(#"{"pattern": "^a+$"}"#, valid: [#""aa""#, "1"], invalid: [#""""#, #""ab""#, #""a\n""#]),
    SchemaCase(#"{"minItems": 1, "maxItems": 2}"#, valid: ["[1]", "[1, 2]", "{}"], invalid: ["[]", "[1, 2, 3]"]),
    SchemaCase(
      #"{"uniqueItems": true}"#,
      valid: ["[]", "[1, true]", "[0, false]", #"["a", "b"]"#, #"[[1], ["1"]]"#, #"["\u00e9", "e\u0301"]"#, #"[{"a": 1}, {"a": 2}]"#],
      invalid: ["[1, 1.0]", #"["a", "b", "a"]"#, #"[{"a": 1, "b": 2}, {"b": 2, "a": 1e0}]"#, "[[], []]", "[null, null]"]),
    SchemaCase(#"{"items": {"type": "string"}}"#, valid: ["[]", #"["a"]"#, "1"], invalid: [#"["a", 1]"#]),
    SchemaCase(
      #"{"items": [{"type": "string"}, {}], "additionalItems": false}"#, valid: ["[]", #"["a"]"#, #"["a", 1]"#],
      invalid: ["[1]", #"["a", 1, 1]"#]),
    SchemaCase(#"{"items": [{}], "additionalItems": {"type": "null"}}"#, valid: ["[1, null]"], invalid: ["[1, 1]"]),
    SchemaCase(#"{"items": {}, "additionalItems": false}"#, valid: ["[1, 2, 3]"]),
    SchemaCase(
      #"{"minProperties": 1, "maxProperties": 2}"#, valid: [#"{"a": 1}"#, #"{"a": 1, "b": 1, "a": 1}"#, "[]"],
      invalid: ["{}", #"{"a": 1, "b": 1, "c": 1}"#]),
    SchemaCase(#"{"minProperties": 2}"#, invalid: [#"{"a": 1, "a": 2}"#]),
    SchemaCase(#"{"required": ["a", "b"]}"#, valid: [#"{"b": null, "a": 1, "c": 2}"#, "[]"], invalid: [#"{"a": 1, "a": 2}"#, "{}"]),
    SchemaCase(
      #"{"properties": {"a": {"type": "string"}}, "required": ["b"]}"#, valid: [#"{"a": "", "b": 1}"#, #"{"b": 1}"#],
      invalid: [#"{"a": ""}"#, #"{"a": 1, "b": 1}"#, #"{"a": "", "a": 1, "b": 1}"#, #"{"a": 1, "a": "", "b": 1}"#]),
    SchemaCase(
      #"{"properties": {"a": {}}, "patternProperties": {"^x": {"type": "null"}}, "additionalProperties": false}"#,
      valid: [#"{"a": 1, "xy": null}"#], invalid: [#"{"b": 1}"#, #"{"xy": 1}"#]),
    SchemaCase(#"{"properties": {"ab": {"type": "null"}}, "patternProperties": {"a": {"type": "string"}}}"#, invalid: [#"{"ab": null}"#]),
    SchemaCase(#"{"additionalProperties": {"type": "integer"}}"#, valid: [#"{"a": 1}"#], invalid: [#"{"a": 1.5}"#]),
    SchemaCase(
      #"{"dependencies": {"a": ["b", "c"], "d": {"required": ["e"]}}}"#,
      valid: ["{}", #"{"a": 1, "b": 1, "c": 1}"#, #"{"d": 1, "e": 1}"#, "1"], invalid: [#"{"a": 1, "b": 1}"#, #"{"d": 1}"#]),
    SchemaCase(#"{"allOf": [{"minimum": 1}, {"maximum": 2}]}"#, valid: ["1", "2"], invalid: ["0", "3"]),
    SchemaCase(#"{"anyOf": [{"type": "string"}, {"minimum": 2}]}"#, valid: [#""a""#, "2", "null"], invalid: ["1"]),
    SchemaCase(#"{"oneOf": [{"type": "integer"}, {"minimum": 2}]}"#, valid: ["1", "2.5"], invalid: ["3", "1.5"]),
    SchemaCase(#"{"not": {"type": ["integer", "boolean"]}}"#, valid: ["1.5", "null"], invalid: ["1", "true"]),
    SchemaCase(
      #"{"const": 1, "contains": {}, "if": {}, "then": {"not": {}}, "propertyNames": {"not": {}}}"#, valid: ["2", "[]", #"{"a": 1}"#]),
    SchemaCase(##"{"$ref": "#/definitions/a", "maximum": 1, "definitions": {"a": {"type": "integer"}}}"##, valid: ["5"], invalid: ["0.5"]),
    // Of members that have one name the last counts.
    SchemaCase(
      #"{"properties": {"a": {"type": "null"}, "a": {"type": "string"}}, "type": "null", "type": "object"}"#,
      valid: [#"{"a": "b"}"#], invalid: [#"{"a": null}"#, "null"]),
    SchemaCase(
      #"{"properties": {"a": {"type": "null"}}, "properties": {"b": {"type": "null"}}}"#, valid: [#"{"a": 1}"#],
      invalid: [#"{"b": 1}"#]),
    SchemaCase(#"{"format": "ipv4"}"#, valid: [#""nothing""#]),
  ]

  @Test(arguments: draft4)
  func draft4Holds(_ row: SchemaCase) throws { try row.check(.draft4) }

  static let draft6: [SchemaCase] = [
    SchemaCase("true", valid: ["1", "{}"]),
    SchemaCase("false", invalid: ["1", "{}"]),
    SchemaCase(#"{"type": "integer"}"#, valid: ["1.0", "1e2", "10e-1"], invalid: ["1.5", "1e-1"]),
    SchemaCase(#"{"const": {"a": [1, null]}}"#, valid: [#"{"a": [1.0, null]}"#], invalid: [#"{"a": [1]}"#, "1"]),
    SchemaCase(#"{"const": null}"#, valid: ["null"], invalid: ["0", "false"]),
    SchemaCase(#"{"contains": {"minimum": 5}}"#, valid: ["[1, 5]", "{}"], invalid: ["[]", "[1, 2]"]),
    SchemaCase(#"{"exclusiveMinimum": 1, "exclusiveMaximum": 2}"#, valid: ["1.5"], invalid: ["1", "2"]),
    SchemaCase(#"{"propertyNames": {"maxLength": 1}}"#, valid: ["{}", #"{"a": 1}"#], invalid: [#"{"ab": 1}"#]),
    SchemaCase(#"{"properties": {"a": true, "b": false}}"#, valid: [#"{"a": 1}"#], invalid: [#"{"b": 1}"#]),
    SchemaCase(#"{"items": [true, false]}"#, valid: ["[1]"], invalid: ["[1, 1]"]),
    SchemaCase(#"{"maxLength": 2.0}"#, valid: [#""ab""#], invalid: [#""abc""#]),
  ]

  @Test(arguments: draft6)
  func draft6Holds(_ row: SchemaCase) throws { try row.check(.draft6) }

  static let draft7: [SchemaCase] = [
    SchemaCase(
      #"{"if": {"minimum": 10}, "then": {"multipleOf": 10}, "else": {"maximum": 5}}"#, valid: ["20", "5", #""a""#],
      invalid: ["11", "6"]),
    SchemaCase(#"{"then": {"type": "null"}, "else": {"type": "null"}}"#, valid: ["1"]),
    SchemaCase(#"{"if": {"type": "string"}, "else": false}"#, valid: [#""a""#], invalid: ["1"]),
    SchemaCase(
      ##"{"$ref": "#/definitions/a", "type": "string", "definitions": {"a": {"type": "null"}}}"##, valid: ["null"], invalid: [#""""#]),
  ]

  @Test(arguments: draft7)
  func draft7Holds(_ row: SchemaCase) throws { try row.check(.draft7) }

  static let draft2019: [SchemaCase] = [
    SchemaCase(##"{"$ref": "#/$defs/a", "maximum": 1, "$defs": {"a": {"type": "integer"}}}"##, valid: ["1"], invalid: ["2", "0.5"]),
    SchemaCase(
      #"{"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"]}}}"#,
      valid: ["{}", #"{"a": 1, "b": 1}"#, #"{"c": 1, "d": 1}"#], invalid: [#"{"a": 1}"#, #"{"c": 1}"#]),
    SchemaCase(
      #"{"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3}"#, valid: ["[1, 2]", "[1, 2, 3, null]"],
      invalid: ["[1]", "[1, 2, 3, 4]"]),
    SchemaCase(#"{"contains": {"type": "integer"}, "minContains": 0}"#, valid: ["[]", "[null]"]),
    SchemaCase(#"{"maxContains": 1, "minContains": 1}"#, valid: ["[]", "[1, 2]"]),
    SchemaCase(
      #"{"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}], "unevaluatedProperties": false}"#,
      valid: [#"{"a": 1, "b": 1}"#], invalid: [#"{"c": 1}"#]),
    SchemaCase(
      #"{"anyOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {}}}], "unevaluatedProperties": {"type": "null"}}"#,
      valid: [#"{"a": 1, "b": 2}"#, #"{"a": null, "b": 1}"#], invalid: [#"{"a": 2, "b": 1}"#]),
    SchemaCase(#"{"not": {"properties": {"a": {}}}, "unevaluatedProperties": false}"#, invalid: [#"{"a": 1}"#]),
    SchemaCase(
      #"{"if": {"required": ["a"], "properties": {"a": {}}}, "else": {"properties": {"b": {}}}, "unevaluatedProperties": false}"#,
      valid: [#"{"a": 1}"#, #"{"b": 1}"#], invalid: [#"{"a": 1, "b": 1}"#]),
    SchemaCase(#"{"items": [{}], "allOf": [{"items": [{}, {}]}], "unevaluatedItems": false}"#, valid: ["[1, 2]"], invalid: ["[1, 2, 3]"]),
    SchemaCase(
      ##"{"items": [{"$ref": "#here"}], "$defs": {"a": {"$anchor": "here", "type": "null"}}}"##, valid: ["[null]"], invalid: ["[1]"]),
    SchemaCase(
      ##"{"properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": false}"##, valid: [#"{"a": {"a": {}}}"#],
      invalid: [#"{"a": {"b": {}}}"#]),
  ]

  @Test(arguments: draft2019)
  func draft2019Holds(_ row: SchemaCase) throws { try row.check(.draft2019) }

  static let draft2020: [SchemaCase] = [
    SchemaCase(
      #"{"prefixItems": [{"type": "string"}], "items": {"type": "null"}}"#, valid: ["[]", #"["a"]"#, #"["a", null]"#],
      invalid: ["[1]", #"["a", 1]"#]),
    SchemaCase(#"{"prefixItems": [{}], "items": false}"#, valid: ["[1]"], invalid: ["[1, 2]"]),
    SchemaCase(
      #"{"prefixItems": [{}], "contains": {"type": "string"}, "unevaluatedItems": false}"#, valid: [#"[1, "a", "b"]"#],
      invalid: [#"[1, "a", 2]"#, "[1]"]),
    SchemaCase(#"{"additionalItems": false, "items": {}}"#, valid: ["[1, 2]"]),
    SchemaCase(
      ##"""
      {"$id": "https://example.com/strict", "$ref": "tree", "$dynamicAnchor": "node", "unevaluatedProperties": false, "$defs": {
        "tree": {"$id": "tree", "$dynamicAnchor": "node", "type": "object",
          "properties": {"data": {}, "children": {"type": "array", "items": {"$dynamicRef": "#node"}}}}}}
      """##, valid: [#"{"children": [{"data": 1}]}"#], invalid: [#"{"children": [{"daat": 1}]}"#, #"{"daat": 1}"#]),
    SchemaCase(
      #"{"$ref": "https://json-schema.org/draft/2020-12/schema"}"#, valid: ["true", #"{"minLength": 1, "allOf": [{}]}"#],
      invalid: [#"{"minLength": -1}"#, #"{"allOf": [{"items": 7}]}"#, "1"]),
  ]

  @Test(arguments: draft2020)
  func draft2020Holds(_ row: SchemaCase) throws { try row.check(.draft2020) }

  @Test(arguments: SchemaDraft.allCases)
  func aSchemaNamesItsDraft(_ draft: SchemaDraft) throws {
    let metaschemas = [
      "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema", "http://json-schema.org/draft-07/schema#",
      "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
    ]
    let uri = metaschemas[draft.rawValue]
    let value = try JSONValue.parse("[1.0, 2]")
    let schema = try CompiledSchema(JSONValue.parse(#"{"$schema": "\#(uri)", "items": {"type": "integer"}, "const": 1}"#))
    // Draft 4 knows no `const`, and takes 1.0 for no integer.
    #expect(!schema.isValid(value))
    let tuple = try CompiledSchema(JSONValue.parse(#"{"$schema": "\#(uri)", "prefixItems": [{"type": "string"}]}"#))
    #expect(tuple.isValid(value) == (draft < .draft2020))
    let condition = try CompiledSchema(JSONValue.parse(#"{"$schema": "\#(uri)", "if": {}, "then": {"maxItems": 1}}"#))
    #expect(condition.isValid(value) == (draft < .draft7))
    let metaschema = try CompiledSchema(JSONValue.parse(#"{"$ref": "\#(uri)"}"#))
    #expect(metaschema.isValid(.object([JSONMember("type", "string")])))
    #expect(!metaschema.isValid(.object([JSONMember("type", "text")])))
  }
}
