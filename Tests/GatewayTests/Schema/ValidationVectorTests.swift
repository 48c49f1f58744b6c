// Request validation as the shared vectors recorded it (vectors/aws/03_request_validation.json), as far as a validator by itself decides:
// parameters, models and their references. The file is read from TIDEGATE_VECTORS, or from ../shared/vectors beside the repository; where
// it is absent these tests say so and skip.

import Foundation
import Runtime
import Testing

@testable import Gateway

enum ValidationVectors {
  static let file: URL = {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
    let folder =
      ProcessInfo.processInfo.environment["TIDEGATE_VECTORS"].map { URL(fileURLWithPath: $0) }
      ?? repository.appendingPathComponent("../shared/vectors")
    return folder.appendingPathComponent("aws/03_request_validation.json").standardizedFileURL
  }()

  static let isPresent: Bool = {
    let present = FileManager.default.fileExists(atPath: file.path)
    if !present { print("SKIPPED: validation vectors are absent at \(file.path); set TIDEGATE_VECTORS to the vectors' folder") }
    return present
  }()
}

@Suite(.enabled(if: ValidationVectors.isPresent, "the shared vectors are absent; set TIDEGATE_VECTORS to their folder"))
struct ValidationVectorTests {
  /// The validator that a definition of the vectors describes.
  static func validator(_ definition: JSONValue) throws -> RequestValidator {
    let document = definition["openapi"]
    var registry = SchemaRegistry()
    for model in definition["models"]?.objectValue ?? document?["components"]?["schemas"]?.objectValue ?? [] {
      registry.add(model.value, named: model.name)
    }
    let flags =
      definition["requestValidator"] ?? document?["x-amazon-apigateway-request-validators"]?["basic"] ?? .object([])
    var required: [RequestParameter] = []
    if flags["validateRequestParameters"]?.boolValue == true {
      for parameter in definition["requestParameters"]?.objectValue ?? [] where parameter.value.boolValue == true {
        required.append(try #require(RequestParameter(key: parameter.name)))
      }
    }
    var models: [String: CompiledSchema] = [:]
    if flags["validateRequestBody"]?.boolValue == true {
      for model in definition["requestModels"]?.objectValue ?? [] {
        models[model.name] = try CompiledSchema(model: try #require(model.value.stringValue), registry: registry, options: .restModels)
      }
      for content in document?["paths"]?.objectValue?.first?.value["post"]?["requestBody"]?["content"]?.objectValue ?? [] {
        models[content.name] = try CompiledSchema(try #require(content.value["schema"]), registry: registry, options: .restModels)
      }
    }
    return RequestValidator(required: required, models: models)
  }

  /// The value of a parameter as a request of the vectors has it.
  static func value(_ parameter: RequestParameter, _ request: JSONValue, resource: String) -> String? {
    switch parameter.place {
    case .header:
      return request["headers"]?.objectValue?.first { $0.name.lowercased() == parameter.name.lowercased() }?.value.stringValue
    case .querystring:
      let pairs = (request["query"]?.stringValue ?? "").split(separator: "&").map { $0.split(separator: "=", maxSplits: 1) }
      return pairs.first { $0.first.map(String.init) == parameter.name }.map { $0.count > 1 ? String($0[1]) : "" }
    case .path:
      let segments = (request["path"]?.stringValue ?? "").split(separator: "/")
      return zip(resource.split(separator: "/"), segments).first { $0.0 == "{\(parameter.name)}" }.map { String($0.1) }
    }
  }

  @Test func theRecordedCasesHold() throws {
    let vectors = try JSONValue.parse(Array(try Data(contentsOf: ValidationVectors.file)))
    let cases = try #require(vectors["cases"]?.arrayValue)
    var passed = 0
    for row in cases {
      let id = row["id"]?.stringValue ?? ""
      let definition = try #require(vectors["definitions"]?[row["definition"]?.stringValue ?? ""])
      let request = try #require(row["request"])
      let validator = try Self.validator(definition)
      let resource = definition["resource"]?.stringValue ?? ""
      var fault = validator.parameterFault { Self.value($0, request, resource: resource) }
      if fault == nil {
        var writer = JSONWriter()
        if let body = request["bodyJson"] { writer.write(body) }
        let type = request["headers"]?["Content-Type"]?.stringValue
        fault = writer.bytes.withUnsafeBytes { validator.bodyFault(contentType: type, body: $0) }
      }
      let expected = row["expected"]?["status"]?.intValue == 400 ? row["expected"]?["bodyJson"]?["message"]?.stringValue : nil
      passed += fault?.message == expected ? 1 : 0
      #expect(fault?.message == expected, "\(id): \(fault?.validationError ?? "no fault")")
    }
    print("03_request_validation.json \(passed)/\(cases.count)")
  }
}
