// Whom a node probes next. Every second probe goes to its successor on a ring that all nodes see alike, so that a member is probed by its
// predecessor at least every other period, whatever chance does; the others go round in random order (SWIM §4.3), so that a
// predecessor that fails together with its successor does not hide it.
import Runtime

/// The order of a node's probes.
public struct ProbeOrder: Sendable {
  private let me: MemberID
  private var round: [MemberID] = []
  private var position = 0
  private var isNeighbourNext = true

  public init(of me: MemberID) { self.me = me }

  /// Where a member stands on the ring: spread by a hash, so that nodes that were started one after the other are not neighbours.
  public static func place(_ member: MemberID) -> UInt64 { StableHash.avalanche(member.value) }

  /// The member that follows this one on the ring, among those given.
  public static func successor(of member: MemberID, among members: [MemberID]) -> MemberID? {
    let start = place(member)
    var best: (distance: UInt64, member: MemberID)?
    for other in members where other != member {
      let distance = place(other) &- start
      if best.map({ (distance, other) < ($0.distance, $0.member) }) ?? true { best = (distance, other) }
    }
    return best?.member
  }

  /// The next member to probe.
  /// - Parameter members: all that may be probed (alive and suspect), in any order that all runs share.
  public mutating func next(among members: [MemberID], _ random: inout SeededRandom) -> MemberID? {
    let neighbour = isNeighbourNext
    isNeighbourNext.toggle()
    if neighbour, let successor = ProbeOrder.successor(of: me, among: members) { return successor }
    // Twice at the most: what is left of this round may all be gone, a new one has everybody.
    for _ in 0..<2 {
      while position < round.count {
        let candidate = round[position]
        position += 1
        if members.contains(candidate) { return candidate }
      }
      round = members.filter { $0 != me }
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
