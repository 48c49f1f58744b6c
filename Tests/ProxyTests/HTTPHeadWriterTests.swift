import Runtime
import Testing

@testable import Proxy

@Suite("HTTP/1 head writer")
struct HTTPHeadWriterTests {
  @Test("decimal numbers", arguments: [0, 1, 9, 10, 11, 99, 100, 101, 65_535, 999_999, 1_000_000, Int.max])
  func decimal(value: Int) {
    #expect(written { putDecimal($0, 0, value) } == String(value))
    #expect(written { putDecimal($0, put($0, 0, "n="), value) } == "n=\(value)")
  }

  @Test("sixteen hexadecimal digits", arguments: [0, 1, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 1 << 63, UInt64.max])
  func hexadecimal(value: UInt64) {
    let digits = String(value, radix: 16)
    #expect(written { putHex($0, 0, value) } == String(repeating: "0", count: 16 - digits.utf8.count) + digits)
  }

  @Test("chunk heads end where they are told to", arguments: [0, 1, 9, 10, 15, 16, 255, 256, 4096, 0xabcdef, Int.max])
  func chunkHead(size: Int) {
    withBytes([UInt8](repeating: 0xee, count: chunkHeadMax + 4)) { p, n in
      let start = putChunkHead(p, endingAt: chunkHeadMax + 2, size)
      #expect(text(p, start, chunkHeadMax + 2 - start) == String(size, radix: 16) + "\r\n")
      #expect(start >= 2 && p[start - 1] == 0xee && p[n - 2] == 0xee, "nothing beside it is touched")
    }
  }

  /// The lines that `putFields` copies of a request with these field lines.
  private func copied(_ lines: String, skipping skipped: UInt32 = FieldID.hopByHop) -> String {
    var head = MessageHead()
    defer { head.deallocate() }
    return withBytes("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n") { p, n in
      #expect(head.parseRequest(p, n, HeadLimits()) == n, "\(lines)")
      return written(room: n) { head.putFields(p, $0, 0, skipping: skipped) }
    }
  }

  @Test("end-to-end fields are copied as they stand")
  func copiedAsTheyStand() {
    let lines = "X-A:1\r\nx-a: \t two \t\r\nCookie: a=b\r\nEmpty:\r\n"
    #expect(copied(lines) == "Host: a\r\n" + lines)
    #expect(copied("") == "Host: a\r\n")
  }

  @Test(
    "hop-by-hop fields stay behind wherever they stand (RFC 9110 §7.6.1)",
    arguments: [
      ("Connection: close\r\n", ""), ("X: 1\r\nConnection: close\r\n", "X: 1\r\n"), ("Connection: x\r\nX: 1\r\nY: 2\r\n", "Y: 2\r\n"),
      ("TE: trailers\r\nX: 1\r\nKeep-Alive: 5\r\n", "X: 1\r\n"),
      ("X: 1\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nY: 2\r\n", "X: 1\r\nY: 2\r\n"),
      ("Proxy-Connection: a\r\nTransfer-Encoding: chunked\r\n", ""), ("A: 1\r\nConnection: a, B\r\nB: 2\r\nb: 3\r\nC: 4\r\n", "C: 4\r\n"),
      ("Connection:\r\nX: 1\r\n", "X: 1\r\n"),
    ])
  func hopByHop(lines: String, kept: String) {
    #expect(copied(lines) == "Host: a\r\n" + kept)
  }

  @Test("any known field can be left out, an unknown one cannot")
  func chosenFields() {
    let skipped = FieldID.bit(FieldID.host) | FieldID.bit(FieldID.via) | FieldID.bit(FieldID.other)
    #expect(copied("Via: x\r\nX: 1\r\nForwarded: y\r\n", skipping: skipped) == "X: 1\r\nForwarded: y\r\n")
    #expect(copied("Via: x\r\nVia: y\r\n", skipping: skipped) == "")
  }

  @Test("random heads: what is copied is every kept line, in order", arguments: 1...20 as ClosedRange<UInt64>)
  func randomHeads(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let names = ["Connection", "TE", "X-A", "Via", "Cookie", "X-B", "Upgrade", "x-c", "Keep-Alive", "Forwarded"]
    for _ in 0..<40 {
      var lines: [(text: String, id: UInt8)] = []
      for _ in 0..<random.below(9) {
        let name = names[Int(random.below(UInt64(names.count)))]
        let line = "\(name):\(String(repeating: " ", count: Int(random.below(3))))v\(random.below(1000))\r\n"
        lines.append((line, withBytes(name) { fieldID($0, $1) }))
      }
      let skipped = UInt32(truncatingIfNeeded: random.next()) & ~FieldID.bit(FieldID.host)
      let kept = lines.filter { $0.id == FieldID.other || skipped & FieldID.bit($0.id) == 0 }
      #expect(copied(lines.map(\.text).joined(), skipping: skipped) == "Host: a\r\n" + kept.map(\.text).joined())
    }
  }

  @Test("values are scanned to the first byte that may not stand in them, at every offset and length")
  func scan() {
    for bad in [UInt8(0), 1, 8, 10, 13, 31, 127] {
      for length in 0..<40 {
        var bytes = (0..<length).map { UInt8([9, 32, 33, 126, 128, 255, 65][$0 % 7]) }
        withBytes(bytes) { p, n in #expect(scanValue(p, 0, n) == n) }
        for at in 0..<length {
          let saved = bytes[at]
          bytes[at] = bad
          withBytes(bytes) { p, n in for start in 0...at { #expect(scanValue(p, start, n) == at) } }
          bytes[at] = saved
        }
      }
    }
  }

  @Test("names are known in any letter case, and by their whole length")
  func names() {
    let known: [(String, UInt8)] = [
      ("connection", FieldID.connection), ("keep-alive", FieldID.keepAlive), ("te", FieldID.te), ("upgrade", FieldID.upgrade),
      ("proxy-connection", FieldID.proxyConnection), ("transfer-encoding", FieldID.transferEncoding),
      ("http2-settings", FieldID.http2Settings), ("content-length", FieldID.contentLength), ("host", FieldID.host),
      ("x-forwarded-for", FieldID.forwardedFor), ("x-forwarded-proto", FieldID.forwardedProto), ("x-forwarded-host", FieldID.forwardedHost),
      ("x-forwarded-port", FieldID.forwardedPort), ("forwarded", FieldID.forwarded), ("via", FieldID.via),
      ("traceparent", FieldID.traceparent), ("x-request-id", FieldID.requestID), ("expect", FieldID.expect), ("trailer", FieldID.trailer),
      ("cookie", FieldID.cookie),
    ]
    for (name, id) in known {
      for spelling in [name, name.uppercased(), name.prefix(1).uppercased() + name.dropFirst()] {
        #expect(withBytes(spelling) { fieldID($0, $1) } == id, "\(spelling)")
      }
      for other in [
        name + "s", String(name.dropLast()), "z" + name.dropFirst(), name.replacing("-", with: "_") + (name.contains("-") ? "" : "_"),
      ] {
        #expect(withBytes(other) { fieldID($0, $1) } == FieldID.other, "\(other)")
      }
    }
  }
}
