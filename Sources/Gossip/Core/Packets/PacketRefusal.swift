// Owns: why a datagram was dropped. Counting is the driver's; nothing here is ever answered over UDP.

/// A datagram that is not taken: always counted by `reason`, never a reason to stop receiving.
public enum PacketRefusal: Error, Hashable, Sendable {
  /// Not even a header and a tag.
  case tooShort
  /// More than a datagram may hold, or cut off by the kernel.
  case tooLong
  /// It does not begin as a packet of ours.
  case foreign
  /// A version or a critical flag of a build that is newer than this one.
  case futureVersion(UInt8)
  /// Sealed under a key that this node does not hold.
  case unknownKey(KeyID)
  /// Of another cluster.
  case otherCluster
  /// This node's own packet, thrown back at it.
  case reflected
  /// Authentication failed: changed on the way, forged, or cut.
  case damaged
  /// Its counter was seen before, or is older than the window remembers.
  case replayed
  /// Sent too long ago or too far in the future for a sender not known yet, or before this node started: an old recording, or a clock that
  /// is wrong by minutes.
  case untimely
  /// From a sender not known yet, while the table is full of senders heard lately.
  case crowded
  /// Authentic, but its parts cannot be read: a fault in the sender.
  case malformed

  /// The refusal without its details, for counters.
  public enum Reason: UInt8, CaseIterable, Sendable {
    case tooShort, tooLong, foreign, futureVersion, unknownKey, otherCluster, reflected, damaged, replayed, untimely, crowded, malformed

    /// The value of the metric label `reason`; stays the same from version to version.
    public var label: String {
      switch self {
      case .tooShort: "too_short"
      case .tooLong: "too_long"
      case .foreign: "foreign"
      case .futureVersion: "future_version"
      case .unknownKey: "unknown_key"
      case .otherCluster: "other_cluster"
      case .reflected: "reflected"
      case .damaged: "damaged"
      case .replayed: "replayed"
      case .untimely: "untimely"
      case .crowded: "crowded"
      case .malformed: "malformed"
      }
    }
  }

  public var reason: Reason {
    switch self {
    case .tooShort: .tooShort
    case .tooLong: .tooLong
    case .foreign: .foreign
    case .futureVersion: .futureVersion
    case .unknownKey: .unknownKey
    case .otherCluster: .otherCluster
    case .reflected: .reflected
    case .damaged: .damaged
    case .replayed: .replayed
    case .untimely: .untimely
    case .crowded: .crowded
    case .malformed: .malformed
    }
  }
}

/// How many datagrams were refused, by reason.
public struct PacketRefusalCounts: Equatable, Sendable {
  private var counts = [UInt64](repeating: 0, count: PacketRefusal.Reason.allCases.count)

  public init() {}

  public mutating func count(_ refusal: PacketRefusal) { counts[Int(refusal.reason.rawValue)] &+= 1 }

  public subscript(_ reason: PacketRefusal.Reason) -> UInt64 { counts[Int(reason.rawValue)] }

  public var total: UInt64 { counts.reduce(0, &+) }
}
