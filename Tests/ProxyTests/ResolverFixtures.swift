import CEpoll
import Glibc
import Runtime

@testable import Proxy

/// A DNS server of a few lines on a loopback port, turned by hand: it answers from a table, over UDP, and over TCP what the table marks
/// as too long for a datagram.
final class TinyNameServer {
  enum Record {
    case a(String, ttl: UInt32)
    case aaaa(String, ttl: UInt32)
    case srv(String, port: UInt16, priority: UInt16, weight: UInt16, ttl: UInt32)
    case cname(String, ttl: UInt32)
  }

  enum Answer {
    case records([Record])
    /// Truncated over UDP, whole over TCP.
    case tooLong([Record])
    case code(UInt8)
    case raw([UInt8])
    case silence
  }

  static let typeA: UInt16 = 1
  static let typeAAAA: UInt16 = 28
  static let typeSRV: UInt16 = 33

  let udp: Int32
  let tcp: Int32
  let port: UInt16
  private(set) var connections: [Int32] = []
  /// What was asked, in order, as `type name`.
  private(set) var asked: [String] = []
  /// Names not in here do not exist.
  var table: [String: Answer] = [:]

  init() throws {
    // A port that is free for datagrams may be taken for streams: try a few.
    for _ in 0..<64 {
      guard let datagrams = Self.bound(SOCK_DGRAM, port: 0) else { throw Failure() }
      if let streams = Self.bound(SOCK_STREAM, port: datagrams.port) {
        (udp, tcp, port) = (datagrams.descriptor, streams.descriptor, datagrams.port)
        guard listen(tcp, 8) == 0 else { throw Failure() }
        return
      }
      close(datagrams.descriptor)
    }
    throw Failure()
  }

  private static func bound(_ type: __socket_type, port: UInt16) -> (descriptor: Int32, port: UInt16)? {
    let descriptor = socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let made = SocketAddress(ipv4: 0x7f00_0001, port: port).withSockaddr { bind(descriptor, $0, $1) }
    let named = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard made == 0, named == 0, let address = SocketAddress(storage) else {
      close(descriptor)
      return nil
    }
    return (descriptor, address.port)
  }

  deinit { for descriptor in [udp, tcp] + connections { close(descriptor) } }

  struct Failure: Error {}

  var descriptors: [Int32] { [udp, tcp] + connections }

  /// Answers everything that waits.
  func turn() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var from = sockaddr_storage()
    while true {
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let count = withUnsafeMutablePointer(to: &from) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(udp, &buffer, buffer.count, 0, $0, &length) }
      }
      guard count > 0 else { break }
      guard let client = SocketAddress(from), let reply = reply(Array(buffer[..<count]), overTCP: false) else { continue }
      client.withSockaddr { _ = sendto(udp, reply, reply.count, 0, $0, $1) }
    }
    while true {
      let connection = accept(tcp, nil, nil)
      guard connection >= 0 else { break }
      _ = fcntl(connection, F_SETFL, O_NONBLOCK)
      _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
      connections.append(connection)
    }
    for connection in connections {
      let count = read(connection, &buffer, buffer.count)
      if count == 0 {
        close(connection)
        connections.removeAll { $0 == connection }
      }
      // A question is far shorter than a segment: it comes whole.
      guard count > 2, let reply = reply(Array(buffer[2..<count]), overTCP: true) else { continue }
      let framed = [UInt8(reply.count >> 8), UInt8(reply.count & 0xff)] + reply
      _ = write(connection, framed, framed.count)
    }
  }

  private func reply(_ question: [UInt8], overTCP: Bool) -> [UInt8]? {
    var labels: [String] = []
    var at = 12
    while question[at] != 0 {
      labels.append(String(decoding: question[(at + 1)...(at + Int(question[at]))], as: UTF8.self))
      at += 1 + Int(question[at])
    }
    let type = UInt16(question[at + 1]) << 8 | UInt16(question[at + 2])
    let name = labels.joined(separator: ".")
    asked.append("\(type) \(name)")
    let asking = Array(question[12..<(at + 5)])
    switch table["\(type) \(name)"] ?? table[name] ?? .code(3) {
    case .silence: return nil
    case .raw(let bytes): return Array(question[..<2]) + bytes
    case .code(let code): return Self.message(question, asking, code: code, truncated: false, [])
    case .tooLong(let records): return Self.message(question, asking, code: 0, truncated: !overTCP, overTCP ? records : [])
    case .records(let records): return Self.message(question, asking, code: 0, truncated: false, records)
    }
  }

  private static func message(_ question: [UInt8], _ asking: [UInt8], code: UInt8, truncated: Bool, _ records: [Record]) -> [UInt8] {
    [question[0], question[1], truncated ? 0x83 : 0x81, 0x80 | code, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0] + asking + bytes(records)
  }

  /// Records of one owner; after an alias its target is the owner.
  static func bytes(_ records: [Record]) -> [UInt8] {
    var owner: [UInt8] = [0xc0, 12]
    var all: [UInt8] = []
    for record in records {
      let (type, ttl, data): (UInt16, UInt32, [UInt8])
      switch record {
      case .a(let text, let seconds):
        let address = SocketAddress(host: text, port: 0)!
        (type, ttl, data) = (typeA, seconds, big(address.ipv4))
      case .aaaa(let text, let seconds):
        let address = SocketAddress(host: text, port: 0)!
        (type, ttl, data) = (typeAAAA, seconds, big(address.high) + big(address.low))
      case .srv(let target, let port, let priority, let weight, let seconds):
        (type, ttl, data) = (typeSRV, seconds, big(priority) + big(weight) + big(port) + name(target))
      case .cname(let target, let seconds):
        (type, ttl, data) = (5, seconds, name(target))
      }
      all += owner + big(type) + [0, 1] + big(ttl) + big(UInt16(data.count)) + data
      if type == 5 { owner = data }
    }
    return all
  }

  static func big<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  static func name(_ text: String) -> [UInt8] {
    text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
  }
}

/// A resolver and its name server, turned together in one poll loop without threads.
final class ResolverBench {
  let server: TinyNameServer
  var resolver: Resolver?
  private let watched = Watched()

  final class Watched {
    var wants: [(descriptor: Int32, read: Bool, write: Bool)] = []
    var calls = 0
  }

  init(_ change: (inout ResolverLimits) -> Void = { _ in }) throws {
    server = try TinyNameServer()
    var limits = ResolverLimits()
    limits.timeoutMilliseconds = 5000
    limits.tries = 1
    change(&limits)
    let watched = watched
    resolver = try Resolver(limits: limits, servers: "127.0.0.1:\(server.port)") { descriptor, read, write in
      watched.calls += 1
      watched.wants.removeAll { $0.descriptor == descriptor }
      if read || write { watched.wants.append((descriptor, read, write)) }
    }
  }

  var watchedCount: Int { watched.wants.count }

  /// Turns until `done` holds. Each turn waits for an event or the resolver's own timer; nothing is left to wait for means failure.
  func turn(now: UInt64, until done: () -> Bool) throws {
    while !done() {
      guard let resolver, let timeout = resolver.nextTimeout() else { throw TinyNameServer.Failure() }
      let wants = watched.wants
      var fds = wants.map { pollfd(fd: $0.descriptor, events: ($0.read ? Int16(POLLIN) : 0) | ($0.write ? Int16(POLLOUT) : 0), revents: 0) }
      fds += server.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      let count = poll(&fds, UInt(fds.count), Int32(clamping: (timeout + 999_999) / 1_000_000))
      guard count >= 0 || errno == EINTR else { throw TinyNameServer.Failure() }
      server.turn()
      for fd in fds.prefix(wants.count) where fd.revents != 0 {
        let write = fd.revents & Int16(POLLOUT) != 0
        resolver.process(descriptor: fd.fd, readable: fd.revents & ~Int16(POLLOUT) != 0, writable: write, now: now)
      }
      resolver.processTimeouts(now: now)
    }
  }

  /// Asks and waits for the answer.
  func ask(_ name: String, port: UInt16 = 80, kind: ResolveKind = .address, now: UInt64 = 0) throws -> Result<Resolution, ResolveFailure> {
    var result: Result<Resolution, ResolveFailure>?
    resolver?.resolve(name, port: port, kind: kind, now: now) { result = $0 }
    try turn(now: now) { result != nil }
    guard let result else { throw TinyNameServer.Failure() }
    return result
  }
}
