import Testing

@testable import Gossip

@Suite struct RumourQueueTests {
  private func rumour(_ member: UInt64, _ state: MemberState = .alive, incarnation: UInt32 = 0) -> Rumour {
    Rumour(MemberID(member), MemberVersion(generation: 1, incarnation: incarnation), state, origin: MemberID(member))
  }

  private func members(_ rumours: [Rumour]) -> [UInt64] { rumours.map(\.member.value) }

  @Test func theLeastToldGoFirstAndAmongThemTheNewest() {
    var queue = RumourQueue()
    for member in UInt64(1)...4 { queue.add(rumour(member), bytes: 10) }
    let first = members(queue.take(budget: 20, tellings: 3))
    queue.add(rumour(5), bytes: 10)
    let second = members(queue.take(budget: 30, tellings: 3))
    let third = members(queue.take(budget: 50, tellings: 3))
    #expect([first, second, third] == [[4, 3], [5, 2, 1], [5, 4, 3, 2, 1]])
  }

  @Test func eachIsToldSoOftenAndForgotten() {
    var queue = RumourQueue()
    queue.add(rumour(1), bytes: 10)
    let counts = (0..<5).map { _ in queue.take(budget: 100, tellings: 3).count }
    #expect(counts == [1, 1, 1, 0, 0] && queue.isEmpty)
  }

  @Test func newsOfAMemberTakesThePlaceOfOld() {
    var queue = RumourQueue()
    queue.add(rumour(1), bytes: 10)
    _ = queue.take(budget: 100, tellings: 2)
    queue.add(rumour(1, .suspect), bytes: 10)
    #expect(queue.count == 1)
    #expect(queue.rumour(of: MemberID(1))?.state == .suspect)
    let counts = (0..<3).map { _ in queue.take(budget: 100, tellings: 2).count }
    #expect(counts == [1, 1, 0], "told from the beginning")
  }

  @Test func theBudgetHoldsAndASmallerOneMayFillIt() {
    var queue = RumourQueue()
    for member in UInt64(1)...3 { queue.add(rumour(member), bytes: member == 2 ? 90 : 40) }
    let taken = [100, 39, 100].map { members(queue.take(budget: $0, tellings: 9)) }
    #expect(taken == [[3, 1], [], [2]])
  }

  @Test func whoIsSpokenToHearsOfItselfFirst() {
    var queue = RumourQueue()
    for member in UInt64(1)...9 { queue.add(rumour(member, .suspect), bytes: 10) }
    let taken = members(queue.take(budget: 20, tellings: 9, first: MemberID(4)))
    #expect(taken == [4, 9])
  }

  @Test("tellings grow with the logarithm", arguments: [(0, 3), (1, 3), (3, 6), (4, 9), (50, 18), (1000, 30)])
  func tellings(members: Int, expected: Int) {
    #expect(RumourQueue.tellings(factor: 3, members: members) == expected)
  }
}
