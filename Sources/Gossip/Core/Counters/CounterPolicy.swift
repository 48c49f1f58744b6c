// What a limit is, what is answered to whoever asks for a part of it, and the slices of time that all nodes count in. The counts themselves
// are CounterKey's.

/// Wall time in slices of 2^26 nanoseconds (67.1 ms), the same for all nodes: a wire constant. A power of two makes a shift of the
/// division.
public enum CounterSlice {
  public static let shift: UInt64 = 26
  /// Nanoseconds of one.
  public static let length: UInt64 = 1 << shift
  /// Slices that a key remembers one by one, 1.07 s; what is older is folded into its level.
  public static let kept: UInt64 = 16
  /// Slices by which another node's clock may be ahead (268 ms). What lies further ahead is dropped and counted.
  public static let aheadMax: UInt64 = 4

  /// The slice of a time in wall nanoseconds.
  @inline(__always) public static func of(_ now: UInt64) -> UInt64 { now >> shift }
  /// Where a slice begins, in wall nanoseconds.
  @inline(__always) public static func start(_ slice: UInt64) -> UInt64 { slice << shift }
}

/// A limit.
public struct CounterPolicy: Hashable, Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// A token bucket, which is the same as GCRA (ITU-T I.371, "virtual scheduling"): its level is kept as the theoretical arrival time.
    case bucket = 0
    /// At most `limit` in any span of `period`, within what slices can tell.
    case slidingWindow = 1
  }

  public let kind: Kind
  /// Units per `period`.
  public let limit: UInt32
  /// Nanoseconds.
  public let period: UInt64
  /// Units that a full bucket holds. A sliding window's is its limit.
  public let burst: UInt32

  /// The longest period: 52 days in nanoseconds, so that sums with wall time stay far from 2^63.
  public static let periodMax: UInt64 = 1 << 52

  /// - Returns: nil unless all numbers are above 0 and the period is at most `periodMax`.
  public init?(_ kind: Kind, limit: UInt32, period: UInt64, burst: UInt32) {
    guard limit > 0, burst > 0, period > 0, period <= CounterPolicy.periodMax else { return nil }
    // A bucket that takes longer than that to fill has no level that arithmetic could hold.
    guard Double(burst) * Double(period) / Double(limit) <= Double(CounterPolicy.periodMax) else { return nil }
    self.kind = kind
    self.limit = limit
    self.period = period
    self.burst = burst
  }

  /// A token bucket: `limit` units per `period` nanoseconds flow in, `burst` is what it holds.
  public static func bucket(_ limit: UInt32, per period: UInt64, burst: UInt32) -> CounterPolicy? {
    CounterPolicy(.bucket, limit: limit, period: period, burst: burst)
  }

  /// A sliding window: `limit` units in any `period` nanoseconds.
  public static func slidingWindow(_ limit: UInt32, per period: UInt64) -> CounterPolicy? {
    CounterPolicy(.slidingWindow, limit: limit, period: period, burst: limit)
  }

  /// Nanoseconds in which one unit flows in.
  var nanosecondsPerUnit: Double { Double(period) / Double(limit) }

  /// Slices in one cell of a window's memory, so that 15 cells cover the period.
  var slicesPerCell: UInt64 { max(1, (period + CounterSlice.length * 15 - 1) / (CounterSlice.length * 15)) }
}

/// What came of a `consume`.
public struct CounterDecision: Equatable, Sendable {
  public enum Verdict: Equatable, Sendable {
    case allowed
    case denied
    /// The limit is too small for counts that are merged late: ask this member, and let the local estimate decide when it is silent.
    case ask(MemberID)
  }

  public var verdict: Verdict
  /// Units left over the whole cluster as far as this node knows, this request's taken off; not below 0.
  public var remaining: UInt32
  /// Nanoseconds until the whole burst is there again if nothing else is consumed.
  public var reset: UInt64
  /// Nanoseconds after which the same would be allowed if nothing else is consumed; 0 when it was. `UInt64.max`: the cost is above the
  /// burst.
  public var retryAfter: UInt64
  /// False when the table is full of keys that are in use: nothing was counted.
  public var isTracked = true
}

/// How a `consume` may decide.
public enum CounterMode: Sendable {
  /// By the local estimate, or by asking the owner where that is not good enough.
  case normal
  /// By the local estimate, whatever the limit: for the owner, and where owners are too far away to be asked.
  case local
  /// For who got no answer: by the local estimate, and only while there is enough left for all members to do the same. Whoever asks next
  /// finds the next in rank; what is denied meanwhile stays in the bucket.
  case unanswered
}

/// Who decides about a key in place of a member that does not answer.
public enum CounterStandIn: Equatable, Sendable {
  case ask(MemberID)
  case thisNode
  case nobody
}

/// Bounds and tunings of one node's counters; all nanoseconds and bytes.
public struct CounterLimits: Equatable, Sendable {
  /// Keys in one table.
  public var keysMax = 8_192
  /// Shares of other nodes in one table.
  public var rowsMax = 65_536
  /// Members known at once, earlier generations included.
  public var membersMax = 4_096
  /// Whether a new key is admitted, uncounted, when the table is full of keys that are in use.
  public var admitsUntracked = true

  /// A change is told after this at latest.
  public var flushLate: UInt64 = 50_000_000
  /// A change of a key near its limit is.
  public var flushSoon: UInt64 = 5_000_000
  /// Unsent units of more than this part of what is left, and worth more than `flushSoon` of inflow, are told at once.
  public var unsentPart: UInt64 = 8
  /// Up to this many members each tells all others; above, the owners collect.
  public var broadcastMembersMax = 8

  /// How long other nodes' views lag near a limit, for deciding when to ask: flush and transit, twice where an owner collects.
  public var viewDelay: UInt64 = 14_000_000
  /// Limits of more units per second than this are never asked for.
  public var askedPerSecondMax: Double = 250
  /// What a limit may be off over ten windows, as a part of one window (0.1 of one is 1 % of ten).
  public var tolerance: Double = 0.1

  /// Bytes per second that counters may send, UDP, IP and sealing included.
  public var bytesPerSecond: UInt64 = 2_500_000
  /// The greatest body.
  public var bodyBytesMax = 1_200
  /// What a datagram costs besides its bodies.
  public var datagramOverhead = 80

  public init() {}
}
