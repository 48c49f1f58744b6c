// Owns: reading HTTP dates in their three formats (RFC 9110 §5.6.7). Writing them is Runtime's (CivilTime).

/// Dates of header fields, as seconds since the epoch.
enum HTTPDate {
  /// - Parameters:
  ///   - text: a field value.
  ///   - now: seconds since the epoch, by which years of two digits are settled.
  /// - Returns: nil for anything that is not exactly a date in GMT. Letters of either case are alike, and another zone makes it invalid
  ///   (RFC 9111 §4.2). The day's name must be one, but need not fit the date.
  static func parse(_ text: ArraySlice<UInt8>, now: Int64) -> Int64? {
    guard text.count >= 24, text.count <= 33 else { return nil }
    let bytes = Array(text)
    if bytes[3] == 0x2C { return imfFixdate(bytes) }
    if bytes[3] == 0x20 { return asctime(bytes) }
    return rfc850(bytes, now: now)
  }

  /// "Sun, 06 Nov 1994 08:49:37 GMT"
  private static func imfFixdate(_ b: [UInt8]) -> Int64? {
    guard b.count == 29, isDay(b[0..<3], short: true), b[4] == 0x20, b[7] == 0x20, b[11] == 0x20, b[16] == 0x20,
      Octets.equals(b[25..<29], " gmt"), let day = digits(b[5..<7]), let month = month(b[8..<11]), let year = digits(b[12..<16]),
      let time = clock(b[17..<25])
    else { return nil }
    return moment(year, month, day, time)
  }

  /// "Sunday, 06-Nov-94 08:49:37 GMT"
  private static func rfc850(_ b: [UInt8], now: Int64) -> Int64? {
    guard let comma = b.firstIndex(of: 0x2C), isDay(b[0..<comma], short: false), b.count == comma + 24 else { return nil }
    let d = Array(b[(comma + 1)...])
    guard d[0] == 0x20, d[3] == 0x2D, d[7] == 0x2D, d[10] == 0x20, Octets.equals(d[19..<23], " gmt"), let day = digits(d[1..<3]),
      let month = month(d[4..<7]), let short = digits(d[8..<10]), let time = clock(d[11..<19])
    else { return nil }
    // More than 50 years ahead is the most recent past year with the same last two digits (RFC 9110 §5.6.7).
    let century = year(of: now) / 100 * 100
    let fifty: Int64 = 50 * 31_556_952
    for candidate in [century + 100, century, century - 100] {
      if let value = moment(candidate + short, month, day, time), value <= Seconds.sum(now, fifty) { return value }
    }
    return nil
  }

  /// "Sun Nov  6 08:49:37 1994"
  private static func asctime(_ b: [UInt8]) -> Int64? {
    guard b.count == 24, isDay(b[0..<3], short: true), b[7] == 0x20, b[10] == 0x20, b[19] == 0x20, let month = month(b[4..<7]),
      let day = digits(b[8] == 0x20 ? b[9..<10] : b[8..<10]), let time = clock(b[11..<19]), let year = digits(b[20..<24])
    else { return nil }
    return moment(year, month, day, time)
  }

  private static func digits(_ text: ArraySlice<UInt8>) -> Int64? { Octets.decimal(text, limit: 9999) }

  /// "08:49:37" as seconds; a leap second is allowed.
  private static func clock(_ t: ArraySlice<UInt8>) -> Int64? {
    let s = t.startIndex
    guard t[s + 2] == 0x3A, t[s + 5] == 0x3A, let hour = digits(t[s..<s + 2]), let minute = digits(t[(s + 3)..<(s + 5)]),
      let second = digits(t[(s + 6)..<(s + 8)]), hour < 24, minute < 60, second <= 60
    else { return nil }
    return hour * 3600 + minute * 60 + second
  }

  private static func isDay(_ text: ArraySlice<UInt8>, short: Bool) -> Bool {
    let names: [StaticString] =
      short
      ? ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
      : ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
    return names.contains { Octets.equals(text, $0) }
  }

  private static func month(_ text: ArraySlice<UInt8>) -> Int64? {
    let names: [StaticString] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    return names.firstIndex { Octets.equals(text, $0) }.map { Int64($0) + 1 }
  }

  private static func moment(_ year: Int64, _ month: Int64, _ day: Int64, _ time: Int64) -> Int64? {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard year >= 1, day >= 1, day <= lengths[Int(month) - 1] else { return nil }
    // Days counted from 0000-03-01, so that the leap day is a year's last (H. Hinnant, days_from_civil).
    let y = month <= 2 ? year - 1 : year
    let era = y / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return (era * 146_097 + dayOfEra - 719_468) * 86_400 + time
  }

  /// The year of a moment, near enough to choose a century.
  private static func year(of seconds: Int64) -> Int64 { 1970 + min(max(seconds, 0), 253_402_300_799) / 31_556_952 }
}
