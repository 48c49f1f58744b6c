// Owns: regular expressions as ECMA-262 writes them (edition 11, §21.2.1, with the forms of annex B.1.4 that the Web needs), told in
// PCRE2's words. JSON Schema's patterns are such (draft 4 validation §3.3; 2020-12 core §6.4). Matching is SchemaPattern's.

/// What is wrong with an expression.
struct ECMAPatternError: Error, Equatable, CustomStringConvertible {
  /// Code points before the fault.
  let offset: Int
  let reason: String

  var description: String { "\(reason), at its character \(offset + 1)" }
}

/// One pass over an expression. A group's inside is known by a stack, not by recursion, so that nesting costs no call.
struct ECMAPattern {
  /// Whether only the grammar itself is accepted, and nothing of annex B.
  let isStrict: Bool
  let source: [Unicode.Scalar]
  var position = 0
  private(set) var output = ""
  private let groupNames: [String?]
  private var open: [Group] = []
  /// Whether what came last can be repeated.
  private var isRepeatable = false

  private enum Group { case capturing, plain, lookahead, lookbehind }

  /// The expression in PCRE2's syntax, for matching with PCRE2_UTF.
  static func translated(_ pattern: String, isStrict: Bool = false) throws(ECMAPatternError) -> String {
    var translation = ECMAPattern(pattern, isStrict: isStrict)
    try translation.run()
    return translation.output
  }

  private init(_ pattern: String, isStrict: Bool) {
    self.isStrict = isStrict
    source = Array(pattern.unicodeScalars)
    groupNames = Self.groups(source)
    output.reserveCapacity(source.count * 2)
  }

  func fault(_ reason: String, at offset: Int? = nil) -> ECMAPatternError { ECMAPatternError(offset: offset ?? position, reason: reason) }

  var peeked: Unicode.Scalar? { position < source.count ? source[position] : nil }

  func looks(at text: String) -> Bool {
    var place = position
    for scalar in text.unicodeScalars {
      guard place < source.count, source[place] == scalar else { return false }
      place += 1
    }
    return true
  }

  mutating func take(_ text: String) -> Bool {
    guard looks(at: text) else { return false }
    position += text.unicodeScalars.count
    return true
  }

  /// The capturing groups in order, with their names.
  private static func groups(_ source: [Unicode.Scalar]) -> [String?] {
    var names: [String?] = []
    var place = 0
    var inClass = false
    while place < source.count {
      switch source[place] {
      case "\\": place += 1
      case "[": inClass = true
      case "]": inClass = false
      case "(" where !inClass:
        if place + 1 >= source.count || source[place + 1] != "?" {
          names.append(nil)
        } else if place + 3 < source.count, source[place + 2] == "<", source[place + 3] != "=", source[place + 3] != "!" {
          var name = String.UnicodeScalarView()
          var end = place + 3
          while end < source.count, source[end] != ">" {
            name.append(source[end])
            end += 1
          }
          names.append(String(name))
        }
      default: break
      }
      place += 1
    }
    return names
  }

  private mutating func run() throws(ECMAPatternError) {
    while let scalar = peeked {
      switch scalar {
      case "^":
        position += 1
        emit("^", isRepeatable: false)
      case "$":
        position += 1
        emit("\\z", isRepeatable: false)
      case "|":
        position += 1
        emit("|", isRepeatable: false)
      case ".":
        position += 1
        emit("[^\\n\\r\\x{2028}\\x{2029}]", isRepeatable: true)
      case "(": try openGroup()
      case ")": try closeGroup()
      case "[": emit(try characterClass(), isRepeatable: true)
      case "*", "+", "?":
        position += 1
        try emit(quantifier: String(scalar), at: position - 1)
      case "{": try brace()
      case "]", "}":
        if isStrict { throw fault("'\(scalar)' must be escaped") }
        position += 1
        emit(Self.literal(scalar.value), isRepeatable: true)
      case "\\": try escape()
      default:
        position += 1
        emit(Self.literal(scalar.value), isRepeatable: true)
      }
    }
    if !open.isEmpty { throw fault("a group is not closed") }
  }

  private mutating func emit(_ text: String, isRepeatable: Bool) {
    output += text
    self.isRepeatable = isRepeatable
  }

  private mutating func openGroup() throws(ECMAPatternError) {
    let start = position
    if take("(?:") {
      open.append(.plain)
      emit("(?:", isRepeatable: false)
    } else if take("(?=") {
      open.append(.lookahead)
      emit("(?=", isRepeatable: false)
    } else if take("(?!") {
      open.append(.lookahead)
      emit("(?!", isRepeatable: false)
    } else if take("(?<=") {
      open.append(.lookbehind)
      emit("(?<=", isRepeatable: false)
    } else if take("(?<!") {
      open.append(.lookbehind)
      emit("(?<!", isRepeatable: false)
    } else if take("(?<") {
      while let scalar = peeked, scalar != ">" {
        guard scalar.properties.isIDContinue || scalar == "$" else { throw fault("a group's name has a character that none may have") }
        position += 1
      }
      guard position > start + 3, take(">") else { throw fault("a group's name is not complete", at: start) }
      open.append(.capturing)
      emit("(", isRepeatable: false)
    } else {
      if looks(at: "(?") { throw fault("there is no such kind of group") }
      position += 1
      open.append(.capturing)
      emit("(", isRepeatable: false)
    }
  }

  private mutating func closeGroup() throws(ECMAPatternError) {
    guard let group = open.popLast() else { throw fault("')' closes no group") }
    position += 1
    switch group {
    case .capturing, .plain: emit(")", isRepeatable: true)
    case .lookahead: emit(")", isRepeatable: !isStrict)
    case .lookbehind: emit(")", isRepeatable: false)
    }
  }

  private mutating func emit(quantifier text: String, at start: Int) throws(ECMAPatternError) {
    guard isRepeatable else { throw fault("there is nothing to repeat", at: start) }
    emit(text + (take("?") ? "?" : ""), isRepeatable: false)
  }

  /// `{n}`, `{n,}` or `{n,m}`; anything else is, outside the strict grammar, a brace.
  private mutating func brace() throws(ECMAPatternError) {
    let start = position
    position += 1
    let low = number()
    var high = low
    var isOpen = false
    if low != nil, take(",") {
      high = number()
      isOpen = high == nil
    }
    guard let low, take("}") else {
      if isStrict { throw fault("'{' must be escaped", at: start) }
      position = start + 1
      emit(Self.literal(0x7B), isRepeatable: true)
      return
    }
    guard low <= Self.repeatMax, (high ?? 0) <= Self.repeatMax else {
      throw fault("a repetition of more than \(Self.repeatMax)", at: start)
    }
    guard isOpen || low <= high ?? low else { throw fault("a repetition whose bounds are out of order", at: start) }
    try emit(quantifier: isOpen ? "{\(low),}" : low == high ? "{\(low)}" : "{\(low),\(high ?? low)}", at: start)
  }

  /// PCRE2's own limit.
  private static let repeatMax = 65_535

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peeked, let digit = Self.digit(scalar, radix: 10) {
      value = min((value ?? 0) * 10 + Int(digit), 1 << 32)
      position += 1
    }
    return value
  }

  private mutating func escape() throws(ECMAPatternError) {
    let start = position
    guard position + 1 < source.count else { throw fault("a backslash ends the expression") }
    let scalar = source[position + 1]
    switch scalar {
    case "b", "B":
      position += 2
      emit("\\\(scalar)", isRepeatable: false)
    case "1"..."9":
      position += 1
      let reference = number() ?? 0
      if reference <= groupNames.count {
        emit("\\g{\(reference)}", isRepeatable: true)
      } else {
        if isStrict { throw fault("there is no group \(reference)", at: start) }
        position = start + 1
        emit(Self.literal(legacyOctal()), isRepeatable: true)
      }
    case "k" where isStrict || groupNames.contains { $0 != nil }:
      position += 2
      guard take("<") else { throw fault("a reference to a group by name is not complete", at: start) }
      var name = String.UnicodeScalarView()
      while let scalar = peeked, scalar != ">" {
        name.append(scalar)
        position += 1
      }
      guard take(">"), let group = groupNames.firstIndex(of: String(name)) else {
        throw fault("there is no group of that name", at: start)
      }
      emit("\\g{\(group + 1)}", isRepeatable: true)
    default:
      switch try atomEscape(inClass: false) {
      case .scalar(let value): emit(Self.literal(value), isRepeatable: true)
      case .set(let text): emit("[\(text)]", isRepeatable: true)
      }
    }
  }
}
