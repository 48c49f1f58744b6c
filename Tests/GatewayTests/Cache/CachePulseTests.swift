// Owns: when a node doubts what it has stored, and when it does no more.
import Runtime
import Testing

@testable import Gateway

@Suite struct CachePulseTests {
  private let pulse = CachePulse()
  private let told = Told()
  private static let ms: UInt64 = 1_000_000
  private static let second: UInt64 = 1_000_000_000

  /// A wall time at which the last beat or settling is fresh.
  private var soon: Int64 { pulse.limit.pointee.load(ordering: .relaxed) - 1 }

  private final class Told: Sendable {
    let numbers = Locked<[UInt64]>([])
  }

  init() { pulse.onDoubt { [told] number in told.numbers.withLock { $0.append(number) } } }

  private var doubts: [UInt64] { told.numbers.withLock { $0 } }

  @Test func whoIsAloneNeverDoubts() {
    #expect(pulse.allows(.max - 1) && !pulse.notices(.max - 1) && !pulse.isInDoubt)
  }

  @Test func aSteadyPulseAllows() {
    for i in 1...100 { pulse.beat(UInt64(i) * 400 * CachePulseTests.ms) }
    #expect(pulse.allows(soon) && doubts.isEmpty)
  }

  @Test func aPauseIsADoubtUntilItIsSettled() {
    pulse.beat(CachePulseTests.second)
    pulse.beat(CachePulseTests.second + 501 * CachePulseTests.ms)
    #expect(doubts == [1] && pulse.isInDoubt && !pulse.allows(.min))
    pulse.beat(CachePulseTests.second + 502 * CachePulseTests.ms)
    #expect(doubts == [1] && !pulse.allows(0), "that it runs again is not enough")
    pulse.settle(1)
    #expect(!pulse.isInDoubt && pulse.allows(soon))
  }

  @Test func whoeverUsesTheCacheNoticesBeforeThePulseDoes() {
    pulse.beat(CachePulseTests.second)
    let late = soon + 1
    #expect(!pulse.allows(late) && pulse.notices(late) && doubts == [1])
    #expect(pulse.notices(late) && doubts == [1], "one doubt for all who notice")
    pulse.beat(CachePulseTests.second + 10 * CachePulseTests.second)
    #expect(doubts == [1, 2], "its own pause is news to the pulse")
    pulse.settle(1)
    #expect(pulse.isInDoubt && !pulse.allows(0), "what was settled is not the last doubt")
    pulse.settle(2)
    #expect(!pulse.isInDoubt)
  }

  @Test func aBeatThatCameMeanwhileIsNoDoubt() {
    pulse.beat(CachePulseTests.second)
    let wall = soon
    pulse.beat(CachePulseTests.second + CachePulseTests.ms)
    #expect(!pulse.notices(wall) && doubts.isEmpty)
  }

  @Test func whoWasApartDoubts() {
    pulse.beat(CachePulseTests.second)
    pulse.doubt()
    pulse.doubt()
    pulse.settle(1)
    #expect(doubts == [1, 2] && pulse.isInDoubt)
    pulse.settle(2)
    #expect(pulse.allows(soon))
  }
}
