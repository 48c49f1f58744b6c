// Whom a node probes next. Every second probe goes to its successor on a ring that all nodes see alike, so that a member is probed by its
// predecessor at least every other period, whatever chance does; the others go round in random order (SWIM §4.3), so that a
// predecessor that fails together with its successor does not hide it.
import Runtime

/// Members in the order of the ring that all nodes see alike: spread by a hash, so that nodes that were started one after the other are
/// not neighbours.
public struct MemberRing: Sendable {
  /// In the order of their places.
  public private(set) var members: [MemberID] = []

  public init() {}

  /// Where a member stands.
  public static func place(_ member: MemberID) -> UInt64 { StableHash.avalanche(member.value) }

  /// The index of the first member whose place is not before that of `member`.
  private func index(of member: MemberID) -> Int {
    let place = MemberRing.place(member)
    var (low, high) = (0, members.count)
    while low < high {
      let middle = (low + high) / 2
      if (MemberRing.place(members[middle]), members[middle]) < (place, member) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  public func contains(_ member: MemberID) -> Bool {
    let at = index(of: member)
    return at < members.count && members[at] == member
  }

  public mutating func insert(_ member: MemberID) {
    let at = index(of: member)
    if at < members.count && members[at] == member { return }
    members.insert(member, at: at)
  }

  public mutating func remove(_ member: MemberID) {
    let at = index(of: member)
    if at < members.count && members[at] == member { members.remove(at: at) }
  }

  /// The members that follow `member`, which need not be on the ring, nearest first.
  public func successors(of member: MemberID, count: Int) -> [MemberID] {
    var found: [MemberID] = []
    let start = index(of: member)
    for step in 0..<members.count where found.count < count {
      let candidate = members[(start + step) % members.count]
      if candidate != member { found.append(candidate) }
    }
    return found
  }

  public func successor(of member: MemberID) -> MemberID? { successors(of: member, count: 1).first }
}

/// The order of a node's probes.
public struct ProbeOrder: Sendable {
  private let me: MemberID
  private var round: [MemberID] = []
  private var position = 0
  private var isNeighbourNext = true

  public init(of me: MemberID) { self.me = me }

  /// The next member to probe.
  /// - Parameter ring: all that may be probed, alive and suspect; this node itself may be among them.
  public mutating func next(among ring: MemberRing, _ random: inout SeededRandom) -> MemberID? {
    let neighbour = isNeighbourNext
    isNeighbourNext.toggle()
    if neighbour, let successor = ring.successor(of: me) { return successor }
    // Twice at the most: what is left of this round may all be gone, a new one has everybody.
    for _ in 0..<2 {
      while position < round.count {
        let candidate = round[position]
        position += 1
        if ring.contains(candidate) { return candidate }
      }
      round = ring.members.filter { $0 != me }
      round.shuffle(using: &random)
      position = 0
    }
    return nil
  }

  /// A new member takes a random place in what is left of the round (SWIM §4.3).
  public mutating func add(_ member: MemberID, _ random: inout SeededRandom) {
    if member == me || round[position...].contains(member) { return }
    let at = position + Int(random.below(UInt64(round.count - position + 1)))
    round.insert(member, at: at)
  }
}
