// Storing, freshening and removing single entries. Memory is taken and bytes are copied before a shard is locked; what is unlinked is
// retired after it is unlocked.
import Synchronization

/// What became of an entry that was to be stored.
public enum MemoryOutcome: Sendable, Equatable {
  case stored
  /// It would take more than its part of a shard.
  case tooLarge
  /// Too many bytes wait for readers, there is no memory, or too many keys share a bucket.
  case noRoom
  /// The entry that was to be freshened is no longer the key's.
  case superseded
}

extension MemoryTier {
  /// Stores an entry in the place of the key's present one, and evicts as much as that takes. If it cannot be stored, the present one
  /// goes all the same: a newer response is known, so the older must not be served on.
  @discardableResult
  public func insert(_ hash: EntryHash, _ parts: EntryParts) -> MemoryOutcome {
    let made = make(hash, parts)
    guard case .entry(let entry) = made else {
      remove(hash, parts.key)
      return made.outcome
    }
    var retired = EntryList()
    let isLinked = withShard(of: hash) { queues in
      let (place, length) = table.find(hash, entry.key)
      if let place {
        swap(place, entry, &queues, &retired)
      } else {
        if length >= MemoryTable.chainMax { return false }
        table.link(entry)
        queues.insert(entry)
      }
      evict(&queues, &retired)
      return true
    }
    retire(retired)
    if !isLinked { discard(entry) }
    return isLinked ? .stored : .noRoom
  }

  /// Stores an entry with a new head and new terms, the body being that of `old`, if `old` is still the key's entry: what a 304 does to a
  /// stored response (RFC 9111 §4.3.4). The new entry shares no memory with the old one.
  /// - Precondition: `old` is valid: found in this turn, or pinned.
  @discardableResult
  public func freshen(_ old: MemoryEntry, head: UnsafeRawBufferPointer, terms: EntryTerms, flags: UInt32) -> MemoryOutcome {
    let parts = EntryParts(key: old.key, head: head, body: [old.body], terms: terms, tags: Array(old.tags), flags: flags)
    let made = make(old.hash, parts)
    guard case .entry(let entry) = made else {
      remove(old)
      return made.outcome
    }
    var retired = EntryList()
    let isLinked = withShard(of: old.hash) { queues in
      guard let place = table.find(old) else { return false }
      // Whether what freshens it was asked for before the purge or after is not known here.
      if let time = old.staleSince { entry.markStale(since: time) }
      swap(place, entry, &queues, &retired)
      evict(&queues, &retired)
      return true
    }
    retire(retired)
    if !isLinked { discard(entry) }
    return isLinked ? .stored : .superseded
  }

  /// Removes the entry of a key. Look-ups that begin after this miss; one that has found the entry may still be sending it.
  @discardableResult
  public func remove(_ hash: EntryHash, _ key: UnsafeRawBufferPointer) -> Bool { remove(hash) { table.find(hash, key).place } }

  /// Removes an entry, unless another has taken its place.
  /// - Precondition: it is valid: found in this turn, or pinned.
  @discardableResult
  public func remove(_ entry: MemoryEntry) -> Bool { remove(entry.hash) { table.find(entry) } }

  private func remove(_ hash: EntryHash, _ find: () -> MemoryTable.Place?) -> Bool {
    var retired = EntryList()
    withShard(of: hash) { queues in
      if let place = find() { drop(place, &queues, &retired) }
    }
    retire(retired)
    return retired.count > 0
  }

  /// An entry made but not linked, or why there is none.
  private enum Making {
    case entry(MemoryEntry)
    case refused(MemoryOutcome)

    var outcome: MemoryOutcome {
      switch self {
      case .entry: .stored
      case .refused(let outcome): outcome
      }
    }
  }

  private func make(_ hash: EntryHash, _ parts: EntryParts) -> Making {
    guard let bytes = parts.blockBytes, MemoryEntry.charge(blockBytes: bytes) <= limits.entryBytesMax else {
      refusedTooLarge.wrappingAdd(1, ordering: .relaxed)
      return .refused(.tooLarge)
    }
    let charge = MemoryEntry.charge(blockBytes: bytes)
    if reserve(charge) {
      if let entry = MemoryEntry.allocate(parts, hash: hash, bytes: bytes) { return .entry(entry) }
      charged.wrappingSubtract(charge, ordering: .relaxed)
    }
    refusedNoRoom.wrappingAdd(1, ordering: .relaxed)
    return .refused(.noRoom)
  }

  /// Gives back an entry that no reader has seen.
  private func discard(_ entry: MemoryEntry) {
    refusedNoRoom.wrappingAdd(1, ordering: .relaxed)
    let bytes = entry.bytes
    entry.free()
    charged.wrappingSubtract(bytes, ordering: .releasing)
  }

  private func swap(
    _ place: MemoryTable.Place, _ entry: MemoryEntry, _ queues: inout EvictionQueues<MemoryEntry>, _ retired: inout EntryList
  ) {
    table.replace(place, with: entry)
    queues.replace(place.entry, with: entry)
    retired.append(place.entry)
  }

  /// Unlinks an entry that stands in a queue, whatever the reason but room.
  func drop(_ place: MemoryTable.Place, _ queues: inout EvictionQueues<MemoryEntry>, _ retired: inout EntryList) {
    table.unlink(place)
    queues.remove(place.entry)
    retired.append(place.entry)
  }

  private func evict(_ queues: inout EvictionQueues<MemoryEntry>, _ retired: inout EntryList) {
    while let victim = queues.evictIfFull() {
      guard let place = table.find(victim) else { preconditionFailure("an entry was queued and not linked") }
      table.unlink(place)
      retired.append(victim)
    }
  }
}
