import Runtime
import Testing

/// Nodes at fixed addresses, each with its number for an owner.
private final class Nodes {
  let base: UnsafeMutablePointer<TimerNode>
  private let count: Int

  init(_ count: Int) {
    self.count = count
    base = .allocate(capacity: count)
    base.initialize(repeating: TimerNode(), count: count)
    // SAFETY: the owner is a number that nobody follows; one more than the index, because zero is nil.
    for i in 0..<count { base[i].owner = UnsafeMutableRawPointer(bitPattern: i + 1) }
  }

  deinit { base.deallocate() }

  subscript(_ index: Int) -> UnsafeMutablePointer<TimerNode> { base + index }
  func index(_ node: UnsafeMutablePointer<TimerNode>) -> Int { Int(bitPattern: node.pointee.owner) - 1 }
}

/// A wheel and its nodes, and beside them the plainest thing that could do the same: a deadline each.
private final class ModelledWheel {
  var wheel: TimerWheel
  let nodes: Nodes
  private(set) var deadlines: [UInt64]
  /// When each may fire at the earliest: its deadline, or the time at which it was given one that had passed already.
  private var due: [UInt64]
  var now: UInt64

  init(_ count: Int, now: UInt64) {
    self.now = now
    wheel = TimerWheel(now: now)
    nodes = Nodes(count)
    deadlines = [UInt64](repeating: 0, count: count)
    due = deadlines
  }

  deinit { wheel.deallocate() }

  func schedule(_ index: Int, at deadline: UInt64) {
    wheel.schedule(nodes[index], at: deadline)
    deadlines[index] = deadline
    due[index] = max(deadline, now)
  }

  func cancel(_ index: Int) {
    wheel.cancel(nodes[index])
    deadlines[index] = 0
  }

  /// Turns the wheel to `time`; checks each expiry against the model and gives the indices in order.
  @discardableResult
  func advance(to time: UInt64) -> [Int] {
    now = time
    var fired: [Int] = []
    while let node = wheel.expire(now: now) {
      let index = nodes.index(node)
      #expect(deadlines[index] != 0, "node \(index) has no deadline")
      #expect(deadlines[index] <= now, "node \(index) fired \(deadlines[index] &- now) ns early")
      #expect(node.pointee.deadline == 0)
      deadlines[index] = 0
      fired.append(index)
    }
    for index in deadlines.indices where deadlines[index] != 0 {
      #expect(due[index] + TimerWheel.slotNanoseconds > now, "node \(index) is \(now &- due[index]) ns late")
    }
    return fired
  }
}

@Suite("Timer wheel")
struct TimerWheelTests {
  static let slot = TimerWheel.slotNanoseconds
  static let turn = TimerWheel.slotNanoseconds * UInt64(TimerWheel.slots)

  @Test("a node fires once, in the slot after its deadline and not before")
  func fires() {
    let model = ModelledWheel(1, now: 1_000_000_007)
    let deadline = model.now + 25_000_000
    model.schedule(0, at: deadline)
    #expect(model.advance(to: deadline - 1).isEmpty)
    #expect(model.advance(to: deadline + TimerWheelTests.slot) == [0])
    #expect(model.advance(to: deadline + 10 * TimerWheelTests.turn).isEmpty)
  }

  @Test("a deadline that has passed already fires at the next slot")
  func passed() {
    let model = ModelledWheel(2, now: 8_000_000)
    model.schedule(0, at: 1)
    model.schedule(1, at: 8_000_000)
    #expect(Set(model.advance(to: 12_000_000)) == [0, 1])
  }

  @Test("moving a deadline later costs a store: the node fires at the later time only")
  func lazyMoves() {
    let model = ModelledWheel(1, now: 0)
    model.schedule(0, at: 10_000_000)
    for step in 1...1000 as ClosedRange<UInt64> {
      model.schedule(0, at: step * 7_000_000 + 10_000_000)
      #expect(model.advance(to: step * 7_000_000).isEmpty, "step \(step)")
    }
    #expect(model.advance(to: 7_010_000_000 + TimerWheelTests.slot) == [0])
  }

  @Test("moving a deadline earlier is heeded")
  func earlier() {
    let model = ModelledWheel(1, now: 0)
    model.schedule(0, at: 3 * TimerWheelTests.turn)
    model.schedule(0, at: 20_000_000)
    #expect(model.advance(to: 24_000_000) == [0])
    #expect(model.wheel.nextDue == .max)
  }

  @Test("a deadline of 0 lets the node fall out, and it may be scheduled again before that")
  func cleared() {
    let model = ModelledWheel(2, now: 0)
    for index in 0...1 { model.schedule(index, at: 40_000_000) }
    for index in 0...1 { model.schedule(index, at: 0) }
    model.schedule(1, at: 80_000_000)
    #expect(model.advance(to: 60_000_000).isEmpty)
    #expect(model.advance(to: 84_000_000) == [1])
  }

  @Test("a cancelled node does not fire, and its memory is its owner's again")
  func cancelled() {
    let model = ModelledWheel(3, now: 0)
    for index in 0..<3 { model.schedule(index, at: 40_000_000) }
    model.cancel(1)
    model.nodes[1].initialize(to: TimerNode())
    #expect(Set(model.advance(to: 44_000_000)) == [0, 2])
    model.cancel(0)
    model.cancel(0)
    #expect(model.wheel.nextDue == .max)
  }

  @Test("deadlines beyond a turn are kept", arguments: [1, 2, 5, 100] as [UInt64])
  func beyondATurn(turns: UInt64) {
    let model = ModelledWheel(1, now: 123_456_789)
    let deadline = model.now + turns * TimerWheelTests.turn + 1
    model.schedule(0, at: deadline)
    while model.now + TimerWheelTests.turn / 3 < deadline { #expect(model.advance(to: model.now + TimerWheelTests.turn / 3).isEmpty) }
    #expect(model.advance(to: deadline + TimerWheelTests.slot) == [0])
  }

  @Test("after a long sleep everything that was due fires at once, and the rest stays")
  func longSleep() {
    let model = ModelledWheel(4, now: 0)
    let day: UInt64 = 86_400_000_000_000
    model.schedule(0, at: 5_000_000)
    model.schedule(1, at: TimerWheelTests.turn + 5_000_000)
    model.schedule(2, at: day - 1)
    model.schedule(3, at: day + 8_000_000)
    #expect(Set(model.advance(to: day + 4_000_000)) == [0, 1, 2])
    #expect(model.advance(to: day + 12_000_000) == [3])
  }

  @Test("a node may be scheduled, and others cancelled, while the wheel turns")
  func fromWithin() {
    let wheel = ModelledWheel(3, now: 0)
    for index in 0..<3 { wheel.wheel.schedule(wheel.nodes[index], at: 10_000_000) }
    let first = wheel.wheel.expire(now: 20_000_000).map(wheel.nodes.index) ?? -1
    let others = Set(0..<3).subtracting([first]).sorted()
    wheel.wheel.cancel(wheel.nodes[others[0]])
    wheel.wheel.schedule(wheel.nodes[first], at: 30_000_000)
    #expect(wheel.wheel.expire(now: 20_000_000).map(wheel.nodes.index) == others[1])
    #expect(wheel.wheel.expire(now: 20_000_000) == nil)
    #expect(wheel.wheel.expire(now: 34_000_000).map(wheel.nodes.index) == first)
  }

  @Test("the wait reaches to the next slot that holds a node and no further")
  func waits() {
    let model = ModelledWheel(2, now: 1_000_000_000)
    #expect(model.wheel.nextDue == .max)
    model.schedule(0, at: model.now + 100_000_000)
    let due = model.wheel.nextDue
    #expect((model.now + 100_000_000...model.now + 104_000_000).contains(due))
    model.schedule(1, at: model.now + 40_000_000)
    #expect((model.now + 40_000_000...model.now + 44_000_000).contains(model.wheel.nextDue))
    model.advance(to: due)
    #expect(model.deadlines == [0, 0])
  }

  @Test("random schedules agree with the model", arguments: 1...12 as ClosedRange<UInt64>)
  func randomSchedules(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let model = ModelledWheel(40, now: random.below(1 << 50))
    // Far deadlines, near ones, and ones that have passed; small steps and leaps over several turns.
    let reaches: [UInt64] = [1, 3_000_000, 50_000_000, 2_000_000_000, TimerWheelTests.turn, 5 * TimerWheelTests.turn]
    func some() -> UInt64 { random.below(reaches[Int(random.below(UInt64(reaches.count)))]) }
    for _ in 0..<4000 {
      let index = Int(random.below(40))
      switch random.below(8) {
      case 0...3: model.schedule(index, at: model.now + some())
      case 4: model.schedule(index, at: max(1, model.now - min(model.now, some())))
      case 5: random.below(2) == 0 ? model.cancel(index) : model.schedule(index, at: 0)
      case 6:
        // Whoever waits as long as the wheel says sleeps through no deadline.
        let due = model.wheel.nextDue
        if due < .max { model.advance(to: max(due, model.now)) }
      default: model.advance(to: model.now + some())
      }
    }
    model.advance(to: model.now + 6 * TimerWheelTests.turn)
    #expect(model.deadlines.allSatisfy { $0 == 0 })
    #expect(model.wheel.nextDue == .max)
  }
}
