// The RAM tier: entries ready to send, shared by all workers of a process. Look-ups are MemoryReader's and take no lock; this file owns the
// memory, the shards' locks and the bound on all bytes. What is stored for whom, and on which terms, is decided above.
import Glibc
import Runtime
import Synchronization

/// How large the RAM tier is, and how its bytes are divided. Derived once, from what the operator gives.
public struct MemoryLimits: Sendable, Equatable {
  /// The least that a tier can be made of.
  public static var bytesMin: Int { 1 << 20 }
  /// The least that a shard gets unless it is said otherwise, so that entries of a megabyte find room.
  public static var shardBytesUsual: Int { 16 << 20 }
  /// The largest entry is this part of its shard or less, so that one object does not push out all others.
  private static var entryPart: Int { 16 }
  /// This part of the bytes is kept free of live entries, for those that wait until readers have moved on.
  private static var limboPart: Int { 32 }
  /// So many of the largest entries can wait there at once.
  private static var limboEntries: Int { 4 }
  /// Bytes of an entry that the buckets and the ghosts are laid out for: fewer make chains longer and ghosts forget sooner, no more.
  private static var entryBytesUsual: Int { 1024 }

  /// Everything: entries, those that wait to be freed, buckets, ghosts, readers' slots.
  public let bytesMax: Int
  /// A power of two.
  public let shards: Int
  public let readersMax: Int
  /// A power of two, at least one for each shard.
  let buckets: Int
  let ghostCellsPerShard: Int
  /// What is taken whether entries are there or not.
  public let fixedBytes: Int
  /// Entries, linked or waiting to be freed.
  public let entriesBytesMax: Int
  /// Linked entries of one shard.
  public let shardBytesMax: Int
  /// One entry, as it is charged.
  public let entryBytesMax: Int

  /// - Parameters:
  ///   - bytesMax: all memory of the tier, at least `bytesMin`.
  ///   - shards: how many locks writers share, 1 to 1,024; rounded down to a power of two, and fewer when a shard would be too small.
  ///   - readersMax: how many threads may look up.
  ///   - shardBytesMin: the least that a shard gets; with less there are fewer shards.
  public init(bytesMax: Int, shards: Int = 16, readersMax: Int = 256, shardBytesMin: Int = MemoryLimits.shardBytesUsual) {
    precondition(bytesMax >= MemoryLimits.bytesMin, "a RAM tier of \(bytesMax) bytes; \(MemoryLimits.bytesMin) are the least")
    precondition(shards >= 1 && shards <= 1024, "\(shards) shards; 1 to 1,024 are possible")
    self.bytesMax = bytesMax
    self.readersMax = readersMax
    var count = 1
    while count * 2 <= shards && bytesMax / (count * 2) >= shardBytesMin { count *= 2 }
    self.shards = count
    var buckets = max(16, count)
    while buckets < bytesMax / MemoryLimits.entryBytesUsual { buckets *= 2 }
    self.buckets = buckets
    ghostCellsPerShard = bytesMax / count / MemoryLimits.entryBytesUsual / 2 + 1
    fixedBytes =
      buckets * MemoryLayout<UInt>.stride + count * GhostTable.byteCount(cellsWanted: ghostCellsPerShard)
      + MemoryEpochs.byteCount(readersMax: readersMax)
    entriesBytesMax = bytesMax - fixedBytes
    precondition(entriesBytesMax >= bytesMax / 2, "\(readersMax) readers leave \(entriesBytesMax) of \(bytesMax) bytes for entries")
    let limboBytes = entriesBytesMax / MemoryLimits.limboPart
    shardBytesMax = (entriesBytesMax - limboBytes) / count
    entryBytesMax = min(shardBytesMax / MemoryLimits.entryPart, limboBytes / MemoryLimits.limboEntries)
  }
}

/// A table of entries within a bound of bytes.
///
/// SAFETY: (@unchecked Sendable) chains and queues of a shard are changed under its lock, retired entries under the limbo's; all else is
/// atomic or never changes. Lock order: a shard's and the limbo's are never held together.
public final class MemoryTier: @unchecked Sendable {
  /// Retired entries that wait before a writer looks at all readers' slots.
  static var retiredBatch: Int { 16 }

  public let limits: MemoryLimits
  let table: MemoryTable
  let epochs: MemoryEpochs
  let limbo = Locked(MemoryLimbo())
  private let shards: UnsafeMutablePointer<Locked<EvictionQueues<MemoryEntry>>>
  /// Bytes of entries that are linked, being written or waiting to be freed. Raised before memory is taken, lowered after it is given
  /// back, so it is never below the truth; and never above `entriesBytesMax`.
  let charged = Atomic<Int>(0)
  let refusedTooLarge = Atomic<UInt64>(0)
  let refusedNoRoom = Atomic<UInt64>(0)

  public init(_ limits: MemoryLimits) {
    self.limits = limits
    table = MemoryTable(bucketCount: limits.buckets)
    epochs = MemoryEpochs(readersMax: limits.readersMax)
    shards = .allocate(capacity: limits.shards)
    for index in 0..<limits.shards {
      (shards + index).initialize(to: Locked(EvictionQueues(bytesMax: limits.shardBytesMax, ghostCells: limits.ghostCellsPerShard)))
    }
  }

  deinit {
    precondition(!epochs.isAnyAwake, "the RAM tier ends while a reader is within a turn")
    for index in 0..<table.count {
      var bits = table.buckets[index].load(ordering: .relaxed)
      while let entry = MemoryEntry(bits: bits) {
        bits = entry.next.pointee.load(ordering: .relaxed)
        entry.free()
      }
    }
    var retired = limbo.withLock { $0.takeAll() }
    while let entry = retired.popFirst() { entry.free() }
    shards.deinitialize(count: limits.shards)
    shards.deallocate()
    epochs.deallocate()
    table.deallocate()
  }

  /// A reader for one thread, asleep; nil when `readersMax` have one. The tier must outlive it.
  public func makeReader() -> MemoryReader? { epochs.claim().map { MemoryReader(table: table, epochs: epochs, slot: $0) } }

  /// Takes a reader back when its thread ends.
  /// - Precondition: it sleeps, and nobody uses it after this.
  public func close(_ reader: MemoryReader) { epochs.disclaim(reader.slot) }

  /// Which shard has a bucket: each has an equal run of them.
  func shard(ofBucket bucket: Int) -> Int { bucket / (table.count / limits.shards) }

  func withShard<Result: Sendable>(_ index: Int, _ body: (inout EvictionQueues<MemoryEntry>) -> Result) -> Result {
    precondition(index >= 0 && index < limits.shards, "shard \(index) of \(limits.shards)")
    return shards[index].withLock { body(&$0) }
  }

  func withShard<Result: Sendable>(of hash: EntryHash, _ body: (inout EvictionQueues<MemoryEntry>) -> Result) -> Result {
    withShard(shard(ofBucket: Int(truncatingIfNeeded: hash.high &>> table.shift)), body)
  }

  /// Sets bytes aside for an entry; false when there is no room even after freeing what can be freed.
  func reserve(_ bytes: Int) -> Bool {
    if charge(bytes) { return true }
    reclaim()
    return charge(bytes)
  }

  private func charge(_ bytes: Int) -> Bool {
    var seen = charged.load(ordering: .relaxed)
    while bytes <= limits.entriesBytesMax - seen {
      let (isExchanged, original) = charged.weakCompareExchange(expected: seen, desired: seen + bytes, ordering: .relaxed)
      if isExchanged { return true }
      seen = original
    }
    return false
  }

  /// Hands entries that are unlinked to the limbo.
  func retire(_ entries: EntryList) {
    if entries.count == 0 { return }
    let waiting = limbo.withLock { limbo in
      var entries = entries
      limbo.retire(&entries, stamp: epochs.stamp())
      return limbo.count
    }
    if waiting >= MemoryTier.retiredBatch { reclaim() }
  }

  /// Frees what no reader can reach any more. Writers do so by themselves; a loop that has nothing to do may as well.
  public func reclaim() {
    var free = limbo.withLock { limbo in limbo.count == 0 ? EntryList() : limbo.release(horizon: epochs.horizon()) }
    var bytes = 0
    while let entry = free.popFirst() {
      bytes += entry.bytes
      entry.free()
    }
    charged.wrappingSubtract(bytes, ordering: .releasing)
  }
}
