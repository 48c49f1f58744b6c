import Runtime
import Testing

@testable import Gossip

@Suite struct CounterTableTests {
  private static let second: UInt64 = 1_000_000_000
  private static let start: UInt64 = CounterSlice.start(CounterSlice.of(1_700_000_000_000_000_000))
  private let key: UInt64 = 77

  private func admitted(_ table: inout CounterTable, _ policy: CounterPolicy, _ count: Int, now: UInt64) -> Int {
    (0..<count).reduce(0) { sum, _ in sum + (table.consume(key, policy: policy, now: now).verdict == .allowed ? 1 : 0) }
  }

  @Test(
    "numbers that make no limit are refused", arguments: [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1 << 60, 1)] as [(UInt32, UInt64, UInt32)])
  func invalid(limit: UInt32, period: UInt64, burst: UInt32) {
    #expect(CounterPolicy.bucket(limit, per: period, burst: burst) == nil)
  }

  @Test func aBucketHoldsItsBurstAndFillsAtItsRate() {
    var table = CounterTable()
    let policy = CounterPolicy.bucket(100, per: Self.second, burst: 20)!
    var counts = [admitted(&table, policy, 50, now: Self.start)]
    counts.append(admitted(&table, policy, 50, now: Self.start + 50_000_000))
    counts.append(admitted(&table, policy, 50, now: Self.start + 60_000_000))
    counts.append(admitted(&table, policy, 50, now: Self.start + 10 * Self.second))
    #expect(counts == [20, 5, 1, 20])
  }

  @Test func aBurstBelowTheRateHoldsAtEveryMoment() {
    // 670 units flow in within one slice; none but the burst may go at once.
    var table = CounterTable()
    let policy = CounterPolicy.bucket(10_000, per: Self.second, burst: 10)!
    for step in 0..<20 {
      let now = Self.start + UInt64(step) * 61_000_000
      let count = admitted(&table, policy, 500, now: now)
      #expect(count == 10)
    }
  }

  @Test func whatIsDeniedSaysWhenToComeAgain() {
    var table = CounterTable()
    let policy = CounterPolicy.bucket(10, per: Self.second, burst: 2)!
    _ = admitted(&table, policy, 2, now: Self.start)
    let denied = table.consume(key, policy: policy, now: Self.start)
    #expect(denied == CounterDecision(verdict: .denied, remaining: 0, reset: 200_000_000, retryAfter: 100_000_000))
    let early = table.consume(key, policy: policy, now: Self.start + denied.retryAfter - 1_000)
    let late = table.consume(key, policy: policy, now: Self.start + denied.retryAfter)
    #expect([early.verdict, late.verdict] == [.denied, .allowed])
    let never = table.consume(key, cost: 3, policy: policy, now: Self.start + Self.second)
    #expect(never.verdict == .denied && never.retryAfter == .max)
  }

  @Test func aSlidingWindowNeverAdmitsMoreThanItsLimitAndASlicesWorthInAnyWindow() {
    for period in [Self.second, 60 * Self.second] {
      var table = CounterTable()
      let policy = CounterPolicy.slidingWindow(300, per: period)!
      var times: [UInt64] = []
      var random = SeededRandom(seed: 4)
      var now = Self.start
      while now < Self.start + 4 * period {
        now += random.below(period / 300)
        if table.consume(key, policy: policy, now: now).verdict == .allowed { times.append(now) }
      }
      let most = times.indices.map { i in times[i...].prefix { $0 < times[i] + period }.count }.max()!
      // A cell of the window's memory is a fifteenth of it.
      #expect(most >= 300 && most <= 300 + 300 / 15 + 1, "\(most) within \(period) ns")
      #expect(times.count > 1_100)
    }
  }

  @Test func whatAWindowDeniesIsAllowedWhenItSays() {
    var table = CounterTable()
    let policy = CounterPolicy.slidingWindow(5, per: Self.second)!
    _ = admitted(&table, policy, 5, now: Self.start)
    let denied = table.consume(key, policy: policy, now: Self.start + 300_000_000)
    #expect(denied.verdict == .denied && denied.retryAfter <= 800_000_000)
    let allowed = table.consume(key, policy: policy, now: Self.start + 300_000_000 + denied.retryAfter + CounterSlice.length)
    #expect(allowed.verdict == .allowed)
  }

  @Test func aChangedLimitKeepsWhatWasConsumed() {
    var table = CounterTable()
    let small = CounterPolicy.bucket(10, per: Self.second, burst: 10)!
    let large = CounterPolicy.bucket(20, per: Self.second, burst: 20)!
    _ = admitted(&table, small, 10, now: Self.start)
    let count = admitted(&table, large, 30, now: Self.start)
    #expect(count == 10)
  }

  @Test func aFullTableForgetsOnlyWhatIsFullAgainAndSaysWhenItCountsNothing() {
    var limits = CounterLimits()
    limits.keysMax = 16
    var table = CounterTable(limits: limits)
    let policy = CounterPolicy.bucket(1, per: Self.second, burst: 1)!
    for key in UInt64(0)..<16 { _ = table.consume(key, policy: policy, now: Self.start) }
    let untracked = table.consume(99, policy: policy, now: Self.start)
    #expect(!untracked.isTracked && untracked.verdict == .allowed && table.statistics.untracked == 1)
    let held = table.consume(3, policy: policy, now: Self.start)
    #expect(held.verdict == .denied, "no live limit was reset")
    let later = table.consume(99, policy: policy, now: Self.start + 3 * Self.second)
    #expect(later.isTracked && table.statistics.evicted == 1 && table.count == 16)
    table.sweep(visits: 100, now: Self.start + 10 * Self.second)
    #expect(table.count == 0)
  }

  @Test func aClockThatStepsBackHarmsNothing() {
    var table = CounterTable()
    let policy = CounterPolicy.bucket(10, per: Self.second, burst: 10)!
    _ = admitted(&table, policy, 10, now: Self.start)
    let back = admitted(&table, policy, 10, now: Self.start - 3600 * Self.second)
    let forth = admitted(&table, policy, 20, now: Self.start + Self.second)
    #expect([back, forth] == [0, 10])
  }

  @Test func theIndexFindsWhatIsThereThroughInsertionsAndRemovals() {
    var random = SeededRandom(seed: 8)
    var index = SlotIndex()
    var model: [UInt64: Int] = [:]
    for step in 0..<20_000 {
      let id = random.below(600)
      if model[id] != nil, random.below(2) == 0 {
        index.remove(id)
        model[id] = nil
      } else if model[id] == nil {
        index.insert(id, step)
        model[id] = step
      }
      let probe = random.below(600)
      #expect(index.find(probe) == model[probe])
    }
    #expect(index.count == model.count)
  }
}
