// One key: the merged counts of the last slices, and its level as a replay of them. It is a join-semilattice: counts grow, are merged by
// maximum, and the level is a function of them, so that late, repeated and reordered batches end in the same level. Which keys there are is
// CounterTable's.
import Runtime

/// Counts of the last sixteen slices, by slice modulo sixteen.
struct SliceRing: Sendable {
  private var cells = InlineArray<16, UInt32>(repeating: 0)

  init() {}

  subscript(slice: UInt64) -> UInt32 {
    @inline(__always) get { cells[Int(truncatingIfNeeded: slice & 15)] }
    @inline(__always) set { cells[Int(truncatingIfNeeded: slice & 15)] = newValue }
  }

  var isZero: Bool {
    var all: UInt32 = 0
    for i in 0..<16 { all |= cells[i] }
    return all == 0
  }
}

/// What a key had used up before the slices that are told one by one.
struct CounterBase: Equatable, Sendable {
  /// All slices up to this are in it.
  var slice: UInt64
  /// A bucket's theoretical arrival time, wall nanoseconds.
  var arrival: UInt64
  /// A window's newest cell and its sixteen cells, newest first; empty for a bucket.
  var cell: UInt64 = 0
  var cells: [UInt32] = []
}

/// A sum that stays at the most instead of wrapping: counts come from outside.
@inline(__always)
func saturated(_ a: UInt32, _ b: UInt32) -> UInt32 {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? .max : sum
}

struct CounterKey: Sendable {
  var key: UInt64
  private(set) var policy: CounterPolicy
  private var nanosecondsPerUnit: Double
  private var unitsPerNanosecond: Double
  private var burstSpan: UInt64
  /// Over-admission is repaid up to this span and no further, so that one wrong count does not close a limit for ever.
  private var debtSpan: UInt64

  /// The newest slice of the rings.
  private(set) var head: UInt64
  /// What this node consumed.
  var own = SliceRing()
  /// What other members said that they consumed, summed.
  var direct = SliceRing()
  /// What an owner said that the others consumed. Both are true and neither need be whole, so that the greater holds.
  var told = SliceRing()

  /// The theoretical arrival time (I.371) of the next unit after all slices up to `head` - 16.
  private(set) var baseArrival: UInt64 = 0
  /// A sliding window's memory of slices that left the rings.
  private var window = SliceRing()
  private var windowHead: UInt64 = 0

  /// The arrival time before the current slice, valid while `cachedSlice` is the current one.
  private var cachedArrival: UInt64 = 0
  private var cachedCount: UInt32 = 0
  private var cachedSlice: UInt64 = .max
  /// The arrival time by what this node alone consumed, at exact times: slices alone would let 67 ms of inflow through at once.
  private var ownArrival: UInt64 = 0

  // Who else has to know; kept by CounterTable.
  var telling = CounterTelling()

  init(_ key: UInt64, _ policy: CounterPolicy, slice: UInt64) {
    self.key = key
    self.policy = policy
    head = max(slice, CounterSlice.kept)
    (nanosecondsPerUnit, unitsPerNanosecond, burstSpan, debtSpan) = (0, 0, 0, 0)
    adopt(policy)
  }

  /// A changed limit takes what has been consumed along.
  mutating func adopt(_ new: CounterPolicy) {
    if new.kind != policy.kind || new.slicesPerCell != policy.slicesPerCell { (window, windowHead) = (SliceRing(), 0) }
    policy = new
    nanosecondsPerUnit = new.nanosecondsPerUnit
    unitsPerNanosecond = 1 / nanosecondsPerUnit
    burstSpan = UInt64(nanosecondsPerUnit * Double(new.burst))
    debtSpan = max(burstSpan, new.period)
    ownArrival = 0
    cachedSlice = .max
  }

  // MARK: Facts

  /// The oldest slice that counts can still be merged into.
  var oldest: UInt64 { head - (CounterSlice.kept - 1) }

  /// What all consumed in a slice, as far as is known.
  @inline(__always)
  func total(_ slice: UInt64) -> UInt32 { saturated(own[slice], max(direct[slice], told[slice])) }

  @inline(__always)
  private func span(_ units: UInt32) -> UInt64 { UInt64(min(Double(units) * nanosecondsPerUnit, 0x1p60)) }

  /// Makes room for a slice; those that leave are folded into the base.
  mutating func advance(to slice: UInt64) {
    if slice <= head { return }
    let first = oldest
    for old in first..<(first + min(slice - head, CounterSlice.kept)) {
      fold(old)
      own[old] = 0
      direct[old] = 0
      told[old] = 0
      telling.forget(old)
    }
    head = slice
    cachedSlice = .max
  }

  private mutating func fold(_ slice: UInt64) {
    let count = total(slice)
    if count == 0 { return }
    switch policy.kind {
    case .bucket: baseArrival = arrival(after: baseArrival, count, CounterSlice.start(slice))
    case .slidingWindow: remember(count, cell: slice / policy.slicesPerCell)
    }
  }

  /// One step of the replay: GCRA's `max(arrival, now) + count * T`, with a bound on the debt.
  @inline(__always)
  private func arrival(after arrival: UInt64, _ count: UInt32, _ now: UInt64) -> UInt64 {
    min(max(arrival, now) &+ min(span(count), burstSpan &+ debtSpan), now &+ burstSpan &+ debtSpan)
  }

  private mutating func remember(_ count: UInt32, cell: UInt64) {
    if cell > windowHead {
      for left in (windowHead + 1)...(windowHead + min(cell - windowHead, 16)) { window[left] = 0 }
      if cell - windowHead > 16 { window = SliceRing() }
      windowHead = cell
    }
    if cell + 16 > windowHead { window[cell] = saturated(window[cell], count) }
  }

  /// Something of a slice has grown: what was replayed no longer holds.
  mutating func touch() { cachedSlice = .max }

  /// What is known of the time before the rings.
  var base: CounterBase {
    switch policy.kind {
    case .bucket: CounterBase(slice: head - CounterSlice.kept, arrival: baseArrival)
    case .slidingWindow:
      CounterBase(
        slice: head - CounterSlice.kept, arrival: 0, cell: windowHead,
        cells: (0..<16).map { windowHead >= $0 ? window[windowHead - $0] : 0 })
    }
  }

  /// Whether the time before the rings has left no trace in levels from a time on.
  func isBaseEmpty(from now: UInt64) -> Bool {
    switch policy.kind {
    case .bucket: baseArrival <= now
    case .slidingWindow: window.isZero || CounterSlice.start((windowHead + 1) * policy.slicesPerCell) + policy.period <= now
    }
  }

  /// Merges another node's base: of two replays of a part of the same facts the one that knows of more is nearer to the truth.
  /// - Parameter counts: the other node's own or collected counts, by slice, of those after its base.
  mutating func merge(_ other: CounterBase, counts: (UInt64) -> UInt32) {
    advance(to: other.slice + CounterSlice.kept)
    switch policy.kind {
    case .bucket:
      var arrival = other.arrival
      // At most the few slices by which the other is behind: no fact reaches further back than sixteen.
      var slice = max(other.slice + 1, oldest - min(oldest, 2 * CounterSlice.kept))
      while slice < oldest {
        let count = counts(slice)
        if count > 0 { arrival = self.arrival(after: arrival, count, CounterSlice.start(slice)) }
        slice += 1
      }
      let most = CounterSlice.start(oldest) &+ burstSpan &+ debtSpan
      baseArrival = max(baseArrival, min(arrival, most))
    case .slidingWindow:
      let newest = (head - CounterSlice.kept) / policy.slicesPerCell
      guard other.cells.count == 16, other.cell <= newest else { return }
      for back in stride(from: 15, through: 0, by: -1) where other.cell >= UInt64(back) {
        let cell = other.cell - UInt64(back)
        let count = other.cells[back]
        if count == 0 || cell + 16 <= windowHead { continue }
        remember(0, cell: cell)
        window[cell] = max(window[cell], count)
      }
    }
    cachedSlice = .max
  }

  /// Nothing is known of this key that a new one would not say as well.
  mutating func isFresh(now: UInt64) -> Bool {
    advance(to: CounterSlice.of(now))
    return own.isZero && direct.isZero && told.isZero && isBaseEmpty(from: now) && ownArrival <= now && telling.isIdle(now: now)
  }

  /// As `isFresh`, without folding: may say no of a key whose last counts have just become void.
  func isFreshLater(now: UInt64) -> Bool { own.isZero && direct.isZero && told.isZero && isBaseEmpty(from: now) }

  /// Of a key whose rings are empty: a hash of all that is known of it.
  var digest: UInt64 {
    switch policy.kind {
    case .bucket: return StableHash.avalanche(key ^ StableHash.avalanche(baseArrival))
    case .slidingWindow:
      var hash = StableHash.avalanche(key ^ windowHead)
      for cell in UInt64(0)..<16 { hash = StableHash.avalanche(hash ^ UInt64(window[windowHead &- cell])) }
      return hash
    }
  }

  // MARK: Level

  /// A level at one moment.
  struct Level {
    /// Units that may be consumed; below 0 is debt.
    var left: Double
    /// Nanoseconds' worth of inflow that is left, as a bucket sees it; below 0 is debt.
    var leftSpan: Int64
    /// Nanoseconds until all is there again.
    var reset: UInt64
  }

  /// The theoretical arrival time by all counts that are known: the replay.
  @inline(__always)
  mutating func arrival(now: UInt64) -> UInt64 {
    let slice = CounterSlice.of(now)
    if cachedSlice != slice { replay(slice) }
    return cachedCount == 0 ? cachedArrival : arrival(after: cachedArrival, cachedCount, CounterSlice.start(slice))
  }

  private mutating func replay(_ current: UInt64) {
    advance(to: current)
    var arrival = baseArrival
    var slice = oldest
    while slice < current {
      let count = total(slice)
      if count > 0 { arrival = self.arrival(after: arrival, count, CounterSlice.start(slice)) }
      slice += 1
    }
    // Slices of clocks that are ahead count as of now.
    var count: UInt32 = 0
    while slice <= head {
      count = saturated(count, total(slice))
      slice += 1
    }
    (cachedArrival, cachedCount, cachedSlice) = (arrival, count, current)
  }

  /// - Parameter now: wall nanoseconds, not before any earlier call's slice.
  @inline(__always)
  mutating func level(now: UInt64) -> Level {
    switch policy.kind {
    case .bucket:
      let used = max(arrival(now: now), ownArrival, now) - now
      let left = Int64(burstSpan) - Int64(used)
      return Level(left: (Double(left) * unitsPerNanosecond + 1e-6).rounded(.down), leftSpan: left, reset: used)
    case .slidingWindow:
      return windowLevel(now: now)
    }
  }

  private mutating func windowLevel(now: UInt64) -> Level {
    advance(to: CounterSlice.of(now))
    var (used, last) = (0.0, now)
    forEachSpan(now: now) { _, end, count in
      used += count
      last = end &+ policy.period
      return true
    }
    // To the nearest: a unit leaves when the window's edge is halfway through its slice, which is right on average.
    let left = (Double(policy.limit) - used).rounded()
    return Level(left: left, leftSpan: Int64(left * nanosecondsPerUnit), reset: max(last, now) - now)
  }

  /// What counts within the window, oldest first. Of a span that lies across the window's beginning the part inside counts, as if what was
  /// consumed in it had come evenly.
  private func forEachSpan(now: UInt64, _ body: (UInt64, UInt64, Double) -> Bool) {
    let from = now > policy.period ? now - policy.period : 0
    func visit(_ start: UInt64, _ end: UInt64, _ count: UInt32) -> Bool {
      if count == 0 || end <= from { return true }
      let share = start >= from ? 1 : Double(end - from) / Double(end - start)
      return body(max(start, from), end, Double(count) * share)
    }
    let width = policy.slicesPerCell
    for back in stride(from: UInt64(15), through: 0, by: -1) where windowHead > back {
      let start = (windowHead - back) * width
      if !visit(CounterSlice.start(start), CounterSlice.start(min(start + width, oldest)), window[windowHead - back]) { return }
    }
    for slice in oldest...head {
      if !visit(CounterSlice.start(slice), CounterSlice.start(slice + 1), total(slice)) { return }
    }
  }

  /// Nanoseconds until `cost` more units would be allowed.
  func wait(_ cost: UInt32, _ level: Level, now: UInt64) -> UInt64 {
    if cost > policy.burst { return .max }
    switch policy.kind {
    case .bucket:
      let missing = Int64(span(cost)) - level.leftSpan
      return missing > 0 ? UInt64(missing) : 0
    case .slidingWindow:
      var missing = Double(cost) - level.left
      var wait: UInt64 = 0
      forEachSpan(now: now) { start, end, count in
        let part = min(1, missing / count)
        wait = start + UInt64(Double(end - start) * part) + policy.period - now
        missing -= count
        return missing > 0
      }
      return wait
    }
  }

  /// Counts what this node consumed.
  @inline(__always)
  mutating func count(_ cost: UInt32, now: UInt64) {
    // A clock that lags behind the newest counts still has its slice, unless it lags by more than the rings hold.
    let slice = max(CounterSlice.of(now), oldest)
    own[slice] = saturated(own[slice], cost)
    if cachedSlice == slice { cachedCount = saturated(cachedCount, cost) } else { cachedSlice = .max }
    ownArrival = min(max(ownArrival, now) &+ span(cost), now &+ burstSpan &+ debtSpan)
    telling.noteOwn(slice, cost)
  }
}
