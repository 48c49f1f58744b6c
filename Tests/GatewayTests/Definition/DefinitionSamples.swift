// Owns the small documents that definition tests are made of.
import Foundation
import Runtime
import Testing

@testable import Gateway

enum Sample {
  /// A document of Tests/Vectors/definitions.
  static func vectors(_ name: String, from test: StaticString = #filePath) -> JSONValue {
    let tests = URL(fileURLWithPath: "\(test)").deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    guard let bytes = try? Data(contentsOf: tests.appendingPathComponent("Vectors/definitions/\(name)")) else { return .null }
    return (try? JSONValue.parse([UInt8](bytes))) ?? .null
  }

  static let rest = vectors("rest.json").text()
  static let http = vectors("http.json").text()

  static let mock = #""x-amazon-apigateway-integration":{"type":"mock"}"#
  static let proxy = #""x-amazon-apigateway-integration":{"type":"http_proxy","httpMethod":"GET","uri":"http://backend.test/a"}"#

  /// An OpenAPI document with these members of `paths`, and more members beside.
  static func openAPI(_ paths: String, _ more: String = "") -> String {
    #"{"openapi":"3.0.1","info":{"title":"T","version":"1"},"paths":{\#(paths)}\#(more.isEmpty ? "" : "," + more)}"#
  }

  static func swagger(_ paths: String, _ more: String = "") -> String {
    #"{"swagger":"2.0","info":{"title":"T","version":"1"},"paths":{\#(paths)}\#(more.isEmpty ? "" : "," + more)}"#
  }

  /// A document whose one operation, GET /pets, has these members.
  static func get(_ members: String, _ more: String = "") -> String { openAPI(#""/pets":{"get":{\#(members)}}"#, more) }

  /// The same, with these members of its integration, whose type is http.
  static func http(_ members: String, _ operation: String = "") -> String {
    let integration = #""type":"http","httpMethod":"GET","uri":"http://backend.test/a""#
    return get(#"\#(operation.isEmpty ? "" : operation + ",")"x-amazon-apigateway-integration":{\#(integration),\#(members)}"#)
  }

  static func document(_ text: String) throws -> DefinitionDocument {
    try DefinitionDocument(file: "api.json", json: Array(text.utf8))
  }

  static func `import`(
    _ text: String, _ kind: APIDefinition.Kind = .rest, _ change: (inout DefinitionImportOptions) -> Void = { _ in }
  ) throws -> DefinitionImport {
    var options = DefinitionImportOptions(kind: kind)
    change(&options)
    return DefinitionImport(try document(text), options)
  }

  /// A definition without errors.
  static func definition(
    _ text: String, _ kind: APIDefinition.Kind = .rest, _ change: (inout DefinitionImportOptions) -> Void = { _ in }
  ) throws -> APIDefinition {
    let result = try `import`(text, kind, change)
    return try #require(result.definition, "\(result.findings)")
  }
}
