import Testing

@testable import Gossip

@Suite struct SuspicionTests {
  private let timeout = SuspicionTimeout(least: 600, most: 1800, confirmationsWanted: 3)

  @Test("the more confirm, the shorter it lasts", arguments: [(0, 1800), (1, 1200), (2, 849), (3, 600), (9, 600)] as [(Int, UInt64)])
  func duration(confirmations: Int, expected: UInt64) {
    // log(2)/log(4) = 0.5 and log(3)/log(4) = 0.792 of the way
    #expect(abs(Int(timeout.duration(confirmations: confirmations)) - Int(expected)) <= 1)
  }

  @Test func withNobodyToAskItIsTheLeast() {
    #expect(SuspicionTimeout(least: 600, most: 1800, confirmationsWanted: 0).duration(confirmations: 0) == 600)
  }

  @Test func eachAccuserCountsOnceAndOnlyAsLongAsItMatters() {
    var suspicion = Suspicion(timeout, by: MemberID(1), now: 100)
    #expect(suspicion.deadline == 1900)
    let counted = [1, 2, 2, 3, 4, 5].map { suspicion.confirm(by: MemberID($0)) }
    #expect(counted == [false, true, false, true, true, false], "each once, and three are enough")
    #expect(suspicion.deadline == 700)
    #expect(suspicion.accusers.map(\.value) == [1, 2, 3, 4])
  }

  @Test func timeAsleepDoesNotCount() {
    var suspicion = Suspicion(timeout, by: MemberID(1), now: 100)
    suspicion.extend(byNanoseconds: 2_000)
    #expect(suspicion.deadline == 3900)
    suspicion.extend(byNanoseconds: .max)
    #expect(suspicion.deadline == .max)
  }

  @Test func healthIsBoundedBothWays() {
    var health = LocalHealth()
    health.note(.probeAnswered)
    #expect(health.multiplier == 1)
    for sign in [LocalHealth.Sign.probeFailed, .nackMissed, .refuted] { health.note(sign) }
    #expect((health.score, health.multiplier) == (3, 4))
    for _ in 0..<20 { health.note(.probeFailed) }
    #expect(health.score == LocalHealth.scoreMax)
    health.note(.probeAnswered)
    #expect(health.score == LocalHealth.scoreMax - 1)
  }
}
