// Owns: the kernel's structures for a run of datagrams, each with its bytes and its address, made once and pointing at each other for good.
import CDatagram
import Glibc
import Runtime

/// Memory for so many datagrams.
///
/// SAFETY: the four allocations have `count` elements each and live from `init` to `deinit`; the pointers among them never change, and
/// whoever gets a pointer uses it while it holds this.
final class DatagramSlots {
  /// Room for one byte more than the greatest datagram at the least, so that a longer one is noticed.
  static let slotBytes = 1_536

  let datagrams: UnsafeMutablePointer<tg_datagram>
  private let vectors: UnsafeMutablePointer<iovec>
  private let addresses: UnsafeMutablePointer<sockaddr_storage>
  private let memory: UnsafeMutableRawPointer
  private let count: Int

  init(count: Int) {
    self.count = count
    datagrams = .allocate(capacity: count)
    vectors = .allocate(capacity: count)
    addresses = .allocate(capacity: count)
    memory = .allocate(byteCount: count * DatagramSlots.slotBytes, alignment: 64)
    addresses.initialize(repeating: sockaddr_storage(), count: count)
    for at in 0..<count {
      (vectors + at).initialize(to: iovec(iov_base: memory + at * DatagramSlots.slotBytes, iov_len: DatagramSlots.slotBytes))
      var datagram = tg_datagram()
      datagram.header.msg_iov = vectors + at
      datagram.header.msg_iovlen = 1
      datagram.header.msg_name = UnsafeMutableRawPointer(addresses + at)
      (datagrams + at).initialize(to: datagram)
    }
  }

  deinit {
    datagrams.deallocate()
    vectors.deallocate()
    addresses.deallocate()
    memory.deallocate()
  }

  /// The memory of a slot that a datagram to be sent may fill.
  func bytes(_ at: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: memory + at * DatagramSlots.slotBytes, count: PacketLimits.datagramBytesMax)
  }

  func prepareToSend(_ at: Int, count: Int, to peer: SocketAddress) {
    vectors[at].iov_len = count
    datagrams[at].header.msg_namelen = peer.fill(&addresses[at])
  }

  /// Undoes what the kernel wrote over the lengths of the last batch.
  func prepareToReceive() {
    for at in 0..<count {
      datagrams[at].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
      datagrams[at].header.msg_flags = 0
    }
  }

  /// A datagram that was received; nil when its sender has no IP address. IPv4 peers of an IPv6 socket come as IPv4.
  func received(_ at: Int) -> (bytes: UnsafeMutableRawBufferPointer, sender: SocketAddress)? {
    guard let sender = SocketAddress(addresses[at]) else { return nil }
    let isTruncated = datagrams[at].header.msg_flags & tg_datagram_truncated != 0
    let length = isTruncated ? DatagramSlots.slotBytes : min(Int(datagrams[at].length), DatagramSlots.slotBytes)
    let bytes = UnsafeMutableRawBufferPointer(start: memory + at * DatagramSlots.slotBytes, count: length)
    let isMapped = !sender.isIPv4 && sender.high == 0 && sender.low >> 32 == 0xffff
    return (bytes, isMapped ? SocketAddress(ipv4: sender.ipv4, port: sender.port) : sender)
  }
}
