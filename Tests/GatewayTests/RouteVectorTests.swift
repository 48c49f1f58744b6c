// The route cases of the shared vectors (vectors/aws/04_routing_and_not_found.json). They are
// read from ../shared/vectors beside the repository, or from TIDEGATE_VECTORS; where they are absent these tests say so and skip.

import Foundation
import Testing

@testable import Gateway

struct RouteVectors: Decodable {
  struct Definition: Decodable {
    /// Of a REST API's document: by path, by method.
    let paths: [String: [String: Anything]]?
    let protocolType: String?
    let routes: [String]?

    var restKeys: [String] {
      (paths ?? [:]).flatMap { path, methods in
        methods.keys.map { ($0 == "x-amazon-apigateway-any-method" ? "ANY" : $0.uppercased()) + " " + path }
      }.sorted()
    }
  }

  /// What the document says below a method, which routing does not ask.
  struct Anything: Decodable {
    init(from decoder: any Decoder) {}
  }

  struct Case: Decodable {
    struct Request: Decodable {
      let method: String
      let path: String
    }

    struct Expected: Decodable {
      let routeKey: String?
      let status: Int?
      let bodyJsonContains: [String: String]?
    }

    let id: String
    let api: String
    let definition: String
    let request: Request
    let expected: Expected
  }

  let definitions: [String: Definition]
  let cases: [Case]

  static let file: URL = {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
    let folder =
      ProcessInfo.processInfo.environment["TIDEGATE_VECTORS"].map { URL(fileURLWithPath: $0) }
      ?? repository.appendingPathComponent("../shared/vectors")
    return folder.appendingPathComponent("aws/04_routing_and_not_found.json").standardizedFileURL
  }()

  static let isPresent: Bool = {
    let present = FileManager.default.fileExists(atPath: file.path)
    if !present { print("SKIPPED: route vectors are absent at \(file.path); set TIDEGATE_VECTORS to the vectors' folder") }
    return present
  }()
}

@Suite(.enabled(if: RouteVectors.isPresent, "the shared vectors are absent; set TIDEGATE_VECTORS to their folder"))
struct RouteVectorTests {
  @Test func theRecordedHTTPAPICasesHold() throws {
    let vectors = try JSONDecoder().decode(RouteVectors.self, from: Data(contentsOf: RouteVectors.file))
    let cases = vectors.cases.filter { $0.api == "HTTP" }
    try #require(!cases.isEmpty)
    for row in cases {
      let definition = try #require(vectors.definitions[row.definition])
      try #require(definition.protocolType == "HTTP")
      let table = try RouteTable.compile(keys: #require(definition.routes))
      let selected = table.select(row.request.method, row.request.path)
      if row.expected.status == 404 {
        #expect(selected == .none, "\(row.id)")
      } else {
        #expect(selected.key == row.expected.routeKey, "\(row.id)")
      }
    }
  }

  /// Which of the mock's resources answered, its message tells.
  @Test func theRecordedRESTCasesHold() throws {
    let answers = [
      "OPTIONS request": "OPTIONS /{proxy+}", "ANY request": "ANY /test/any", "part1": "GET /part1",
      "hardcoded-value": "GET /part1/hardcoded-value", "proxy": "GET /{param+}", "POST request": "POST /test",
    ]
    let vectors = try JSONDecoder().decode(RouteVectors.self, from: Data(contentsOf: RouteVectors.file))
    let cases = vectors.cases.filter { $0.api == "REST" }
    try #require(!cases.isEmpty)
    for row in cases {
      let table = try RouteTable.compile(keys: #require(vectors.definitions[row.definition]).restKeys, rules: .rest)
      let selected = table.select(row.request.method, row.request.path)
      if row.expected.status == 403 {
        #expect(selected == .none, "\(row.id)")
      } else if let message = row.expected.bodyJsonContains?["message"] {
        #expect(selected.key == answers[message], "\(row.id)")
      } else {
        #expect(selected.key != nil, "\(row.id)")
      }
    }
  }
}
