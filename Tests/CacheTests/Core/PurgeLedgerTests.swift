import Testing

@testable import Cache

@Suite struct PurgeLedgerTests {
  private let key = CacheKey(scheme: .http, authority: [0x61], path: [0x2F], query: []).bytes
  private let tag = CacheTags.hash([0x74])

  @Test func onlyPurgesSinceTheFetchBeganOvertakeIt() throws {
    var ledger = PurgeLedger()
    let before = ledger.position
    ledger.append(try .tag([0x74], stamp: 10))
    let after = ledger.position
    #expect(ledger.isOvertaken(key, [tag], since: before) && !ledger.isOvertaken(key, [tag], since: after))
    #expect(!ledger.isOvertaken(key, [tag &+ 1], since: before))
    ledger.append(try .url(Array("http://a/".utf8), isSoft: true, stamp: 20))
    #expect(ledger.isOvertaken(key, [], since: after), "a soft purge as well")
    #expect(!ledger.isOvertaken(key, [], since: ledger.position))
  }

  @Test func whoBeganBeforeWhatIsRememberedIsOvertaken() throws {
    var ledger = PurgeLedger()
    for _ in 0..<(3 * PurgeLedger.countMax) { ledger.append(try .tag([0x75], stamp: 10)) }
    #expect(ledger.isOvertaken(key, [tag], since: 0))
    #expect(!ledger.isOvertaken(key, [tag], since: ledger.position - UInt64(PurgeLedger.countMax)))
    #expect(ledger.isOvertaken(key, [tag], fetchedAt: 10) && !ledger.isOvertaken(key, [tag], fetchedAt: 10_000))
  }

  @Test func copiesAreJudgedByTheClockOfWhoFetchedThem() throws {
    var ledger = PurgeLedger()
    ledger.append(try .tag([0x74], stamp: 10_000))
    for (fetched, expected) in [(0, true), (10_000, true), (12_000, true), (12_001, false), (Int64.min, true)] as [(Int64, Bool)] {
      #expect(ledger.isOvertaken(key, [tag], fetchedAt: fetched) == expected, "\(fetched)")
    }
    #expect(!ledger.isOvertaken(key, [], fetchedAt: 0))
  }
}
