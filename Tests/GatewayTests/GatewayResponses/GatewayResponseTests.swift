// The gateway responses of REST APIs and the errors of HTTP APIs, as tables from the developer guide, and the shared vectors of both
// (vectors/aws, file 19).

import Runtime
import Testing

@testable import Gateway

@Suite struct GatewayResponseTests {
  static func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

  static let message = TestMessage(
    fields: [MessageField("api-key", "abc"), MessageField("Evil", "a\r\nb")], query: [MessageField("q", "1"), MessageField("q", "2")],
    pathParameters: [MessageField("id", "7")], contexts: ["resourcePath": "/pets/{id}", "stage": "prod"], stageVariables: ["env": "blue"])

  struct Answer: Equatable {
    let status: Int
    let fields: [String]
    let body: String

    init(_ status: Int, _ body: String, _ fields: String...) {
      self.status = status
      self.body = body
      self.fields = fields
    }

    init(_ answer: GatewayAnswer) {
      status = answer.status
      fields = answer.fields.texts
      body = String(decoding: answer.body, as: UTF8.self)
    }
  }

  func answer(_ declared: [GatewayResponseDefinition], _ error: GatewayError, accept: String? = nil) throws -> Answer {
    Answer(try GatewayResponses(declared).answer(error, accept: accept.map(Self.slice), Self.message))
  }

  @Test func withoutDeclarationsEachTypeHasItsOwnStatusAndMessage() throws {
    let missing = try answer([], GatewayError(.missingAuthenticationToken))
    #expect(
      missing
        == Answer(
          403, #"{"message":"Missing Authentication Token"}"#, "x-amzn-ErrorType=MissingAuthenticationTokenException",
          "Content-Type=application/json"))
    let denied = try answer([], GatewayError(.accessDenied))
    #expect(denied.body == #"{"Message":"User is not authorized to access this resource"}"#)
    let quoted = try answer([], GatewayError(.badRequestParameters, message: "a \"b\"\n"))
    #expect(quoted.body == #"{"message":"a \"b\"\n"}"#)
    let failure = try answer([], GatewayError(.integrationFailure, status: 500))
    #expect(failure.status == 500)
    let mapping = try answer([], GatewayError(.invalidJSON, inRequest: true))
    #expect(mapping.status == 400)
    #expect(mapping.body == #"{"message":"Invalid JSON in request body"}"#)
    let response = try answer([], GatewayError(.invalidJSON, inRequest: false))
    #expect(response.status == 500)
    let refused = try answer([], GatewayError(.refusedHeader("a"), inRequest: true))
    #expect(refused.status == 500)
    #expect(refused.body == #"{"message":"Internal server error"}"#)
  }

  /// The guide's example of `x-amazon-apigateway-gateway-responses`.
  @Test func aDeclaredResponseHasItsStatusParametersAndTemplate() throws {
    let declared = GatewayResponseDefinition(
      .invalidAPIKey, status: 456,
      parameters: [
        ("gatewayresponse.header.api-key", "method.request.header.api-key"), ("gatewayresponse.header.q", "method.request.querystring.q"),
        ("gatewayresponse.header.Access-Control-Allow-Origin", "'*'"), ("gatewayresponse.header.none", "method.request.header.none"),
        ("gatewayresponse.header.evil", "method.request.header.Evil"), ("gatewayresponse.header.why", "context.error.responseType"),
      ], templates: [("application/json", #"{"message": "Bad api-key" }"#)])
    let answered = try answer([declared], GatewayError(.invalidAPIKey))
    #expect(
      answered
        == Answer(
          456, #"{"message": "Bad api-key" }"#, "x-amzn-ErrorType=ForbiddenException", "Content-Type=application/json", "api-key=abc",
          "q=2", "Access-Control-Allow-Origin=*", "evil=a  b", "why=INVALID_API_KEY"))
    let other = try answer([declared], GatewayError(.throttled))
    #expect(other.status == 429)
  }

  @Test func theDefaultsGoForTheirClass() throws {
    let declared = [
      GatewayResponseDefinition(.default4XX, status: 418, templates: [("text/plain", "no")]),
      GatewayResponseDefinition(.default5XX, parameters: [("gatewayresponse.header.A", "'a'")]),
      GatewayResponseDefinition(.unauthorized, templates: [("text/plain", "who")]),
      GatewayResponseDefinition(.throttled, status: 429),
    ]
    func status(_ type: GatewayResponseType) throws -> [String] {
      let answered = try answer(declared, GatewayError(type))
      return ["\(answered.status)", answered.body] + answered.fields.filter { $0.hasPrefix("A=") }
    }
    let missing = try status(.missingAuthenticationToken)
    #expect(missing == ["418", "no"])
    let unauthorized = try status(.unauthorized)
    #expect(unauthorized == ["418", "who"])
    let throttled = try status(.throttled)
    #expect(throttled == ["429", #"{"message":"Too Many Requests"}"#])
    let timeout = try status(.integrationTimeout)
    #expect(timeout == ["504", #"{"message":"Endpoint request timed out"}"#, "A=a"])
    let tooLarge = try status(.requestTooLarge)
    #expect(tooLarge == ["413", #"{"message":"Request Too Large"}"#])
  }

  @Test func theTemplateIsTheOneThatTheClientAccepts() throws {
    let declared = GatewayResponseDefinition(
      .throttled, templates: [("text/html", "<p>"), ("application/json", "{}"), ("application/xml", "<a/>")])
    let bodies = try [nil, "application/xml", "text/html;q=1, application/json", "image/png"].map {
      try answer([declared], GatewayError(.throttled), accept: $0).body
    }
    #expect(bodies == ["{}", "<a/>", "<p>", "{}"])
    let empty = try answer([GatewayResponseDefinition(.throttled, templates: [("application/json", "")])], GatewayError(.throttled))
    #expect(empty.body == "")
  }

  static let templates: [(String, String)] = [
    ("$context.error.message", "a \"b\""), ("$context.error.messageString", #""a \"b\"""#),
    ("${context.error.responseType}!", "BAD_REQUEST_BODY!"), ("$context.error.validationErrorString", "[x]"),
    (#"{"path": "$context.resourcePath", "stage":"$context.stage"}"#, #"{"path": "/pets/{id}", "stage":"prod"}"#),
    ("$context.stage.", "prod."), ("$context.none.", "$context.none."), ("$context.identity.sourceIp,", ","),
    ("$stageVariables.env/$stageVariables.none/", "blue//"), ("$method.request.header.api-key", "abc"),
    ("$method.request.querystring.q $method.request.path.id", "2 7"), ("$method.request.body", "$method.request.body"),
    ("$method.request.header.none", ""), ("$5 ${ $ ${x} $x $input.body #set($a = 1)", "$5 ${ $ ${x} $x $input.body #set($a = 1)"),
    ("${context.stage", "${context.stage"), ("", ""), ("$", "$"), ("$$context.stage", "$prod"), ("$context.error.none", ""),
  ]

  @Test(arguments: templates)
  func variablesAreReplacedAndNothingElse(_ template: String, _ expected: String) {
    let error = GatewayError(.badRequestBody, message: "a \"b\"", validationErrors: "[x]")
    let text = SubstitutionTemplate(template).render(ErrorScope(base: Self.message, error: error))
    #expect(String(decoding: text, as: UTF8.self) == expected)
  }

  @Test func faultsNameTheirTypeAndKey() {
    let error = #expect(throws: MappingFaults.self) {
      try GatewayResponses([
        GatewayResponseDefinition(.throttled, status: 1000),
        GatewayResponseDefinition(.throttled),
        GatewayResponseDefinition(.unauthorized, parameters: [("gatewayresponse.header.Content-Length", "'1'"), ("header.A", "'a'")]),
        GatewayResponseDefinition(.wafFiltered, parameters: [("gatewayresponse.header.A", "method.request.body.a")]),
        GatewayResponseDefinition(.expiredToken, templates: [("text/plain\r\nA: b", "")]),
      ])
    }
    #expect(
      error?.faults.map(\.key) == [
        "THROTTLED", "THROTTLED", "UNAUTHORIZED gatewayresponse.header.Content-Length", "UNAUTHORIZED header.A",
        "WAF_FILTERED gatewayresponse.header.A", "EXPIRED_TOKEN text/plain\r\nA: b",
      ])
  }

  @Test func answersCarryTheRequestsIdentifiers() {
    let identifiers = RequestIdentifiers(request: Self.slice("r"), extended: Self.slice("e"), trace: Self.slice("t"))
    #expect(AnswerFields.rest(identifiers, nil).texts == ["x-amzn-RequestId=r", "x-amz-apigw-id=e"])
    #expect(AnswerFields.rest(identifiers, .mock).texts == ["x-amzn-RequestId=r", "x-amz-apigw-id=e"])
    #expect(AnswerFields.rest(identifiers, .http).texts == ["x-amzn-RequestId=r", "x-amz-apigw-id=e", "X-Amzn-Trace-Id=t"])
    #expect(AnswerFields.http(identifiers).texts == ["apigw-requestid=e"])
    #expect(Answer(HTTPAPIError.notFound.answer) == Answer(404, #"{"message":"Not Found"}"#, "Content-Type=application/json"))
    #expect(HTTPAPIError.allCases.map(\.status) == [400, 401, 403, 404, 413, 429, 500, 503])
  }
}

@Suite(.enabled(if: AWSVectors.arePresent, "the shared vectors are absent; set TIDEGATE_VECTORS to their folder"))
struct GatewayResponseVectorTests {
  @Test func typesHaveTheirDocumentedStatus() throws {
    let rows = try AWSVectors.cases("19_doc_tables").filter { $0["type"] != nil && $0["api"] == "REST" }
    try #require(!rows.isEmpty)
    for row in rows {
      let type = try #require(row["type"]?.stringValue.flatMap(GatewayResponseType.init))
      #expect(type.status == row["expected"]?["defaultStatus"]?.intValue.map { Int($0) }, "\(row.id)")
    }
  }

  /// By the condition that the row describes. The text of "integration failure" is a remark and no message.
  @Test func errorsLookAsDescribed() throws {
    let types: [String: GatewayResponseType] = [
      "lambda authorizer explicit deny": .accessDenied, "resource policy implicit deny / unsigned": .accessDenied, "throttled": .throttled,
      "integration timeout": .integrationTimeout, "integration failure": .integrationFailure, "payload > 10 MB": .requestTooLarge,
    ]
    let responses = try GatewayResponses([])
    let rows = try AWSVectors.cases("19_doc_tables").filter { $0["condition"] != nil && $0["api"] == "REST" }
    try #require(!rows.isEmpty)
    for row in rows {
      let type = try #require(row["condition"]?.stringValue.flatMap { types[$0] }, "\(row.id)")
      let expected = try #require(row["expected"])
      let message = try #require(expected["message"]?.stringValue)
      let error = GatewayError(type, message: type == .accessDenied ? message : nil)
      let answer = responses.answer(error, accept: nil, TestMessage())
      #expect(answer.status == expected["status"]?.intValue.map { Int($0) }, "\(row.id)")
      #expect(answer.fields.texts.contains("x-amzn-ErrorType=" + (expected["x-amzn-ErrorType"]?.stringValue ?? "")), "\(row.id)")
      if type == .integrationFailure { continue }
      let body = try JSONValue.parse(answer.body)
      #expect((body["message"] ?? body["Message"])?.stringValue == message, "\(row.id)")
    }
  }
}
