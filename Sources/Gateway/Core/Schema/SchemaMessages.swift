// Owns: messages as a set: each once, within bounds, in the order in which API Gateway lists them; and values as its Java shows them.
import Runtime

/// The messages about one value.
struct MessageSet {
  private var messages: [String] = []
  private var seen: Set<ExactText> = []
  private var bytes = 0

  func isFull(_ limits: SchemaLimits) -> Bool { messages.count >= limits.messagesMax || bytes >= limits.messagesBytesMax }

  mutating func insert(_ message: String, _ limits: SchemaLimits) {
    let message = Self.cut(message, limits.messageBytesMax)
    guard !isFull(limits), seen.insert(ExactText(message)).inserted else { return }
    messages.append(message)
    bytes += message.utf8.count
  }

  /// The order of a Java `HashSet`: what users of the service report of several messages, and of warnings among them, fits that and no
  /// order of keywords. Its table has 16 places, doubled whenever it is more than three quarters full; a text's place comes from its
  /// hash, and texts at one place stay in the order in which they came (java.util.HashMap).
  var ordered: [String] {
    var places = 16
    while messages.count > places / 4 * 3 { places *= 2 }
    return messages.enumerated().map { (place: JavaText.place(of: $0.element, among: places), number: $0.offset, text: $0.element) }
      .sorted { ($0.place, $0.number) < ($1.place, $1.number) }.map(\.text)
  }

  /// The text, or its beginning and an ellipsis.
  static func cut(_ text: String, _ limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var kept = String.UnicodeScalarView()
    var bytes = 3
    for scalar in text.unicodeScalars {
      bytes += UTF8.width(scalar)
      if bytes > limit { break }
      kept.append(scalar)
    }
    return String(kept) + "…"
  }
}

enum JavaText {
  /// `String.hashCode`, spread and masked as `HashMap` does.
  static func place(of text: String, among places: Int) -> Int {
    var hash: UInt32 = 0
    for unit in text.utf16 { hash = hash &* 31 &+ UInt32(unit) }
    return Int(hash ^ hash >> 16) & (places - 1)
  }

  /// The order of `String.compareTo`: by UTF-16 code units.
  static func precedes(_ left: String, _ right: String) -> Bool { left.utf16.lexicographicallyPrecedes(right.utf16) }

  /// A number as Jackson shows it: a whole one as it is; one with fraction or exponent as a `BigDecimal` without zeros at its end.
  static func number(_ text: String) -> String {
    let decimal = JSONDecimal(text)
    if decimal.isZero { return "0" }
    if text.utf8.allSatisfy({ FormatScanner.isDigit($0) || $0 == UInt8(ascii: "-") }) { return text }
    let sign = decimal.isNegative ? "-" : ""
    let digits = decimal.allDigits.map { $0 + UInt8(ascii: "0") }
    let adjusted = decimal.exponent + digits.count - 1
    func shown(_ digits: some Sequence<UInt8>) -> String { String(decoding: Array(digits), as: UTF8.self) }
    if decimal.exponent == 0 { return sign + shown(digits) }
    if decimal.exponent < 0, adjusted >= 0 {
      let fraction = -decimal.exponent
      return sign + shown(digits.dropLast(fraction)) + "." + shown(digits.suffix(fraction))
    }
    if decimal.exponent < 0, adjusted >= -6 { return sign + "0." + String(repeating: "0", count: -adjusted - 1) + shown(digits) }
    let fraction = digits.count > 1 ? "." + shown(digits.dropFirst()) : ""
    return sign + shown(digits.prefix(1)) + fraction + "E" + (adjusted < 0 ? "" : "+") + String(adjusted)
  }
}

extension SchemaReport {
  /// A value as compact JSON, cut at a limit; nothing is written that would be cut.
  static func text(of value: JSONValue, limit: Int) -> String {
    var writer = BoundedText(limit: limit)
    writer.write(value)
    return MessageSet.cut(writer.text, limit)
  }

  private struct BoundedText {
    let limit: Int
    private(set) var text = ""

    init(limit: Int) { self.limit = limit }

    private var isFull: Bool { text.utf8.count > limit }

    mutating func write(_ value: JSONValue) {
      if isFull { return }
      switch value {
      case .null: text += "null"
      case .bool(let value): text += value ? "true" : "false"
      case .number(let number): text += JavaText.number(number)
      case .string(let string): write(quoted: string)
      case .array(let elements):
        text += "["
        for (place, element) in elements.enumerated() {
          if isFull { return }
          if place > 0 { text += "," }
          write(element)
        }
        text += "]"
      case .object(let members):
        text += "{"
        for (place, member) in members.enumerated() {
          if isFull { return }
          if place > 0 { text += "," }
          write(quoted: member.name)
          text += ":"
          write(member.value)
        }
        text += "}"
      }
    }

    private mutating func write(quoted string: String) {
      var writer = JSONWriter()
      writer.write(quoted: MessageSet.cut(string, limit))
      text += String(decoding: writer.bytes, as: UTF8.self)
    }
  }
}
