// What others tell, taken in: by maximum per member, life and slice, so that it may come late, twice and in any order.

extension CounterTable {
  /// Merges what a member told.
  /// - Parameters:
  ///   - fact: from its datagram.
  ///   - sender: who sent it, in which life.
  ///   - now: wall nanoseconds.
  @discardableResult
  public mutating func merge(_ fact: CounterFact, from sender: CounterMember, now: UInt64) -> CounterMerge {
    clock = max(clock, now)
    let current = CounterSlice.of(clock)
    if fact.newest > current + CounterSlice.aheadMax || (fact.base?.slice ?? 0) > current {
      statistics.ahead &+= 1
      return .ahead
    }
    guard let slot = slot(of: fact.key) ?? insert(fact.key, fact.policy, now: clock) else {
      statistics.full &+= 1
      return .full
    }
    entries[slot].advance(to: max(current, fact.newest))
    if let base = fact.base { entries[slot].merge(base, counts: fact.count(in:)) }
    guard fact.newest >= entries[slot].oldest else {
      statistics.late &+= 1
      return .late
    }
    switch fact.kind {
    case .share: return mergeShare(fact, slot, sender)
    case .total:
      mergeTotal(fact, slot)
      return .merged
    }
  }

  private mutating func mergeTotal(_ fact: CounterFact, _ slot: Int) {
    for back in 0..<UInt64(fact.count) {
      let slice = fact.newest - back
      if slice < entries[slot].oldest { break }
      let count = fact.cells[Int(back)]
      if count > entries[slot].told[slice] { entries[slot].told[slice] = count }
    }
    entries[slot].touch()
  }

  private mutating func mergeShare(_ fact: CounterFact, _ slot: Int, _ sender: CounterMember) -> CounterMerge {
    guard let life = members.life(sender.id, sender.generation, limits: limits), let row = row(slot, life) else {
      statistics.full &+= 1
      return .full
    }
    var isChanged = rows[row].isNew && !members.isBroadcast(limits)
    for back in 0..<UInt64(fact.count) {
      let slice = fact.newest - back
      if slice < entries[slot].oldest { break }
      let count = fact.cells[Int(back)]
      let known = rows[row].ring[slice]
      if count <= known { continue }
      rows[row].ring[slice] = count
      entries[slot].direct[slice] = saturated(entries[slot].direct[slice], count - known)
      entries[slot].telling.noteDirect(slice)
      isChanged = true
    }
    rows[row].heard = max(rows[row].heard, fact.newest)
    if isChanged {
      entries[slot].touch()
      if !members.isBroadcast(limits) { scheduleTotal(slot, clock) }
    }
    return .merged
  }

  /// Takes note that a member asks about a key, so that it hears the totals.
  public mutating func noteInterest(_ key: UInt64, of sender: CounterMember) {
    guard !members.isBroadcast(limits), let slot = slot(of: key),
      let life = members.life(sender.id, sender.generation, limits: limits), let row = row(slot, life)
    else { return }
    rows[row].heard = max(rows[row].heard, entries[slot].head)
  }
}
