// Owns: reading a Structured Fields dictionary (RFC 8941 §4.2.2) as a list of directives. Which keys mean something is CacheControl's.

/// A parser that either reads the whole field or refuses it.
struct StructuredDictionary {
  private let text: [UInt8]
  private var at = 0

  /// The members of a targeted field as directives.
  /// - Returns: nil where the field is empty or does not parse: it then counts as absent (RFC 9213 §2.1).
  static func directives(_ lines: [ArraySlice<UInt8>]) -> [Directive]? {
    var parser = StructuredDictionary(text: Array(lines.joined(separator: [0x2C, 0x20])))
    guard let members = parser.members(), !members.isEmpty else { return nil }
    return members
  }

  private init(text: [UInt8]) { self.text = text }

  private var next: UInt8? { at < text.count ? text[at] : nil }

  private mutating func take(_ c: UInt8) -> Bool {
    guard next == c else { return false }
    at += 1
    return true
  }

  private mutating func skipSpaces() { while next == 0x20 { at += 1 } }
  private mutating func skipBlanks() { while let c = next, Octets.isBlank(c) { at += 1 } }

  private mutating func members() -> [Directive]? {
    var found: [Directive] = []
    skipSpaces()
    while next != nil {
      guard let key = key() else { return nil }
      var argument = Directive.Argument.none
      if take(0x3D) {
        guard let value = value() else { return nil }
        argument = value
      }
      guard parameters() else { return nil }
      // A key that comes again replaces the earlier one (RFC 8941 §3.2).
      found.removeAll { $0.name.elementsEqual(key) }
      found.append(StructuredDictionary.directive(key[...], argument))
      if found.count > ListSyntax.elementsMax { return nil }
      skipBlanks()
      if next == nil { return found }
      guard take(0x2C) else { return nil }
      skipBlanks()
      if next == nil { return nil }
    }
    return found
  }

  /// A String is of use only where field names are wanted; elsewhere its type is wrong.
  private static func directive(_ key: ArraySlice<UInt8>, _ argument: Directive.Argument) -> Directive {
    guard case .quoted = argument, !Octets.equals(key, "no-cache"), !Octets.equals(key, "private") else {
      return Directive(name: key, argument: argument)
    }
    return Directive(name: key, argument: .malformed)
  }

  private mutating func key() -> [UInt8]? {
    guard let first = next, first &- 0x61 < 26 || first == 0x2A else { return nil }
    let start = at
    while let c = next, c &- 0x61 < 26 || Octets.isDigit(c) || c == 0x5F || c == 0x2D || c == 0x2E || c == 0x2A { at += 1 }
    return Array(text[start..<at])
  }

  private mutating func value() -> Directive.Argument? { next == 0x28 ? innerList() : item() }

  /// No directive has a list for its value; it is read past.
  private mutating func innerList() -> Directive.Argument? {
    at += 1
    while true {
      skipSpaces()
      if take(0x29) { return .malformed }
      guard item() != nil, parameters(), next == 0x20 || next == 0x29 else { return nil }
    }
  }

  private mutating func parameters() -> Bool {
    while take(0x3B) {
      skipSpaces()
      guard key() != nil else { return false }
      if take(0x3D) && item() == nil { return false }
    }
    return true
  }

  /// An Integer or a String becomes an argument; `?1` is what a directive without argument maps to (RFC 9213 §2.1). A value of another
  /// type is `malformed`, which makes a restriction hold and a lifetime 0.
  private mutating func item() -> Directive.Argument? {
    guard let c = next else { return nil }
    switch c {
    case 0x22: return string()
    case 0x2D, 0x30...0x39: return number()
    case 0x3F:
      at += 1
      if take(0x31) { return Directive.Argument.none }
      return take(0x30) ? .malformed : nil
    case 0x3A: return byteSequence()
    default: return token()
    }
  }

  private mutating func string() -> Directive.Argument? {
    at += 1
    var content: [UInt8] = []
    while let c = next {
      at += 1
      if c == 0x22 { return .quoted(content) }
      guard c >= 0x20, c < 0x7F else { return nil }
      if c == 0x5C {
        guard let escaped = next, escaped == 0x22 || escaped == 0x5C else { return nil }
        at += 1
        content.append(escaped)
      } else {
        content.append(c)
      }
    }
    return nil
  }

  /// Integers have up to 15 digits, decimals up to 12 and then 1 to 3 (RFC 8941 §4.2.4).
  private mutating func number() -> Directive.Argument? {
    let negative = take(0x2D)
    let start = at
    while let c = next, Octets.isDigit(c) { at += 1 }
    let whole = at - start
    guard whole >= 1, whole <= 15 else { return nil }
    guard take(0x2E) else { return negative ? .malformed : .text(Array(text[start..<at])) }
    let point = at
    while let c = next, Octets.isDigit(c) { at += 1 }
    return whole <= 12 && at > point && at - point <= 3 ? .malformed : nil
  }

  private mutating func byteSequence() -> Directive.Argument? {
    at += 1
    while let c = next {
      at += 1
      if c == 0x3A { return .malformed }
      guard Octets.isAlpha(c) || Octets.isDigit(c) || c == 0x2B || c == 0x2F || c == 0x3D else { return nil }
    }
    return nil
  }

  private mutating func token() -> Directive.Argument? {
    guard let first = next, Octets.isAlpha(first) || first == 0x2A else { return nil }
    while let c = next, Octets.isToken(c) || c == 0x3A || c == 0x2F { at += 1 }
    return .malformed
  }
}
