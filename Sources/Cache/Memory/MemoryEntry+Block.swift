// How an entry's block comes into being and goes. Its size is known, and checked, before the first byte is copied.
import Glibc
import Synchronization

/// What an entry is made of. The buffers are copied; nothing keeps them.
public struct EntryParts {
  public var key: UnsafeRawBufferPointer
  /// The head, ready to send.
  public var head: UnsafeRawBufferPointer
  /// The body, in the order in which it is sent.
  public var body: [UnsafeRawBufferPointer]
  public var terms: EntryTerms
  /// Hashes of the entry's tags.
  public var tags: [UInt64]
  /// Bits whose meaning is the caller's.
  public var flags: UInt32

  public init(
    key: UnsafeRawBufferPointer, head: UnsafeRawBufferPointer, body: [UnsafeRawBufferPointer], terms: EntryTerms, tags: [UInt64] = [],
    flags: UInt32 = 0
  ) {
    self.key = key
    self.head = head
    self.body = body
    self.terms = terms
    self.tags = tags
    self.flags = flags
  }

  var bodyBytes: Int { body.reduce(0) { $0 + $1.count } }

  /// The size of the block; nil when a part has more bytes than an entry can count.
  var blockBytes: Int? {
    let countMax = Int(UInt32.max)
    guard key.count <= countMax, head.count <= countMax, tags.count <= countMax else { return nil }
    // Each term is a count of bytes in memory, so below 2^48, or 2^35 for tags: the sum stays within 63 bits.
    return MemoryEntry.Layout.bytes + 8 * tags.count + key.count + head.count + bodyBytes
  }
}

extension MemoryEntry {
  /// What the C library takes for a block: 8 bytes in front of it, in steps of 16; from 128 KiB on whole pages and a head of their own
  /// (glibc malloc, M_MMAP_THRESHOLD). An estimate from above; fragmentation is beyond it.
  static func charge(blockBytes: Int) -> Int {
    let page = 4096
    if blockBytes >= 128 << 10 { return (blockBytes + 16 + page - 1) / page * page }
    return max(32, (blockBytes + 8 + 15) / 16 * 16)
  }

  /// A block with everything in it, linked nowhere; nil when there is no memory.
  // SAFETY: `bytes` is what `parts.blockBytes` gave, so the parts fill the block exactly; malloc aligns to 16, which every field needs at
  // most.
  static func allocate(_ parts: EntryParts, hash: EntryHash, bytes: Int) -> MemoryEntry? {
    guard let block = malloc(bytes) else { return nil }
    (block + Layout.next).bindMemory(to: Atomic<UInt>.self, capacity: 1).initialize(to: Atomic(0))
    (block + Layout.frequency).bindMemory(to: Atomic<UInt8>.self, capacity: 1).initialize(to: Atomic(0))
    (block + Layout.marks).bindMemory(to: Atomic<UInt8>.self, capacity: 1).initialize(to: Atomic(0))
    (block + Layout.pins).bindMemory(to: Atomic<UInt32>.self, capacity: 1).initialize(to: Atomic(0))
    (block + Layout.facts).bindMemory(to: Facts.self, capacity: 1).initialize(
      to: Facts(
        hash: hash, keyBytes: UInt32(parts.key.count), headBytes: UInt32(parts.head.count), bodyBytes: UInt64(parts.bodyBytes),
        tagCount: UInt32(parts.tags.count), flags: parts.flags, charge: charge(blockBytes: bytes)))
    (block + Layout.terms).bindMemory(to: EntryTerms.self, capacity: 1).initialize(to: parts.terms)
    (block + Layout.links).bindMemory(to: Links.self, capacity: 1).initialize(to: Links())
    (block + Layout.staleSince).bindMemory(to: Atomic<Int64>.self, capacity: 1).initialize(to: Atomic(0))
    (block + Layout.tags).bindMemory(to: UInt64.self, capacity: parts.tags.count)
    var cursor = block + Layout.tags
    parts.tags.withUnsafeBytes { copy($0, to: &cursor) }
    copy(parts.key, to: &cursor)
    copy(parts.head, to: &cursor)
    for piece in parts.body { copy(piece, to: &cursor) }
    precondition(cursor == block + bytes, "a block of \(bytes) bytes was filled with \(cursor - block)")
    return MemoryEntry(block: block)
  }

  private static func copy(_ bytes: UnsafeRawBufferPointer, to cursor: inout UnsafeMutableRawPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    memcpy(cursor, source, bytes.count)
    cursor += bytes.count
  }

  /// Gives the memory back. All fields are trivial, so there is nothing to tear down.
  // SAFETY: called once, when no table, queue or reader has the pointer any more.
  func free() { Glibc.free(block) }
}
