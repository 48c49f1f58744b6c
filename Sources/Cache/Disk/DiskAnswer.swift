// What the tier answers: entries, chunks, misses with their reason, counts.

/// An entry as it was found.
public struct DiskEntry: Sendable {
  /// Which storing it is: what `DiskTier.refresh` refers to.
  public var number: UInt64
  public var terms: [UInt8]
  public var head: [UInt8]
  public var bodyBytes: UInt64
  /// Seconds since 1970 up to which it is kept.
  public var keepUntil: UInt64
  /// The body's first chunk; the whole body where `rest` is nil.
  public var first: [UInt8]
  /// The way to the other chunks.
  public var rest: DiskCursor?
}

/// Why there is no entry.
public enum DiskMiss: String, Sendable, CaseIterable {
  case absent
  /// Its time to be kept is over.
  case expired
  /// No thread took the lookup up before its deadline.
  case late
  /// Everything is being removed, or too many wait for newer entries that are being written.
  case outdated
  /// Its record or chunks did not hold what they say.
  case damaged
  /// Too many long bodies are being read.
  case crowded
  /// The tier is off or not open yet.
  case off
}

/// The answer to a lookup.
public enum DiskAnswer: Sendable {
  case hit(DiskEntry)
  case miss(DiskMiss)
}

/// The answer to a cursor's `next`.
public enum DiskChunk: Sendable, Equatable {
  case bytes([UInt8])
  /// The body was whole.
  case end
  /// The rest cannot be had: its generation had to go, its record is damaged or the tier is off. The body ends short.
  case broken
}

/// What became of a store.
public enum DiskStoring: Sendable, Equatable {
  /// It will be written.
  case accepted
  /// Too much waits to be written. What was stored under the key before is removed, since it is out of date now.
  case shed
  /// A part is longer than the tier takes.
  case refused
  /// The tier is off or not open yet.
  case off
}

/// Where a walk over heads goes on: opaque to callers.
public struct DiskWalkPosition: Sendable, Equatable {
  var generation: UInt64
  var hash: DiskHash

  /// Before the first head.
  public static let start = DiskWalkPosition(generation: .max, hash: DiskHash(high: 0, low: 0))
}

/// One step of a walk.
public struct DiskWalk: Sendable {
  public struct Head: Sendable {
    public var key: DiskKey
    public var number: UInt64
    public var terms: [UInt8]
    public var bodyBytes: UInt64
    public var keepUntil: UInt64
  }
  /// Entries met. One that was stored or refreshed again is met again in its older generation; a lookup tells which is in force.
  public var heads: [Head] = []
  /// Nil when the walk is over.
  public var next: DiskWalkPosition?
}

/// Counts since the start and sizes now.
public struct DiskStatistics: Sendable, Equatable {
  public var isOn = false
  /// Bytes of the folder with all that is in it, as last measured.
  public var bytes: UInt64 = 0
  public var bytesMax: UInt64 = 0
  /// Records on disk, as RocksDB estimates them; chunks and replaced heads count too.
  public var recordsEstimate: UInt64 = 0
  public var generations = 0
  public var pendingBytes = 0
  public var hits: UInt64 = 0
  public var misses: UInt64 = 0
  public var late: UInt64 = 0
  public var damaged: UInt64 = 0
  public var stores: UInt64 = 0
  public var shed: UInt64 = 0
  public var rescues: UInt64 = 0
  public var dropped: UInt64 = 0
  /// Bodies whose reading was cut short because their room was needed.
  public var broken: UInt64 = 0
  public var faults: UInt64 = 0

  public init() {}
}
