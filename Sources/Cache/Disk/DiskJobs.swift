// What callers ask of the tier's threads, as values in its queues.
import Runtime

/// A lookup that waits for a thread.
struct ReadJob: Sendable {
  var key: DiskKey
  var deadline: MonotonicTime
  var completion: @Sendable (DiskAnswer) -> Void
}

/// A chunk that waits for a thread.
struct ChunkJob: Sendable {
  var cursor: DiskCursor
  var index: UInt32
  var completion: @Sendable (DiskChunk) -> Void
}

/// A walk over heads that waits for a thread.
struct WalkJob: Sendable {
  var position: DiskWalkPosition
  var limit: Int
  var completion: @Sendable (DiskWalk) -> Void
}

enum ReaderJob: Sendable {
  case read(ReadJob)
  case chunk(ChunkJob)
  case walk(WalkJob)
}

/// An entry's parts besides its body.
struct DiskEntryParts: Sendable {
  var key: DiskKey
  var terms: [UInt8]
  var head: [UInt8]
  /// Seconds since 1970.
  var keepUntil: UInt64
}

/// A write that waits for the writer. All of one key are done in the order in which they were asked for.
enum WriteJob: Sendable {
  /// A chunk of a body that is still arriving.
  case chunk(DiskFill, index: UInt32, [UInt8])
  /// The end of a body: its first chunk and its whole length.
  case commit(DiskFill, first: [UInt8], bodyBytes: UInt64)
  /// New terms and head for the storing with this number.
  case refresh(DiskEntryParts, number: UInt64, @Sendable (Bool) -> Void)
  case remove(DiskHash, (@Sendable () -> Void)?)
  case removeAll(@Sendable () -> Void)
  /// A hit on an entry that would soon go.
  case rescue(DiskKey, number: UInt64)
  /// A record that did not hold what it says.
  case forget(DiskHash, number: UInt64)

  /// Bytes that it keeps waiting.
  var bytes: Int {
    switch self {
    case .chunk(_, _, let bytes): bytes.count
    case .commit(_, let first, _): first.count
    case .refresh(let parts, _, _): parts.head.count + parts.terms.count + parts.key.bytes.count
    case .remove, .removeAll, .rescue, .forget: 0
    }
  }

  /// The tier's own wish, which may be passed over.
  var isMinor: Bool {
    switch self {
    case .rescue, .forget: true
    case .chunk, .commit, .refresh, .remove, .removeAll: false
    }
  }

  /// The key whose entry on disk is out of date while this waits.
  var outdates: DiskHash? {
    switch self {
    case .commit(let fill, _, _): fill.parts.key.hash
    case .refresh(let parts, _, _): parts.key.hash
    case .remove(let hash, _): hash
    case .chunk, .removeAll, .rescue, .forget: nil
    }
  }
}
