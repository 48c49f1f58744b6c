// Owns: the text forms of an address: `127.0.0.1:80`, `[::1]:80`, and the bare host that goes into log lines and forwarding fields.
// Writing allocates nothing.
import Glibc

extension SocketAddress {
  /// Reads `127.0.0.1:80` or `[::1]:80` (`[fe80::1%2]:80` with an interface index or name); names and missing ports give nil.
  public init?(_ text: String) { self.init(text: Array(text.utf8)[...]) }

  /// The same, from bytes as they came in.
  public init?(text bytes: ArraySlice<UInt8>) {
    guard bytes.count <= SocketAddress.textBytesMax, let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    guard let port = SocketAddress.port(bytes[(colon + 1)...]) else { return nil }
    let host = bytes[..<colon]
    if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]"), host.count > 2 {
      self.init(host: Array(host.dropFirst().dropLast()), port: port)
      guard !isIPv4 else { return nil }
    } else {
      // An IPv6 address without brackets is refused: nobody could say where the port begins.
      guard !host.contains(UInt8(ascii: ":")) else { return nil }
      self.init(host: Array(host), port: port)
    }
  }

  /// Reads a bare address without port and without brackets: `127.0.0.1`, `::1`, `fe80::1%eth0`.
  public init?(host: String, port: UInt16) {
    self.init(host: Array(host.utf8), port: port)
  }

  /// As `init(host:port:)`, from bytes as they came in.
  public init?(host: [UInt8], port: UInt16) {
    guard !host.isEmpty, host.count < SocketAddress.textBytesMax, !host.contains(0) else { return nil }
    if !host.contains(UInt8(ascii: ":")) {
      guard let v4 = SocketAddress.dottedQuad(host[...]) else { return nil }
      self.init(ipv4: v4, port: port)
      return
    }
    let percent = host.firstIndex(of: UInt8(ascii: "%"))
    var scope: UInt32 = 0
    if let percent {
      guard let index = SocketAddress.scope(Array(host[(percent + 1)...])) else { return nil }
      scope = index
    }
    var raw = in6_addr()
    var text = (percent.map { Array(host[..<$0]) } ?? host).map { CChar(bitPattern: $0) }
    text.append(0)
    // SAFETY: `text` ends with NUL and `raw` is the 16 bytes that AF_INET6 asks for.
    guard inet_pton(AF_INET6, text, &raw) == 1 else { return nil }
    let (high, low) = withUnsafeBytes(of: &raw) {
      (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)), UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
    self.init(ipv6High: high, low: low, port: port, scope: scope)
  }

  static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
    guard (1...5).contains(digits.count) else { return nil }
    var value: UInt32 = 0
    for byte in digits {
      guard byte >= 0x30 && byte <= 0x39 else { return nil }
      value = value * 10 + UInt32(byte - 0x30)
    }
    return UInt16(exactly: value)
  }

  /// Four decimal numbers without leading zeros, which other readers take for octal.
  static func dottedQuad(_ bytes: ArraySlice<UInt8>) -> UInt32? {
    var result: UInt32 = 0
    var part: UInt32 = 0
    var digits = 0
    var parts = 0
    for byte in bytes {
      if byte == UInt8(ascii: ".") {
        guard digits > 0, parts < 3 else { return nil }
        result = result << 8 | part
        parts += 1
        part = 0
        digits = 0
        continue
      }
      guard byte >= 0x30 && byte <= 0x39, !(digits > 0 && part == 0) else { return nil }
      part = part * 10 + UInt32(byte - 0x30)
      digits += 1
      guard part <= 255 else { return nil }
    }
    guard parts == 3, digits > 0 else { return nil }
    return result << 8 | part
  }

  private static func scope(_ name: [UInt8]) -> UInt32? {
    guard !name.isEmpty else { return nil }
    if name.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return UInt32(String(decoding: name, as: UTF8.self)) }
    let index = if_nametoindex(name.map { CChar(bitPattern: $0) } + [0])
    return index == 0 ? nil : index
  }

  /// Writes `127.0.0.1:80` or `[::1]:80`.
  /// - Parameter output: room for `textBytesMax` bytes.
  /// - Returns: bytes written; no NUL follows.
  public func write(to output: UnsafeMutablePointer<UInt8>) -> Int {
    var at = 0
    if family == .ipv6 {
      output[0] = UInt8(ascii: "[")
      at = 1 + writeHost(to: output + 1)
      output[at] = UInt8(ascii: "]")
      at += 1
    } else {
      at = writeHost(to: output)
    }
    output[at] = UInt8(ascii: ":")
    return at + 1 + SocketAddress.writeDecimal(UInt32(port), to: output + at + 1)
  }

  /// Writes the address alone, without brackets or port: IPv6 compressed as RFC 5952 has it.
  /// - Parameter output: room for `textBytesMax` bytes.
  public func writeHost(to output: UnsafeMutablePointer<UInt8>) -> Int {
    switch family {
    case .ipv4:
      let value = ipv4
      var at = SocketAddress.writeDecimal(value >> 24, to: output)
      var shift: UInt32 = 24
      while shift > 0 {
        shift &-= 8
        output[at] = UInt8(ascii: ".")
        at += 1 + SocketAddress.writeDecimal(value >> shift & 0xff, to: output + at + 1)
      }
      return at
    case .ipv6:
      var raw = in6_addr()
      withUnsafeMutableBytes(of: &raw) {
        $0.storeBytes(of: high.bigEndian, as: UInt64.self)
        $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      // SAFETY: 46 bytes (INET6_ADDRSTRLEN) fit the room that the caller promises; the text ends with NUL.
      var at = output.withMemoryRebound(to: CChar.self, capacity: SocketAddress.textBytesMax) { text in
        inet_ntop(AF_INET6, &raw, text, socklen_t(INET6_ADDRSTRLEN)) == nil ? 0 : strlen(text)
      }
      if scope != 0 {
        output[at] = UInt8(ascii: "%")
        at += 1 + SocketAddress.writeDecimal(scope, to: output + at + 1)
      }
      return at
    }
  }

  @inline(__always)
  private static func writeDecimal(_ value: UInt32, to output: UnsafeMutablePointer<UInt8>) -> Int {
    var digits = 1
    var bound: UInt64 = 10
    while UInt64(value) >= bound {
      digits &+= 1
      bound &*= 10
    }
    var rest = value
    var at = digits
    while at > 0 {
      at &-= 1
      output[at] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    return digits
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `127.0.0.1:80`, `[::1]:80`.
  public var description: String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SocketAddress.textBytesMax) { room in
      guard let base = room.baseAddress else { return "" }
      return String(decoding: UnsafeBufferPointer(start: base, count: write(to: base)), as: UTF8.self)
    }
  }

  /// The address without its port and without brackets.
  public var hostText: String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SocketAddress.textBytesMax) { room in
      guard let base = room.baseAddress else { return "" }
      return String(decoding: UnsafeBufferPointer(start: base, count: writeHost(to: base)), as: UTF8.self)
    }
  }
}
