// The counters of one shard of keys as one value: finds a key, decides, counts. What is told to whom is in CounterTable+Tell, what others
// tell in CounterTable+Merge, who owns what in CounterTable+Members. Single-threaded; threads share tables through SharedCounters.
import Runtime

/// Rate-limit counters of a shard of keys.
///
/// Times are wall nanoseconds that only move forward: a wall clock read once and carried on by the monotonic one.
public struct CounterTable: Sendable {
  public let limits: CounterLimits
  public internal(set) var statistics = CounterTableStatistics()

  var entries: [CounterKey] = []
  private var index = SlotIndex()
  private var free: [Int32] = []
  private var isLive: [Bool] = []
  private var hand = 0
  /// The latest time seen: threads' clocks differ by a little, and a level never goes back.
  var clock: UInt64 = 0

  // Shares of other members (CounterTable+Rows).
  var rows: [ShareRow] = []
  var freeRows: [Int32] = []
  var rowIndex = SlotIndex()
  var rowHand = 0

  // Members (CounterTable+Members).
  var members = CounterMembers()

  // Keys that have something to tell (CounterTable+Tell).
  var soon = DueQueue()
  var late = DueQueue()

  public init(limits: CounterLimits = CounterLimits()) { self.limits = limits }

  /// Keys that are held.
  public var count: Int { index.count }
  public var isEmpty: Bool { index.count == 0 }

  // MARK: Deciding

  /// Consumes `cost` units of a limit, or says why not.
  /// - Parameters:
  ///   - key: a hash of the key that all nodes compute alike, seeded with the cluster's secret where clients choose the key.
  ///   - now: wall nanoseconds.
  @inline(__always)
  public mutating func consume(
    _ key: UInt64, cost: UInt32 = 1, policy: CounterPolicy, now: UInt64, mode: CounterMode = .normal
  ) -> CounterDecision {
    clock = max(clock, now)
    guard let slot = index.find(key) ?? insert(key, policy, now: clock) else { return untracked(policy, cost) }
    return decide(slot, cost, policy, clock, mode)
  }

  @inline(__always)
  private mutating func decide(
    _ slot: Int, _ cost: UInt32, _ policy: CounterPolicy, _ now: UInt64, _ mode: CounterMode
  ) -> CounterDecision {
    if entries[slot].policy != policy { adopt(policy, slot) }
    let level = entries[slot].level(now: now)
    let remaining = UInt32(max(0, min(level.left, 0x1p32 - 1)))
    let sharers = mode == .unanswered ? Double(members.peers.count) : 1
    if level.left < Double(cost) * sharers || cost > policy.burst {
      let wait = entries[slot].wait(cost, level, now: now)
      return CounterDecision(verdict: .denied, remaining: remaining, reset: level.reset, retryAfter: wait)
    }
    if entries[slot].telling.isAsked(level.leftSpan) {
      if mode == .normal, let question = question(slot, remaining, level, now) { return question }
      if mode != .unanswered, takesOver(slot, now) { return decide(slot, cost, policy, now, .local) }
    }
    entries[slot].count(cost, now: now)
    schedule(slot, level.leftSpan, now)
    let spent = UInt64(min(Double(cost) * policy.nanosecondsPerUnit, 0x1p60))
    let reset = policy.kind == .bucket ? level.reset + spent : policy.period
    return CounterDecision(verdict: .allowed, remaining: remaining - cost, reset: reset, retryAfter: 0)
  }

  /// What a limit that its owner decides says here: whom to ask, or denied while the owner's last denial holds or the questions that are
  /// out could use up all that is left. Nil: decide here.
  private mutating func question(
    _ slot: Int, _ remaining: UInt32, _ level: CounterKey.Level, _ now: UInt64
  ) -> CounterDecision? {
    guard let owner = askedMember(slot) else { return nil }
    let until = entries[slot].telling.deniedUntil
    if now < until {
      return CounterDecision(verdict: .denied, remaining: 0, reset: max(level.reset, until - now), retryAfter: until - now)
    }
    let slice = CounterSlice.of(now)
    if entries[slot].telling.asked(slice) >= remaining {
      return CounterDecision(verdict: .denied, remaining: 0, reset: level.reset, retryAfter: limits.flushSoon)
    }
    entries[slot].telling.ask(slice)
    return CounterDecision(verdict: .ask(owner), remaining: remaining, reset: level.reset, retryAfter: 0)
  }

  /// Whether this node begins to decide in place of an owner that does not answer. What that one has granted last is not known here: the
  /// second in rank hears of it within `flushSoon`, all others within `flushLate`, so that these count as much as used.
  private mutating func takesOver(_ slot: Int, _ now: UInt64) -> Bool {
    guard isStandIn(slot) else { return false }
    let isNew = now >= entries[slot].telling.standsInUntil
    entries[slot].telling.standsInUntil = now + 1_000_000_000
    let lag = members.me == Int(entries[slot].telling.second) ? limits.flushSoon : limits.flushLate
    let units = UInt32(min(Double(lag) / entries[slot].policy.nanosecondsPerUnit, Double(entries[slot].policy.burst)))
    guard isNew, units > 0 else { return false }
    entries[slot].count(units, now: now)
    schedule(slot, 0, now)
    return true
  }

  /// Takes note of an owner's answer, or of its silence, so that a flood of requests is denied here until the owner's reset.
  public mutating func noteAnswer(_ key: UInt64, _ decision: CounterDecision?, now: UInt64) {
    clock = max(clock, now)
    guard let slot = index.find(key) else { return }
    entries[slot].telling.answered()
    guard let decision, decision.verdict == .denied else { return }
    // A wrong answer closes the limit for a second, not for ever.
    entries[slot].telling.deniedUntil = clock + min(decision.retryAfter, 1_000_000_000)
  }

  /// What is left of a limit that nobody has touched for a while is what a new one has.
  public mutating func level(of key: UInt64, now: UInt64) -> Double? {
    clock = max(clock, now)
    guard let slot = index.find(key) else { return nil }
    return entries[slot].level(now: clock).left
  }

  private mutating func untracked(_ policy: CounterPolicy, _ cost: UInt32) -> CounterDecision {
    statistics.untracked &+= 1
    let isAllowed = limits.admitsUntracked && cost <= policy.burst
    return CounterDecision(
      verdict: isAllowed ? .allowed : .denied, remaining: 0, reset: 0, retryAfter: isAllowed ? 0 : CounterSlice.length, isTracked: false)
  }

  // MARK: Keys

  func slot(of key: UInt64) -> Int? { index.find(key) }

  /// Slots that hold keys, in order of their making: the same on every run.
  var liveSlots: some Sequence<Int> { entries.indices.lazy.filter { isLive[$0] } }

  func isHeld(_ slot: Int) -> Bool { isLive[slot] }

  mutating func adopt(_ policy: CounterPolicy, _ slot: Int) {
    entries[slot].adopt(policy)
    entries[slot].telling.askedBelow = members.askedBelow(policy, limits)
  }

  /// A slot for a new key; nil when the table is full of keys that are in use.
  mutating func insert(_ key: UInt64, _ policy: CounterPolicy, now: UInt64) -> Int? {
    if index.count >= limits.keysMax && !evict(now: now) { return nil }
    var entry = CounterKey(key, policy, slice: CounterSlice.of(now))
    entry.telling.askedBelow = members.askedBelow(policy, limits)
    let slot: Int
    if let reused = free.popLast() {
      slot = Int(reused)
      entries[slot] = entry
      isLive[slot] = true
    } else {
      slot = entries.count
      entries.append(entry)
      isLive.append(true)
    }
    index.insert(key, slot)
    return slot
  }

  /// Removes one of the next sixteen keys that equals a new one: its bucket is full, its window empty. A key in use is never removed.
  private mutating func evict(now: UInt64) -> Bool {
    for _ in 0..<min(16, entries.count) {
      hand = hand + 1 < entries.count ? hand + 1 : 0
      if removeIfFresh(hand, now: now) { return true }
    }
    return false
  }

  private mutating func removeIfFresh(_ slot: Int, now: UInt64) -> Bool {
    guard isLive[slot], entries[slot].isFresh(now: now) else { return false }
    removeRows(of: slot)
    // Its places in the queues stay, and find it settled or a new key that has nothing to tell.
    index.remove(entries[slot].key)
    isLive[slot] = false
    entries[slot].telling = CounterTelling()
    free.append(Int32(slot))
    statistics.evicted &+= 1
    return true
  }

  /// Removes keys that equal new ones, a few at a time; for the driver, about every second.
  /// - Parameter visits: how many keys are looked at.
  public mutating func sweep(visits: Int, now: UInt64) {
    clock = max(clock, now)
    for _ in 0..<min(visits, entries.count) {
      hand = hand + 1 < entries.count ? hand + 1 : 0
      _ = removeIfFresh(hand, now: clock)
    }
    sweepRows(visits: visits)
  }
}
