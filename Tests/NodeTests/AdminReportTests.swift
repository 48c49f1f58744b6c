import CEpoll
import Foundation
import Glibc
import Runtime
import Synchronization
import Testing

@testable import Node
@testable import Proxy

/// A worker on a thread of its own for as long as the fixture lives.
final class RunningWorker: @unchecked Sendable {
  // SAFETY: (@unchecked Sendable) everything but `post` happens on the worker's thread.
  let worker: Worker
  private let ended = DispatchSemaphore(value: 0)

  init(_ index: Int, metrics: EngineMetrics) throws {
    worker = try Worker(WorkerOptions(index: index, count: 2, seed: UInt64(index) + 1, cells: MetricCells(), metrics: metrics))
    let worker = worker
    let ended = ended
    Thread {
      worker.run()
      ended.signal()
    }.start()
  }

  deinit {
    worker.post { $0.stop() }
    ended.wait()
    worker.cells.deallocate()
  }

  /// Runs `body` on the worker's thread and waits for it.
  func sync(_ body: @escaping @Sendable (Worker) -> Void) {
    let done = DispatchSemaphore(value: 0)
    worker.post {
      body($0)
      done.signal()
    }
    done.wait()
  }
}

/// An upstream `catalog` with two endpoints, in a snapshot with an application.
private func catalog(_ application: Application = Application(), revision: UInt64 = 3) -> (Snapshot, UpstreamListing) {
  let addresses = [9001, 9002].map { port in
    UpstreamListing.Address(id: UInt64(port), address: SocketAddress(ipv4: 0x7f00_0001, port: UInt16(port)), host: "origin.test")
  }
  var directory = EndpointDirectory()
  let listing = directory.update(to: addresses.map { EndpointDescription(id: $0.id, weight: 2, priority: 1) }, now: 1)
  let options = UpstreamOptions(name: "catalog", endpoints: [])
  let snapshot = Snapshot(
    application: application, upstreams: [options], listeners: [ListenerOptions(address: "127.0.0.1:0", port: 0)], limits: Proxy.Limits(),
    forwarding: ForwardingOptions(), revision: revision)
  return (snapshot, UpstreamListing(listing: listing, addresses: addresses))
}

@Suite("Workers' reports")
struct AdminReportTests {
  @Test("a worker reports its endpoints as they are")
  func report() throws {
    let worker = try Worker(WorkerOptions(index: 0, count: 1, seed: 1, cells: MetricCells(), metrics: EngineMetrics(MetricRegistry())))
    defer { worker.cells.deallocate() }
    #expect(worker.report() == WorkerReport())
    let (snapshot, listing) = catalog()
    worker.adopt(snapshot, listings: [listing])
    defer { worker.closeEverything() }
    let first = listing.listing.entries[0]
    first.cell.hold(.failedCheck, pool: listing.listing.pool)
    let pool = try #require(worker.live).pointee.pools[0]
    pool.endpoint(1).pointee.requests = 5
    pool.endpoint(1).pointee.failures = 2
    let report = worker.report()
    #expect(report.revision == 3 && report.workers == 1 && report.connections == 0)
    let endpoints = try #require(report.upstreams.first).endpoints
    #expect(report.upstreams.map(\.name) == ["catalog"])
    #expect(endpoints.map(\.address.description) == ["127.0.0.1:9001", "127.0.0.1:9002"])
    #expect(endpoints.map(\.isHealthy) == [false, true])
    #expect(endpoints[0].holds == .failedCheck && endpoints[0].weight == 2 && endpoints[0].priority == 1)
    #expect(endpoints[0].host == "origin.test" && !endpoints[0].isEjected)
    #expect(endpoints[1].requests == 5 && endpoints[1].failures == 2)
  }

  @Test("an exchange names its upstream while the pool has it, and no memory that is gone")
  func upstreamAddress() throws {
    let fixture = try ExchangeFixture()
    let (snapshot, listing) = catalog()
    fixture.worker.adopt(snapshot, listings: [listing])
    defer { fixture.worker.closeEverything() }
    let pool = try #require(fixture.worker.live).pointee.pools[0]
    #expect(fixture.exchange.upstreamAddress == nil)
    fixture.exchange.pointee.pool = pool
    fixture.exchange.pointee.endpoint = pool.endpoint(1)
    #expect(fixture.exchange.upstreamAddress?.port == 9002)
    let gone = EndpointRef.allocate(capacity: 1)
    fixture.exchange.pointee.endpoint = gone
    #expect(fixture.exchange.upstreamAddress == nil)
    gone.deallocate()
  }

  @Test("reports merge: numbers add up, the worse verdict counts, order stays")
  func merges() {
    #expect(WorkerReport.merged([]) == WorkerReport(workers: 0))
    let one = WorkerReport(
      connections: 1, exchanges: 2, bufferBytes: 3, revision: 7,
      upstreams: [.made("b", [.made(1, requests: 1), .made(2, requests: 2)]), .made("a", [])])
    let two = WorkerReport(
      connections: 10, exchanges: 20, bufferBytes: 30, revision: 8,
      upstreams: [.made("c", []), .made("b", [.made(2, healthy: false, ejectedFor: 9, requests: 4), .made(3)])])
    let sum = WorkerReport.merged([one, two])
    #expect(sum.workers == 2 && sum.connections == 11 && sum.exchanges == 22 && sum.bufferBytes == 33 && sum.revision == 8)
    #expect(sum.upstreams.map(\.name) == ["b", "a", "c"])
    let endpoints = sum.upstreams[0].endpoints
    #expect(endpoints.map(\.id) == [1, 2, 3])
    #expect(endpoints.map(\.requests) == [1, 6, 0])
    #expect(endpoints.map(\.isHealthy) == [true, false, true])
    #expect(endpoints[1].ejectedFor == 9 && endpoints[1].active == 2 && endpoints[1].holds == .failedCheck)
    #expect(sum.upstreams[0].panicPicks == 14 && sum.upstreams[0].pending == 2)
  }
}

@Suite("Asking all workers", .timeLimit(.minutes(1)))
struct AdminPollTests {
  private let metrics = EngineMetrics(MetricRegistry())

  /// The reports that a poll brings, and the thread's worker that it brings them on.
  private func poll(_ workers: [Worker], on asker: RunningWorker, within nanoseconds: UInt64) -> [WorkerReport] {
    let done = DispatchSemaphore(value: 0)
    let result = ReportBox()
    asker.worker.post { worker in
      let thread = pthread_self()
      WorkerPoll.reports(of: workers, on: worker, within: nanoseconds) {
        result.set($0, onThread: pthread_equal(thread, pthread_self()) != 0)
        done.signal()
      }
    }
    done.wait()
    #expect(result.wasOnThread)
    return result.reports
  }

  @Test("brings every report, on the asker's thread, in order")
  func all() throws {
    let asker = try RunningWorker(9, metrics: metrics)
    let workers = try (0..<2).map { try RunningWorker($0, metrics: metrics) }
    for (i, worker) in workers.enumerated() {
      worker.sync { worker in
        let (snapshot, listing) = catalog(revision: UInt64(i) + 1)
        worker.adopt(snapshot, listings: [listing])
      }
    }
    #expect(poll(workers.map(\.worker), on: asker, within: 60_000_000_000).map(\.revision) == [1, 2])
    #expect(poll([asker.worker], on: asker, within: 60_000_000_000).count == 1)
    #expect(poll([], on: asker, within: 60_000_000_000).isEmpty)
  }

  @Test("goes without a worker that does not answer")
  func silent() throws {
    let asker = try RunningWorker(9, metrics: metrics)
    let running = try RunningWorker(0, metrics: metrics)
    let hung = try Worker(WorkerOptions(index: 1, count: 2, seed: 1, cells: MetricCells(), metrics: metrics))
    defer { hung.cells.deallocate() }
    #expect(poll([hung, running.worker], on: asker, within: 50_000_000).count == 1)
  }

  @Test("an answer that comes after the deadline changes nothing")
  func late() throws {
    let asker = try RunningWorker(9, metrics: metrics)
    let late = try Worker(WorkerOptions(index: 1, count: 2, seed: 1, cells: MetricCells(), metrics: metrics))
    defer { late.cells.deallocate() }
    let calls = Atomic<Int>(0)
    let done = DispatchSemaphore(value: 0)
    asker.worker.post { worker in
      WorkerPoll.reports(of: [late], on: worker, within: 20_000_000) { _ in
        calls.add(1, ordering: .relaxed)
        done.signal()
      }
    }
    done.wait()
    // Its loop takes what was posted, answers, and ends.
    late.post { $0.stop() }
    late.run()
    asker.sync { _ in }
    #expect(calls.load(ordering: .relaxed) == 1)
  }

  @Test("the application answers over a socket, at once and later, and does what it is asked")
  func served() throws {
    let fixture = AdminFixture()
    fixture.source.reports = [WorkerReport(connections: 42)]
    let socket = try #require(LoopbackListener())
    let admin = AdminApplication(
      AdminOptions(listen: HostPort(host: "127.0.0.1", port: socket.port)),
      identity: AdminIdentity(name: "edge-1", version: "1", workers: 1, started: .zero), statistics: fixture.statistics,
      source: fixture.source)
    let running = try RunningWorker(0, metrics: metrics)
    running.sync { worker in
      let (snapshot, listing) = catalog(admin)
      worker.adopt(snapshot, listings: [listing])
      worker.listen(socket.descriptor, listener: 0)
    }
    let host = "Host: 127.0.0.1:\(socket.port)\r\nConnection: close\r\n"
    #expect(socket.ask("GET /healthz HTTP/1.1\r\n\(host)\r\n").hasSuffix("\r\n\r\nok\n"))
    #expect(socket.ask("GET /stats HTTP/1.1\r\n\(host)\r\n").contains(#""open": 42"#))
    let head = socket.ask("HEAD /stats HTTP/1.1\r\n\(host)\r\n")
    #expect(head.hasPrefix("HTTP/1.1 200 ") && head.hasSuffix("\r\n\r\n"))
    let change = "\(host)Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    #expect(socket.ask("POST /reload HTTP/1.1\r\n\(change)").contains(#""revision": 4"#))
    #expect(socket.ask("POST /drain HTTP/1.1\r\n\(change)").hasPrefix("HTTP/1.1 202 "))
    running.sync { _ in }
    #expect(fixture.source.reloads == 1 && fixture.source.drains == 1)
    let evil = "POST /reload HTTP/1.1\r\nHost: evil.test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    #expect(socket.ask(evil).hasPrefix("HTTP/1.1 421 "))
    #expect(fixture.source.reloads == 1)
  }
}

private final class ReportBox: @unchecked Sendable {
  // SAFETY: (@unchecked Sendable) written before a semaphore is signalled, read after it was waited for.
  private(set) var reports: [WorkerReport] = []
  private(set) var wasOnThread = false

  func set(_ reports: [WorkerReport], onThread: Bool) {
    self.reports = reports
    wasOnThread = onThread
  }
}

/// A listening socket on loopback, and a client for it.
private final class LoopbackListener: Sendable {
  let descriptor: Int32
  let port: UInt16

  init?() {
    let descriptor = tg_socket(AF_INET, Int32(SOCK_STREAM.rawValue))
    self.descriptor = descriptor
    let bound = SocketAddress(ipv4: 0x7f00_0001, port: 0).withSockaddr { bind(descriptor, $0, $1) }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let named = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    port = SocketAddress(storage)?.port ?? 0
    guard bound == 0, named == 0, Glibc.listen(descriptor, 16) == 0 else { return nil }
  }

  deinit { close(descriptor) }

  /// Sends a request and reads until the server closes.
  func ask(_ request: String) -> String {
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    guard SocketAddress(ipv4: 0x7f00_0001, port: port).withSockaddr({ connect(client, $0, $1) }) == 0 else { return "" }
    let bytes = Array(request.utf8)
    guard write(client, bytes, bytes.count) == bytes.count else { return "" }
    shutdown(client, Int32(SHUT_WR))
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var watched = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
      guard poll(&watched, 1, 10_000) == 1 else { break }
      let count = read(client, &buffer, buffer.count)
      if count <= 0 { break }
      answer += buffer[..<count]
    }
    return String(decoding: answer, as: UTF8.self)
  }
}
