// The two clocks as two types, so that a deadline is never compared with a date, and the seam through which code that needs the
// time gets it. Hearts take a time as an argument; only drivers hold a `TimeSource`. Calendar text is CivilTime.swift's.
import CEpoll
import Synchronization

/// A point in time in whole nanoseconds. Arithmetic saturates at both ends of the range: a deadline "for ever" away stays there.
public protocol TimePoint: Comparable, Hashable, Sendable {
  /// Nanoseconds since the clock's origin.
  var nanoseconds: UInt64 { get }
  init(nanoseconds: UInt64)
}

/// Time since some fixed moment before the process began (CLOCK_MONOTONIC): for deadlines, timers and measured durations.
public struct MonotonicTime: TimePoint {
  public let nanoseconds: UInt64

  @inlinable
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
}

/// Time since 1970-01-01T00:00:00Z without leap seconds (CLOCK_REALTIME): for dates that people and peers read. It may jump.
public struct WallTime: TimePoint {
  public let nanoseconds: UInt64

  @inlinable
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// - Parameter secondsSinceEpoch: Unix time; what does not fit in nanoseconds becomes the last representable moment (2554-07-21).
  @inlinable
  public init(secondsSinceEpoch: UInt64) {
    let (product, overflow) = secondsSinceEpoch.multipliedReportingOverflow(by: 1_000_000_000)
    self.nanoseconds = overflow ? .max : product
  }

  /// Unix time, rounded down.
  @inlinable
  public var secondsSinceEpoch: UInt64 { nanoseconds / 1_000_000_000 }
}

extension TimePoint {
  /// The clock's origin.
  @inlinable
  public static var zero: Self { Self(nanoseconds: 0) }

  /// Later than anything that will happen.
  @inlinable
  public static var distantFuture: Self { Self(nanoseconds: .max) }

  @inlinable @inline(__always)
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  /// This point moved later by a count of nanoseconds.
  @inlinable @inline(__always)
  public func advanced(byNanoseconds count: UInt64) -> Self {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
    return Self(nanoseconds: overflow ? .max : sum)
  }

  /// Nanoseconds from `earlier` to this point; 0 when `earlier` is not earlier.
  @inlinable @inline(__always)
  public func nanoseconds(since earlier: Self) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? nanoseconds &- earlier.nanoseconds : 0
  }

  @inlinable
  public static func + (point: Self, duration: Duration) -> Self {
    let delta = duration.wholeNanoseconds
    if delta >= 0 { return point.advanced(byNanoseconds: UInt64(delta)) }
    return Self(nanoseconds: point.nanoseconds > delta.magnitude ? point.nanoseconds &- delta.magnitude : 0)
  }

  @inlinable
  public static func - (point: Self, duration: Duration) -> Self { point + (Duration.zero - duration) }

  /// The signed distance between two points, clamped to what 64 bits of nanoseconds hold (292 years).
  @inlinable
  public static func - (left: Self, right: Self) -> Duration {
    if left >= right { return .nanoseconds(Int64(clamping: left.nanoseconds &- right.nanoseconds)) }
    return .nanoseconds(-Int64(clamping: right.nanoseconds &- left.nanoseconds))
  }

  @inlinable
  public static func += (point: inout Self, duration: Duration) { point = point + duration }
}

extension Duration {
  /// This duration in nanoseconds, fractions cut off, clamped to 64 bits (292 years either way).
  @inlinable
  public var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return carried ? (product < 0 ? .min : .max) : sum
  }
}

/// Where a driver gets the time from.
public protocol TimeSource: Sendable {
  func monotonic() -> MonotonicTime
  func wall() -> WallTime
}

/// The kernel's clocks.
public struct SystemTime: TimeSource {
  @inlinable
  public init() {}

  @inlinable
  public func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: tg_now(CLOCK_MONOTONIC)) }

  @inlinable
  public func wall() -> WallTime { WallTime(nanoseconds: tg_now(CLOCK_REALTIME)) }
}

/// A clock that moves only when told to, for tests and simulations; safe to read from several threads.
public final class ManualTime: TimeSource {
  private let monotonicNanoseconds: Atomic<UInt64>
  private let wallNanoseconds: Atomic<UInt64>

  /// Both clocks begin where the arguments say; the defaults are 1 s after boot and 2026-01-31T12:00:00Z.
  public init(
    monotonic: MonotonicTime = MonotonicTime(nanoseconds: 1_000_000_000),
    wall: WallTime = WallTime(secondsSinceEpoch: 1_769_860_800)
  ) {
    monotonicNanoseconds = Atomic(monotonic.nanoseconds)
    wallNanoseconds = Atomic(wall.nanoseconds)
  }

  public func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: monotonicNanoseconds.load(ordering: .acquiring)) }
  public func wall() -> WallTime { WallTime(nanoseconds: wallNanoseconds.load(ordering: .acquiring)) }

  /// Moves both clocks forward.
  /// - Precondition: `duration` is not negative: a monotonic clock never goes back.
  public func advance(by duration: Duration) {
    precondition(duration >= .zero, "a monotonic clock cannot be advanced by \(duration)")
    // One thread moves the clock; load and store need not be one step.
    monotonicNanoseconds.store((monotonic() + duration).nanoseconds, ordering: .releasing)
    wallNanoseconds.store((wall() + duration).nanoseconds, ordering: .releasing)
  }

  /// Makes the wall clock jump, either way, as an administrator or a time service may; the monotonic clock does not notice.
  public func setWall(_ time: WallTime) { wallNanoseconds.store(time.nanoseconds, ordering: .releasing) }
}
