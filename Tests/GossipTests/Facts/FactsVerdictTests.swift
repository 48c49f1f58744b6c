import Runtime
import Testing

@testable import Gossip

@Suite struct FactsVerdictTests {
  private let ns: UInt64 = 1_000_000
  private let time: UInt64 = 1_000_000

  private func zone(_ count: Int) -> [MemberID] { (1...UInt64(count)).map { MemberID($0 &* 0x9E37_79B9_7F4A_7C15) } }
  private func upstream(_ count: Int) -> [EndpointID] { (0..<UInt64(count)).map { EndpointID(StableHash.avalanche($0 + 7)) } }

  private func checks(of me: MemberID, _ endpoints: [EndpointID], _ members: [MemberID], blind: [MemberID] = []) -> Int {
    let seeing = members.filter { !blind.contains($0) }
    return endpoints.count { CheckRanks.checks(me, $0, members: members, seeing: seeing, checkers: 3) }
  }

  @Test("checks are the endpoints times three, however many nodes there are", arguments: [1, 2, 3, 20, 200])
  func load(nodes: Int) {
    let (members, endpoints) = (zone(nodes), upstream(100))
    let loads = members.map { checks(of: $0, endpoints, members) }
    #expect(loads.reduce(0, +) == 100 * min(nodes, 3))
    #expect(loads.max()! <= 300 / nodes * 2 + 12, "evenly")
  }

  @Test func whenANodeGoesOnlyItsChecksMove() {
    let (members, endpoints) = (zone(20), upstream(200))
    for gone in members[..<5] {
      let rest = members.filter { $0 != gone }
      for endpoint in endpoints {
        let before = CheckRanks.first(3, of: members, for: endpoint)
        let after = CheckRanks.first(3, of: rest, for: endpoint)
        #expect(before.filter { $0 != gone } == Array(after.prefix(before.contains(gone) ? 2 : 3)))
      }
    }
  }

  private func board(_ said: [(MemberID, EndpointID, Bool)], at milliseconds: UInt64? = nil) -> VerdictBoard {
    var board = VerdictBoard(me: MemberID(99), generation: 1)
    var clock = HybridClock()
    for (checker, endpoint, isHealthy) in said {
      let stamp = HybridStamp(milliseconds: milliseconds ?? time)
      let verdict = Verdict(endpoint: endpoint, checker: checker, generation: 1, stamp: stamp, since: 1, isHealthy: isHealthy)
      #expect(board.merge(verdict, clock: &clock, now: time * ns) == .changed)
    }
    return board
  }

  @Test(
    "a majority of the checkers decides",
    arguments: [
      // What the first, second, third and fourth in rank say; who is alive; what follows.
      ("hhh-", 4, EndpointHealth.State.healthy), ("uuu-", 4, .unhealthy), ("huu-", 4, .unhealthy), ("hhu-", 4, .healthy),
      ("h---", 4, .unknown), ("hu--", 4, .unknown), ("hh--", 4, .healthy), ("----", 4, .unknown), ("-uuh", 4, .unhealthy),
      ("hhuu", 4, .healthy), ("h", 1, .healthy), ("hu", 2, .unknown), ("uu", 2, .unhealthy),
    ] as [(String, Int, EndpointHealth.State)])
  func quorum(said: String, nodes: Int, expected: EndpointHealth.State) {
    let members = zone(nodes)
    let endpoint = upstream(1)[0]
    let rank = CheckRanks.first(nodes, of: members, for: endpoint)
    let verdicts = zip(rank, said).filter { $1 != "-" }.map { ($0, endpoint, $1 == "h") }
    let health = board(verdicts).quorum(endpoint, live: members, blind: [], at: time)
    #expect(health.state == expected)
    #expect(health.by.allSatisfy(rank.contains) && health.by.isEmpty == (expected == .unknown))
  }

  @Test func theDeadAndTheSilentDoNotCount() {
    let members = zone(5)
    let endpoint = upstream(1)[0]
    let rank = CheckRanks.first(5, of: members, for: endpoint)
    let board = board(rank.map { ($0, endpoint, $0 != rank[0] && $0 != rank[1]) })
    #expect(board.quorum(endpoint, live: members, blind: [], at: time).state == .unhealthy)
    #expect(board.quorum(endpoint, live: Array(rank[1...]), blind: [], at: time).state == .healthy)
    let later = time + board.limits.lifetime
    #expect(board.quorum(endpoint, live: members, blind: [], at: later - 1).state == .unhealthy)
    #expect(board.quorum(endpoint, live: members, blind: [], at: later).state == .unknown)
  }

  @Test func aNodeThatIsCutOffDoesNotPoisonTheQuorum() {
    let (members, endpoints) = (zone(3), upstream(30))
    let cutOff = [members[0]]
    // With one of the others down as well, its word would be the majority's.
    var said = endpoints.flatMap { endpoint in members.map { ($0, endpoint, $0 != members[0]) } }
    let down = endpoints[4]
    said = said.map { $0.1 == down ? ($0.0, down, false) : $0 }
    let board = board(said)
    #expect(board.blind(among: members, at: time) == cutOff)
    #expect(board.quorum(endpoints[0], live: members, blind: cutOff, at: time).state == .healthy)
    #expect(board.quorum(down, live: members, blind: cutOff, at: time).state == .unhealthy)
    let two = [members[0], members[1]]
    #expect(board.blind(among: two, at: time) == cutOff)
    #expect(board.quorum(endpoints[0], live: two, blind: cutOff, at: time).by == [members[1]])
    // It checks on, and another checks beside it.
    let four = zone(4)
    let loads = four.map { checks(of: $0, endpoints, four, blind: cutOff) }
    let without = checks(of: members[0], endpoints, four)
    #expect(loads[0] == without && loads.reduce(0, +) == 90 + without)
  }

  @Test func whenEverythingIsDownNobodyIsBlind() {
    let (members, endpoints) = (zone(3), upstream(10))
    let board = board(endpoints.flatMap { endpoint in members.map { ($0, endpoint, false) } })
    #expect(board.blind(among: members, at: time) == [])
    #expect(endpoints.allSatisfy { board.quorum($0, live: members, blind: [], at: time).state == .unhealthy })
  }

  @Test func aVerdictIsSaidAgainOnlyWhenItChangesOrIsDue() {
    var board = VerdictBoard(me: MemberID(1), generation: 1)
    var clock = HybridClock()
    let endpoint = upstream(1)[0]
    let steps: [(UInt64, Bool)] = [(0, true), (1, true), (39_999, true), (40_000, true), (40_001, false), (40_002, false)]
    let told = steps.map { step in board.report(endpoint, isHealthy: step.1, clock: &clock, now: (time + step.0) * ns) }
    #expect(told == [true, false, false, true, true, false])
    #expect(board.all.map(\.since) == [time + 40_001])
    // After a restart the first check is told, and the time since when it holds is kept.
    var next = VerdictBoard(me: MemberID(1), generation: 2)
    _ = next.merge(board.all[0], clock: &clock, now: (time + 40_003) * ns)
    let isTold = next.report(endpoint, isHealthy: false, clock: &clock, now: (time + 40_003) * ns)
    #expect(isTold && next.all.map(\.since) == [time + 40_001] && next.all.map(\.generation) == [2])
  }

  @Test func whatOneHasForgottenDoesNotComeBackFromAnother() {
    let (member, endpoint) = (MemberID(5), upstream(1)[0])
    func verdict(_ at: UInt64) -> Verdict {
      Verdict(endpoint: endpoint, checker: member, generation: 1, stamp: HybridStamp(milliseconds: at), since: 1, isHealthy: true)
    }
    var board = VerdictBoard(me: MemberID(1), generation: 1)
    var clock = HybridClock()
    let lifetime = board.limits.lifetime
    let outcomes = [time - lifetime, time - lifetime + 1, time, time, time + 2_001].map {
      board.merge(verdict($0), clock: &clock, now: time * ns)
    }
    #expect(outcomes == [.expired, .changed, .refreshed, .known, .ahead(milliseconds: 1)])
  }

  @Test("boards converge, and what expired does not come back", arguments: UInt64(1)...20)
  func convergence(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let members = zone(5)
    let endpoints = upstream(6)
    var boards = members.map { VerdictBoard(me: $0, generation: 1) }
    var clocks = members.map { _ in HybridClock() }
    var flight: [(Int, Verdict)] = []
    var now = time
    for _ in 0..<800 {
      now += random.below(3_000)
      let at = Int(random.below(5))
      // The last of them stops checking half way.
      if at < 4 || now < time + 500_000 {
        let endpoint = endpoints[Int(random.below(6))]
        _ = boards[at].report(endpoint, isHealthy: random.below(2) == 0, clock: &clocks[at], now: now * ns)
      }
      for verdict in boards[at].takeNews(budget: 150, tellings: 2) { flight.append((Int(random.below(5)), verdict)) }
      while flight.count > 8 {
        let message = flight.remove(at: Int(random.below(UInt64(flight.count))))
        if random.below(4) == 0 { continue }
        _ = boards[message.0].merge(message.1, clock: &clocks[message.0], now: now * ns)
        if random.below(5) == 0 { flight.append(message) }
      }
      let expiring = Int(random.below(5))
      boards[expiring].expire(at: now)
      #expect(boards[expiring].all.allSatisfy { !$0.stamp.isOlder(than: boards[0].limits.lifetime, at: now) })
    }
    for at in 0..<5 { boards[at].expire(at: now) }
    for from in 0..<5 {
      for to in 0..<5 {
        let buckets = boards[from].digest.differing(from: boards[to].digest)
        for verdict in boards[from].verdicts(inBuckets: buckets) { _ = boards[to].merge(verdict, clock: &clocks[to], now: now * ns) }
      }
    }
    for from in 0..<5 {
      for to in 0..<5 {
        let buckets = boards[from].digest.differing(from: boards[to].digest)
        for verdict in boards[from].verdicts(inBuckets: buckets) { _ = boards[to].merge(verdict, clock: &clocks[to], now: now * ns) }
      }
    }
    for board in boards {
      #expect(board.hash == boards[0].hash && board.all.map(\.endpoint) == boards[0].all.map(\.endpoint))
      #expect(board.all.map(\.isHealthy) == boards[0].all.map(\.isHealthy) && board.all.map(\.checker) == boards[0].all.map(\.checker))
      #expect(!board.all.contains { $0.checker == members[4] }, "it has been silent for longer than a verdict lasts")
    }
  }
}
