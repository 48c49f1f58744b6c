// Query strings as parameters and back.

import Testing

@testable import Gateway

@Suite struct QueryTextTests {
  static let queries: [(String, [String])] = [
    ("", []), ("a=1", ["a=1"]), ("a=1&a=2&b", ["a=1", "a=2", "b="]), ("&&a=&=b&", ["a=", "=b"]), ("a=b=c", ["a=b=c"]),
    ("w=foo%20bar&p=test+alias%2B", ["w=foo bar", "p=test alias+"]), ("%zz=%4&%=%41", ["%zz=%4", "%=A"]), ("t=18:05%3A10", ["t=18:05:10"]),
  ]

  @Test(arguments: queries)
  func aQueryIsReadInOrder(_ query: String, _ expected: [String]) throws {
    let parameters = try #require(QueryText.parameters(Array(query.utf8)[...]))
    #expect(parameters.texts == expected)
    let again = try #require(QueryText.parameters(QueryText.write(parameters)[...]))
    #expect(again == parameters)
  }

  @Test func parametersAreEncoded() {
    let text = QueryText.write([MessageField("a b", "1&2=3"), MessageField("c", "\u{E9}~/")])
    #expect(String(decoding: text, as: UTF8.self) == "a%20b=1%262%3D3&c=%C3%A9~%2F")
  }

  @Test func tooManyParametersAreRefused() {
    #expect(QueryText.parameters(Array("a&b&c".utf8)[...], max: 3)?.count == 3)
    #expect(QueryText.parameters(Array("a&b&c&d".utf8)[...], max: 3) == nil)
  }

  @Test func aProxyAppendsWhatIsMapped() {
    let client = [MessageField("a", "1")]
    let mapped = [MessageField("a", "2")]
    #expect(QueryText.request(.httpProxy, client: client, mapped: mapped).texts == ["a=1", "a=2"])
    #expect(QueryText.request(.http, client: client, mapped: mapped).texts == ["a=2"])
  }
}
