import Runtime
import Testing

@testable import Cache

@Suite struct MemoryTierTests {
  /// A tier and a reader within a turn, given back at the end.
  private func withTier<Result>(
    bytes: Int = 1 << 20, shards: Int = 4, _ body: (MemoryTier, MemoryReader) throws -> Result
  ) throws -> Result {
    let tier = MemoryTier(MemoryLimits(bytesMax: bytes, shards: shards, readersMax: 4, shardBytesMin: 256 << 10))
    let reader = try #require(tier.makeReader())
    reader.enter()
    defer {
      reader.leave()
      tier.close(reader)
    }
    return try body(tier, reader)
  }

  @Test func whatIsStoredIsFoundWhole() throws {
    try withTier { tier, reader in
      let outcome = tier.store(7, words: 100, tags: [3, 4])
      let entry = try #require(reader.find(7))
      #expect(outcome == .stored && reader.find(8) == nil)
      #expect(Array(entry.key) == MemoryFixture.key(7))
      #expect(Array(entry.head) == Array("HTTP/1.1 200 OK\r\n".utf8))
      #expect(Array(entry.body) == MemoryFixture.body(7, words: 100))
      #expect(Array(entry.headAndBody) == Array(entry.head) + Array(entry.body))
      #expect(Array(entry.tags) == [3, 4] && entry.terms.freshUntil == 7 && entry.hash == MemoryFixture.hash(7))
    }
  }

  @Test func emptyPartsAreParts() throws {
    try withTier { tier, reader in
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      let hash = EntryHash(high: 1, low: 2)
      let outcome = tier.insert(hash, EntryParts(key: none, head: none, body: [none, none], terms: EntryTerms(freshUntil: 0)))
      let entry = try #require(reader.find(hash, none))
      #expect(outcome == .stored && entry.headAndBody.isEmpty && entry.key.isEmpty)
    }
  }

  @Test func keysOfOneHashNeverServeEachOther() throws {
    try withTier { tier, reader in
      let hash = EntryHash(high: 42, low: 42)
      for number in 0..<20 { tier.store(UInt64(number), hash: hash) }
      for number in 0..<20 {
        let entry = try #require(reader.find(UInt64(number), hash: hash))
        #expect(MemoryFixture.isWhole(entry.body, of: UInt64(number)))
      }
      #expect(reader.find(20, hash: hash) == nil)
    }
  }

  @Test func aChainHasABound() throws {
    try withTier { tier, reader in
      let hash = EntryHash(high: 42, low: 42)
      let outcomes = (0..<100).map { tier.store(UInt64($0), words: 1, hash: hash) }
      #expect(outcomes.prefix(MemoryTable.chainMax).allSatisfy { $0 == .stored })
      #expect(outcomes.dropFirst(MemoryTable.chainMax).allSatisfy { $0 == .noRoom })
      #expect(tier.statistics().refusedNoRoom == 36 && tier.statistics().entries == 64)
      #expect(reader.find(99, hash: hash) == nil)
    }
  }

  @Test func theNewerTakesThePlaceOfTheOlder() throws {
    try withTier { tier, reader in
      tier.store(1, version: 1)
      let old = try #require(reader.find(1))
      tier.store(1, version: 2)
      #expect(reader.version(1) == 2 && tier.statistics().entries == 1)
      #expect(old.body.loadUnaligned(as: UInt64.self) == 1, "this turn may go on with what it found")
    }
  }

  @Test func whatIsTooLargeIsRefusedAndTheOlderGoes() throws {
    try withTier { tier, reader in
      tier.store(1, version: 1)
      let outcome = tier.store(1, version: 2, words: tier.limits.entryBytesMax / 8)
      #expect(outcome == .tooLarge && reader.find(1) == nil && tier.statistics().refusedTooLarge == 1)
      let largest = tier.store(2, words: tier.limits.entryBytesMax / 8 - 40)
      #expect(largest == .stored && reader.version(2) == 0)
    }
  }

  @Test func removedIsRemoved() throws {
    try withTier { tier, reader in
      for number in 0..<50 { tier.store(UInt64(number)) }
      let removed = (0..<50).map { tier.drop(UInt64($0)) }
      let again = tier.drop(1)
      #expect(removed.allSatisfy { $0 } && !again)
      #expect((0..<50).allSatisfy { reader.find(UInt64($0)) == nil })
      #expect(tier.statistics().entries == 0 && tier.statistics().entryBytes == 0)
    }
  }

  @Test func anEntryIsRemovedOnlyWhileItIsTheKeys() throws {
    try withTier { tier, reader in
      tier.store(1, version: 1)
      let old = try #require(reader.find(1))
      tier.store(1, version: 2)
      let isRemoved = tier.remove(old)
      #expect(!isRemoved && reader.version(1) == 2)
      let isNewRemoved = tier.remove(try #require(reader.find(1)))
      #expect(isNewRemoved && reader.find(1) == nil)
    }
  }

  @Test func afterA304TheBodyStaysAndTheHeadAndTermsAreNew() throws {
    try withTier { tier, reader in
      tier.store(1, version: 5, tags: [9])
      let old = try #require(reader.find(1))
      let head = Array("HTTP/1.1 200 OK\r\nAge: 0\r\n".utf8)
      let outcome = head.withUnsafeBytes { tier.freshen(old, head: $0, terms: EntryTerms(freshUntil: 99), flags: 3) }
      let new = try #require(reader.find(1))
      #expect(outcome == .stored && new != old && Array(new.head) == head && new.terms.freshUntil == 99 && new.flags == 3)
      #expect(Array(new.tags) == [9] && reader.version(1) == 5)
      let again = head.withUnsafeBytes { tier.freshen(old, head: $0, terms: EntryTerms(freshUntil: 100), flags: 0) }
      #expect(again == .superseded && reader.find(1) == new)
    }
  }

  @Test("the table is a dictionary that forgets only for room, and keeps its bound", arguments: 1...6)
  func model(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    try withTier(bytes: MemoryLimits.bytesMin, shards: 2) { tier, reader in
      var versions: [UInt64: UInt64] = [:]
      for step in 0..<8000 {
        if step % 4 == 0 { reader.enter() }
        let number = random.below(500)
        switch random.below(16) {
        case 0:
          let isRemoved = tier.drop(number)
          #expect(!isRemoved || versions[number] != nil)
          versions[number] = nil
        case 1...6:
          let outcome = tier.store(number, version: UInt64(step), words: Int(random.below(1000)))
          versions[number] = outcome == .stored ? UInt64(step) : nil
        default:
          if let found = reader.find(number) {
            #expect(MemoryFixture.isWhole(found.body, of: number))
            #expect(found.body.loadUnaligned(as: UInt64.self) == versions[number])
          }
        }
        let figures = tier.statistics()
        #expect(figures.bytes <= tier.limits.bytesMax && figures.entryBytes <= tier.limits.shardBytesMax * tier.limits.shards)
        #expect(figures.bytes - tier.limits.fixedBytes == figures.entryBytes + figures.retiredBytes)
      }
      let figures = tier.statistics()
      #expect(figures.evictions.evictedSmall > 0 && figures.evictions.evictedMain > 0, "the run has filled the tier")
      #expect(figures.refusedNoRoom == 0, "four of the largest entries can wait at once")
    }
  }

  @Test("a tier's limits add up to what was asked for", arguments: [1 << 20, 3_000_000, 256 << 20, 5 << 30])
  func limits(bytesMax: Int) {
    let limits = MemoryLimits(bytesMax: bytesMax, shardBytesMin: 256 << 10)
    #expect(limits.fixedBytes + limits.entriesBytesMax == bytesMax)
    #expect(limits.shardBytesMax * limits.shards < limits.entriesBytesMax)
    #expect(limits.entryBytesMax * 16 <= limits.shardBytesMax && limits.shardBytesMax * limits.shards * 10 > bytesMax * 8)
    #expect(limits.buckets % limits.shards == 0)
  }

  @Test func aWalkVisitsEachEntryOnceAndTheHottestFirst() throws {
    try withTier { tier, reader in
      for number in 0..<100 { tier.store(UInt64(number)) }
      for number in 0..<100 { for _ in 0..<number % 6 { _ = reader.find(UInt64(number)) } }
      var (all, hottest) = ([Int64](), [UInt8]())
      var cursor = MemoryCursor()
      while reader.walk(&cursor, bucketsMax: 7, { all.append($0.terms.freshUntil) }) {}
      cursor = .hottestFirst
      while reader.walk(&cursor, bucketsMax: 1000, { hottest.append($0.frequency) }) {}
      #expect(all.sorted() == Array(0..<100))
      #expect(hottest.count == 100 && hottest == hottest.sorted(by: >) && hottest.first == 3 && hottest.last == 0)
    }
  }
}
