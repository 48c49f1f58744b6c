// Dates as people and protocols write them, from a WallTime, in UTC, without a time-zone database and without allocating. Caching
// the text for a second, as a response head wants, is the caller's.

/// A moment of the proleptic Gregorian calendar in UTC. `WallTime` reaches from 1970 into 2554, so years have four digits.
public struct CivilTime: Equatable, Sendable {
  public let year: Int
  /// 1 to 12.
  public let month: Int
  /// 1 to 31.
  public let day: Int
  public let hour: Int
  public let minute: Int
  public let second: Int
  public let millisecond: Int
  /// Days since Sunday, 0 to 6.
  public let weekday: Int

  public init(_ time: WallTime) {
    let milliseconds = Int(time.nanoseconds / 1_000_000)
    let days = milliseconds / 86_400_000
    let inDay = milliseconds % 86_400_000
    hour = inDay / 3_600_000
    minute = inDay / 60_000 % 60
    second = inDay / 1000 % 60
    millisecond = inDay % 1000
    weekday = (days + 4) % 7

    // Years begin in March here, so that the leap day is the last day of a year; a 400-year era has 146,097 days and 1970-01-01 is
    // day 719,468 counted from 0000-03-01 (H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  }

  /// Bytes that `writeRFC3339` writes.
  public static let rfc3339Bytes = 24
  /// Bytes that `writeIMFFixdate` writes.
  public static let imfFixdateBytes = 29
  /// Bytes that `writeCommonLog` writes.
  public static let commonLogBytes = 26

  /// Writes "2026-01-31T12:00:00.123Z" (RFC 3339 §5.6, milliseconds).
  /// - Parameter out: room for `rfc3339Bytes` bytes.
  public func writeRFC3339(to out: UnsafeMutablePointer<UInt8>) {
    put(year, 4, out)
    out[4] = UInt8(ascii: "-")
    put(month, 2, out + 5)
    out[7] = UInt8(ascii: "-")
    put(day, 2, out + 8)
    out[10] = UInt8(ascii: "T")
    putTime(out + 11)
    out[19] = UInt8(ascii: ".")
    put(millisecond, 3, out + 20)
    out[23] = UInt8(ascii: "Z")
  }

  /// Writes "Sat, 31 Jan 2026 12:00:00 GMT", the date of HTTP header fields (RFC 9110 §5.6.7, IMF-fixdate).
  /// - Parameter out: room for `imfFixdateBytes` bytes.
  public func writeIMFFixdate(to out: UnsafeMutablePointer<UInt8>) {
    putName(weekdayNames, weekday, out)
    out[3] = UInt8(ascii: ",")
    out[4] = UInt8(ascii: " ")
    put(day, 2, out + 5)
    out[7] = UInt8(ascii: " ")
    putName(monthNames, month - 1, out + 8)
    out[11] = UInt8(ascii: " ")
    put(year, 4, out + 12)
    out[16] = UInt8(ascii: " ")
    putTime(out + 17)
    (out + 25).update(from: gmtSuffix.utf8Start, count: 4)
  }

  /// Writes "31/Jan/2026:12:00:00 +0000", the date of the Common Log Format (without its brackets).
  /// - Parameter out: room for `commonLogBytes` bytes.
  public func writeCommonLog(to out: UnsafeMutablePointer<UInt8>) {
    put(day, 2, out)
    out[2] = UInt8(ascii: "/")
    putName(monthNames, month - 1, out + 3)
    out[6] = UInt8(ascii: "/")
    put(year, 4, out + 7)
    out[11] = UInt8(ascii: ":")
    putTime(out + 12)
    (out + 20).update(from: zoneSuffix.utf8Start, count: 6)
  }

  private func putTime(_ out: UnsafeMutablePointer<UInt8>) {
    put(hour, 2, out)
    out[2] = UInt8(ascii: ":")
    put(minute, 2, out + 3)
    out[5] = UInt8(ascii: ":")
    put(second, 2, out + 6)
  }
}

extension WallTime {
  /// This moment as RFC 3339 text with milliseconds, in UTC: "2026-01-31T12:00:00.123Z".
  public var rfc3339: String { text(CivilTime.rfc3339Bytes) { CivilTime(self).writeRFC3339(to: $0) } }

  /// This moment as an HTTP date (RFC 9110 §5.6.7): "Sat, 31 Jan 2026 12:00:00 GMT".
  public var imfFixdate: String { text(CivilTime.imfFixdateBytes) { CivilTime(self).writeIMFFixdate(to: $0) } }

  /// This moment as the Common Log Format writes it: "31/Jan/2026:12:00:00 +0000".
  public var commonLog: String { text(CivilTime.commonLogBytes) { CivilTime(self).writeCommonLog(to: $0) } }

  private func text(_ count: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) -> String {
    String(unsafeUninitializedCapacity: count) { buffer in
      // SAFETY: the standard library hands over at least the capacity asked for, and each format writes exactly `count` ASCII bytes.
      write(buffer.baseAddress!)
      return count
    }
  }
}

// SAFETY: a StaticString of plain ASCII is a pointer to constant UTF-8; every use below stays within the literal's length.
private let weekdayNames: StaticString = "SunMonTueWedThuFriSat"
private let monthNames: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
private let gmtSuffix: StaticString = " GMT"
private let zoneSuffix: StaticString = " +0000"

@inline(__always)
private func putName(_ names: StaticString, _ index: Int, _ out: UnsafeMutablePointer<UInt8>) {
  out.update(from: names.utf8Start + index * 3, count: 3)
}

@inline(__always)
private func put(_ value: Int, _ digits: Int, _ out: UnsafeMutablePointer<UInt8>) {
  var rest = value
  var position = digits - 1
  while position >= 0 {
    out[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
    rest /= 10
    position -= 1
  }
}
