import CEpoll
import Glibc
import Runtime
import Testing

/// A pair of connected stream sockets, closed with the value.
private final class SocketPair {
  private(set) var ends: [Int32] = [-1, -1]

  init() {
    let made = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends)
    precondition(made == 0, "socketpair: errno \(errno)")
  }

  deinit { for end in ends where end >= 0 { close(end) } }

  func send(_ text: String) {
    let count = Array(text.utf8).withUnsafeBytes { write(ends[1], $0.baseAddress!, $0.count) }
    precondition(count == text.utf8.count, "write: errno \(errno)")
  }

  func drain() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(ends[0], &bytes, bytes.count) > 0 {}
  }

  func closeFar() {
    close(ends[1])
    ends[1] = -1
  }
}

@Suite("Event loop")
struct EventLoopTests {
  /// A loop that is closed after `body`.
  private func withLoop(_ body: (EventLoop) throws -> Void) throws {
    let loop = try EventLoop()
    defer { loop.close() }
    try body(loop)
  }

  /// The events that are there now, as token and ready bits.
  private func events(_ loop: EventLoop) -> [UInt64: UInt32] {
    let count = loop.wait(milliseconds: 0)
    return Dictionary(uniqueKeysWithValues: (0..<count).map { (loop.event($0).token, loop.event($0).ready) })
  }

  @Test("the bits are the kernel's")
  func bits() {
    #expect(EventLoop.readable == UInt32(EPOLLIN.rawValue) && EventLoop.writable == UInt32(EPOLLOUT.rawValue))
    #expect(EventLoop.failed == UInt32(EPOLLERR.rawValue) && EventLoop.hungUp == UInt32(EPOLLHUP.rawValue))
    #expect(EventLoop.peerClosed == UInt32(EPOLLRDHUP.rawValue) && EventLoop.edgeTriggered == UInt32(EPOLLET.rawValue))
  }

  @Test("a token of any 64 bits comes back with its events", arguments: [0, 1, 0x0123_4567_89ab_cdef, 1 << 63, UInt64.max])
  func tokens(token: UInt64) throws {
    try withLoop { loop in
      let pair = SocketPair()
      #expect(loop.add(pair.ends[0], events: EventLoop.readable, token: token))
      #expect(events(loop).isEmpty)
      pair.send("x")
      #expect(events(loop) == [token: EventLoop.readable])
    }
  }

  @Test("an edge is told once, until there is more")
  func edges() throws {
    try withLoop { loop in
      let pair = SocketPair()
      loop.add(pair.ends[0], events: EventLoop.stream, token: 7)
      #expect(events(loop) == [7: EventLoop.writable])
      #expect(events(loop).isEmpty)
      pair.send("x")
      #expect(events(loop)[7].map { $0 & EventLoop.readable } == EventLoop.readable)
      #expect(events(loop).isEmpty, "nothing was read, and nothing new has come")
      pair.send("y")
      #expect(events(loop)[7].map { $0 & EventLoop.readable } == EventLoop.readable)
    }
  }

  @Test("the peer's end is an event of its own")
  func peerCloses() throws {
    try withLoop { loop in
      let pair = SocketPair()
      loop.add(pair.ends[0], events: EventLoop.stream, token: 7)
      pair.closeFar()
      let ready = events(loop)[7] ?? 0
      #expect(ready & EventLoop.peerClosed != 0 && ready & EventLoop.hungUp != 0)
    }
  }

  @Test("interest is changed and withdrawn")
  func modifyAndRemove() throws {
    try withLoop { loop in
      let pair = SocketPair()
      loop.add(pair.ends[0], events: EventLoop.readable, token: 1)
      #expect(!loop.add(pair.ends[0], events: EventLoop.readable, token: 2), "a descriptor is watched once")
      #expect(!loop.add(-1, events: EventLoop.readable, token: 2))
      loop.modify(pair.ends[0], events: EventLoop.writable, token: 3)
      pair.send("x")
      #expect(events(loop) == [3: EventLoop.writable])
      loop.remove(pair.ends[0])
      #expect(events(loop).isEmpty)
    }
  }

  @Test("each of many descriptors has its token, a batch at a time")
  func batches() throws {
    try withLoop { loop in
      let pairs = (0..<(EventLoop.batch / 2 + 100)).map { _ in SocketPair() }
      for (index, pair) in pairs.enumerated() {
        loop.add(pair.ends[0], events: EventLoop.readable | EventLoop.edgeTriggered, token: UInt64(index))
        loop.add(pair.ends[1], events: EventLoop.writable | EventLoop.edgeTriggered, token: UInt64(index) | 1 << 40)
        pair.send("x")
      }
      var seen: Set<UInt64> = []
      while case let ready = events(loop), !ready.isEmpty {
        #expect(ready.count <= EventLoop.batch && seen.isDisjoint(with: ready.keys))
        seen.formUnion(ready.keys)
      }
      #expect(seen == Set(pairs.indices.flatMap { [UInt64($0), UInt64($0) | 1 << 40] }))
    }
  }

  @Test("a fault names the call and what the system says")
  func faults() {
    let fault = SystemFault(call: "accept4", code: EMFILE)
    #expect(fault.description == "accept4: Too many open files")
    errno = ENOENT
    #expect(SystemFault(call: "open").code == ENOENT)
  }
}
