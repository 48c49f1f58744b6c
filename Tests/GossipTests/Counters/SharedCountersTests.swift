import Gossip
import Runtime
import Synchronization
import Testing

@Suite struct SharedCountersTests {
  private static let start: UInt64 = 1_700_000_000_000_000_000
  private let policy = CounterPolicy.bucket(1_000, per: 1_000_000_000, burst: 1_000)!
  private let members = (1...2).map { CounterMember(MemberID($0), generation: 1) }

  @Test func threadsTogetherAdmitWhatTheLimitHolds() async {
    let counters = SharedCounters(MemberID(1))
    let policy = policy
    let admitted = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<1_000).reduce(0) { $0 + (counters.consume(UInt64($1 % 2), policy: policy, now: Self.start).verdict == .allowed ? 1 : 0) }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(admitted == 2_000)
  }

  @Test func theLoopIsWokenWhenSomethingHasToBeToldEarlier() {
    let count = Counter()
    let counters = SharedCounters(MemberID(1)) { count.add() }
    counters.setMembers(members, now: Self.start)
    _ = counters.advance(now: Self.start + 2_000_000_000)
    let now = Self.start + 2_000_000_000
    _ = counters.consume(1, policy: policy, now: now)
    _ = counters.consume(2, policy: policy, now: now)
    #expect(count.value == 1, "the second is told with the first")
    let (early, next) = counters.advance(now: now + 1_000_000)
    #expect(early.isEmpty && next == now + 50_000_000)
    let (sent, _) = counters.advance(now: now + 50_000_000)
    #expect(sent.count == 1)
  }

  @Test func whatOneTellsTheOtherKnows() {
    let counters = members.map { SharedCounters($0.id) }
    for one in counters {
      one.setMembers(members, now: Self.start)
      _ = one.advance(now: Self.start + 2_000_000_000)
    }
    let now = Self.start + 2_000_000_000
    for _ in 0..<400 { _ = counters[0].consume(1, policy: policy, now: now) }
    for case .send(_, let part, let body) in counters[0].advance(now: now + 50_000_000).effects {
      _ = counters[1].receive(part, body, from: members[0], now: now + 51_000_000)
    }
    let other = counters[1].consume(1, policy: policy, now: now + 51_000_000)
    #expect(other.verdict == .allowed && (600...715).contains(other.remaining))
  }
}

private final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func add() { count.add(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}
