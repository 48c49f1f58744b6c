import Runtime
import Testing

@testable import Cache

@Suite struct PurgeTests {
  private static func key(
    _ authority: String, _ path: String, _ query: String = "", scheme: CacheScheme = .http, rules: CacheKeyRules = CacheKeyRules(),
    fields: [(String, String)] = [], port: UInt16? = nil
  ) -> [UInt8] {
    CacheKey(
      scheme: scheme, authority: Array(authority.utf8), path: Array(path.utf8), query: Array(query.utf8),
      request: HeadFields(startLine: "GET / HTTP/1.1", fields), rules: rules, listenerPort: port
    ).bytes
  }

  private static func url(_ text: String) throws -> Purge { try .url(Array(text.utf8), stamp: 1) }
  private static func prefix(_ text: String) throws -> Purge { try .prefix(Array(text.utf8), stamp: 1) }

  @Test(
    "a URL means what a request for it would find",
    arguments: [
      ("http://a/x", key("a", "/x"), true), ("HTTP://A/x", key("a", "/x"), true), ("http://a:80/x", key("a", "/x"), true),
      ("http://a/%7ex", key("a", "/~x"), true), ("http://a/x#y", key("a", "/x"), true), ("http://a", key("a", "/"), true),
      ("http://a?q", key("a", "/", "?q"), true), ("http://[::1]:8080/", key("[::1]", "/"), true),
      ("http://a/x", key("a", "/x", scheme: .https), false), ("//a/x", key("a", "/x", scheme: .https), true),
      ("//a/x", key("a", "/x"), true),
      ("https://a:443/x", key("a", "/x", scheme: .https), true), ("https://a/x", key("a", "/x"), false),
      ("http://a/x", key("b", "/x"), false), ("http://a/x", key("a", "/xy"), false), ("http://a/xy", key("a", "/x"), false),
      ("http://a/x", key("a", "/x", "?q"), false), ("http://a/x?q", key("a", "/x"), false), ("http://a/x?", key("a", "/x"), false),
      ("http://a/X", key("a", "/x"), false), ("http://a/x/", key("a", "/x"), false),
      // A listener's own port is not in keys; whether this is one nobody knows, so both are meant.
      ("http://a:8080/x", key("a:8080", "/x", port: 8080), true), ("http://a:8080/x", key("a:8080", "/x"), true),
      ("http://a:8080/x", key("a", "/x"), true), ("http://a/x", key("a:8080", "/x"), false), ("http://a:1/x", key("a:2", "/x"), false),
      // What the key leaves out cannot tell apart.
      ("http://b/x", key("a", "/x", rules: CacheKeyRules(host: false)), true),
      ("http://b/y", key("a", "/x", rules: CacheKeyRules(host: false)), false),
      ("http://a/x?q=1", key("a", "/x", "?q=2", rules: CacheKeyRules(query: .none)), true),
      ("http://a/x", key("a", "/x", "?q=2", rules: CacheKeyRules(query: .none)), true),
      ("http://a/x?z=1&q=2", key("a", "/x", "?q=2&y", rules: CacheKeyRules(query: .named(["p", "q"]))), true),
      ("http://a/x?q=3", key("a", "/x", "?q=2", rules: CacheKeyRules(query: .named(["p", "q"]))), false),
      ("http://a/x", key("a", "/x", "?y=2", rules: CacheKeyRules(query: .named(["q"]))), true),
      ("http://a/x", key("a", "/x", rules: CacheKeyRules(headers: ["x-k"], space: "shop"), fields: [("X-K", "1")]), true),
    ])
  func url(text: String, key: [UInt8], expected: Bool) throws {
    let purge = try PurgeTests.url(text)
    #expect(purge.matches(key: key, tags: []) == expected)
    let variant = key + [0, 1, 2, 3, 4, 5, 6, 7, 8] + Array("values".utf8)
    #expect(purge.matches(key: variant, tags: []) == expected, "a variant goes with its URL")
  }

  @Test func aKeyMeansItselfAndWhatStandsBelowIt() {
    let (mine, other) = (PurgeTests.key("a", "/x"), PurgeTests.key("a", "/xy"))
    let purge = Purge.key(mine, stamp: 1)
    let batch = PurgeBatch([purge, .away(stamp: 1)])
    for key in [mine, mine + [1], mine + [0, 1, 2, 3, 4, 5, 6, 7, 8] + Array("values".utf8)] {
      #expect(purge.matches(key: key, tags: []) && batch.force(key: key, tags: []) == .gone)
    }
    for key in [other, PurgeTests.key("a", "/x", scheme: .https)] {
      #expect(!purge.matches(key: key, tags: []) && batch.force(key: key, tags: []) == .none)
    }
    #expect(batch.keys == [mine] && PurgeBatch([purge, .all(stamp: 1)]).keys == nil)
    #expect(!Purge.away(stamp: 1).matches(key: mine, tags: [CacheTags.any]))
  }

  @Test(arguments: [900, 985, 2_000, 20_000], [true, false]) func aKeyOfAnyLengthFits(count: Int, hasHost: Bool) {
    let rules = CacheKeyRules(host: hasHost)
    let key = PurgeTests.key("a", "/" + String(repeating: "x", count: count), rules: rules)
    let purge = Purge.key(key, stamp: 1)
    #expect(purge.encoded.count <= Purge.encodedBytesMax && Purge(decoding: purge.encoded, stamp: 1) == purge)
    #expect(purge.matches(key: key, tags: []))
  }

  @Test(
    "a prefix means what begins so, under a whole host",
    arguments: [
      ("http://a/img/", key("a", "/img/1.png"), true), ("http://a/img", key("a", "/img"), true),
      ("http://a/img", key("a", "/imgs", "?q"), true),
      ("http://a/img/", key("a", "/img"), false), ("http://a", key("a", "/x"), true), ("http://a", key("a.b", "/x"), false),
      ("//A/i", key("a", "/i", scheme: .https), true), ("https://a/i", key("a", "/i"), false), ("http://a:81/", key("a", "/x"), true),
      ("http://a/x?q=1", key("a", "/x", "?q=12"), true), ("http://a/x?q=1", key("a", "/x", "?q=2"), false),
      ("http://a/x?q", key("a", "/x"), false), ("http://a/%41", key("a", "/Abc"), true),
      ("http://b/x", key("a", "/xy", rules: CacheKeyRules(host: false)), true),
    ])
  func prefix(text: String, key: [UInt8], expected: Bool) throws {
    let purge = try PurgeTests.prefix(text)
    #expect(purge.matches(key: key, tags: []) == expected)
  }

  @Test func aTagMeansWhatCarriesItAndWhatMayCarryIt() throws {
    let purge = try Purge.tag(Array("news".utf8), stamp: 1)
    let key = PurgeTests.key("a", "/")
    let (news, sport) = (CacheTags.hash(Array("news".utf8)), CacheTags.hash(Array("sport".utf8)))
    for (tags, expected) in [([news], true), ([sport, news], true), ([sport], false), ([], false), ([CacheTags.any], true)] {
      #expect(purge.matches(key: key, tags: tags) == expected)
    }
  }

  @Test func everythingMeansEverythingAndBytesThatAreNoKeyAreMeantByURLs() throws {
    #expect(Purge.all(stamp: 1).matches(key: [], tags: []))
    for bytes: [UInt8] in [[], [9], [1, 0, 0, 0, 9, 0, 0, 0, 0], Array(PurgeTests.key("a", "/").dropFirst())] {
      #expect(try PurgeTests.url("http://b/").matches(key: bytes, tags: []))
      #expect(try !Purge.tag([0x61], stamp: 1).matches(key: bytes, tags: []))
    }
  }

  @Test(
    "what is no purge is refused with the reason",
    arguments: [
      ("", PurgeRefusal.empty), ("a/x", .noScheme), ("/x", .noScheme), ("ftp://a/", .noScheme), ("http:/a", .noScheme),
      ("http:///x", .noHost), ("http://:80/x", .noHost), ("//", .noHost), ("http://u@a/", .userinfo), ("http://a/ b", .badByte),
      ("http://a/\r\nx", .badByte), ("http://" + String(repeating: "a", count: 301), .hostTooLong),
    ])
  func refused(text: String, reason: PurgeRefusal) {
    #expect(throws: reason) { try PurgeTests.url(text) }
    #expect(throws: reason) { try PurgeTests.prefix(text) }
  }

  @Test func tagsThatNoResponseCanCarryAreRefused() {
    let cases: [(String, PurgeRefusal)] = [
      ("", .empty), ("a,b", .badByte), (" a", .badByte), ("a\n", .badByte), (String(repeating: "x", count: 257), .tagTooLong),
    ]
    for (tag, reason) in cases { #expect(throws: reason) { try Purge.tag(Array(tag.utf8), stamp: 1) } }
  }

  @Test func whatIsTooLongIsCutAndMeansMore() throws {
    let long = String(repeating: "y", count: 5_000)
    let query = try PurgeTests.url("http://a/x?" + long)
    #expect(query.encoded.count <= Purge.encodedBytesMax)
    #expect(query.matches(key: PurgeTests.key("a", "/x", "?" + long), tags: []))
    #expect(query.matches(key: PurgeTests.key("a", "/x", "?q=1", rules: CacheKeyRules(query: .named(["q"]))), tags: []))
    #expect(!query.matches(key: PurgeTests.key("a", "/xy"), tags: []))
    for purge in [try PurgeTests.url("http://a/" + long + "?q"), try PurgeTests.prefix("http://a/" + long)] {
      #expect(purge.encoded.count <= Purge.encodedBytesMax)
      #expect(purge.matches(key: PurgeTests.key("a", "/" + long, "?q"), tags: []))
      #expect(!purge.matches(key: PurgeTests.key("a", "/y"), tags: []))
    }
    let host = "http://" + String(repeating: "h", count: 300) + "/" + long
    #expect(try PurgeTests.prefix(host).encoded.count <= Purge.encodedBytesMax)
  }

  // MARK: bytes

  private static func samples() throws -> [Purge] {
    [
      .all(stamp: 5), .all(isSoft: true, stamp: 5), try .tag(Array("a tag".utf8), isSoft: true, stamp: 5),
      try .url(Array("http://a/x?q".utf8), stamp: 5),
      try .url(Array("//a:81/x".utf8), isSoft: true, stamp: 5), try .prefix(Array("https://[::1]/x".utf8), stamp: 5),
      try .url(Array(("http://a/?" + String(repeating: "q", count: 2_000)).utf8), stamp: 5),
    ]
  }

  @Test func whatIsWrittenIsRead() throws {
    for purge in try PurgeTests.samples() { #expect(Purge(decoding: purge.encoded, stamp: 5) == purge) }
  }

  @Test func hostileBytesAreNoPurgeOrAWholeOne() throws {
    var random = SeededRandom(seed: 11)
    var read = 0
    for round in 0..<20_000 {
      var bytes = try PurgeTests.samples()[round % 7].encoded
      for _ in 0..<(1 + random.below(4)) {
        switch random.below(3) {
        case 0 where !bytes.isEmpty: bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes = Array(bytes.prefix(Int(random.below(UInt64(bytes.count + 1)))))
        case _: bytes.append(UInt8(truncatingIfNeeded: random.next()))
        }
      }
      guard let purge = Purge(decoding: bytes, stamp: 0) else { continue }
      read += 1
      #expect(purge.encoded.count <= Purge.encodedBytesMax)
      _ = purge.matches(key: PurgeTests.key("a", "/x"), tags: [1])
    }
    #expect(read > 100 && read < 19_000)
    for cut in try PurgeTests.samples().map(\.encoded) {
      for length in 0..<cut.count { #expect(Purge(decoding: Array(cut[..<length]), stamp: 0) == nil) }
    }
  }

  @Test func operatorsReadWhatItMeans() throws {
    #expect(try PurgeTests.url("HTTP://A:80/%7e?q").description == ("url", "http://a/~?q"))
    #expect(try PurgeTests.prefix("//a/x").description == ("prefix", "//a/x"))
    #expect(Purge.all(stamp: 0).description == ("all", nil))
  }
}
