import Testing

@testable import Cache

@Suite struct MemoryReaderTests {
  private let tier = MemoryTier(MemoryLimits(bytesMax: 1 << 20, shards: 2, readersMax: 2, shardBytesMin: 256 << 10))

  private func retired() -> Int {
    tier.reclaim()
    return tier.statistics().retiredEntries
  }

  @Test func withoutReadersNothingWaits() {
    tier.store(1)
    tier.drop(1)
    #expect(retired() == 0)
  }

  @Test func aTurnKeepsWhatItMayHaveFoundAndTheNextDoesNot() throws {
    let reader = try #require(tier.makeReader())
    tier.store(1)
    reader.enter()
    let entry = try #require(reader.find(1))
    tier.drop(1)
    let during = retired()
    #expect(during == 1 && MemoryFixture.isWhole(entry.body, of: 1))
    reader.enter()
    #expect(retired() == 0)
    reader.leave()
  }

  @Test func whoeverSleepsHoldsNothingBack() throws {
    let (awake, asleep) = (try #require(tier.makeReader()), try #require(tier.makeReader()))
    awake.enter()
    asleep.enter()
    asleep.leave()
    tier.store(1)
    tier.drop(1)
    #expect(retired() == 1)
    awake.leave()
    #expect(retired() == 0)
  }

  @Test func aTurnThatBeganAfterTheRemovalHoldsNothingBack() throws {
    let (before, after) = (try #require(tier.makeReader()), try #require(tier.makeReader()))
    before.enter()
    tier.store(1)
    tier.drop(1)
    after.enter()
    #expect(retired() == 1)
    before.enter()
    #expect(retired() == 0)
    before.leave()
    after.leave()
  }

  @Test func aPinOutlivesTurns() throws {
    let reader = try #require(tier.makeReader())
    tier.store(1)
    reader.enter()
    let entry = try #require(reader.find(1))
    entry.pin()
    entry.pin()
    reader.leave()
    tier.drop(1)
    let first = retired()
    entry.unpin()
    let second = retired()
    #expect(MemoryFixture.isWhole(entry.body, of: 1))
    entry.unpin()
    let third = retired()
    #expect([first, second, third] == [1, 1, 0])
  }

  @Test func aReaderThatNeverMovesOnCostsStoresAndNotTheBound() throws {
    let reader = try #require(tier.makeReader())
    reader.enter()
    let outcomes = (0..<2000).map { tier.store(UInt64($0), words: 120) }
    let figures = tier.statistics()
    #expect(figures.bytes <= tier.limits.bytesMax && figures.retiredEntries > 0)
    #expect(outcomes.first == .stored && outcomes.last == .noRoom && figures.refusedNoRoom > 0)
    reader.enter()
    let after = tier.store(9999)
    #expect(after == .stored && reader.version(9999) == 0)
    reader.leave()
  }

  @Test func doorsAreCountedAndComeBack() throws {
    let first = try #require(tier.makeReader())
    let second = tier.makeReader()
    let third = tier.makeReader()
    tier.close(first)
    let fourth = tier.makeReader()
    #expect(second != nil && third == nil && fourth != nil)
  }

  #if os(Linux)
    @Test func outsideOfATurnALookUpTraps() async {
      await #expect(processExitsWith: .failure) {
        let tier = MemoryTier(MemoryLimits(bytesMax: 1 << 20, shards: 2, readersMax: 2, shardBytesMin: 256 << 10))
        _ = tier.makeReader()?.find(1)
      }
    }
  #endif
}
