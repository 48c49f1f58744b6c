// Anti-entropy: what two tables compare cheaply, and all of a range for who lacks it. When and with whom is the driver's.
import Runtime

extension CounterTable {
  /// A digest per range of keys: equal where two tables know the same of all keys that have been quiet for as long as slices are kept (1.07
  /// s). Keys in use are left out, batches take care of those; so are full buckets and empty windows, which say what no entry says as well.
  /// - Parameters:
  ///   - ranges: how many; a power of two up to 65,536. A key's range is its highest bits.
  ///   - now: wall nanoseconds.
  /// - Precondition: `ranges` is a power of two up to 65,536.
  public mutating func digests(ranges: Int, now: UInt64) -> [UInt64] {
    precondition(ranges > 0 && ranges <= 65_536 && ranges & (ranges - 1) == 0, "\(ranges) ranges are not a power of two up to 65,536")
    clock = max(clock, now)
    var digests = [UInt64](repeating: 0, count: ranges)
    for slot in entries.indices where isQuiet(slot) {
      let range = CounterTable.range(entries[slot].key, of: ranges)
      // A sum does not depend on the order in which a table holds its keys.
      digests[range] &+= entries[slot].digest
    }
    return digests
  }

  /// The range that a key lies in.
  public static func range(_ key: UInt64, of ranges: Int) -> Int { Int(key.multipliedFullWidth(by: UInt64(ranges)).high) }

  private mutating func isQuiet(_ slot: Int) -> Bool {
    guard isHeld(slot) else { return false }
    entries[slot].advance(to: CounterSlice.of(clock))
    return entries[slot].isFreshLater(now: .max) && !entries[slot].isBaseEmpty(from: clock)
  }

  /// Facts that tell all that this table knows of a range: counts that members told of themselves, and the base.
  /// - Parameters:
  ///   - hearer: whose own counts are left out.
  ///   - most: facts at most, in order of slots.
  ///   - from: the slot to begin with.
  /// - Returns: the facts, and the slot to go on from, nil at the end.
  public mutating func entries(
    inRange range: Int, of ranges: Int, for hearer: CounterMember, from: Int = 0, most: Int, now: UInt64
  ) -> (facts: [CounterFact], next: Int?) {
    clock = max(clock, now)
    var facts: [CounterFact] = []
    let life = members.life(hearer.id, hearer.generation, limits: limits) ?? -1
    for slot in entries.indices.dropFirst(from) where isHeld(slot) && CounterTable.range(entries[slot].key, of: ranges) == range {
      if facts.count >= most { return (facts, slot) }
      entries[slot].advance(to: CounterSlice.of(clock))
      if entries[slot].isFreshLater(now: CounterSlice.start(entries[slot].oldest)) { continue }
      facts.append(totalFact(slot, life < 0 ? -1 : rowOfMember(slot, Int32(life)), nil, true))
    }
    return (facts, nil)
  }
}
