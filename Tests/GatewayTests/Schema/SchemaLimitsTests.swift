// What is hostile, in a schema or a value, ends with an answer: depth, steps, hashes, allocations.

import Glibc
import Runtime
import Testing

@testable import Gateway

@Suite struct SchemaLimitsTests {
  /// So many of a text around another.
  static func nested(_ count: Int, _ open: String, _ inside: String, _ close: String) -> String {
    String(repeating: open, count: count) + inside + String(repeating: close, count: count)
  }

  static func deep(_ text: String) throws -> JSONValue { try JSONValue.parse(text, limits: JSONLimits(depthMax: 512)) }

  @Test func aDeepValueIsChecked() throws {
    let schema = try CompiledSchema(JSONValue.parse(##"{"items": {"$ref": "#"}, "type": "array"}"##))
    #expect(try schema.isValid(Self.deep(Self.nested(390, "[", "", "]"))))
    let tooDeep = try Self.deep(Self.nested(500, "[", "", "]"))
    #expect(!schema.isValid(tooDeep))
    #expect(schema.failures(of: tooDeep)?.messages == ["the value takes more steps to check than the limits allow"])
  }

  @Test func schemasInsideEachOtherAreBounded() throws {
    let document = try Self.deep(Self.nested(200, #"{"not": "#, "{}", "}"))
    let error = #expect(throws: SchemaError.self) { try CompiledSchema(document) }
    #expect(error?.reason == "more than 128 schemas inside each other")
  }

  @Test func theNumberOfSchemasIsBounded() throws {
    var options = SchemaOptions()
    options.limits.schemasMax = 50
    let document = try JSONValue.parse(#"{"allOf": [\#((0..<60).map { _ in "{}" }.joined(separator: ","))]}"#)
    let error = #expect(throws: SchemaError.self) { try CompiledSchema(document, options: options) }
    #expect(error?.reason == "more than 50 schemas in all")
  }

  @Test func aLongChainOfReferencesIsFollowed() throws {
    let links = (0..<5000).map { ##""\##($0)": {"$ref": "#/definitions/\##($0 + 1)"}"## }.joined(separator: ",")
    let schema = try CompiledSchema(
      JSONValue.parse(##"{"$ref": "#/definitions/0", "definitions": {\##(links), "5000": {"type": "null"}}}"##))
    #expect(schema.isValid(nil))
    #expect(!schema.isValid(1))
  }

  @Test func stepsEnd() throws {
    // Each level doubles the work.
    let doubling = (0..<60).map {
      ##""\##($0)": {"allOf": [{"$ref": "#/definitions/\##($0 + 1)"}, {"$ref": "#/definitions/\##($0 + 1)"}]}"##
    }
    let schema = try CompiledSchema(
      JSONValue.parse(##"{"$ref": "#/definitions/0", "definitions": {\##(doubling.joined(separator: ",")), "60": {}}}"##),
      options: Self.options(steps: 100_000))
    #expect(!schema.isValid(1))
    #expect(schema.failures(of: 1) != nil)
    let recursive = try CompiledSchema(
      JSONValue.parse(##"{"oneOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}, {"type": "null"}]}"##),
      options: Self.options(steps: 100_000))
    #expect(try !recursive.isValid(Self.deep(Self.nested(100, "[", "", "]"))))
    // What is given up is not valid on either side of `not`.
    let negated = try CompiledSchema(
      JSONValue.parse(##"{"not": {"$ref": "#/definitions/0"}, "definitions": {\##(doubling.joined(separator: ",")), "60": {}}}"##),
      options: Self.options(steps: 100_000))
    #expect(!negated.isValid(1))
  }

  @Test func aReportEnds() throws {
    // Each level of the value is met twice.
    var options = Self.options(steps: 50_000)
    options.draft = .draft2019
    let schema = try CompiledSchema(
      JSONValue.parse(
        ##"{"$ref": "#/$defs/b", "properties": {"a": {"$ref": "#"}}, "$defs": {"b": {"properties": {"a": {"$ref": "#"}, "z": false}}}}"##),
      options: options)
    let value = try Self.deep(Self.nested(60, #"{"a": "#, #"{"z": 1}"#, "}"))
    #expect(!schema.isValid(value))
    #expect(schema.failures(of: value)?.messages.isEmpty == false)
    let shallow = try Self.deep(Self.nested(5, #"{"a": "#, #"{"z": 1}"#, "}"))
    #expect(schema.failures(of: shallow)?.messages == ["instance is not allowed by the schema"])
  }

  @Test func aBudgetThatIsSpentByTheLastRuleCounts() throws {
    let large = JSONValue.array([.array((0..<1000).map { .number("\($0)") })])
    for text in [#"{"enum": [[[1]]]}"#, #"{"not": {"enum": [[[1]]]}}"#] {
      let schema = try CompiledSchema(JSONValue.parse(text), options: Self.options(steps: 500))
      #expect(!schema.isValid(large), "\(text)")
    }
  }

  static func options(steps: Int) -> SchemaOptions {
    var options = SchemaOptions()
    options.limits.stepsMax = steps
    return options
  }

  @Test func manyItemsAreUniqueInLinearTime() throws {
    let schema = try CompiledSchema(JSONValue.parse(#"{"uniqueItems": true}"#))
    let numbers = (0..<200_000).map { JSONValue.number("\($0)") }
    #expect(schema.isValid(.array(numbers)))
    #expect(!schema.isValid(.array(numbers + [.number("1.0")])))
  }

  @Test func aPatternThatIsGivenUpIsInvalid() throws {
    let text = JSONValue.string(String(repeating: "a", count: 60) + "!")
    let schema = try CompiledSchema(JSONValue.parse(#"{"pattern": "^(\\w+\\s?)*$"}"#))
    #expect(!schema.isValid(text))
    let negated = try CompiledSchema(JSONValue.parse(#"{"not": {"pattern": "^(\\w+\\s?)*$"}}"#))
    #expect(!negated.isValid(text))
  }

  @Test func manyNamesAreRequired() throws {
    let names = (0..<200).map { "\"n\($0)\"" }
    let schema = try CompiledSchema(JSONValue.parse(#"{"required": [\#(names.joined(separator: ","))], "properties": {"n0": {}}}"#))
    let all = (0..<200).map { JSONMember("n\($0)", nil) }
    #expect(schema.isValid(.object(all)))
    #expect(!schema.isValid(.object(Array(all.dropLast()))))
    #expect(!schema.isValid(.object(Array(all.dropLast()) + [all[0]])))
  }

  /// In a process whose heap is used up, so that any allocation fails.
  @Test(.enabled(if: RouteTableAllocationTests.hasPlainHeap, "a sanitizer's allocator is in place"), .timeLimit(.minutes(1)))
  func aTypicalCheckAllocatesNothing() async {
    await #expect(processExitsWith: .success) {
      let schema = try CompiledSchema(
        JSONValue.parse(
          ##"""
          {"type": "object", "required": ["id", "kind", "price", "tags", "owner"], "additionalProperties": false, "properties": {
            "id": {"type": "integer", "minimum": 1}, "kind": {"enum": ["dog", "cat"]}, "price": {"type": "number", "multipleOf": 0.01},
            "tags": {"type": "array", "maxItems": 5, "uniqueItems": true, "items": {"type": "string", "maxLength": 8}},
            "owner": {"$ref": "#/definitions/owner"}, "note": {"anyOf": [{"type": "null"}, {"type": "string"}]}},
            "definitions": {"owner": {"type": "object", "properties": {"name": {"type": "string", "minLength": 1}}}}}
          """##))
      let good = try JSONValue.parse(
        #"{"id": 17, "kind": "dog", "price": 249.99, "tags": ["a", "b", "c"], "owner": {"name": "Ada"}, "note": null}"#)
      let bad = try JSONValue.parse(#"{"id": 17, "kind": "cow", "price": 249.999, "tags": [], "owner": {}}"#)
      // Once with a heap, so that what the Swift runtime builds on first use is there.
      let before = schema.isValid(good) && !schema.isValid(bad)
      HeapProbe.exhaust()
      var rightly = before ? 0 : -1
      for _ in 0..<10_000 where schema.isValid(good) && !schema.isValid(bad) { rightly += 1 }
      _exit(rightly == 10_000 ? 0 : 1)
    }
  }
}
