import Testing

@testable import Node

@Suite struct ConfigurationValueTests {
  @Test(arguments: [
    ("0", Duration.zero), ("0s", .zero), ("500ms", .milliseconds(500)), ("2s", .seconds(2)), ("1m", .seconds(60)), ("1h", .seconds(3600)),
    ("365d", .seconds(31_536_000)), ("7us", .microseconds(7)), ("9ns", .nanoseconds(9)), ("007s", .seconds(7)),
  ])
  func aDurationHasAUnit(_ text: String, _ expected: Duration) throws {
    #expect(try Quantities.duration(text) == expected)
    #expect(try Quantities.duration(Quantities.written(expected)) == expected)
  }

  @Test(arguments: ["", "5", "s", "-1s", "1.5s", "1 s", "1S", "1m30s", "366d", "18446744073709551616ns", "１s"])
  func whatIsNoDurationIsRefused(_ text: String) {
    #expect(throws: Quantities.Refusal.self) { try Quantities.duration(text) }
  }

  @Test(arguments: [
    ("0", 0), ("17", 17), ("17B", 17), ("64KiB", 65_536), ("10MB", 10_000_000), ("4GiB", 4 << 30), ("2TiB", 2 << 40), ("3KB", 3000),
    ("1GB", 1_000_000_000), ("1TB", 1_000_000_000_000), ("1MiB", 1 << 20),
  ])
  func aSizeMayHaveAUnit(_ text: String, _ expected: Int) throws {
    #expect(try Quantities.size(text) == expected)
    #expect(try Quantities.size(Quantities.written(expected)) == expected)
  }

  @Test(arguments: ["", "KiB", "-1", "1.5MiB", "1 MiB", "1kib", "1025TiB", "9999999999999999999"])
  func whatIsNoSizeIsRefused(_ text: String) {
    #expect(throws: Quantities.Refusal.self) { try Quantities.size(text) }
  }

  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:65535", "::1", 65535), ("[2001:DB8:0:0::1]:1", "2001:db8::1", 1),
    ("Catalog.internal:8080", "catalog.internal", 8080), ("my_service:1", "my_service", 1), ("a.:1", "a.", 1),
  ])
  func aHostAndPortAreParsed(_ text: String, _ host: String, _ port: UInt16) throws {
    #expect(try HostPort.parse(text) == HostPort(host: host, port: port))
  }

  @Test(arguments: [
    "", ":", ":80", "a", "a:", "a:0", "a:65536", "a:+1", "a:1 ", "[::1]", "[]:1", "[a]:1", "::1:80", "1.2.3:1", "a..b:1", "-a:1", "a b:1",
    "http://a:1", "a\u{0}:1",
  ])
  func whatIsNoHostAndPortIsRefused(_ text: String) {
    #expect(throws: Quantities.Refusal.self) { try HostPort.parse(text) }
  }

  @Test func loopbackIsKnownInAllItsForms() throws {
    for text in ["127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1"] {
      #expect(try HostPort.parse(text).isLoopback, "\(text)")
    }
    for text in ["0.0.0.0:1", "128.0.0.1:1", "[::]:1", "[::2]:1", "[::ffff:10.0.0.1]:1", "localhost.example:1"] {
      #expect(try !HostPort.parse(text).isLoopback, "\(text)")
    }
  }

  @Test func statusesMergeIntoRanges() throws {
    let set = StatusSet(try ["503", "2xx", "200", "300", "502"].map { try StatusSet.codes($0) })
    #expect(set.ranges == [200...300, 502...503])
    #expect(set.contains(299) && set.contains(300) && !set.contains(301) && !set.contains(501))
  }

  @Test(arguments: [
    ("plain", "plain"), ("${PORT}", "9001"), ("a${PORT}b${PORT}", "a9001b9001"), ("${NONE:-x:-y}", "x:-y"), ("${EMPTY:-x}", "x"),
    ("${EMPTY}", ""), ("${PORT:-x}", "9001"), ("$$", "$"), ("$${PORT}", "${PORT}"), ("$5 $", "$5 $"), ("${NONE:-}", ""),
  ])
  func aVariableIsPutInItsPlace(_ text: String, _ expected: String) {
    #expect(Interpolation.expand(text, environment: ConfigurationVectors.environment) == .text(expected))
  }

  @Test func aVariableMayGiveAnyScalar() throws {
    let document = """
      listeners: [{ address: "127.0.0.1:${PORT}", http2: "${FLAG:-false}" }]
      node: { workers: "${WORKERS:-5}", drain: "${DRAIN:-2}s" }
      log: { level: "${LEVEL:-error}" }
      """
    let configuration = try #require(ConfigurationVectors.load(document).configuration)
    #expect(configuration.listeners[0].address.port == 9001 && !configuration.listeners[0].http2)
    #expect(configuration.node.workers == 5 && configuration.node.drain == .seconds(2) && configuration.log.level == .error)
  }
}
