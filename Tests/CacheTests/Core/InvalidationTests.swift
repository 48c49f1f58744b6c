import Testing

@testable import Cache

@Suite struct InvalidationTests {
  private func targets(_ method: String, _ status: Int, _ fields: [(String, String)] = [], scheme: CacheScheme? = .http) -> [String] {
    Invalidation.targets(
      method: Array(text: method), status: status, authority: Array(text: "a.example:8080"), path: Array(text: "/d/e?q=1"),
      response: Fixture.response(fields, status: status), scheme: scheme
    ).map { Fixture.text($0.path + $0.query) }
  }

  @Test(
    "unsafe methods that succeed (RFC 9111 §4.4)",
    arguments: [
      ("POST", 200, true), ("PUT", 204, true), ("DELETE", 303, true), ("PATCH", 399, true), ("M-SEARCH", 200, true), ("get", 200, true),
      ("GET", 200, false), ("HEAD", 200, false), ("OPTIONS", 200, false), ("TRACE", 200, false), ("POST", 400, false), ("POST", 500, false),
      ("POST", 100, false),
    ])
  func methods(method: String, status: Int, expected: Bool) { #expect(targets(method, status) == (expected ? ["/d/e?q=1"] : [])) }

  @Test(
    "references of the same origin (RFC 9111 §4.4, RFC 3986 §5.2)",
    arguments: [
      ("/x", "/x"), ("/x?y=1#z", "/x?y=1"), ("x", "/d/x"), ("../x", "/x"), ("../../x", "/x"), ("./x/./y/../z", "/d/x/z"), ("?y", "/d/e?y"),
      ("http://a.example:8080/x", "/x"), ("HTTP://A.EXAMPLE:8080/x", "/x"), ("//a.example:8080/x", "/x"), ("http://a.example:8080", "/"),
      ("http://a.example:8080?y", "/?y"), ("/", "/"), ("/a//b", "/a//b"), ("/a/..", "/"), ("http://b.example:8080/x", nil),
      ("http://a.example/x", nil), ("https://a.example:8080/x", nil), ("//b.example/x", nil), ("ftp://a.example:8080/x", nil),
      ("http:x", nil), ("mailto:x@y", nil), ("http://u@a.example:8080/x", nil), ("http:///x", nil), ("", nil),
    ] as [(String, String?)])
  func references(reference: String, expected: String?) {
    let own = ["/d/e?q=1"]
    #expect(targets("POST", 201, [("Location", reference)]) == own + (expected.map { [$0] } ?? []))
    #expect(targets("POST", 201, [("Content-Location", reference)]) == own + (expected.map { [$0] } ?? []))
  }

  @Test func theSchemesOwnPortIsNoOtherOrigin() {
    func find(_ authority: String, _ location: String) -> Int {
      Invalidation.targets(
        method: Array(text: "POST"), status: 200, authority: Array(text: authority), path: [0x2F],
        response: Fixture.response([("Location", location)]), scheme: nil
      ).count
    }
    #expect(find("a", "http://a:80/x") == 2)
    #expect(find("a:443", "https://a/x") == 2)
    #expect(find("a", "http://a:81/x") == 1)
  }

  @Test func targetsAreFew() {
    #expect(targets("POST", 200, (0..<50).map { ("Location", "/\($0)") }).count == 8)
    #expect(targets("POST", 200, [("Location", "/" + String(repeating: "x", count: 9000))]).count == 1)
  }
}
