import Runtime
import Testing

@testable import Gossip

@Suite struct FactsLogSafetyTests {
  @Test("nobody is in step who has missed a purge and was not told", arguments: UInt64(1)...24)
  func safety(seed: UInt64) {
    var world = LogWorld(seed: seed, nodes: 3 + Int(seed % 3))
    for _ in 0..<1_500 where world.violations.isEmpty { world.step() }
    #expect(world.violations == [])
    #expect(world.inStepSeen >= 4, "the run has to reach agreement now and then to say anything")
    let isHealed = world.heal(rounds: 120)
    #expect(isHealed && world.violations == [])
    for at in world.nodes.indices {
      let isSettled = world.nodes[at].log.settle(live: world.nodes.map(\.log.me).filter { $0 != world.nodes[at].log.me })
      #expect(isSettled)
    }
    for node in world.nodes {
      #expect(node.covered.count == world.purges.count, "after healing nobody has missed any")
      #expect(node.log.digest.hash == world.nodes[0].log.digest.hash)
      #expect(node.log.streamCount <= world.limits.streamsMax && node.log.count <= world.limits.entriesMax)
    }
  }

  @Test func aRunIsTheSameTwice() {
    func run() -> [LogSummary] {
      var world = LogWorld(seed: 77, nodes: 4)
      for _ in 0..<1_500 { world.step() }
      return world.nodes.map(\.log.summary)
    }
    let (first, second) = (run(), run())
    #expect(first == second)
  }

  @Test func inAClusterThatStaysTogetherNobodyIsEverToldToResync() {
    var world = LogWorld(seed: 5, nodes: 5, limits: LogWorld.wide)
    // Streams end, are forgotten by one after the other, and new ones begin, over and over.
    for round in 0..<400 {
      world.now += round % 40 == 39 ? 2_500 : 25
      if round % 3 == 0 && round % 40 < 30 { world.append(round % 5) }
      let isQuiet = world.heal(rounds: 20)
      #expect(isQuiet, "round \(round)")
    }
    #expect(world.resyncs == 0 && world.violations == [])
    #expect(world.nodes.allSatisfy { $0.log.streamCount < 40 }, "ended streams are forgotten")
  }
}

extension LogWorld {
  /// Room enough that nothing is dropped for want of it.
  static var wide: LogLimits {
    var limits = narrow
    limits.entriesMax = 1_000
    limits.streamsMax = 100
    limits.horizonsMax = 100
    limits.peersMax = 100
    return limits
  }
}
