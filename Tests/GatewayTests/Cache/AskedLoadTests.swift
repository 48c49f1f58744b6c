// Owns: the cases of whom a worker asks how often, of what is hot, and of fetches that wait for their turn.
import Runtime
import Testing

@testable import Gateway

@Suite struct AskedLoadTests {
  private func asked(_ counts: [UInt64: Int], now: Int64 = 0) -> AskedLoad {
    var load = AskedLoad()
    for (endpoint, count) in counts { for _ in 0..<count { load.note(endpoint, now: now) } }
    return load
  }

  @Test func aNodeIsOverBeyondAQuarterMoreThanTheAverage() {
    let load = asked([1: 1_000, 2: 1_000, 3: 1_260, 4: 600])
    #expect(load.isOver(3, besides: 4) && load.isOver(3, besides: 2) && load.isOver(3, besides: nil))
    #expect(!load.isOver(1, besides: 4) && !load.isOver(4, besides: 1))
  }

  @Test func nobodyIsSentToANodeThatIsOverItself() {
    let load = asked([1: 1_000, 2: 1_000, 3: 100, 4: 100])
    #expect(!load.isOver(1, besides: 2) && load.isOver(1, besides: 3))
  }

  @Test func fewQuestionsSayNothingAndOneNodeHasNoShare() {
    #expect(!asked([1: 200, 2: 10]).isOver(1, besides: 2))
    #expect(!asked([1: 10_000]).isOver(1, besides: 2))
  }

  @Test func whatWasLongAgoIsForgotten() {
    var load = asked([1: 1_000, 2: 100])
    #expect(load.isOver(1, besides: 2))
    load.note(2, now: 1_000)
    #expect(load.isOver(1, besides: 2), "the window before counts half")
    load.note(2, now: 5_000)
    #expect(!load.isOver(1, besides: 2))
  }

  @Test func aSlowNodeIsSlowForAMoment() {
    var load = AskedLoad()
    load.noteSlow(1, now: 50)
    #expect(load.isSlow(1, now: 50) && load.isSlow(1, now: 1_049) && !load.isSlow(1, now: 1_050) && !load.isSlow(2, now: 50))
    #expect(!load.isSlow(1, now: -10_000), "the clock was set back")
  }
}

@Suite struct HotKeysTests {
  @Test func whatIsAskedForOftenInOneWindowIsHot() {
    var keys = HotKeys()
    for i in 1..<HotKeys.countMin { let isHot = keys.note(5, now: Int64(i)); #expect(!isHot) }
    let isHot = keys.note(5, now: 200); #expect(isHot)
  }

  @Test func whatIsAskedForNowAndThenIsNot() {
    var keys = HotKeys()
    for i in 0..<100 { let isHot = keys.note(5, now: Int64(i) * 60); #expect(!isHot) }
  }

  @Test func aHotKeyStaysAmongOthersThatShareItsPlace() {
    var keys = HotKeys()
    var isHot = false
    for i in 0..<60 {
      isHot = keys.note(5, now: 0) || isHot
      if i % 3 == 0 { _ = keys.note(5 + 512 * UInt64(i + 1), now: 0) }
    }
    #expect(isHot)
  }
}

@Suite struct FillGateTests {
  private final class Counter: Sendable {
    let begun = Locked<[Int]>([])
    let places = Locked<[FillPlace]>([])
    func begin(_ i: Int, _ place: FillPlace) {
      begun.withLock { $0.append(i) }
      places.withLock { $0.append(place) }
    }
    // Given back outside of the lock: that lets in the next.
    func leave() { _ = places.withLock { $0.removeFirst() } }
    var all: [Int] { begun.withLock { $0 } }
  }

  @Test func thoseBeyondTheBoundWaitInTurn() {
    let gate = FillGate()
    gate.set(most: 2)
    let counter = Counter()
    for i in 0..<2 { if let place = gate.enter() { counter.begin(i, place) } }
    #expect(gate.enter() == nil)
    let turns = (2..<5).map { i in gate.wait { counter.begin(i, $0) } }
    #expect(counter.all == [0, 1] && gate.waiting == 3)
    #expect(turns[1].take(), "its time has passed")
    counter.leave()
    #expect(counter.all == [0, 1, 2])
    counter.leave()
    #expect(counter.all == [0, 1, 2, 4], "who was turned away is left out")
    #expect(gate.enter() == nil)
    counter.leave()
    counter.leave()
    #expect(gate.enter() != nil && gate.waiting == 0)
  }

  @Test func aHigherBoundLetsThoseInWhoWait() {
    let gate = FillGate()
    gate.set(most: 1)
    let counter = Counter()
    for i in 0..<3 { _ = gate.wait { counter.begin(i, $0) } }
    #expect(counter.all == [0])
    gate.set(most: 3)
    #expect(counter.all == [0, 1, 2])
    // Each place holds the gate.
    for _ in 0..<3 { counter.leave() }
  }
}
