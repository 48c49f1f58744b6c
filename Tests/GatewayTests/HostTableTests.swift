// Host patterns and the choice of an API by host, as tables.

import Testing

@testable import Gateway

@Suite struct HostTableTests {
  static func match(_ host: String, _ patterns: [String]) throws -> String? {
    let table = try HostTable.compile(patterns.enumerated().map { (try HostPattern($1), Int32($0)) })
    // A byte behind the host that no match may read.
    let bytes = Array((host + "x").utf8)
    let api = table.match(bytes, bytes.count - 1)
    return api < 0 ? nil : patterns[Int(api)]
  }

  static let patterns = ["api.example.com", "*.example.com", "*.eu.example.com", "example.com", "10.0.0.1", "[::1]", "Shop.Example.org."]

  static let hosts: [(host: String, pattern: String?)] = [
    ("api.example.com", "api.example.com"),
    ("API.EXAMPLE.COM", "api.example.com"),
    ("api.example.com:8443", "api.example.com"),
    ("api.example.com.", "api.example.com"),
    ("api.example.com.:80", "api.example.com"),
    ("api.example.com:", "api.example.com"),
    ("web.example.com", "*.example.com"),
    ("WEB.Example.Com.:1", "*.example.com"),
    ("example.com", "example.com"),
    ("a.eu.example.com", "*.eu.example.com"),
    ("eu.example.com", "*.example.com"),
    ("a.b.example.com", nil),
    ("a.b.eu.example.com", nil),
    (".example.com", nil),
    ("api.example.com..", nil),
    ("api.example.comm", nil),
    ("xapi.example.com", "*.example.com"),
    ("example.co", nil),
    ("com", nil),
    ("", nil),
    (":80", nil),
    (".", nil),
    ("10.0.0.1:8080", "10.0.0.1"),
    ("10.0.0.2", nil),
    ("[::1]:8080", "[::1]"),
    ("[::1]", "[::1]"),
    ("[::2]", nil),
    ("[::1", nil),
    ("shop.example.org", "Shop.Example.org."),
    (String(repeating: "a", count: 300) + ".example.com", nil),
  ]

  @Test(arguments: hosts)
  func aHostFindsItsPattern(_ host: String, _ pattern: String?) throws {
    #expect(try Self.match(host, Self.patterns) == pattern)
  }

  @Test(arguments: hosts)
  func theAnyPatternTakesTheRest(_ host: String, _ pattern: String?) throws {
    #expect(try Self.match(host, Self.patterns + ["*"]) == pattern ?? "*")
  }

  @Test func noHostsMatchNothing() throws {
    #expect(try Self.match("example.com", []) == nil)
    #expect(try Self.match("example.com", ["*"]) == "*")
  }

  @Test func thousandsOfHostsAreFound() throws {
    let patterns = (0..<4000).map { $0 % 2 == 0 ? "h\($0).example.com" : "*.z\($0).example.com" }
    let table = try HostTable.compile(patterns.enumerated().map { (try HostPattern($1), Int32($0)) })
    for (index, pattern) in patterns.enumerated() {
      let host = Array(pattern.replacing("*", with: "any").utf8)
      #expect(table.match(host, host.count) == Int32(index))
    }
    let other = Array("h1.example.com".utf8)
    #expect(table.match(other, other.count) == -1)
  }

  @Test func aPatternBelongsToOneAPI() throws {
    let texts = ["a.com", "*", "A.com.", "*.a.com", "*", "*.A.com"]
    let hosts = try texts.enumerated().map { (pattern: try HostPattern($1), api: Int32($0)) }
    let error = #expect(throws: HostTableFaults.self) { try HostTable.compile(hosts) }
    let expected = [
      HostTableFault(host: 2, earlier: 0, pattern: "A.com."), HostTableFault(host: 4, earlier: 1, pattern: "*"),
      HostTableFault(host: 5, earlier: 3, pattern: "*.A.com"),
    ]
    #expect(error?.faults == expected)
  }

  static let refused: [(pattern: String, reason: HostPatternError.Reason, position: Int)] = [
    ("", .empty, 0),
    (".", .emptyLabel, 0),
    ("a..b", .emptyLabel, 2),
    (".a", .emptyLabel, 0),
    ("a.*.b", .wildcardPlace, 2),
    ("*a.b", .wildcardPlace, 0),
    ("*.*.b", .wildcardPlace, 2),
    ("a.b:80", .port, 3),
    ("[::1]:80", .port, 5),
    ("[::1", .unclosedBracket, 0),
    ("[]", .emptyLabel, 1),
    ("[zz::]", .invalidCharacter(0x7A), 1),
    ("a/b", .invalidCharacter(0x2F), 1),
    ("b\u{FC}cher.de", .invalidCharacter(0xC3), 1),
    (String(repeating: "a", count: 64) + ".de", .longLabel, 0),
    (String(repeating: "abcdefghi.", count: 26) + "de", .tooLong, 253),
  ]

  @Test(arguments: refused)
  func aFaultyPatternIsRefused(_ pattern: String, _ reason: HostPatternError.Reason, _ position: Int) {
    let error = #expect(throws: HostPatternError.self) { try HostPattern(pattern) }
    #expect(error == HostPatternError(reason: reason, position: position, pattern: pattern))
  }

  @Test func aWildcardNeedsASuffix() {
    #expect(throws: HostPatternError.self) { try HostPattern("*.") }
  }
}
