// Owns addresses as a configuration writes them: host and port, endpoint, and sets of statuses. Leaves name resolution to Proxy.
import Glibc
import Runtime

/// A host (an IP address or a name, without brackets) and a port.
public struct HostPort: Sendable, Hashable, CustomStringConvertible {
  public let host: String
  /// 0 lets the kernel choose.
  public let port: UInt16

  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// `127.0.0.1:80`, `[::1]:80`, `name:80`.
  public var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Whether the host is an IP address and not a name.
  public var isAddress: Bool { HostPort.addressBytes(host) != nil }

  /// Whether only this machine reaches the address: 127.0.0.0/8, ::1 (RFC 6890, also IPv4-mapped) or `localhost`.
  public var isLoopback: Bool {
    guard let bytes = HostPort.addressBytes(host) else { return host == "localhost" }
    if bytes.count == 4 { return bytes[0] == 127 }
    let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    return isMapped ? bytes[12] == 127 : bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  /// - Throws: the reason why `text` is no host and port.
  static func parse(_ text: String, portMin: UInt16 = 1) throws(Quantities.Refusal) -> HostPort {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else {
      throw .init("the port is missing; write `host:port`")
    }
    var host = String(text[..<colon])
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.utf8.count > 2
    if bracketed { host = String(host.dropFirst().dropLast()) }
    let isIPv6 = addressBytes(host)?.count == 16
    if bracketed != isIPv6 {
      if addressBytes(text)?.count == 16 { throw .init("an IPv6 address stands in brackets before its port: `[\(text)]:8080`") }
      throw .init(
        bracketed
          ? "`\(Shown.text(host))` is no IPv6 address; brackets are for those"
          : "an IPv6 address stands in brackets: `[\(Shown.text(host))]:\(Shown.text(String(text[text.index(after: colon)...])))`")
    }
    guard !host.isEmpty else { throw .init("the host is missing; write `host:port`, or `0.0.0.0:port` for every address") }
    if !isIPv6, let reason = nameFault(host) { throw .init(reason) }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy(Characters.isDigit), let port = UInt16(digits), port >= portMin else {
      throw .init("`\(Shown.text(String(digits)))` is no port; write a number from \(portMin) to 65535")
    }
    return HostPort(host: isIPv6 ? canonical(host) : host.lowercased(), port: port)
  }

  /// Why a text is neither an IPv4 address nor a DNS name (RFC 1123 §2.1; `_` allowed as service names use it), or nil.
  static func nameFault(_ name: String) -> String? {
    let name = name.hasSuffix(".") ? String(name.dropLast()) : name
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    let wellFormed =
      name.utf8.count <= 253
      && labels.allSatisfy { label in
        !label.isEmpty && label.utf8.count <= 63 && label.utf8.first != UInt8(ascii: "-") && label.utf8.last != UInt8(ascii: "-")
          && label.utf8.allSatisfy { Characters.isLetter($0) || Characters.isDigit($0) || $0 == 0x2D || $0 == 0x5F }
      }
    guard wellFormed else { return "`\(Shown.text(name))` is neither an IP address nor a host name" }
    if let last = labels.last, last.utf8.allSatisfy(Characters.isDigit), addressBytes(name) == nil {
      return "`\(Shown.text(name))` is no IPv4 address"
    }
    return nil
  }

  /// The 4 or 16 bytes of an IP address in network order, or nil for anything else.
  static func addressBytes(_ text: String) -> [UInt8]? {
    guard text.utf8.count < 64, !text.utf8.contains(0) else { return nil }
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes[..<4]) }
    return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
  }

  /// One spelling for each IPv6 address (RFC 5952), so that equal addresses compare equal.
  private static func canonical(_ host: String) -> String {
    guard var bytes = addressBytes(host), bytes.count == 16 else { return host }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &bytes, &text, socklen_t(INET6_ADDRSTRLEN)) != nil else { return host }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Where an upstream's endpoint is found.
public enum EndpointAddress: Sendable, Hashable, CustomStringConvertible {
  /// An IP address, or a name looked up for A and AAAA records.
  case host(HostPort)
  /// A name looked up for SRV records (RFC 2782), which bring host, port, priority and weight.
  case service(String)

  public var description: String {
    switch self {
    case .host(let address): address.description
    case .service(let name): "srv:\(name)"
    }
  }

  static func parse(_ text: String) throws(Quantities.Refusal) -> EndpointAddress {
    guard text.hasPrefix("srv:") else { return .host(try HostPort.parse(text)) }
    let name = String(text.dropFirst(4))
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count >= 3, labels[0].hasPrefix("_"), labels[1].hasPrefix("_"), HostPort.nameFault(name) == nil else {
      throw .init("`\(Shown.text(name))` is no SRV name; write `srv:_service._tcp.name`")
    }
    return .service(name.lowercased())
  }
}

/// A set of HTTP status codes, written as codes (`200`) and classes (`2xx`).
public struct StatusSet: Sendable, Hashable {
  /// Sorted, without overlaps or neighbours.
  public let ranges: [ClosedRange<Int>]

  public init(_ parts: [ClosedRange<Int>]) {
    var merged: [ClosedRange<Int>] = []
    for part in parts.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
      if let last = merged.last, part.lowerBound <= last.upperBound + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, part.upperBound)
      } else {
        merged.append(part)
      }
    }
    ranges = merged
  }

  public func contains(_ status: Int) -> Bool { ranges.contains { $0.contains(status) } }

  /// The codes of `503` or `5xx`.
  static func codes(_ text: String) throws(Quantities.Refusal) -> ClosedRange<Int> {
    let bytes = Array(text.utf8)
    if bytes.count == 3, bytes[0] >= UInt8(ascii: "1"), bytes[0] <= UInt8(ascii: "5") {
      let hundreds = Int(bytes[0] - UInt8(ascii: "0")) * 100
      if text.hasSuffix("xx") { return hundreds...(hundreds + 99) }
      if let code = Int(text) { return code...code }
    }
    throw .init("a status such as `200`, or a class such as `2xx`, is expected")
  }
}
