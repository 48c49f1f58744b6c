import Testing

@testable import Gateway

@Suite struct MappingTests {
  @Test(arguments: [
    ("integration.request.header.A-b", MappingTarget.integrationRequest(.header, "A-b")),
    ("integration.request.querystring.a.b", .integrationRequest(.querystring, "a.b")),
    ("integration.request.path.p", .integrationRequest(.path, "p")),
    ("method.response.header.X", .methodResponseHeader("X")),
  ])
  func targetsAreRead(_ text: String, _ target: MappingTarget) { #expect(MappingTarget(text) == target) }

  @Test(arguments: [
    "", "...", "....", "integration.request.header.", "integration.request.body.a", "method.response.querystring.a",
    "method.request.header.a", "gatewayresponse.header.a",
  ])
  func otherTextIsNoTarget(_ text: String) { #expect(MappingTarget(text) == nil) }

  @Test(arguments: [
    ("'a b'", MappingSource.constant("a b")), ("''", .constant("")), ("context.identity.sourceIp", .context("identity.sourceIp")),
    ("stageVariables.a_1", .stageVariable("a_1")), ("method.request.body", .methodRequestBody(nil)),
    ("method.request.body.a[0].b", .methodRequestBody("a[0].b")),
    ("method.request.body[0].a", .methodRequestBody("[0].a")),
    ("method.request.multivalueheader.a", .methodRequest(.header, "a", isMultivalue: true)),
    ("method.request.path.proxy", .methodRequest(.path, "proxy", isMultivalue: false)),
    ("integration.response.header.Content-Type", .integrationResponseHeader("Content-Type", isMultivalue: false)),
    ("integration.response.body.redirect.url", .integrationResponseBody("redirect.url")),
    ("integration.response.body", .integrationResponseBody(nil)),
  ])
  func sourcesAreRead(_ text: String, _ source: MappingSource) { #expect(MappingSource(text) == source) }

  @Test(arguments: [
    "", "'", "true", "a", "context.", "stageVariables.a-b", "method.request.cookie.a", "method.request.header.", "method.request.body.",
    "integration.response.querystring.a", "method.request.header.a b",
  ])
  func otherTextIsNoSource(_ text: String) { #expect(MappingSource(text) == nil) }

  @Test(arguments: [
    ("append:header.a", MappingAction.Side.request), ("remove:querystring.b", .request), ("overwrite:path", .request),
    ("overwrite:statuscode", .response),
    ("remove:header.c", .response),
  ])
  func actionsAreRead(_ text: String, _ side: MappingAction.Side) throws { _ = try MappingAction(text, on: side) }

  @Test(arguments: [
    ("header.a", MappingAction.Side.request), ("overwrite.path", .request), ("remove:path", .request), ("overwrite:statuscode", .request),
    ("append:statuscode", .response),
    ("append:querystring.a", .response), ("append:header.", .request), ("append:header.a b", .request),
    ("append:header.X-Amz-Date", .request),
    ("append:header.access-control-allow-origin", .response), ("append:cookie.a", .request), (":header.a", .request),
  ])
  func otherActionsAreRefused(_ text: String, _ side: MappingAction.Side) {
    #expect(throws: MappingRefusal.self) { try MappingAction(text, on: side) }
  }

  @Test(arguments: [
    ("a", [MappingValue.Piece.text("a")]), ("", []), ("$request.header.A", [.header("A")]),
    ("${request.path.id}-x", [.pathParameter("id"), .text("-x")]),
    ("/v2$request.path", [.text("/v2"), .path]), ("$context.a,$stageVariables.b", [.context("a"), .text(","), .stageVariable("b")]),
    ("5$", [.text("5$")]),
    ("$request.body.a[0]", [.body("a[0]")]),
  ])
  func valuesAreMadeOfTextAndVariables(_ text: String, _ pieces: [MappingValue.Piece]) throws {
    #expect(try MappingValue(text, on: .request).pieces == pieces)
  }

  @Test(arguments: [
    "${request.header.a", "$unknown.a", "$request.cookie.a", "$request.body..a", "$request.body.a[?(@.b)]", "$stageVariables.a-b",
  ])
  func otherValuesAreRefused(_ text: String) {
    #expect(throws: MappingRefusal.self) { try MappingValue(text, on: .request) }
  }
}
