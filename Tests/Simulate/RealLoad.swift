// The load on one real node: requests at random times that follow from a seed, whatever becomes of those before. What is admitted is
// noted in an AdmissionLog; what is made of it is RealLimitRun's.
import CEpoll
import Glibc
import Gossip
import Runtime
import Synchronization

/// One limit and how it is asked for: one row of requests at random times, each drawn for a node, all from a seed as in the simulation
/// (CounterSimulation), so that each node finds its own by drawing them all. Times are wall nanoseconds.
struct RealLoadPlan: Sendable {
  static let key: UInt64 = StableHash.avalanche(0x7_16a7e)
  static let wordCount = 9

  var limit: UInt32
  /// Among which it is spread evenly.
  var nodes: Int
  var seed: UInt64
  var start: UInt64
  /// From when a node makes its requests.
  var from: UInt64
  var end: UInt64
  /// Where datagrams are counted.
  var countedFrom: UInt64
  var countedTo: UInt64
  /// Whether nodes go down, so that others have to look at each other's requests.
  var hasFailures: Bool

  /// As the simulated figures have it.
  var policy: CounterPolicy { .bucket(limit, per: 1_000_000_000, burst: limit)! }
  /// The mean of what lies between two requests, nanoseconds: twice the limit is offered.
  var gap: Double { 1e9 / (2 * Double(limit)) }

  var words: [String] {
    ["\(limit)", "\(nodes)", "\(seed)", "\(start)", "\(from)", "\(end)", "\(countedFrom)", "\(countedTo)", hasFailures ? "1" : "0"]
  }
}

/// The requests of a plan, in the order of their times.
struct RealRequests: Sequence, IteratorProtocol {
  struct Request {
    var at: UInt64
    var target: Int
    /// Where a load balancer sends it while its target is away.
    var other: Int
  }

  private let plan: RealLoadPlan
  private var random: SeededRandom
  private var at: UInt64

  init(_ plan: RealLoadPlan) {
    self.plan = plan
    random = SeededRandom(seed: plan.seed)
    at = plan.start
  }

  mutating func next() -> Request? {
    at += UInt64(2 * plan.gap * random.unitInterval()) + 1
    if at >= plan.end { return nil }
    let target = Int(random.below(UInt64(plan.nodes)))
    return Request(at: at, target: target, other: (target + 1 + Int(random.below(UInt64(plan.nodes - 1)))) % plan.nodes)
  }
}

extension RealLoadPlan {
  /// What one exact counter that sees every request at its time would have admitted in each window.
  func exact(windows: Int, of length: UInt64) -> [Int] {
    let unit = Double(policy.period) / Double(policy.limit)
    var admitted = Array(repeating: 0, count: windows)
    var arrival = 0.0
    for request in RealRequests(self) {
      let now = Double(request.at - start)
      guard max(arrival, now) + unit <= now + unit * Double(policy.burst) else { continue }
      arrival = max(arrival, now) + unit
      if request.at < countedFrom { continue }
      let window = Int((request.at - countedFrom) / length)
      if window < windows { admitted[window] += 1 }
    }
    return admitted
  }

  init?(words: some Sequence<Substring>) {
    let numbers = words.compactMap { UInt64($0) }
    guard numbers.count == RealLoadPlan.wordCount, let limit = UInt32(exactly: numbers[0]), limit > 0, (2...50).contains(numbers[1]) else {
      return nil
    }
    self.init(
      limit: limit, nodes: Int(numbers[1]), seed: numbers[2], start: numbers[3], from: numbers[4], end: numbers[5],
      countedFrom: numbers[6], countedTo: numbers[7], hasFailures: numbers[8] == 1)
  }
}

/// Makes a node's requests of its gossip loop, on the thread that calls `run`.
///
/// SAFETY: (@unchecked Sendable) `counted` is used by that thread alone; who is down is atomic, the loop and the log lock for themselves.
final class RealLoad: @unchecked Sendable {
  private let loop: GossipLoop
  private let log: AdmissionLog
  private let plan: RealLoadPlan
  private let me: Int
  /// The node whose requests go to the others, -1 for none.
  private let down = Atomic<Int>(-1)
  private var counted: (at: UInt64, datagrams: UInt64)?

  init(_ loop: GossipLoop, _ log: AdmissionLog, _ plan: RealLoadPlan, me: Int) {
    (self.loop, self.log, self.plan, self.me) = (loop, log, plan, me)
  }

  func setDown(_ node: Int) { down.store(node, ordering: .relaxed) }

  /// Goes on until the plan ends.
  func run() {
    var looksAt = plan.countedFrom
    for request in RealRequests(plan) {
      let (at, target) = (request.at, request.target)
      if at < plan.from || (target != me && (request.other != me || !plan.hasFailures)) { continue }
      let now = wait(until: at)
      if target != me && target != down.load(ordering: .relaxed) { continue }
      if at >= plan.countedFrom && at < plan.countedTo { log[.lateness] = max(log[.lateness], now - at) }
      if now >= looksAt && now < plan.countedTo {
        looksAt = now + 100_000_000
        countDatagrams(now)
      }
      ask()
    }
  }

  /// Status is of the last turn but a few milliseconds: nothing over seconds.
  private func countDatagrams(_ now: UInt64) {
    let sent = loop.status.datagrams.sent
    if let counted {
      (log[.datagrams], log[.measured]) = (sent - counted.datagrams, now - counted.at)
    } else {
      counted = (now, sent)
    }
  }

  private func ask() {
    log[.offered] += 1
    switch loop.consume(RealLoadPlan.key, policy: plan.policy).verdict {
    case .allowed: log.admit(at: tg_now(CLOCK_REALTIME))
    case .denied: break
    case .ask(let owner):
      loop.ask(owner, RealLoadPlan.key, policy: plan.policy) { [log] decision in
        if decision.verdict == .allowed { log.admit(at: tg_now(CLOCK_REALTIME)) }
      }
    }
  }

  /// - Returns: the wall time, which is not before `time`.
  private func wait(until time: UInt64) -> UInt64 {
    var now = tg_now(CLOCK_REALTIME)
    while now < time {
      var until = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
      clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nil)
      now = tg_now(CLOCK_REALTIME)
    }
    return now
  }
}
