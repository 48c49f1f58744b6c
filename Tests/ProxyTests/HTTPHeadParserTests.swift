import Runtime
import Testing

@testable import Proxy

@Suite("HTTP/1 head parser")
struct HTTPHeadParserTests {
  private func status(_ verdict: Int) -> Int? { HeadFault(rawValue: verdict).map { Fault($0).status.code } }

  /// The engine, not the parser, refuses a tunnel.
  private func isRefusedLater(_ vector: HTTPVector) -> Bool { vector.name.hasPrefix("CONNECT: ") }

  @Test("every bad head of the vectors is refused with a status that is due")
  func malformed() {
    let heads = HTTPVector.malformed.filter { $0.stage == "head" }
    #expect(heads.count > 300)
    for vector in heads {
      let parsed = ParsedHead(.request, vector.raw)
      if isRefusedLater(vector), parsed.verdict > 0 {
        #expect(parsed.head.method == .connect, "\(vector.name)")
      } else {
        #expect(status(parsed.verdict).map(vector.statuses.contains) == true, "\(vector.name): \(parsed.verdict)")
      }
    }
  }

  @Test("a bad head is no better for coming byte by byte: the first verdict stays")
  func malformedInParts() {
    for vector in HTTPVector.malformed where vector.stage == "head" && vector.raw.count < 2000 {
      let whole = ParsedHead(.request, vector.raw).verdict
      for end in vector.raw.indices {
        let verdict = ParsedHead(.request, vector.raw[..<end]).verdict
        #expect(verdict == 0 || verdict == whole, "\(vector.name) after \(end) bytes")
        if verdict != 0 { break }
      }
    }
  }

  @Test("every odd request of the vectors is read as it was meant")
  func wellformed() {
    #expect(HTTPVector.wellformed.count > 60)
    for vector in HTTPVector.wellformed {
      let parsed = ParsedHead(.request, vector.raw)
      let bodyAt = vector.raw.count - parsed.verdict
      #expect(parsed.verdict > 0 && bodyAt >= 0, "\(vector.name): \(parsed.verdict)")
      #expect(parsed.startLine.hasPrefix(vector.text("method") + " "), "\(vector.name)")
      let asAsked = vector.text("target")
      let path = parsed.path.isEmpty && parsed.head.targetForm == .absolute ? "/" : parsed.path
      let target = parsed.head.targetForm == .asterisk ? "*" : path + parsed.query
      #expect(target == asAsked, "\(vector.name): \(target)")
      let framing: BodyFraming = vector.text("framing") == "chunked" ? .chunked : vector.text("body").isEmpty ? .none : .length
      #expect(parsed.head.requestFraming == framing, "\(vector.name)")
      for member in vector.json["fields"]?.objectValue ?? [] where member.name != "host" {
        #expect(parsed.value(member.name) == vector.field(member.name), "\(vector.name): \(member.name)")
      }
      if let host = vector.field("host") { #expect(parsed.authority == host, "\(vector.name)") }
    }
  }

  @Test("an odd request that comes byte by byte is complete with its last byte and not before")
  func wellformedInParts() {
    for vector in HTTPVector.wellformed where vector.raw.count < 2000 {
      let whole = ParsedHead(.request, vector.raw).verdict
      for end in 0..<whole { #expect(ParsedHead(.request, vector.raw[..<end]).verdict == 0, "\(vector.name) after \(end) bytes") }
      #expect(ParsedHead(.request, vector.raw[..<whole]).verdict == whole, "\(vector.name)")
    }
  }

  @Test("what the engine must know of a request is noted")
  func notes() {
    let parsed = ParsedHead(
      request: "POST /a HTTP/1.1\r\nhOsT: a.test\r\nConnection: Keep-Alive, X-Drop ,upgrade\r\nX-Drop: 1\r\nExpect: 100-Continue\r\n"
        + "Content-Length: 007\r\nUpgrade: websocket\r\n\r\n")
    #expect(parsed.head.method == .post && parsed.head.minor == 1 && parsed.head.contentLength == 7)
    #expect(parsed.head.saysKeepAlive && parsed.head.saysUpgrade && !parsed.head.saysClose && parsed.head.expectsContinue)
    #expect(
      parsed.fields.map(\.id) == [FieldID.host, FieldID.connection, FieldID.named, FieldID.expect, FieldID.contentLength, FieldID.upgrade])
    #expect(parsed.head.requestFraming == .length && parsed.head.persists)
  }

  @Test(
    "a connection persists as RFC 9112 §9.3 says",
    arguments: [
      ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.1", "Connection: x, CLOSE\r\n", false), ("1.0", "", false),
      ("1.0", "Connection: keep-alive\r\n", true), ("1.0", "Connection: keep-alive, close\r\n", false), ("1.7", "", true),
      ("1.1", "Connection: x\r\nConnection: close\r\n", false),
    ])
  func persistence(version: String, field: String, persists: Bool) {
    #expect(ParsedHead(request: "GET / HTTP/\(version)\r\nHost: a\r\n\(field)\r\n").head.persists == persists)
  }

  @Test("Connection cannot name away what frames or routes the message")
  func namedAway() {
    let parsed = ParsedHead(
      request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nX-A: 1\r\nConnection: host, content-length, x-a, x-b\r\n\r\n")
    #expect(parsed.fields.map(\.id) == [FieldID.host, FieldID.contentLength, FieldID.named, FieldID.connection])
  }

  @Test("limits hold at their last byte, and one byte further they refuse")
  func limits() {
    let limits = HeadLimits(targetBytesMax: 10, headBytesMax: 40, fieldsMax: 3)
    func fault(_ target: String, _ fields: String) -> HeadFault? {
      ParsedHead(request: "GET \(target) HTTP/1.1\r\n\(fields)\r\n", limits: limits).fault
    }
    let host = "Host: a\r\n"
    #expect(fault("/" + String(repeating: "a", count: 9), host) == nil)
    #expect(fault("/" + String(repeating: "a", count: 10), host) == .targetTooLong)
    #expect(fault("/", host + "X: " + String(repeating: "v", count: 28) + "\r\n") == nil)
    #expect(fault("/", host + "X: " + String(repeating: "v", count: 29) + "\r\n") == .fieldsTooLarge)
    #expect(fault("/", host + "A:\r\nB:\r\n") == nil)
    #expect(fault("/", host + "A:\r\nB:\r\nC:\r\n") == .fieldsTooLarge)
    #expect(HeadLimits(fieldsMax: 100_000).fieldsMax == MessageHead.capacity)
  }

  @Test("responses")
  func responses() {
    let cases: [(String, Int, BodyFraming)] = [
      ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, .length), ("HTTP/1.1 200 \r\n\r\n", 200, .untilClose),
      ("HTTP/1.0 404\r\n\r\n", 404, .untilClose), ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, .none),
      ("HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n", 304, .none), ("HTTP/1.1 103 Early\r\n\r\n", 103, .none),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, .chunked), ("HTTP/1.1 999 \u{e9}\r\n\r\n", 999, .untilClose),
      ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, .none), ("HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\n\r\n", 200, .untilClose),
      ("HTTP/1.1 200 OK\r\nExpect: what\r\n\r\n", 200, .untilClose),
    ]
    for (text, status, framing) in cases {
      let parsed = ParsedHead(response: text)
      #expect(parsed.verdict == text.utf8.count && parsed.head.status == status)
      #expect(parsed.head.responseFraming(toHead: false) == framing)
      #expect(parsed.head.responseFraming(toHead: true) == .none)
      for end in 0..<text.utf8.count { #expect(ParsedHead(.response, Array(text.utf8.prefix(end))).verdict == 0) }
    }
  }

  @Test("responses that nobody may read in two ways are refused")
  func badResponses() {
    let cases: [(String, HeadFault)] = [
      ("HTTP/2.0 200 OK\r\n\r\n", .malformed), ("HTTP/1.1  200 OK\r\n\r\n", .malformed), ("HTTP/1.1 099 OK\r\n\r\n", .malformed),
      ("HTTP/1.1 20 OK\r\n\r\n..", .malformed), ("HTTP/1.1 2000 OK\r\n\r\n", .malformed), ("http/1.1 200 OK\r\n\r\n", .malformed),
      ("HTTP/1.1 200 O\nK\r\n\r\n", .malformed), ("HTTP/1.1 200 OK\nX: 1\r\n\r\n", .malformed), ("HTTP/1.1\t200 OK\r\n\r\n", .malformed),
      ("HTTP/1.1 200 OK\r\n X: 1\r\n\r\n", .malformed), ("HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", .malformed),
      ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .malformed),
      ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .malformed),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .coding), ("HTTP/1.1 200 O\u{0}\r\n\r\n", .malformed),
      ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .malformed), ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .malformed),
    ]
    for (text, fault) in cases { #expect(ParsedHead(response: text).fault == fault, "\(text)") }
  }

  @Test("trailer sections are fields and a blank line")
  func trailers() {
    let parsed = ParsedHead(.trailers, Array("X-Sum: 7\r\nContent-Length: 5\r\n\r\nmore".utf8))
    #expect(parsed.verdict == 31 && parsed.fields.map(\.name) == ["X-Sum", "Content-Length"])
    #expect(parsed.head.has(FieldID.contentLength) && !parsed.head.has(FieldID.host))
    #expect(ParsedHead(.trailers, Array("\r\n".utf8)).verdict == 2)
    #expect(ParsedHead(.trailers, Array("X\r\n\r\n".utf8)).fault == .malformed)
    #expect(ParsedHead(.trailers, Array(" X: 1\r\n\r\n".utf8)).fault == .malformed)
    #expect(ParsedHead(.trailers, []).verdict == 0)
  }

  @Test("fields are found by id and by name")
  func lookups() {
    var head = MessageHead()
    defer { head.deallocate() }
    withBytes("GET / HTTP/1.1\r\nX-One: 1\r\nHOST: a\r\nVia: b\r\nX-ONE: 2\r\n\r\n") { p, n in
      #expect(head.parseRequest(p, n, HeadLimits()) == n)
      #expect(head.index(of: FieldID.host) == 1 && head.index(of: FieldID.via) == 2 && head.index(of: FieldID.cookie) == -1)
      withBytes("x-one") { name, count in #expect(head.index(named: name, count, in: p) == 0) }
      withBytes("x-two") { name, count in #expect(head.index(named: name, count, in: p) == -1) }
    }
  }
}
