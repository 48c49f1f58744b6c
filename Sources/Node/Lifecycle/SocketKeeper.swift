// Owns: the listening sockets of a node. They live in the master, so that connections waiting to be accepted survive the death of the
// serving process. It accepts nothing and sends nothing.
import CEpoll
import Glibc
import Runtime

/// Why a request to the master failed, as one sentence for the operator.
public struct ControlFailure: Error, Equatable, Sendable, CustomStringConvertible {
  public let kind: ControlFailureKind
  public let message: String

  public var description: String { message }
}

/// Listening sockets by the text under which they were asked for.
final class SocketKeeper {
  private struct Held {
    let text: String
    /// With the port that the kernel chose, where 0 was asked for.
    let address: SocketAddress
    var descriptors: [Int32]
    /// This life of the serving process asked for it.
    var claimed: Bool
  }

  /// Connections that may wait; the kernel lowers it to net.core.somaxconn.
  static let backlog: Int32 = 4096
  /// Ports that are tried when another one is offered for a taken one.
  static let offersMax: UInt16 = 32

  private var held: [Held] = []

  deinit {
    for entry in held { for descriptor in entry.descriptors { close(descriptor) } }
  }

  var addresses: [String] { held.map(\.text) }

  /// At least `count` listening sockets for the address: held ones first, new ones after. All that are held are returned, also when
  /// fewer are asked for: the kernel spreads connections over every socket of a port, so a socket that nobody accepts on would
  /// swallow its share, and closing one would reset what waits there.
  func listen(_ text: String, count: Int) throws(ControlFailure) -> [Int32] {
    if let index = held.firstIndex(where: { $0.text == text }) {
      while held[index].descriptors.count < count {
        held[index].descriptors.append(try SocketKeeper.open(held[index].address, text: text, shared: true))
      }
      held[index].claimed = true
      return held[index].descriptors
    }
    guard let address = SocketAddress(text) else {
      throw ControlFailure(kind: .malformed, message: "\"\(text)\" is no listening address: write IPv4:port or [IPv6]:port")
    }
    guard held.count < ControlLimits.addressesMax, (1...ControlLimits.socketsPerAddressMax).contains(count) else {
      throw ControlFailure(kind: .malformed, message: "too many listening sockets asked for at \(text)")
    }
    if let mine = held.first(where: { SocketKeeper.collide($0.address, address) }) {
      throw ControlFailure(kind: .inUse, message: "\(text) collides with this node's own listener \(mine.text)")
    }
    var entry = Held(text: text, address: try SocketKeeper.chooseAddress(address, text: text), descriptors: [], claimed: true)
    do throws(ControlFailure) {
      for _ in 0..<count { entry.descriptors.append(try SocketKeeper.open(entry.address, text: text, shared: true)) }
    } catch {
      for descriptor in entry.descriptors { close(descriptor) }
      throw error
    }
    held.append(entry)
    return entry.descriptors
  }

  /// Closes the address; connections that wait there and that the serving process does not hold open are reset.
  func unlisten(_ text: String) {
    guard let index = held.firstIndex(where: { $0.text == text }) else { return }
    for descriptor in held[index].descriptors { close(descriptor) }
    held.remove(at: index)
  }

  /// A new life of the serving process begins: it has asked for nothing yet.
  func unclaimAll() {
    for index in held.indices { held[index].claimed = false }
  }

  /// Closes what this life did not ask for.
  func releaseUnclaimed() {
    for text in held.filter({ !$0.claimed }).map(\.text) { unlisten(text) }
  }

  /// Whether two sockets cannot both listen: same port, and same host or one of both every host of the family.
  static func collide(_ a: SocketAddress, _ b: SocketAddress) -> Bool {
    guard a.port == b.port, a.port != 0, a.family == b.family else { return false }
    return a == b || a.isUnspecified || b.isUnspecified
  }

  /// Binds once without SO_REUSEPORT: with it, another program of the same user that listens with SO_REUSEPORT would silently share
  /// the port and take half of the connections. Port 0 becomes the port that the kernel chooses here.
  private static func chooseAddress(_ address: SocketAddress, text: String) throws(ControlFailure) -> SocketAddress {
    let probe = try open(address, text: text, shared: false)
    defer { close(probe) }
    guard address.port == 0 else { return address }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let answer = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(probe, $0, &length) }
    }
    guard answer == 0, let chosen = SocketAddress(storage) else { throw failure(errno, address, text) }
    return chosen
  }

  /// A non-blocking, close-on-exec socket, bound and, if `shared`, listening beside others of the port.
  private static func open(_ address: SocketAddress, text: String, shared: Bool) throws(ControlFailure) -> Int32 {
    let descriptor = tg_socket(address.domain, Int32(SOCK_STREAM.rawValue))
    guard descriptor >= 0 else { throw failure(errno, address, text) }
    func set(_ level: Int32, _ option: Int32) -> Bool {
      var on: Int32 = 1
      return setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size)) == 0
    }
    StreamOptions.set(descriptor, address)
    let ready =
      set(SOL_SOCKET, SO_REUSEADDR) && (!shared || set(SOL_SOCKET, SO_REUSEPORT))
      // `[::]:80` means IPv6 alone, whatever the machine's default, so that `0.0.0.0:80` may stand beside it.
      && (address.isIPv4 || set(Int32(IPPROTO_IPV6), IPV6_V6ONLY))
      && address.withSockaddr { bind(descriptor, $0, $1) } == 0
      && (!shared || Glibc.listen(descriptor, backlog) == 0)
    guard ready else {
      let cause = errno
      close(descriptor)
      throw failure(cause, address, text)
    }
    return descriptor
  }

  private static func failure(_ cause: Int32, _ address: SocketAddress, _ text: String) -> ControlFailure {
    switch cause {
    case EADDRINUSE:
      let owner = AddressOwner.find(address).map { "\($0)" } ?? "another process"
      let offer = freeNeighbour(address).map { "; \($0) is free" } ?? ""
      return ControlFailure(kind: .inUse, message: "\(text) is taken by \(owner)\(offer)")
    case EADDRNOTAVAIL:
      return ControlFailure(kind: .notHere, message: "\(text) is not an address of this machine")
    case EACCES:
      return ControlFailure(
        kind: .forbidden, message: "\(text) needs a privilege: ports below 1024 want CAP_NET_BIND_SERVICE or another port")
    default:
      return ControlFailure(kind: .system, message: "cannot listen on \(text): \(String(cString: strerror(cause)))")
    }
  }

  /// The next port upwards on which a bind succeeds.
  private static func freeNeighbour(_ address: SocketAddress) -> SocketAddress? {
    for step in 1...offersMax {
      let (port, overflow) = address.port.addingReportingOverflow(step)
      guard !overflow else { return nil }
      let candidate = address.withPort(port)
      let descriptor = tg_socket(candidate.domain, Int32(SOCK_STREAM.rawValue))
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      if candidate.withSockaddr({ bind(descriptor, $0, $1) }) == 0 { return candidate }
    }
    return nil
  }
}
