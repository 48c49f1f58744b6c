// Purging by predicate, in steps that hold no lock for long, and the tier's figures. Which entries a purge means is the caller's predicate.
import Synchronization

/// What a purge does to an entry.
public enum SweepVerdict: Sendable {
  case keep
  /// A soft purge: it stays, stale since then, in the unit of the caller's clock.
  case markStale(since: Int64)
  case remove
}

extension MemoryTier {
  /// Buckets between a lock and its unlocking in `sweep`: with even hashes about as many entries.
  private static var sweepBuckets: Int { 64 }

  /// Asks `decide` about every entry, some buckets a call; decisions take effect at once. Entries stored behind the cursor are not asked
  /// about: whoever stores checks the purge log after it has stored.
  /// - Parameters:
  ///   - cursor: where the sweep stands, from `MemoryCursor()`; moved on.
  ///   - bucketsMax: how many buckets this call looks at, at the most.
  ///   - affected: raised by the entries that were marked or removed.
  ///   - decide: called under a shard's lock: short, and never back into the tier.
  /// - Returns: whether there is more.
  public func sweep(
    _ cursor: inout MemoryCursor, bucketsMax: Int, affected: inout Int, _ decide: (MemoryEntry) -> SweepVerdict
  ) -> Bool {
    var left = max(1, bucketsMax)
    while left > 0 && cursor.bucket < table.count {
      let shard = shard(ofBucket: cursor.bucket)
      let shardEnd = (shard + 1) * (table.count / limits.shards)
      let end = min(cursor.bucket + min(left, MemoryTier.sweepBuckets), shardEnd)
      var retired = EntryList()
      let marked = withShard(shard) { queues in
        var marked = 0
        for bucket in cursor.bucket..<end { marked += sweep(table.buckets + bucket, &queues, &retired, decide) }
        return marked
      }
      affected += marked + retired.count
      retire(retired)
      left -= end - cursor.bucket
      cursor.bucket = end
    }
    return cursor.bucket < table.count
  }

  /// Asks about one chain; returns how many entries were marked.
  private func sweep(
    _ bucket: MemoryTable.Cell, _ queues: inout EvictionQueues<MemoryEntry>, _ retired: inout EntryList,
    _ decide: (MemoryEntry) -> SweepVerdict
  ) -> Int {
    var (cell, marked) = (bucket, 0)
    while let entry = MemoryEntry(bits: cell.pointee.load(ordering: .relaxed)) {
      switch decide(entry) {
      case .keep: cell = entry.next
      case .markStale(let time):
        entry.markStale(since: time)
        marked += 1
        cell = entry.next
      case .remove: drop(MemoryTable.Place(cell: cell, entry: entry), &queues, &retired)
      }
    }
    return marked
  }

  /// Removes every entry that `isMeant`, in one go; returns how many.
  @discardableResult
  public func removeAll(where isMeant: (MemoryEntry) -> Bool) -> Int {
    var (cursor, affected) = (MemoryCursor(), 0)
    while sweep(&cursor, bucketsMax: .max, affected: &affected, { isMeant($0) ? .remove : .keep }) {}
    return affected
  }

  /// The tier's figures at about this moment; takes each lock once.
  public func statistics() -> MemoryStatistics {
    var figures = MemoryStatistics()
    for shard in 0..<limits.shards {
      let (count, bytes, counts) = withShard(shard) { ($0.count, $0.bytes, $0.counts) }
      figures.entries += count
      figures.entryBytes += bytes
      figures.evictions += counts
    }
    let (count, bytes) = limbo.withLock { ($0.count, $0.bytes) }
    figures.retiredEntries = count
    figures.retiredBytes = bytes
    figures.bytes = limits.fixedBytes + charged.load(ordering: .relaxed)
    figures.refusedTooLarge = refusedTooLarge.load(ordering: .relaxed)
    figures.refusedNoRoom = refusedNoRoom.load(ordering: .relaxed)
    return figures
  }
}

/// What the RAM tier holds and has done. Hits and misses are counted by the workers, who know why they asked.
public struct MemoryStatistics: Sendable, Equatable {
  /// All memory that is charged, never more than `MemoryLimits.bytesMax`.
  public var bytes = 0
  /// Entries that can be found, and their bytes.
  public var entries = 0
  public var entryBytes = 0
  /// Entries that wait for readers or pins before they are freed, and their bytes.
  public var retiredEntries = 0
  public var retiredBytes = 0
  public var evictions = EvictionCounts()
  public var refusedTooLarge: UInt64 = 0
  public var refusedNoRoom: UInt64 = 0

  public init() {}
}
