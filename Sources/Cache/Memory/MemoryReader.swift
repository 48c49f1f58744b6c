// One thread's view of the RAM tier: it announces its turns and looks entries up, without locks, reference counts or allocation. What it
// finds is changed by MemoryTier.
import Synchronization

/// A thread's door to the table. A copy is the same door; one thread at a time uses it.
///
/// SAFETY: (@unchecked Sendable) buckets and slots are reached through atomics; they live as long as the tier, which outlives its readers
/// and traps when it ends with one of them awake.
public struct MemoryReader: @unchecked Sendable {
  private let buckets: UnsafeMutablePointer<Atomic<UInt>>
  private let bucketShift: UInt64
  private let epoch: UnsafeMutablePointer<Atomic<UInt64>>
  private let seen: UnsafeMutablePointer<Atomic<UInt64>>
  let slot: Int

  init(table: MemoryTable, epochs: MemoryEpochs, slot: Int) {
    buckets = table.buckets
    bucketShift = table.shift
    epoch = epochs.epoch
    seen = epochs.seen(by: slot)
    self.slot = slot
  }

  /// Whether this thread is within a turn, so that it may look up.
  public var isAwake: Bool { seen.pointee.load(ordering: .relaxed) != MemoryEpochs.asleep }

  /// Begins a turn, and ends the one before: entries found in that are no longer valid, unless pinned. At the start of a loop's turn.
  @inline(__always)
  public func enter() {
    // Acquiring: see MemoryEpochs.stamp. Releasing: what the last turn read happens before whoever frees it.
    let current = epoch.pointee.load(ordering: .acquiring)
    seen.pointee.store(current, ordering: .releasing)
    // Being awake is visible before anything of the table is read; pairs with the fence in MemoryEpochs.horizon.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  /// Ends a turn; until `enter` this thread holds no memory back. Before a loop sleeps.
  @inline(__always)
  public func leave() { seen.pointee.store(MemoryEpochs.asleep, ordering: .releasing) }

  /// The entry of a key, valid until this reader's next `enter` or `leave`; counts as a hit for eviction.
  /// - Parameters:
  ///   - hash: the hash of `key`.
  ///   - key: all its bytes; an entry of the same hash under another key is no hit.
  /// - Precondition: within a turn.
  public func find(_ hash: EntryHash, _ key: UnsafeRawBufferPointer) -> MemoryEntry? {
    guard let entry = peek(hash, key) else { return nil }
    entry.touch()
    return entry
  }

  /// As `find`, but eviction learns nothing of it: for operators and for what only asks whether an entry is there.
  @inline(__always)
  public func peek(_ hash: EntryHash, _ key: UnsafeRawBufferPointer) -> MemoryEntry? {
    precondition(isAwake, "reader \(slot) looks up outside of a turn")
    // Acquiring, here and below: pairs with the releasing store that linked the entry, whose bytes were written before.
    var bits = buckets[Int(truncatingIfNeeded: hash.high &>> bucketShift)].load(ordering: .acquiring)
    while let entry = MemoryEntry(bits: bits) {
      if entry.matches(hash, key) { return entry }
      bits = entry.next.pointee.load(ordering: .acquiring)
    }
    return nil
  }

  /// Visits entries without a lock, some buckets a call. What is there from the first call to the last is visited once; what comes, goes
  /// or is replaced meanwhile may be or not.
  /// - Parameters:
  ///   - cursor: where the walk stands; moved on.
  ///   - bucketsMax: how many buckets this call looks at, at the most.
  /// - Returns: whether there is more.
  /// - Precondition: within a turn.
  public func walk(_ cursor: inout MemoryCursor, bucketsMax: Int, _ visit: (MemoryEntry) -> Void) -> Bool {
    precondition(isAwake, "reader \(slot) walks outside of a turn")
    let count = 1 << Int(64 - bucketShift)
    let end = cursor.bucket + min(max(0, bucketsMax), count - cursor.bucket)
    while cursor.bucket < end {
      var bits = buckets[cursor.bucket].load(ordering: .acquiring)
      while let entry = MemoryEntry(bits: bits) {
        if cursor.frequency.map({ entry.frequency == $0 }) ?? true { visit(entry) }
        bits = entry.next.pointee.load(ordering: .acquiring)
      }
      cursor.bucket += 1
    }
    if cursor.bucket < count { return true }
    guard let frequency = cursor.frequency, frequency > 0 else { return false }
    cursor = MemoryCursor(frequency: frequency - 1)
    return true
  }
}

/// Where a walk over the tier stands.
public struct MemoryCursor: Sendable {
  var bucket = 0
  /// The hits that an entry must have in this round; nil visits all.
  var frequency: UInt8?

  /// A walk over all entries, in no order.
  public init() {}

  init(frequency: UInt8) { self.frequency = frequency }

  /// A walk in four rounds, from the entries with the most hits to those with none: for handing over, which ends when it has enough. An
  /// entry whose count changes between rounds may be visited twice or not at all.
  public static var hottestFirst: MemoryCursor { MemoryCursor(frequency: EvictionQueues<MemoryEntry>.frequencyMax) }
}
