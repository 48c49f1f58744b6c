// What one worker knows about one endpoint of a pool, as flat memory, and the description an endpoint is made from. Verdicts that
// every worker of the node must see (health, ejection) are not here but behind `shared` (EndpointShared.swift); who owns the array
// is EndpointSet.swift; who reads it to choose is Balancer.swift.

/// Bounds of the upstream hearts.
public enum UpstreamLimits {
  /// Endpoints of one pool; what a resolver or file lists beyond is left out and counted in `EndpointListing.dropped`.
  public static let endpointsMax = 1024
  /// Priority levels of one pool: 0 (first) to 7; a higher number counts as 7.
  public static let prioritiesMax = 8
  /// Endpoints one request remembers having tried.
  public static let triedMax = 8
}

/// One endpoint as configuration or a resolver names it.
public struct EndpointDescription: Sendable, Equatable {
  /// Stable hash of the address: who the endpoint is, across updates, workers and nodes.
  public var id: UInt64
  /// Share of its group's traffic, relative to the others' weights; 0 takes none.
  public var weight: UInt16
  /// Whether the endpoint stands in the zone of this node.
  public var sameZone: Bool
  /// 0 is served first; the next level takes over as the one before loses health.
  public var priority: UInt8

  public init(id: UInt64, weight: UInt16 = 1, sameZone: Bool = true, priority: UInt8 = 0) {
    self.id = id
    self.weight = weight
    self.sameZone = sameZone
    self.priority = priority
  }
}

/// Life of a slot in an `EndpointSet`.
public enum SlotPresence: UInt8, BitwiseCopyable, Sendable {
  /// Holds nobody; may become `listed`.
  case vacant
  /// Named by the current list; may become `retired`.
  case listed
  /// Left the list while requests or connections still name the slot: never picked again; becomes `vacant` when they are gone,
  /// or `listed` when the list names the endpoint again.
  case retired
}

/// One worker's state of one endpoint. Trivial, so that an array of it is plain memory; what a pick reads comes first.
public struct EndpointState: BitwiseCopyable {
  /// Weight in force, in 1/256 of a configured unit, so that a slow start has room below a weight of 1.
  public internal(set) var weight: UInt32 = 0
  /// Requests this worker has in flight at the endpoint.
  public internal(set) var active: Int32 = 0
  /// Virtual time of the endpoint's next turn (weighted round robin).
  var deadline: UInt64 = 0
  /// Virtual time between two turns: inverse of `weight`.
  var stride: UInt64 = 0
  /// Moving average of the response time in nanoseconds, as of `costAt`; 0 while unmeasured (peak EWMA).
  public internal(set) var cost: Double = 0
  var costAt: UInt64 = 0
  /// `Rendezvous.mix(id)`, so that a rank costs one mix (hash).
  var seed: UInt64 = 0
  public internal(set) var presence: SlotPresence = .vacant
  var sameZone = false
  var priority: UInt8 = 0
  /// Group the endpoint was a candidate of at the last refresh (priority × 2 + zone), -1 for none.
  var track: Int8 = -1
  public internal(set) var baseWeight: UInt16 = 0
  var isAvailable = false

  /// Requests waiting for a connection to this endpoint.
  public internal(set) var pending: Int32 = 0
  /// Connections this worker holds to this endpoint, idle ones included.
  public internal(set) var connections: Int32 = 0
  public internal(set) var id: UInt64 = 0
  /// SAFETY: the cell outlives the state: `EndpointSet` keeps the owning `SharedCell` for as long as the slot is not vacant, and a
  /// vacant slot's pointer is never followed.
  public internal(set) var shared: UnsafeMutablePointer<EndpointShared>

  /// Failures since the last success (Ejection).
  public internal(set) var consecutiveFailures: UInt32 = 0
  var windowRequests: UInt32 = 0
  var windowFailures: UInt32 = 0
  var windowStart: UInt64 = 0

  init(_ description: EndpointDescription, shared: UnsafeMutablePointer<EndpointShared>) {
    self.shared = shared
    id = description.id
    seed = Rendezvous.mix(description.id)
    describe(description)
  }

  /// Takes over what may change in a description while the endpoint stays itself.
  mutating func describe(_ description: EndpointDescription) {
    presence = .listed
    baseWeight = description.weight
    sameZone = description.sameZone
    priority = min(description.priority, UInt8(UpstreamLimits.prioritiesMax - 1))
  }

  /// Nothing of this worker names the slot any more.
  var isUnused: Bool { active == 0 && pending == 0 && connections == 0 }
}

/// The endpoints that one request has already tried, by slot: a list and not a bit per endpoint, so that it holds for pools of any
/// size. It remembers the last `UpstreamLimits.triedMax`; a request that may make more attempts can meet the oldest again.
public struct TriedEndpoints: BitwiseCopyable, Sendable {
  /// Four slots of 16 bits each; all ones where there is none, which no slot equals.
  private var older = UInt64.max
  private var newer = UInt64.max

  public init() {}

  public var isEmpty: Bool { newer == .max }

  @inline(__always)
  public func contains(_ slot: Int32) -> Bool {
    let wanted = UInt64(UInt16(truncatingIfNeeded: slot)) &* 0x0001_0001_0001_0001
    return Self.hasZero(older ^ wanted) || Self.hasZero(newer ^ wanted)
  }

  /// - Parameter slot: as `Balancer.pick` gave it.
  @inline(__always)
  public mutating func insert(_ slot: Int32) {
    older = (older << 16) | (newer >> 48)
    newer = (newer << 16) | UInt64(UInt16(truncatingIfNeeded: slot))
  }

  /// Whether one of the four 16-bit parts is 0: only then does subtracting 1 from each set the top bit of one that had it clear.
  @inline(__always)
  private static func hasZero(_ parts: UInt64) -> Bool {
    (parts &- 0x0001_0001_0001_0001) & ~parts & 0x8000_8000_8000_8000 != 0
  }
}
