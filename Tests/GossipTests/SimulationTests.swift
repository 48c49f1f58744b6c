import Gossip
import SimulationKit
import Testing

@Suite struct SimulationTests {
  /// Seeds that once failed stay here for good.
  @Test("a life from its seed keeps what it must, and heals", arguments: (1...48).map { UInt64($0) })
  func life(seed: UInt64) throws {
    _ = try Simulation.life(seed: seed, steps: 40)
  }

  @Test func theSameSeedRunsTheSameWay() throws {
    let first = try Simulation.life(seed: 77, steps: 30)
    let second = try Simulation.life(seed: 77, steps: 30)
    let other = try Simulation.life(seed: 78, steps: 30)
    #expect(first == second && first != other)
  }

  @Test("the figures of membership hold in their short form", arguments: 0..<GossipFigure.membership.count)
  func membership(_ i: Int) {
    let result = GossipFigure.membership[i].take(true)
    #expect(result.holds, "\(GossipFigure.membership[i].name): \(result.text)")
  }

  @Test func aNodeThatLeavesIsMissedByNobody() {
    let s = Simulation.settled(seed: 5, nodes: 6)
    s.leave(2)
    #expect(s.run(atMost: 2_000_000_000) { $0.agrees && !$0.nodes[2].isUp } != nil)
    #expect(!s.upIndices.contains { i in s.nodes[i].changes.contains { $0.change.kind == .died || $0.change.kind == .suspected } })
  }

  @Test func newsOfANodeReachesEverybody() {
    let s = Simulation.settled(seed: 6, nodes: 20)
    s.update(7) { $0.isDraining = true }
    let all = s.run(atMost: 2_000_000_000) { s in
      s.upIndices.allSatisfy { $0 == 7 || s.nodes[$0].membership?[s.nodes[7].id]?.record.isDraining == true }
    }
    #expect(all != nil)
  }

  @Test func nodesFindEachOtherWhenTheirSeedsComeLast() {
    let s = Simulation(seed: 8, nodes: 6, seeds: 2)
    for i in 2..<6 { s.start(i) }
    s.run(3_000_000_000)
    for i in 0..<2 { s.start(i) }
    #expect(s.run(atMost: 10_000_000_000) { $0.agrees } != nil)
  }

  @Test func aSplitHealsAfterItsTombstonesExpired() {
    var options = MembershipOptions()
    options.tombstoneAge = 5_000_000_000
    let s = Simulation.settled(seed: 9, nodes: 8, options: options)
    s.network.part { $0 % 2 }
    s.run(30_000_000_000)
    #expect(s.upIndices.allSatisfy { s.nodes[$0].membership!.members.count == 3 }, "both sides have forgotten the other")
    s.network.heal()
    #expect(s.run(atMost: 5_000_000_000) { $0.agrees } != nil)
  }
}
