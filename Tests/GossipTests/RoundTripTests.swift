import Testing

@testable import Gossip

@Suite struct RoundTripTests {
  private func patience(_ trips: [UInt64]) -> UInt64 {
    var trip = RoundTrip()
    for sample in trips { trip.note(sample) }
    return trip.patience(least: 80, initial: 300, most: 2_000)
  }

  @Test(
    "patience fits the distance, within bounds",
    arguments: [([], 300), ([1], 80), ([20, 25], 80), ([100], 240), ([900], 1_840), ([5_000], 2_000), ([0], 80), ([.max], 2_000)]
      as [([UInt64], UInt64)])
  func bounds(trips: [UInt64], expected: UInt64) { #expect(patience(trips) == expected) }

  @Test func anAnswerThatWaitedSomewhereSaysNothingOfTheDistance() {
    #expect(patience([1, 1, 1_000, 900, 1_000]) == 80)
    #expect(patience([1] + Array(repeating: 500, count: 7)) == 80)
    #expect(patience([1] + Array(repeating: 500, count: 8)) == 1_040, "a member that has moved away is believed in time")
  }
}
