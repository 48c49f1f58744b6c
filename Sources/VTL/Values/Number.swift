// Owns: numbers: how their text is read, how Java writes them, and the arithmetic of templates.

enum Number {
  /// An integer of a JSON text: with leading zeros as well, as json-smart has it; beyond 64 bits by its text.
  static func integer(_ text: ArraySlice<UInt8>) -> Value {
    var magnitude: UInt64 = 0
    let isNegative = text.first == UInt8(ascii: "-")
    let digits = isNegative ? text.dropFirst() : text
    if digits.isEmpty || !digits.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) { return .text(text) }
    for digit in digits {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      if overflow || carry { return .number(text) }
      magnitude = sum
    }
    if isNegative { return magnitude <= 1 << 63 ? .integer(Int64(truncatingIfNeeded: 0 &- magnitude)) : .number(text) }
    return magnitude < 1 << 63 ? .integer(Int64(magnitude)) : .number(text)
  }

  /// A number with a fraction or an exponent: a Double up to eighteen characters, above that as it was written (json-smart's
  /// high-precision mode, which makes a BigDecimal of it).
  static func decimal(_ text: ArraySlice<UInt8>) -> Value {
    guard text.count <= 18, let number = Double(String(decoding: text, as: UTF8.self)), number.isFinite else { return .number(text) }
    return .double(number)
  }

  static func double(_ value: Value) -> Double? {
    switch value {
    case .integer(let number): Double(number)
    case .double(let number): number
    case .number(let text): Double(String(decoding: text, as: UTF8.self))
    default: nil
    }
  }

  /// `Double.toString`: plain from 10⁻³ up to 10⁷, scientific outside, at least one digit behind the point.
  static func append(_ value: Double, to output: inout [UInt8]) {
    if !value.isFinite { return output.append(contentsOf: (value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity").utf8) }
    if value == 0 { return output.append(contentsOf: (value.sign == .minus ? "-0.0" : "0.0").utf8) }
    if value < 0 { output.append(UInt8(ascii: "-")) }
    let (digits, exponent) = shortest(value.magnitude)
    if exponent >= -3, exponent < 7 {
      appendPlain(digits, exponent, to: &output)
    } else {
      output.append(digits[0])
      output.append(UInt8(ascii: "."))
      output.append(contentsOf: digits.count > 1 ? digits[1...] : [UInt8(ascii: "0")])
      output.append(UInt8(ascii: "E"))
      output.append(contentsOf: String(exponent).utf8)
    }
  }

  private static func appendPlain(_ digits: [UInt8], _ exponent: Int, to output: inout [UInt8]) {
    let zero = UInt8(ascii: "0")
    if exponent < 0 {
      output.append(zero)
      output.append(UInt8(ascii: "."))
      output.append(contentsOf: repeatElement(zero, count: -exponent - 1))
      return output.append(contentsOf: digits)
    }
    for place in 0...max(exponent, digits.count - 1) {
      if place == exponent + 1 { output.append(UInt8(ascii: ".")) }
      output.append(place < digits.count ? digits[place] : zero)
    }
    if digits.count <= exponent + 1 { output.append(contentsOf: ".0".utf8) }
  }

  /// The fewest digits that read back as the number, and the power of ten of the first.
  private static func shortest(_ value: Double) -> ([UInt8], Int) {
    var digits: [UInt8] = []
    var exponent = 0
    var pointAt: Int?
    let text = Array(value.description.utf8)
    var cursor = 0
    while cursor < text.count {
      let byte = text[cursor]
      cursor += 1
      if byte == UInt8(ascii: ".") {
        pointAt = digits.count
      } else if byte | 0x20 == UInt8(ascii: "e") {
        exponent = Int(String(decoding: text[cursor...], as: UTF8.self)) ?? 0
        break
      } else {
        digits.append(byte)
      }
    }
    let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    exponent += (pointAt ?? digits.count) - 1 - zeros
    digits.removeFirst(zeros)
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return (digits.isEmpty ? [UInt8(ascii: "0")] : digits, exponent)
  }

  /// The five operators on numbers (Velocity 1.7, `MathUtils`): whole as long as both are, Double otherwise and where 64 bits end.
  /// - Returns: nil for a division by zero.
  static func arithmetic(_ sign: Operator, _ left: Value, _ right: Value) -> Value? {
    if case .integer(let a) = left, case .integer(let b) = right, let result = whole(sign, a, b) { return result }
    guard let a = double(left), let b = double(right) else { return nil }
    switch sign {
    case .add: return .double(a + b)
    case .subtract: return .double(a - b)
    case .multiply: return .double(a * b)
    case .divide: return b == 0 ? nil : .double(a / b)
    case .remainder: return b == 0 ? nil : .double(a.truncatingRemainder(dividingBy: b))
    case .equal, .unequal, .less, .lessOrEqual, .greater, .greaterOrEqual: return nil
    }
  }

  private static func whole(_ sign: Operator, _ a: Int64, _ b: Int64) -> Value? {
    let (result, overflow): (Int64, Bool)
    switch sign {
    case .add: (result, overflow) = a.addingReportingOverflow(b)
    case .subtract: (result, overflow) = a.subtractingReportingOverflow(b)
    case .multiply: (result, overflow) = a.multipliedReportingOverflow(by: b)
    case .divide: (result, overflow) = a.dividedReportingOverflow(by: b)
    case .remainder: (result, overflow) = a.remainderReportingOverflow(dividingBy: b)
    case .equal, .unequal, .less, .lessOrEqual, .greater, .greaterOrEqual: return nil
    }
    return overflow ? nil : .integer(result)
  }

  /// -1, 0 or 1; nil where one is no number.
  static func compare(_ left: Value, _ right: Value) -> Int? {
    if case .integer(let a) = left, case .integer(let b) = right { return a < b ? -1 : a > b ? 1 : 0 }
    guard let a = double(left), let b = double(right) else { return nil }
    return a < b ? -1 : a > b ? 1 : 0
  }
}
