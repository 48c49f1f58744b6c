import CEpoll
import Glibc
import Runtime
import Testing

@testable import Node

@Suite("Who holds an address")
struct LifecycleAddressOwnerTests {
  static let table = """
      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
       1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
       2: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
       3: garbage
       4: XYZ:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 104 1
    """
  static let table6 = """
      sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt
       0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 201
       1: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 202
    """

  @Test(
    "listeners that collide are found in the kernel's tables, and no others",
    arguments: [
      ("127.0.0.1:8080", [101]), ("0.0.0.0:8080", [101]), ("127.0.0.2:8080", []), ("10.0.0.1:80", [102]), ("127.0.0.1:8081", []),
      ("[::1]:8080", [201]), ("[::]:8080", [201]), ("[::2]:8080", []), ("[::2]:443", [202]), ("127.0.0.1:443", [202]),
    ] as [(String, [UInt64])])
  func inodes(_ text: String, _ expected: [UInt64]) throws {
    let address = try #require(SocketAddress(text))
    let found =
      ListeningSockets.inodes(Self.table, collidingWith: address) + ListeningSockets.inodes(Self.table6, collidingWith: address)
    #expect(found == expected)
  }

  @Test("a listener of this very process is found by its pid")
  func ourselves() throws {
    let keeper = SocketKeeper()
    let socket = try #require(try keeper.listen("127.0.0.1:0", count: 1).first)
    let address = try LifecycleSocketKeeperTests.bound(socket)
    let owner = try #require(AddressOwner.find(address))
    #expect(owner.pid == getpid())
    #expect(!owner.command.isEmpty)
  }
}

@Suite("The master's listening sockets")
struct LifecycleSocketKeeperTests {
  static func bound(_ socket: Int32) throws -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let answer = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
    }
    try #require(answer == 0)
    return try #require(SocketAddress(storage))
  }

  @Test("sockets of one address share its port, do not block, and do not leak into children", arguments: ["127.0.0.1:0", "[::1]:0"])
  func sockets(_ text: String) throws {
    let keeper = SocketKeeper()
    let sockets = try keeper.listen(text, count: 3)
    #expect(sockets.count == 3)
    let address = try Self.bound(sockets[0])
    #expect(address.port != 0)
    for socket in sockets {
      #expect(try Self.bound(socket) == address)
      #expect(fcntl(socket, F_GETFL) & O_NONBLOCK != 0)
      #expect(fcntl(socket, F_GETFD) & FD_CLOEXEC != 0)
      var listening: Int32 = 0
      var length = socklen_t(4)
      #expect(getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening == 1)
    }
  }

  @Test("asking again gives the same sockets, more when more are asked for, all when fewer are")
  func again() throws {
    let keeper = SocketKeeper()
    let two = try keeper.listen("127.0.0.1:0", count: 2)
    #expect(try keeper.listen("127.0.0.1:0", count: 2) == two)
    let four = try keeper.listen("127.0.0.1:0", count: 4)
    #expect(Array(four.prefix(2)) == two && four.count == 4)
    #expect(try keeper.listen("127.0.0.1:0", count: 1) == four)
  }

  @Test("a port that another program shares by SO_REUSEPORT is refused, with its owner and a free one")
  func taken() throws {
    // The sockets of another keeper stand for the other program: they are listening and have SO_REUSEPORT set.
    let other = SocketKeeper()
    let address = try Self.bound(try #require(try other.listen("127.0.0.1:0", count: 1).first))
    let keeper = SocketKeeper()
    let failure = try #require(throws: ControlFailure.self) { try keeper.listen("\(address)", count: 1) }
    #expect(failure.kind == .inUse)
    #expect(failure.message.contains("(pid \(getpid()))"))
    #expect(failure.message.hasSuffix(" is free"))
    other.unlisten("127.0.0.1:0")
    #expect(try keeper.listen("\(address)", count: 2).count == 2)
  }

  @Test("what cannot be listened on is refused with its kind")
  func refused() {
    let keeper = SocketKeeper()
    for (text, kind) in [
      ("localhost:80", ControlFailureKind.malformed), ("8080", .malformed), ("192.0.2.1:8080", .notHere), ("[2001:db8::1]:8080", .notHere),
    ] {
      #expect { try keeper.listen(text, count: 1) } throws: { ($0 as? ControlFailure)?.kind == kind }
    }
    #expect(keeper.addresses.isEmpty)
  }

  @Test("two listeners of one node that collide are refused by name")
  func ownCollision() throws {
    let keeper = SocketKeeper()
    let address = try Self.bound(try #require(try keeper.listen("127.0.0.1:0", count: 1).first))
    let again = SocketKeeper()
    keeper.unlisten("127.0.0.1:0")
    _ = try again.listen("\(address)", count: 1)
    #expect { try again.listen("0.0.0.0:\(address.port)", count: 1) } throws: {
      ($0 as? ControlFailure)?.message.contains("this node's own listener \(address)") == true
    }
  }

  @Test("addresses that a new life does not ask for are closed, the others stay the same sockets")
  func unclaimed() throws {
    let keeper = SocketKeeper()
    let old = try keeper.listen("127.0.0.1:0", count: 1)
    _ = try keeper.listen("[::1]:0", count: 1)
    keeper.unclaimAll()
    #expect(try keeper.listen("127.0.0.1:0", count: 1) == old)
    keeper.releaseUnclaimed()
    #expect(keeper.addresses == ["127.0.0.1:0"])
  }

  @Test("a connection that waits is still there when a later holder accepts")
  func waiting() throws {
    let keeper = SocketKeeper()
    let first = dup(try #require(try keeper.listen("127.0.0.1:0", count: 1).first))
    let address = try Self.bound(first)
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    #expect(address.withSockaddr { connect(client, $0, $1) } == 0)
    close(first)
    let second = try #require(try keeper.listen("127.0.0.1:0", count: 1).first)
    var storage = sockaddr_storage()
    var length = socklen_t(0)
    let accepted = tg_accept(second, &storage, &length)
    #expect(accepted >= 0)
    close(accepted)
  }
}
