// One entry of the RAM tier: a single block of memory that holds its name, terms, links, tags, key, head and body. This file owns the
// block's layout and its allocation; when a block is linked, unlinked and freed is MemoryTier's and MemoryLimbo's.
import Glibc
import Synchronization

/// An entry, as the pointer to its block; a copy is the same entry.
///
/// From `MemoryReader.find` it is valid until that reader's next `enter` or `leave`, or, pinned in time, until `unpin`.
///
/// SAFETY: (@unchecked Sendable) facts, terms, tags and bytes are written before the block is published and never after; `next`,
/// `frequency`, `marks`, `pins` and `staleSince` are atomics; `links` are touched under the lock of the entry's shard, and once retired
/// under the limbo's.
/// SAFETY: the block is `Layout.bytes` + the counted parts long from `allocate` until `free`, and every view below is cut from those
/// counts.
public struct MemoryEntry: Equatable, @unchecked Sendable {
  /// Offsets in the block. What a look-up reads lies in the first 64 bytes.
  enum Layout {
    static var next: Int { 0 }
    static var frequency: Int { 8 }
    static var marks: Int { 9 }
    static var pins: Int { 12 }
    static var facts: Int { 16 }
    static var terms: Int { 64 }
    static var links: Int { 128 }
    static var staleSince: Int { 168 }
    static var tags: Int { 176 }
    /// What a block needs besides tags, key, head and body.
    static var bytes: Int { tags }
  }

  /// What never changes.
  struct Facts: BitwiseCopyable {
    var hash: EntryHash
    var keyBytes: UInt32
    var headBytes: UInt32
    var bodyBytes: UInt64
    var tagCount: UInt32
    var flags: UInt32
    /// What the block is charged with, in bytes.
    var charge: Int
  }

  /// What writers note under a lock.
  struct Links: BitwiseCopyable {
    var newer: UnsafeMutableRawPointer?
    var older: UnsafeMutableRawPointer?
    var stamp: UInt64 = 0
    var place = EvictionPlace.none
  }

  private static var staleMark: UInt8 { 1 }

  let block: UnsafeMutableRawPointer

  init(block: UnsafeMutableRawPointer) { self.block = block }

  /// From a link's bits; nil at the end of a chain.
  @inline(__always)
  init?(bits: UInt) {
    guard let block = UnsafeMutableRawPointer(bitPattern: bits) else { return nil }
    self.block = block
  }

  @inline(__always) var bits: UInt { UInt(bitPattern: block) }

  @inline(__always)
  var next: UnsafeMutablePointer<Atomic<UInt>> { (block + Layout.next).assumingMemoryBound(to: Atomic<UInt>.self) }
  @inline(__always)
  private var hits: UnsafeMutablePointer<Atomic<UInt8>> { (block + Layout.frequency).assumingMemoryBound(to: Atomic<UInt8>.self) }
  @inline(__always)
  private var marks: UnsafeMutablePointer<Atomic<UInt8>> { (block + Layout.marks).assumingMemoryBound(to: Atomic<UInt8>.self) }
  @inline(__always)
  private var pins: UnsafeMutablePointer<Atomic<UInt32>> { (block + Layout.pins).assumingMemoryBound(to: Atomic<UInt32>.self) }
  private var since: UnsafeMutablePointer<Atomic<Int64>> { (block + Layout.staleSince).assumingMemoryBound(to: Atomic<Int64>.self) }
  @inline(__always)
  var facts: UnsafeMutablePointer<Facts> { (block + Layout.facts).assumingMemoryBound(to: Facts.self) }
  @inline(__always)
  var links: UnsafeMutablePointer<Links> { (block + Layout.links).assumingMemoryBound(to: Links.self) }

  private var keyStart: UnsafeMutableRawPointer { block + (Layout.tags + 8 * Int(facts.pointee.tagCount)) }
  private var headStart: UnsafeMutableRawPointer { keyStart + Int(facts.pointee.keyBytes) }

  /// The terms that it was stored on.
  public var terms: EntryTerms { (block + Layout.terms).load(as: EntryTerms.self) }
  public var hash: EntryHash { facts.pointee.hash }
  /// The flags that it was stored with, whose meaning is the caller's.
  public var flags: UInt32 { facts.pointee.flags }

  /// The hashes of its tags.
  public var tags: UnsafeBufferPointer<UInt64> {
    let count = Int(facts.pointee.tagCount)
    return UnsafeBufferPointer(start: (block + Layout.tags).assumingMemoryBound(to: UInt64.self), count: count)
  }

  public var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: keyStart, count: Int(facts.pointee.keyBytes)) }
  public var head: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: headStart, count: Int(facts.pointee.headBytes)) }
  public var body: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: headStart + Int(facts.pointee.headBytes), count: Int(facts.pointee.bodyBytes))
  }
  /// Head and body in a row, for one `send`.
  public var headAndBody: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: headStart, count: Int(facts.pointee.headBytes) + Int(facts.pointee.bodyBytes))
  }
  /// The memory that it is charged with, in bytes.
  public var bytes: Int { facts.pointee.charge }

  /// Whether it is the entry of this key. All bytes count: two keys of one hash must never serve each other's body.
  @inline(__always)
  func matches(_ hash: EntryHash, _ key: UnsafeRawBufferPointer) -> Bool {
    guard facts.pointee.hash == hash, Int(facts.pointee.keyBytes) == key.count else { return false }
    guard let other = key.baseAddress, key.count > 0 else { return true }
    return memcmp(keyStart, other, key.count) == 0
  }

  /// Counts a hit. A plain load and store: two hits at once may count as one, and an object with three is not written to at all.
  @inline(__always)
  func touch() {
    let seen = hits.pointee.load(ordering: .relaxed)
    if seen < EvictionQueues<MemoryEntry>.frequencyMax { hits.pointee.store(seen &+ 1, ordering: .relaxed) }
  }

  /// Whether a soft purge has said that it may not be served without asking the origin.
  public var isMarkedStale: Bool { marks.pointee.load(ordering: .acquiring) & MemoryEntry.staleMark != 0 }

  /// Since when, where it is marked stale, in the unit of the caller's clock.
  public var staleSince: Int64? { isMarkedStale ? since.pointee.load(ordering: .relaxed) : nil }

  /// Under the lock of its shard, or before it is linked. The first mark counts.
  func markStale(since time: Int64) {
    if isMarkedStale { return }
    since.pointee.store(time, ordering: .relaxed)
    // Releasing: who sees the mark sees its time.
    marks.pointee.store(MemoryEntry.staleMark, ordering: .releasing)
  }

  /// Keeps the entry's memory beyond this turn, for a body that waits for its reader; each needs its `unpin`.
  /// - Precondition: the entry is valid at this moment: found in this turn, or pinned.
  public func pin() {
    let (old, _) = pins.pointee.wrappingAdd(1, ordering: .relaxed)
    precondition(old != .max, "an entry with \(old) pins is pinned")
  }

  /// Ends one `pin`; the entry is no longer valid, unless this turn found it.
  public func unpin() {
    // Releasing: all that was read of the entry happens before whoever sees the count at 0 frees it.
    let (old, _) = pins.pointee.wrappingSubtract(1, ordering: .releasing)
    precondition(old != 0, "an entry without pins is unpinned")
  }
}

extension MemoryEntry: EvictionNode {
  var newer: MemoryEntry? {
    get { links.pointee.newer.map(MemoryEntry.init(block:)) }
    nonmutating set { links.pointee.newer = newValue?.block }
  }
  var older: MemoryEntry? {
    get { links.pointee.older.map(MemoryEntry.init(block:)) }
    nonmutating set { links.pointee.older = newValue?.block }
  }
  var place: EvictionPlace {
    get { links.pointee.place }
    nonmutating set { links.pointee.place = newValue }
  }
  /// Hits since the eviction queues last looked, 0 to 3.
  public internal(set) var frequency: UInt8 {
    get { hits.pointee.load(ordering: .relaxed) }
    nonmutating set { hits.pointee.store(newValue, ordering: .relaxed) }
  }
  var fingerprint: UInt64 { facts.pointee.hash.low }
  /// Acquiring: pairs with `unpin`, so that memory is freed after the last use of it.
  var isHeld: Bool { pins.pointee.load(ordering: .acquiring) != 0 }
}
