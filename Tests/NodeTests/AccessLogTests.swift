import Foundation
import Glibc
import Runtime
import Testing

@testable import Node
@testable import Proxy

/// An ended exchange as the engine leaves it, and the worker that it ended on (whose loop never runs).
final class ExchangeFixture {
  let registry = MetricRegistry()
  let worker: Worker
  let exchange: ExchangeRef
  private let connection: ConnectionRef

  init(index: Int = 0, head: String = "GET /first?token=s3cret HTTP/1.1\r\nHost: shop.example\r\n\r\n") throws {
    worker = try Worker(
      WorkerOptions(index: index, count: index + 1, seed: 1, cells: MetricCells(), metrics: EngineMetrics(registry)))
    connection = .allocate(capacity: 1)
    connection.initialize(to: Connection())
    connection.pointee.peer = SocketAddress(ipv4: 0x7f00_0001, port: 5000)
    exchange = .allocate(capacity: 1)
    exchange.initialize(to: Exchange())
    var parsed = MessageHead()
    defer { parsed.deallocate() }
    let bytes = Array(head.utf8)
    bytes.withUnsafeBufferPointer {
      exchange.pointee.head.append($0.baseAddress!, bytes.count, worker.pool)
      let p = exchange.pointee.head.start
      #expect(parsed.parseRequest(p, bytes.count, HeadLimits()) == bytes.count)
    }
    exchange.pointee.methodCount = UInt16(parsed.methodCount)
    exchange.pointee.pathOffset = UInt32(parsed.path)
    exchange.pointee.pathCount = UInt32(parsed.pathCount)
    exchange.pointee.queryCount = UInt32(parsed.queryCount)
    exchange.pointee.authorityOffset = UInt32(parsed.authority)
    exchange.pointee.authorityCount = UInt32(parsed.authorityCount)
    exchange.pointee.downstream = connection
    exchange.pointee.status = 200
    exchange.pointee.responseIsComplete = true
    exchange.pointee.started = 1_000_000_000
    exchange.pointee.upstreamStarted = 1_000_100_000
    exchange.pointee.firstByte = 1_000_700_000
    exchange.pointee.ended = 1_001_500_000
    exchange.pointee.bytesReceived = bytes.count
    exchange.pointee.bytesSent = 1024
    exchange.pointee.attempts = 2
    exchange.pointee.requestID = (1, 2)
  }

  deinit {
    exchange.pointee.head.release(worker.pool)
    exchange.deallocate()
    connection.deallocate()
    worker.cells.deallocate()
  }

  func series(_ name: String, _ labels: MetricLabels = .none) -> MetricValue? {
    registry.collect([worker.cells]).first { $0.name == name }?.series.first { $0.labels == labels }?.value
  }
}

/// Names every route.
private final class NamedRoutes: Application, @unchecked Sendable {
  override func routeName(_ route: Int32) -> String { "shop GET /\(route)" }
}

@Suite("Accounting for exchanges")
struct NodeObserverTests {
  @Test("an exchange is counted by class, time and bytes")
  func counts() throws {
    let fixture = try ExchangeFixture()
    let observer = NodeObserver(fixture.registry)
    observer.exchangeEnded(fixture.exchange, fixture.worker, Application())
    for (status, fault) in [(UInt16(404), Fault.routeNotFound), (503, .noHealthyEndpoint), (0, nil), (999, nil)] as [(UInt16, Fault?)] {
      fixture.exchange.pointee.status = status
      fixture.exchange.pointee.fault = fault
      observer.exchangeEnded(fixture.exchange, fixture.worker, Application())
    }
    #expect(fixture.series("tidegate_responses_total", ["class": "2xx"]) == .counter(1))
    #expect(fixture.series("tidegate_responses_total", ["class": "3xx"]) == .counter(0))
    #expect(fixture.series("tidegate_responses_total", ["class": "4xx"]) == .counter(1))
    #expect(fixture.series("tidegate_responses_total", ["class": "5xx"]) == .counter(1))
    #expect(fixture.series("tidegate_request_errors_total") == .counter(2))
    #expect(fixture.series("tidegate_response_bytes_total") == .counter(5 * 1024))
    guard case .histogram(let durations) = fixture.series("tidegate_request_duration_seconds") else {
      Issue.record("no histogram")
      return
    }
    #expect(durations.total == 5 && durations.sum == 5 * 1500)
    guard case .histogram(let firstBytes) = fixture.series("tidegate_upstream_first_byte_seconds") else {
      Issue.record("no histogram")
      return
    }
    #expect(firstBytes.total == 5 && firstBytes.sum == 5 * 600)
  }

  @Test("a response that was broken off is an error, one that the client left is not")
  func broken() throws {
    let fixture = try ExchangeFixture()
    let observer = NodeObserver(fixture.registry)
    fixture.exchange.pointee.responseIsComplete = false
    observer.exchangeEnded(fixture.exchange, fixture.worker, Application())
    #expect(fixture.series("tidegate_request_errors_total") == .counter(0))
    fixture.exchange.pointee.fault = .upstreamReset
    observer.exchangeEnded(fixture.exchange, fixture.worker, Application())
    #expect(fixture.series("tidegate_request_errors_total") == .counter(1))
  }

  @Test("the access log tells of the request, not of its query")
  func logs() throws {
    let files = WriterFixture()
    let fixture = try ExchangeFixture()
    let log = try AccessLog(
      path: files.file("access.log"), workers: 1, registry: fixture.registry, log: files.log, cells: files.cells, time: ManualTime())
    let observer = NodeObserver(fixture.registry, accessLog: log)
    observer.exchangeEnded(fixture.exchange, fixture.worker, NamedRoutes())
    fixture.exchange.pointee.responseIsComplete = false
    fixture.exchange.pointee.trace = (3, 4)
    observer.exchangeEnded(fixture.exchange, fixture.worker, NamedRoutes())
    log.close()
    let lines = try #require(files.text()).split(separator: "\n").map { try JSONValue.parse(String($0)) }
    #expect(lines.count == 2)
    let line = try #require(lines.first)
    #expect(line["time"] == "2026-01-31T12:00:00.000Z")
    #expect(line["path"] == "/first" && line["method"] == "GET" && line["host"] == "shop.example")
    #expect(line["request_id"] == "00000000000000010000000000000002" && line["trace_id"] == line["request_id"])
    #expect(line["route"] == "shop GET /-1" && line["client"] == "127.0.0.1" && line["protocol"] == "HTTP/1.1")
    #expect(line["duration_us"] == 1500 && line["upstream_us"] == 600 && line["retries"] == 1 && line["bytes_out"] == 1024)
    #expect(line["query"] == nil && line["fault"] == .null && line["upstream"] == .null)
    #expect(lines.last?["fault"] == "aborted")
    #expect(lines.last?["trace_id"] == "00000000000000030000000000000004")
    #expect(files.text()?.contains("s3cret") == false)
  }

  @Test("a writer that is behind costs lines, which are counted, and nobody waits")
  func overload() throws {
    let files = WriterFixture()
    let fixture = try ExchangeFixture()
    let log = try AccessLog(path: "/dev/full", workers: 1, registry: fixture.registry, log: files.log, cells: files.cells)
    let observer = NodeObserver(fixture.registry, accessLog: log)
    var logged = 0
    while fixture.worker.cells.value(log.core.metrics.dropped) < 10 {
      observer.exchangeEnded(fixture.exchange, fixture.worker, NamedRoutes())
      logged += 1
    }
    log.close()
    let lost = log.cells.value(log.core.metrics.dropped)
    #expect(lost + 10 == UInt64(logged))
    #expect(log.cells.value(log.core.metrics.errors) > 0)
  }

  @Test("a worker for which no lane was made is counted and not logged")
  func otherWorker() throws {
    let files = WriterFixture()
    let fixture = try ExchangeFixture(index: 1)
    let log = try AccessLog(path: files.file("access.log"), workers: 1, registry: fixture.registry, log: files.log, cells: files.cells)
    let observer = NodeObserver(fixture.registry, accessLog: log)
    observer.exchangeEnded(fixture.exchange, fixture.worker, NamedRoutes())
    log.close()
    #expect(files.text() == "")
    #expect(fixture.series("tidegate_responses_total", ["class": "2xx"]) == .counter(1))
  }
}

@Suite("The access log as a whole")
struct AccessLogTests {
  private func append(_ log: AccessLog, lane: Int = 0) -> Bool {
    let line = Array("0123456789\n".utf8)
    return log.core.lanes[lane].append(line, line.count)
  }

  @Test("closing writes all that waits; closing twice and logging afterwards do no harm")
  func closes() throws {
    let files = WriterFixture()
    let log = try AccessLog(path: files.file("access.log"), workers: 2, registry: MetricRegistry(), log: files.log, cells: files.cells)
    for i in 0..<3000 { #expect(append(log, lane: i % 2)) }
    log.close()
    log.close()
    #expect(append(log))
    #expect(files.text() == String(repeating: "0123456789\n", count: 3000))
  }

  @Test("reopening by signal makes the file anew")
  func reopens() throws {
    let files = WriterFixture()
    let log = try AccessLog(path: files.file("access.log"), workers: 1, registry: MetricRegistry(), log: files.log, cells: files.cells)
    #expect(append(log))
    rename(files.file("access.log"), files.file("access.log.1"))
    log.reopen()
    log.close()
    #expect(files.text("access.log.1") == "0123456789\n")
    #expect(files.text() == "")
  }

  @Test("a log that is let go without a close ends by itself and keeps its lines")
  func letGo() throws {
    let files = WriterFixture()
    mkfifo(files.file("access.log"), 0o600)
    let reader = open(files.file("access.log"), O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    do {
      let log = try AccessLog(path: files.file("access.log"), workers: 1, registry: MetricRegistry(), log: files.log, cells: files.cells)
      #expect(append(log))
    }
    var bytes = [UInt8](repeating: 0, count: 64)
    var text: [UInt8] = []
    // The end of the pipe comes when the writer has closed it.
    while true {
      var watched = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
      guard poll(&watched, 1, 10_000) == 1 else { break }
      let count = read(reader, &bytes, bytes.count)
      if count <= 0 { break }
      text += bytes[..<count]
    }
    #expect(text == Array("0123456789\n".utf8))
  }
}
