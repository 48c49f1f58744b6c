import Runtime
import Testing

@testable import Cache

@Suite struct CacheKeyTests {
  private func key(
    _ authority: String, _ path: String, _ query: String = "", scheme: CacheScheme = .http, method: CacheMethod = .get,
    fields: [(String, String)] = [], rules: CacheKeyRules = CacheKeyRules(), port: UInt16? = nil
  ) -> CacheKey {
    CacheKey(
      scheme: scheme, authority: Array(text: authority), path: Array(text: path), query: Array(text: query), method: method,
      request: Fixture.request(fields), rules: rules, listenerPort: port)
  }

  @Test(
    "the normal form of a URI (RFC 3986 §6.2, RFC 9110 §4.2.3)",
    arguments: [
      ("A.Example", "/x", "", "http://a.example/x"), ("a:80", "/x", "", "http://a/x"), ("a:", "/x", "", "http://a/x"),
      ("a:8080", "/x", "", "http://a/x"),
      ("a:81", "/x", "", "http://a:81/x"), ("a:443", "/x", "", "http://a:443/x"), ("a:080", "/x", "", "http://a:080/x"),
      ("[::1]:80", "/", "", "http://[::1]/"),
      ("[::1]", "/", "", "http://[::1]/"), ("a", "", "", "http://a/"), ("a", "", "?q", "http://a/?q"),
      ("a", "/%7euser", "", "http://a/~user"),
      ("a", "/%41%2f%c3%a4", "", "http://a/A%2F%C3%A4"), ("a", "/%2e%2E/x", "", "http://a/%2E%2E/x"), ("a", "/../x", "", "http://a/../x"),
      ("a", "/%zz%4", "", "http://a/%zz%4"), ("a", "/%", "", "http://a/%"), ("a", "/X//y/", "", "http://a/X//y/"),
      ("a", "/x", "?%41=%7e", "http://a/x?%41=%7e"),
      ("a", "/x", "?b=2&a=1", "http://a/x?b=2&a=1"), ("a", "/x", "?", "http://a/x?"), ("a", "/%25%34%31", "", "http://a/%2541"),
      ("a:99999999999999999999", "/", "", "http://a:99999999999999999999/"),
    ])
  func normalForm(authority: String, path: String, query: String, expected: String) throws {
    let key = key(authority, path, query, port: 8080)
    #expect(Fixture.text(try #require(CacheKey.uri(of: key.bytes))) == expected)
  }

  @Test(
    "chosen parameters",
    arguments: [
      ("?b=2&a=1&x=9", "?a=1&b=2"), ("?a=1", "?a=1"), ("?x=1", ""), ("", ""), ("?a=2&a=1", "?a=2&a=1"), ("?a", "?a"), ("?a=", "?a="),
      ("?A=1", ""),
      ("?aa=1&b=&b", "?b=&b"), ("?&&a=1", "?a=1"), ("?%61=1", ""),
    ])
  func chosen(query: String, expected: String) throws {
    let key = key("a", "/", query, rules: CacheKeyRules(query: .named(["a", "b"])))
    #expect(Fixture.text(try #require(CacheKey.uri(of: key.bytes))) == "http://a/" + expected)
  }

  @Test func whatDiffersHasAKeyOfItsOwn() {
    let keys = [
      key("a", "/x"), key("a", "/x", scheme: .https), key("b", "/x"), key("a", "/X"), key("a", "/x", "?"), key("a", "/x/"),
      key("a/x", "/"), key("a", "/x/", "", rules: CacheKeyRules(query: .none)), key("a", "/x", rules: CacheKeyRules(query: .named(["q"]))),
      key("a", "/x", rules: CacheKeyRules(query: .named(["r"]))), key("a", "/x", rules: CacheKeyRules(space: "s")),
      key("a", "/x", rules: CacheKeyRules(host: false)), key("", "a/x"), key("a", "/x", rules: CacheKeyRules(method: true)),
      key("a", "/x", method: .head, rules: CacheKeyRules(method: true)), key("a", "/x", rules: CacheKeyRules(headers: ["x-k"])),
      key("a", "/x", fields: [("X-K", "")], rules: CacheKeyRules(headers: ["x-k"])),
      key("a", "/x", fields: [("X-K", "1")], rules: CacheKeyRules(headers: ["x-k"])),
      key("a", "/x", fields: [("X-K", "1")], rules: CacheKeyRules(headers: ["x-j", "x-k"])),
      key("a", "/x", fields: [("X-J", "1")], rules: CacheKeyRules(headers: ["x-j", "x-k"])),
    ]
    #expect(Set(keys).count == keys.count)
    #expect(Set(keys.map(\.hash128)).count == keys.count)
  }

  @Test func whatIsNotChosenDoesNotCount() {
    let rules = CacheKeyRules(host: false, query: .none)
    #expect(key("a", "/x", "?1", method: .head, fields: [("X-K", "1")], rules: rules) == key("b", "/x", "?2", rules: rules))
    let header = CacheKeyRules(headers: ["x-k"])
    #expect(
      key("a", "/x", fields: [("X-K", "1, 2")], rules: header) == key("a", "/x", fields: [("x-k", "1"), ("x-k", "2")], rules: header))
  }

  @Test func aHashIsTheSameInEveryBuild() {
    let hash = key("example.org", "/index.html").hash128
    let again = key("EXAMPLE.org:80", "/index%2Ehtml").hash128
    #expect(hash != again, "an encoded dot stays encoded")
    #expect(key("EXAMPLE.org:80", "/inde%78.html").hash128 == hash)
    #expect(hash.high != hash.low)
  }

  @Test func keysOfAnotherLayoutHaveNoURI() {
    #expect(CacheKey.uri(of: []) == nil)
    #expect(CacheKey.uri(of: [2, 0, 0, 0, 0, 0, 0, 0, 0]) == nil)
    #expect(CacheKey.uri(of: [1, 255, 0, 0, 0, 0, 0, 0, 0]) == nil)
  }
}
