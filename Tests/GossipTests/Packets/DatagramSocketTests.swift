import Glibc
import Runtime
import Testing

@testable import Gossip

@Suite struct DatagramSocketTests {
  private static let v4 = SocketAddress(ipv4: 0x7f00_0001, port: 0)
  private static let v6 = SocketAddress(ipv6High: 0, low: 1, port: 0)

  /// Receives until so many came or a second passed without one.
  private func drain(_ socket: DatagramSocket, _ count: Int) -> [(bytes: [UInt8], sender: SocketAddress)] {
    var came: [(bytes: [UInt8], sender: SocketAddress)] = []
    while came.count < count {
      var waiting = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 1_000) == 1 else { break }
      while socket.receive({ came.append((Array($0), $1)) }) > 0 {}
    }
    return came
  }

  private func send(_ bytes: [UInt8], from socket: DatagramSocket, to peer: SocketAddress) -> Bool {
    socket.send(to: peer) { target in
      target.copyBytes(from: bytes)
      return bytes.count
    }
  }

  @Test("datagrams pass in both families", arguments: [v4, v6])
  func passing(address: SocketAddress) throws {
    let (a, b) = (try DatagramSocket(bind: address), try DatagramSocket(bind: address))
    #expect(a.address.port != 0 && a.address.family == address.family)
    // More than a batch, and more than one round of the queue.
    for round in UInt8(0)..<10 {
      let sent = (UInt8(0)..<150).map { [round, $0] }
      for bytes in sent { #expect(send(bytes, from: a, to: b.address)) }
      #expect(a.flush() == .all && a.queued == 0)
      let came = drain(b, 150)
      #expect(came.map(\.bytes) == sent && came.allSatisfy { $0.sender == a.address })
    }
    #expect(a.counts.sent == 1_500 && a.counts.sentBytes == 3_000 && b.counts.received == 1_500 && b.counts.receivedBytes == 3_000)
  }

  @Test func aSocketOfBothFamiliesKnowsPeersByTheirOwn() throws {
    let both = try DatagramSocket(bind: SocketAddress(ipv6High: 0, low: 0, port: 0))
    let old = try DatagramSocket(bind: DatagramSocketTests.v4)
    #expect(send([1], from: both, to: old.address))
    _ = both.flush()
    let asked = drain(old, 1)
    #expect(asked.map(\.bytes) == [[1]] && asked[0].sender == DatagramSocketTests.v4.withPort(both.address.port))
    #expect(send([2], from: old, to: DatagramSocketTests.v4.withPort(both.address.port)))
    _ = old.flush()
    let answered = drain(both, 1)
    #expect(answered.map(\.bytes) == [[2]] && answered[0].sender == old.address)
  }

  @Test func datagramsOfEverySizeAndTooLargeOnesAreToldApart() throws {
    let (a, b) = (try DatagramSocket(bind: DatagramSocketTests.v4), try DatagramSocket(bind: DatagramSocketTests.v4))
    for size in [0, 1, 1_400] { #expect(send([UInt8](repeating: 5, count: size), from: a, to: b.address)) }
    _ = a.flush()
    #expect(drain(b, 3).map(\.bytes.count) == [0, 1, 1_400])
    let large = [UInt8](repeating: 1, count: 9_000)
    for size in [1_401, 1_536, 1_537, 9_000] {
      let sent = b.address.withSockaddr { sendto(a.descriptor, large, size, 0, $0, $1) }
      #expect(sent == size)
    }
    let opener = PacketFixture.opener()
    for (bytes, _) in drain(b, 4) {
      let outcome = opener.outcome(bytes)
      #expect(outcome == .failure(.tooLong))
    }
    #expect(b.counts.truncated == 4 && b.counts.received == 7)
  }

  @Test func aFullQueueDropsAndCounts() throws {
    var limits = DatagramSocketLimits()
    limits.queuedMax = 5
    limits.batch = 3
    let (a, b) = (try DatagramSocket(bind: DatagramSocketTests.v4, limits: limits), try DatagramSocket(bind: DatagramSocketTests.v4))
    let queued = (UInt8(0)..<7).map { send([$0], from: a, to: b.address) }
    #expect(queued == [true, true, true, true, true, false, false] && a.counts.overflowed == 2)
    #expect(a.flush() == .all)
    #expect(drain(b, 5).map(\.bytes) == [[0], [1], [2], [3], [4]])
    // The ring has wrapped: the next ones lie across its end.
    for number in UInt8(0)..<3 { #expect(send([number], from: a, to: b.address)) }
    _ = a.flush()
    for number in UInt8(3)..<7 { #expect(send([number], from: a, to: b.address)) }
    #expect(a.flush() == .all && drain(b, 7).map(\.bytes) == (UInt8(0)..<7).map { [$0] })
  }

  @Test func aDatagramThatTheKernelRefusesHoldsUpNoOther() throws {
    let (a, b) = (try DatagramSocket(bind: DatagramSocketTests.v4), try DatagramSocket(bind: DatagramSocketTests.v4))
    // An IPv6 destination cannot be reached from an IPv4 socket; port 0 is no destination.
    let peers = [b.address, DatagramSocketTests.v6.withPort(9), b.address, DatagramSocketTests.v4, b.address]
    for (at, peer) in peers.enumerated() { #expect(send([UInt8(at)], from: a, to: peer)) }
    #expect(a.flush() == .all)
    #expect(drain(b, 3).map(\.bytes) == [[0], [2], [4]] && a.counts.failed == 2 && a.counts.sent == 3)
  }

  @Test func aClosedPortIsNoError() throws {
    let (a, b) = (try DatagramSocket(bind: DatagramSocketTests.v4), try DatagramSocket(bind: DatagramSocketTests.v4))
    var gone: DatagramSocket? = try DatagramSocket(bind: DatagramSocketTests.v4)
    let closed = try #require(gone?.address)
    gone = nil
    // With IP_RECVERR (11) the kernel reports ICMP errors to unconnected sockets too, as it always does to connected ones.
    var on: Int32 = 1
    #expect(setsockopt(a.descriptor, Int32(IPPROTO_IP), 11, &on, socklen_t(MemoryLayout<Int32>.size)) == 0)
    for round in UInt8(0)..<20 {
      #expect(send([0], from: a, to: closed))
      #expect(a.flush() == .all)
      #expect(send([round], from: a, to: b.address) && send([round], from: b, to: a.address))
      #expect(a.flush() == .all && b.flush() == .all)
      #expect(drain(b, 1).map(\.bytes) == [[round]] && drain(a, 1).map(\.bytes) == [[round]], "round \(round)")
    }
    #expect(a.counts.failed == 0 && a.counts.sent == 40)
    // The report meets a datagram that waits to be received, and is waited for itself.
    #expect(send([1], from: b, to: a.address))
    _ = b.flush()
    var waiting = pollfd(fd: a.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(poll(&waiting, 1, 1_000) == 1)
    #expect(send([0], from: a, to: closed))
    _ = a.flush()
    waiting.events = 0
    #expect(poll(&waiting, 1, 1_000) == 1 && waiting.revents & Int16(POLLERR) != 0)
    var came: [[UInt8]] = []
    let count = a.receive { bytes, _ in came.append(Array(bytes)) }
    #expect(count == 1 && came == [[1]])
  }

  @Test func anAddressInUseIsAFault() throws {
    let a = try DatagramSocket(bind: DatagramSocketTests.v4)
    let fault = #expect(throws: SystemFault.self) { try DatagramSocket(bind: a.address) }
    #expect(fault?.code == EADDRINUSE && fault?.call == "bind \(a.address)")
  }

  @Test func sealedPacketsPassWithoutACopy() throws {
    let (a, b) = (try DatagramSocket(bind: DatagramSocketTests.v4), try DatagramSocket(bind: DatagramSocketTests.v4))
    let (sealer, opener) = (PacketFixture.sealer(), PacketFixture.opener())
    for number in UInt8(0)..<10 {
      a.send(to: b.address) { target in
        [number, 1, 2].withUnsafeBytes { sealer.seal($0, wall: PacketFixture.wall, to: target) }
      }
    }
    #expect(a.flush() == .all)
    let opened = drain(b, 10).map { opener.outcome($0.bytes) }
    #expect(opened == (UInt8(0)..<10).map { .success([$0, 1, 2]) })
  }
}
