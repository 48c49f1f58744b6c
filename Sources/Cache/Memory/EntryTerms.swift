// What an entry of the RAM tier carries besides its bytes: the name that it is found by and the terms it may be served on. The tier stores
// both and reads the name only; what the terms mean is the semantics' (Core).

/// 128 bits of a key's hash, evenly spread. The upper word chooses shard and bucket, so whoever can choose keys must not know the hash's
/// seed: a secret one per process.
public struct EntryHash: BitwiseCopyable, Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// 64 bytes that the tier keeps beside an entry, for a look-up to decide from without touching the key or the head.
public struct EntryTerms: BitwiseCopyable, Hashable, Sendable {
  /// Until when the entry is fresh, in the unit of the caller's clock.
  public var freshUntil: Int64
  /// The rest, whose meaning is the caller's.
  public var word1: UInt64 = 0
  public var word2: UInt64 = 0
  public var word3: UInt64 = 0
  public var word4: UInt64 = 0
  public var word5: UInt64 = 0
  public var word6: UInt64 = 0
  public var word7: UInt64 = 0

  public init(freshUntil: Int64) { self.freshUntil = freshUntil }
}
