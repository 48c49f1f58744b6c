// A worker on a thread of its own, and a server that answers as a test says, one thread a connection. Every wait is for an event and
// ends at a deadline.
import COpenSSL
import Foundation
import Runtime
import Testing

@testable import Proxy

/// No wait of these tests lasts longer; a test that gets here has failed.
let healthDeadline: TimeInterval = 20

struct DeadlinePassed: Error {}

/// A value that one thread leaves for another.
final class Awaited<Value: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var values: [Value] = []

  func put(_ value: Value) {
    condition.lock()
    values.append(value)
    condition.broadcast()
    condition.unlock()
  }

  /// What was put so far.
  var all: [Value] {
    condition.lock()
    defer { condition.unlock() }
    return values
  }

  /// The value at `index`, once it is there.
  @discardableResult
  func get(_ index: Int = 0) throws -> Value {
    try first { $0.count > index ? $0[index] : nil }
  }

  /// Looks at all values whenever one is added, until `find` gives something.
  @discardableResult
  func first<Found>(_ find: ([Value]) -> Found?) throws -> Found {
    let end = Date(timeIntervalSinceNow: healthDeadline)
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let found = find(values) { return found }
      if !condition.wait(until: end) { throw DeadlinePassed() }
    }
  }
}

/// Carries what belongs to the worker's thread; only closures that run there open it.
final class OnWorker<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// A worker that runs until it is let go.
final class ControlWorker: Sendable {
  let worker: Worker

  init() throws {
    let cells = MetricCells()
    let metrics = EngineMetrics(MetricRegistry())
    worker = try Worker(WorkerOptions(index: 0, count: 1, seed: 7, cells: cells, metrics: metrics))
    let worker = worker
    Thread.detachNewThread {
      worker.run()
      cells.deallocate()
    }
  }

  deinit { worker.post { $0.stop() } }

  /// Runs `body` on the worker's thread and waits for its result.
  @discardableResult
  func call<Result: Sendable>(_ body: @escaping @Sendable (Worker) -> Result) throws -> Result {
    let result = Awaited<Result>()
    worker.post { result.put(body($0)) }
    return try result.get()
  }

  /// Runs one probe and waits for its outcome.
  func outcome(_ target: HealthTarget) throws -> HealthOutcome {
    let target = OnWorker(target)
    let outcomes = Awaited<HealthOutcome>()
    worker.post { HealthProbe(target.value, worker: $0) { outcomes.put($0) }.start() }
    return try outcomes.get()
  }
}

/// One connection that a server has accepted; plain or TLS, blocking, with a deadline on every read.
final class ServedConnection {
  let descriptor: Int32
  private var tls: OpaquePointer?

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var patience = timeval(tv_sec: Int(healthDeadline), tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit {
    SSL_free(tls)
    close(descriptor)
  }

  /// False when the other side did not agree.
  func accept(_ context: TLSServerContext) -> Bool {
    tls = context.makeSession()
    SSL_set_fd(tls, descriptor)
    return SSL_accept(tls) == 1
  }

  /// Empty at the end of the stream.
  func read() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 65536) { room, count in
      count = max(0, tls.map { Int(SSL_read($0, room.baseAddress, 65536)) } ?? recv(descriptor, room.baseAddress, 65536, 0))
    }
  }

  /// Reads up to the blank line.
  func readHead() -> String {
    var head: [UInt8] = []
    while !String(decoding: head, as: UTF8.self).contains("\r\n\r\n") {
      let part = read()
      if part.isEmpty { break }
      head += part
    }
    return String(decoding: head, as: UTF8.self)
  }

  /// Reads until the other side is gone.
  func readOut() { while !read().isEmpty {} }

  /// A session of the house writes a record a call, and a socket takes what fits.
  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { room in
        tls.map { Int(SSL_write($0, room.baseAddress, Int32(room.count))) }
          ?? send(descriptor, room.baseAddress, room.count, Int32(MSG_NOSIGNAL))
      }
      if written <= 0 { return }
      rest = rest.dropFirst(written)
    }
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  /// Ends the stream in order, so that what was written arrives.
  func finish() {
    if let tls { SSL_shutdown(tls) }
    shutdown(descriptor, Int32(SHUT_WR))
    readOut()
  }
}

/// Accepts on a port of 127.0.0.1, or of all of 127.0.0.0/8, until it is let go.
final class ScriptedServer: Sendable {
  let port: UInt16
  private let descriptor: Int32

  init(anyLoopback: Bool = false, tls: TLSServerContext? = nil, _ script: @escaping @Sendable (ServedConnection) -> Void) throws {
    let bound = try boundSocket(anyLoopback ? 0 : 0x7f00_0001)
    let (listener, port) = bound
    guard listen(listener, 256) == 0 else { throw DeadlinePassed() }
    (descriptor, self.port) = (listener, port)
    signal(SIGPIPE, SIG_IGN)  // libssl writes to sockets without MSG_NOSIGNAL
    Thread.detachNewThread {
      while true {
        let accepted = accept(listener, nil, nil)
        if accepted < 0 { return }
        Thread.detachNewThread {
          let connection = ServedConnection(accepted)
          if let tls, !connection.accept(tls) { return }
          script(connection)
        }
      }
    }
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))  // wakes the accepting thread
    close(descriptor)
  }

  /// Reads a request head, answers `response`, and ends the connection.
  static func answering(_ response: String, tls: TLSServerContext? = nil) throws -> ScriptedServer {
    try ScriptedServer(tls: tls) { connection in
      _ = connection.readHead()
      connection.write(response)
      connection.finish()
    }
  }

  func address(host: UInt32 = 0x7f00_0001) -> SocketAddress { SocketAddress(ipv4: host, port: port) }
}

/// A bound socket that nobody listens on, and its port.
func boundSocket(_ host: UInt32 = 0x7f00_0001) throws -> (descriptor: Int32, port: UInt16) {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  var storage = sockaddr_storage()
  var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
  let made = SocketAddress(ipv4: host, port: 0).withSockaddr { bind(descriptor, $0, $1) }
  let named = withUnsafeMutablePointer(to: &storage) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
  }
  guard made == 0, named == 0, let address = SocketAddress(storage) else { throw DeadlinePassed() }
  return (descriptor, address.port)
}

func healthTarget(
  _ port: UInt16, host: String = "127.0.0.1", tls: TLSClientContext? = nil, _ change: (inout HealthCheckOptions) -> Void = { _ in }
) -> HealthTarget {
  var options = HealthCheckOptions()
  options.timeout = UInt64(healthDeadline) * oneSecond
  change(&options)
  return HealthTarget(address: SocketAddress(ipv4: 0x7f00_0001, port: port), host: host, check: options, tls: tls)
}
