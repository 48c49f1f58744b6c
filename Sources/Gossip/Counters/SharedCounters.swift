// The counters as the workers' threads see them: tables striped by key, each behind its own lock, and one exchange for the loop that has
// the socket. All decisions are the heart's.
import Runtime
import Synchronization

/// Counters that any thread may consume from.
public final class SharedCounters: Sendable {
  private final class Stripe: Sendable {
    let table: Locked<CounterTable>
    init(_ limits: CounterLimits) { table = Locked(CounterTable(limits: limits)) }
  }

  /// The tables as one store, for the exchange.
  private struct Stripes: CounterStore {
    let all: [Stripe]
    let mask: Int

    @inline(__always)
    func stripe(_ key: UInt64) -> Stripe {
      // The index of a table uses the low bits of the mixed key, this its high ones.
      all[Int(truncatingIfNeeded: StableHash.avalanche(key) >> 48) & mask]
    }

    func setMembers(_ list: [CounterMember], me: MemberID, now: UInt64) -> [Int] {
      var added: [Int] = []
      for stripe in all { added = stripe.table.withLock { $0.setMembers(list, me: me, now: now) } }
      return added
    }

    func setReady(_ id: MemberID, _ isReady: Bool) {
      for stripe in all { stripe.table.withLock { $0.setReady(id, isReady) } }
    }

    func merge(_ fact: CounterFact, from sender: CounterMember, now: UInt64) -> CounterMerge {
      stripe(fact.key).table.withLock { $0.merge(fact, from: sender, now: now) }
    }

    func collect(now: UInt64, budget: inout Int, emit: (Int, borrowing CounterFact) -> Int) {
      for stripe in all { stripe.table.withLock { $0.collect(now: now, budget: &budget, emit: emit) } }
    }

    func consume(_ key: UInt64, cost: UInt32, policy: CounterPolicy, now: UInt64, mode: CounterMode) -> CounterDecision {
      stripe(key).table.withLock { $0.consume(key, cost: cost, policy: policy, now: now, mode: mode) }
    }

    func noteAnswer(_ key: UInt64, _ decision: CounterDecision?, now: UInt64) {
      stripe(key).table.withLock { $0.noteAnswer(key, decision, now: now) }
    }

    func noteInterest(_ key: UInt64, of sender: CounterMember) { stripe(key).table.withLock { $0.noteInterest(key, of: sender) } }

    func standIn(for silent: MemberID, _ key: UInt64) -> CounterStandIn { stripe(key).table.withLock { $0.standIn(for: silent, key) } }

    func setStarting(_ isStarting: Bool) { for stripe in all { stripe.table.withLock { $0.setStarting(isStarting) } } }

    var isEmpty: Bool { all.allSatisfy { $0.table.withLock { $0.isEmpty } } }

    var nextFlush: UInt64 { all.reduce(.max) { min($0, $1.table.withLock { $0.nextFlush }) } }
  }

  private let stripes: Stripes
  private let exchange: Locked<CounterExchange>
  /// The earliest flush that the loop knows of.
  private let flushAt = Atomic<UInt64>(.max)
  private let wake: @Sendable () -> Void

  /// - Parameters:
  ///   - me: this node.
  ///   - stripes: tables; a power of two. Their limits on keys and rows are parts of those given.
  ///   - wake: called on the consuming thread when the loop has to flush earlier than it was told.
  /// - Precondition: `stripes` is a power of two.
  public init(_ me: MemberID, limits: CounterLimits = CounterLimits(), stripes count: Int = 16, wake: @escaping @Sendable () -> Void = {}) {
    precondition(count > 0 && count & (count - 1) == 0, "\(count) stripes are not a power of two")
    stripes = Stripes(all: (0..<count).map { _ in Stripe(limits) }, mask: count - 1)
    exchange = Locked(CounterExchange(me, limits: limits))
    self.wake = wake
  }

  /// Consumes from a limit: see `CounterTable.consume`. Any thread.
  public func consume(
    _ key: UInt64, cost: UInt32 = 1, policy: CounterPolicy, now: UInt64, mode: CounterMode = .normal
  ) -> CounterDecision {
    let (decision, due) = stripes.stripe(key).table.withLock { table in
      (table.consume(key, cost: cost, policy: policy, now: now, mode: mode), table.nextFlush)
    }
    if due < flushAt.load(ordering: .relaxed) {
      flushAt.store(due, ordering: .relaxed)
      wake()
    }
    return decision
  }

  /// Asks an owner, as `consume` said to: see `CounterExchange.ask`. Any thread; the effects are the loop's to carry out.
  public func ask(
    _ owner: MemberID, _ key: UInt64, cost: UInt32 = 1, policy: CounterPolicy, patience: UInt64 = 20_000_000, now: UInt64
  ) -> (id: UInt64, effects: [CounterEffect]) {
    var store = stripes
    return exchange.withLock { $0.ask(owner, key, cost: cost, policy: policy, patience: patience, &store, now: now) }
  }

  /// Takes a new list of live members. The loop.
  public func setMembers(_ list: [CounterMember], now: UInt64) {
    var store = stripes
    exchange.withLock { $0.setMembers(list, &store, now: now) }
  }

  /// Takes what came. The loop.
  public func receive(_ part: CounterPart, _ body: [UInt8], from sender: CounterMember, now: UInt64) -> [CounterEffect] {
    var store = stripes
    return exchange.withLock { exchange in
      // SAFETY: the buffer lives as long as the call, and nothing keeps it.
      body.withUnsafeBytes { exchange.receive(part, $0, from: sender, &store, now: now) }
    }
  }

  /// Does what is due. The loop, at the time that the last call returned, or when woken.
  /// - Returns: what to send, and when to come again, wall nanoseconds.
  public func advance(now: UInt64) -> (effects: [CounterEffect], next: UInt64) {
    var store = stripes
    let (effects, next) = exchange.withLock { ($0.advance(&store, now: now), $0.nextDeadline(store)) }
    flushAt.store(next, ordering: .relaxed)
    // What was consumed since the deadline was computed saw the old time and woke nobody.
    return (effects, min(next, stripes.nextFlush))
  }

  public var statistics: CounterExchangeStatistics { exchange.withLock { $0.statistics } }

  /// Looks at some keys of each table, to forget those that equal new ones. The loop, about every second.
  public func sweep(visits: Int, now: UInt64) {
    for stripe in stripes.all { stripe.table.withLock { $0.sweep(visits: visits, now: now) } }
  }
}
