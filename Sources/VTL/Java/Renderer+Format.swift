// Owns: `String.format` (`java.util.Formatter`): the conversions that make sense of a template's values, with flags, width and precision.

extension Renderer {
  /// One `%…` of a format.
  private struct Directive {
    var argument: Int?
    var flags: Set<UInt8> = []
    var width = 0
    var precision: Int?
    var conversion: UInt8 = 0
  }

  private static let widthMax = 1000

  /// `String.format(format, values…)`: called on any text, because the method is static.
  func formatted(_ receiver: ArraySlice<UInt8>, _ arguments: Arguments) throws(RenderFault) -> Value {
    guard arguments.count > 0 else { return .null }
    let format = try text(of: arguments[0], at: arguments.offset)
    var values = Array(arguments.values.dropFirst())
    // Velocity hands a single list on as the array of values.
    if values.count == 1, Self.elementCount(values[0].current) != nil { values = try elements(of: values[0].current, at: arguments.offset) }
    var result: [UInt8] = []
    var cursor = format.startIndex
    var next = 0
    while cursor < format.endIndex {
      if format[cursor] != UInt8(ascii: "%") {
        result.append(format[cursor])
        cursor += 1
        continue
      }
      let directive = try parse(format, &cursor, arguments)
      switch directive.conversion {
      case UInt8(ascii: "%"): result.append(UInt8(ascii: "%"))
      case UInt8(ascii: "n"): result.append(0x0A)
      default:
        let index = directive.argument ?? next
        if directive.argument == nil { next += 1 }
        guard index >= 0, index < values.count else { throw arguments.fault("a value is missing for the format's place \(index + 1)") }
        result.append(contentsOf: try convert(values[index].current, directive, arguments))
      }
      if result.count > limits.outputBytesMax { throw fault(.tooMuch, at: arguments.offset) }
      try count(at: arguments.offset)
    }
    try count(result.count / 64, at: arguments.offset)
    return .text(result[...])
  }

  private func parse(_ format: ArraySlice<UInt8>, _ cursor: inout Int, _ arguments: Arguments) throws(RenderFault) -> Directive {
    var directive = Directive()
    cursor += 1
    func number() -> Int? {
      var value = 0
      let start = cursor
      while cursor < format.endIndex, Spelling.isDigit(format[cursor]) {
        value = min(value * 10 + Int(format[cursor] - UInt8(ascii: "0")), Self.widthMax + 1)
        cursor += 1
      }
      return start == cursor ? nil : value
    }
    let start = cursor
    if let index = number(), cursor < format.endIndex, format[cursor] == UInt8(ascii: "$") {
      directive.argument = index - 1
      cursor += 1
    } else {
      cursor = start
    }
    while cursor < format.endIndex, "-#+ 0,(".utf8.contains(format[cursor]) {
      directive.flags.insert(format[cursor])
      cursor += 1
    }
    directive.width = number() ?? 0
    if cursor < format.endIndex, format[cursor] == UInt8(ascii: ".") {
      cursor += 1
      directive.precision = number() ?? 0
    }
    guard cursor < format.endIndex, directive.width <= Self.widthMax, directive.precision ?? 0 <= Self.widthMax else {
      throw arguments.fault("the format ends within a place, or has one that is too wide")
    }
    directive.conversion = format[cursor]
    cursor += 1
    return directive
  }

  private func convert(_ value: Value, _ directive: Directive, _ arguments: Arguments) throws(RenderFault) -> [UInt8] {
    var text: [UInt8]
    switch directive.conversion {
    case UInt8(ascii: "s"), UInt8(ascii: "S"):
      text = value.isNull ? Array("null".utf8) : Array(try self.text(of: value, at: arguments.offset))
      if let precision = directive.precision, UTF8Text.length(text[...]) > precision {
        text = Array(UTF8Text.part(text[...], 0..<precision))
      }
      if directive.conversion == UInt8(ascii: "S") { text = Array(String(decoding: text, as: UTF8.self).uppercased().utf8) }
    case UInt8(ascii: "b"):
      if case .bool(let isTrue) = value {
        text = Array((isTrue ? "true" : "false").utf8)
      } else {
        text = Array((value.isNull ? "false" : "true").utf8)
      }
    case UInt8(ascii: "c"): text = Array(try self.text(of: value, at: arguments.offset))
    case UInt8(ascii: "d"), UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "o"):
      guard case .integer(let number) = value else { throw arguments.fault("%d and its like take whole numbers") }
      text = Self.whole(number, directive)
    case UInt8(ascii: "f"), UInt8(ascii: "e"):
      guard let number = Number.double(value) else { throw arguments.fault("%f takes a number") }
      text = Self.fixed(number, directive)
    default: throw arguments.fault("there is no conversion '%\(Unicode.Scalar(directive.conversion))' here")
    }
    return Self.padded(text, directive)
  }

  private static func whole(_ number: Int64, _ directive: Directive) -> [UInt8] {
    switch directive.conversion {
    case UInt8(ascii: "x"): return Array(String(UInt64(bitPattern: number), radix: 16).utf8)
    case UInt8(ascii: "X"): return Array(String(UInt64(bitPattern: number), radix: 16, uppercase: true).utf8)
    case UInt8(ascii: "o"): return Array(String(UInt64(bitPattern: number), radix: 8).utf8)
    default: return signed(grouped(Array(String(number.magnitude).utf8), directive), number < 0, directive)
    }
  }

  /// Half-up, as Java rounds.
  private static func fixed(_ number: Double, _ directive: Directive) -> [UInt8] {
    let digits = min(directive.precision ?? 6, 15)
    guard number.isFinite, number.magnitude < 1e15 else { return Array("\(number)".utf8) }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (number.magnitude * scale).rounded(.toNearestOrAwayFromZero)
    guard scaled < 9e18 else { return Array("\(number)".utf8) }
    let whole = UInt64(scaled) / UInt64(scale)
    var fraction = Array(String(UInt64(scaled) % UInt64(scale)).utf8)
    fraction = Array(repeating: UInt8(ascii: "0"), count: max(digits - fraction.count, 0)) + fraction
    var text = grouped(Array(String(whole).utf8), directive)
    if digits > 0 { text += [UInt8(ascii: ".")] + fraction }
    return signed(text, number < 0, directive)
  }

  private static func grouped(_ digits: [UInt8], _ directive: Directive) -> [UInt8] {
    guard directive.flags.contains(UInt8(ascii: ",")) else { return digits }
    var result: [UInt8] = []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result.append(UInt8(ascii: ",")) }
      result.append(digit)
    }
    return result
  }

  private static func signed(_ digits: [UInt8], _ isNegative: Bool, _ directive: Directive) -> [UInt8] {
    var sign: [UInt8] = []
    if isNegative {
      sign = [UInt8(ascii: "-")]
    } else if directive.flags.contains(UInt8(ascii: "+")) {
      sign = [UInt8(ascii: "+")]
    } else if directive.flags.contains(UInt8(ascii: " ")) {
      sign = [UInt8(ascii: " ")]
    }
    let zeros = directive.flags.contains(UInt8(ascii: "0")) ? max(directive.width - digits.count - sign.count, 0) : 0
    return sign + Array(repeating: UInt8(ascii: "0"), count: zeros) + digits
  }

  private static func padded(_ text: [UInt8], _ directive: Directive) -> [UInt8] {
    let isZeroed = directive.flags.contains(UInt8(ascii: "0")) && "xXo".utf8.contains(directive.conversion)
    let padding = Array(
      repeating: isZeroed ? UInt8(ascii: "0") : UInt8(ascii: " "), count: max(directive.width - UTF8Text.length(text[...]), 0))
    return directive.flags.contains(UInt8(ascii: "-")) ? text + padding : padding + text
  }
}
