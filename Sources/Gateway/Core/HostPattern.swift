// Owns the grammar of the hosts that an API answers: "api.example.com", "*.example.com", "*". HostTable matches them.

/// A host that an API answers.
public struct HostPattern: Hashable, Sendable, CustomStringConvertible {
  public enum Form: Hashable, Sendable {
    /// Every host, also a request without one.
    case any
    /// This host, in lower case, without trailing dot.
    case exact(String)
    /// One label before this suffix, which begins with its dot. Custom domain names of the service allow the wildcard as the first
    /// label only; that it stands for exactly one label is the rule of the certificates they need (RFC 6125 section 6.4.3).
    case wildcard(suffix: String)
  }

  public let text: String
  public let form: Form

  public var description: String { text }

  /// Parses a host pattern: a domain name, an IPv4 address, an IPv6 address in brackets, `*.` and a domain name, or `*`.
  ///
  /// - Throws: `HostPatternError` with the reason and the byte offset of the first fault.
  public init(_ text: String) throws(HostPatternError) {
    self.text = text
    if text == "*" {
      form = .any
      return
    }
    var bytes = Array(text.utf8)
    for index in bytes.indices { bytes[index] = HostPattern.lowercased(bytes[index]) }
    if bytes.isEmpty { throw HostPatternError(reason: .empty, position: 0, pattern: text) }
    if bytes[0] == UInt8(ascii: "[") {
      try HostPattern.checkAddress(bytes, text)
      form = .exact(String(decoding: bytes, as: UTF8.self))
      return
    }
    if bytes.count > 1 && bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    if bytes.count > HostPattern.bytesMax {
      throw HostPatternError(reason: .tooLong, position: HostPattern.bytesMax, pattern: text)
    }
    let wildcard = bytes.starts(with: Array("*.".utf8))
    try HostPattern.checkLabels(bytes, from: wildcard ? 2 : 0, text)
    form =
      wildcard
      ? .wildcard(suffix: String(decoding: bytes[1...], as: UTF8.self)) : .exact(String(decoding: bytes, as: UTF8.self))
  }

  /// The longest domain name (RFC 1035 section 2.3.4: 255 octets on the wire, which is 253 characters).
  static let bytesMax = 253

  @inline(__always)
  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }

  private static func checkLabels(_ bytes: [UInt8], from first: Int, _ text: String) throws(HostPatternError) {
    var start = first
    for index in first...bytes.count {
      if index == bytes.count || bytes[index] == UInt8(ascii: ".") {
        if index == start { throw HostPatternError(reason: .emptyLabel, position: index, pattern: text) }
        if index - start > 63 { throw HostPatternError(reason: .longLabel, position: start, pattern: text) }
        start = index + 1
        continue
      }
      switch bytes[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): break
      case UInt8(ascii: "*"): throw HostPatternError(reason: .wildcardPlace, position: index, pattern: text)
      case UInt8(ascii: ":"): throw HostPatternError(reason: .port, position: index, pattern: text)
      default: throw HostPatternError(reason: .invalidCharacter(bytes[index]), position: index, pattern: text)
      }
    }
  }

  private static func checkAddress(_ bytes: [UInt8], _ text: String) throws(HostPatternError) {
    guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else {
      throw HostPatternError(reason: .unclosedBracket, position: 0, pattern: text)
    }
    if close + 1 != bytes.count { throw HostPatternError(reason: .port, position: close + 1, pattern: text) }
    if close < 3 { throw HostPatternError(reason: .emptyLabel, position: 1, pattern: text) }
    for index in 1..<close {
      switch bytes[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "."): break
      default: throw HostPatternError(reason: .invalidCharacter(bytes[index]), position: index, pattern: text)
      }
    }
  }
}

/// Why a host pattern was refused, and where.
public struct HostPatternError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Equatable, Sendable {
    case empty
    case tooLong
    case emptyLabel
    case longLabel
    case wildcardPlace
    case port
    case unclosedBracket
    case invalidCharacter(UInt8)
  }

  public let reason: Reason
  /// The byte offset in the pattern at which the fault begins, counted from 0.
  public let position: Int
  /// The pattern as written.
  public let pattern: String

  public var description: String {
    let explanation =
      switch reason {
      case .empty: "the host is empty; write a name, \"*.\" and a name, or \"*\" for any host"
      case .tooLong: "a domain name has at most \(HostPattern.bytesMax) characters (RFC 1035 section 2.3.4)"
      case .emptyLabel: "a part of the name is empty"
      case .longLabel: "a part of the name is longer than 63 characters (RFC 1035 section 2.3.4)"
      case .wildcardPlace: "\"*\" can only be the whole first part, as in \"*.example.com\", or the whole host"
      case .port: "a host has no port here; the listener decides on ports"
      case .unclosedBracket: "\"[\" has no \"]\""
      case .invalidCharacter(let byte):
        "byte 0x\(String(byte, radix: 16)) cannot stand in a host; write international names in their \"xn--\" form"
      }
    return "host \"\(pattern)\", byte \(position): \(explanation)"
  }
}
