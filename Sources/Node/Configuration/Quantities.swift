// Owns how durations, sizes and numbers are written in a configuration, both ways.
import Runtime

enum Quantities {
  /// Why a text is not the quantity that was asked for.
  struct Refusal: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private struct Unit {
    let name: String
    let factor: Int
  }

  /// Nanoseconds a unit; the longest first, so that writing finds the shortest text.
  private static let durationUnits = [
    Unit(name: "d", factor: 86_400_000_000_000), Unit(name: "h", factor: 3_600_000_000_000),
    Unit(name: "m", factor: 60_000_000_000), Unit(name: "s", factor: 1_000_000_000),
    Unit(name: "ms", factor: 1_000_000), Unit(name: "us", factor: 1000), Unit(name: "ns", factor: 1),
  ]

  /// Bytes a unit; the largest first, so that writing finds the shortest text.
  private static let sizeUnits = [
    Unit(name: "TiB", factor: 1 << 40), Unit(name: "TB", factor: 1_000_000_000_000), Unit(name: "GiB", factor: 1 << 30),
    Unit(name: "GB", factor: 1_000_000_000), Unit(name: "MiB", factor: 1 << 20), Unit(name: "MB", factor: 1_000_000),
    Unit(name: "KiB", factor: 1 << 10), Unit(name: "KB", factor: 1000), Unit(name: "B", factor: 1),
  ]

  static let durationPattern = "^(0|[0-9]+(ns|us|ms|s|m|h|d))$"
  static let sizePattern = "^[0-9]+(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$"
  private static let yearNanoseconds = 365 * 86_400_000_000_000

  /// `500ms`, `2s`, `1m`, `1h`, or a plain 0; at most 365 days.
  static func duration(_ text: String) throws(Refusal) -> Duration {
    let (digits, unitName) = split(text)
    if unitName.isEmpty, Int(digits) == 0 { return .zero }
    guard !digits.isEmpty else { throw Refusal("a duration such as `500ms`, `2s`, `1m` or `1h` is expected") }
    guard !unitName.isEmpty else { throw Refusal("the duration has no unit; write `\(digits.prefix(20))s` or `\(digits.prefix(20))ms`") }
    guard let unit = durationUnits.first(where: { $0.name == unitName }) else {
      throw Refusal("`\(Shown.text(unitName))` is no unit of time; use ns, us, ms, s, m, h or d")
    }
    let (nanoseconds, overflow) = (Int(digits) ?? .max).multipliedReportingOverflow(by: unit.factor)
    guard !overflow, nanoseconds <= yearNanoseconds else { throw Refusal("the duration is longer than 365 days") }
    return .nanoseconds(nanoseconds)
  }

  /// Bytes: a plain number, or one with a unit of 1000 (`KB`, `MB`, `GB`, `TB`) or of 1024 (`KiB`, `MiB`, `GiB`, `TiB`).
  static func size(_ text: String) throws(Refusal) -> Int {
    let (digits, unitName) = split(text)
    guard !digits.isEmpty else { throw Refusal("a size such as `64KiB`, `256MiB` or `4GiB` is expected") }
    guard let unit = unitName.isEmpty ? sizeUnits.last : sizeUnits.first(where: { $0.name == unitName }) else {
      throw Refusal("`\(Shown.text(unitName))` is no unit of size; use B, KB, MB, GB, TB, KiB, MiB, GiB or TiB")
    }
    let (bytes, overflow) = (Int(digits) ?? .max).multipliedReportingOverflow(by: unit.factor)
    guard !overflow, bytes <= 1 << 50 else { throw Refusal("the size is larger than 1024 TiB") }
    return bytes
  }

  static func integer(_ text: String, in range: ClosedRange<Int>) throws(Refusal) -> Int {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy(Characters.isDigit) else { throw Refusal("a whole number is expected") }
    guard let value = Int(text), range.contains(value) else { throw Refusal(Self.bounds(range)) }
    return value
  }

  /// A decimal number without an exponent.
  static func number(_ text: String, in range: ClosedRange<Double>) throws(Refusal) -> Double {
    guard text.utf8.contains(where: Characters.isDigit), text.utf8.count <= 32,
      text.utf8.allSatisfy({ Characters.isDigit($0) || $0 == UInt8(ascii: ".") }), let value = Double(text)
    else { throw Refusal("a number such as `0.5` is expected") }
    guard range.contains(value) else {
      throw Refusal("a number from \(written(range.lowerBound)) to \(written(range.upperBound)) is expected")
    }
    return value
  }

  static func bounds(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max
      ? "a whole number of at least \(range.lowerBound) is expected"
      : "a whole number from \(range.lowerBound) to \(range.upperBound) is expected"
  }

  /// The shortest text that `duration` reads back as the same value.
  static func written(_ duration: Duration) -> String {
    let nanoseconds = Int(duration.wholeNanoseconds)
    guard nanoseconds > 0, let unit = durationUnits.first(where: { nanoseconds % $0.factor == 0 }) else { return "0" }
    return "\(nanoseconds / unit.factor)\(unit.name)"
  }

  /// A text that `size` reads back as the same value.
  static func written(_ bytes: Int) -> String {
    guard bytes > 0, let unit = sizeUnits.first(where: { bytes % $0.factor == 0 }), unit.factor > 1 else { return "\(bytes)" }
    return "\(bytes / unit.factor)\(unit.name)"
  }

  static func written(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
  }

  private static func split(_ text: String) -> (digits: String, unit: String) {
    let digits = text.utf8.prefix(while: Characters.isDigit)
    return (String(Substring(digits)), String(text[digits.endIndex...]))
  }
}

extension Duration {
  /// Whole nanoseconds, as the engine counts them; 0 for a negative duration.
  public var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000)
  }
}
