// The numbers of membership in one place. docs/gossip.md says what follows from them.

/// How a node watches the others. Times in nanoseconds.
public struct MembershipOptions: Sendable, Equatable {
  /// Between two probes of a node that is well.
  public var probeInterval: UInt64 = 200_000_000
  /// How long a direct answer is waited for at least, before round trips are known, and at most.
  public var patienceLeast: UInt64 = 80_000_000
  public var patienceInitial: UInt64 = 300_000_000
  public var patienceMost: UInt64 = 2_000_000_000
  /// Members that are asked to probe on our behalf.
  public var helpers = 3
  /// A confirmed suspicion lasts this long at least, an unconfirmed one `suspicionFactor` times as long; round trips come on top.
  public var suspicionLeast: UInt64 = 700_000_000
  public var suspicionFactor: UInt64 = 3
  public var confirmations = 3
  /// While there is something to tell: between two rounds of telling, and how many are told in each.
  public var gossipInterval: UInt64 = 50_000_000
  public var gossipFanout = 3
  /// A rumour is told `tellings * ceil(log2(n + 1))` times.
  public var tellings = 3
  /// Between two comparisons of whole views with a random member.
  public var antiEntropyInterval: UInt64 = 5_000_000_000
  /// Between two attempts to reach a seed or a lately dead member that is missing.
  public var reconnectInterval: UInt64 = 1_000_000_000
  /// How long a dead or left member is remembered: longer than the log of shared facts reaches back (`LogLimits.retention`), so that what
  /// is said there for the sake of those that are away is said for as long as they can still be told.
  public var tombstoneAge: UInt64 = 7_200_000_000_000
  /// How much later than planned a wake-up must be to count as this node's own fault.
  public var lateness: UInt64 = 20_000_000
  /// Plaintext bytes of a datagram.
  public var datagramBytes = 1_300
  public var membersMax = 4_096
  public var seedsMax = 64

  public init() {}
}
