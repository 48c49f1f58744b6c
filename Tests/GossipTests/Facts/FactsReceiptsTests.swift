// Owns: the cases of hearing who has applied an entry of the log.
import Runtime
import Testing

@testable import Gossip

@Suite struct FactsReceiptsTests {
  private typealias World = SharedFactsWorld
  private let ms = SharedFactsWorld.ms
  private let second = SharedFactsWorld.second

  /// Appends on the first node and waits for all; it has applied the entry itself at once.
  @discardableResult
  private func append(_ world: World, within: UInt64, applying: Bool = true) -> LogEntryID {
    var id: LogEntryID?
    world.with(0) { facts, now in
      let entry = try! facts.append([1], now: now)
      id = entry.id
      var effects = facts.awaitReceipts(of: entry, within: within, now: now)
      if applying { effects += facts.applied(entry.id, now: now) }
      return effects
    }
    return id!
  }

  private func names(_ ids: [MemberID], _ world: World) -> [Int] { ids.map { world.index($0) }.sorted() }

  @Test("all live members say that they have applied an entry, at once", arguments: [1, 2, 5, 12, 100])
  func all(count: Int) {
    let world = World(count)
    world.run(3 * second)
    let id = append(world, within: 5 * second)
    let started = world.now
    #expect(world.run(2 * second) { !world.nodes[0].receipts.isEmpty })
    #expect(world.nodes[0].receipts.map(\.id) == [id])
    #expect(names(world.nodes[0].receipts[0].applied, world) == Array(0..<count) && world.nodes[0].receipts[0].awaited.isEmpty)
    // Twice 21 ms and a step, or the second telling in a cluster of more than 64.
    #expect(world.now - started <= (count > 64 ? 200 : 100) * ms)
  }

  @Test func whoHasNotAppliedItIsAwaitedUntilTheTimeIsUp() {
    let world = World(4)
    world.run(3 * second)
    world.nodes[2].isSlow = true
    append(world, within: 250 * ms)
    let early = world.run(200 * ms) { !world.nodes[0].receipts.isEmpty }
    #expect(!early)
    world.run(200 * ms)
    #expect(names(world.nodes[0].receipts[0].applied, world) == [0, 1, 3])
    #expect(names(world.nodes[0].receipts[0].awaited, world) == [2])
    #expect(world.nodes[2].pending.count == 1, "told, and not done")

    // One who says so in time counts, however late it heard.
    append(world, within: 5 * second)
    world.run(second)
    let pending = world.nodes[2].pending
    for id in pending { world.with(2) { $0.applied(id, now: $1) } }
    #expect(world.run(second) { world.nodes[0].receipts.count == 2 })
    #expect(world.nodes[0].receipts[1].awaited.isEmpty)
  }

  @Test func theAuthorCountsAsOthersDo() {
    let world = World(2)
    world.run(3 * second)
    append(world, within: 200 * ms, applying: false)
    world.run(second)
    #expect(names(world.nodes[0].receipts[0].applied, world) == [1] && names(world.nodes[0].receipts[0].awaited, world) == [0])
  }

  @Test("receipts and tellings that are lost come again", arguments: 1...20)
  func loss(seed: Int) {
    let world = World(5, seed: UInt64(seed))
    world.run(3 * second)
    world.lossPerMille = 400
    append(world, within: 30 * second)
    #expect(world.run(30 * second) { world.nodes[0].receipts.first?.awaited.isEmpty == true })
  }

  @Test func whoIsGoneIsNotAwaitedAndHearsOfItLater() {
    let world = World(3)
    world.run(3 * second)
    world.kill(2)
    append(world, within: 5 * second)
    #expect(world.run(second) { !world.nodes[0].receipts.isEmpty })
    #expect(names(world.nodes[0].receipts[0].applied, world) == [0, 1] && world.nodes[0].receipts[0].awaited.isEmpty)
    world.launch(2)
    #expect(world.run(5 * second) { world.nodes[2].applied == [[1]] })
  }

  @Test func noMoreAreWaitedForThanThereIsRoomFor() {
    let world = World(2)
    world.run(3 * second)
    world.nodes[1].isSlow = true
    for _ in 0..<LogReceipts.openMax { append(world, within: 60 * second) }
    #expect(world.nodes[0].receipts.isEmpty)
    append(world, within: 60 * second)
    #expect(world.nodes[0].receipts.map { $0.awaited.count } == [2], "said at once that nobody is waited for")
    #expect(world.run(30 * second) { world.nodes[1].applied.count == LogReceipts.openMax + 1 }, "and yet everybody hears of it")
  }

  @Test func aReceiptOfAnEntryThatNobodyWaitsForDoesNothing() {
    let world = World(2)
    world.run(3 * second)
    append(world, within: 5 * second)
    world.run(second)
    let id = world.nodes[0].receipts[0].id
    var writer = ByteWriter()
    _ = FactBatch.encode([id, LogEntryID(stream: id.stream, sequence: 99)], into: &writer)
    let member = world.nodes[1].id
    world.with(0) { facts, now in writer.bytes.withUnsafeBytes { facts.receive(.receipts, $0, from: member, now: now) } }
    #expect(world.nodes[0].receipts.count == 1)
  }
}
