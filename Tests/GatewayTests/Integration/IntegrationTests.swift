// What happens to bodies, headers and responses of REST integrations, as tables from the developer guide.

import Testing

@testable import Gateway

@Suite struct IntegrationTests {
  static func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

  struct Choice: Sendable, CustomTestStringConvertible {
    let types: [String]
    let header: String?
    /// For WHEN_NO_MATCH, WHEN_NO_TEMPLATES and NEVER.
    let requests: [TemplateChoice]
    let response: TemplateChoice

    var testDescription: String { "\(header ?? "none") of \(types)" }
  }

  static let refused: [TemplateChoice] = [.passthrough, .unsupportedMediaType, .unsupportedMediaType]

  static func transformed(_ index: Int) -> [TemplateChoice] { Array(repeating: .template(index), count: 3) }

  /// "Integration passthrough behaviors", examples 1 to 3, and "Select a VTL mapping template".
  static let choices: [Choice] = [
    Choice(types: ["application/json"], header: nil, requests: transformed(0), response: .template(0)),
    Choice(types: ["application/json"], header: "application/json", requests: transformed(0), response: .template(0)),
    Choice(types: ["application/json"], header: "application/xml", requests: refused, response: .template(0)),
    Choice(types: ["application/xml"], header: nil, requests: refused, response: .template(0)),
    Choice(types: ["application/xml"], header: "application/json", requests: refused, response: .template(0)),
    Choice(types: ["application/xml"], header: "application/xml", requests: transformed(0), response: .template(0)),
    Choice(
      types: [], header: "application/json", requests: [.passthrough, .passthrough, .unsupportedMediaType], response: .passthrough),
    Choice(
      types: ["text/html", "application/json"], header: "Application/JSON ; charset=UTF-8", requests: transformed(1),
      response: .template(1)),
    Choice(types: ["text/html", "application/json"], header: "image/png", requests: refused, response: .template(1)),
    Choice(types: ["text/html", "text/css"], header: "image/png", requests: refused, response: .template(0)),
    Choice(types: ["text/html", "text/css"], header: "text/css,text/html;q=0.5", requests: transformed(1), response: .template(1)),
    Choice(types: ["text/html", "$default"], header: "image/png", requests: transformed(1), response: .template(0)),
  ]

  @Test(arguments: choices)
  func aTemplateIsChosenByMediaType(_ row: Choice) {
    let table = TemplateTable(row.types.map { ($0, "text") })
    let header = row.header.map(Self.slice)
    #expect([.whenNoMatch, .whenNoTemplates, .never].map { table.choice(contentType: header, $0) } == row.requests)
    #expect(table.choice(accept: header) == row.response)
  }

  @Test func anEmptyTemplateLeavesTheBodyAsItIs() {
    let table = TemplateTable([("application/json", ""), ("application/xml", "text")])
    #expect(table.choice(accept: nil) == .passthrough)
    #expect(table.choice(contentType: nil, .never) == .passthrough)
    #expect(table.choice(accept: Self.slice("application/xml")) == .template(1))
  }

  struct Binary: Sendable {
    let list: [String]
    let header: String?
    let isBinary: Bool
  }

  static let binaries: [Binary] = [
    Binary(list: ["image/png"], header: "image/png", isBinary: true),
    Binary(list: ["image/png"], header: "IMAGE/PNG; q=1", isBinary: true),
    Binary(list: ["image/png"], header: "image/webp,image/png", isBinary: false),
    Binary(list: ["image/png", "image/webp"], header: "image/webp,image/*,*/*;q=0.8", isBinary: true),
    Binary(list: ["image/*"], header: "image/gif", isBinary: true),
    Binary(list: ["image/*"], header: "imagery/gif", isBinary: false),
    Binary(list: ["*/png"], header: "image/png", isBinary: false),
    Binary(list: ["image/png"], header: "*/*", isBinary: false),
    Binary(list: ["*/*"], header: "text/plain", isBinary: true),
    Binary(list: ["*/*"], header: nil, isBinary: true),
    Binary(list: ["image/png"], header: nil, isBinary: false),
    Binary(list: ["image/png"], header: "", isBinary: false),
    Binary(list: ["png", "a/b/c"], header: "png", isBinary: false),
    Binary(list: ["a/b/c"], header: "a/b/c", isBinary: false),
    Binary(list: [], header: "image/png", isBinary: false),
  ]

  @Test(arguments: binaries)
  func theFirstMediaTypeSaysWhetherABodyIsBinary(_ row: Binary) {
    let isBinary = BinaryMediaTypes(row.list).contains(row.header.map(Self.slice))
    #expect(isBinary == row.isBinary)
  }

  /// "Content type conversions in API Gateway": text or binary payload, then undefined, to binary, to text.
  @Test func conversionsFollowTheGuidesTable() {
    let handlings: [ContentHandling?] = [nil, .convertToBinary, .convertToText]
    #expect(handlings.map { ContentConversion.request(isBinary: false, $0) } == [.text, .decodeBase64, .text])
    #expect(handlings.map { ContentConversion.request(isBinary: true, $0) } == [.asIs, .asIs, .encodeBase64])
    func response(_ isBinary: Bool, _ accepts: Bool) -> [ContentConversion] {
      handlings.map { ContentConversion.response(isBinary: isBinary, acceptsBinary: accepts, $0) }
    }
    #expect(response(false, false) == [.text, .decodeBase64, .text])
    #expect(response(false, true) == [.decodeBase64, .decodeBase64, .text])
    #expect(response(true, false) == [.encodeBase64, .asIs, .encodeBase64])
    #expect(response(true, true) == [.asIs, .asIs, .encodeBase64])
  }

  static let base64: [(String, [UInt8]?)] = [
    ("", []), ("Zg==", Array("f".utf8)), ("Zg", Array("f".utf8)), ("Zm8=", Array("fo".utf8)), ("Zm9v", Array("foo".utf8)),
    ("Zm9vYg==", Array("foob".utf8)), ("+/8=", [0xFB, 0xFF]), ("Z", nil), ("Zg=", nil), ("Zg===", nil), ("Z g=", nil), ("Zm9v\n", nil),
    ("====", nil), ("text here", nil),
  ]

  @Test(arguments: base64)
  func base64IsReadStrictly(_ text: String, _ bytes: [UInt8]?) {
    #expect(Base64Text.decode(Self.slice(text)) == bytes)
    if let bytes, text.count % 4 == 0 { #expect(String(decoding: Base64Text.encode(bytes[...]), as: UTF8.self) == text) }
  }

  struct Literal: PatternMatcher {
    let texts: [String]
    func matchesWhole(_ text: ArraySlice<UInt8>) -> Bool { texts.contains(String(decoding: text, as: UTF8.self)) }
  }

  @Test func aResponseIsSelectedByPatternElseDefault() throws {
    func compile(_ pattern: String) -> any PatternMatcher { Literal(texts: pattern.split(separator: "|").map(String.init)) }
    let selector = ResponseSelector(["404", nil, "500|404|boom", ""], compile: compile)
    #expect([200, 404, 500, 0, -1000, 1000].map { selector.select(status: $0) } == [1, 0, 2, 1, 1, 1])
    #expect(selector.select(functionError: Self.slice("boom")) == 2)
    #expect(selector.selectForSuccess() == 1)
    let strict = ResponseSelector(["200", "-1000"], compile: compile)
    #expect([200, 201, -1000].map { strict.select(status: $0) } == [0, nil, 1])
    #expect(strict.selectForSuccess() == 0)
    #expect(strict.select(functionError: Self.slice("boom")) == nil)
    struct Broken: Error, Equatable {}
    #expect(throws: Broken()) { try ResponseSelector(["("]) { _ throws(Broken) in throw Broken() } }
  }

  static let mocks: [(String, Int?)] = [
    (#"{"statusCode": 200}"#, 200), (#"{"statusCode": "200"}"#, nil), (#"{"statusCode": 0}"#, 0), (#"{"statusCode": -1000}"#, -1000),
    (#"{"statusCode": 200"#, nil), ("{statusCode: 200}", 200), ("{'statusCode': 200, '': ''}", 200), ("statusCode: 200", nil),
    ("{statusCode: 200, {foo: [ba r]}", nil), ("{statusCode: 200,super{ f}oo: [ba r]}", 200), ("{statusCode: 200, }foo: ''}", 200),
    ("{statusCode: 200, what:{}foo: [ba r]}}", nil), (#"{"a": {"b": ["}", 1, {}]}, "statusCode": 404}"#, 404), ("", nil), ("[]", nil),
    ("{}", nil), (#"{"statusCode": 200.5}"#, nil), (#"{"statusCode": 200 OK}"#, nil), (#"{"statusCode": null}"#, nil),
    (#"{"statusCode": 99999999999999999999}"#, nil), (#"{"statusCode": 201,}"#, 201), (#"{"statusCode": 201} tail"#, 201),
    (#"{"a": "\"}", "statusCode": 201}"#, 201), ("{statusCode 200}", nil), (#"{"statusCode": {"statusCode": 200}}"#, nil),
  ]

  @Test(arguments: mocks)
  func theStatusOfAMockIsReadLeniently(_ text: String, _ status: Int?) {
    #expect(MockStatus.read(Self.slice(text)) == status)
  }

  @Test func aDeepMockIsRefused() {
    let deep = "{a: " + String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000) + ", statusCode: 200}"
    #expect(MockStatus.read(Self.slice(deep)) == nil)
    let objects = String(repeating: "{a: ", count: 200_000)
    #expect(MockStatus.read(Self.slice(objects)) == nil)
  }

  static let uris: [(String, String)] = [
    ("http://a/{id}", "http://a/7"), ("http://a/{id}{id}/{none}", "http://a/77/{none}"), ("http://a/${id}", "http://a/${id}"),
    ("http://${stageVariables.host}/", "http://h/"), ("http://${stageVariables.none}/", "http:///"),
    ("http://a/{odd}?q={odd}", "http://a/a%20b%3F%23%2Fc%C3%A9?q=a%20b?%23%2Fc%C3%A9"), ("{", "{"), ("${", "${"), ("{}", "{}"),
    ("${stageVariables.}", "${stageVariables.}"), ("${stageVariables.a b}", "${stageVariables.a b}"), ("{id", "{id"),
    ("http://a/{greedy}", "http://a/x/y"), ("", ""),
  ]

  @Test(arguments: uris)
  func variablesOfAURIAreFilledIn(_ uri: String, _ expected: String) {
    let path = [MessageField("id", "7"), MessageField("odd", "a b?#%2Fc\u{E9}"), MessageField("greedy", "x/y")]
    let rendered = IntegrationURI(uri).render(path: path) { $0 == "host" ? Self.slice("h") : nil }
    #expect(String(decoding: rendered, as: UTF8.self) == expected)
  }
}
