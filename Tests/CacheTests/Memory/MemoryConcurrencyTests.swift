import Glibc
import Runtime
import Synchronization
import Testing

@testable import Cache

@Suite struct MemoryConcurrencyTests {
  /// What threads have seen together.
  private final class Tally: Sendable {
    let hits = Atomic<Int>(0)
    let broken = Atomic<Int>(0)
    let overBound = Atomic<Int>(0)
    let writersLeft: Atomic<Int>

    init(writers: Int) { writersLeft = Atomic(writers) }
  }

  @Test("threads that look up, store, freshen, purge and remove few keys never see another key's bytes", arguments: [1, 2] as [UInt64])
  func oneKeySpace(seed: UInt64) {
    let (writers, readers) = (3, 2)
    let tier = MemoryTier(MemoryLimits(bytesMax: MemoryLimits.bytesMin, shards: 4, readersMax: writers + readers, shardBytesMin: 256 << 10))
    let tally = Tally(writers: writers)
    // Full before anybody reads: how many stores a reader in the middle of its turn refuses is the scheduler's affair.
    for number in 0..<500 { tier.store(UInt64(number), words: 600) }
    let running = (0..<writers + readers).map { thread in
      WorkingThread {
        let random = SeededRandom(seed: seed * 100 + UInt64(thread))
        if thread < writers { work(tier, tally, random) } else { read(tier, tally, random) }
      }
    }
    for thread in running { thread.join() }
    tier.reclaim()
    let figures = tier.statistics()
    #expect(tally.broken.load(ordering: .relaxed) == 0 && tally.overBound.load(ordering: .relaxed) == 0)
    #expect(tally.hits.load(ordering: .relaxed) > 0 && figures.evictions.evictedSmall > 0)
    #expect(figures.retiredEntries == 0 && figures.bytes == tier.limits.fixedBytes + figures.entryBytes)
  }

  /// One worker's turns: 16 operations each, now and then with a pinned entry that it looks at again some turns later.
  private func work(_ tier: MemoryTier, _ tally: Tally, _ seeded: SeededRandom) {
    guard let reader = tier.makeReader() else { return }
    var random = seeded
    var pinned: (entry: MemoryEntry, number: UInt64)?
    for turn in 0..<300 {
      reader.enter()
      for step in 0..<16 { operate(tier, reader, tally, &random, version: UInt64(turn * 16 + step), &pinned) }
      if tier.statistics().bytes > tier.limits.bytesMax { tally.overBound.wrappingAdd(1, ordering: .relaxed) }
      if random.below(4) == 0 { reader.leave() }
      if let (entry, number) = pinned, random.below(3) == 0 {
        check(entry, number, tally)
        entry.unpin()
        pinned = nil
      }
    }
    reader.leave()
    pinned?.entry.unpin()
    tier.close(reader)
    tally.writersLeft.wrappingSubtract(1, ordering: .relaxed)
  }

  /// A worker that only looks up, as long as others write. It takes no lock, so that its turns alone keep what it reads from being freed
  /// and ThreadSanitizer sees no order but theirs.
  private func read(_ tier: MemoryTier, _ tally: Tally, _ seeded: SeededRandom) {
    guard let reader = tier.makeReader() else { return }
    var random = seeded
    var turns = 0
    while tally.writersLeft.load(ordering: .relaxed) > 0 || turns < 100 {
      reader.enter()
      for _ in 0..<16 {
        let number = random.below(500)
        if let entry = reader.find(number) { check(entry, number, tally) }
      }
      if random.below(2) == 0 { reader.leave() }
      turns += 1
    }
    reader.leave()
    tier.close(reader)
  }

  private func operate(
    _ tier: MemoryTier, _ reader: MemoryReader, _ tally: Tally, _ random: inout SeededRandom, version: UInt64,
    _ pinned: inout (entry: MemoryEntry, number: UInt64)?
  ) {
    let number = random.below(500)
    switch random.below(20) {
    case 0: tier.drop(number)
    case 1...6: tier.store(number, version: version, words: Int(random.below(600)), tags: [number % 7])
    case 7:
      let tag = random.below(7)
      var (cursor, affected) = (MemoryCursor(), 0)
      let isSoft = random.below(2) == 0
      _ = tier.sweep(&cursor, bucketsMax: 100, affected: &affected) {
        $0.tags.first == tag ? (isSoft ? .markStale(since: 7) : .remove) : .keep
      }
    case 8:
      if let old = reader.find(number) {
        _ = tier.freshen(old, head: old.head, terms: EntryTerms(freshUntil: Int64(number)), flags: 0)
        check(old, number, tally)
      }
    default:
      guard let entry = reader.find(number) else { return }
      check(entry, number, tally)
      if pinned == nil && random.below(8) == 0 {
        entry.pin()
        pinned = (entry, number)
      }
    }
  }

  private func check(_ entry: MemoryEntry, _ number: UInt64, _ tally: Tally) {
    tally.hits.wrappingAdd(1, ordering: .relaxed)
    let isRight = entry.terms.freshUntil == Int64(number) && MemoryFixture.isWhole(entry.body, of: number)
    if !isRight { tally.broken.wrappingAdd(1, ordering: .relaxed) }
  }
}

/// A thread that runs one closure; somebody joins it.
private final class WorkingThread {
  private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private var thread = pthread_t()

  init(_ run: @escaping @Sendable () -> Void) {
    let result = pthread_create(
      &thread, nil,
      { argument in
        // SAFETY: the reference that `passRetained` below counted.
        Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(Work(run)).toOpaque())
    precondition(result == 0, "pthread_create: \(result)")
  }

  func join() { pthread_join(thread, nil) }
}
