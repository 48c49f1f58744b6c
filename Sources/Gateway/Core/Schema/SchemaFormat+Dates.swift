// Owns: dates, times and durations as RFC 3339 writes them.

extension FormatScanner {
  /// RFC 3339 §5.6, date-time.
  mutating func dateTime() -> Bool { date() && take(letter: UInt8(ascii: "t")) && timeOfDay() }

  /// full-date.
  mutating func date() -> Bool {
    guard let year = digits(4), take(UInt8(ascii: "-")), let month = digits(2), take(UInt8(ascii: "-")), let day = digits(2) else {
      return false
    }
    guard (1...12).contains(month), day >= 1 else { return false }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return day <= (month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31)
  }

  /// full-time. Second 60 is one that UTC inserts, which it does before midnight (§5.7).
  mutating func timeOfDay() -> Bool {
    guard let hour = digits(2), take(UInt8(ascii: ":")), let minute = digits(2), take(UInt8(ascii: ":")), let second = digits(2) else {
      return false
    }
    guard hour <= 23, minute <= 59, second <= 60 else { return false }
    if take(UInt8(ascii: ".")), !anyDigits() { return false }
    var offset = 0
    if !take(letter: UInt8(ascii: "z")) {
      let isWest = peeked == UInt8(ascii: "-")
      guard take(UInt8(ascii: "+")) || take(UInt8(ascii: "-")) else { return false }
      guard let hours = digits(2), take(UInt8(ascii: ":")), let minutes = digits(2), hours <= 23, minutes <= 59 else { return false }
      offset = (hours * 60 + minutes) * (isWest ? -1 : 1)
    }
    let minuteOfDay = (hour * 60 + minute - offset + 2 * 1440) % 1440
    return second < 60 || minuteOfDay == 1439
  }

  /// RFC 3339 appendix A: units in order, none left out between two, weeks alone.
  mutating func duration() -> Bool {
    guard take(UInt8(ascii: "P")) else { return false }
    let start = position
    if anyDigits(), take(UInt8(ascii: "W")) { return peeked == nil }
    position = start
    let days = units("YMD")
    if days < 0 { return false }
    guard take(UInt8(ascii: "T")) else { return days > 0 }
    return units("HMS") > 0
  }

  /// - Returns: how many units were read; -1 where a number has none, or a unit between two is missing.
  private mutating func units(_ names: String) -> Int {
    let names = Array(names.utf8)
    var count = 0
    var last = -1
    while peeked.map(Self.isDigit) ?? false {
      _ = anyDigits()
      guard let unit = peeked, let place = names.firstIndex(of: unit), place > last, count == 0 || place == last + 1 else { return -1 }
      position += 1
      last = place
      count += 1
    }
    return count
  }
}
