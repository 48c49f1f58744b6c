// Owns: URIs, IRIs, URI templates and JSON pointers.

extension FormatScanner {
  /// RFC 3986 §3 and §4.1; RFC 3987 §2.2 where all of Unicode is allowed.
  static func isURI(_ bytes: [UInt8], allowsUnicode: Bool, allowsRelative: Bool) -> Bool {
    var rest = bytes[...]
    var hasScheme = false
    let name = rest.prefix { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    if let first = name.first, isLetter(first), name.endIndex < rest.endIndex, rest[name.endIndex] == UInt8(ascii: ":") {
      hasScheme = true
      rest = rest[(name.endIndex + 1)...]
    }
    guard hasScheme || allowsRelative else { return false }
    if let hash = rest.firstIndex(of: UInt8(ascii: "#")) {
      guard isText(rest[(hash + 1)...], alsoAllowed: ":@/?", allowsUnicode) else { return false }
      rest = rest[..<hash]
    }
    if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
      guard isText(rest[(mark + 1)...], alsoAllowed: ":@/?", allowsUnicode) else { return false }
      rest = rest[..<mark]
    }
    if rest.starts(with: "//".utf8) {
      let authority = rest.dropFirst(2).prefix { $0 != UInt8(ascii: "/") }
      guard isAuthority(authority, allowsUnicode) else { return false }
      rest = rest[authority.endIndex...]
    } else if !hasScheme, rest.prefix(while: { $0 != UInt8(ascii: "/") }).contains(UInt8(ascii: ":")) {
      // §4.2: the first segment of a relative path has no colon.
      return false
    }
    return isText(rest, alsoAllowed: ":@/", allowsUnicode)
  }

  private static func isAuthority(_ authority: ArraySlice<UInt8>, _ allowsUnicode: Bool) -> Bool {
    var host = authority
    if let at = host.lastIndex(of: UInt8(ascii: "@")) {
      guard isText(host[..<at], alsoAllowed: ":", allowsUnicode) else { return false }
      host = host[(at + 1)...]
    }
    if host.first == UInt8(ascii: "[") {
      guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let literal = host[(host.startIndex + 1)..<end]
      let isFuture = literal.first.map { $0 | 0x20 == UInt8(ascii: "v") } ?? false
      guard isFuture ? isText(literal, alsoAllowed: ":", false) : isIPv6(literal) else { return false }
      let port = host[(end + 1)...]
      return port.isEmpty || port.first == UInt8(ascii: ":") && port.dropFirst().allSatisfy(isDigit)
    }
    let name = host.prefix { $0 != UInt8(ascii: ":") }
    return isText(name, alsoAllowed: "", allowsUnicode) && host[name.endIndex...].dropFirst().allSatisfy(isDigit)
  }

  /// Unreserved characters, sub-delimiters and escapes (§2.1 to §2.3).
  private static func isText(_ text: ArraySlice<UInt8>, alsoAllowed: StaticString, _ allowsUnicode: Bool) -> Bool {
    var rest = text
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%") {
        guard let high = rest.popFirst(), let low = rest.popFirst(), isHex(high), isHex(low) else { return false }
        continue
      }
      if isLetter(byte) || isDigit(byte) || byte >= 0x80 && allowsUnicode { continue }
      guard "-._~!$&'()*+,;=".utf8.contains(byte) || alsoAllowed.description.utf8.contains(byte) else { return false }
    }
    return true
  }

  /// RFC 6570 §2.
  static func isURITemplate(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "{"):
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")), isExpression(rest[..<end]) else { return false }
        rest = rest[(end + 1)...]
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst(), let low = rest.popFirst(), isHex(high), isHex(low) else { return false }
      case UInt8(ascii: "}"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"),
        UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), 0...0x20, 0x7F:
        return false
      default: break
      }
    }
    return true
  }

  private static func isExpression(_ text: ArraySlice<UInt8>) -> Bool {
    let rest = text.first.map { "+#./;?&=,!@|".utf8.contains($0) } ?? false ? text.dropFirst() : text
    return rest.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).allSatisfy { variable in
      var name = variable
      if name.last == UInt8(ascii: "*") {
        name = name.dropLast()
      } else if let colon = name.firstIndex(of: UInt8(ascii: ":")) {
        let length = name[(colon + 1)...]
        guard (1...4).contains(length.count), length.allSatisfy(isDigit), length.first != UInt8(ascii: "0") else { return false }
        name = name[..<colon]
      }
      guard !name.isEmpty, name.first != UInt8(ascii: "."), name.last != UInt8(ascii: ".") else { return false }
      var left = name
      while let byte = left.popFirst() {
        if byte == UInt8(ascii: "%") {
          guard let high = left.popFirst(), let low = left.popFirst(), isHex(high), isHex(low) else { return false }
        } else if !isLetter(byte), !isDigit(byte), byte != UInt8(ascii: "_"), byte != UInt8(ascii: ".") {
          return false
        }
      }
      return true
    }
  }

  /// RFC 6901 §3.
  static func isJSONPointer(_ text: ArraySlice<UInt8>) -> Bool {
    if text.isEmpty { return true }
    guard text.first == UInt8(ascii: "/") else { return false }
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "~") else { continue }
      guard let next = rest.popFirst(), next == UInt8(ascii: "0") || next == UInt8(ascii: "1") else { return false }
    }
    return true
  }

  /// draft-bhutton-relative-json-pointer-00 §3.
  static func isRelativeJSONPointer(_ bytes: [UInt8]) -> Bool {
    let digits = bytes.prefix(while: isDigit)
    guard !digits.isEmpty, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return false }
    let rest = bytes[digits.endIndex...]
    return rest.elementsEqual("#".utf8) || isJSONPointer(rest)
  }
}
