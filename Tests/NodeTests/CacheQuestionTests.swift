// Single entries of the cache, as an operator asks for them: by a URL, whose keys are made by the routes' rules, or by a key.
import Cache
import Testing

@testable import Node

@Suite struct CacheQuestionTests {
  @Test func aURLHasAKeyForEachWayInWhichRoutesMakeThem() throws {
    let rules = [CacheKeyRules(space: "a"), CacheKeyRules(query: .none, space: "b"), CacheKeyRules(space: "a")]
    let question = try #require(CacheQuestion(url: "http://H.test:8080/p?x=1#f", rules: rules, ports: [8080]))
    #expect(question.keys.count == 2)
    let expected = rules[..<2].map {
      CacheKey(scheme: .http, authority: Array("h.test".utf8), path: Array("/p".utf8), query: Array("?x=1".utf8), rules: $0).bytes
    }
    #expect(question.keys == expected)
    #expect(CacheQuestion(url: "https://h.test", rules: rules, ports: [])?.keys.count == 2)
    for bad in ["", "h.test/p", "ftp://h/p", "http://", "http:///p", "http://user@h/p"] {
      #expect(CacheQuestion(url: bad, rules: rules, ports: [80]) == nil, "\(bad)")
    }
  }

  @Test func aKeyIsWrittenInHexadecimalDigits() {
    #expect(CacheQuestion(key: "00fF10")?.keys == [[0, 255, 16]])
    for bad in ["", "0", "0g", "zz", "é0"] { #expect(CacheQuestion(key: bad) == nil, "\(bad)") }
  }

  @Test func theAnswerNamesTheOwner() throws {
    let admin = AdminFixture()
    let response = admin.get("/cache?url=http%3A%2F%2Fh.test%2Fp")
    #expect(response.status == 200)
    let text = String(decoding: response.body, as: UTF8.self)
    #expect(text.contains(#""owner": "edge-2""#) || text.contains(#""owner":"edge-2""#))
    #expect(admin.get("/cache?url=none").status == 400)
    #expect(admin.get("/cache?key=1").status == 400)
    #expect(String(decoding: admin.get("/cache").body, as: UTF8.self).contains("http://h/hot"))
  }
}
