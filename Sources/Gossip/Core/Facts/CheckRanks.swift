// Who checks which endpoint: a division of work that every node computes alike from the members that it sees. Checking is the proxy's.
import Runtime

/// The order in which the nodes of a zone are responsible for an endpoint.
public enum CheckRanks {
  /// The first so many of some members in an endpoint's rank (rendezvous hashing; all weigh the same, for a check costs every node alike).
  /// When one goes, only the endpoints that it checked move, and each to another next in rank.
  public static func first(_ count: Int, of members: [MemberID], for endpoint: EndpointID) -> [MemberID] {
    var best: [(score: Double, member: MemberID)] = []
    if count <= 0 { return [] }
    for member in members {
      let score = rendezvousScore(key: endpoint.value, node: StableHash.avalanche(member.value), weight: 1)
      // An equal score goes to the smaller identity.
      let at = best.firstIndex { ($0.score, member) < (score, $0.member) } ?? best.count
      if at >= count { continue }
      best.insert((score, member), at: at)
      if best.count > count { best.removeLast() }
    }
    return best.map(\.member)
  }

  /// Whether a node checks an endpoint: it is among the first `checkers` in rank, or among as many that are not blind.
  ///
  /// - Parameters:
  ///   - members: the live nodes of the zone that are not draining.
  ///   - seeing: those among them that are not blind. The others go on checking, so that they notice when they see again, and the next in
  ///     rank check beside them.
  ///   - checkers: nodes per endpoint.
  public static func checks(
    _ me: MemberID, _ endpoint: EndpointID, members: [MemberID], seeing: [MemberID], checkers: Int
  ) -> Bool {
    first(checkers, of: members, for: endpoint).contains(me)
      || seeing.count < members.count && first(checkers, of: seeing, for: endpoint).contains(me)
  }
}
