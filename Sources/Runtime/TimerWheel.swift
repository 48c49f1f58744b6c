// Deadlines of one loop's connections and exchanges, at next to no cost a request: a hashed wheel (Varghese and Lauck, "Hashed
// and Hierarchical Timing Wheels", 1987) whose entries are lazy. Moving a deadline later only stores a number; the entry finds
// out when its slot comes round. Time comes in as an argument.

/// An entry of the wheel, embedded in what it times.
public struct TimerNode {
  /// Monotonic nanoseconds; 0: no deadline (an entry still in the wheel falls out silently).
  public var deadline: UInt64 = 0
  /// Handed back when the deadline has passed.
  public var owner: UnsafeMutableRawPointer?
  /// Tells the owner's kinds apart.
  public var kind: UInt8 = 0
  @usableFromInline var slot: Int32 = -1
  @usableFromInline var armedAt: UInt64 = 0
  @usableFromInline var previous: UnsafeMutablePointer<TimerNode>?
  @usableFromInline var next: UnsafeMutablePointer<TimerNode>?

  public init() {}
}

/// A wheel of 4,096 slots of 4 ms. A deadline beyond its 16 s turn sits in the last slot and is looked at again then.
///
/// SAFETY: a node must stay at its address while `isArmed`; whoever frees it calls `cancel` first.
public struct TimerWheel {
  public static let slotNanoseconds: UInt64 = 4_000_000
  public static let slots = 4096

  @usableFromInline let heads: UnsafeMutablePointer<UnsafeMutablePointer<TimerNode>?>
  @usableFromInline let occupied: UnsafeMutablePointer<UInt64>
  /// The slot number (deadline / slotNanoseconds) up to which everything has fired.
  @usableFromInline var current: UInt64

  public init(now: UInt64) {
    heads = .allocate(capacity: TimerWheel.slots)
    heads.initialize(repeating: nil, count: TimerWheel.slots)
    occupied = .allocate(capacity: TimerWheel.slots / 64)
    occupied.initialize(repeating: 0, count: TimerWheel.slots / 64)
    current = now / TimerWheel.slotNanoseconds
  }

  public func deallocate() {
    heads.deallocate()
    occupied.deallocate()
  }

  /// Sets the node's deadline. Later than the armed slot: a store. Earlier, or not in the wheel: linked anew.
  @inline(__always)
  public mutating func schedule(_ node: UnsafeMutablePointer<TimerNode>, at deadline: UInt64) {
    node.pointee.deadline = deadline
    if deadline == 0 || (node.pointee.slot >= 0 && node.pointee.armedAt <= deadline) { return }
    arm(node)
  }

  /// Takes the node out of the wheel.
  public mutating func cancel(_ node: UnsafeMutablePointer<TimerNode>) {
    node.pointee.deadline = 0
    unlink(node)
  }

  /// The next node whose deadline has passed, out of the wheel with its deadline cleared; nil when there is none. At most one slot
  /// (4 ms) late, never early.
  public mutating func expire(now: UInt64) -> UnsafeMutablePointer<TimerNode>? {
    let target = now / TimerWheel.slotNanoseconds
    while current < target {
      let slot = Int(truncatingIfNeeded: current) & (TimerWheel.slots - 1)
      while let node = heads[slot] {
        unlink(node)
        let deadline = node.pointee.deadline
        if deadline == 0 { continue }
        if deadline / TimerWheel.slotNanoseconds > current {
          arm(node)
          continue
        }
        node.pointee.deadline = 0
        return node
      }
      // After a long sleep every slot was looked at in one turn of the wheel: what is left lies ahead.
      current = target &- current > UInt64(TimerWheel.slots) && isEmpty ? target : current &+ 1
    }
    return nil
  }

  private var isEmpty: Bool { firstOccupied(from: 0) == nil }

  /// When something may be due, monotonic nanoseconds; `UInt64.max` when the wheel is empty.
  public var nextDue: UInt64 {
    let start = Int(truncatingIfNeeded: current) & (TimerWheel.slots - 1)
    guard let slot = firstOccupied(from: start) else { return .max }
    let ahead = UInt64((slot &- start) & (TimerWheel.slots - 1))
    return (current &+ ahead &+ 1) &* TimerWheel.slotNanoseconds
  }

  private func firstOccupied(from start: Int) -> Int? {
    let words = TimerWheel.slots / 64
    var word = start >> 6
    var bits = occupied[word] & (~0 << UInt64(start & 63))
    var looked = 0
    while looked <= words {
      if bits != 0 { return word << 6 + bits.trailingZeroBitCount }
      word = (word &+ 1) & (words &- 1)
      bits = occupied[word]
      looked &+= 1
    }
    return nil
  }

  @usableFromInline
  mutating func arm(_ node: UnsafeMutablePointer<TimerNode>) {
    unlink(node)
    let last = current &+ UInt64(TimerWheel.slots - 1)
    var tick = node.pointee.deadline / TimerWheel.slotNanoseconds
    if tick < current { tick = current }
    if tick > last { tick = last }
    let slot = Int(truncatingIfNeeded: tick) & (TimerWheel.slots - 1)
    node.pointee.armedAt = min(node.pointee.deadline, tick &* TimerWheel.slotNanoseconds &+ (TimerWheel.slotNanoseconds &- 1))
    node.pointee.slot = Int32(truncatingIfNeeded: slot)
    node.pointee.previous = nil
    node.pointee.next = heads[slot]
    if let head = heads[slot] { head.pointee.previous = node }
    heads[slot] = node
    occupied[slot >> 6] |= 1 << UInt64(slot & 63)
  }

  @usableFromInline
  mutating func unlink(_ node: UnsafeMutablePointer<TimerNode>) {
    let slot = Int(node.pointee.slot)
    guard slot >= 0 else { return }
    if let p = node.pointee.previous { p.pointee.next = node.pointee.next } else { heads[slot] = node.pointee.next }
    if let n = node.pointee.next { n.pointee.previous = node.pointee.previous }
    node.pointee.slot = -1
    node.pointee.previous = nil
    node.pointee.next = nil
    if heads[slot] == nil { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
  }
}
