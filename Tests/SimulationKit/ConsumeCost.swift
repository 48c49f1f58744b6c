// What one `consume` costs a worker's thread: the one figure here that is taken with a clock.
import Gossip
import Runtime

public enum ConsumeCost {
  /// Nanoseconds of a call on the table with its lock, 10,000 live keys in random order, five members: the least of `rounds` runs of a
  /// million.
  public static func measure(rounds: Int = 5, calls: Int = 1_000_000) -> Double {
    var random = SeededRandom(seed: 1)
    let keys = (0..<10_000).map { _ in random.next() }
    let order = (0..<calls).map { _ in keys[Int(random.below(UInt64(keys.count)))] }
    let counters = SharedCounters(MemberID(1))
    let wall = SystemTime().wall().nanoseconds
    counters.setMembers((1...5).map { CounterMember(MemberID(UInt64($0)), generation: 1) }, now: wall)
    let policy = CounterPolicy.bucket(1_000_000, per: 1_000_000_000, burst: 1_000_000)!
    var least = Double.infinity
    // A node asks instead of deciding for its first second beside others.
    var now = wall + 2_000_000_000
    _ = counters.advance(now: now)
    for _ in 0..<rounds {
      let began = SystemTime().monotonic().nanoseconds
      var allowed = 0
      for key in order {
        now &+= 50
        if counters.consume(key, policy: policy, now: now).verdict == .allowed { allowed += 1 }
      }
      let took = SystemTime().monotonic().nanoseconds - began
      precondition(allowed > 0, "nothing was admitted")
      least = min(least, Double(took) / Double(calls))
    }
    return least
  }
}
