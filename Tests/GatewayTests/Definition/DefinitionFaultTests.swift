// Bad documents: each gives one error, at its place, in words that say what to do.
import Runtime
import Testing

@testable import Gateway

/// A document with one fault.
struct BadDocument: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let kind: APIDefinition.Kind
  let root: JSONValue
  /// The place of the fault.
  let pointer: String
  /// Words of the message.
  let words: String
  let suggestion: String?

  init?(_ value: JSONValue) {
    guard let name = value["name"]?.stringValue, let root = value["document"], let words = value["words"]?.stringValue else { return nil }
    (testDescription, self.root, self.words) = (name, root, words)
    kind = value["kind"] == "HTTP" ? .http : .rest
    pointer = value["at"]?.stringValue ?? ""
    suggestion = value["meant"]?.stringValue
  }

  static let all = (Sample.vectors("faults.json")["faults"]?.arrayValue ?? []).compactMap(BadDocument.init)
}

@Suite struct DefinitionFaultTests {
  @Test(arguments: BadDocument.all) func eachFaultIsOneErrorAtItsPlace(_ bad: BadDocument) throws {
    let result = try Sample.import(bad.root.text(), bad.kind)
    #expect(result.definition == nil)
    let errors = result.errors
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].pointer.description == bad.pointer)
    #expect(errors[0].message.contains(bad.words), "\(errors[0])")
    #expect(errors[0].suggestion == bad.suggestion, "\(errors[0])")
    #expect(errors[0].position != nil)
  }

  @Test func theTableIsLongEnough() { #expect(BadDocument.all.count >= 100) }

  @Test func allFaultsAreToldAtOnceInTheOrderOfTheText() throws {
    let text = Sample.openAPI(
      ##""/b":{"get":{"x-amazon-apigateway-integration":{"type":"http","httpMethod":"GET","uri":"x","timeoutInMillis":1}}},"/a b":{}"##,
      ##""x-amazon-apigateway-policy":1"##)
    let errors = try Sample.import(text).errors
    #expect(errors.map(\.pointer.tokens.last) == ["uri", "timeoutInMillis", "/a b", "x-amazon-apigateway-policy"])
    let columns = errors.compactMap(\.position?.column)
    #expect(columns == columns.sorted() && columns.count == 4)
  }

  @Test func aFaultSaysItsFileLineColumnAndPath() throws {
    let text = """
      {"openapi": "3.0.1", "info": {"title": "T"},
       "paths": {
         "/a": {"get": {"x-amazon-apigateway-integration": {"tipe": "mock", "type": "mock"}}}}}
      """
    let error = try #require(try Sample.import(text).errors.first)
    #expect(
      error.description
        == "api.json:3:63: /paths/~1a/get/x-amazon-apigateway-integration/tipe: "
        + "\"tipe\" is no member of an integration; did you mean \"type\"?"
    )
  }

  @Test func thereAreNoMoreFindingsThanAnybodyReads() throws {
    let many = (0..<1000).map { ##""/a b\##($0)":{}"## }.joined(separator: ",")
    let errors = try Sample.import(Sample.openAPI(many)).errors
    #expect(errors.count == DefinitionFindings.keptMax + 1)
    #expect(errors.last?.message.contains("900 more") == true)
  }

  @Test func warningsFailAnImportThatIsToldSo() throws {
    let text = Sample.http(##""requestParameters":{"integration.request.header.nothing":true}"##)
    let lenient = try Sample.import(text)
    #expect(lenient.definition?.resources.last?[.get]?.operation.integration?.requestParameters.isEmpty == true)
    #expect(
      lenient.warnings.map(\.message) == [
        "Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.nothing' "
          + "of resource '/pets' and method 'GET' but got 'true'"
      ])
    let strict = try Sample.import(text) { $0.failsOnWarnings = true }
    #expect(strict.definition == nil)
  }

  @Test(arguments: [
    (##""pathz":{}"##, "/pathz", "paths"),
    (##""x-amazon-apigateway-security-policy":"TLS_1_2""##, "/x-amazon-apigateway-security-policy", nil),
  ])
  func whatHasNoEffectIsAWarning(_ members: String, _ pointer: String, _ suggestion: String?) throws {
    let result = try Sample.import(Sample.openAPI("", members))
    #expect(result.definition != nil)
    #expect(result.warnings.map(\.pointer.description) == [pointer])
    #expect(result.warnings.first?.suggestion == suggestion)
  }

  @Test func aDocumentCannotAskForMoreWorkThanItIsWorth() throws {
    // Fifty paths that are one, each with its fifty responses.
    let responses = (100..<150).map { ##""\##($0)":{"$ref":"#/components/responses/R"}"## }.joined(separator: ",")
    let paths = (0..<50).map { ##""/a\##($0)":{"$ref":"#/x-item"}"## }.joined(separator: ",")
    let text = Sample.openAPI(
      paths, #""x-item":{"get":{"responses":{\#(responses)},\#(Sample.mock)}},"components":{"responses":{"R":{"headers":{"a":{},"b":{}}}}}"#
    )
    #expect(try Sample.import(text).definition != nil)
    let result = try Sample.import(text) { $0.limits.workMax = 10_000 }
    #expect(result.definition == nil)
    #expect(result.errors.contains { $0.message.contains("lead to more than 10000 values") })
  }
}
