import Runtime
import Testing

@testable import Gossip

@Suite struct SharedFactsTests {
  private typealias World = SharedFactsWorld
  private let second = SharedFactsWorld.second

  @Test("what one writes all know within a second", arguments: [2, 3, 5, 20])
  func writes(nodes: Int) {
    let world = World(nodes)
    world.run(3 * second)
    world.write(0, "a", "1")
    world.purge(nodes - 1, "p")
    let isKnown = world.run(second) {
      world.nodes.indices.allSatisfy { world.value($0, "a") == "1" && world.nodes[$0].applied == [Array("p".utf8)] }
    }
    #expect(isKnown)
  }

  @Test func aClusterOfWhichNothingIsNewsExchangesNothing() {
    let world = World(5)
    world.write(0, "a", "1")
    world.run(10 * second)
    #expect(world.agree)
    let before = world.exchanges
    world.run(60 * second)
    #expect(world.exchanges == before)
  }

  @Test("under loss, partitions and restarts all ends equal, and each purge was applied or dropped for", arguments: 1...12)
  func chaos(seed: Int) {
    let world = World(5, seed: UInt64(seed))
    world.run(3 * second)
    world.lossPerMille = 300
    var purges: [[UInt8]] = []
    for step in 0..<40 {
      let i = Int(world.random.below(5))
      switch world.random.below(6) {
      case 0, 1: world.write(i, "name-\(world.random.below(10))", world.random.below(4) == 0 ? nil : "value-\(step)")
      case 2:
        world.purge(i, "purge-\(step)")
        if world.nodes[i].facts != nil { purges.append(Array("purge-\(step)".utf8)) }
      case 3: world.part((0..<5).map { _ in Int(world.random.below(2)) })
      case 4: world.kill(i)
      case _: if world.nodes[i].facts == nil { world.launch(i) }
      }
      world.run(world.random.below(2 * second))
    }
    world.part([0, 0, 0, 0, 0])
    for i in 0..<5 where world.nodes[i].facts == nil { world.launch(i) }
    world.lossPerMille = 0
    #expect(world.run(15 * second) { world.agree }, "seed \(seed)")
    world.run(5 * second)
    for node in world.nodes {
      #expect(node.facts!.log.isSettled)
      // A life applies each once; what an earlier life had applied is not applied again.
      #expect(Set(node.applied).count == node.applied.count)
    }
    // Purges are an hour old at most: nobody had to drop anything, and all of them are everywhere.
    let summaries = world.nodes.map { $0.facts!.log.streamCount }
    #expect(Set(summaries).count == 1)
  }

  @Test func aRestartedNodeGoesOnFromWhatItKept() throws {
    let world = World(3)
    world.write(1, "a", "1")
    world.purge(1, "p")
    world.run(3 * second)
    for i in 0..<3 { world.kill(i) }
    world.launch(2)
    #expect(world.value(2, "a") == "1")
    #expect(world.nodes[2].facts!.log.count == 1)
    world.write(2, "a", "2")
    world.launch(0)
    world.launch(1)
    #expect(world.run(5 * second) { world.agree && world.value(0, "a") == "2" })
    #expect(world.nodes[0].applied.isEmpty, "applied in the life before")
  }

  @Test func whatIsKeptIsReadOnlyWhole() throws {
    let world = World(1)
    world.write(0, "a", "1")
    let bytes = world.nodes[0].facts!.state.bytes
    #expect(try FactState(bytes) == world.nodes[0].facts!.state)
    for cut in 0..<bytes.count {
      #expect(throws: ByteReadError.self) { try FactState(Array(bytes[..<cut])) }
      var changed = bytes
      changed[cut] ^= 1
      #expect(throws: ByteReadError.self) { try FactState(changed) }
    }
  }

  @Test func whoWasAwayForWeeksBringsNothingBackThatWasDeleted() {
    let world = World(3)
    world.write(0, "gone", "1")
    world.write(0, "kept", "1")
    world.run(3 * second)
    world.kill(2)
    world.write(0, "gone", nil)
    world.run(2 * second)
    for _ in 0..<16 {
      world.skip(World.day)
      world.run(3 * second)
    }
    #expect(world.nodes[0].facts!.register.count == 1, "the delete is forgotten")
    world.launch(2)
    #expect(world.run(5 * second) { world.agree })
    #expect((0..<3).map { world.value($0, "gone") } == [nil, nil, nil])
    #expect((0..<3).map { world.value($0, "kept") } == ["1", "1", "1"])
  }

  @Test("a cluster that grows out of one old node loses nothing", arguments: 1...8)
  func growth(seed: Int) {
    let world = World(3, seed: UInt64(seed), running: false)
    world.launch(0)
    world.write(0, "old", "1")
    for _ in 0..<30 {
      world.skip(World.day)
      world.run(second)
    }
    world.launch(1)
    world.launch(2)
    world.write(1, "new", "2")
    #expect(world.run(10 * second) { world.agree })
    for i in 0..<3 { #expect(world.value(i, "old") == "1" && world.value(i, "new") == "2") }
  }

  @Test func aFastClockWinsNothing() {
    let world = World(3)
    world.nodes[0].skew = Int64(600 * second)
    world.run(5 * second)
    #expect(world.nodes[0].clocks.last.map { if case .fast = $0 { true } else { false } } == true)
    world.write(0, "a", "fast")
    world.run(2 * second)
    world.write(1, "a", "right")
    #expect(world.run(5 * second) { (0..<3).allSatisfy { world.value($0, "a") == "right" } })
  }

  @Test func theLoserOfTwoWritesIsTold() {
    let world = World(2)
    world.run(2 * second)
    world.part([0, 1])
    world.write(0, "a", "x")
    world.run(100 * World.ms)
    world.write(1, "a", "y")
    world.part([0, 0])
    #expect(world.run(5 * second) { world.agree })
    #expect(world.nodes[0].lost.map { String(decoding: $0.value, as: UTF8.self) } == ["x"])
    #expect(world.nodes[1].lost.isEmpty)
  }

  // MARK: ticket keys

  @Test func allSealWithOneTicketKeyOnceAllKnowIt() {
    let world = World(5)
    #expect(world.run(8 * second) { world.nodes.allSatisfy { $0.tickets.opening.count == 1 } })
    #expect(world.nodes.allSatisfy { $0.tickets.sealing == nil })
    world.run(10 * second)
    let key = world.nodes[0].tickets.sealing
    #expect(key != nil && world.nodes.allSatisfy { $0.tickets.sealing == key })
    world.kill(3)
    world.launch(3)
    #expect(world.run(second) { world.nodes[3].tickets.sealing == key }, "a node that comes knows it within a second")
    world.skip(8 * 3_600 * second - 120 * second)
    world.run(160 * second)
    let next = world.nodes[0].tickets.sealing
    #expect(next != key && world.nodes.allSatisfy { $0.tickets.sealing == next && $0.tickets.opening.count == 2 })
  }

  // MARK: verdicts

  private func watch(_ world: SharedFactsWorld, _ endpoints: [EndpointID]) {
    for i in world.nodes.indices {
      world.with(i) { $0.watch(endpoints.map { EndpointWatch($0, patience: 10 * SharedFactsWorld.second) }, now: $1) }
    }
  }

  private func check(_ world: SharedFactsWorld, _ endpoint: EndpointID, _ healthy: (Int) -> Bool) {
    for i in world.nodes.indices where world.nodes[i].standings[endpoint]?.isMine == true {
      let isHealthy = healthy(i)
      world.with(i) { $0.found(endpoint, isHealthy: isHealthy, now: $1) }
    }
  }

  private func states(_ world: SharedFactsWorld, _ endpoint: EndpointID) -> [EndpointHealth.State?] {
    world.nodes.filter { $0.facts != nil }.map { $0.standings[endpoint]?.state }
  }

  @Test func threeNodesCheckAnEndpointForAll() {
    let world = World(12)
    let endpoints = (1...20).map { EndpointID(StableHash.avalanche(UInt64($0))) }
    watch(world, endpoints)
    world.run(3 * second)
    for endpoint in endpoints {
      #expect(world.nodes.count { $0.standings[endpoint]?.isMine == true } == 3)
      check(world, endpoint) { _ in true }
    }
    #expect(world.run(second) { endpoints.allSatisfy { states(world, $0).allSatisfy { $0 == .healthy } } })
    check(world, endpoints[3]) { _ in false }
    #expect(world.run(second) { states(world, endpoints[3]).allSatisfy { $0 == .unhealthy } })
    let checker = world.nodes.firstIndex { $0.standings[endpoints[3]]?.isMine == true }!
    world.kill(checker)
    world.run(second)
    #expect(world.nodes.count { $0.facts != nil && $0.standings[endpoints[3]]?.isMine == true } == 3, "another takes its turn")
  }

  @Test func aZoneChecksForItself() {
    let world = World(8, running: false)
    for i in 0..<8 {
      world.nodes[i].zone = i < 4 ? "a" : "b"
      world.launch(i)
    }
    let endpoint = EndpointID(7)
    watch(world, [endpoint])
    world.run(2 * second)
    for zone in ["a", "b"] { #expect(world.nodes.count { $0.zone == zone && $0.standings[endpoint]?.isMine == true } == 3) }
    check(world, endpoint) { $0 < 4 }
    let isSplit = world.run(second) {
      world.nodes.allSatisfy { $0.standings[endpoint]?.state == ($0.zone == "a" ? .healthy : .unhealthy) }
    }
    #expect(isSplit)
  }

  @Test func whoDrainsIsRelievedOfItsChecks() {
    let world = World(5)
    let endpoint = EndpointID(9)
    watch(world, [endpoint])
    world.run(second)
    let checker = world.nodes.firstIndex { $0.standings[endpoint]?.isMine == true }!
    world.nodes[checker].isDraining = true
    world.tellMembers()
    #expect(world.nodes[checker].standings[endpoint]?.isMine == false)
    #expect(world.nodes.count { $0.standings[endpoint]?.isMine == true } == 3)
  }

  @Test func whatNobodyChecksIsCheckedByWhoNeedsIt() {
    let world = World(6)
    let endpoint = EndpointID(11)
    watch(world, [endpoint])
    world.run(second)
    let outsider = world.nodes.firstIndex { $0.standings[endpoint]?.isMine == false }!
    // The others were never told of the endpoint, as with a configuration that has come to one node only.
    for i in world.nodes.indices where i != outsider { world.with(i) { $0.watch([], now: $1) } }
    world.run(8 * second)
    #expect(world.nodes[outsider].standings[endpoint]?.isMine == false)
    world.run(3 * second)
    #expect(world.nodes[outsider].standings[endpoint]?.isMine == true)
    watch(world, [endpoint])
    check(world, endpoint) { $0 != outsider }
    #expect(
      world.run(5 * second) { world.nodes[outsider].standings[endpoint]?.isMine == false }, "and no longer once those whose turn it is do")
  }

  @Test func verdictsThatHoldAreSaidAgainAndThoseOfTheGoneEnd() {
    let world = World(5)
    let endpoint = EndpointID(13)
    watch(world, [endpoint])
    world.run(second)
    check(world, endpoint) { _ in true }
    world.run(200 * second, step: 50 * World.ms)
    #expect(states(world, endpoint).allSatisfy { $0 == .healthy }, "said again while they hold")
  }
}
