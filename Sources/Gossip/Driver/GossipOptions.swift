// What a gossip loop is started with, and what it shows of itself.
import Runtime

/// A node's part in gossip.
public struct GossipOptions: Sendable {
  public var me: MemberID
  /// Grows with every start of this identity.
  public var generation: UInt64
  /// What the node says of itself; its `peer` address with port 0 becomes the one that was bound.
  public var record: MemberRecord
  /// Where datagrams and streams are received: UDP and TCP on one port.
  public var bind: SocketAddress
  public var cluster: String
  public var keys: KeyRing
  public var membership = MembershipOptions()
  public var limits = GossipLimits()
  public var counters = CounterLimits()
  public var facts = FactLimits()
  /// What this node's shared facts were when they were last kept; nil for none.
  public var state: FactState?
  /// Whether there is nothing yet that the log of shared facts would protect.
  public var isSettled = true
  public var seed: UInt64

  public init(
    me: MemberID, generation: UInt64, record: MemberRecord, bind: SocketAddress, cluster: String, keys: KeyRing, seed: UInt64
  ) {
    self.me = me
    self.generation = generation
    self.record = record
    self.bind = bind
    self.cluster = cluster
    self.keys = keys
    self.seed = seed
  }
}

/// Bounds of a gossip loop.
public struct GossipLimits: Sendable, Equatable {
  /// Streams at a time, each way.
  public var streamsMax = 32
  /// Nanoseconds that an exchange may take.
  public var streamTimeout: UInt64 = 5_000_000_000
  /// Plaintext of one exchange.
  public var viewBytesMax = 4 << 20
  /// Plaintext of one answer about shared facts: above what a whole register and a whole log are.
  public var factBytesMax = 24 << 20
  /// Answers about shared facts that go out at a time; whoever asks beyond that asks again.
  public var factAnswersMax = 4
  /// Refusals told in a second; whoever comes beyond that is closed without a word.
  public var refusalsPerSecond = 20
  /// Nanoseconds between two turns of the loop at most, where somebody watches for them.
  public var pulseInterval: UInt64 = 50_000_000
  /// Batches of datagrams that are taken before timers are looked at.
  public var batchesPerTurn = 64

  public init() {}
}

/// A member as operators see it.
public struct MemberStatus: Sendable, Equatable {
  public var id: MemberID
  public var record: MemberRecord
  public var state: MemberState
  public var version: MemberVersion
  /// Nanoseconds for which it has been so; nil for this node itself.
  public var stateAge: UInt64?
  /// Nanoseconds; nil before a measurement.
  public var roundTrip: UInt64?
  public var isSelf: Bool
}

/// What a gossip loop shows, as of its last turn that changed anything.
public struct GossipStatus: Sendable {
  public var members: [MemberStatus] = []
  public var counts = MembershipCounts()
  public var healthScore = 0
  public var refusals = PacketRefusalCounts()
  public var datagrams = DatagramCounts()
  public var counters = CounterExchangeStatistics()
  public var facts = FactStatus()
  public var streamsFailed = 0
  public var streamsRefused = 0

  public init() {}
}

/// Shared facts as operators see them.
public struct FactStatus: Sendable, Equatable {
  public var counts = FactCounts()
  public var registerEntries = 0
  public var registerHash: UInt64 = 0
  public var logEntries = 0
  public var isSettled = false
  public var verdicts = 0
  public var ticketKeys = 0
  /// Stamps that were too far ahead to be believed.
  public var stampsRefused: UInt64 = 0
  public var clock = ClockStanding.unknown

  public init() {}
}

/// How the first attempts to join have ended, once each of the seeds has been heard of or given up.
public enum JoinOutcome: Sendable, Equatable {
  case joined
  /// Nobody answered: the node serves alone and goes on looking.
  case alone
  /// Whoever could be reached refused, for this reason.
  case refused(String)
}
