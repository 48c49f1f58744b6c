import Runtime
import Testing

@testable import Proxy

@Suite("What is said in a check")
struct HealthConversationTests {
  struct Answer: Sendable, CustomTestStringConvertible {
    var text: String
    var outcome: HealthOutcome
    /// What the body must hold.
    var body = ""
    var statuses: [ClosedRange<Int>] = [200...299]
    var testDescription: String { text.prefix(60).split(whereSeparator: \.isWhitespace).joined(separator: " ") + " / " + body }
  }

  static let closedInHead = HealthOutcome.failed("the connection closed before the response head was complete")
  static let closedInBody = HealthOutcome.failed("the connection closed before the response body was complete")
  static let lacks = HealthOutcome.failed("status 200, but the body lacks the expected text")

  static let answers = [
    Answer(text: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", outcome: .passed("status 200")),
    Answer(text: "HTTP/1.1 204 No Content\r\n\r\n", outcome: .passed("status 204")),
    Answer(text: "HTTP/1.0 200 OK\r\n\r\nup to the end", outcome: .passed("status 200")),
    Answer(
      text: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
      outcome: .passed("status 200"), body: "ok"),
    Answer(text: "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", outcome: .passed("status 302"), statuses: [200...204, 300...399]),
    Answer(text: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", outcome: .failed("status 503")),
    Answer(text: "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", outcome: .failed("status 302")),
    Answer(text: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", outcome: .failed("status 101")),
    Answer(text: "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"status\": \"up\"}\n", outcome: .passed("status 200"), body: "\"up\""),
    Answer(text: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndown !", outcome: lacks, body: "up"),
    Answer(text: "HTTP/1.1 204 No Content\r\n\r\n", outcome: .failed("status 204, but the body lacks the expected text"), body: "up"),
    Answer(
      text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhea\r\n5;x=y\r\nlthy.\r\n0\r\nX-Trailer: 1\r\n\r\n",
      outcome: .passed("status 200"), body: "healthy"),
    Answer(text: "HTTP/1.0 200 OK\r\n\r\nall is well", outcome: .passed("status 200"), body: "well"),
    Answer(text: "HTTP/1.0 200 OK\r\n\r\nall is bad", outcome: lacks, body: "well"),
    Answer(text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", outcome: .failed("the response body is malformed")),
    Answer(text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", outcome: closedInBody),
    Answer(text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", outcome: closedInBody),
    Answer(text: "HTTP/1.1 200 OK\r\nContent-Le", outcome: closedInHead),
    Answer(text: "", outcome: closedInHead),
    Answer(text: "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", outcome: .failed("the answer is no HTTP response")),
    Answer(text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", outcome: .failed("the answer is no HTTP response")),
  ]

  /// Feeds the text in two parts and ends the stream.
  static func outcome(_ answer: Answer, splitAt split: Int) -> HealthOutcome {
    let target = healthTarget(80) {
      $0.body = Array(answer.body.utf8)
      $0.statuses = answer.statuses
    }
    let check = HTTP1Check(target)
    let bytes = Array(answer.text.utf8)
    for part in [bytes[..<split], bytes[split...]] where !part.isEmpty {
      var copy = Array(part)
      let count = copy.count
      if let outcome = copy.withUnsafeMutableBufferPointer({ check.receive($0.baseAddress!, count) }) { return outcome }
    }
    return check.ended()
  }

  @Test("an answer is judged alike wherever it is cut in two", arguments: answers)
  func judged(answer: Answer) {
    for split in 0...answer.text.utf8.count { #expect(Self.outcome(answer, splitAt: split) == answer.outcome, "cut at \(split)") }
  }

  @Test("64 KiB of a body are read, no more")
  func bodyBound() {
    let bound = ExpectedResponse.bodyBytesMax
    func outcome(_ filler: Int) -> HealthOutcome {
      let text = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + String(repeating: "x", count: filler) + "here"
      return Self.outcome(Answer(text: text + String(repeating: "x", count: bound), outcome: .passed(""), body: "here"), splitAt: 1000)
    }
    #expect(outcome(bound - 4) == .passed("status 200"))
    #expect(outcome(bound - 3) == Self.lacks)
  }

  @Test("a head that does not end is given up", arguments: ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 "])
  func headBound(start: String) {
    let answer = Answer(text: start + String(repeating: "a", count: 100_000), outcome: .failed(""))
    #expect(Self.outcome(answer, splitAt: 20) == .failed("the response head is too large"))
  }

  @Test("the request is a plain GET that ends the connection")
  func request() {
    let check = HTTP1Check(healthTarget(8080, host: "origin.test") { $0.path = "/health?deep=1" })
    let expected =
      "GET /health?deep=1 HTTP/1.1\r\nHost: origin.test:8080\r\nUser-Agent: tidegate-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    #expect(String(decoding: check.takeOutput(), as: UTF8.self) == expected)
    #expect(check.takeOutput().isEmpty)
  }

  @Test("Host is as told, else the endpoint's own with a port that the scheme does not imply")
  func authority() throws {
    let context = try TLSFixture.shared.client()
    #expect(healthTarget(80, host: "a.test").authority == "a.test")
    #expect(healthTarget(443, host: "a.test").authority == "a.test:443")
    #expect(healthTarget(443, host: "a.test", tls: context).authority == "a.test")
    #expect(healthTarget(8080, host: "2001:db8::1").authority == "[2001:db8::1]:8080")
    #expect(healthTarget(8080, host: "a.test") { $0.host = "told.test" }.authority == "told.test")
  }

  // MARK: gRPC

  @Test("the health request is framed protobuf")
  func grpcRequest() {
    #expect(GRPCHealth.request(service: "") == [0, 0, 0, 0, 0])
    #expect(GRPCHealth.request(service: "ab") == [0, 0, 0, 0, 4, 0x0a, 2, 0x61, 0x62])
    let long = GRPCHealth.request(service: String(repeating: "s", count: 300))
    #expect(Array(long.prefix(8)) == [0, 0, 0, 1, 0x2f, 0x0a, 0xac, 2])
    #expect(long.count == 5 + 303)
  }

  static let grpcAnswers: [([UInt8], String, Bool)] = [
    ([0, 0, 0, 0, 2, 8, 1], "gRPC health SERVING", true),
    ([0, 0, 0, 0, 4, 8, 2, 8, 1], "gRPC health SERVING", true),
    ([0, 0, 0, 0, 12, 0x12, 1, 0x78, 0x1d, 1, 2, 3, 4, 0x20, 0x80, 1, 8, 1].withLength(), "gRPC health SERVING", true),
    ([0, 0, 0, 0, 0], "gRPC health UNKNOWN", false),
    ([0, 0, 0, 0, 2, 8, 2], "gRPC health NOT_SERVING", false),
    ([0, 0, 0, 0, 2, 8, 3], "gRPC health SERVICE_UNKNOWN", false),
    ([0, 0, 0, 0, 3, 8, 0x81, 1], "gRPC health 129", false),
    ([1, 0, 0, 0, 2, 8, 1], "the gRPC answer is compressed, which nobody asked for", false),
    ([0, 0, 0, 0, 3, 8, 1], "the gRPC answer cannot be read", false),
    ([0, 0, 0, 0, 1, 8, 1], "the gRPC answer cannot be read", false),
    ([0, 0, 0, 0, 1, 8], "the gRPC answer cannot be read", false),
    ([0, 0, 0, 0, 2, 0x0a, 9], "the gRPC answer cannot be read", false),
    ([0, 0, 0, 0, 2, 0x0b, 1], "the gRPC answer cannot be read", false),
    ([0, 0, 0], "the gRPC answer holds no message", false),
  ]

  @Test("the health answer is read, and only SERVING is healthy", arguments: grpcAnswers)
  func grpcAnswer(bytes: [UInt8], reason: String, passes: Bool) {
    #expect(GRPCHealth.outcome(bytes) == (passes ? .passed(reason) : .failed(reason)))
  }

  @Test("no bytes at all trap the reader of health answers")
  func grpcHostile() {
    var bits = UpstreamBits(seed: 11)
    for _ in 0..<20_000 {
      let message = (0..<bits.below(24)).map { _ in UInt8(truncatingIfNeeded: bits.next()) }
      let outcome = GRPCHealth.outcome(([0, 0, 0, 0, 0] + message).withLength())
      #expect(!outcome.reason.isEmpty)
    }
  }
}

extension [UInt8] {
  /// The gRPC frame with its length made true.
  func withLength() -> [UInt8] {
    var copy = self
    copy[4] = UInt8(count - 5)
    return copy
  }
}
