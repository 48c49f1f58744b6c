import Gossip
import Runtime
import SimulationKit
import Testing

@Suite struct CounterClusterTests {
  private func policy(_ limit: UInt32) -> CounterPolicy { CounterPolicy.bucket(limit, per: CounterSimulation.second, burst: limit)! }

  private func network(lostInAMillion lost: UInt64) -> CounterSimulation.Network {
    var network = CounterSimulation.Network()
    network.lost = lost
    return network
  }

  @Test(
    "twice the limit offered unevenly: within 1 % or one request over ten windows",
    arguments: [(3, 10, 0), (3, 100, 10_000), (10, 10, 10_000), (10, 100, 10_000), (50, 10, 10_000), (10, 1_000, 10_000)]
      as [(Int, UInt32, UInt64)])
  func steady(nodes: Int, limit: UInt32, lost: UInt64) {
    var cluster = CounterSimulation(
      seed: 1, nodes: nodes, policy: policy(limit), load: Double(limit) * 2, network: network(lostInAMillion: lost))
    cluster.run(until: 12)
    let error = abs(cluster.admitted(from: 2, to: 12) - Int(limit) * 10)
    #expect(error <= max(Int(limit) / 10, 1), "\(error) of \(limit * 10)")
  }

  @Test("a node dies, is found dead and comes back: 5 % or one request in no window more", arguments: [true, false])
  func restart(isOwnerVictim: Bool) {
    let limit = 100
    var cluster = CounterSimulation(seed: 3, nodes: 10, policy: policy(100), load: 260, network: network(lostInAMillion: 10_000))
    let owner = cluster.nodes[0].table.owners(of: cluster.keys[0])[0]
    let victim = cluster.nodes.firstIndex { ($0.member.id == owner) == isOwnerVictim }!
    cluster.at(3.03) { $0.kill(victim) }
    cluster.at(4.8) { $0.tellMembers() }
    cluster.at(5.1) {
      $0.restart(victim)
      $0.tellMembers(victim)
    }
    for i in 0..<10 { cluster.at(5.15 + Double(i) * 0.03) { $0.tellMembers(i) } }
    cluster.run(until: 8)
    for (window, count) in cluster.admittedPerSecond(2..<8).enumerated() {
      #expect(count <= limit + 5, "\(count) in window \(window + 2)")
    }
  }

  @Test func aSplitClusterAdmitsALimitOnEachSideAndOneAgainAfterwards() {
    var cluster = CounterSimulation(seed: 1, nodes: 6, policy: policy(100), load: 600)
    cluster.at(3) { $0.split { $0 % 2 } }
    cluster.at(4.8) { cluster in for i in 0..<6 { cluster.tellMembers(i, without: (0..<6).filter { $0 % 2 != i % 2 }) } }
    cluster.at(6) {
      $0.split { _ in 0 }
      $0.tellMembers()
    }
    cluster.run(until: 9)
    let counts = cluster.admittedPerSecond(2..<9)
    #expect(abs(counts[0] - 100) <= 3)
    for count in counts[1...3] { #expect(count <= 205, "\(counts)") }
    #expect(abs(counts[6] - 100) <= 3, "\(counts)")
  }

  @Test func anIdleClusterSaysNothing() {
    var cluster = CounterSimulation(seed: 2, nodes: 10, policy: policy(100), load: 100)
    cluster.run(until: 2)
    cluster.load = 0.000_1
    cluster.run(until: 3.5)
    let before = cluster.totals.datagrams
    cluster.run(until: 10)
    #expect(cluster.totals.datagrams - before <= 10)
  }

  @Test func theSameSeedIsTheSameRun() {
    func run(_ seed: UInt64) -> [String] {
      var cluster = CounterSimulation(
        seed: seed, nodes: 10, policy: policy(100), load: 300, keys: 20, network: network(lostInAMillion: 10_000))
      cluster.run(until: 1.5)
      return cluster.admitted.map { "\($0)" } + ["\(cluster.datagrams) \(cluster.bytes)"]
    }
    let (first, second, other) = (run(5), run(5), run(6))
    #expect(first == second && first != other)
  }

  @Test func aFloodAtTheNodesIsNoFloodAtTheOwner() {
    var cluster = CounterSimulation(seed: 4, nodes: 10, policy: policy(10), load: 3_000)
    cluster.run(until: 5)
    // Each node asks once per unit that flows in.
    #expect(cluster.asked <= 10 * (5 * 10 + 10), "\(cluster.asked) of \(cluster.offered)")
    let counts = cluster.admittedPerSecond(2..<5)
    #expect(counts.allSatisfy { $0 <= 12 }, "\(counts)")
  }

  @Test func clocksThatDifferByALittleCostLittle() {
    var cluster = CounterSimulation(seed: 5, nodes: 5, policy: policy(1_000), load: 2_000)
    for i in 0..<5 { cluster.skew(i, by: UInt64(i) * 40_000_000) }
    cluster.run(until: 7)
    let error = abs(cluster.admitted(from: 2, to: 7) - 5_000)
    #expect(error <= 100, "\(error)")
  }

  @Test func whereTheOwnerIsFarTheLocalEstimateDecidesAndCountsOnce() {
    var far = CounterSimulation.Network()
    far.delay = 40_000_000...42_000_000
    var cluster = CounterSimulation(seed: 6, nodes: 10, policy: policy(100), load: 200, network: far)
    cluster.run(until: 12)
    // 2 r D with D = 2 (5 + 42) ms, docs/gossip.md.
    let error = abs(cluster.admitted(from: 2, to: 12) - 1_000)
    #expect(error <= 20, "\(error)")
  }
}
