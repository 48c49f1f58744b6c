// Points in time that nodes with imperfect clocks agree on the order of. What makes them is HybridClock.

/// A hybrid logical time: 48 bits of wall-clock milliseconds since 1970 and a 16-bit count within them (S. Kulkarni, M. Demirbas,
/// D. Madappa, B. Avva, M. Leone, "Logical Physical Clocks", 2014, §4.3, where both share one 64-bit word, so that stamps compare as
/// numbers).
public struct HybridStamp: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let value: UInt64

  public static let zero = HybridStamp(0)

  public init(_ value: UInt64) { self.value = value }

  /// - Parameter milliseconds: since 1970; more than 48 bits hold, in the year 10,889, stay at the greatest.
  public init(milliseconds: UInt64, logical: UInt16 = 0) {
    let most = UInt64.max >> 16
    value = min(milliseconds, most) << 16 | UInt64(logical)
  }

  /// Milliseconds since 1970.
  public var milliseconds: UInt64 { value >> 16 }
  /// Which of the stamps of that millisecond.
  public var logical: UInt16 { UInt16(truncatingIfNeeded: value) }

  /// The next stamp. The count runs over into the milliseconds; the last of all stays where it is.
  public var next: HybridStamp { HybridStamp(value == .max ? .max : value + 1) }

  /// Whether so many milliseconds have passed since, at a time in milliseconds.
  public func isOlder(than age: UInt64, at milliseconds: UInt64) -> Bool {
    let (end, overflow) = self.milliseconds.addingReportingOverflow(age)
    return !overflow && end <= milliseconds
  }

  public static func < (left: HybridStamp, right: HybridStamp) -> Bool { left.value < right.value }

  /// Milliseconds and count: `1700000000000.3`.
  public var description: String { "\(milliseconds).\(logical)" }
}

/// A write that no other is equal to: when, and by whom where two happened at once.
public struct WriteVersion: Hashable, Comparable, Sendable {
  public var stamp: HybridStamp
  public var writer: MemberID

  public init(_ stamp: HybridStamp, by writer: MemberID) {
    self.stamp = stamp
    self.writer = writer
  }

  public static func < (left: WriteVersion, right: WriteVersion) -> Bool {
    (left.stamp, left.writer) < (right.stamp, right.writer)
  }
}
