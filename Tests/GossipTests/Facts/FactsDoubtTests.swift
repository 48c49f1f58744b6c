import Runtime
import Testing

@testable import Gossip

/// Nodes that did not run, or were cut off, while others went on.
@Suite struct FactsDoubtTests {
  private func settled(_ count: Int, seed: UInt64) -> SharedFactsWorld {
    let world = SharedFactsWorld(count, seed: seed)
    world.run(5 * SharedFactsWorld.second)
    return world
  }

  private func doubt(_ world: SharedFactsWorld, _ i: Int, _ number: UInt64 = 1) { world.with(i) { $0.doubt(number, now: $1) } }

  @Test func aNodeThatMissedNothingIsSoonSure() {
    let world = settled(3, seed: 1)
    doubt(world, 0)
    #expect(world.nodes[0].undoubted.isEmpty && world.nodes[0].facts!.isInDoubt)
    #expect(world.run(100 * SharedFactsWorld.ms) { world.nodes[0].undoubted == [1] })
    #expect(!world.nodes[0].facts!.isInDoubt)
  }

  @Test(arguments: 0..<40) func whoWasFrozenHasAppliedAllBeforeItIsSure(seed: Int) {
    let world = settled(4, seed: UInt64(seed))
    world.nodes[2].isFrozen = true
    for k in 0..<30 {
      world.purge([0, 1, 3][k % 3], "\(k)")
      world.run(SharedFactsWorld.ms * UInt64(1 + k * 20 % 130))
    }
    world.nodes[2].isFrozen = false
    world.lossPerMille = UInt64(seed % 4) * 100
    doubt(world, 2)
    #expect(world.run(60 * SharedFactsWorld.second) { !world.nodes[2].undoubted.isEmpty })
    #expect(world.nodes[2].appliedBefore == 30)
  }

  @Test func whatLayInASocketProvesNothing() {
    let world = settled(2, seed: 7)
    // Sent before the node stopped, read when it runs again.
    var writer = ByteWriter()
    world.nodes[1].facts!.digest(now: world.time(1)).encode(into: &writer)
    world.purge(1, "missed")
    doubt(world, 0)
    let sender = world.nodes[1].id
    world.with(0) { facts, now in writer.bytes.withUnsafeBytes { facts.receive(.digest, $0, from: sender, now: now) } }
    #expect(world.nodes[0].undoubted.isEmpty)
    #expect(world.run(10 * SharedFactsWorld.second) { !world.nodes[0].undoubted.isEmpty })
    #expect(world.nodes[0].appliedBefore == 1)
  }

  @Test func aNodeInDoubtMakesNobodySure() {
    let world = settled(2, seed: 3)
    doubt(world, 0)
    #expect(!world.nodes[0].facts!.digest(now: world.time(0)).log.isSettled)
    #expect(world.run(100 * SharedFactsWorld.ms) { world.nodes[0].facts!.digest(now: world.time(0)).log.isSettled })
  }

  @Test func aSecondDoubtBeginsAnew() {
    let world = settled(3, seed: 4)
    world.nodes[1].isFrozen = true
    doubt(world, 0, 1)
    world.run(300 * SharedFactsWorld.ms)
    #expect(world.nodes[0].undoubted.isEmpty, "one of the others does not answer")
    doubt(world, 0, 2)
    world.nodes[1].isFrozen = false
    #expect(world.run(SharedFactsWorld.second) { !world.nodes[0].undoubted.isEmpty })
    #expect(world.nodes[0].undoubted == [2])
  }

  @Test func whoIsAloneHasNobodyToAsk() {
    let world = settled(1, seed: 5)
    doubt(world, 0)
    #expect(world.nodes[0].undoubted == [1])
  }

  @Test func nobodyWaitsForOneThatIsGone() {
    let world = settled(3, seed: 6)
    world.nodes[1].isFrozen = true
    doubt(world, 0)
    world.run(300 * SharedFactsWorld.ms)
    #expect(world.nodes[0].undoubted.isEmpty)
    world.part([0, 1, 0])
    #expect(world.run(300 * SharedFactsWorld.ms) { world.nodes[0].undoubted == [1] })
  }
}
