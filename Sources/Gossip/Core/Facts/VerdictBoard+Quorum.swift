// What the verdicts of several checkers mean together. When a node's own experience goes before them is the proxy's.
import Runtime

/// How an endpoint is, and who says so.
public struct EndpointHealth: Sendable, Equatable {
  public enum State: Sendable, Equatable {
    case healthy
    case unhealthy
    /// No majority of the checkers says either; the node goes by what it finds itself.
    case unknown
  }

  public var state: State
  /// The checkers on whose word it rests, in the endpoint's rank.
  public var by: [MemberID]
}

extension VerdictBoard {
  /// The checkers whose verdicts do not count: those that find everything unhealthy, two endpoints or more, while on at least half of
  /// them a majority of the others finds the opposite. Such a node is cut off itself. Computed from the board and the members alone, so
  /// that all nodes exclude the same.
  /// - Parameters:
  ///   - live: the live nodes of the zone.
  ///   - time: `HybridClock.milliseconds`, milliseconds.
  public func blind(among live: [MemberID], at time: UInt64) -> [MemberID] {
    struct Tally {
      var said = 0
      var contradicted = 0
      var isAnyHealthy = false
    }
    let members = live.sorted()
    var tallies = Array(repeating: Tally(), count: members.count)
    var start = 0
    while start < verdicts.count {
      var end = start
      while end < verdicts.count, verdicts[end].endpoint == verdicts[start].endpoint { end += 1 }
      let fresh = verdicts[start..<end].filter { isFresh($0, at: time) && VerdictBoard.index(of: $0.checker, in: members) != nil }
      let healthy = fresh.filter(\.isHealthy).count
      for verdict in fresh {
        guard let at = VerdictBoard.index(of: verdict.checker, in: members) else { continue }
        tallies[at].said += 1
        if verdict.isHealthy { tallies[at].isAnyHealthy = true }
        if !verdict.isHealthy && healthy * 2 > fresh.count - 1 { tallies[at].contradicted += 1 }
      }
      start = end
    }
    return members.indices.filter { at in
      !tallies[at].isAnyHealthy && tallies[at].said >= 2 && tallies[at].contradicted * 2 >= tallies[at].said
    }.map { members[$0] }
  }

  /// What the checkers find, by majority of the first `checkers` live ones in the endpoint's rank that are not blind. One that has not
  /// said anything yet is stood in for by the next in rank that has.
  /// - Parameters:
  ///   - live: the live nodes of the zone.
  ///   - blind: `blind(among:at:)`, computed once for many endpoints.
  ///   - time: `HybridClock.milliseconds`, milliseconds.
  public func quorum(_ endpoint: EndpointID, live: [MemberID], blind: [MemberID], at time: UInt64) -> EndpointHealth {
    let seeing = blind.isEmpty ? live : live.filter { !blind.contains($0) }
    let wanted = min(limits.checkers, seeing.count)
    let said = freshVerdicts(of: endpoint, at: time).filter { seeing.contains($0.checker) }
    let voters = CheckRanks.first(wanted, of: said.map(\.checker), for: endpoint)
    let votes = voters.compactMap { voter in said.first { $0.checker == voter } }
    let healthy = votes.filter(\.isHealthy).map(\.checker)
    let unhealthy = votes.filter { !$0.isHealthy }.map(\.checker)
    if healthy.count * 2 > wanted { return EndpointHealth(state: .healthy, by: healthy) }
    if unhealthy.count * 2 > wanted { return EndpointHealth(state: .unhealthy, by: unhealthy) }
    return EndpointHealth(state: .unknown, by: [])
  }

  func isFresh(_ verdict: Verdict, at time: UInt64) -> Bool { !verdict.stamp.isOlder(than: limits.lifetime, at: time) }

  private func freshVerdicts(of endpoint: EndpointID, at time: UInt64) -> [Verdict] {
    var found: [Verdict] = []
    var at = place(of: Key(endpoint: endpoint, checker: MemberID(0)))
    while at < verdicts.count, verdicts[at].endpoint == endpoint {
      if isFresh(verdicts[at], at: time) { found.append(verdicts[at]) }
      at += 1
    }
    return found
  }

  private static func index(of member: MemberID, in sorted: [MemberID]) -> Int? {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < member { low = middle + 1 } else { high = middle }
    }
    return low < sorted.count && sorted[low] == member ? low : nil
  }
}
