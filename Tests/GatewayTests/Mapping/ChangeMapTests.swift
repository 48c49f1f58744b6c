// The parameter mappings of HTTP APIs, as tables from the developer guide.

import Testing

@testable import Gateway

@Suite struct ChangeMapTests {
  static func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

  static let message = TestMessage(
    fields: [MessageField("Header1", "v"), MessageField("X-Two", "a"), MessageField("x-two", "b")],
    query: [MessageField("q", "1"), MessageField("q", "2"), MessageField("r", "3")], pathParameters: [MessageField("petId", "7")],
    path: Array("/pets/7".utf8)[...], body: Array(#"{"name": "rex", "tags": ["a"]}"#.utf8)[...],
    contexts: ["requestId": "id-1", "stage": "prod"], stageVariables: ["env": "blue"])

  static let values: [(String, String?)] = [
    ("$request.header.header1", "v"), ("$request.header.X-TWO", "a,b"), ("$request.header.none", nil), ("$request.querystring.q", "1,2"),
    ("$request.querystring.Q", nil), ("$request.path", "/pets/7"), ("$request.path.petId", "7"), ("$request.body.name", "rex"),
    ("$request.body.none", nil), ("$request.body.tags[0]", "a"), ("$context.requestId", "id-1"), ("$stageVariables.env", "blue"),
    ("text", "text"), ("${context.stage}-${stageVariables.env}", "prod-blue"), ("x-${request.path.petId}/y", "x-7/y"),
    ("${request.header.none}${request.path.petId}", "7"), ("a $context.stage b", "a prod b"), ("/$context.stage/x", "/prod/x"),
    ("costs $5", "costs $5"), ("$", "$"), ("a$", "a$"), ("$default", "$default"), ("$request.body", #"{"name": "rex", "tags": ["a"]}"#),
  ]

  @Test(arguments: values)
  func aValueIsTextWithVariables(_ value: String, _ expected: String?) throws {
    let map = try ChangeMap([("overwrite:header.A", value)], .request, selectors: PlainSelectors())
    let changes = try map.apply(Self.message)
    #expect(changes == (expected.map { [.overwriteHeader(MessageField("A", $0))] } ?? []))
    #expect(map.needsBody == value.contains("body"))
  }

  @Test func theGuidesExamplesHold() throws {
    let added = try ChangeMap([("append:header.header1", "$context.requestId")], .request, selectors: PlainSelectors())
    let once = try added.apply(Self.message)
    #expect(once.headers(Self.message.fields).texts == ["Header1=v", "X-Two=a", "x-two=b", "header1=id-1"])
    let renamed = try ChangeMap(
      [("append:header.header2", "$request.header.header1"), ("remove:header.header1", "''")], .request, selectors: PlainSelectors())
    let changes = try renamed.apply(Self.message)
    #expect(changes.headers(Self.message.fields).texts == ["X-Two=a", "x-two=b", "header2=v"])
    let response = try ChangeMap(
      [("append:header.header1", "$context.requestId"), ("overwrite:statuscode", "403")], .response, selectors: PlainSelectors())
    let answered = try response.apply(Self.message)
    #expect(answered == [.overwriteStatus(403), .appendHeader(MessageField("header1", "id-1"))])
    let emptied = try ChangeMap([("append:header.header1", "")], .request, selectors: PlainSelectors())
    #expect(emptied.isEmpty)
  }

  @Test func queryAndPathAreChanged() throws {
    let map = try ChangeMap(
      [
        ("append:querystring.q", "a b"), ("overwrite:querystring.r", "$request.path.petId"), ("remove:querystring.none", ""),
        ("overwrite:path", "new/$context.stage/x y?z#%2F"),
      ], .request, selectors: PlainSelectors())
    let changes = try map.apply(Self.message)
    #expect(changes.query(Self.message.query).texts == ["q=1", "q=2", "r=7", "q=a b"])
    #expect(changes.contains(.overwritePath(Array("/new/prod/x%20y%3Fz%23%2F".utf8))))
    let single = try ChangeMap([("overwrite:querystring.q", "9"), ("overwrite:header.x-two", "9")], .request, selectors: PlainSelectors())
    let overwritten = try single.apply(Self.message)
    #expect(overwritten.query(Self.message.query).texts == ["q=9", "r=3"])
    #expect(overwritten.headers(Self.message.fields).texts == ["Header1=v", "x-two=9"])
  }

  @Test func linesCannotBeSmuggledIn() throws {
    let map = try ChangeMap([("append:header.A", "x${request.header.Header1}")], .request, selectors: PlainSelectors())
    let changes = try map.apply(TestMessage(fields: [MessageField("header1", "1\r\nB: 2\u{0}")]))
    #expect(changes == [.appendHeader(MessageField("A", "x1  B: 2 "))])
  }

  @Test func aBodyBeyondTheFirstHundredKilobytesHasNoParts() throws {
    let map = try ChangeMap([("append:header.A", "$request.body.name")], .request, selectors: PlainSelectors())
    func changes(_ padding: Int) throws -> [MessageChange] {
      try map.apply(TestMessage(body: Self.slice(#"{"name": "rex"}"# + String(repeating: " ", count: padding))))
    }
    let whole = try changes(102_400 - 15)
    #expect(whole.count == 1)
    let broken = try map.apply(
      TestMessage(body: Self.slice(#"{"pad": ""# + String(repeating: "x", count: 102_400) + #"", "name": "rex"}"#)))
    #expect(broken.isEmpty)
    let malformed = try map.apply(TestMessage(body: Self.slice("{")))
    #expect(malformed.isEmpty)
  }

  @Test func aStatusFromAVariableIsChecked() throws {
    let map = try ChangeMap([("overwrite:statuscode", "$response.header.status")], .response, selectors: PlainSelectors())
    let changes = try map.apply(TestMessage(fields: [MessageField("Status", "418")]))
    #expect(changes == [.overwriteStatus(418)])
    #expect(throws: MappingFailure.invalidStatus) { try map.apply(TestMessage(fields: [MessageField("Status", "ok")])) }
    let none = try map.apply(TestMessage())
    #expect(none.isEmpty)
  }

  static let refused: [(String, String, ChangeMap.Side)] =
    [
      ("header.A", "a", .request), ("add:header.A", "a", .request), ("append:path", "/a", .request),
      ("append:statuscode", "200", .response),
      ("overwrite:statuscode", "200", .request), ("overwrite:statuscode", "20", .response), ("overwrite:statuscode", "ok", .response),
      ("overwrite:path", "/a", .response), ("append:querystring.a", "a", .response), ("append:querystring.", "a", .request),
      ("append:header.a b", "a", .request), ("append:header.A", "${request.header.a", .request), ("append:header.A", "${foo}", .request),
      ("append:header.A", "$request.cookie.a", .request), ("append:header.A", "$context.nothing", .request),
      ("append:header.A", "$request.body..a", .request), ("append:header.A", "$request.body.a[?(@.b)]", .request),
      ("append:header.A", "$response.header.a", .request), ("append:header.A", "$request.header.a", .response),
      ("append:header.A", "$request.body.*", .request),
    ]
    + [
      "access-control-allow-origin", "apigw-x", "Authorization", "Connection", "Content-Encoding", "content-length", "Content-Location",
      "Forwarded", "Keep-Alive", "Origin", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers", "Transfer-Encoding", "Upgrade",
      "x-amz-date", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "Via",
    ].map { ("overwrite:header." + $0, "a", .request) }

  @Test(arguments: refused)
  func whatIsNoMappingIsRefusedWithItsKey(_ key: String, _ value: String, _ side: ChangeMap.Side) {
    let error = #expect(throws: MappingFaults.self) { try ChangeMap([(key, value)], side, selectors: PlainSelectors()) }
    #expect(error?.faults.map(\.key) == [key])
  }
}
