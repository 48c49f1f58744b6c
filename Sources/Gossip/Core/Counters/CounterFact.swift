// What one node tells another of one key. How it lies on the wire is CounterBatch's.

/// A member in one of its lives.
public struct CounterMember: Hashable, Sendable {
  public var id: MemberID
  /// Grows with each start: what an earlier life consumed stays true beside what this one does.
  public var generation: UInt64
  /// The share of keys that it owns; more than 0.
  public var weight: Double

  public init(_ id: MemberID, generation: UInt64, weight: Double = 1) {
    self.id = id
    self.generation = generation
    self.weight = weight
  }
}

/// Counts of one key in a run of slices.
public struct CounterFact: Sendable {
  public enum Kind: UInt8, Sendable {
    /// The sender consumed that much itself.
    case share = 0
    /// Everyone but the sender's hearer did, as the members themselves told the sender. Never made of what others collected, so that
    /// nothing comes back to where it came from.
    case total = 1
  }

  public internal(set) var key: UInt64
  public internal(set) var policy: CounterPolicy
  public internal(set) var kind: Kind
  /// The last slice of the run.
  public internal(set) var newest: UInt64
  /// Slices in the run, 1 to 16.
  public internal(set) var count: Int
  /// Newest first.
  var cells = InlineArray<16, UInt32>(repeating: 0)
  var base: CounterBase?

  /// The count in a slice; 0 outside the run.
  func count(in slice: UInt64) -> UInt32 {
    guard slice <= newest, newest - slice < UInt64(count) else { return 0 }
    return cells[Int(newest - slice)]
  }
}

/// What became of a fact.
public enum CounterMerge: Sendable, Equatable {
  case merged
  /// Older than what is remembered slice by slice; its sender's base brings it, if it matters.
  case late
  /// From a clock that is further ahead than `CounterSlice.aheadMax`.
  case ahead
  /// No room for another key or another member's share.
  case full
}

/// Counts of what went another way than planned.
public struct CounterTableStatistics: Sendable, Equatable {
  public var late: UInt64 = 0
  public var ahead: UInt64 = 0
  public var full: UInt64 = 0
  /// Decisions without a count because the table was full of live keys.
  public var untracked: UInt64 = 0
  /// Keys that gave way to new ones; never one that a new one would not equal.
  public var evicted: UInt64 = 0
}
