import Runtime
import Testing

@testable import Gossip

@Suite struct FactsTellQueueTests {
  @Test func theLeastToldGoFirstAndAmongThemTheNewest() {
    var queue = TellQueue<Int>(limit: 100)
    for item in 1...4 { queue.add(item) }
    let first = queue.take(budget: 20, tellings: 3) { _ in 10 }
    queue.add(5)
    let second = queue.take(budget: 30, tellings: 3) { _ in 10 }
    let third = queue.take(budget: 50, tellings: 3) { _ in 10 }
    #expect([first, second, third] == [[4, 3], [5, 2, 1], [5, 2, 1, 4, 3]], "of those told as often, those told last first")
  }

  @Test func eachIsToldSoOftenAndAChangeFromTheBeginning() {
    var queue = TellQueue<Int>(limit: 100)
    queue.add(1)
    let counts = (0..<4).map { _ in queue.take(budget: 100, tellings: 3) { _ in 10 }.count }
    #expect(counts == [1, 1, 1, 0] && queue.isEmpty)
    queue.add(1)
    _ = queue.take(budget: 100, tellings: 3) { _ in 10 }
    queue.add(1)
    let again = (0..<4).map { _ in queue.take(budget: 100, tellings: 3) { _ in 10 }.count }
    #expect(again == [1, 1, 1, 0])
  }

  @Test func theBudgetHoldsASmallerOneMayFillItAndWhatIsGoneIsNotTold() {
    var queue = TellQueue<Int>(limit: 100)
    for item in 1...3 { queue.add(item) }
    let taken = [100, 39, 100].map { budget in queue.take(budget: budget, tellings: 9) { $0 == 2 ? 90 : 40 } }
    #expect(taken == [[3, 1], [], [2]])
    queue.remove(2)
    let rest = queue.take(budget: 1_000, tellings: 9) { $0 == 3 ? nil : 40 }
    #expect(rest == [1] && queue.count == 1)
  }

  @Test func itIsBoundedWhateverIsAdded() {
    var random = SeededRandom(seed: 2)
    var queue = TellQueue<UInt64>(limit: 20)
    for round in 0..<5_000 {
      queue.add(random.below(50))
      if round % 7 == 0 { _ = queue.take(budget: Int(random.below(60)), tellings: 4) { _ in 10 } }
      #expect(queue.count <= 20)
    }
    var told: [UInt64] = []
    while !queue.isEmpty { told += queue.take(budget: 100, tellings: 1) { _ in 10 } }
    #expect(told.count == Set(told).count, "nothing waits twice")
  }
}
