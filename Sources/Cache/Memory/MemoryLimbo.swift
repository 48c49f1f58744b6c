// Entries that were unlinked and may still be read: they wait here until all readers have moved on and nobody has them pinned. When that
// is, MemoryEpochs and the pins say; their bytes stay charged to the tier until they are freed.
import Runtime

/// Entries in a row, linked by their queue's links.
struct EntryList: Sendable {
  private(set) var first: MemoryEntry?
  private(set) var last: MemoryEntry?
  private(set) var count = 0

  mutating func append(_ entry: MemoryEntry) {
    entry.newer = nil
    if let last { last.newer = entry } else { first = entry }
    last = entry
    count += 1
  }

  mutating func popFirst() -> MemoryEntry? {
    guard let entry = first else { return nil }
    first = entry.newer
    if first == nil { last = nil }
    entry.newer = nil
    count -= 1
    return entry
  }
}

/// Retired entries, in the order of their stamps.
struct MemoryLimbo: Sendable {
  /// Pinned entries that one call looks at again.
  static var heldSteps: Int { 32 }

  /// Waiting for readers.
  private var waiting = EntryList()
  /// Out of readers' reach, waiting for pins.
  private var held = EntryList()
  private(set) var bytes = 0

  var count: Int { waiting.count + held.count }

  /// Takes in entries that were unlinked before `stamp` was drawn. Stamps never fall from call to call.
  mutating func retire(_ entries: inout EntryList, stamp: UInt64) {
    while let entry = entries.popFirst() {
      entry.links.pointee.stamp = stamp
      bytes += entry.bytes
      waiting.append(entry)
    }
  }

  /// Takes out what nobody can reach any more: stamped before `horizon`, and not pinned.
  mutating func release(horizon: UInt64) -> EntryList {
    var free = EntryList()
    // Beyond the horizon no reader can pin anew, so a count of 0 stays 0.
    for _ in 0..<min(held.count, Self.heldSteps) {
      if let entry = held.popFirst() { settle(entry, &free) }
    }
    while let entry = waiting.first, entry.links.pointee.stamp < horizon {
      _ = waiting.popFirst()
      settle(entry, &free)
    }
    return free
  }

  private mutating func settle(_ entry: MemoryEntry, _ free: inout EntryList) {
    if entry.isHeld { return held.append(entry) }
    bytes -= entry.bytes
    free.append(entry)
  }

  /// Everything, whoever may still read it: for the end of the tier.
  mutating func takeAll() -> EntryList {
    var all = EntryList()
    while let entry = waiting.popFirst() ?? held.popFirst() { all.append(entry) }
    bytes = 0
    return all
  }
}
