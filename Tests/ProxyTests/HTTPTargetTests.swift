import Testing

@testable import Proxy

@Suite("Request targets and authorities")
struct HTTPTargetTests {
  struct Target {
    let line: String
    let form: TargetForm
    let path: String
    let query: String
    let authority: String

    init(_ line: String, _ form: TargetForm, _ path: String, _ query: String, _ authority: String) {
      (self.line, self.form, self.path, self.query, self.authority) = (line, form, path, query, authority)
    }
  }

  @Test("the four forms give path, query and authority (RFC 9112 §3.2)")
  func forms() {
    let cases: [Target] = [
      Target("GET /a/b", .origin, "/a/b", "", "h.test:81"), Target("GET /?", .origin, "/", "?", "h.test:81"),
      Target("GET /a?b?c", .origin, "/a", "?b?c", "h.test:81"), Target("GET //x/y", .origin, "//x/y", "", "h.test:81"),
      Target("GET http://b.test/a?q", .absolute, "/a", "?q", "b.test"), Target("GET http://b.test", .absolute, "", "", "b.test"),
      Target("GET http://b.test?q", .absolute, "", "?q", "b.test"), Target("GET HTTPS://b.test:8443/", .absolute, "/", "", "b.test:8443"),
      Target("GET http://[::1]:8080/", .absolute, "/", "", "[::1]:8080"), Target("OPTIONS *", .asterisk, "", "", "h.test:81"),
      Target("OPTIONS /a", .origin, "/a", "", "h.test:81"), Target("CONNECT b.test:443", .authority, "", "", "b.test:443"),
      Target("CONNECT [::1]:443", .authority, "", "", "[::1]:443"),
    ]
    for target in cases {
      let parsed = ParsedHead(request: "\(target.line) HTTP/1.1\r\nHost: h.test:81\r\n\r\n")
      #expect(parsed.fault == nil && parsed.head.targetForm == target.form)
      #expect(parsed.path == target.path && parsed.query == target.query && parsed.authority == target.authority)
      #expect(target.line.hasSuffix(" " + parsed.target))
    }
  }

  @Test(
    "a target of no form, or of one that its method does not have, is malformed",
    arguments: [
      "GET *", "OPTIONS **", "OPTIONS *?a", "GET a", "GET b.test:80", "GET ftp://b.test/", "GET http:/b.test", "GET http://",
      "GET http:///a",
      "GET http://?q", "GET http://u@b.test/", "GET http://b.test:port/", "GET http://b.test:65536/", "GET http://[::1/", "CONNECT /",
      "CONNECT b.test", "CONNECT b.test:443/", "CONNECT *", "CONNECT http://b.test/", "GET /\u{7f}", "GET /a#b", "GET /\u{e9}", "GET /a\tb",
    ])
  func malformed(_ line: String) {
    #expect(ParsedHead(request: "\(line) HTTP/1.1\r\nHost: h.test\r\n\r\n").fault == .malformed)
  }

  @Test(
    "hosts that route",
    arguments: [
      "", "a", "A.Test", "a.test:", "a.test:0", "a.test:65535", "127.0.0.1:1", "[::1]", "[2001:DB8::1]:80", "[::ffff:1.2.3.4]", "a_b",
      "a%20b",
      "xn--caf-dma.test", "a.test.", "a,b",
    ])
  func hosts(_ host: String) {
    let parsed = ParsedHead(request: "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    // A list is what two Host fields look like when somebody has joined them.
    let isList = host.contains(",")
    #expect(parsed.fault == (isList ? .malformed : nil))
    if !isList { #expect(parsed.authority == host) }
  }

  @Test(
    "hosts that are none",
    arguments: [
      "a b", "a/b", "a@b", "a?b", "a#b", "a\\b", ":80", "a:b", "a:1:2", "a:123456", "a:+1", "[", "[]", "[::1", "[::1]x", "[::1]:", "::1",
      "[1.2.3.4]",
      "[::1%25eth0]", "[v1.a]", "[::g]", "a]", "]", "[:::]", "\u{e9}",
    ])
  func badHosts(_ host: String) {
    // A port may be empty (RFC 3986 §3.2.3).
    let expected: HeadFault? = host == "[::1]:" ? nil : .malformed
    #expect(ParsedHead(request: "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").fault == expected)
    if !host.isEmpty, expected != nil {
      #expect(ParsedHead(request: "GET / HTTP/1.0\r\nHost: \(host)\r\n\r\n").fault == .malformed, "HTTP/1.0 is no excuse")
      #expect(ParsedHead(request: "GET http://a/ HTTP/1.1\r\nHost: \(host)\r\n\r\n").fault == .malformed, "nor is a target with a host")
    }
  }

  @Test("HTTP/1.1 needs a Host, HTTP/1.0 does not (RFC 9112 §3.2)")
  func hostIsNeeded() {
    #expect(ParsedHead(request: "GET / HTTP/1.1\r\n\r\n").fault == .malformed)
    #expect(ParsedHead(request: "GET http://b/ HTTP/1.1\r\n\r\n").fault == .malformed)
    let old = ParsedHead(request: "GET / HTTP/1.0\r\n\r\n")
    #expect(old.fault == nil && old.authority.isEmpty)
    #expect(ParsedHead(request: "GET http://b/ HTTP/1.0\r\n\r\n").authority == "b")
  }

  @Test("the authority of an earlier head does not linger in the table")
  func noLeftover() {
    var head = MessageHead()
    defer { head.deallocate() }
    withBytes("GET / HTTP/1.1\r\nHost: first.test\r\n\r\n") { p, n in #expect(head.parseRequest(p, n, HeadLimits()) == n) }
    withBytes("GET / HTTP/1.0\r\n\r\n") { p, n in
      #expect(head.parseRequest(p, n, HeadLimits()) == n)
      #expect(head.authorityCount == 0 && head.count == 0 && head.contentLength == -1 && head.seen == 0)
    }
  }

  @Test("methods are known by their exact letters")
  func methods() {
    let cases: [(String, Method)] = [
      ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("PATCH", .patch), ("DELETE", .delete), ("OPTIONS", .options),
      ("TRACE", .trace), ("get", .other), ("GETS", .other), ("X", .other), ("PURGE", .other), ("M-SEARCH", .other),
    ]
    for (text, method) in cases {
      let parsed = ParsedHead(request: "\(text) / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(parsed.head.method == method && parsed.head.methodCount == text.utf8.count)
      #expect(method.isIdempotent == ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(text))
    }
  }
}
