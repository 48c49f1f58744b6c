import CEpoll
import Glibc
import Testing

@testable import Node

@Suite("The talk between master and serving process")
struct LifecycleControlTests {
  @Test(
    "every request reads back as it was written",
    arguments: [
      ControlRequest.listen(address: "[::1]:8080", count: 1), .listen(address: "0.0.0.0:80", count: ControlLimits.socketsPerAddressMax),
      .unlisten(address: "127.0.0.1:1"), .keep, .kept, .ready, .status("2 workers, all upstreams up"), .status(""),
      .data(path: "var/edge 1"), .data(path: "/srv/größe"),
    ])
  func requests(_ request: ControlRequest) {
    #expect(ControlRequest(request.encoded) == request)
  }

  @Test(
    "every reply reads back as it was written",
    arguments: [
      ControlReply.done, .sockets(count: 0, more: 0), .sockets(count: 64, more: 136),
      .failure(.inUse, "127.0.0.1:80 is taken by nginx (pid 7)"),
      .failure(.system, ""), .command(.reload), .command(.drain), .command(.reopen), .command(.masterGone),
    ] + ControlFailureKind.allCases.map { .failure($0, "why") })
  func replies(_ reply: ControlReply) {
    #expect(ControlReply(reply.encoded) == reply)
  }

  @Test(
    "what is no request is refused",
    arguments: [
      "", " ", "LISTEN 1 a", "listen", "listen ", "listen 1", "listen 1 ", "listen 0 127.0.0.1:1", "listen -1 127.0.0.1:1",
      "listen 1025 127.0.0.1:1", "listen 99999999999999999999 127.0.0.1:1", "listen x 127.0.0.1:1", "unlisten", "unlisten ", "keep 1",
      "kept 1", "ready ", "data", "data ", "status", "done", "drain",
    ])
  func badRequests(_ text: String) {
    #expect(ControlRequest(Array(text.utf8)) == nil)
  }

  @Test(
    "what is no reply is refused",
    arguments: [
      "", "ok", "done 1", "sockets", "sockets 1", "sockets 65 0", "sockets 1 1025", "sockets -1 0", "sockets 1 0 0", "failure",
      "failure mood x", "reload now", "listen 1 127.0.0.1:1",
    ])
  func badReplies(_ text: String) {
    #expect(ControlReply(Array(text.utf8)) == nil)
  }

  @Test("bytes that are not UTF-8, or too many, are refused")
  func badBytes() {
    #expect(ControlRequest([0x73, 0x74, 0x61, 0x74, 0x75, 0x73, 0x20, 0xff]) == nil)
    #expect(ControlRequest(Array("status ".utf8) + [UInt8](repeating: 0x61, count: ControlLimits.messageBytesMax)) == nil)
  }

  @Test("a long text is cut at the edge of a character")
  func cut() throws {
    for letters in [0, 1, 2] {
      let long = String(repeating: "a", count: letters) + String(repeating: "ü", count: ControlLimits.messageBytesMax)
      let bytes = ControlReply.failure(.system, long).encoded
      #expect(bytes.count <= ControlLimits.messageBytesMax)
      guard case .failure(.system, let text) = try #require(ControlReply(bytes)) else { throw Unexpected() }
      #expect(long.hasPrefix(text))
      #expect(bytes.count >= ControlLimits.messageBytesMax - 1)
    }
  }

  @Test("a message and its descriptors arrive together, close-on-exec, up to the bound")
  func descriptors() throws {
    var pair: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &pair) == 0)
    let (a, b) = (ControlSocket(descriptor: pair[0]), ControlSocket(descriptor: pair[1]))
    defer { close(pair[1]) }
    for count in [0, 1, 2, 3, ControlLimits.descriptorsPerMessageMax] {
      let sent = [Int32](repeating: pair[0], count: count)
      #expect(a.send(Array("n\(count)".utf8), descriptors: sent) == .sent)
      guard case .message(let bytes, let received) = b.receive() else { throw Unexpected() }
      #expect(bytes == Array("n\(count)".utf8))
      #expect(received.count == count)
      for descriptor in received {
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        close(descriptor)
      }
    }
    close(pair[0])
    guard case .gone = b.receive() else { throw Unexpected() }
    #expect(b.send([1]) == .gone)
  }

  struct Unexpected: Error {}
}

@Suite("The serving process's link")
struct LifecycleLinkTests {
  /// A link whose other end is the test's.
  static func pair() throws -> (MasterLink, ControlSocket) {
    var pair: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
    return (MasterLink(descriptor: pair[0], masterPid: getpid()), ControlSocket(descriptor: pair[1]))
  }

  @Test("commands that come before an answer wait for their turn")
  func interleaved() throws {
    let (link, master) = try LifecycleLinkTests.pair()
    defer { close(master.descriptor) }
    #expect(master.send(ControlReply.command(.reload).encoded) == .sent)
    #expect(master.send(ControlReply.sockets(count: 1, more: 1).encoded, descriptors: [0]) == .sent)
    #expect(master.send(ControlReply.command(.drain).encoded) == .sent)
    #expect(master.send(ControlReply.sockets(count: 1, more: 0).encoded, descriptors: [0]) == .sent)
    let sockets = try link.listen("127.0.0.1:0", count: 2)
    #expect(sockets.count == 2)
    for socket in sockets { close(socket) }
    #expect(link.nextCommand(timeoutMilliseconds: 0) == .reload)
    #expect(link.nextCommand(timeoutMilliseconds: 0) == .drain)
    #expect(link.nextCommand(timeoutMilliseconds: 0) == nil)
  }

  @Test("a failure is thrown as the master words it")
  func failure() throws {
    let (link, master) = try LifecycleLinkTests.pair()
    defer { close(master.descriptor) }
    #expect(master.send(ControlReply.failure(.inUse, "taken").encoded) == .sent)
    #expect(throws: ControlFailure(kind: .inUse, message: "taken")) { try link.listen("127.0.0.1:0", count: 2) }
  }

  @Test("a kept configuration comes back byte for byte", arguments: [0, 1, 4096, 300_000])
  func kept(_ size: Int) throws {
    let (link, master) = try LifecycleLinkTests.pair()
    defer { close(master.descriptor) }
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    #expect(master.send(ControlReply.done.encoded) == .sent)
    try link.keep(configuration: bytes)
    guard case .message(let request, let held) = master.receive(), held.count == 1 else { throw LifecycleControlTests.Unexpected() }
    defer { close(held[0]) }
    #expect(ControlRequest(request) == .keep)
    #expect(master.send(ControlReply.sockets(count: 1, more: 0).encoded, descriptors: held) == .sent)
    #expect(try link.kept() == bytes)
    #expect(master.send(ControlReply.sockets(count: 0, more: 0).encoded) == .sent)
    #expect(try link.kept() == nil)
  }

  @Test("a master that is gone is said for ever after")
  func gone() throws {
    let (link, master) = try LifecycleLinkTests.pair()
    close(master.descriptor)
    #expect(link.nextCommand() == .masterGone)
    #expect(link.nextCommand() == .masterGone)
    #expect(throws: ControlFailure.self) { try link.ready() }
  }

  @Test("another descriptor ends the wait")
  func otherDescriptor() throws {
    let (link, master) = try LifecycleLinkTests.pair()
    defer { close(master.descriptor) }
    var pipes: [Int32] = [0, 0]
    try #require(pipe(&pipes) == 0)
    defer { for end in pipes { close(end) } }
    #expect(write(pipes[1], "x", 1) == 1)
    #expect(link.nextCommand(orReadable: pipes[0]) == nil)
  }
}
