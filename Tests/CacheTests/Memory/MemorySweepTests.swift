import Testing

@testable import Cache

@Suite struct MemorySweepTests {
  private let tier = MemoryTier(MemoryLimits(bytesMax: 1 << 20, shards: 4, readersMax: 2, shardBytesMin: 256 << 10))

  init() { for number in 0..<300 { tier.store(UInt64(number), tags: [UInt64(number % 3), 100]) } }

  private func found(_ keep: (MemoryEntry) -> Bool) throws -> [UInt64] {
    let reader = try #require(tier.makeReader())
    reader.enter()
    defer {
      reader.leave()
      tier.close(reader)
    }
    return (0..<300).filter { number in reader.find(number).map(keep) ?? false }
  }

  @Test("steps of any size remove what carries a tag and nothing else", arguments: [1, 7, 64, 1000, Int.max])
  func byTag(step: Int) throws {
    var (cursor, affected, steps) = (MemoryCursor(), 0, 1)
    while tier.sweep(&cursor, bucketsMax: step, affected: &affected, { $0.tags.contains(1) ? .remove : .keep }) { steps += 1 }
    #expect(affected == 100 && steps >= tier.limits.buckets / step)
    #expect(try found { _ in true } == (0..<300).filter { $0 % 3 != 1 })
    let left = tier.removeAll { _ in true }
    #expect(left == 200 && tier.statistics().entries == 0 && tier.statistics().entryBytes == 0)
  }

  @Test func aSoftPurgeMarksAndANewerEntryIsUnmarked() throws {
    var (cursor, affected) = (MemoryCursor(), 0)
    while tier.sweep(&cursor, bucketsMax: 100, affected: &affected, { $0.tags.contains(2) ? .markStale(since: 7) : .keep }) {}
    #expect(affected == 100)
    #expect(try found(\.isMarkedStale) == (0..<300).filter { $0 % 3 == 2 })
    tier.store(2, tags: [2])
    #expect(try found(\.isMarkedStale) == (3..<300).filter { $0 % 3 == 2 })
  }

  @Test func nobodyIsAskedTwice() {
    var asked: [Int64] = []
    tier.removeAll {
      asked.append($0.terms.freshUntil)
      return $0.terms.freshUntil % 2 == 0
    }
    #expect(asked.sorted() == Array(0..<300) && tier.statistics().entries == 150)
  }
}
