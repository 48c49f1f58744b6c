import Runtime
import Testing

@testable import Cache

@Suite struct PurgeBatchTests {
  private func key(_ host: String, _ path: String, _ query: String, _ rules: CacheKeyRules) -> [UInt8] {
    CacheKey(scheme: .http, authority: Array(host.utf8), path: Array(path.utf8), query: Array(query.utf8), rules: rules).bytes
  }

  private func drawn(_ random: inout SeededRandom) throws -> Purge {
    let soft = random.below(2) == 0
    let stamp = Int64(random.below(100))
    let text =
      "http://" + ["a", "b"][Int(random.below(2))] + "/" + ["", "x", "y", "x/z"][Int(random.below(4))]
      + ["", "?q=1", "?"][Int(random.below(3))]
    switch random.below(12) {
    case 0: return .all(isSoft: soft, stamp: stamp)
    case 1...4: return try .url(Array(text.utf8), isSoft: soft, stamp: stamp)
    case 5...7: return try .prefix(Array(text.utf8), isSoft: soft, stamp: stamp)
    case _: return try .tag(Array("t\(random.below(6))".utf8), isSoft: soft, stamp: stamp)
    }
  }

  @Test func purgesAtOnceDoWhatTheyDoOneByOne() throws {
    var random = SeededRandom(seed: 3)
    let rules = [CacheKeyRules(), CacheKeyRules(host: false), CacheKeyRules(query: .none), CacheKeyRules(query: .named(["q"]))]
    var seen: [String: Int] = [:]
    for _ in 0..<4_000 {
      let purges = try (0..<random.below(5)).map { _ in try drawn(&random) }
      let batch = PurgeBatch(purges)
      let key =
        random.below(20) == 0
        ? [7]
        : key(
          ["a", "b"][Int(random.below(2))], ["/", "/x", "/x/z"][Int(random.below(3))], ["", "?q=1"][Int(random.below(2))],
          rules[Int(random.below(4))])
      let tags = (0..<random.below(3)).map { _ in random.below(8) == 0 ? CacheTags.any : CacheTags.hash(Array("t\(random.below(6))".utf8)) }
      let meant = purges.filter { $0.matches(key: key, tags: tags) }
      let expected: PurgeForce =
        meant.contains { !$0.isSoft } ? .gone : meant.map(\.stamp).min().map { .stale(since: $0) } ?? PurgeForce.none
      let force = batch.force(key: key, tags: tags)
      #expect(force == expected)
      seen["\(expected)".prefix(4).description, default: 0] += 1
    }
    #expect(seen.count == 3 && seen.values.allSatisfy { $0 > 100 })
  }
}
