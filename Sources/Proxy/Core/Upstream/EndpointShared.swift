// What all workers of a node share about an endpoint and about a pool: a few relaxed atomics, written when a verdict changes, read
// when a worker recompiles its candidates. Who makes the cells is EndpointDirectory.swift; who decides is HealthCheckState.swift and
// Ejection.swift.

import Synchronization

/// Reasons why an endpoint takes no traffic, besides ejection.
public struct EndpointHolds: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// This node's active check says unhealthy.
  public static let failedCheck = EndpointHolds(rawValue: 1)
  /// The cluster's quorum says unhealthy.
  public static let clusterVerdict = EndpointHolds(rawValue: 2)
  /// Added while active checks are on; its first result is still to come.
  public static let unchecked = EndpointHolds(rawValue: 4)
  /// Taken out by an operator.
  public static let operatorHold = EndpointHolds(rawValue: 8)
}

/// One endpoint's verdicts, seen by every worker of the node.
///
/// Relaxed fields suffice: each is a value of its own, and `PoolShared.version` (release, acquire) orders a change before the
/// workers' next look.
public struct EndpointShared: ~Copyable, Sendable {
  /// `ejectedUntil` of an endpoint that has left the pool: later than any time, and never overwritten.
  static let retired = UInt64.max

  private let holdBits: Atomic<UInt32>
  /// 0: not ejected. Otherwise the place among the pool's ejected is taken, until someone readmits, even after the time has come.
  private let ejectedUntilTime = Atomic<UInt64>(0)
  private let rampSinceTime: Atomic<UInt64>
  private let ejectionCount = Atomic<UInt32>(0)
  private let ejectionEnd = Atomic<UInt64>(0)

  /// - Parameter rampSince: when its slow start began, in nanoseconds; 0 for none.
  init(holds: EndpointHolds, rampSince: UInt64) {
    holdBits = Atomic(holds.rawValue)
    rampSinceTime = Atomic(rampSince)
  }

  public var holds: EndpointHolds { EndpointHolds(rawValue: holdBits.load(ordering: .relaxed)) }
  /// Monotonic nanoseconds; 0 when not ejected; a time gone by when due to be readmitted.
  public var ejectedUntil: UInt64 { ejectedUntilTime.load(ordering: .relaxed) }
  /// When the endpoint last became fit for traffic (monotonic nanoseconds); 0 for "since ever".
  public var rampSince: UInt64 { rampSinceTime.load(ordering: .relaxed) }
  /// How often in a row the endpoint has been ejected, and when the last time ended or will end.
  var timesEjected: UInt32 { ejectionCount.load(ordering: .relaxed) }
  var lastEjectionEnd: UInt64 { ejectionEnd.load(ordering: .relaxed) }

  /// Whether the endpoint may take traffic: nothing holds it and its ejection, if any, is over.
  @inline(__always)
  public func isHealthy(now: UInt64) -> Bool {
    holdBits.load(ordering: .relaxed) == 0 && ejectedUntilTime.load(ordering: .relaxed) <= now
  }

  /// Takes the endpoint out for the given reasons.
  /// - Returns: whether it was free of holds before.
  @discardableResult
  public func hold(_ reasons: EndpointHolds, pool: borrowing PoolShared) -> Bool {
    let before = holdBits.bitwiseOr(reasons.rawValue, ordering: .relaxed).oldValue
    if before & reasons.rawValue != reasons.rawValue { pool.changed() }
    return before == 0
  }

  /// Withdraws the given reasons; without any left, the slow start begins at `now`.
  /// - Returns: whether the endpoint was held before and is free now.
  @discardableResult
  public func release(_ reasons: EndpointHolds, now: UInt64, pool: borrowing PoolShared) -> Bool {
    let change = holdBits.bitwiseAnd(~reasons.rawValue, ordering: .relaxed)
    guard change.oldValue != change.newValue else { return false }
    let isFree = change.newValue == 0
    if isFree { rampSinceTime.store(max(now, 1), ordering: .relaxed) }
    pool.changed()
    return isFree
  }

  /// Ejects the endpoint if the pool's share allows it.
  /// - Parameters:
  ///   - until: monotonic nanoseconds.
  ///   - times: how often in a row, this time included.
  func eject(now: UInt64, until: UInt64, times: UInt32, pool: borrowing PoolShared) -> EjectionAdmission {
    let current = ejectedUntilTime.load(ordering: .relaxed)
    if current > now { return .alreadyEjected }
    // Due but not readmitted yet: the place is still taken, so that the ejection is renewed without asking for another.
    let needsPlace = current == 0
    if needsPlace && !pool.takeEjection() { return .shareSpent }
    guard ejectedUntilTime.compareExchange(expected: current, desired: until, ordering: .relaxed).exchanged else {
      if needsPlace { pool.giveEjectionBack() }
      return .alreadyEjected
    }
    ejectionCount.store(times, ordering: .relaxed)
    ejectionEnd.store(until, ordering: .relaxed)
    pool.changed()
    return .ejected
  }

  /// Readmits the endpoint if it is ejected and its time has come, or at once if `early` (an active check proves it well).
  /// - Returns: true for exactly one of the callers that ask at the same time.
  public func readmit(now: UInt64, early: Bool = false, pool: borrowing PoolShared) -> Bool {
    let current = ejectedUntilTime.load(ordering: .relaxed)
    guard current != 0, current != Self.retired, early || current <= now else { return false }
    guard ejectedUntilTime.compareExchange(expected: current, desired: 0, ordering: .relaxed).exchanged else { return false }
    rampSinceTime.store(max(min(now, current), 1), ordering: .relaxed)
    if current > now { ejectionEnd.store(now, ordering: .relaxed) }
    pool.giveEjectionBack()
    pool.changed()
    return true
  }

  /// The endpoint leaves the pool: nobody can eject it any more, and the place it may hold among the ejected is free.
  func retire(pool: borrowing PoolShared) {
    let before = ejectedUntilTime.exchange(Self.retired, ordering: .relaxed)
    if before != 0 && before != Self.retired { pool.giveEjectionBack() }
  }
}

/// Answer to a wish to eject.
enum EjectionAdmission {
  case ejected
  case alreadyEjected
  /// One more would exceed the pool's ejected share.
  case shareSpent
}

/// One pool's shared counters.
public struct PoolShared: ~Copyable, Sendable {
  private let changes = Atomic<UInt64>(1)
  /// Places for ejected endpoints: the upper half says how many there may be, the lower how many are taken. One word, so that a
  /// smaller maximum and a new ejection cannot miss each other.
  private let ejections = Atomic<UInt64>(0)

  init() {}

  /// Grows with every change of a verdict; workers recompile their candidates when they see a new one.
  @inline(__always)
  public var version: UInt64 { changes.load(ordering: .acquiring) }

  public var ejectedCount: Int { Int(ejections.load(ordering: .relaxed) & 0xffff_ffff) }
  public var ejectedMax: Int { Int(ejections.load(ordering: .relaxed) >> 32) }

  func changed() {
    changes.wrappingAdd(1, ordering: .releasing)
  }

  func takeEjection() -> Bool {
    var current = ejections.load(ordering: .relaxed)
    while current & 0xffff_ffff < current >> 32 {
      let (exchanged, seen) = ejections.compareExchange(expected: current, desired: current + 1, ordering: .relaxed)
      if exchanged { return true }
      current = seen
    }
    return false
  }

  func giveEjectionBack() {
    ejections.wrappingSubtract(1, ordering: .relaxed)
  }

  /// - Returns: how many are ejected beyond the new maximum; the caller readmits as many.
  func allowEjections(_ count: Int) -> Int {
    var current = ejections.load(ordering: .relaxed)
    while true {
      let desired = UInt64(count) << 32 | current & 0xffff_ffff
      let (exchanged, seen) = ejections.compareExchange(expected: current, desired: desired, ordering: .relaxed)
      if exchanged { return max(0, Int(current & 0xffff_ffff) - count) }
      current = seen
    }
  }
}

/// Owner of one shared value at a fixed address, on cache lines of its own, so that a busy neighbour on the heap does not slow the
/// workers' reads.
// SAFETY: `Value` is Sendable and the pointer is set once and freed by the last owner.
public final class SharedCell<Value: ~Copyable & Sendable>: @unchecked Sendable {
  public let pointer: UnsafeMutablePointer<Value>

  init(_ value: consuming Value) {
    let bytes = (MemoryLayout<Value>.size + 63) & ~63
    pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).bindMemory(to: Value.self, capacity: 1)
    pointer.initialize(to: value)
  }

  deinit {
    pointer.deinitialize(count: 1)
    UnsafeMutableRawPointer(pointer).deallocate()
  }
}

// What the holder of a cell (a checker, the control thread, a report) says and asks.
extension SharedCell where Value == EndpointShared {
  public func isHealthy(now: UInt64) -> Bool { pointer.pointee.isHealthy(now: now) }

  public var holds: EndpointHolds { pointer.pointee.holds }

  public var ejectedUntil: UInt64 { pointer.pointee.ejectedUntil }

  /// As `EndpointShared.hold`.
  @discardableResult
  public func hold(_ reasons: EndpointHolds, pool: SharedCell<PoolShared>) -> Bool {
    pointer.pointee.hold(reasons, pool: pool.pointer.pointee)
  }

  /// As `EndpointShared.release`.
  @discardableResult
  public func release(_ reasons: EndpointHolds, now: UInt64, pool: SharedCell<PoolShared>) -> Bool {
    pointer.pointee.release(reasons, now: now, pool: pool.pointer.pointee)
  }

  /// As `EndpointShared.readmit`.
  public func readmit(now: UInt64, early: Bool = false, pool: SharedCell<PoolShared>) -> Bool {
    pointer.pointee.readmit(now: now, early: early, pool: pool.pointer.pointee)
  }
}

extension SharedCell where Value == PoolShared {
  public var ejectedCount: Int { pointer.pointee.ejectedCount }
  public var ejectedMax: Int { pointer.pointee.ejectedMax }
}
