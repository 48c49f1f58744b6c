// What a member says of itself: who it is, where it is reached, what it speaks. Only the member writes it; it travels with its `alive`
// statements, so that a newer incarnation is also a newer record.
import Runtime

/// What makes two nodes unable to understand each other. Nodes that differ here refuse each other when they join.
public struct WireConstants: Hashable, Sendable {
  /// Versions of the protocol that a node speaks.
  public var oldest: UInt8
  public var newest: UInt8
  /// A hash over what both have to agree on without saying it (the width of counter slices, the hash of keys).
  public var agreed: UInt64

  public init(oldest: UInt8, newest: UInt8, agreed: UInt64) {
    self.oldest = oldest
    self.newest = newest
    self.agreed = agreed
  }

  /// This build's.
  public static let current = WireConstants(
    oldest: 1, newest: 1, agreed: StableHash.hash("counter slice 2^26 ns; key hash StableHash; rendezvous weighted"))

  /// Why nodes with these constants cannot be in one cluster, or nil when they can.
  public func conflict(with other: WireConstants) -> JoinRefusal? {
    if other.newest < oldest || other.oldest > newest { return .protocolVersion }
    return agreed != other.agreed ? .constants : nil
  }
}

/// Why a node is not let into a cluster.
public enum JoinRefusal: UInt8, Error, Sendable, CaseIterable {
  /// The names of the clusters differ.
  case otherCluster = 1
  /// No version of the protocol is spoken by both.
  case protocolVersion = 2
  /// What both have to agree on without saying it differs.
  case constants = 3
  /// The packets are sealed under a key that the other side does not hold.
  case unknownKey = 4
  /// The cluster holds as many members as it may.
  case full = 5

  /// A sentence for the operator of either side.
  public var explanation: String {
    switch self {
    case .otherCluster: "the other node belongs to a cluster of another name (cluster.name)"
    case .protocolVersion: "no version of the gossip protocol is spoken by both builds; upgrade the older node first"
    case .constants: "the builds differ in constants that all nodes of a cluster must share; run builds that are compatible"
    case .unknownKey: "the packets are sealed under a key that the other node does not hold (cluster.keys)"
    case .full: "the cluster holds as many members as it may"
    }
  }
}

/// A member's own words about itself.
public struct MemberRecord: Hashable, Sendable {
  /// For people; identities are `MemberID`s. At most 64 bytes of UTF-8.
  public var name: String
  /// Where its gossip is received, UDP and TCP.
  public var peer: SocketAddress
  /// Where clients reach it, if it says so.
  public var client: SocketAddress?
  /// Where its admin endpoint listens, if others may ask it.
  public var admin: SocketAddress?
  /// Failure domain. At most 32 bytes of UTF-8.
  public var zone: String
  /// Its share of what is spread by rendezvous, in hundredths of a usual node's.
  public var weightPercent: UInt16
  /// The version that runs. At most 32 bytes of UTF-8.
  public var build: String
  /// It finishes what it has and wants no new work.
  public var isDraining: Bool
  /// The revision of the definitions that it serves; differing ones are a warning, not a refusal.
  public var revision: UInt64
  public var constants: WireConstants

  public init(
    name: String, peer: SocketAddress, client: SocketAddress? = nil, admin: SocketAddress? = nil, zone: String = "",
    weightPercent: UInt16 = 100, build: String = "", isDraining: Bool = false, revision: UInt64 = 0, constants: WireConstants = .current
  ) {
    self.name = MemberRecord.cut(name, 64)
    self.peer = peer
    self.client = client
    self.admin = admin
    self.zone = MemberRecord.cut(zone, 32)
    self.weightPercent = weightPercent
    self.build = MemberRecord.cut(build, 32)
    self.isDraining = isDraining
    self.revision = revision
    self.constants = constants
  }

  /// The longest prefix of whole characters that fits.
  private static func cut(_ text: String, _ bytesMax: Int) -> String {
    var kept = text
    while kept.utf8.count > bytesMax { kept.removeLast() }
    return kept
  }
}

/// A statement about a member with what the member says of itself: what `alive` rumours and exchanges of whole views carry.
public struct MemberStatement: Hashable, Sendable {
  public var rumour: Rumour
  public var record: MemberRecord

  public init(_ rumour: Rumour, _ record: MemberRecord) {
    self.rumour = rumour
    self.record = record
  }
}
