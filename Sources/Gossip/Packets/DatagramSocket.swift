// Owns: a UDP socket and the memory that datagrams pass through: many a system call, nothing allocated per datagram. Waiting for the socket
// is the event loop's, what the bytes mean is Opener's.
import CDatagram
import CEpoll
import Glibc
import Runtime

/// Bounds of a datagram socket.
public struct DatagramSocketLimits: Sendable, Equatable {
  /// Datagrams in one system call.
  public var batch = 64
  /// Datagrams that wait while the kernel takes none; 1.4 MB.
  public var queuedMax = 1_024
  /// Asked of the kernel for each direction, which grants what `net.core.rmem_max` and `wmem_max` allow.
  public var kernelBytes: Int32 = 4 << 20

  public init() {}
}

/// What passed through a datagram socket since it was opened.
public struct DatagramCounts: Sendable, Equatable {
  public var received: UInt64 = 0
  public var receivedBytes: UInt64 = 0
  /// Received, and longer than `datagramBytesMax`.
  public var truncated: UInt64 = 0
  public var sent: UInt64 = 0
  public var sentBytes: UInt64 = 0
  /// Not queued, since the queue was full.
  public var overflowed: UInt64 = 0
  /// Refused by the kernel for good: no route, a forbidden destination, larger than the path.
  public var failed: UInt64 = 0

  public init() {}
}

/// A non-blocking UDP socket of one thread, IPv4 or IPv6. Bound to `::` it speaks to IPv4 peers as well.
///
/// SAFETY: memory is allocated in `init`, freed in `deinit` and pointed to by the kernel's structures only during a call; every slot holds
/// `slotBytes`. The type is not Sendable, so that one thread uses it.
public final class DatagramSocket {
  /// What a flush left behind.
  public enum Flushed: Equatable, Sendable {
    /// Nothing waits.
    case all
    /// The socket's buffer is full: flush again when the loop says that it is writable.
    case blocked
    /// The kernel or the device has no memory just now and will not say when it has: flush again with the next timer.
    case starved
  }

  public let descriptor: Int32
  /// Where the socket is bound, with the port that the kernel chose for port 0.
  public let address: SocketAddress
  public private(set) var counts = DatagramCounts()
  /// Datagrams that wait to be sent.
  public private(set) var queued = 0

  private let limits: DatagramSocketLimits
  private let inbound: DatagramSlots
  private let outbound: DatagramSlots
  /// The slot of the first that waits.
  private var first = 0

  /// Errors in a row that no datagram is to blame for, before one is blamed all the same.
  private static let patience = 4

  /// - Parameters:
  ///   - address: where to bind; port 0 lets the kernel choose.
  ///   - limits: a batch and a queue of at least one.
  /// - Throws: `SystemFault` of socket, bind or getsockname.
  public init(bind address: SocketAddress, limits: DatagramSocketLimits = DatagramSocketLimits()) throws(SystemFault) {
    precondition(limits.batch > 0 && limits.queuedMax > 0, "limits of a datagram socket: \(limits)")
    let descriptor = tg_datagram_socket(address.domain)
    guard descriptor >= 0 else { throw SystemFault(call: "socket") }
    // Smaller buffers than asked for are no reason not to start.
    _ = tg_set_buffers(descriptor, limits.kernelBytes, limits.kernelBytes)
    if !address.isIPv4 { _ = tg_set_v6_only(descriptor, address.isUnspecified ? 0 : 1) }
    let bound = address.withSockaddr { Glibc.bind(descriptor, $0, $1) }
    guard bound == 0, let local = DatagramSocket.localAddress(descriptor) else {
      let fault = SystemFault(call: bound == 0 ? "getsockname" : "bind \(address)")
      close(descriptor)
      throw fault
    }
    self.descriptor = descriptor
    self.address = local
    self.limits = limits
    inbound = DatagramSlots(count: limits.batch)
    outbound = DatagramSlots(count: limits.queuedMax)
  }

  deinit { close(descriptor) }

  private static func localAddress(_ descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: sockaddr_storage is made to be viewed as any sockaddr.
    let named = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return named == 0 ? SocketAddress(storage) : nil
  }

  /// Takes one batch of datagrams.
  /// - Parameter deliver: called for each with its bytes, which are valid inside only and can be changed there, and its sender. One that
  ///   was cut off is delivered with more than `datagramBytesMax` bytes, so that `Opener` counts it as too long.
  /// - Returns: how many came; 0 when none is left, so that an edge-triggered loop calls until then. A short batch says nothing: the kernel
  ///   also ends one at an error that it reports with the next.
  public func receive(_ deliver: (UnsafeMutableRawBufferPointer, SocketAddress) -> Void) -> Int {
    inbound.prepareToReceive()
    var patience = DatagramSocket.patience
    var came = Int(tg_receive_datagrams(descriptor, inbound.datagrams, UInt32(limits.batch)))
    // What an ICMP message said of an earlier datagram comes up here, and concerns nothing that is to be received.
    while came < 0, patience > 0, tg_errno() != EAGAIN {
      patience -= 1
      came = Int(tg_receive_datagrams(descriptor, inbound.datagrams, UInt32(limits.batch)))
    }
    guard came > 0 else { return 0 }
    for at in 0..<came {
      counts.received &+= 1
      guard let (bytes, sender) = inbound.received(at) else { continue }
      counts.receivedBytes &+= UInt64(bytes.count)
      if bytes.count > PacketLimits.datagramBytesMax { counts.truncated &+= 1 }
      deliver(bytes, sender)
    }
    return came
  }

  /// Queues one datagram.
  /// - Parameter fill: writes it into the memory given, `datagramBytesMax` bytes, and returns its length.
  /// - Returns: false when the queue is full; counted, and `fill` is not called.
  @discardableResult
  public func send(to peer: SocketAddress, _ fill: (UnsafeMutableRawBufferPointer) -> Int) -> Bool {
    guard queued < limits.queuedMax else {
      counts.overflowed &+= 1
      return false
    }
    let slot = (first + queued) % limits.queuedMax
    let count = fill(outbound.bytes(slot))
    precondition(count >= 0 && count <= PacketLimits.datagramBytesMax, "a datagram of \(count) bytes")
    outbound.prepareToSend(slot, count: count, to: reachable(peer))
    queued += 1
    return true
  }

  /// An IPv6 socket reaches IPv4 peers by their mapped addresses (RFC 4291 §2.5.5.2).
  private func reachable(_ peer: SocketAddress) -> SocketAddress {
    guard peer.isIPv4, !address.isIPv4 else { return peer }
    return SocketAddress(ipv6High: 0, low: 0x0000_ffff_0000_0000 | UInt64(peer.ipv4), port: peer.port)
  }

  /// Hands what waits to the kernel.
  @discardableResult
  public func flush() -> Flushed {
    var patience = DatagramSocket.patience
    while queued > 0 {
      let run = min(queued, limits.batch, limits.queuedMax - first)
      let sent = Int(tg_send_datagrams(descriptor, outbound.datagrams + first, UInt32(run)))
      if sent > 0 {
        for at in first..<first + sent { counts.sentBytes &+= UInt64(outbound.datagrams[at].length) }
        counts.sent &+= UInt64(sent)
        patience = DatagramSocket.patience
        forget(sent)
        continue
      }
      switch tg_errno() {
      case EAGAIN: return .blocked
      case ENOBUFS, ENOMEM: return .starved
      case EINTR where patience > 0, ECONNREFUSED where patience > 0:
        // An earlier datagram met a closed port: the call only reported it, and this one has not been tried.
        patience -= 1
      default:
        counts.failed &+= 1
        forget(1)
      }
    }
    return .all
  }

  private func forget(_ count: Int) {
    first = (first + count) % limits.queuedMax
    queued -= count
  }
}
