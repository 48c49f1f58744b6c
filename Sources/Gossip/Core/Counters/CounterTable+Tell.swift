// What is told to whom, and when: the flush rule and the fan-out rule. Datagrams, losses and the budget of bytes are CounterExchange's.

/// Keys that have something to tell, oldest first.
struct DueQueue: Sendable {
  var slots: [Int32] = []
  /// When the first of them is to be told at latest, wall nanoseconds.
  var due: UInt64 = .max

  mutating func add(_ slot: Int, due: UInt64) {
    slots.append(Int32(slot))
    self.due = min(self.due, due)
  }
}

extension CounterTable {
  /// When something is to be told next, wall nanoseconds; `UInt64.max` when all has been.
  public var nextFlush: UInt64 { min(soon.due, late.due) }

  /// The flush rule, after this node consumed: late while much is left, soon when a key is near its limit, at once when what is unsent is
  /// much of what is left and of what flows in until the next flush.
  /// - Parameter leftSpan: what was left before, as nanoseconds of inflow.
  @inline(__always)
  mutating func schedule(_ slot: Int, _ leftSpan: Int64, _ now: UInt64) {
    if members.peers.count < 2 { return }
    if !isNear(slot, leftSpan) {
      if !entries[slot].telling.isQueuedSoon { queueLate(slot) }
      return
    }
    if isDecided(slot, leftSpan) {
      queueLate(slot)
      // Whoever takes over allows for what flows in meanwhile, in whole units (`takesOver`): what is less has to be told at once.
      queueSoon(slot, within: entries[slot].policy.nanosecondsPerUnit > Double(limits.flushSoon) ? 0 : limits.flushSoon)
      return
    }
    let unsent = Double(entries[slot].telling.unsent) * entries[slot].policy.nanosecondsPerUnit
    let isMuch = unsent * Double(limits.unsentPart) >= Double(leftSpan) && unsent >= Double(limits.flushSoon)
    let due = isMuch ? now : now + limits.flushSoon
    if entries[slot].telling.isQueuedSoon {
      soon.due = min(soon.due, due)
    } else {
      entries[slot].telling.isQueuedSoon = true
      soon.add(slot, due: due)
    }
  }

  /// Near its limit: a quarter of the burst or less is left, or what flows in within two late flushes.
  @inline(__always)
  private func isNear(_ slot: Int, _ leftSpan: Int64) -> Bool {
    let policy = entries[slot].policy
    return leftSpan <= Int64(limits.flushLate) * 2 || Double(leftSpan) * 4 <= Double(policy.burst) * policy.nanosecondsPerUnit
  }

  /// The flush rule for totals, after a member's share came.
  mutating func scheduleTotal(_ slot: Int, _ now: UInt64) {
    let level = entries[slot].level(now: now)
    if isNear(slot, level.leftSpan) && !isDecided(slot, level.leftSpan) {
      queueSoon(slot)
    } else if !entries[slot].telling.isQueuedSoon {
      queueLate(slot)
    }
  }

  /// Whether this node is the owner who is asked: others learn from its answers that nothing is left, and only its stand-in has to know
  /// soon.
  @inline(__always)
  private func isDecided(_ slot: Int, _ leftSpan: Int64) -> Bool {
    let telling = entries[slot].telling
    return telling.isAsked(leftSpan) && !members.isStarting && telling.rankedAt == members.epoch && Int(telling.owner) == members.me
  }

  private mutating func queueLate(_ slot: Int) {
    if entries[slot].telling.isQueuedLate { return }
    entries[slot].telling.isQueuedLate = true
    late.add(slot, due: clock + limits.flushLate)
  }

  mutating func queueSoon(_ slot: Int, within wait: UInt64) {
    if entries[slot].telling.isQueuedSoon { return }
    entries[slot].telling.isQueuedSoon = true
    soon.add(slot, due: clock + wait)
  }

  mutating func queueSoon(_ slot: Int) { queueSoon(slot, within: limits.flushSoon) }

  /// Hands over what is due.
  /// - Parameters:
  ///   - budget: bytes that may still be sent; what is left when it is used up waits for the next call, in order.
  ///   - emit: takes a peer's place and what to tell it, and says how many bytes that takes.
  public mutating func collect(now: UInt64, budget: inout Int, emit: (Int, borrowing CounterFact) -> Int) {
    clock = max(clock, now)
    if soon.due <= clock {
      let waiting = take(\.soon)
      let done = drain(waiting, isSoon: true, &budget, emit)
      putBack(waiting[done...], \.soon)
    }
    if late.due <= clock {
      let waiting = take(\.late)
      let done = drain(waiting, isSoon: false, &budget, emit)
      putBack(waiting[done...], \.late)
    }
  }

  private mutating func take(_ queue: WritableKeyPath<CounterTable, DueQueue>) -> [Int32] {
    let waiting = self[keyPath: queue].slots
    self[keyPath: queue] = DueQueue()
    self[keyPath: queue].slots.reserveCapacity(waiting.count)
    return waiting
  }

  /// What the budget did not suffice for goes first the next time.
  private mutating func putBack(_ rest: ArraySlice<Int32>, _ queue: WritableKeyPath<CounterTable, DueQueue>) {
    if rest.isEmpty { return }
    self[keyPath: queue].slots.insert(contentsOf: rest, at: 0)
    self[keyPath: queue].due = min(self[keyPath: queue].due, clock + limits.flushSoon)
  }

  private mutating func drain(
    _ slots: [Int32], isSoon: Bool, _ budget: inout Int, _ emit: (Int, borrowing CounterFact) -> Int
  ) -> Int {
    for (done, slot) in slots.enumerated() {
      if budget <= 0 { return done }
      let slot = Int(slot)
      if isSoon { entries[slot].telling.isQueuedSoon = false } else { entries[slot].telling.isQueuedLate = false }
      if entries[slot].telling.isSettled && !hasNewRow(slot) { continue }
      if isSoon, entries[slot].telling.isQueuedLate, isDecided(slot, entries[slot].level(now: clock).leftSpan) {
        budget -= tellStandIn(slot, emit)
      } else {
        budget -= tell(slot, emit)
      }
    }
    return slots.count
  }

  /// The newest row comes first.
  private func hasNewRow(_ slot: Int) -> Bool {
    let row = Int(entries[slot].telling.firstRow)
    return row >= 0 && rows[row].isNew
  }

  /// The fan-out rule for one key.
  private mutating func tell(_ slot: Int, _ emit: (Int, borrowing CounterFact) -> Int) -> Int {
    entries[slot].advance(to: CounterSlice.of(clock))
    let own = changedRun(entries[slot].telling.ownChanged, head: entries[slot].head)
    let direct = changedRun(entries[slot].telling.directChanged, head: entries[slot].head)
    let whole = entries[slot].telling.whole
    entries[slot].telling.settle()
    if members.isBroadcast(limits) { return tellAll(slot, own, whole, emit) }
    ranked(slot)
    let collectors = members.collectors(entries[slot].key, entries[slot].telling)
    let second = Int(entries[slot].telling.second)
    var bytes = 0
    for peer in collectors where peer != members.me { bytes += tellShare(slot, to: peer, own, whole != 0, emit) }
    if whole != 0, second != members.me, !collectors.contains(second), collectors.last != members.me {
      bytes += tellShare(slot, to: second, own, true, emit)
    }
    // Who is not the collector passes on what members tell it all the same, and its own only with that.
    let run = collectors.last == members.me ? union(own, direct) : direct
    return bytes + tellTotals(slot, run, standby: collectors.first == members.me ? second : -1, whole != 0, emit)
  }

  /// Tells the second in rank alone; the others hear it with the late flush.
  private mutating func tellStandIn(_ slot: Int, _ emit: (Int, borrowing CounterFact) -> Int) -> Int {
    let second = Int(entries[slot].telling.second)
    guard second >= 0, let run = changedRun(entries[slot].telling.ownChanged, head: entries[slot].head) else { return 0 }
    if members.isBroadcast(limits) { return tellShare(slot, to: second, run, false, emit) }
    let row = rowOfMember(slot, members.peers[second].life)
    return emit(second, totalFact(slot, row, run, false))
  }

  private func union(_ a: ClosedRange<UInt64>?, _ b: ClosedRange<UInt64>?) -> ClosedRange<UInt64>? {
    guard let a, let b else { return a ?? b }
    return min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
  }

  private mutating func tellAll(
    _ slot: Int, _ own: ClosedRange<UInt64>?, _ whole: UInt8, _ emit: (Int, borrowing CounterFact) -> Int
  ) -> Int {
    var bytes = 0
    for peer in members.peers.indices where peer != members.me {
      bytes += tellShare(slot, to: peer, own, whole & 1 << UInt8(peer) != 0, emit)
    }
    return bytes
  }

  /// Tells one peer what this node consumed.
  private mutating func tellShare(
    _ slot: Int, to peer: Int, _ run: ClosedRange<UInt64>?, _ isWhole: Bool, _ emit: (Int, borrowing CounterFact) -> Int
  ) -> Int {
    guard peer >= 0, isWhole || run != nil else { return 0 }
    return emit(peer, fact(slot, .share, run, isWhole) { entries[slot].own[$0] })
  }

  /// Tells every member that uses the key, and the second in rank, what the others consumed.
  private mutating func tellTotals(
    _ slot: Int, _ run: ClosedRange<UInt64>?, standby: Int, _ isWhole: Bool, _ emit: (Int, borrowing CounterFact) -> Int
  ) -> Int {
    var (bytes, isStandbyTold) = (0, standby < 0)
    var row = Int(entries[slot].telling.firstRow)
    while row >= 0 {
      let peer = Int(members.lives[Int(rows[row].life)].peer)
      if peer >= 0 {
        catchUp(row)
        let isNew = rows[row].isNew
        rows[row].isNew = false
        if isNew || run != nil { bytes += emit(peer, totalFact(slot, row, run, isNew || isWhole)) }
        if peer == standby { isStandbyTold = true }
      }
      row = Int(rows[row].next)
    }
    if !isStandbyTold, isWhole || run != nil { bytes += emit(standby, totalFact(slot, -1, run, isWhole)) }
    return bytes
  }

  /// What all but the row's member consumed, as told by themselves.
  func totalFact(_ slot: Int, _ row: Int, _ run: ClosedRange<UInt64>?, _ isWhole: Bool) -> CounterFact {
    fact(slot, .total, run, isWhole) { slice in
      let others =
        row < 0 ? entries[slot].direct[slice] : entries[slot].direct[slice] - min(entries[slot].direct[slice], rows[row].ring[slice])
      return saturated(entries[slot].own[slice], others)
    }
  }

  private func fact(
    _ slot: Int, _ kind: CounterFact.Kind, _ run: ClosedRange<UInt64>?, _ isWhole: Bool, _ count: (UInt64) -> UInt32
  ) -> CounterFact {
    let entry = entries[slot]
    var run = run ?? entry.head...entry.head
    if isWhole { run = entry.oldest...entry.head }
    var fact = CounterFact(
      key: entry.key, policy: entry.policy, kind: kind, newest: run.upperBound, count: Int(run.upperBound - run.lowerBound) + 1)
    for back in 0..<fact.count { fact.cells[back] = count(run.upperBound - UInt64(back)) }
    if isWhole && !entry.isBaseEmpty(from: CounterSlice.start(entry.oldest)) { fact.base = entry.base }
    return fact
  }
}
