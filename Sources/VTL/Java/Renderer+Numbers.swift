// Owns: the methods of Java's numbers and of `java.lang.Boolean`, the static ones among them: `$number.parseInt("12")` is how templates,
// which cannot name a class, get at `Integer.parseInt`.

extension Renderer {
  func invoke(_ method: Method, onNumber value: Value, _ arguments: Arguments) throws(RenderFault) -> Value {
    switch method {
    case .intValue: return Self.whole(value).map { .integer(Int64(Int32(truncatingIfNeeded: $0))) } ?? .null
    case .longValue: return Self.whole(value).map { .integer($0) } ?? .null
    case .shortValue: return Self.whole(value).map { .integer(Int64(Int16(truncatingIfNeeded: $0))) } ?? .null
    case .byteValue: return Self.whole(value).map { .integer(Int64(Int8(truncatingIfNeeded: $0))) } ?? .null
    case .doubleValue, .floatValue: return Number.double(value).map { .double($0) } ?? .null
    case .compareTo: return Number.compare(value, arguments[0]).map { .integer(Int64($0)) } ?? .null
    case .hashCode: return Self.whole(value).map { .integer($0) } ?? .null
    case .toString: return .text(try text(of: arguments[0], at: arguments.offset))
    case .parseInt, .parseLong, .valueOf: return try parsed(arguments, isWhole: method != .valueOf || !Self.isDouble(value))
    case .parseDouble, .parseFloat: return try parsed(arguments, isWhole: false)
    case .max, .min, .sum: return pair(method, arguments)
    case .abs: return Self.rounded(method, arguments.count > 0 ? arguments[0] : value)
    case .round, .floor, .ceil: return Self.rounded(method, arguments.count > 0 ? arguments[0] : value)
    default: return .null
    }
  }

  private static func isDouble(_ value: Value) -> Bool { if case .double = value { true } else { false } }

  private static func whole(_ value: Value) -> Int64? {
    if case .integer(let number) = value { return number }
    guard let number = Number.double(value) else { return nil }
    if number.isNaN { return 0 }
    return number >= 0x1p63 ? .max : number < -0x1p63 ? .min : Int64(number)
  }

  private func parsed(_ arguments: Arguments, isWhole: Bool) throws(RenderFault) -> Value {
    let text = try text(of: arguments[0], at: arguments.offset)
    let string = String(decoding: text, as: UTF8.self)
    if isWhole {
      let radix = arguments.count > 1 ? Self.place(arguments[1]) ?? 10 : 10
      guard 2...36 ~= radix, let number = Int64(string, radix: radix) else { throw arguments.fault("\"\(string)\" is no whole number") }
      return .integer(number)
    }
    guard let number = Double(String(decoding: UTF8Text.trimmed(text), as: UTF8.self)) else {
      throw arguments.fault("\"\(string)\" is no number")
    }
    return .double(number)
  }

  private func pair(_ method: Method, _ arguments: Arguments) -> Value {
    guard let order = Number.compare(arguments[0], arguments[1]) else { return .null }
    switch method {
    case .max: return order >= 0 ? arguments[0] : arguments[1]
    case .min: return order <= 0 ? arguments[0] : arguments[1]
    default: return Number.arithmetic(.add, arguments[0], arguments[1]) ?? .null
    }
  }

  private static func rounded(_ method: Method, _ value: Value) -> Value {
    if case .integer(let number) = value {
      return method == .abs && number < 0 ? Number.arithmetic(.subtract, .integer(0), value) ?? .null : value
    }
    guard let number = Number.double(value) else { return .null }
    switch method {
    case .abs: return .double(number.magnitude)
    case .floor: return .double(number.rounded(.down))
    case .ceil: return .double(number.rounded(.up))
    default: return whole(.double((number + 0.5).rounded(.down))).map { .integer($0) } ?? .null
    }
  }

  func invoke(_ method: Method, onBool value: Bool, _ arguments: Arguments) throws(RenderFault) -> Value {
    switch method {
    case .booleanValue: return .bool(value)
    case .compareTo:
      guard case .bool(let other) = arguments[0] else { return .null }
      return .integer(value == other ? 0 : value ? 1 : -1)
    case .parseBoolean, .valueOf:
      let text = try text(of: arguments[0], at: arguments.offset)
      return .bool(String(decoding: text, as: UTF8.self).lowercased() == "true")
    case .hashCode: return .integer(value ? 1231 : 1237)
    case .toString: return .text(try text(of: arguments[0], at: arguments.offset))
    default: return .null
    }
  }
}
