// The table of the RAM tier: buckets of linked entries. Chains and not probing: unlinking leaves no tombstone and replacing is one store,
// so the table never needs to be built anew. Readers walk it freely; whoever changes a chain holds the lock of its shard, which is
// MemoryTier's.
import Glibc
import Synchronization

/// The buckets. A copy is the same ones.
///
/// SAFETY: (@unchecked Sendable) a bucket is an atomic word in memory that is mapped from `init` until `deallocate`; zeroed pages are what
/// that many `Atomic<UInt>(0)` are.
/// SAFETY: a hash shifted right by `shift` is below the number of buckets.
struct MemoryTable: @unchecked Sendable {
  typealias Cell = UnsafeMutablePointer<Atomic<UInt>>

  /// Entries in one chain at the most. Even hashes leave chains of a few; longer ones are somebody's doing.
  static var chainMax: Int { 64 }

  let buckets: Cell
  /// Buckets are chosen by the upper bits of the hash, so that each shard has a run of them.
  let shift: UInt64

  init(bucketCount: Int) {
    precondition(bucketCount >= 2 && bucketCount.nonzeroBitCount == 1, "\(bucketCount) buckets; a power of two is needed")
    let bytes = bucketCount * MemoryLayout<Atomic<UInt>>.stride
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no memory for \(bucketCount) buckets (\(bytes) bytes): errno \(errno)") }
    buckets = memory.bindMemory(to: Atomic<UInt>.self, capacity: bucketCount)
    shift = UInt64(64 - bucketCount.trailingZeroBitCount)
  }

  var count: Int { 1 << Int(64 - shift) }

  func deallocate() { munmap(buckets, count * MemoryLayout<Atomic<UInt>>.stride) }

  func bucket(of hash: EntryHash) -> Cell { buckets + Int(truncatingIfNeeded: hash.high &>> shift) }

  /// Where an entry is linked: the word that points to it.
  struct Place {
    let cell: Cell
    let entry: MemoryEntry
  }

  /// The place of a key, and how long its chain is as far as it was walked. Under the shard's lock.
  func find(_ hash: EntryHash, _ key: UnsafeRawBufferPointer) -> (place: Place?, length: Int) {
    var (cell, length) = (bucket(of: hash), 0)
    while let entry = MemoryEntry(bits: cell.pointee.load(ordering: .relaxed)) {
      if entry.matches(hash, key) { return (Place(cell: cell, entry: entry), length) }
      (cell, length) = (entry.next, length + 1)
    }
    return (nil, length)
  }

  /// The place of an entry; nil when it is not linked. Under the shard's lock.
  func find(_ wanted: MemoryEntry) -> Place? {
    var cell = bucket(of: wanted.hash)
    while let entry = MemoryEntry(bits: cell.pointee.load(ordering: .relaxed)) {
      if entry == wanted { return Place(cell: cell, entry: entry) }
      cell = entry.next
    }
    return nil
  }

  /// Puts an entry in front of its chain. Under the shard's lock.
  func link(_ entry: MemoryEntry) {
    let cell = bucket(of: entry.hash)
    entry.next.pointee.store(cell.pointee.load(ordering: .relaxed), ordering: .relaxed)
    // Releasing: who finds the entry sees all of it.
    cell.pointee.store(entry.bits, ordering: .releasing)
  }

  /// Takes an entry out of its chain. Its own link stays, for readers that stand on it. Under the shard's lock.
  func unlink(_ place: Place) { place.cell.pointee.store(place.entry.next.pointee.load(ordering: .relaxed), ordering: .releasing) }

  /// Puts an entry in another's place; readers see one or the other, never neither. Under the shard's lock.
  func replace(_ place: Place, with entry: MemoryEntry) {
    entry.next.pointee.store(place.entry.next.pointee.load(ordering: .relaxed), ordering: .relaxed)
    place.cell.pointee.store(entry.bits, ordering: .releasing)
  }
}
