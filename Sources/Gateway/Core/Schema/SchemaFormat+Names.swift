// Owns: mail addresses, host names, IP addresses and other names.

extension FormatScanner {
  /// A mailbox of RFC 5321 §4.1.2, with RFC 6531 where all of Unicode is allowed.
  static func isEmail(_ bytes: [UInt8], allowsUnicode: Bool) -> Bool {
    guard let at = bytes.lastIndex(of: UInt8(ascii: "@")), at > 0, bytes.count <= 320 else { return false }
    return isLocalPart(bytes[..<at], allowsUnicode) && isMailDomain(bytes[(at + 1)...], allowsUnicode)
  }

  private static func isLocalPart(_ part: ArraySlice<UInt8>, _ allowsUnicode: Bool) -> Bool {
    if part.first == UInt8(ascii: "\"") {
      guard part.count >= 2, part.last == UInt8(ascii: "\"") else { return false }
      var isEscaped = false
      for byte in part.dropFirst().dropLast() {
        if byte < 0x20 || byte == 0x7F || byte >= 0x80 && !allowsUnicode { return false }
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          return false
        }
      }
      return !isEscaped
    }
    return part.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { atom in
      !atom.isEmpty && atom.allSatisfy { isAtomText($0) || $0 >= 0x80 && allowsUnicode }
    }
  }

  /// RFC 5322 §3.2.3.
  private static func isAtomText(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
  }

  private static func isMailDomain(_ domain: ArraySlice<UInt8>, _ allowsUnicode: Bool) -> Bool {
    guard domain.first == UInt8(ascii: "["), domain.last == UInt8(ascii: "]") else {
      return isHostname(String(decoding: domain, as: UTF8.self), allowsUnicode: allowsUnicode)
    }
    let literal = domain.dropFirst().dropLast()
    let tag = Array("ipv6:".utf8)
    if literal.count > tag.count, zip(literal, tag).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) { return isIPv6(literal.dropFirst(tag.count)) }
    return whole(Array(literal)) { $0.ipv4() }
  }

  /// RFC 1123 §2.1, RFC 1034 §3.5; with all of Unicode, RFC 5890 §2.3.2.3.
  static func isHostname(_ text: String, allowsUnicode: Bool) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 1024 else { return false }
    if !allowsUnicode {
      guard text.utf8.count <= 253 else { return false }
      let labels = text.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false)
      return labels.allSatisfy { DomainLabel.isASCIILabel(Array($0)) }
    }
    return DomainLabel.labels(text).allSatisfy { DomainLabel.isUnicodeLabel($0) }
  }

  /// dotted-quad of RFC 2673 §3.2.
  mutating func ipv4() -> Bool {
    for part in 0..<4 {
      if part > 0, !take(UInt8(ascii: ".")) { return false }
      guard let first = digit() else { return false }
      var value = first
      // A leading 0 would make the number octal for some readers.
      while first != 0, value <= 255, let digit = digit() { value = value * 10 + digit }
      if value > 255 { return false }
    }
    return true
  }

  /// RFC 4291 §2.2.
  static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
    guard text.count <= 45 else { return false }
    var groups = 0
    var isShortened = false
    var rest = text
    if rest.starts(with: "::".utf8) {
      isShortened = true
      rest = rest.dropFirst(2)
      if rest.isEmpty { return true }
    }
    while true {
      let group = rest.prefix { $0 != UInt8(ascii: ":") }
      if group.contains(UInt8(ascii: ".")) {
        guard group.endIndex == rest.endIndex, whole(Array(group), { $0.ipv4() }) else { return false }
        groups += 2
        break
      }
      guard (1...4).contains(group.count), group.allSatisfy(isHex) else { return false }
      groups += 1
      rest = rest[group.endIndex...]
      if rest.isEmpty { break }
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: ":") {
        if isShortened { return false }
        isShortened = true
        rest = rest.dropFirst()
        if rest.isEmpty { break }
      }
    }
    return isShortened ? groups <= 7 : groups == 8
  }

  /// RFC 9562 §4.
  static func isUUID(_ bytes: [UInt8]) -> Bool {
    guard bytes.count == 36 else { return false }
    return bytes.enumerated().allSatisfy { place, byte in
      [8, 13, 18, 23].contains(place) ? byte == UInt8(ascii: "-") : isHex(byte)
    }
  }

  /// Six octets, as `00:1A:2b:3c:4d:5e`.
  static func isMAC(_ bytes: [UInt8]) -> Bool {
    guard bytes.count == 17 else { return false }
    return bytes.enumerated().allSatisfy { place, byte in place % 3 == 2 ? byte == UInt8(ascii: ":") : isHex(byte) }
  }

  /// RFC 4648 §4, with padding.
  static func isBase64(_ bytes: [UInt8]) -> Bool {
    guard bytes.count % 4 == 0 else { return false }
    let padding = bytes.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
    return bytes.dropLast(padding).allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") }
  }
}
