import Runtime
import Testing

@testable import Node
@testable import Proxy

private func request(
  _ method: String = "GET", _ target: String = "/get", fields: [(name: String, value: String)] = [], body: [UInt8] = []
) -> LocalRequest {
  let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
  return LocalRequest(
    method: method, target: target, path: String(parts[0]), query: parts.count == 2 ? String(parts[1]) : "", authority: "o.test:9001",
    fields: fields, body: body, clientAddress: SocketAddress(ipv4: 0x7f00_0001, port: 4711), protocolName: "HTTP/1.1", isSecure: false,
    wantsUpgrade: false, clientSubject: nil)
}

@Suite("The origin's resources")
struct OriginResourceTests {
  @Test(
    "paths name them",
    arguments: [
      ("/", .index), ("/get", .get), ("/anything", .anything), ("/anything/", .anything), ("/anything/a/b", .anything),
      ("/headers", .headers), ("/health", .health), ("/ws", .socket), ("/status/200", .status(200)), ("/status/599", .status(599)),
      ("/delay/0", .delay(0)), ("/delay/60", .delay(60_000_000_000)), ("/delay/0.25", .delay(250_000_000)),
      ("/delay/.5", .delay(500_000_000)), ("/bytes/0", .bytes(0)), ("/bytes/1073741824", .bytes(1 << 30)), ("/stream/3", .stream(3)),
      ("/cache/60", .cache(60)),
    ] as [(String, OriginResource)])
  func names(_ path: String, _ expected: OriginResource) {
    #expect(OriginResource.of(path) == expected)
  }

  @Test(
    "what is close to one is none",
    arguments: [
      "", "*", "/Get", "/get/", "/anythingelse", "/status", "/status/", "/status/200/", "/bytes/1/2", "//bytes/1", "/ws/", "/nowhere/1",
    ])
  func unknown(_ path: String) {
    #expect(OriginResource.of(path) == .unknown)
  }

  @Test(
    "numbers out of bounds are refused",
    arguments: [
      "/status/199", "/status/600", "/status/2e2", "/status/+200", "/status/-1", "/bytes/1073741825", "/bytes/99999999999999999999",
      "/bytes/x", "/stream/100001", "/cache/2147483648", "/cache/1.5", "/delay/60.001", "/delay/61", "/delay/-1", "/delay/1e1",
      "/delay/nan", "/delay/inf", "/delay/1.2.3", "/delay/.", "/delay/0x1", "/delay/1%2e5",
    ])
  func refused(_ path: String) {
    guard case .refused = OriginResource.of(path) else { Issue.record("\(OriginResource.of(path))"); return }
  }
}

@Suite("What the origin tells of a request")
struct OriginEchoTests {
  @Test("arguments keep their order, are decoded, and gather under one name")
  func arguments() {
    let told = OriginEcho.arguments("b=x%20y+z&a=1&&b=%e4%b8%96&flag&=v&c=d=e&p=%4&q=%zz&r=100%")
    #expect(
      told.text()
        == #"{"b":["x y z","世"],"a":"1","flag":"","":"v","c":"d=e","p":"%4","q":"%zz","r":"100%"}"#)
    #expect(OriginEcho.arguments("") == .object([]))
  }

  @Test("header fields keep their order and spelling, several of one name are joined")
  func headers() {
    let told = OriginEcho.headers([(name: "X-B", value: "1"), (name: "Host", value: "h"), (name: "x-b", value: "2, 3")])
    #expect(told.text() == #"{"X-B":"1, 2, 3","Host":"h"}"#)
  }

  @Test("text bodies are told as text, and as JSON if they are JSON, with member order and number text kept")
  func textBody() {
    let body = Array(#"{"b":1.0,"a":[]}"#.utf8)
    let told = OriginEcho.anything(request("PUT", "/anything/a?b=c", fields: [(name: "X", value: "y")], body: body))
    #expect(
      told.text()
        == #"{"args":{"b":"c"},"data":"{\"b\":1.0,\"a\":[]}","headers":{"X":"y"},"json":{"b":1.0,"a":[]},"method":"PUT","#
        + #""origin":"127.0.0.1","url":"http://o.test:9001/anything/a?b=c"}"#)
  }

  @Test("other bodies are told in base64")
  func binaryBody() {
    let told = OriginEcho.anything(request("POST", "/anything", body: [0xff, 0x00]))
    #expect(told["data"] == "data:application/octet-stream;base64,/wA=")
    #expect(told["json"] == .null)
    #expect(OriginEcho.anything(request())["data"] == "")
  }
}

@Suite("The origin's cacheable response")
struct OriginCacheTests {
  private static func field(_ response: LocalResponse, _ name: String) -> String? { response.fields.first { $0.name == name }?.value }

  @Test("it may be kept, and names what it is")
  func fields() throws {
    let response = OriginCache.response(request("GET", "/cache/60"), seconds: 60)
    #expect(response.status == 200)
    #expect(Self.field(response, "Cache-Control") == "public, max-age=60")
    #expect(Self.field(response, "Last-Modified") == "Thu, 01 Jan 2026 00:00:00 GMT")
    let tag = try #require(Self.field(response, "ETag"))
    let same = OriginCache.response(request("GET", "/cache/60"), seconds: 60)
    #expect(Self.field(same, "ETag") == tag)
    let other = OriginCache.response(request("GET", "/cache/60?x=1"), seconds: 60)
    #expect(Self.field(other, "ETag") != tag)
  }

  @Test("who has it is told 304 with the same fields")
  func notModified() throws {
    let first = OriginCache.response(request("GET", "/cache/9"), seconds: 9)
    let tag = try #require(Self.field(first, "ETag"))
    for list in [tag, "W/\(tag)", "\"x\", \(tag)", "\"x\",W/\(tag) ,\"y\"", "*"] {
      let again = OriginCache.response(request("GET", "/cache/9", fields: [(name: "if-none-match", value: list)]), seconds: 9)
      #expect(again.status == 304)
      #expect(Self.field(again, "ETag") == tag)
    }
    for list in ["\"x\"", "", tag.dropFirst().description, "\(tag.dropLast())x\""] {
      #expect(OriginCache.response(request("GET", "/cache/9", fields: [(name: "If-None-Match", value: list)]), seconds: 9).status == 200)
    }
  }

  @Test("a date counts only without an entity tag")
  func dates() {
    let date = (name: "If-Modified-Since", value: OriginCache.lastModified)
    #expect(OriginCache.response(request("GET", "/cache/9", fields: [date]), seconds: 9).status == 304)
    let stale = (name: "If-None-Match", value: "\"x\"")
    #expect(OriginCache.response(request("GET", "/cache/9", fields: [date, stale]), seconds: 9).status == 200)
  }
}

@Suite("The origin's bytes")
struct OriginBytesTests {
  @Test("a piece holds the bytes of its place", arguments: [0, 1, 2, 255, 256, 257, 16383])
  func pieces(_ index: Int) {
    let start = index * OriginBytes.pieceBytes
    let piece = OriginBytes.piece(at: start, OriginBytes.pieceBytes)
    #expect(piece.count == OriginBytes.pieceBytes)
    let wrong = piece.indices.filter { k in
      let i = start + k
      return piece[k] != UInt8(truncatingIfNeeded: i ^ i >> 8 ^ i >> 16 ^ i >> 24)
    }
    #expect(wrong == [])
    #expect(OriginBytes.piece(at: start, 3) == Array(piece[..<3]))
  }

  @Test("a status brings the fields that it needs")
  func statuses() {
    #expect(OriginApplication.status(302).fields.map(\.name) == ["Location"])
    #expect(OriginApplication.status(401).fields.map(\.name) == ["WWW-Authenticate"])
    #expect(OriginApplication.status(407).fields.map(\.name) == ["Proxy-Authenticate"])
    #expect(OriginApplication.status(204).fields.isEmpty)
  }
}
