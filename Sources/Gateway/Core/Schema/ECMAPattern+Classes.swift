// Owns: what stands for characters in an ECMA-262 expression: classes, their escapes, properties of Unicode.

extension ECMAPattern {
  /// What an escape stands for: a code point, or what to write inside brackets.
  enum Atom {
    case scalar(UInt32)
    case set(String)
  }

  /// WhiteSpace and LineTerminator (ECMA-262 §11.2, §11.3), which are wider than PCRE2's own `\s` and narrower than Unicode's.
  static let space = "\\x{9}-\\x{D}\\x{20}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{FEFF}"
  /// All others.
  static let notSpace =
    "\\x{0}-\\x{8}\\x{E}-\\x{1F}\\x{21}-\\x{9F}\\x{A1}-\\x{167F}\\x{1681}-\\x{1FFF}\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}"
    + "\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}\\x{3001}-\\x{FEFE}\\x{FF00}-\\x{10FFFF}"

  /// A code point as PCRE2 reads it anywhere; half of a surrogate pair, which no UTF-8 has, as what never matches.
  static func literal(_ value: UInt32) -> String {
    switch value {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(UInt8(value)))
    case 0xD800...0xDFFF: "(?!)"
    default: "\\x{\(String(value, radix: 16))}"
    }
  }

  static func digit(_ scalar: Unicode.Scalar, radix: UInt32) -> UInt32? {
    let value: UInt32
    switch scalar {
    case "0"..."9": value = scalar.value - 0x30
    case "a"..."f": value = scalar.value - 0x61 + 10
    case "A"..."F": value = scalar.value - 0x41 + 10
    default: return nil
    }
    return value < radix ? value : nil
  }

  /// A class in brackets, told in PCRE2's words.
  mutating func characterClass() throws(ECMAPatternError) -> String {
    let start = position
    position += 1
    let isNegated = take("^")
    var items = ""
    while true {
      guard let scalar = peeked else { throw fault("a class is not closed", at: start) }
      if scalar == "]" { break }
      let low = try classAtom()
      guard peeked == "-", position + 1 < source.count, source[position + 1] != "]" else {
        items += Self.item(low, low)
        continue
      }
      let hyphen = position
      position += 1
      let high = try classAtom()
      if case .scalar(let from) = low, case .scalar(let to) = high {
        if from > to { throw fault("a range whose bounds are out of order", at: hyphen) }
        items += Self.item(low, high)
      } else {
        if isStrict { throw fault("a range between what are no characters", at: hyphen) }
        items += Self.item(low, low) + "\\x{2d}" + Self.item(high, high)
      }
    }
    position += 1
    if items.isEmpty { return isNegated ? "[\\x{0}-\\x{10FFFF}]" : "(?!)" }
    return isNegated ? "[^\(items)]" : "[\(items)]"
  }

  /// Without the surrogates, which PCRE2 refuses and no UTF-8 has.
  private static func item(_ low: Atom, _ high: Atom) -> String {
    guard case .scalar(var from) = low, case .scalar(var to) = high else {
      if case .set(let text) = low { return text }
      return ""
    }
    if (0xD800...0xDFFF).contains(from) { from = 0xE000 }
    if (0xD800...0xDFFF).contains(to) { to = 0xD7FF }
    if from > to { return "" }
    let first = "\\x{\(String(from, radix: 16))}"
    return from == to ? first : "\(first)-\\x{\(String(to, radix: 16))}"
  }

  private mutating func classAtom() throws(ECMAPatternError) -> Atom {
    guard let scalar = peeked else { throw fault("a class is not closed") }
    guard scalar == "\\" else {
      position += 1
      return .scalar(scalar.value)
    }
    guard position + 1 < source.count else { throw fault("a backslash ends the expression") }
    return try atomEscape(inClass: true)
  }

  /// An escape that stands for characters; the backslash comes next, and something after it.
  mutating func atomEscape(inClass: Bool) throws(ECMAPatternError) -> Atom {
    let start = position
    let scalar = source[position + 1]
    position += 2
    switch scalar {
    case "d": return .set("0-9")
    case "D": return .set("\\x{0}-\\x{2F}\\x{3A}-\\x{10FFFF}")
    case "w": return .set("0-9A-Z_a-z")
    case "W": return .set("\\x{0}-\\x{2F}\\x{3A}-\\x{40}\\x{5B}-\\x{5E}\\x{60}\\x{7B}-\\x{10FFFF}")
    case "s": return .set(Self.space)
    case "S": return .set(Self.notSpace)
    case "b" where inClass: return .scalar(8)
    case "t": return .scalar(9)
    case "n": return .scalar(10)
    case "v": return .scalar(11)
    case "f": return .scalar(12)
    case "r": return .scalar(13)
    case "c":
      guard let letter = peeked, letter.isASCII, letter.properties.isAlphabetic else { throw fault("'\\c' needs a letter", at: start) }
      position += 1
      return .scalar(letter.value & 0x1F)
    case "x":
      if let value = hex(2) { return .scalar(value) }
    case "u":
      if let value = try unicodeEscape() { return .scalar(value) }
    case "p", "P":
      if let set = try property(isNegated: scalar == "P", at: start) { return .set(set) }
    case "0"..."9":
      if scalar == "0", peeked.flatMap({ Self.digit($0, radix: 10) }) == nil { return .scalar(0) }
      if isStrict { throw fault("an escaped number is no character", at: start) }
      position = start + 1
      return .scalar(legacyOctal())
    case "-" where inClass: return .scalar(scalar.value)
    default:
      if !isStrict || "^$\\.*+?()[]{}|/".unicodeScalars.contains(scalar) { return .scalar(scalar.value) }
    }
    if isStrict { throw fault("'\\\(scalar)' is no escape", at: start) }
    return .scalar(scalar.value)
  }

  /// Up to three octal digits below 0o400 (annex B.1.4); any other digit stands for itself.
  mutating func legacyOctal() -> UInt32 {
    guard let first = peeked else { return 0 }
    position += 1
    guard var value = Self.digit(first, radix: 8) else { return first.value }
    while let scalar = peeked, let digit = Self.digit(scalar, radix: 8), value * 8 + digit < 0o400 {
      value = value * 8 + digit
      position += 1
    }
    return value
  }

  private mutating func hex(_ count: Int) -> UInt32? {
    guard position + count <= source.count else { return nil }
    var value: UInt32 = 0
    for scalar in source[position..<position + count] {
      guard let digit = Self.digit(scalar, radix: 16) else { return nil }
      value = value << 4 | digit
    }
    position += count
    return value
  }

  /// What follows `\u`: four digits, two such halves of a pair, or digits in braces.
  private mutating func unicodeEscape() throws(ECMAPatternError) -> UInt32? {
    if looks(at: "{") {
      let start = position
      position += 1
      var value: UInt32 = 0
      var count = 0
      while let scalar = peeked, let digit = Self.digit(scalar, radix: 16), value <= 0x10FFFF {
        value = value << 4 | digit
        count += 1
        position += 1
      }
      guard count > 0, value <= 0x10FFFF, take("}") else {
        if isStrict { throw fault("there is no such code point", at: start) }
        position = start
        return nil
      }
      return value
    }
    guard let high = hex(4) else { return nil }
    guard (0xD800...0xDBFF).contains(high), looks(at: "\\u") else { return high }
    let start = position
    position += 2
    guard let low = hex(4), (0xDC00...0xDFFF).contains(low) else {
      position = start
      return high
    }
    return 0x10000 + (high & 0x3FF) << 10 + (low & 0x3FF)
  }

  /// What follows `\p`.
  private mutating func property(isNegated: Bool, at start: Int) throws(ECMAPatternError) -> String? {
    guard take("{") else { return nil }
    var text = String.UnicodeScalarView()
    while let scalar = peeked, scalar != "}" {
      guard scalar.isASCII, scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "_" || scalar == "=" else {
        throw fault("a property's name has a character that none may have")
      }
      text.append(scalar)
      position += 1
    }
    guard take("}"), !text.isEmpty else { throw fault("a property's name is not complete", at: start) }
    let parts = String(text).split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    let name: String
    switch (parts.count, parts[0]) {
    case (1, _): name = UnicodeCategory.short(parts[0]) ?? parts[0]
    case (2, "General_Category"), (2, "gc"):
      guard let category = UnicodeCategory.short(parts[1]) else { throw fault("'\(parts[1])' is no category of Unicode", at: start) }
      name = category
    case (2, "Script"), (2, "sc"): name = "sc:" + parts[1]
    case (2, "Script_Extensions"), (2, "scx"): name = "scx:" + parts[1]
    default: throw fault("'\(String(text))' is no property", at: start)
    }
    if name == "Assigned" { return isNegated ? "\\p{Cn}" : "\\P{Cn}" }
    return isNegated ? "\\P{\(name)}" : "\\p{\(name)}"
  }
}

/// Names of Unicode's general categories (PropertyValueAliases.txt), of which PCRE2 knows the short ones.
enum UnicodeCategory {
  static func short(_ name: String) -> String? { names[name] ?? (shorts.contains(name) ? name : nil) }

  private static let shorts = Set(names.values)

  private static let names: [String: String] = [
    "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Unassigned": "Cn", "Private_Use": "Co", "Surrogate": "Cs",
    "Letter": "L", "Cased_Letter": "L&", "LC": "L&", "Lowercase_Letter": "Ll", "Modifier_Letter": "Lm", "Other_Letter": "Lo",
    "Titlecase_Letter": "Lt", "Uppercase_Letter": "Lu", "Mark": "M", "Combining_Mark": "M", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
    "Nonspacing_Mark": "Mn", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No",
    "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Close_Punctuation": "Pe",
    "Final_Punctuation": "Pf", "Initial_Punctuation": "Pi", "Other_Punctuation": "Po", "Open_Punctuation": "Ps", "Symbol": "S",
    "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Math_Symbol": "Sm", "Other_Symbol": "So", "Separator": "Z",
    "Line_Separator": "Zl", "Paragraph_Separator": "Zp", "Space_Separator": "Zs",
  ]
}
