import Glibc
import Runtime
import Testing

@testable import Node
@testable import Proxy

@Suite("Lines of the access log")
struct AccessLogLineTests {
  /// A record of texts that live as long as the call.
  static func line(
    method: [UInt8] = Array("GET".utf8), host: [UInt8] = Array("shop.example".utf8), path: [UInt8] = Array("/products/7".utf8),
    query: [UInt8]? = nil, route: [UInt8] = Array("shop GET /products/{id}".utf8), change: (inout AccessRecord) -> Void = { _ in }
  ) -> [UInt8] {
    func view<R>(_ bytes: [UInt8], _ body: (ByteView) -> R) -> R {
      (bytes + [0]).withUnsafeBufferPointer { body(ByteView($0.baseAddress!, bytes.count)) }
    }
    return view(method) { method in
      view(host) { host in
        view(path) { path in
          view(query ?? []) { queryView in
            view(route) { route in
              var record = AccessRecord(
                time: WallTime(nanoseconds: 1_769_860_800_123_456_789), requestID: (0x0011_2233_4455_6677, 0x8899_aabb_ccdd_eeff),
                traceID: (1, 2), client: SocketAddress(ipv4: 0x7f00_0001, port: 4711), method: method, host: host, path: path,
                query: query == nil ? nil : queryView, route: route, protocolText: "HTTP/1.1", status: 200, bytesIn: 120, bytesOut: 1024,
                durationMicroseconds: 1500, upstream: SocketAddress(ipv4: 0x0a00_0002, port: 9001), upstreamMicroseconds: 900, retries: 1,
                fault: nil)
              change(&record)
              return AccessLogLineTests.written(record)
            }
          }
        }
      }
    }
  }

  /// Written into memory whose end is watched.
  static func written(_ record: AccessRecord) -> [UInt8] {
    let out = Bytes.allocate(capacity: AccessLogLimits.lineBytesMax + 16)
    defer { out.deallocate() }
    out.initialize(repeating: 0xa5, count: AccessLogLimits.lineBytesMax + 16)
    let count = record.write(to: out)
    #expect((0..<16).allSatisfy { out[AccessLogLimits.lineBytesMax + $0] == 0xa5 }, "written beyond the longest line")
    return Array(UnsafeBufferPointer(start: out, count: count))
  }

  static func parsed(_ line: [UInt8]) throws -> JSONValue {
    #expect(line.last == UInt8(ascii: "\n"))
    #expect(line.count { $0 == UInt8(ascii: "\n") } == 1, "a line feed inside a line")
    return try JSONValue.parse(Array(line.dropLast()))
  }

  @Test("a whole line")
  func whole() {
    let expected =
      #"{"time":"2026-01-31T12:00:00.123Z","request_id":"00112233445566778899aabbccddeeff","#
      + #""trace_id":"00000000000000010000000000000002","client":"127.0.0.1","method":"GET","host":"shop.example","#
      + #""path":"/products/7","route":"shop GET /products/{id}","protocol":"HTTP/1.1","status":200,"bytes_in":120,"#
      + #""bytes_out":1024,"duration_us":1500,"upstream":"10.0.0.2:9001","upstream_us":900,"retries":1,"fault":null}"# + "\n"
    #expect(String(decoding: Self.line(), as: UTF8.self) == expected)
  }

  @Test("what is not there is null, and a query only where it is wanted")
  func absent() throws {
    let value = try Self.parsed(
      Self.line {
        $0.upstream = nil
        $0.upstreamMicroseconds = nil
        $0.fault = "route_not_found"
        $0.status = 404
        $0.client = SocketAddress(ipv6High: 0x2001_0db8_0000_0000, low: 1, port: 1)
      })
    #expect(value["upstream"] == .null)
    #expect(value["upstream_us"] == .null)
    #expect(value["fault"] == "route_not_found")
    #expect(value["status"] == 404)
    #expect(value["client"] == "2001:db8::1")
    #expect(value["query"] == nil)
    #expect(try Self.parsed(Self.line(query: Array("?q=1".utf8)))["query"] == "?q=1")
  }

  @Test(
    "texts that would break the line come back as they were",
    arguments: ["/a\"b", "/a\\b", "/a\nb", "/\u{0}\u{1}\u{1f}\u{7f}", "/größe/\u{1F600}", "\"", "\\", "", "/a\",\"status\":500,\"x\":\""])
  func hostileText(_ text: String) throws {
    let value = try Self.parsed(Self.line(host: Array(text.utf8), path: Array(text.utf8), route: Array(text.utf8)))
    #expect(value["path"] == .string(text))
    #expect(value["host"] == .string(text))
    #expect(value["route"] == .string(text))
    #expect(value["status"] == 200)
  }

  @Test("bytes that are no UTF-8 become replacement characters")
  func invalid() throws {
    let value = try Self.parsed(Self.line(path: [0x2f, 0xff, 0xc0, 0xaf, 0x61, 0xe2, 0x82]))
    #expect(value["path"] == "/\u{fffd}\u{fffd}\u{fffd}a\u{fffd}\u{fffd}")
  }

  @Test("whatever bytes come in, one line of JSON goes out")
  func anyBytes() throws {
    var random = SeededRandom(seed: 7)
    func text() -> [UInt8] { (0..<Int(random.next() % 64)).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
    for _ in 0..<2000 {
      let value = try Self.parsed(Self.line(method: text(), host: text(), path: text(), query: text(), route: text()))
      #expect(value["fault"] == .null)
      #expect(value.objectValue?.count == 18)
    }
  }

  @Test("the longest texts and numbers are cut to the longest line", arguments: [UInt8(0x01), 0x41, 0xff])
  func longest(_ byte: UInt8) throws {
    let long = [UInt8](repeating: byte, count: 100_000)
    let line = Self.line(method: long, host: long, path: long, query: long, route: long) {
      $0.client = SocketAddress(ipv6High: .max, low: .max, port: .max, scope: .max)
      $0.upstream = $0.client
      ($0.bytesIn, $0.bytesOut, $0.retries, $0.status) = (.max, .max, .max, .max)
      ($0.durationMicroseconds, $0.upstreamMicroseconds) = (.max, .max)
      $0.fault = "upstream_head_too_large"
    }
    let path = try Self.parsed(line)["path"]?.stringValue
    #expect(path?.unicodeScalars.count == AccessLogLimits.pathBytesMax + 1)
    #expect(path?.hasSuffix("…") == true)
  }
}
