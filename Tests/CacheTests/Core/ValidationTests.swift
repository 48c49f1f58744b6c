import Testing

@testable import Cache

@Suite struct ValidationTests {
  @Test(
    "validators become conditions (RFC 9111 §4.3.1)",
    arguments: [
      ([("ETag", "\"a\"")], "If-None-Match: \"a\"\r\n"), ([("ETag", "W/\"a\"")], "If-None-Match: W/\"a\"\r\n"),
      ([("ETag", "a")], ""), ([("ETag", "\"a\""), ("ETag", "\"b\"")], ""), ([], ""), ([("Last-Modified", "x")], ""),
      ([("Last-Modified", "{-9}")], "If-Modified-Since: {-9}\r\n"),
      ([("ETag", "\"a\""), ("Last-Modified", "{-9}")], "If-None-Match: \"a\"\r\nIf-Modified-Since: {-9}\r\n"),
    ] as [([(String, String)], String)])
  func conditions(fields: [(String, String)], expected: String) {
    #expect(Fixture.text(Validation.conditions(of: Fixture.response(fields))) == Fixture.expanded(expected))
  }

  @Test(
    "a 304 is about the stored response or it is not (RFC 9111 §4.3.4)",
    arguments: [
      ([("ETag", "\"a\"")], true), ([("ETag", "\"b\"")], false), ([("ETag", "W/\"a\"")], true), ([("ETag", "a")], false), ([], true),
      ([("Last-Modified", "{-9}")], true), ([("Last-Modified", "{-8}")], false), ([("ETag", "\"a\""), ("Last-Modified", "{-8}")], true),
      ([("ETag", "\"b\""), ("Last-Modified", "{-9}")], false),
    ] as [([(String, String)], Bool)])
  func selection(fields: [(String, String)], expected: Bool) {
    let stored = Fixture.response([("ETag", "\"a\""), ("Last-Modified", "{-9}")])
    #expect(Validation.selects(Fixture.response(fields, status: 304), stored) == expected)
    #expect(!Validation.selects(Fixture.response(fields), stored), "a 200 replaces and selects nothing")
  }

  @Test func aStrongTagDoesNotFindAWeakOne() {
    let stored = Fixture.response([("ETag", "W/\"a\"")])
    #expect(!Validation.selects(Fixture.response([("ETag", "\"a\"")], status: 304), stored))
    #expect(Validation.selects(Fixture.response([("ETag", "W/\"a\"")], status: 304), stored))
  }

  @Test(
    "fields of an update replace, add or stay out (RFC 9111 §3.2)",
    arguments: [
      ([("X-A", "1")], [("X-A", "2")], "X-A: 2\r\n"), ([("X-A", "1")], [("X-B", "2")], "X-A: 1\r\nX-B: 2\r\n"),
      ([("X-A", "1"), ("X-A", "2"), ("X-B", "3")], [("x-a", "4")], "x-a: 4\r\nX-B: 3\r\n"),
      ([("X-A", "1")], [("X-A", "2"), ("X-A", "3")], "X-A: 2\r\nX-A: 3\r\n"),
      ([("Content-Type", "a/b")], [("Content-Type", "c/d")], "Content-Type: c/d\r\n"),
      ([("Content-Encoding", "gzip")], [("Content-Encoding", "br")], "Content-Encoding: gzip\r\n"),
      ([], [("Content-Encoding", "br"), ("Content-Range", "bytes 0-1/2"), ("Content-Length", "5")], ""),
      ([], [("Set-Cookie", "a=b")], ""), ([("Set-Cookie", "c=d")], [("Set-Cookie", "a=b")], "Set-Cookie: c=d\r\n"),
      ([], [("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "x"), ("Transfer-Encoding", "chunked"), ("Age", "9")], ""),
      ([("Cache-Control", "max-age=1")], [("Cache-Control", "max-age=9")], "Cache-Control: max-age=9\r\n"),
      ([("X-A", "1")], [("Cache-Control", "no-cache=\"x-a\""), ("X-A", "2")], "Cache-Control: no-cache=\"x-a\"\r\n"),
    ] as [([(String, String)], [(String, String)], String)])
  func merge(stored: [(String, String)], update: [(String, String)], expected: String) {
    let merged = Validation.merge(stored: Fixture.response(stored), with: Fixture.response(update, status: 304))
    #expect(Fixture.text(merged) == "HTTP/1.1 200 Fine\r\n" + expected)
  }

  @Test func aFreshenedResponseHasTheDateAndAgeOfItsUpdate() throws {
    let stored = Fixture.response([("Date", "{-500}"), ("ETag", "\"a\""), ("Cache-Control", "max-age=60")])
    let update = Fixture.response([("ETag", "\"a\""), ("Age", "7")], status: 304)
    let merged = HeadFields(head: Validation.merge(stored: stored, with: update, receivedAt: Fixture.arrival))
    #expect(merged.all("date").map { Fixture.text($0) } == [Fixture.date(0)])
    let judgement = Storing.judgeFreshened(
      request: Fixture.request(), merged: merged, update: update, rules: CacheRules(), requestTime: Fixture.sent,
      responseTime: Fixture.arrival)
    let terms = try #require(Fixture.terms(judgement))
    #expect((terms.initialAge, terms.freshFor) == (7, 60))
  }

  @Test(
    "a HEAD agrees or makes stale (RFC 9111 §4.3.5)",
    arguments: [
      ([("ETag", "\"a\"")], true), ([("ETag", "\"b\"")], false), ([("ETag", "W/\"a\"")], false), ([], true),
      ([("Last-Modified", "{-9}")], true),
      ([("Last-Modified", "{-8}")], false), ([("Content-Length", "10")], true), ([("Content-Length", "11")], false),
      ([("ETag", "\"a\""), ("Content-Length", "11")], false), ([("Content-Length", "x")], false), ([("Content-Encoding", "gzip")], false),
    ] as [([(String, String)], Bool)])
  func heads(fields: [(String, String)], expected: Bool) {
    let stored = Fixture.response([("ETag", "\"a\""), ("Last-Modified", "{-9}")])
    #expect(Validation.headAgrees(stored: stored, head: Fixture.response(fields), bodyBytes: 10) == expected)
    #expect(!Validation.headAgrees(stored: stored, head: Fixture.response(fields, status: 404), bodyBytes: 10))
  }

  @Test(
    "what is stored of a head (RFC 9111 §3.1)",
    arguments: [
      ([("X-A", "1"), ("Via", "1.1 x")], "X-A: 1\r\nVia: 1.1 x\r\n"), ([("X-B", "  2 ")], "X-B: 2\r\n"),
      ([("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "5")], ""),
      ([("Connection", "ETag"), ("ETag", "\"a\"")], "ETag: \"a\"\r\n"),
      ([("Proxy-Connection", "x"), ("TE", "x"), ("Trailer", "x"), ("Upgrade", "x"), ("Transfer-Encoding", "chunked")], ""),
      ([("Proxy-Authenticate", "x"), ("Proxy-Authentication-Info", "x")], ""), ([("Age", "5"), ("Content-Length", "5")], ""),
      ([("X-Request-Id", "x")], ""),
      ([("Cache-Control", "no-cache=\"X-A\", max-age=1"), ("X-A", "1")], "Cache-Control: no-cache=\"X-A\", max-age=1\r\n"),
      ([("Cache-Control", "private=\"x-a,x-b\""), ("X-B", "1"), ("X-A", "1")], "Cache-Control: private=\"x-a,x-b\"\r\n"),
      ([("Cache-Status", "Tidegate; hit")], ""),
      ([("Cache-Status", "Other; hit, \"Tidegate\"; fwd=miss, tidegate;hit")], "Cache-Status: Other; hit\r\n"),
    ] as [([(String, String)], String)])
  func storedHead(fields: [(String, String)], expected: String) {
    let response = HeadFields(startLine: "HTTP/1.0 200 OK", [("Date", Fixture.date(-5))] + fields)
    let terms = CacheTerms(requestTime: Fixture.sent, responseTime: Fixture.arrival, freshFor: 1)
    #expect(Fixture.text(StoredHead.make(response, storing: terms)) == "HTTP/1.1 200 OK\r\nDate: \(Fixture.date(-5))\r\n" + expected)
  }

  @Test("a Date is added where it lacks (RFC 9110 §6.6.1)", arguments: [[], [("Date", "now")]] as [[(String, String)]])
  func dating(fields: [(String, String)]) {
    let terms = CacheTerms(requestTime: Fixture.sent, responseTime: Fixture.arrival + 999, freshFor: 1)
    let head = StoredHead.make(Fixture.response(fields), storing: terms)
    #expect(Fixture.text(head) == "HTTP/1.1 200 Fine\r\nDate: \(Fixture.date(0))\r\n")
  }
}
