// What is said of invalid values: the wording and the walk of json-schema-validator (its validation.properties and InstanceValidator),
// which users of the service see as `$context.error.validationErrorString`.

import Runtime
import Testing

@testable import Gateway

@Suite struct SchemaMessageTests {
  struct Said: Sendable, CustomTestStringConvertible {
    let schema: String
    let value: String
    let text: String

    init(_ schema: String, _ value: String, _ text: String) {
      self.schema = schema
      self.value = value
      self.text = text
    }

    var testDescription: String { "\(value) against \(schema)" }
  }

  static func text(_ schema: String, _ value: String, limits: SchemaLimits = SchemaLimits()) throws -> String? {
    var options = SchemaOptions()
    options.assertsFormats = true
    options.limits = limits
    return try CompiledSchema(JSONValue.parse(schema), options: options).failures(of: JSONValue.parse(value))?.text
  }

  static let single: [Said] = [
    Said(#"{"required": ["id", "name"]}"#, "{}", #"[object has missing required properties (["id","name"])]"#),
    Said(#"{"properties": {"a": {}}, "required": ["b", "a"]}"#, "{}", #"[object has missing required properties (["b","a"])]"#),
    Said(#"{"type": "integer"}"#, #""a""#, #"[instance type (string) does not match any allowed primitive type (allowed: ["integer"])]"#),
    Said(
      #"{"type": "number"}"#, #""a""#,
      #"[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]"#),
    Said(
      #"{"type": ["string", "array", "null"]}"#, "1.5",
      #"[instance type (number) does not match any allowed primitive type (allowed: ["array","null","string"])]"#),
    Said(#"{"type": "string"}"#, "1", #"[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]"#),
    Said(#"{"minItems": 2}"#, "[1]", "[array is too short: must have at least 2 elements but instance has 1 elements]"),
    Said(#"{"maxItems": 0}"#, "[1]", "[array is too long: must have at most 0 elements but instance has 1 elements]"),
    Said(#"{"uniqueItems": true}"#, "[1, 1]", "[array must not contain duplicate elements]"),
    Said(
      #"{"items": [{}], "additionalItems": false}"#, "[1, 2, 3]",
      "[schema only allows 1 elements in array but instance has 3 elements]"),
    Said(#"{"minimum": 25}"#, "24", "[numeric instance is lower than the required minimum (minimum: 25, found: 24)]"),
    Said(#"{"maximum": 5.50}"#, "6.0", "[numeric instance is greater than the required maximum (maximum: 5.5, found: 6)]"),
    Said(
      #"{"minimum": 1, "exclusiveMinimum": true}"#, "1",
      "[numeric instance is not strictly greater than the required minimum 1]"),
    Said(#"{"maximum": 1, "exclusiveMaximum": true}"#, "1", "[numeric instance is not strictly lower than the required maximum 1]"),
    Said(
      #"{"maximum": 1, "exclusiveMaximum": true}"#, "2",
      "[numeric instance is greater than the required maximum (maximum: 1, found: 2)]"),
    Said(#"{"multipleOf": 2}"#, "3", "[remainder of division is not zero (3 / 2)]"),
    Said(#"{"minLength": 3}"#, #""ä""#, #"[string "ä" is too short (length: 1, required minimum: 3)]"#),
    Said(#"{"maxLength": 1}"#, #""ab""#, #"[string "ab" is too long (length: 2, maximum allowed: 1)]"#),
    Said(#"{"pattern": "^\\d+$"}"#, #""a""#, #"[ECMA 262 regex "^\d+$" does not match input string "a"]"#),
    Said(
      #"{"enum": ["BAR", 1.50, {"a": [null, true]}]}"#, #""FOO""#,
      #"[instance value ("FOO") not found in enum (possible values: ["BAR",1.5,{"a":[null,true]}])]"#),
    Said(#"{"minProperties": 1}"#, "{}", "[object has too few properties (found 0 but schema requires at least 1)]"),
    Said(
      #"{"maxProperties": 1}"#, #"{"a": 1, "b": 2}"#,
      "[object has too many properties (found 2 but schema requires at most 1)]"),
    Said(
      #"{"properties": {"a": {}}, "additionalProperties": false}"#, #"{"z": 1, "a": 1, "b": 1}"#,
      #"[object instance has properties which are not allowed by the schema: ["b","z"]]"#),
    Said(
      #"{"dependencies": {"a": ["b", "c"]}}"#, #"{"a": 1, "c": 1}"#,
      #"[property "a" of object has missing property dependencies (schema requires ["b","c"]; missing: ["b"])]"#),
    Said(#"{"dependencies": {"a": {"required": ["b"]}}}"#, #"{"a": 1}"#, #"[object has missing required properties (["b"])]"#),
    Said(#"{"allOf": [{"type": "null"}, {}]}"#, "1", "[instance failed to match all required schemas (matched only 1 out of 2)]"),
    Said(
      #"{"anyOf": [{"type": "null"}, {"minimum": 2}]}"#, "1",
      "[instance failed to match at least one required schema among 2]"),
    Said(
      #"{"oneOf": [{"type": "integer"}, {"minimum": 1}, {"type": "null"}]}"#, "1",
      "[instance failed to match exactly one schema (matched 2 out of 3)]"),
    Said(#"{"not": {}}"#, "1", "[instance matched a schema which it should not have]"),
    Said(#"{"format": "email"}"#, #""a""#, #"[string "a" is not a valid email address]"#),
    Said(
      #"{"format": "date-time"}"#, #""2018-03-15""#,
      #"[string "2018-03-15" is invalid against requested date format(s) "#
        + "[yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]]"),
    Said(
      ##"{"items": {"$ref": "#/definitions/a"}, "definitions": {"a": {"type": "null"}}}"##, "[1]",
      #"[instance type (integer) does not match any allowed primitive type (allowed: ["null"])]"#),
  ]

  @Test(arguments: single)
  func aFailureIsWorded(_ row: Said) throws {
    #expect(try Self.text(row.schema, row.value) == row.text)
  }

  static let several: [Said] = [
    // The same message comes once.
    Said(
      #"{"items": {"type": "null"}}"#, "[1, 2, 3]",
      #"[instance type (integer) does not match any allowed primitive type (allowed: ["null"])]"#),
    // What is inside is not looked at once something has failed.
    Said(
      #"{"required": ["b"], "properties": {"a": {"type": "null"}}}"#, #"{"a": 1}"#,
      #"[object has missing required properties (["b"])]"#),
    // Yet siblings are.
    Said(
      #"{"properties": {"a": {"required": ["c"]}, "b": {"required": ["d"], "properties": {"e": {"type": "null"}}}}}"#,
      #"{"a": {}, "b": {"e": 1}}"#,
      #"[object has missing required properties (["c"]), object has missing required properties (["d"])]"#),
    // The order is that of a hash table, whatever order the keywords have; an unknown format shows up beside failures only.
    Said(
      #"{"type": "number", "format": "double", "maximum": 90}"#, "null",
      #"[instance type (null) does not match any allowed primitive type (allowed: ["integer","number"]), "#
        + #"format attribute "double" not supported]"#),
    Said(
      #"{"type": "number", "format": "double", "maximum": 90}"#, "90.1",
      #"[format attribute "double" not supported, numeric instance is greater than the required maximum (maximum: 90, found: 90.1)]"#),
    Said(
      #"{"type": "number", "format": "double", "minimum": -90}"#, "-90.1",
      #"[numeric instance is lower than the required minimum (minimum: -90, found: -90.1), format attribute "double" not supported]"#),
    Said(
      #"{"type": "number", "format": "double", "minimum": -180}"#, "-180.1",
      #"[format attribute "double" not supported, numeric instance is lower than the required minimum (minimum: -180, found: -180.1)]"#),
  ]

  @Test(arguments: several)
  func severalFailuresAreListed(_ row: Said) throws {
    #expect(try Self.text(row.schema, row.value) == row.text)
  }

  @Test func anUnknownFormatAloneIsNoFailure() throws {
    #expect(try Self.text(#"{"format": "int64"}"#, "1") == nil)
  }

  @Test func messagesAreBounded() throws {
    var limits = SchemaLimits()
    limits.messagesMax = 3
    limits.messageBytesMax = 60
    let value = "[" + (0..<50).map { "\"\(String(repeating: "ä", count: $0 + 50))\"" }.joined(separator: ",") + "]"
    let text = try #require(try Self.text(#"{"items": {"maxLength": 1}}"#, value, limits: limits))
    #expect(text.utf8.count <= 3 * 62)
    #expect(text.hasSuffix("…]"))
    limits.messagesMax = 100
    limits.messagesBytesMax = 200
    let fewer = try #require(try Self.text(#"{"items": {"maxLength": 1}}"#, value, limits: limits))
    #expect(fewer.utf8.count < 300)
  }

  static let numbers: [(text: String, shown: String)] = [
    ("1", "1"), ("-0", "0"), ("-0.0", "0"), ("25.0", "25"), ("2.50", "2.5"), ("-1.05", "-1.05"), ("0.000001", "0.000001"),
    ("0.0000001", "1E-7"), ("1.5e3", "1.5E+3"), ("100", "100"), ("500.0", "5E+2"), ("1e-2", "0.01"), ("123e-8", "0.00000123"),
    ("12345678901234567890123", "12345678901234567890123"), ("1234567890123456789012.5", "1234567890123456789012.5"),
  ]

  @Test(arguments: numbers.indices)
  func numbersAreShownAsJavaShowsThem(_ row: Int) {
    #expect(JavaText.number(Self.numbers[row].text) == Self.numbers[row].shown)
  }
}
