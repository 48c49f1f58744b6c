import Runtime
import Testing

@testable import Gossip

@Suite struct FactsClockTests {
  private let hour: UInt64 = 3_600_000
  private let ns: UInt64 = 1_000_000

  @Test func stampsGrowWhateverTheClockDoes() {
    var random = SeededRandom(seed: 1)
    var clock = HybridClock(notBefore: HybridStamp(milliseconds: 9_000, logical: 7))
    var last = clock.last
    for _ in 0..<2_000 {
      let now = (8_000 + random.below(2_500)) * ns
      let heard = HybridStamp(milliseconds: now / ns + random.below(4_000), logical: UInt16(random.below(65_536)))
      let excess = clock.observe(heard, now: now)
      let stamp = clock.stamp(now: now)
      #expect(stamp > last)
      #expect(excess != nil || stamp > heard, "what was accepted is before what is made afterwards")
      last = stamp
    }
  }

  @Test func aStampIsTheWallTimeWhereThatIsGreater() {
    var clock = HybridClock()
    let stamps = [5_000, 5_000, 5_001].map { clock.stamp(now: UInt64($0) * ns).description }
    #expect(stamps == ["5000.0", "5000.1", "5001.0"])
  }

  @Test(
    "a stamp is accepted up to the bound ahead and however far behind",
    arguments: [(0, nil), (100_000, nil), (102_000, nil), (102_001, 1), (.max >> 16, (.max >> 16) - 102_000)] as [(UInt64, UInt64?)])
  func bound(milliseconds: UInt64, excess: UInt64?) {
    var clock = HybridClock(skewMax: 2_000)
    let found = clock.observe(HybridStamp(milliseconds: milliseconds), now: 100_000 * ns)
    #expect(found == excess)
    #expect(clock.refusals == (excess == nil ? 0 : 1))
    #expect((clock.last.milliseconds == milliseconds) == (excess == nil))
  }

  @Test func theLastStampOfAllTrapsNowhere() {
    var clock = HybridClock(notBefore: HybridStamp(.max))
    let stamp = clock.stamp(now: .max)
    #expect(stamp.value == .max && stamp.next == stamp)
    #expect(HybridStamp(milliseconds: .max, logical: .max).value == .max)
    #expect(!HybridStamp(.max).isOlder(than: .max, at: .max))
    #expect(clock.excess(stamp, now: .max) != nil, "nanoseconds end in the year 2554")
  }

  @Test(
    "what a majority says of a clock",
    arguments: [
      // Offsets of the others, members, what follows.
      ([], 1, ClockStanding.agrees), ([], 3, .unknown), ([0], 3, .agrees), ([10, -10], 3, .agrees),
      ([-9_000, -9_100], 3, .fast(milliseconds: 9_000)), ([9_000, 9_100], 3, .slow(milliseconds: 9_100)),
      ([-9_000, 20], 3, .agrees), ([9_000], 2, .disputed), ([-9_000], 2, .disputed), ([-9_000, 9_000, 0, 0], 5, .agrees),
      ([-9_000, 9_000], 3, .disputed), ([-9_000, -9_000], 5, .disputed), ([-9_000], 5, .unknown),
      ([-9_000, -9_000, -9_000], 5, .fast(milliseconds: 9_000)),
    ] as [([Int64], Int, ClockStanding)])
  func standing(offsets: [Int64], members: Int, expected: ClockStanding) {
    var survey = ClockSurvey()
    for (at, offset) in offsets.enumerated() {
      survey.note(MemberID(UInt64(at) + 2), theirs: UInt64(100_000 + offset), ours: 100_000)
    }
    #expect(survey.standing(members: members, bound: 2_000) == expected)
  }

  @Test func aMessageThatWaitedDoesNotMakeAClockSlow() {
    var survey = ClockSurvey()
    for delay in [0, 5_000, 30_000, 7_000] as [UInt64] {
      survey.note(MemberID(2), theirs: 100_000, ours: 100_000 + delay)
      survey.note(MemberID(3), theirs: 100_000, ours: 100_000 + delay)
    }
    #expect(survey.standing(members: 3, bound: 2_000) == .agrees)
    // A clock that was really set back shows when the old offsets have gone.
    for _ in 0..<ClockSurvey.samplesMax {
      for member in UInt64(2)...3 { survey.note(MemberID(member), theirs: 90_000, ours: 100_000) }
    }
    #expect(survey.standing(members: 3, bound: 2_000) == .fast(milliseconds: 10_000))
    survey.remove(MemberID(2))
    #expect(survey.standing(members: 3, bound: 2_000) != .fast(milliseconds: 10_000), "the dead have no vote")
  }

  @Test func aFastClockLearnsItAndItsWritesWinNoLonger() throws {
    let start = 1_000 * hour
    var (fast, sound) = (HybridClock(), HybridClock())
    var (register, other) = (Register(me: MemberID(1)), Register(me: MemberID(2)))
    let early = try register.write([1], [10], clock: &fast, now: (start + hour) * ns)
    let refused = other.merge(early, clock: &sound, now: start * ns)
    #expect(refused == .ahead(milliseconds: hour - HybridClock.skewMaxDefault))
    let late = try other.write([1], [20], clock: &sound, now: (start + 1_000) * ns)
    // It hears the others' clocks.
    for member in UInt64(2)...3 { fast.note(MemberID(member), theirs: start + 1_000, now: (start + 1_000 + hour) * ns) }
    let isChanged = fast.review(members: 3)
    let isBack = fast.stepBack(now: (start + 1_000 + hour) * ns)
    #expect(isChanged && isBack && fast.standing == .fast(milliseconds: hour))
    let isBackAgain = fast.stepBack(now: (start + 1_000 + hour) * ns)
    #expect(!isBackAgain)
    let again = register.restamp(clock: &fast, now: (start + 1_000 + hour) * ns)
    #expect(again.map(\.value) == [[10]])
    let accepted = other.merge(again[0], clock: &sound, now: (start + 1_001) * ns)
    #expect(accepted == .known || accepted == .lost(mine: late, winner: again[0]))
    let final = try other.write([1], [30], clock: &sound, now: (start + 1_002) * ns)
    let merged = register.merge(final, clock: &fast, now: (start + 1_002 + hour) * ns)
    #expect(merged == .changed && register.entry([1])?.value == [30], "a later write wins at once")
  }
}
