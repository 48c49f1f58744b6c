// The parameter mappings of REST APIs, as tables from the developer guide.

import Testing

@testable import Gateway

@Suite struct ParameterMapTests {
  static let message = TestMessage(
    fields: [
      MessageField("X-One", "1"), MessageField("X-Two", "a"), MessageField("X-Two", "b"), MessageField("content-type", "text/plain"),
    ],
    query: [MessageField("q", "1"), MessageField("m", "x"), MessageField("m", "y")], pathParameters: [MessageField("id", "a%2Fb")],
    body: Array(#" {"petstore": {"pets": [{"name": "rex", "age": 3, "tags": ["a"], "no": null}]}} "#.utf8)[...],
    contexts: ["identity.sourceIp": "192.0.2.1"], stageVariables: ["env": "prod"])

  struct Case: Sendable {
    let target: String
    let source: String
    let mapped: [String]
  }

  static let requests: [Case] = [
    Case(target: "header.A", source: "method.request.header.X-One", mapped: ["A=1"]),
    Case(target: "header.A", source: "method.request.header.x-one", mapped: []),
    Case(target: "header.A", source: "method.request.header.Content-Type", mapped: ["A=text/plain"]),
    Case(target: "header.A", source: "method.request.header.X-Two", mapped: ["A=b"]),
    Case(target: "header.A", source: "method.request.multivalueheader.X-Two", mapped: ["A=a,b"]),
    Case(target: "header.A", source: "method.request.multivalueheader.X-One", mapped: ["A=1"]),
    Case(target: "header.A", source: "method.request.multivalueheader.X-None", mapped: []),
    Case(target: "querystring.A", source: "method.request.querystring.m", mapped: ["A=y"]),
    Case(target: "querystring.A", source: "method.request.multivaluequerystring.m", mapped: ["A=x", "A=y"]),
    Case(target: "querystring.A", source: "method.request.querystring.M", mapped: []),
    Case(target: "path.A", source: "method.request.path.id", mapped: ["A=a%2Fb"]),
    Case(target: "path.A", source: "method.request.path.ID", mapped: []),
    Case(target: "header.A", source: "method.request.body.petstore.pets[0].name", mapped: ["A=rex"]),
    Case(target: "header.A", source: "method.request.body.petstore.pets[0].age", mapped: ["A=3"]),
    Case(target: "header.A", source: "method.request.body.petstore.pets[0].tags", mapped: [#"A=["a"]"#]),
    Case(target: "header.A", source: "method.request.body.petstore.pets[0].no", mapped: []),
    Case(target: "header.A", source: "method.request.body.petstore.pets[1].name", mapped: []),
    Case(target: "header.A", source: "context.identity.sourceIp", mapped: ["A=192.0.2.1"]),
    Case(target: "header.A", source: "context.stage", mapped: []),
    Case(target: "header.A", source: "stageVariables.env", mapped: ["A=prod"]),
    Case(target: "header.A", source: "stageVariables.none", mapped: []),
    Case(target: "header.A", source: "'text \"with\" 'quotes''", mapped: ["A=text \"with\" 'quotes'"]),
    Case(target: "header.A", source: "''", mapped: ["A="]),
  ]

  @Test(arguments: requests)
  func aTargetGetsItsSource(_ row: Case) throws {
    let map = try ParameterMap([("integration.request." + row.target, row.source)], .integrationRequest(.http), selectors: PlainSelectors())
    let mapped = try map.apply(Self.message)
    #expect((mapped.headers + mapped.query + mapped.path).texts == row.mapped)
    #expect(map.needsBody == row.source.contains("body"))
  }

  static let bodies: [(String, Result<[String], MappingFailure>)] = [
    ("", .success(["A={}"])), (" \n", .success(["A={}"])), ("<text>", .success(["A=<text>"])), ("\n{wrong", .failure(.invalidJSON)),
    ("[1", .failure(.invalidJSON)), ("\"text", .success(["A=\"text"])), ("a\r\nb: c", .success(["A=a  b: c"])),
    ("{\n}", .success(["A={ }"])),
  ]

  @Test(arguments: bodies)
  func aWholeBodyIsMappedUnlessItIsBrokenJSON(_ body: String, _ expected: Result<[String], MappingFailure>) throws {
    let map = try ParameterMap(
      [("integration.request.header.A", "method.request.body")], .integrationRequest(.http), selectors: PlainSelectors())
    let message = TestMessage(body: Array(body.utf8)[...])
    let mapped = Result { () throws(MappingFailure) in try map.apply(message).headers.texts }
    #expect(mapped == expected)
  }

  @Test func responsesTakeFromTheBackendsResponse() throws {
    let map = try ParameterMap(
      [
        ("method.response.header.A", "integration.response.header.X-Two"),
        ("method.response.header.B", "integration.response.multivalueheader.X-Two"),
        ("method.response.header.C", "integration.response.body.petstore.pets[0].name"),
        ("method.response.header.D", "integration.response.header.x-two"),
        ("method.response.header.E", "'*'"),
      ], .methodResponse, selectors: PlainSelectors())
    let mapped = try map.apply(Self.message)
    #expect(mapped.headers.texts == ["A=b", "B=a,b", "C=rex", "E=*"])
  }

  @Test(arguments: [
    ("integration.request.header.Content-Length", IntegrationKind.http), ("integration.request.header.transfer-encoding", .httpProxy),
    ("integration.request.header.Connection", .service), ("integration.request.header.expect", .serviceProxy),
  ])
  func aRefusedHeaderFailsTheRequestThatHasAValueForIt(_ target: String, _ kind: IntegrationKind) throws {
    let map = try ParameterMap([(target, "method.request.header.X-One")], .integrationRequest(kind), selectors: PlainSelectors())
    let name = target.replacing("integration.request.header.", with: "")
    #expect(throws: MappingFailure.refusedHeader(name)) { try map.apply(Self.message) }
    let mapped = try map.apply(TestMessage())
    #expect(mapped == MappedParameters())
  }

  static let refused: [(String, String, ParameterSide)] = [
    ("integration.request.cookie.A", "'a'", .integrationRequest(.http)),
    ("integration.request.header.", "'a'", .integrationRequest(.http)),
    ("integration.request.header.a b", "'a'", .integrationRequest(.http)),
    ("method.response.header.A", "'a'", .integrationRequest(.http)),
    ("method.response.querystring.A", "'a'", .methodResponse),
    ("integration.request.header.A", "a", .integrationRequest(.http)),
    ("integration.request.header.A", "'a", .integrationRequest(.http)),
    ("integration.request.header.A", "'", .integrationRequest(.http)),
    ("integration.request.header.A", "integration.response.header.A", .integrationRequest(.http)),
    ("integration.request.header.A", "method.request.header.", .integrationRequest(.http)),
    ("integration.request.header.A", "method.request.bodyless", .integrationRequest(.http)),
    ("integration.request.header.A", "context.nothing", .integrationRequest(.http)),
    ("integration.request.header.A", "context.identity..a", .integrationRequest(.http)),
    ("integration.request.header.A", "stageVariables.", .integrationRequest(.http)),
    ("integration.request.header.A", "method.request.body.*", .integrationRequest(.http)),
    ("method.response.header.A", "method.request.header.A", .methodResponse),
    ("method.response.header.A", "integration.response.querystring.A", .methodResponse),
    ("gatewayresponse.header.A", "method.request.body", .gatewayResponse),
    ("gatewayresponse.querystring.A", "'a'", .gatewayResponse),
    ("integration.request.header.A", "'" + String(repeating: "a", count: 5000) + "'", .integrationRequest(.http)),
  ]

  @Test(arguments: refused)
  func whatIsNoMappingIsRefusedWithItsKey(_ target: String, _ source: String, _ side: ParameterSide) {
    let error = #expect(throws: MappingFaults.self) {
      try ParameterMap([("x", "y"), (target, source)], side, selectors: PlainSelectors())
    }
    #expect(error?.faults.map(\.key) == ["x", target])
    #expect(error?.faults.last.map { !$0.message.isEmpty } == true)
  }

  @Test func valuesHaveALimitTogether() throws {
    var limits = MappingLimits()
    limits.valueBytesMax = 10
    let map = try ParameterMap(
      [("integration.request.header.A", "'12345'"), ("integration.request.header.B", "method.request.header.X")],
      .integrationRequest(.http), selectors: PlainSelectors(), limits: limits)
    let mapped = try map.apply(TestMessage(fields: [MessageField("X", "54321")]))
    #expect(mapped.headers.texts == ["A=12345", "B=54321"])
    #expect(throws: MappingFailure.tooLong) { try map.apply(TestMessage(fields: [MessageField("X", "654321")])) }
  }

  @Test func overridesOfTemplatesReplaceWhatWasMapped() throws {
    var mapped = MappedParameters()
    mapped.headers = [MessageField("X-A", "1"), MessageField("x-a", "2"), MessageField("X-B", "3")]
    mapped.query = [MessageField("q", "1"), MessageField("q", "2"), MessageField("Q", "3")]
    let side = ParameterSide.integrationRequest(.http)
    try mapped.override(header: Array("x-A".utf8)[...], with: [Array("new\n".utf8)[...], Array("2".utf8)[...]], side)
    for name in ["a b", "a:", "", "Content-Length", "transfer-encoding"] {
      let slice = Array(name.utf8)[...]
      #expect(throws: MappingFailure.refusedHeader(name)) {
        var copy = mapped
        try copy.override(header: slice, with: [slice], side)
      }
    }
    mapped.override(query: Array("q".utf8)[...], with: [Array("4".utf8)[...], Array("5".utf8)[...]])
    mapped.override(path: Array("id".utf8)[...], with: Array("6".utf8)[...])
    #expect(mapped.headers.texts == ["X-B=3", "x-A=new ,2"])
    #expect(mapped.query.texts == ["Q=3", "q=4", "q=5"])
    #expect(mapped.path.texts == ["id=6"])
  }
}
