// The endpoints that this node wants checked: which of them it checks itself, and what all who check find. Checks are the proxy's.
import Runtime

/// An endpoint with active checks.
public struct EndpointWatch: Sendable, Equatable {
  public var endpoint: EndpointID
  /// Nanoseconds for which a node waits for what others find before it checks for itself.
  public var patience: UInt64

  public init(_ endpoint: EndpointID, patience: UInt64) {
    self.endpoint = endpoint
    self.patience = patience
  }
}

/// What a node is told about an endpoint that it watches.
public struct EndpointStanding: Sendable, Equatable {
  public var endpoint: EndpointID
  /// Whether this node is to check it.
  public var isMine: Bool
  /// What the checkers find together.
  public var state: EndpointHealth.State
  /// The checkers on whose word that rests.
  public var by: [MemberID]
}

struct WatchedEndpoint: Sendable {
  var watch: EndpointWatch
  /// Those whose turn it is, by rank.
  var checkers: [MemberID] = []
  var isAssigned = true
  /// Not its turn, but nobody whose turn it is has said anything for a long time.
  var isStandIn = false
  var unknownSince: UInt64?
  var found: Bool?
  var standing: EndpointStanding?
}

extension SharedFacts {
  /// The endpoints that this node watches from now on; what it found of those that stay is kept.
  public mutating func watch(_ endpoints: [EndpointWatch], now: FactTime) -> [FactEffect] {
    let before = watched
    watched = endpoints.sorted { $0.endpoint < $1.endpoint }.map { watch in
      var next = before.first { $0.watch.endpoint == watch.endpoint } ?? WatchedEndpoint(watch: watch)
      next.watch = watch
      // Told again, for whoever watches anew may not know.
      next.standing = nil
      return next
    }
    areRanksDue = true
    return tick(now: now)
  }

  /// What this node found when it checked an endpoint.
  public mutating func found(_ endpoint: EndpointID, isHealthy: Bool, now: FactTime) -> [FactEffect] {
    guard let at = place(of: endpoint) else { return [] }
    watched[at].found = isHealthy
    if verdicts.report(endpoint, isHealthy: isHealthy, clock: &clock, now: now.wall) {
      changedAt = now.monotonic
      areStandingsDue = true
    }
    return tick(now: now)
  }

  private func place(of endpoint: EndpointID) -> Int? {
    var (low, high) = (0, watched.count)
    while low < high {
      let middle = (low + high) / 2
      if watched[middle].watch.endpoint < endpoint { low = middle + 1 } else { high = middle }
    }
    return low < watched.count && watched[low].watch.endpoint == endpoint ? low : nil
  }

  /// Verdicts that still hold are said again before they expire, however rarely an endpoint is checked.
  mutating func sayAgain(_ now: FactTime) {
    for each in watched {
      guard let found = each.found, each.isAssigned || each.isStandIn else { continue }
      _ = verdicts.report(each.watch.endpoint, isHealthy: found, clock: &clock, now: now.wall)
    }
  }

  /// Who checks what, and what they find, after members or verdicts have changed.
  mutating func judge(_ now: FactTime, _ effects: inout [FactEffect]) {
    let isRanked = areRanksDue
    (areRanksDue, areStandingsDue) = (false, false)
    if watched.isEmpty { return }
    let time = milliseconds(now)
    let others = members.filter { $0.zone == zone && !$0.isDraining }.map(\.id)
    let live = isDraining && !others.isEmpty ? others : others + [me]
    let blindNow = verdicts.blind(among: live, at: time)
    let isReranked = isRanked || blindNow != blind
    blind = blindNow
    let seeing = blind.isEmpty ? live : live.filter { !blind.contains($0) }
    var changed: [EndpointStanding] = []
    for i in watched.indices {
      if isReranked { rank(i, live, seeing) }
      let health = verdicts.quorum(watched[i].watch.endpoint, live: live, blind: blind, at: time)
      standIn(i, health, time, now)
      let standing = EndpointStanding(
        endpoint: watched[i].watch.endpoint, isMine: watched[i].isAssigned || watched[i].isStandIn, state: health.state, by: health.by)
      if standing == watched[i].standing { continue }
      watched[i].standing = standing
      changed.append(standing)
    }
    if !changed.isEmpty { effects.append(.standings(changed)) }
  }

  private mutating func rank(_ i: Int, _ live: [MemberID], _ seeing: [MemberID]) {
    let endpoint = watched[i].watch.endpoint
    watched[i].checkers = CheckRanks.first(limits.verdicts.checkers, of: seeing, for: endpoint)
    watched[i].isAssigned = CheckRanks.checks(me, endpoint, members: live, seeing: seeing, checkers: limits.verdicts.checkers)
  }

  /// Those whose turn it is may not know the endpoint, or not run its checks: then whoever needs to know checks for itself.
  private mutating func standIn(_ i: Int, _ health: EndpointHealth, _ time: UInt64, _ now: FactTime) {
    let endpoint = watched[i].watch.endpoint
    let saying = watched[i].checkers.count { verdicts.isSaying($0, of: endpoint, at: time) }
    if watched[i].isAssigned || saying * 2 > watched[i].checkers.count {
      (watched[i].isStandIn, watched[i].unknownSince) = (false, nil)
      return
    }
    let since = watched[i].unknownSince ?? now.monotonic
    watched[i].unknownSince = since
    if now.monotonic &- since >= watched[i].watch.patience { watched[i].isStandIn = true }
  }
}
