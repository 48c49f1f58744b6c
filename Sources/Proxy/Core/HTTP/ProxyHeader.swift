// The PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt): who the client behind a load balancer is. Pure.
import Glibc
import Runtime

enum ProxyHeader: Equatable {
  case incomplete
  case malformed
  /// Length of the header; the client's address, or nil when the sender speaks for itself (LOCAL, UNKNOWN).
  case header(Int, SocketAddress?)

  /// The longest header looked for: version 2 with its additional values.
  static let bytesMax = 4096
  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

  static func parse(_ p: UnsafePointer<UInt8>, _ n: Int) -> ProxyHeader {
    let known = min(n, 12)
    if known > 0 && signature.withUnsafeBufferPointer({ memcmp(p, $0.baseAddress!, known) == 0 }) {
      return n < 16 ? .incomplete : parseBinary(p, n)
    }
    let text: StaticString = "PROXY "
    if memcmp(p, text.utf8Start, min(n, 6)) != 0 { return .malformed }
    return n < 8 ? .incomplete : parseText(p, n)
  }

  /// Version 1: one line of at most 107 bytes.
  private static func parseText(_ p: UnsafePointer<UInt8>, _ n: Int) -> ProxyHeader {
    var end = 0
    let limit = min(n, 106)
    while end < limit && p[end] != 13 { end += 1 }
    if end == limit { return limit == 106 ? .malformed : .incomplete }
    if end + 1 >= n { return .incomplete }
    if p[end + 1] != 10 { return .malformed }
    let line = String(decoding: UnsafeBufferPointer(start: p, count: end), as: UTF8.self)
    let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    if words.count >= 2 && words[1] == "UNKNOWN" { return .header(end + 2, nil) }
    guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6", let port = decimal(words[4]), decimal(words[5]) != nil,
      let source = SocketAddress(host: words[2], port: port), let target = SocketAddress(host: words[3], port: 0),
      source.isIPv4 == (words[1] == "TCP4"), target.isIPv4 == source.isIPv4
    else { return .malformed }
    return .header(end + 2, source)
  }

  private static func decimal(_ text: String) -> UInt16? {
    guard let value = UInt16(text), text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), text.utf8.first != 48 || text.utf8.count == 1 else {
      return nil
    }
    return value
  }

  /// Version 2: 16 bytes, then addresses and additional values.
  private static func parseBinary(_ p: UnsafePointer<UInt8>, _ n: Int) -> ProxyHeader {
    let count = 16 + Int(p[14]) << 8 + Int(p[15])
    if p[12] >> 4 != 2 || p[12] & 15 > 1 || count > bytesMax { return .malformed }
    if n < count { return .incomplete }
    if p[12] & 15 == 0 { return .header(count, nil) }  // LOCAL: the balancer's own check
    let a = p + 16
    switch p[13] {
    case 0x11:
      if count < 16 + 12 { return .malformed }
      let host = UInt32(a[0]) << 24 | UInt32(a[1]) << 16 | UInt32(a[2]) << 8 | UInt32(a[3])
      return .header(count, SocketAddress(ipv4: host, port: UInt16(a[8]) << 8 | UInt16(a[9])))
    case 0x21:
      if count < 16 + 36 { return .malformed }
      var halves: (UInt64, UInt64) = (0, 0)
      for i in 0..<8 { halves = (halves.0 << 8 | UInt64(a[i]), halves.1 << 8 | UInt64(a[8 + i])) }
      return .header(count, SocketAddress(ipv6High: halves.0, low: halves.1, port: UInt16(a[32]) << 8 | UInt16(a[33])))
    default:
      return .header(count, nil)  // datagrams, Unix addresses, unspecified: nothing that names a client here
    }
  }
}
