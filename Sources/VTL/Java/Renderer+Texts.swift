// Owns: the methods of `java.lang.String`, in places of UTF-16 units. Those that take regular expressions are Renderer+Patterns', `format`
// is TextFormat's.

extension Renderer {
  func invoke(_ method: Method, onText text: ArraySlice<UInt8>, _ arguments: Arguments) throws(RenderFault) -> Value {
    try count(text.count / 64, at: arguments.offset)
    switch method {
    case .length: return .integer(Int64(UTF8Text.length(text)))
    case .isEmpty: return .bool(text.isEmpty)
    case .isBlank: return .bool(UTF8Text.trimmed(text).isEmpty)
    case .trim, .strip: return .text(UTF8Text.trimmed(text))
    case .stripLeading: return .text(text.drop { $0 <= 0x20 })
    case .stripTrailing: return .text(text.prefix((text.lastIndex { $0 > 0x20 } ?? text.startIndex - 1) + 1 - text.startIndex))
    case .intern: return .text(text)
    case .toLowerCase: return .text(Self.cased(text, isUpper: false))
    case .toUpperCase: return .text(Self.cased(text, isUpper: true))
    case .hashCode: return .integer(Int64(Int32(bitPattern: JavaHash.hash(text))))
    case .toCharArray:
      let characters = String(decoding: text, as: UTF8.self).unicodeScalars.map { Value.text(Array(String($0).utf8)[...]) }
      try count(characters.count, at: arguments.offset)
      return .list(ListObject(characters))
    case .matches, .replaceAll, .replaceFirst, .split: return try invokePattern(method, text, arguments)
    case .charAt, .codePointAt, .substring, .subSequence, .repeated: return try part(method, of: text, arguments)
    case .format: return try formatted(text, arguments)
    case .valueOf: return arguments.count == 1 ? .text(try self.text(of: arguments[0], at: arguments.offset)) : .null
    case .join: return try joined(arguments)
    default: return try compare(method, text, arguments)
    }
  }

  // MARK: Parts

  private func part(_ method: Method, of text: ArraySlice<UInt8>, _ arguments: Arguments) throws(RenderFault) -> Value {
    guard let first = Self.place(arguments[0]) else { return .null }
    if method == .repeated { return try repeated(text, first, arguments) }
    let length = UTF8Text.length(text)
    switch method {
    case .charAt, .codePointAt:
      guard first >= 0, first < length else { throw arguments.fault("the text has \(length) characters, and none at \(first)") }
      let character = UTF8Text.part(text, first..<first + 1)
      if method == .charAt { return .text(character) }
      let scalar = String(decoding: text, as: UTF8.self).utf16.dropFirst(first)
      return .integer(Int64(String(decoding: Array(scalar.prefix(2)), as: UTF16.self).unicodeScalars.first?.value ?? 0))
    default:
      var last = length
      if arguments.count > 1 || method == .subSequence {
        guard let end = Self.place(arguments[1]) else { return .null }
        last = end
      }
      guard first >= 0, first <= last, last <= length else {
        throw arguments.fault("the text has \(length) characters, and no part from \(first) to \(last)")
      }
      return .text(UTF8Text.part(text, first..<last))
    }
  }

  private func repeated(_ text: ArraySlice<UInt8>, _ times: Int, _ arguments: Arguments) throws(RenderFault) -> Value {
    guard times >= 0 else { throw arguments.fault("a text cannot be repeated \(times) times") }
    let size = text.count.multipliedReportingOverflow(by: times)
    if size.overflow || size.partialValue > limits.outputBytesMax { throw fault(.tooMuch, at: arguments.offset) }
    try count(size.partialValue / 64 + 1, at: arguments.offset)
    var result: [UInt8] = []
    if text.isEmpty { return .empty }
    result.reserveCapacity(size.partialValue)
    for _ in 0..<times { result.append(contentsOf: text) }
    return .text(result[...])
  }

  private static func cased(_ text: ArraySlice<UInt8>, isUpper: Bool) -> ArraySlice<UInt8> {
    guard UTF8Text.isASCII(text) else {
      let text = String(decoding: text, as: UTF8.self)
      return Array((isUpper ? text.uppercased() : text.lowercased()).utf8)[...]
    }
    let base = isUpper ? UInt8(ascii: "a") : UInt8(ascii: "A")
    return text.map { $0 &- base < 26 ? $0 ^ 0x20 : $0 }[...]
  }

  /// `String.join(separator, list)`, or the values one by one.
  private func joined(_ arguments: Arguments) throws(RenderFault) -> Value {
    guard arguments.count > 1 else { return .null }
    let separator = try text(of: arguments[0], at: arguments.offset)
    let isList = arguments.count == 2 && Self.elementCount(arguments[1].current) != nil
    let values = isList ? try elements(of: arguments[1].current, at: arguments.offset) : Array(arguments.values.dropFirst())
    var result: [UInt8] = []
    for (index, value) in values.enumerated() {
      if index > 0 { result.append(contentsOf: separator) }
      result.append(contentsOf: try text(of: value, at: arguments.offset))
      if result.count > limits.outputBytesMax { throw fault(.tooMuch, at: arguments.offset) }
      try count((separator.count + 64) / 64, at: arguments.offset)
    }
    return .text(result[...])
  }

  // MARK: Comparing, searching, replacing

  private func compare(_ method: Method, _ text: ArraySlice<UInt8>, _ arguments: Arguments) throws(RenderFault) -> Value {
    guard arguments.count > 0 else { return .null }
    let other: ArraySlice<UInt8>
    if case .integer(let code) = arguments[0], method == .indexOf || method == .lastIndexOf {
      // `indexOf(int)` takes a character's number.
      var character: [UInt8] = []
      UTF8Text.append(UInt32(exactly: code).flatMap { Unicode.Scalar($0) } ?? "\u{FFFD}", to: &character)
      other = character[...]
    } else {
      other = try self.text(of: arguments[0], at: arguments.offset)
    }
    switch method {
    case .contentEquals: return .bool(text == other)
    case .equalsIgnoreCase: return .bool(Self.cased(text, isUpper: false) == Self.cased(other, isUpper: false))
    case .compareTo: return .integer(Int64(Self.order(text, other)))
    case .compareToIgnoreCase: return .integer(Int64(Self.order(Self.cased(text, isUpper: false), Self.cased(other, isUpper: false))))
    case .contains: return .bool(UTF8Text.firstIndex(of: other, in: text) != nil)
    case .startsWith:
      guard arguments.count > 1 else { return .bool(text.starts(with: other)) }
      guard let from = Self.place(arguments[1]), from >= 0, from <= UTF8Text.length(text) else { return .bool(false) }
      return .bool(text.dropFirst(UTF8Text.byte(text, atUnit: from)).starts(with: other))
    case .endsWith: return .bool(text.suffix(other.count) == other)
    case .concat: return try concatenated(text, other, arguments)
    case .indexOf: return .integer(Int64(index(of: other, in: text, from: arguments)))
    case .lastIndexOf: return .integer(Int64(UTF8Text.lastIndex(of: other, in: text).map { UTF8Text.unit(text, atByte: $0) } ?? -1))
    case .replace:
      guard arguments.count > 1 else { return .null }
      let new = try self.text(of: arguments[1], at: arguments.offset)
      return try replaced(text, other, new, arguments)
    default: return .null
    }
  }

  private func concatenated(
    _ text: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>, _ arguments: Arguments
  ) throws(RenderFault) -> Value {
    if text.count + other.count > limits.outputBytesMax { throw fault(.tooMuch, at: arguments.offset) }
    try count(other.count / 64, at: arguments.offset)
    return .text((Array(text) + other)[...])
  }

  private func replaced(
    _ text: ArraySlice<UInt8>, _ old: ArraySlice<UInt8>, _ new: ArraySlice<UInt8>, _ arguments: Arguments
  ) throws(RenderFault) -> Value {
    // How long it can get at most, before anything is built.
    let places = old.isEmpty ? text.count + 1 : text.count / old.count
    let growth = places.multipliedReportingOverflow(by: new.count)
    if new.count > old.count, growth.overflow || growth.partialValue > limits.outputBytesMax { throw fault(.tooMuch, at: arguments.offset) }
    let result = UTF8Text.replacing(old, in: text, with: new)
    try count(result.count / 64, at: arguments.offset)
    return .text(result)
  }

  private func index(of other: ArraySlice<UInt8>, in text: ArraySlice<UInt8>, from arguments: Arguments) -> Int {
    var start = 0
    if arguments.count > 1, let place = Self.place(arguments[1]) { start = UTF8Text.byte(text, atUnit: max(place, 0)) }
    return UTF8Text.firstIndex(of: other, in: text, from: start).map { UTF8Text.unit(text, atByte: $0) } ?? -1
  }

  /// `String.compareTo`: the difference of the first units that differ, or of the lengths.
  private static func order(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
    let a = String(decoding: left, as: UTF8.self).utf16
    let b = String(decoding: right, as: UTF8.self).utf16
    for (x, y) in zip(a, b) where x != y { return Int(x) - Int(y) }
    return a.count - b.count
  }
}
