// References whose target depends on the way to them: `$dynamicRef` (2020-12 core §8.2.3.2) and `$recursiveRef` (2019-09 core §8.2.4.2).

import Runtime
import Testing

@testable import Gateway

@Suite struct SchemaDynamicTests {
  /// A list whose items are left open, as the resource `list`.
  static func list(_ anchor: String) -> String {
    ##"{"$id": "list", "type": "array", "items": {"$dynamicRef": "#item"}, "$defs": {"any": {"\##(anchor)": "item"}}}"##
  }

  /// A list of what `definition` says, with the list's own anchor made by `anchor`.
  static func root(_ definition: String, _ anchor: String) -> String {
    ##"{"$id": "http://e.org/strings", "$ref": "list", "$defs": {"a": {\##(definition), "type": "string"}, "l": \##(list(anchor))}}"##
  }

  static let dynamic: [SchemaCase] = [
    // Within one resource it is a plain reference.
    SchemaCase(
      ##"{"items": {"$dynamicRef": "#item"}, "$defs": {"a": {"$dynamicAnchor": "item", "type": "string"}}}"##, valid: [#"["a"]"#],
      invalid: ["[1]"]),
    // The outermost resource decides.
    SchemaCase(
      root(#""$dynamicAnchor": "item""#, "$dynamicAnchor"),
      valid: [#"["a"]"#], invalid: ["[1]"]),
    // A plain anchor of that name is none of its business.
    SchemaCase(
      root(#""$anchor": "item""#, "$dynamicAnchor"),
      valid: ["[1]"]),
    // Nor is anything, where the first target is a plain anchor.
    SchemaCase(
      root(#""$dynamicAnchor": "item""#, "$anchor"),
      valid: ["[1]"]),
    // A pointer is no anchor.
    SchemaCase(
      ##"{"$id": "http://e.org/o", "$ref": "i", "$dynamicAnchor": "x", "$defs": {"i": {"$id": "i", "##
        + ##""items": {"$dynamicRef": "#/$defs/x"}, "$defs": {"x": {"$dynamicAnchor": "x", "type": "string"}}}}}"##, valid: [#"["a"]"#],
      invalid: ["[1]"]),
    // Two ways to one list.
    SchemaCase(
      ##"""
      {"$id": "http://e.org/main", "if": {"required": ["numbers"]}, "then": {"$ref": "numbers"}, "else": {"$ref": "strings"}, "$defs": {
        "l": {"$id": "lists", "properties": {"list": {"items": {"$dynamicRef": "#item"}}}, "$defs": {"d": {"$dynamicAnchor": "item"}}},
        "n": {"$id": "numbers", "$ref": "lists", "$defs": {"d": {"$dynamicAnchor": "item", "type": "number"}}},
        "s": {"$id": "strings", "$ref": "lists", "$defs": {"d": {"$dynamicAnchor": "item", "type": "string"}}}}}
      """##,
      valid: [#"{"numbers": 1, "list": [1]}"#, #"{"list": ["a"]}"#], invalid: [#"{"numbers": 1, "list": ["a"]}"#, #"{"list": [1]}"#]),
    // A resource that was left is out of scope.
    SchemaCase(
      ##"""
      {"$id": "http://e.org/main", "if": {"$id": "first", "$defs": {"t": {"$dynamicAnchor": "t", "type": "number"}}},
        "then": {"$id": "second", "$ref": "start", "$defs": {"t": {"$dynamicAnchor": "t", "type": "null"}}},
        "$defs": {"s": {"$id": "start", "$dynamicRef": "inner#t"}, "t": {"$id": "inner", "$dynamicAnchor": "t", "type": "string"}}}
      """##, valid: ["null"], invalid: ["1", #""a""#]),
    // A resource around that was never entered is, too.
    SchemaCase(
      ##"""
      {"$id": "http://e.org/main", "properties": {"x": {"$ref": "item"}}, "$defs": {
        "bar": {"$id": "bar", "items": {"$ref": "item"}, "$defs": {
        "i": {"$id": "item", "properties": {"c": {"$dynamicRef": "#c"}}, "$defs": {"d": {"$dynamicAnchor": "c", "type": "integer"}}},
        "c": {"$dynamicAnchor": "c", "type": "string"}}}}}
      """##, valid: [#"{"x": {"c": 1}}"#], invalid: [#"{"x": {"c": "a"}}"#]),
    SchemaCase(
      ##"{"$id": "http://e.org/main", "unevaluatedItems": false, "$ref": "base", "$defs": {"more": {"$dynamicAnchor": "more", "##
        + ##""prefixItems": [true, {"type": "string"}]}, "b": {"$id": "base", "prefixItems": [{"type": "null"}], "$dynamicRef": "#more", "##
        + ##""$defs": {"d": {"$dynamicAnchor": "more"}}}}}"##, valid: [#"[null, "a"]"#], invalid: [#"[null, "a", 1]"#, "[null, 1]"]),
  ]

  @Test(arguments: dynamic)
  func aDynamicReferenceHolds(_ row: SchemaCase) throws { try row.check(.draft2020) }

  /// An integer, or what is inside `inner`, whose members are what `$recursiveRef` says.
  static func recursive(_ outer: String, _ inner: String) -> String {
    ##"""
    {"$id": "http://e.org/outer", \##(outer) "anyOf": [{"type": "integer"}, {"$ref": "inner"}], "$defs": {"i": {"$id": "inner", \##(inner)
      "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"$recursiveRef": "#"}}]}}}
    """##
  }

  static let recursive: [SchemaCase] = [
    SchemaCase(recursive("", ""), valid: ["1", #"{"a": "b"}"#], invalid: [#"{"a": 1}"#, #"{"a": {"b": 1}}"#]),
    SchemaCase(
      recursive(#""$recursiveAnchor": true,"#, #""$recursiveAnchor": true,"#), valid: [#"{"a": 1}"#, #"{"a": {"b": 1}}"#],
      invalid: [#"{"a": true}"#]),
    SchemaCase(recursive(#""$recursiveAnchor": false,"#, #""$recursiveAnchor": true,"#), valid: [#"{"a": "b"}"#], invalid: [#"{"a": 1}"#]),
    SchemaCase(recursive(#""$recursiveAnchor": true,"#, ""), valid: [#"{"a": "b"}"#], invalid: [#"{"a": 1}"#]),
  ]

  @Test(arguments: recursive)
  func aRecursiveReferenceHolds(_ row: SchemaCase) throws { try row.check(.draft2019) }

  @Test func aDynamicReferenceThatNeverEndsIsGivenUp() throws {
    let schema = try CompiledSchema(
      JSONValue.parse(##"{"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicAnchor": "a", "$dynamicRef": "#a"}"##))
    #expect(!schema.isValid(1))
    #expect(schema.failures(of: 1) != nil)
  }
}
