// Imports and exports as AWS was recorded to make them. The recordings are not part of this repository: TIDEGATE_VECTORS names the folder
// that has them, with the folder `aws` in it.
import Foundation
import Gateway
import Runtime
import Testing

@testable import Node

enum AWSVectors {
  static let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["TIDEGATE_VECTORS"] ?? "/nowhere").appendingPathComponent(
    "aws")
  static let isPresent = FileManager.default.fileExists(atPath: folder.appendingPathComponent("14_openapi_import.json").path)

  static func cases(_ file: String) throws -> [JSONValue] {
    let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(file)))
    return try #require(try JSONValue.parse(bytes)["cases"]?.arrayValue)
  }

  /// The document of a case, with what its test put in before AWS saw it.
  static func document(_ text: String, _ name: String) throws -> DefinitionDocument {
    let pool = "arn:aws:cognito-idp:us-east-1:111111111111:userpool/us-east-1_ABC123"
    let filled = text.replacingOccurrences(of: "${cognito_pool_arn}", with: pool)
    return try DefinitionFile.document(Array(filled.utf8), file: name)
  }

  static func options(_ parameters: JSONValue?) -> DefinitionImportOptions {
    var options = DefinitionImportOptions(kind: .rest)
    if let word = parameters?["basepath"]?.stringValue { options.basePath = .init(rawValue: word) ?? .ignore }
    return options
  }
}

@Suite(.enabled(if: AWSVectors.isPresent, "the recordings are absent; set TIDEGATE_VECTORS to their folder")) struct DefinitionVectorTests {
  @Test func importsGiveWhatTheControlPlaneReports() throws {
    var compared = 0
    for vector in try AWSVectors.cases("14_openapi_import.json") {
      let id = try #require(vector["id"]?.stringValue)
      let document = try AWSVectors.document(try #require(vector["spec"]?.stringValue), vector["specFile"]?.stringValue ?? "")
      let result = DefinitionImport(document, AWSVectors.options(vector["call"]?["parameters"]))
      let definition = try #require(result.definition, "\(id): \(result.findings)")
      var values = RecordedValue()
      for member in try #require(vector["expected"]?.objectValue) {
        let ours = view(ControlPlaneView(definition, apiID: "a1b2c3"), member.name, result)
        values.compare(try relevant(member), ours, at: member.name)
        compared += 1
      }
      #expect(values.differences == [], "\(id)")
    }
    #expect(compared >= 100)
  }

  /// An export with all extensions is a document: its import gives both exports again.
  @Test func exportsAreWordedAsRecorded() throws {
    var compared = 0
    for vector in try AWSVectors.cases("15_openapi_export.json") {
      guard let expected = vector["expected"], let full = expected["get-export-with-extensions"]?["body"] else { continue }
      let id = vector["id"]?.stringValue ?? ""
      let result = DefinitionImport(DefinitionDocument(file: id, root: full), DefinitionImportOptions(kind: .rest))
      let definition = try #require(result.definition, "\(result.findings)")
      let server = DefinitionExportOptions.Server(host: "a1b2c3.execute-api.eu-west-1.amazonaws.com", stage: "local")
      var values = RecordedValue()
      values.compare(full, definition.exported(.init(format: .oas30, extensions: .apigateway, server: server)), at: "with")
      let bare = definition.exported(.init(format: .oas30, extensions: [], server: server))
      values.compare(try #require(expected["get-export"]?["body"]), bare, at: "without")
      #expect(values.differences == [], "\(id)")
      compared += 2
    }
    #expect(compared == 4)
  }

  @Test func importedDocumentsOfHTTPIntegrationsHaveTheirPaths() throws {
    var compared = 0
    for vector in try AWSVectors.cases("08_http_integration_and_import.json") {
      let text = vector["openapiYaml"]?.stringValue ?? vector["openapi"]?.text()
      guard let text, let path = vector["request"]?["path"]?.stringValue else { continue }
      let document = try AWSVectors.document(text, "")
      let result = DefinitionImport(document, AWSVectors.options(vector["importParameters"]))
      let definition = try #require(result.definition, "\(result.findings)")
      let resource = try #require(definition.resources.first { $0.path == path }, "\(path)")
      #expect(resource[.get]?.operation.integration != nil)
      compared += 1
    }
    #expect(compared == 3)
  }

  @Test func documentsOfTheGuideAreJudgedAsItSays() throws {
    var compared = 0
    for vector in try AWSVectors.cases("19_doc_tables.json") {
      if let key = vector["key"]?.stringValue, vector["expected"]?["controlPlane"] == "BadRequestException" {
        #expect(throws: MappingRefusal.self) { try MappingAction(key, on: .request) }
        #expect(throws: MappingRefusal.self) { try MappingAction(key, on: .response) }
        compared += 1
      } else if let type = vector["type"]?.stringValue, let status = vector["expected"]?["defaultStatus"] {
        #expect(APIDefinition.GatewayResponse.types[type] == .some(status.intValue.map(Int.init)), "\(type)")
        compared += 1
      } else if let mappings = vector["requestParameters"]?.objectValue {
        for member in mappings {
          _ = try MappingAction(member.name, on: .request)
          _ = try MappingValue(member.value.stringValue ?? "", on: .request)
        }
        compared += 1
      }
    }
    #expect(compared == 18)
  }

  /// Of the transcripts of the control plane those that begin with a document: what is read of the API until something else changes it.
  @Test func importsOfTheTranscriptsGiveWhatIsReadAfterThem() throws {
    var compared = 0
    for vector in try AWSVectors.cases("13_control_plane_transcripts.json") {
      var view: ControlPlaneView?
      var values = RecordedValue()
      for step in vector["steps"]?.arrayValue ?? [] {
        let operation = step["op"]?.stringValue ?? ""
        let recorded = step["expect"]?.objectValue?.first?.value
        if operation == "import_rest_api" || operation == "put_rest_api" {
          view = nil
          guard let text = step["params"]?["body"]?.stringValue, step["params"]?["mode"] != "merge" else { break }
          let document = try? AWSVectors.document(text, "")
          #expect((document == nil) == (recorded?["kind"] == "error"))
          guard let document else { continue }
          let result = DefinitionImport(document, AWSVectors.options(step["params"]?["parameters"]))
          let definition = try #require(result.definition, "\(vector["id"]?.stringValue ?? ""): \(result.errors)")
          if step["params"]?["failOnWarnings"] == true { #expect(result.warnings == []) }
          view = ControlPlaneView(definition, apiID: "a1b2c3")
          continue
        }
        if operation.hasPrefix("get_") == false && operation != "create_rest_api" { view = nil }
        guard let view, let recorded, recorded["kind"] == "response", let expected = recorded["recorded"] else { continue }
        let ours: JSONValue
        switch operation {
        case "get_resources": ours = ["items": .array(view.resources())]
        case "get_models": ours = ["items": .array(view.models())]
        case "get_authorizers": ours = ["items": .array(view.authorizers())]
        default: continue
        }
        values.compare(expected, ours, at: operation)
        compared += 1
      }
      #expect(values.differences == [], "\(vector["id"]?.stringValue ?? "")")
    }
    #expect(compared >= 5)
  }

  // MARK: Views

  /// A list of authorizers was recorded without its envelope once.
  private func relevant(_ member: JSONMember) throws -> JSONValue {
    if case .array = member.value { return ["items": member.value] }
    return member.value
  }

  private func view(_ view: ControlPlaneView, _ key: String, _ result: DefinitionImport) -> JSONValue {
    if key.contains("get-models") { return ["items": .array(view.models())] }
    if key.contains("resources") { return ["items": .array(view.resources())] }
    if key.contains("get-authorizers") { return ["items": .array(view.authorizers())] }
    for kind in ["method-response-", "integration-response-", "method-", "integration-"] {
      guard let range = key.firstRange(of: kind), let dash = key.lastIndex(of: "-") else { continue }
      let name = String(key[range.upperBound..<dash])
      let verb = key[key.index(after: dash)...].uppercased()
      let path = name == "root" ? "/" : "/" + name
      guard let resource = view.definition.resources.first(where: { $0.path == path }),
        let method = resource.methods.first(where: { $0.method.text == verb })
      else { return .null }
      return part(view, kind, method, resource)
    }
    var api = view.restAPI()
    if !result.warnings.isEmpty, case .object(let members) = api {
      api = .object(members + [JSONMember("warnings", .array(result.warnings.map { .string($0.message) }))])
    }
    return api
  }

  private func part(
    _ view: ControlPlaneView, _ kind: String, _ method: APIDefinition.Method, _ resource: APIDefinition.Resource
  ) -> JSONValue {
    let missing: JSONValue = [
      "Error": ["Code": "NotFoundException", "Message": "Invalid Response status code specified"],
      "message": "Invalid Response status code specified",
    ]
    switch kind {
    case "method-": return view.method(method, of: resource)
    case "integration-": return method.operation.integration.map { view.integration($0, of: resource) } ?? .null
    case "method-response-": return method.operation.responses["200"].map { view.methodResponse("200", $0) } ?? missing
    default:
      let found = method.operation.integration?.responses.first { $0.statusCode == "200" }
      return found.map(view.integrationResponse) ?? missing
    }
  }
}
