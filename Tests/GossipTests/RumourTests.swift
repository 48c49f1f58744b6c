import Runtime
import Testing

@testable import Gossip

@Suite struct RumourTests {
  private static let someone = MemberID(7)

  private func rumour(_ generation: UInt64, _ incarnation: UInt32, _ state: MemberState) -> Rumour {
    Rumour(Self.someone, MemberVersion(generation: generation, incarnation: incarnation), state, origin: Self.someone)
  }

  /// Every combination of two generations, three incarnations and four states.
  private var all: [Rumour] {
    (UInt64(1)...2).flatMap { generation in
      (UInt32(0)...2).flatMap { incarnation in MemberState.allCases.map { rumour(generation, incarnation, $0) } }
    }
  }

  @Test(
    "which of two statements holds",
    arguments: [
      // What is known, what is heard, whether it holds against it.
      (1, 0, MemberState.alive, 1, 0, MemberState.suspect, true), (1, 0, .suspect, 1, 0, .alive, false),
      (1, 0, .suspect, 1, 1, .alive, true), (1, 1, .alive, 1, 0, .suspect, false), (1, 0, .suspect, 1, 0, .dead, true),
      (1, 0, .dead, 1, 0, .suspect, false), (1, 0, .dead, 1, 1, .alive, true), (1, 1, .alive, 1, 0, .dead, false),
      (1, 5, .dead, 1, 5, .left, true), (1, 0, .left, 1, 9, .alive, false), (1, 0, .left, 1, 9, .dead, false),
      (1, 9, .left, 2, 0, .alive, true), (1, 9, .dead, 2, 0, .alive, true), (2, 0, .alive, 1, 9, .left, false),
      (2, 0, .alive, 1, 9, .dead, false),
    ] as [(UInt64, UInt32, MemberState, UInt64, UInt32, MemberState, Bool)])
  func precedence(
    generation: UInt64, incarnation: UInt32, state: MemberState, heardGeneration: UInt64, heardIncarnation: UInt32, heard: MemberState,
    holds: Bool
  ) {
    #expect(rumour(heardGeneration, heardIncarnation, heard).overrides(rumour(generation, incarnation, state)) == holds)
  }

  @Test func theOrderIsTotal() {
    for a in all {
      #expect(!a.overrides(a))
      for b in all where a != b {
        #expect(a.overrides(b) != b.overrides(a), "\(a) and \(b)")
        for c in all where a.overrides(b) && b.overrides(c) { #expect(a.overrides(c), "\(a), \(b) and \(c)") }
      }
    }
  }

  @Test func whoeverHeardTheSameBelievesTheSame() {
    var random = SeededRandom(seed: 3)
    for _ in 0..<200 {
      let heard = (0..<12).map { _ in all[Int(random.below(UInt64(all.count)))] }
      func belief(_ order: [Rumour]) -> Rumour { order.dropFirst().reduce(order[0]) { $1.overrides($0) ? $1 : $0 } }
      let expected = belief(heard)
      for _ in 0..<5 { #expect(belief(heard.shuffled(using: &random)) == expected) }
    }
  }

  @Test func aRefutationHoldsAgainstWhatItAnswers() {
    for state in [MemberState.suspect, .dead] {
      let accusation = rumour(1, 4, state)
      let answer = Rumour(Self.someone, accusation.version.refutation, .alive, origin: Self.someone)
      #expect(answer.overrides(accusation))
    }
    #expect(MemberVersion(generation: 1, incarnation: .max).refutation.incarnation == .max)
  }

  @Test func identitiesReadAsSixteenDigits() {
    #expect(MemberID(0xab).description == "00000000000000ab")
    #expect(MemberID(.max).description == "ffffffffffffffff")
  }
}
