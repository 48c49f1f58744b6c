// Owns: the value of a JSON number, exactly: no digit is lost and nothing is rounded, whatever the number's size. What a number's text
// may look like is the JSON parser's; which keywords compare numbers is the schema's.

/// A number by value, so that 1, 1.0 and 10e-1 are the same: sign, significant digits without zeros at either end, and a power of ten.
struct JSONDecimal: Hashable, Sendable {
  let isNegative: Bool
  /// The digits as an integer where there are at most `digitsInline`; 0 for the number 0 and where `digits` holds them.
  let coefficient: UInt64
  /// The digits (0 to 9), most significant first, where they are too many for `coefficient`.
  let digits: [UInt8]
  /// The number is the digits times ten to this power.
  let exponent: Int

  /// Ten to this power less one fits 64 bits.
  static let digitsInline = 19
  /// Exponents beyond this count as this, far from overflow in ten times it and in any sum of two and a text's length.
  static let exponentMax = 1 << 58

  static let zero = JSONDecimal(isNegative: false, coefficient: 0, digits: [], exponent: 0)

  private init(isNegative: Bool, coefficient: UInt64, digits: [UInt8], exponent: Int) {
    self.isNegative = isNegative
    self.coefficient = coefficient
    self.digits = digits
    self.exponent = exponent
  }

  /// - Parameter text: a number as RFC 8259 §6 writes one; what does not belong to one ends it.
  init(_ text: String) {
    self.init(text.utf8.span)
  }

  init(_ text: Span<UInt8>) {
    var cursor = 0
    let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
    if isNegative { cursor = 1 }
    let start = cursor
    var coefficient: UInt64 = 0
    var significant = 0
    var zerosHeldBack = 0
    var fraction = 0
    var inFraction = false
    while cursor < text.count {
      let byte = text[cursor]
      if byte == UInt8(ascii: "."), !inFraction {
        inFraction = true
      } else if byte == UInt8(ascii: "0") {
        if significant > 0 { zerosHeldBack += 1 }
        if inFraction { fraction += 1 }
      } else if byte > UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        significant += zerosHeldBack + 1
        if significant <= Self.digitsInline {
          coefficient = coefficient * Self.powers[zerosHeldBack + 1] + UInt64(byte - UInt8(ascii: "0"))
        }
        zerosHeldBack = 0
        if inFraction { fraction += 1 }
      } else {
        break
      }
      cursor += 1
    }
    guard significant > 0 else {
      self = .zero
      return
    }
    let exponent = Self.exponent(in: text, at: cursor) + zerosHeldBack - fraction
    if significant <= Self.digitsInline {
      self.init(isNegative: isNegative, coefficient: coefficient, digits: [], exponent: exponent)
    } else {
      let digits = Self.digits(in: text, from: start, to: cursor, count: significant)
      self.init(isNegative: isNegative, coefficient: 0, digits: digits, exponent: exponent)
    }
  }

  private static func exponent(in text: Span<UInt8>, at start: Int) -> Int {
    guard start < text.count, text[start] | 0x20 == UInt8(ascii: "e") else { return 0 }
    var cursor = start + 1
    var isNegative = false
    if cursor < text.count, text[cursor] == UInt8(ascii: "-") || text[cursor] == UInt8(ascii: "+") {
      isNegative = text[cursor] == UInt8(ascii: "-")
      cursor += 1
    }
    var exponent = 0
    while cursor < text.count, text[cursor] >= UInt8(ascii: "0"), text[cursor] <= UInt8(ascii: "9") {
      exponent = min(exponent * 10 + Int(text[cursor] - UInt8(ascii: "0")), Self.exponentMax)
      cursor += 1
    }
    return isNegative ? -exponent : exponent
  }

  private static func digits(in text: Span<UInt8>, from start: Int, to end: Int, count: Int) -> [UInt8] {
    var digits: [UInt8] = []
    digits.reserveCapacity(count)
    var cursor = start
    while cursor < end, digits.count < count {
      let byte = text[cursor]
      cursor += 1
      if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "0") && digits.isEmpty { continue }
      digits.append(byte - UInt8(ascii: "0"))
    }
    return digits
  }

  /// 10^0 to 10^19.
  private static let powers: [UInt64] = (0..<digitsInline).reduce(into: [1]) { powers, _ in powers.append(powers[powers.count - 1] * 10) }

  var isZero: Bool { coefficient == 0 && digits.isEmpty }

  /// Whether the value is a whole number, however it was written.
  var isWhole: Bool { exponent >= 0 }

  /// Significant digits.
  var digitCount: Int {
    if !digits.isEmpty { return digits.count }
    var count = 1
    while count <= Self.digitsInline, coefficient >= Self.powers[count] { count += 1 }
    return count
  }

  /// The digits (0 to 9), most significant first; one 0 for the number 0.
  var allDigits: [UInt8] {
    if !digits.isEmpty { return digits }
    return String(coefficient).utf8.map { $0 - UInt8(ascii: "0") }
  }
}

extension JSONDecimal: Comparable {
  static func < (left: JSONDecimal, right: JSONDecimal) -> Bool { left.compared(to: right) < 0 }

  /// - Returns: less than 0, 0 or more than 0.
  func compared(to other: JSONDecimal) -> Int {
    if isZero || other.isZero || isNegative != other.isNegative { return sign - other.sign }
    let order = magnitudeCompared(to: other)
    return isNegative ? -order : order
  }

  private var sign: Int { isZero ? 0 : isNegative ? -1 : 1 }

  private func magnitudeCompared(to other: JSONDecimal) -> Int {
    if digits.isEmpty, other.digits.isEmpty, exponent == other.exponent {
      return coefficient < other.coefficient ? -1 : coefficient > other.coefficient ? 1 : 0
    }
    let place = exponent + digitCount
    let otherPlace = other.exponent + other.digitCount
    if place != otherPlace { return place < otherPlace ? -1 : 1 }
    let mine = allDigits
    let theirs = other.allDigits
    for (left, right) in zip(mine, theirs) where left != right { return left < right ? -1 : 1 }
    return mine.count < theirs.count ? -1 : mine.count > theirs.count ? 1 : 0
  }
}

extension JSONDecimal {
  /// Whether the number divided by `divisor` is a whole number (draft 4 validation §5.1.1), exactly.
  /// - Parameter divisor: more than 0, of at most `digitsInline` digits.
  func isMultiple(of divisor: JSONDecimal) -> Bool {
    if isZero { return true }
    let modulus = divisor.coefficient
    guard modulus > 0 else { return false }
    // The digits end in no zero, so no power of ten divides them.
    let shift = exponent - divisor.exponent
    if shift < 0 { return false }
    var remainder: UInt64 = 0
    if digits.isEmpty {
      remainder = coefficient % modulus
    } else {
      for digit in digits {
        remainder = Self.product(remainder, 10, modulus)
        remainder = (remainder + UInt64(digit) % modulus) % modulus
      }
    }
    return Self.product(remainder, Self.powerOfTen(shift, modulus), modulus) == 0
  }

  private static func product(_ left: UInt64, _ right: UInt64, _ modulus: UInt64) -> UInt64 {
    // Both are less than the modulus, or the right one is 10: the high word is less than the modulus either way.
    let wide = (left % modulus).multipliedFullWidth(by: right % modulus)
    return modulus.dividingFullWidth(wide).remainder
  }

  private static func powerOfTen(_ power: Int, _ modulus: UInt64) -> UInt64 {
    var result = 1 % modulus
    var base = 10 % modulus
    var rest = power
    while rest > 0 {
      if rest & 1 == 1 { result = product(result, base, modulus) }
      base = product(base, base, modulus)
      rest >>= 1
    }
    return result
  }
}
