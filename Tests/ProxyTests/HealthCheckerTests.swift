import Foundation
import Runtime
import Testing

@testable import Proxy

/// A server whose answer a test can change; it says what it answered.
final class SwitchedServer: Sendable {
  let answered = Awaited<Int>()
  let server: ScriptedServer
  private let status: Switch

  private final class Switch: @unchecked Sendable {
    private let lock = NSLock()
    private var status: Int
    init(_ status: Int) { self.status = status }
    func set(_ status: Int) { lock.withLock { self.status = status } }
    func get() -> Int { lock.withLock { status } }
  }

  init(_ status: Int, anyLoopback: Bool = false) throws {
    let (current, answered) = (Switch(status), answered)
    self.status = current
    server = try ScriptedServer(anyLoopback: anyLoopback) { connection in
      _ = connection.readHead()
      let status = current.get()
      answered.put(status)
      connection.write("HTTP/1.1 \(status) \r\nContent-Length: 0\r\n\r\n")
      connection.finish()
    }
  }

  func answer(_ status: Int) { self.status.set(status) }

  /// Waits for so many more answers.
  func await(_ count: Int) throws { try answered.get(answered.all.count + count - 1) }
}

/// Checks without a pause, with the usual thresholds: two to become healthy, three to become unhealthy.
func checkedUpstream(_ endpoints: [EndpointOptions] = [], _ change: (inout HealthCheckOptions) -> Void = { _ in }) -> UpstreamOptions {
  var check = HealthCheckOptions()
  check.interval = 10 * oneMillisecond
  check.timeout = UInt64(healthDeadline) * oneSecond
  change(&check)
  var options = UpstreamOptions(name: "origin", endpoints: endpoints)
  options.check = check
  return options
}

/// A directory and a checker that live on a worker.
final class CheckedPool {
  private var directory = EndpointDirectory()
  var checker: HealthChecker
  private(set) var listing: UpstreamListing

  init(_ options: UpstreamOptions, _ worker: Worker, predecessor: HealthChecker? = nil) {
    checker = HealthChecker(options, worker: worker, predecessor: predecessor)
    listing = UpstreamListing(listing: directory.update(to: [], now: worker.now), addresses: [])
  }

  func list(_ addresses: [SocketAddress], holdNew: Bool = false, now: UInt64) {
    let places = addresses.map {
      UpstreamListing.Address(id: StableHash.hash($0.description), address: $0, host: $0.hostText)
    }
    let entries = directory.update(to: places.map { EndpointDescription(id: $0.id) }, now: now, holdNew: holdNew)
    listing = UpstreamListing(listing: entries, addresses: places)
    checker.adopt(listing)
  }

  func cell(_ index: Int) -> SharedCell<EndpointShared> { listing.listing.entries[index].cell }
}

@Suite("Active checks of an upstream")
struct HealthCheckerTests {
  let control: ControlWorker
  let verdicts = Awaited<HealthReport>()

  init() throws { control = try ControlWorker() }

  private func pool(
    _ addresses: [SocketAddress], _ options: UpstreamOptions = checkedUpstream(), predecessor: OnWorker<CheckedPool>? = nil,
    holdNew: Bool = false
  ) throws -> OnWorker<CheckedPool> {
    let verdicts = verdicts
    return try control.call { worker in
      let pool = CheckedPool(options, worker, predecessor: predecessor?.value.checker)
      pool.checker.onVerdict = { verdicts.put($0) }
      pool.list(addresses, holdNew: holdNew, now: worker.now)
      return OnWorker(pool)
    }
  }

  private func holds(_ pool: OnWorker<CheckedPool>, _ index: Int = 0) throws -> EndpointHolds {
    try control.call { _ in pool.value.cell(index).holds }
  }

  @Test("thresholds flip the cell that the workers read, and the report says why")
  func thresholds() throws {
    let origin = try SwitchedServer(200)
    let pool = try pool([origin.server.address()])
    try origin.await(3)
    #expect(try holds(pool) == [])
    #expect(verdicts.all.isEmpty, "a first check that passes is no news")

    origin.answer(500)
    let down = try verdicts.get()
    #expect(origin.answered.all.count { $0 == 500 } >= 3)
    #expect(!down.isHealthy && down.lastReason == "status 500" && down.consecutive == 3 && down.failures == 3)
    #expect(try holds(pool) == .failedCheck)

    let before = origin.answered.all.count
    origin.answer(200)
    let up = try verdicts.get(1)
    #expect(origin.answered.all.dropFirst(before).count { $0 == 200 } >= 2)
    #expect(up.isHealthy && up.lastPassed && up.lastReason == "status 200" && up.consecutive == 2)
    try control.call { worker in
      #expect(pool.value.cell(0).holds == [])
      #expect(pool.value.cell(0).pointer.pointee.rampSince > 0, "a slow start begins")
      let report = pool.value.checker.reports()[0]
      #expect(report.address == origin.server.address() && report.host == "127.0.0.1")
      #expect(report.lastCheckedAt > 0 && report.lastCheckedAt <= worker.now && report.checks >= 6)
    }
  }

  @Test("failures below the threshold change nothing")
  func blip() throws {
    let origin = try SwitchedServer(200)
    let pool = try pool([origin.server.address()], checkedUpstream { $0.unhealthy = 1000 })
    try origin.await(2)
    origin.answer(500)
    try origin.await(3)
    origin.answer(200)
    try origin.await(3)
    #expect(verdicts.all.isEmpty)
    #expect(try holds(pool) == [])
  }

  @Test("the first check of a held endpoint decides alone", arguments: [200, 500])
  func first(status: Int) throws {
    let first = try SwitchedServer(200)
    let second = try SwitchedServer(status)
    let pool = try pool([first.server.address()])
    try control.call { worker in
      pool.value.list([first.server.address(), second.server.address()], holdNew: true, now: worker.now)
      #expect(pool.value.cell(1).holds == .unchecked)
    }
    try second.await(2)  // the second check begins when the first has been recorded
    #expect(try holds(pool, 1) == (status == 200 ? [] : .failedCheck))
    #expect(try holds(pool, 0) == [])
  }

  @Test("an endpoint that recovers need not sit its ejection out")
  func readmitted() throws {
    let origin = try SwitchedServer(500)
    let other = try SwitchedServer(200)  // half of the endpoints may be ejected
    let pool = try pool([origin.server.address(), other.server.address()])
    try verdicts.get()
    try control.call { worker in
      let pool = pool.value
      let shared = pool.cell(0).pointer
      let admission = shared.pointee.eject(
        now: worker.now, until: worker.now + 3600 * oneSecond, times: 1, pool: pool.listing.listing.pool.pointer.pointee)
      #expect(admission == .ejected)
    }
    origin.answer(200)
    #expect(try verdicts.get(1).isHealthy)
    try control.call { worker in
      #expect(pool.value.cell(0).isHealthy(now: worker.now))
      #expect(pool.value.listing.listing.pool.ejectedCount == 0)
    }
  }

  @Test("what older settings found unhealthy stays out until the first check")
  func inherited() throws {
    let origin = try SwitchedServer(500)
    let old = try pool([origin.server.address()])
    try verdicts.get()
    let new = try pool([origin.server.address()], checkedUpstream { $0.interval = 3600 * oneSecond }, predecessor: old)
    #expect(try holds(new) == .failedCheck)
    try control.call { _ in
      old.value.checker.stop()
      new.value.checker.stop()
    }
    origin.answer(200)
    // The one in between had no time to check anything: its distrust goes on.
    let last = try pool([origin.server.address()], predecessor: new)
    #expect(try verdicts.get(1).isHealthy)
    #expect(try holds(last) == [])
  }

  @Test("an endpoint that leaves is let go at once, and the others keep their history")
  func leaves() throws {
    let origin = try SwitchedServer(200)
    let asked = Awaited<Bool>()
    let closed = Awaited<Bool>()
    let silent = try ScriptedServer { connection in
      _ = connection.readHead()
      asked.put(true)
      connection.readOut()
      closed.put(true)
    }
    let pool = try pool([origin.server.address(), silent.address()], checkedUpstream { $0.timeout = 3600 * oneSecond })
    try origin.await(3)
    try asked.get()
    try control.call { worker in
      let before = pool.value.checker.reports()[0].checks
      pool.value.list([origin.server.address()], now: worker.now)
      let reports = pool.value.checker.reports()
      #expect(reports.count == 1 && reports[0].checks == before && before >= 2)
    }
    try closed.get()
    try origin.await(2)
  }

  @Test("after stop nothing is checked and nothing is said")
  func stops() throws {
    let closed = Awaited<Bool>()
    let asked = Awaited<Bool>()
    let silent = try ScriptedServer { connection in
      _ = connection.readHead()
      asked.put(true)
      connection.readOut()
      closed.put(true)
    }
    let pool = try pool([silent.address()], checkedUpstream { $0.timeout = 3600 * oneSecond })
    try asked.get()
    try control.call { _ in pool.value.checker.stop() }
    try closed.get()
    // The deadline of another probe is many intervals later.
    let other = try ScriptedServer { $0.readOut() }
    _ = try control.outcome(healthTarget(other.port) { $0.timeout = 100 * oneMillisecond })
    #expect(asked.all.count == 1)
    #expect(verdicts.all.isEmpty)
  }

  @Test("so many checks run at once, the others wait for their turn")
  func bounded() throws {
    let max = HealthChecker.probesMax
    let arrived = Awaited<Int32>()
    let release = DispatchSemaphore(value: 0)
    let server = try ScriptedServer(anyLoopback: true) { connection in
      _ = connection.readHead()
      arrived.put(connection.descriptor)
      release.wait()
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      connection.finish()
    }
    defer { for _ in 0..<1000 { release.signal() } }
    let addresses = (1...UInt32(max + 3)).map { server.address(host: 0x7f00_0000 + $0) }
    let pool = try pool(addresses, checkedUpstream { $0.interval = 100 * oneMillisecond })
    try arrived.get(max - 1)
    // First checks fall into a tenth of the interval: after that all are due.
    let due = Awaited<Bool>()
    control.worker.post { worker in worker.after(20 * oneMillisecond) { due.put(true) } }
    try due.get()
    #expect(arrived.all.count == max)
    for turn in 0..<3 {
      release.signal()
      try arrived.get(max + turn)
    }
    try control.call { _ in pool.value.checker.stop() }
  }
}
