import Testing

@testable import Cache

@Suite struct PreconditionsTests {
  static let stored = [("Date", "{0}"), ("ETag", "\"a\""), ("Last-Modified", "{-100}"), ("Content-Type", "text/plain")]

  @Test(
    "a stored response answers conditions (RFC 9111 §4.3.2, RFC 9110 §13)",
    arguments: [
      ([], .serve), ([("If-None-Match", "\"a\"")], .notModified), ([("If-None-Match", "W/\"a\"")], .notModified),
      ([("If-None-Match", "\"b\"")], .serve), ([("If-None-Match", "\"b\", \"a\"")], .notModified),
      ([("If-None-Match", "\"b\",,W/\"a\" ")], .notModified),
      ([("If-None-Match", "\"b\""), ("If-None-Match", "\"a\"")], .notModified), ([("If-None-Match", "*")], .notModified),
      ([("If-None-Match", "*, \"b\"")], .serve), ([("If-None-Match", "a")], .serve), ([("If-None-Match", "w/\"a\"")], .serve),
      ([("If-None-Match", "\"a")], .serve), ([("If-None-Match", "\"a\" \"b\"")], .serve), ([("If-None-Match", "\"A\"")], .serve),
      ([("If-None-Match", "\"b\""), ("If-Modified-Since", "{0}")], .serve),
      ([("If-None-Match", "rubbish"), ("If-Modified-Since", "{0}")], .serve),
      ([("If-Modified-Since", "{-100}")], .notModified), ([("If-Modified-Since", "{-50}")], .notModified),
      ([("If-Modified-Since", "{-101}")], .serve),
      ([("If-Modified-Since", "soon")], .serve), ([("If-Modified-Since", "{0}"), ("If-Modified-Since", "{-1000}")], .serve),
      ([("If-Match", "\"a\"")], .forward), ([("If-Unmodified-Since", "{0}")], .forward),
      ([("If-Match", "*"), ("If-None-Match", "\"a\"")], .forward),
    ] as [([(String, String)], PreconditionJudgement)])
  func table(fields: [(String, String)], expected: PreconditionJudgement) {
    let request = Fixture.request(fields.map { ($0.0, Fixture.expanded($0.1)) })
    #expect(Preconditions.judge(method: .get, request: request, response: Fixture.response(Self.stored)) == expected)
  }

  @Test func withoutLastModifiedTheDateCounts() {
    let response = Fixture.response([("Date", "{-100}")])
    func ask(_ offset: Int64) -> PreconditionJudgement {
      Preconditions.judge(method: .head, request: Fixture.request([("If-Modified-Since", Fixture.date(offset))]), response: response)
    }
    #expect(ask(-100) == .notModified)
    #expect(ask(-101) == .serve)
  }

  @Test func onlySuccessIsConditional() {
    let request = Fixture.request([("If-None-Match", "\"a\"")])
    #expect(
      Preconditions.judge(method: .get, request: request, response: Fixture.response(Self.stored, status: 404)) == .serve,
      "RFC 9110 §13.2.1")
    #expect(Preconditions.judge(method: .other, request: request, response: Fixture.response(Self.stored)) == .forward)
  }

  @Test func theHeadOf304LeavesOutWhatDescribesTheBody() {
    let fields = [
      ("ETag", "\"a\""), ("Last-Modified", "x"), ("Content-Type", "a/b"), ("Content-Encoding", "gzip"), ("Content-Location", "/b"),
      ("Content-Security-Policy", "c"), ("Vary", "Accept"), ("Cache-Control", "max-age=1"), ("Date", "d"), ("Expires", "e"), ("X-A", "1"),
    ]
    let head = Fixture.text(Preconditions.notModifiedHead(Fixture.response(fields)))
    let expected =
      "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Location: /b\r\nContent-Security-Policy: c\r\nVary: Accept\r\n"
      + "Cache-Control: max-age=1\r\nDate: d\r\nExpires: e\r\nX-A: 1\r\n"
    #expect(head == expected, "RFC 9110 §15.4.5")
  }
}
