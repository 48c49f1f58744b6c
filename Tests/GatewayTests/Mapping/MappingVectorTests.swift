// The shared vectors of parameter mappings and header fields (vectors/aws, files 07, 16 and 19).

import Runtime
import Testing

@testable import Gateway

@Suite(.enabled(if: AWSVectors.arePresent, "the shared vectors are absent; set TIDEGATE_VECTORS to their folder"))
struct MappingVectorTests {
  @Test func mappingsOfRESTAPIsHoldAsTried() throws {
    // The input of "pmap-missing" has the values which the test that it was taken from leaves out.
    let rows = try AWSVectors.cases("16_param_mapping_uri_mock_unit").filter {
      ($0["requestParameters"] != nil || $0["responseParameters"] != nil) && $0.id != "pmap-missing"
    }
    try #require(!rows.isEmpty)
    for row in rows {
      let isRequest = row["kind"]?.stringValue == "request"
      let mapping = (row[isRequest ? "requestParameters" : "responseParameters"]?.texts ?? []).map { ($0.0, $0.1) }
      let map = try ParameterMap(mapping, isRequest ? .integrationRequest(.http) : .methodResponse, selectors: PlainSelectors())
      let mapped = Result { () throws(MappingFailure) in try map.apply(message(row["input"] ?? [:])) }
      let expected = try #require(row["expected"])
      if expected["error"] != nil {
        #expect(mapped == .failure(.invalidJSON), "\(row.id)")
        continue
      }
      let parameters = try mapped.get()
      for (part, fields) in [("header", parameters.headers), ("querystring", parameters.query), ("path", parameters.path)] {
        let pairs = (expected[part]?.texts ?? []).map { "\($0.0)=\($0.1)" }
        #expect(fields.texts.sorted() == pairs.sorted(), "\(row.id) \(part)")
      }
    }
  }

  private func message(_ input: JSONValue) -> TestMessage {
    func fields(_ members: JSONValue?) -> [MessageField] {
      (members?.objectValue ?? []).flatMap { member in
        (member.value.arrayValue ?? [member.value]).map { MessageField(member.name, $0.stringValue ?? "") }
      }
    }
    let query = (input["query"]?.stringValue ?? "").split(separator: "&").map { pair in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return MessageField(halves[0], halves.count > 1 ? halves[1] : "")
    }
    return TestMessage(
      fields: fields(input["headers"] ?? input["responseHeaders"]), query: query, pathParameters: fields(input["pathParameters"]),
      body: input["body"]?.bytes ?? [])
  }

  @Test func mappingsOfHTTPAPIsHoldAsDocumented() throws {
    let rows = try AWSVectors.cases("19_doc_tables").filter { $0["api"] == "HTTP" }
    try #require(!rows.isEmpty)
    for row in rows {
      if let key = row["key"]?.stringValue {
        #expect(throws: MappingFaults.self, "\(row.id)") { try ChangeMap([(key, "a")], .request, selectors: PlainSelectors()) }
        continue
      }
      let map = try ChangeMap((row["requestParameters"]?.texts ?? []).map { ($0.0, $0.1) }, .request, selectors: PlainSelectors())
      let expected = try #require(row["expected"])
      var message = TestMessage(contexts: ["requestId": "{{requestId}}"])
      message.fields = (expected["input"]?.texts ?? []).map { MessageField($0.0, $0.1) }
      let fields = try map.apply(message).headers(message.fields)
      for (name, value) in expected["backendHeader"]?.texts ?? [] { #expect(fields.texts.contains("\(name)=\(value)"), "\(row.id)") }
      for name in (expected["backendHeaderAbsent"]?.arrayValue ?? []).compactMap(\.bytes) {
        #expect(!fields.contains { $0.isNamed(name) }, "\(row.id)")
      }
    }
  }

  /// Fields that the engine writes, or whose value is another at each request.
  private static let ofTheEngine: Set<String> = ["content-length", "connection", "date", "via", "host"]

  @Test func headersAreDroppedAndRemappedAsRecorded() throws {
    for row in try AWSVectors.cases("07_header_remapping") {
      let integration = try #require(row["integration"])
      let kind = try #require(integration["type"]?.stringValue.flatMap(IntegrationKind.init))
      let expected = try #require(row["expected"])
      let client =
        (row["request"]?["headers"]?.texts ?? []).map { MessageField($0.0, $0.1) }
        .filter { !IntegrationHeaders.isDroppedAtIngress($0.name) } + [MessageField("Host", "client")]
      let map = try ParameterMap(
        (integration["requestParameters"]?.texts ?? []).map { ($0.0, $0.1) }, .integrationRequest(kind), selectors: PlainSelectors())
      let mapped = Result { () throws(MappingFailure) in try map.apply(TestMessage(fields: client)) }
      if expected["status"]?.intValue == 500 {
        guard case .failure(.refusedHeader) = mapped else {
          Issue.record("\(row.id) passes")
          continue
        }
        continue
      }
      let gateway = GatewayIdentity(apiID: Array("api".utf8)[...], traceID: Array("trace".utf8)[...])
      let sent = BackendFields.request(kind, client: client, mapped: try mapped.get().headers, hasBody: false, gateway)
      #expect(names(sent) == names(expected["backendReceivedHeaders"]), "\(row.id)")
      for (name, value) in expected["backendReceivedHeaders"]?.texts ?? [] where !value.contains("<") && name != "Content-Length" {
        #expect(sent.contains { $0.isNamed(Array(name.utf8)[...]) && $0.value.elementsEqual(value.utf8) }, "\(row.id) \(name)")
      }
      try checkIngress(row, expected, client)
      try checkResponse(row, integration, expected, kind)
    }
  }

  /// What the echo of file 08 saw, of the fields that the gateway chooses.
  @Test func backendsGetTheFieldsThatTheEchoSaw() throws {
    let rows = try AWSVectors.cases("08_http_integration_and_import").filter { $0["expected"]?["backendSaw"]?["headers"] != nil }
    try #require(!rows.isEmpty)
    for row in rows {
      let kind = try #require(row["integration"]?["type"]?.stringValue.flatMap(IntegrationKind.init))
      let client = (row["request"]?["headers"]?.texts ?? []).map { MessageField($0.0, $0.1) }
      let gateway = GatewayIdentity(apiID: Array("<rest_api_id:1>".utf8)[...], traceID: Array("trace".utf8)[...])
      let sent = BackendFields.request(kind, client: client, mapped: [], hasBody: true, gateway)
      for name in ["accept", "content-type", "user-agent", "x-amzn-apigateway-api-id"] {
        let expected = row["expected"]?["backendSaw"]?["headers"]?[name]?.stringValue
        let value = sent.last { $0.isNamed(Array(name.utf8)[...]) }.map { String(decoding: $0.value, as: UTF8.self) }
        #expect(expected == nil || value == expected, "\(row.id) \(name)")
      }
    }
  }

  /// The echo shows in its body what a template could see.
  private func checkIngress(_ row: JSONValue, _ expected: JSONValue, _ client: [MessageField]) throws {
    for (name, value) in expected["body"]?.objectValue?.map({ ($0.name, $0.value.stringValue) }) ?? [] where name != "Via" {
      #expect(client.contains { $0.isNamed(Array(name.utf8)[...]) } == (value != ""), "\(row.id) \(name)")
    }
  }

  private func checkResponse(_ row: JSONValue, _ integration: JSONValue, _ expected: JSONValue, _ kind: IntegrationKind) throws {
    let mapping = kind == .http ? (integration["responseParameters"]?.texts ?? []).map { ($0.0, $0.1) } : []
    let map = try ParameterMap(mapping, .methodResponse, selectors: PlainSelectors())
    let backend = [
      MessageField("Access-Control-Allow-Credentials", "true"), MessageField("Access-Control-Allow-Origin", "*"),
      MessageField("Connection", "keep-alive"), MessageField("Content-Length", "790"), MessageField("Date", "today"),
      MessageField("Content-Type", "application/json"), MessageField("Server", "gunicorn/19.9.0"),
    ]
    let fields = try kind == .http ? map.apply(TestMessage()).headers : backend
    let received = fields.compactMap { IntegrationHeaders.response($0, kind) }
    let gateway: Set<String> = ["x-amz-apigw-id", "x-amzn-requestid", "x-amzn-trace-id"]
    var expectedNames = names(expected["responseHeaders"]).subtracting(gateway)
    if kind == .http && mapping.isEmpty { expectedNames.remove("content-type") }
    #expect(names(received) == expectedNames, "\(row.id)")
    for (name, value) in expected["responseHeaders"]?.texts ?? []
    where name.hasPrefix("x-amzn-Remapped") && !value.contains("<") && !name.hasSuffix("Content-Length") {
      #expect(received.contains { $0.isNamed(Array(name.utf8)[...]) && $0.value.elementsEqual(value.utf8) }, "\(row.id) \(name)")
    }
  }

  private func names(_ fields: [MessageField]) -> Set<String> {
    Set(fields.map { String(decoding: $0.name, as: UTF8.self).lowercased() }).subtracting(Self.ofTheEngine)
  }

  private func names(_ headers: JSONValue?) -> Set<String> {
    Set((headers?.texts ?? []).map { $0.0.lowercased() }).subtracting(Self.ofTheEngine)
  }
}
