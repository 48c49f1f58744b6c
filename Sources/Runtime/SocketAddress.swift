// Owns: the one value for "an IP address and a port", its text forms, and address ranges (CIDR). It opens no socket and asks no
// name server: names are the resolver's business.
import Glibc

/// An IPv4 or IPv6 address with a port; a plain value of 32 bytes without references, equal when it names the same socket.
public struct SocketAddress: Sendable, Equatable, Hashable {
  public enum Family: UInt8, Sendable {
    case ipv4, ipv6
  }

  /// Bytes that the longest text form needs: `[`, 45 of the address, `%` and 10 of the scope, `]:` and 5 of the port.
  public static let textBytesMax = 64

  /// The 128 bits as two numbers, most significant first; an IPv4 address stands in its mapped form `::ffff:a.b.c.d`.
  public let high: UInt64
  public let low: UInt64
  /// Interface index of a link-local IPv6 address, else 0.
  public let scope: UInt32
  public var port: UInt16
  public let family: Family

  @inline(__always)
  init(high: UInt64, low: UInt64, family: Family, port: UInt16, scope: UInt32) {
    self.high = high
    self.low = low
    self.family = family
    self.port = port
    self.scope = scope
  }

  /// - Parameter ipv4: the four bytes as one number, `0x7f00_0001` for 127.0.0.1.
  public init(ipv4: UInt32, port: UInt16) {
    self.init(high: 0, low: SocketAddress.mappedPrefix | UInt64(ipv4), family: .ipv4, port: port, scope: 0)
  }

  /// - Parameters high, low: the sixteen bytes as two numbers, most significant first.
  public init(ipv6High high: UInt64, low: UInt64, port: UInt16, scope: UInt32 = 0) {
    self.init(high: high, low: low, family: .ipv6, port: port, scope: scope)
  }

  /// What the kernel filled in (accept, getpeername, getsockname); nil for other families.
  public init?(_ storage: sockaddr_storage) {
    var copy = storage
    let made = withUnsafePointer(to: &copy) { pointer in
      // SAFETY: sockaddr_storage is made to be viewed as any sockaddr; it is large and aligned enough for both.
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        SocketAddress($0, length: socklen_t(MemoryLayout<sockaddr_storage>.size))
      }
    }
    guard let made else { return nil }
    self = made
  }

  /// - Parameters:
  ///   - address: a socket address as the C library hands it out.
  ///   - length: its bytes; what is too short for its family gives nil.
  public init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
    let raw = UnsafeRawPointer(address)
    guard Int(length) >= MemoryLayout<sa_family_t>.size else { return nil }
    switch Int32(address.pointee.sa_family) {
    case AF_INET where Int(length) >= MemoryLayout<sockaddr_in>.size:
      // SAFETY: family and length say that a sockaddr_in stands here; loadUnaligned asks nothing of its alignment.
      let v4 = raw.loadUnaligned(as: sockaddr_in.self)
      self.init(ipv4: UInt32(bigEndian: v4.sin_addr.s_addr), port: UInt16(bigEndian: v4.sin_port))
    case AF_INET6 where Int(length) >= MemoryLayout<sockaddr_in6>.size:
      // SAFETY: as above, for sockaddr_in6; its address begins at byte 8 (RFC 3493 §3.3).
      let v6 = raw.loadUnaligned(as: sockaddr_in6.self)
      let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      let low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
      self.init(ipv6High: high, low: low, port: UInt16(bigEndian: v6.sin6_port), scope: v6.sin6_scope_id)
    default:
      return nil
    }
  }

  static let mappedPrefix: UInt64 = 0x0000_ffff_0000_0000

  @inline(__always)
  public var isIPv4: Bool { family == .ipv4 }

  /// The four bytes as one number; meaningful for IPv4 and for IPv4-mapped IPv6.
  @inline(__always)
  public var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }

  /// 127.0.0.0/8, ::1, or an IPv4-mapped 127.0.0.0/8.
  public var isLoopback: Bool {
    if high == 0 && low & 0xffff_ffff_0000_0000 == SocketAddress.mappedPrefix { return ipv4 >> 24 == 127 }
    return family == .ipv6 && high == 0 && low == 1
  }

  /// 0.0.0.0 or `::`: every address of this machine.
  public var isUnspecified: Bool {
    family == .ipv4 ? ipv4 == 0 : high == 0 && low == 0
  }

  public func withPort(_ port: UInt16) -> SocketAddress {
    var copy = self
    copy.port = port
    return copy
  }

  /// `AF_INET` or `AF_INET6`, for socket(2).
  public var domain: Int32 { family == .ipv4 ? AF_INET : AF_INET6 }

  /// Lends the address in the kernel's form for bind, connect or sendto; valid inside `body` only.
  @inline(__always)
  public func withSockaddr<R, E: Error>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws(E) -> R) throws(E) -> R {
    var storage = sockaddr_storage()
    let length = fill(&storage)
    // SAFETY: `storage` lives until the call returns and is aligned for every socket address.
    let result: Result<R, E> = withUnsafePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        do throws(E) { return .success(try body(address, length)) } catch { return .failure(error) }
      }
    }
    return try result.get()
  }

  /// Writes the kernel's form and gives its length in bytes.
  @inline(__always)
  public func fill(_ storage: inout sockaddr_storage) -> socklen_t {
    withUnsafeMutableBytes(of: &storage) { raw in
      switch family {
      case .ipv4:
        var v4 = sockaddr_in()
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        v4.sin_addr.s_addr = ipv4.bigEndian
        raw.storeBytes(of: v4, as: sockaddr_in.self)
        return socklen_t(MemoryLayout<sockaddr_in>.size)
      case .ipv6:
        var v6 = sockaddr_in6()
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = port.bigEndian
        v6.sin6_scope_id = scope
        raw.storeBytes(of: v6, as: sockaddr_in6.self)
        raw.storeBytes(of: high.bigEndian, toByteOffset: 8, as: UInt64.self)
        raw.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt64.self)
        return socklen_t(MemoryLayout<sockaddr_in6>.size)
      }
    }
  }
}
