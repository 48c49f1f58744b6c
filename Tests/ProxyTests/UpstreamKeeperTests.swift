import Foundation
import Runtime
import Testing

@testable import Proxy

/// What a test sees of a changed listing, taken on the worker's thread before anything else happens.
struct SeenListing: Sendable {
  var index: Int
  var addresses: [String]
  var holds: [EndpointHolds]
}

/// A registry on a worker, and a name server on the same loop.
final class RegistryBench: Sendable {
  let control: ControlWorker
  let names: OnWorker<TinyNameServer>
  let registry: OnWorker<UpstreamRegistry>
  let changes = Awaited<SeenListing>()
  let events = Awaited<String>()
  /// All that was asked of the name server, after each of its turns.
  let questions = Awaited<[String]>()

  /// TTLs of 0 are taken at their word here, so that a test need not wait for a second.
  init() throws {
    let control = try ControlWorker()
    let names = OnWorker(try TinyNameServer())
    let (changes, events, questions) = (changes, events, questions)
    registry = try control.call { worker in
      worker.watch(names.value.udp, readable: true, writable: false) { _ in
        names.value.turn()
        questions.put(names.value.asked)
      }
      var limits = ResolverLimits()
      limits.ttlSecondsMin = 0
      limits.tries = 1
      let registry = UpstreamRegistry(worker: worker, resolverLimits: limits, nameServers: "127.0.0.1:\(names.value.port)")
      registry.onChange = { index, listing in changes.put(seen(listing, index)) }
      registry.onEvent = { name, event in
        switch event {
        case .verdict(let report): events.put("\(name): \(report.address) \(report.verdict) \(report.lastReason)")
        case .unresolved(let failure): events.put("\(name): \(failure)")
        case .resolvedAgain(let host): events.put("\(name): \(host) again")
        }
      }
      return OnWorker(registry)
    }
    (self.control, self.names) = (control, names)
  }

  /// Sockets of the resolver are on the worker's loop: they go before it does.
  func stop() throws {
    try control.call { [registry, names] worker in
      registry.value.stop()
      worker.unwatch(names.value.udp)
    }
  }

  func update(_ options: [UpstreamOptions]) throws -> [SeenListing] {
    try control.call { [registry] _ in registry.value.update(to: options).enumerated().map { seen($1, $0) } }
  }

  /// Sets the addresses of a name; none: it does not exist.
  func answer(_ name: String, _ addresses: [String], ttl: UInt32 = 0) throws {
    try control.call { [names] _ in
      names.value.table["1 \(name)"] = addresses.isEmpty ? .code(3) : .records(addresses.map { .a($0, ttl: ttl) })
      names.value.table["28 \(name)"] = addresses.isEmpty ? .code(3) : .records([])
    }
  }

  func asked(_ name: String) throws -> Int {
    try control.call { [names] _ in names.value.asked.count { $0 == "1 \(name)" } }
  }

  /// Waits until the name has been asked for so many more times.
  func ask(_ name: String, _ count: Int) throws {
    let wanted = try asked(name) + count
    try questions.first { $0.last.map { $0.count { $0 == "1 \(name)" } >= wanted } == true ? true : nil }
  }
}

private func seen(_ listing: UpstreamListing, _ index: Int) -> SeenListing {
  SeenListing(index: index, addresses: listing.addresses.map(\.address.description), holds: listing.listing.entries.map(\.cell.holds))
}

func named(_ name: String, _ hosts: [String], port: UInt16 = 80, fingerprint: UInt64 = 1) -> UpstreamOptions {
  var options = UpstreamOptions(name: name, endpoints: hosts.map { EndpointOptions(host: $0, port: port) })
  options.fingerprint = fingerprint
  return options
}

@Suite("The endpoints of an upstream")
struct UpstreamKeeperTests {
  let bench: RegistryBench

  init() throws { bench = try RegistryBench() }

  @Test("literal addresses are listed at once, each once")
  func literals() throws {
    defer { try? bench.stop() }
    let listings = try bench.update([named("a", ["10.0.0.1", "::1", "10.0.0.1"])])
    #expect(listings[0].addresses == ["10.0.0.1:80", "[::1]:80"])
    try bench.control.call { [bench] _ in
      #expect(bench.registry.value.isResolved)
      #expect(bench.registry.value.keepers[0].listing.listing.dropped == 1)
    }
  }

  @Test("names are listed when they are resolved, and again when their TTL has ended")
  func names() throws {
    defer { try? bench.stop() }
    try bench.answer("shop.test", ["10.0.0.2", "10.0.0.1"])
    let first = try bench.update([named("a", ["10.9.9.9", "shop.test"])])
    #expect(first[0].addresses == ["10.9.9.9:80"])
    let resolved = try bench.changes.get()
    #expect(resolved.addresses == ["10.9.9.9:80", "10.0.0.1:80", "10.0.0.2:80"])
    try bench.control.call { [bench] _ in #expect(bench.registry.value.unresolved.isEmpty) }
    try bench.answer("shop.test", ["10.0.0.3"])
    #expect(try bench.changes.get(1).addresses == ["10.9.9.9:80", "10.0.0.3:80"])
    #expect(bench.events.all.isEmpty)
    #expect(bench.changes.all.count == 2, "answers that change nothing are not told")
  }

  @Test("an upstream counts as unresolved until its names are answered")
  func readiness() throws {
    defer { try? bench.stop() }
    try bench.control.call { [bench] _ in bench.names.value.table["silent.test"] = .silence }
    #expect(try bench.update([named("a", ["10.0.0.1"]), named("b", ["silent.test"])])[1].addresses.isEmpty)
    try bench.control.call { [bench] _ in
      #expect(!bench.registry.value.isResolved)
      #expect(bench.registry.value.unresolved == ["b"])
    }
  }

  @Test("a failure keeps the last known addresses, is told once, and its end is told")
  func failure() throws {
    defer { try? bench.stop() }
    try bench.answer("shop.test", ["10.0.0.1"])
    _ = try bench.update([named("a", ["shop.test"])])
    #expect(try bench.changes.get().addresses == ["10.0.0.1:80"])
    try bench.answer("shop.test", [])
    #expect(try bench.events.get() == "a: the name shop.test does not exist")
    try bench.control.call { [bench] _ in
      let keeper = bench.registry.value.keepers[0]
      #expect(keeper.listing.addresses.count == 1)
      #expect(keeper.isResolved && keeper.resolveFailures.map(\.kind) == [.noSuchName])
    }
    try bench.ask("shop.test", 1)  // and fails again
    try bench.answer("shop.test", ["10.0.0.2"])
    #expect(try bench.events.get(1) == "a: shop.test again")
    #expect(try bench.changes.get(1).addresses == ["10.0.0.2:80"])
    #expect(bench.events.all.count == 2)
  }

  @Test("a name that never was counts as answered, with nobody listed")
  func noSuchName() throws {
    defer { try? bench.stop() }
    _ = try bench.update([named("a", ["gone.test"])])
    #expect(try bench.events.get() == "a: the name gone.test does not exist")
    try bench.control.call { [bench] _ in
      #expect(bench.registry.value.isResolved)
      #expect(bench.registry.value.keepers[0].listing.addresses.isEmpty)
    }
    #expect(bench.changes.all.isEmpty)
  }

  @Test("service records bring ports, priorities and weights")
  func service() throws {
    defer { try? bench.stop() }
    try bench.control.call { [bench] _ in
      bench.names.value.table["33 _http._tcp.shop.test"] = .records([
        .srv("b.shop.test", port: 9002, priority: 20, weight: 1, ttl: 300),
        .srv("a.shop.test", port: 9001, priority: 10, weight: 3, ttl: 300),
      ])
    }
    try bench.answer("a.shop.test", ["10.0.0.1"], ttl: 300)
    try bench.answer("b.shop.test", ["10.0.0.2"], ttl: 300)
    let options = UpstreamOptions(name: "a", endpoints: [EndpointOptions(host: "_http._tcp.shop.test", port: 0, isService: true)])
    _ = try bench.update([options])
    #expect(try bench.changes.get().addresses == ["10.0.0.1:9001", "10.0.0.2:9002"])
    try bench.control.call { [bench] _ in
      let listing = bench.registry.value.keepers[0].listing
      #expect(listing.listing.entries.map(\.description.priority) == [0, 1])
      #expect(listing.listing.entries.map(\.description.weight) == [300, 100])
      #expect(listing.addresses.map(\.host) == ["shop.test", "shop.test"])
    }
  }

  @Test("an address that joins waits for its first check; a name that moves as a whole does not")
  func joins() throws {
    defer { try? bench.stop() }
    let origin = try SwitchedServer(200, anyLoopback: true)
    try bench.answer("shop.test", ["127.0.0.1"])
    _ = try bench.update([checkedUpstream([EndpointOptions(host: "shop.test", port: origin.server.port)])])
    #expect(try bench.changes.get().holds == [[]], "a start waits for nobody")
    try bench.control.call { [bench] _ in
      let cell = bench.registry.value.keepers[0].listing.listing.entries[0].cell
      #expect(cell.pointer.pointee.rampSince == 0, "nor begins slowly")
    }
    try bench.answer("shop.test", ["127.0.0.1", "127.0.0.2"])
    #expect(try bench.changes.get(1).holds == [[], .unchecked])
    try origin.await(10)
    try bench.answer("shop.test", ["127.0.0.3"])
    #expect(try bench.changes.get(2).holds == [[]])
  }

  @Test("verdicts of the checks reach the listing's cells and the events")
  func verdicts() throws {
    defer { try? bench.stop() }
    let origin = try SwitchedServer(500)
    _ = try bench.update([checkedUpstream([EndpointOptions(host: "127.0.0.1", port: origin.server.port)])])
    #expect(try bench.events.get() == "origin: 127.0.0.1:\(origin.server.port) unhealthy status 500")
    try bench.control.call { [bench] _ in
      let keeper = bench.registry.value.keepers[0]
      #expect(keeper.listing.listing.entries[0].cell.holds == .failedCheck)
      #expect(keeper.reports().map(\.isHealthy) == [false])
    }
  }
}
