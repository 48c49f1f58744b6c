// What of a key others have yet to hear, who its owner is, and what was asked about it: the part of a key that the level does not depend
// on.

struct CounterTelling: Sendable {
  /// Slices of `own` that grew since they were last told, by slice modulo 16.
  private(set) var ownChanged: UInt16 = 0
  /// Slices of `direct` that did.
  private(set) var directChanged: UInt16 = 0
  /// Units consumed here since the last telling.
  private(set) var unsent: UInt32 = 0
  /// Peers that are to hear all of it, base included: a bit each in a small cluster, any bit for the owners in a large one.
  var whole: UInt8 = 0
  var isQueuedSoon = false
  var isQueuedLate = false

  /// Peers by rank, -1 for none; valid while `rankedAt` is the table's epoch.
  var owner: Int32 = -1
  var second: Int32 = -1
  var ownerScore = 0.0
  var secondScore = 0.0
  var rankedAt: UInt32 = 0

  /// Its owner decides while less than this is left, as nanoseconds of inflow; `Int64.min`: never.
  var askedBelow = Int64.min
  /// Questions without an answer, and the slice of the last one.
  private var pending: UInt32 = 0
  private var pendingSlice: UInt64 = 0
  /// An owner has denied it until then, wall nanoseconds.
  var deniedUntil: UInt64 = 0

  /// Until then this node counts as having decided in place of an owner that does not answer, wall nanoseconds.
  var standsInUntil: UInt64 = 0

  /// The first of the rows that hold other members' shares, -1 for none.
  var firstRow: Int32 = -1

  @inline(__always)
  private func bit(_ slice: UInt64) -> UInt16 { 1 &<< UInt16(truncatingIfNeeded: slice & 15) }

  @inline(__always)
  mutating func noteOwn(_ slice: UInt64, _ cost: UInt32) {
    ownChanged |= bit(slice)
    unsent = saturated(unsent, cost)
  }

  mutating func noteDirect(_ slice: UInt64) { directChanged |= bit(slice) }

  /// The slice has left the rings.
  mutating func forget(_ slice: UInt64) {
    ownChanged &= ~bit(slice)
    directChanged &= ~bit(slice)
  }

  var isSettled: Bool { ownChanged == 0 && directChanged == 0 && whole == 0 }

  mutating func settle() {
    (ownChanged, directChanged, unsent, whole) = (0, 0, 0, 0)
  }

  @inline(__always)
  func isAsked(_ leftSpan: Int64) -> Bool { leftSpan < askedBelow }

  /// Questions that are out; those of more than a second ago are lost.
  func asked(_ slice: UInt64) -> UInt32 { slice &- pendingSlice < CounterSlice.kept ? pending : 0 }

  mutating func ask(_ slice: UInt64) {
    pending = saturated(asked(slice), 1)
    pendingSlice = slice
  }

  mutating func answered() { pending -= min(pending, 1) }

  func isIdle(now: UInt64) -> Bool { asked(CounterSlice.of(now)) == 0 && deniedUntil <= now }
}

/// How far a mask of slices reaches back from the newest, as a run that has all of them.
/// - Returns: the slices from the newest changed one back to the oldest, or nil if none changed.
func changedRun(_ mask: UInt16, head: UInt64) -> ClosedRange<UInt64>? {
  if mask == 0 { return nil }
  // Turned so that bit 15 is the head's and bit 0 the oldest slice's.
  let turn = UInt16(truncatingIfNeeded: (head + 1) & 15)
  let turned = turn == 0 ? mask : (mask >> turn) | (mask << (16 - turn))
  let oldest = head - (CounterSlice.kept - 1)
  return (oldest + UInt64(turned.trailingZeroBitCount))...(head - UInt64(turned.leadingZeroBitCount))
}
