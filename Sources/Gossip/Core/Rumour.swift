// What nodes tell each other of a member, and which of two statements holds. Who tells whom, and when, is not decided here.

/// A node's identity for its whole life, restarts included: 64 random bits that it keeps in its data folder.
public struct MemberID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let value: UInt64

  public init(_ value: UInt64) { self.value = value }

  public static func < (left: MemberID, right: MemberID) -> Bool { left.value < right.value }

  /// 16 hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}

/// How a member is said to be. The order is that of SWIM §4.2: of statements of one version, the later case holds.
public enum MemberState: UInt8, Sendable, CaseIterable, Comparable {
  /// It answers. A higher incarnation can follow any state but `left`.
  case alive
  /// A probe has failed; it may refute by a higher incarnation, or becomes `dead`.
  case suspect
  /// Nobody reached it in time. One that still runs refutes this as well.
  case dead
  /// It said goodbye. Nothing follows within its generation.
  case left

  public static func < (left: MemberState, right: MemberState) -> Bool { left.rawValue < right.rawValue }
}

/// Which life of a member a statement speaks of, and how recent it is within that.
public struct MemberVersion: Hashable, Comparable, Sendable {
  /// Grows with each start of the process.
  public var generation: UInt64
  /// Grows when the member refutes what is said of it, and when it has something new to say of itself. Only the member moves it.
  public var incarnation: UInt32

  public init(generation: UInt64, incarnation: UInt32 = 0) {
    self.generation = generation
    self.incarnation = incarnation
  }

  public static func < (left: MemberVersion, right: MemberVersion) -> Bool {
    (left.generation, left.incarnation) < (right.generation, right.incarnation)
  }

  /// The version with which a member answers a statement of this version about itself. Incarnations that have run out, after four
  /// thousand million refutations, stay where they are.
  public var refutation: MemberVersion {
    MemberVersion(generation: generation, incarnation: incarnation == .max ? .max : incarnation + 1)
  }
}

/// A statement about a member.
public struct Rumour: Hashable, Sendable {
  public var member: MemberID
  public var version: MemberVersion
  public var state: MemberState
  /// Who made the statement: itself for `alive` and `left`, else whose probe failed or whose patience ended.
  public var origin: MemberID

  public init(_ member: MemberID, _ version: MemberVersion, _ state: MemberState, origin: MemberID) {
    self.member = member
    self.version = version
    self.state = state
    self.origin = origin
  }

  /// Whether this statement holds against an earlier-known one about the same member.
  ///
  /// A total order, so that whoever has heard the same statements believes the same, in whatever order they came: generation, then
  /// `left`, then incarnation, then state. It is SWIM's (§4.2) with two changes that a cluster which outlives partitions needs: a higher
  /// incarnation also overrides `dead`, and `left` is final within its generation.
  /// - Precondition: both speak of the same member.
  public func overrides(_ other: Rumour) -> Bool {
    precondition(member == other.member, "\(member) is not \(other.member)")
    if version.generation != other.version.generation { return version.generation > other.version.generation }
    if (state == .left) != (other.state == .left) { return state == .left }
    if version.incarnation != other.version.incarnation { return version.incarnation > other.version.incarnation }
    return state > other.state
  }
}
