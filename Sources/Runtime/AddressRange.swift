// Owns: a range of addresses in CIDR form (RFC 4632), for trusted hops, admin allow lists and later resource policies.

/// A block of IPv4 or IPv6 addresses: `10.0.0.0/8`, `::1/128`; a bare address is a block of one.
public struct AddressRange: Sendable, Equatable, Hashable, CustomStringConvertible {
  /// The first address of the block; its port is 0.
  public let first: SocketAddress
  /// Leading bits that must match, counted in the block's own family (0...32 or 0...128).
  public let prefixBits: Int
  private let highMask: UInt64
  private let lowMask: UInt64

  /// - Returns: nil when the prefix is out of the family's range.
  public init?(_ address: SocketAddress, prefixBits: Int) {
    guard (0...(address.isIPv4 ? 32 : 128)).contains(prefixBits) else { return nil }
    let bits = address.isIPv4 ? 96 + prefixBits : prefixBits
    highMask = bits >= 64 ? .max : bits == 0 ? 0 : ~(UInt64.max >> UInt64(bits))
    lowMask = bits <= 64 ? 0 : bits == 128 ? .max : ~(UInt64.max >> UInt64(bits - 64))
    first = SocketAddress(
      high: address.high & highMask, low: address.low & lowMask, family: address.family, port: 0, scope: 0)
    self.prefixBits = prefixBits
  }

  /// Reads `10.0.0.0/8`, `fd00::/8`, or a bare address.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = SocketAddress(host: String(parts[0]), port: 0), address.scope == 0 else { return nil }
    guard parts.count == 2 else {
      self.init(address, prefixBits: address.isIPv4 ? 32 : 128)
      return
    }
    let digits = parts[1].utf8
    guard (1...3).contains(digits.count), digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let bits = Int(parts[1]) else { return nil }
    self.init(address, prefixBits: bits)
  }

  /// Whether the address lies in the block, whatever its port. An IPv4-mapped IPv6 address counts as the IPv4 address it carries
  /// (RFC 4291 §2.5.5.2); an IPv6 block never holds a plain IPv4 address, so that `::/0` does not mean "all of IPv4" by accident.
  @inline(__always)
  public func contains(_ address: SocketAddress) -> Bool {
    if first.family == .ipv6 && address.family == .ipv4 { return false }
    return address.high & highMask == first.high && address.low & lowMask == first.low
  }

  /// Whether text given by an operator had bits set beyond its prefix, as `10.1.2.3/8` has; worth a warning.
  public static func hasHostBits(_ text: String) -> Bool {
    guard let range = AddressRange(text), let slash = text.firstIndex(of: "/"),
      let address = SocketAddress(host: String(text[..<slash]), port: 0)
    else { return false }
    return address != range.first
  }

  public var description: String { "\(first.hostText)/\(prefixBits)" }
}
