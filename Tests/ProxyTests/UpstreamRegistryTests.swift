import Runtime
import Testing

@testable import Proxy

@Suite("The upstreams over a reload")
struct UpstreamRegistryTests {
  let bench: RegistryBench

  init() throws { bench = try RegistryBench() }

  private func keepers() throws -> OnWorker<[UpstreamKeeper]> {
    try bench.control.call { [bench] _ in OnWorker(bench.registry.value.keepers) }
  }

  @Test("what a reload leaves alone keeps its keeper, its cells and its new place")
  func kept() throws {
    defer { try? bench.stop() }
    try bench.answer("shop.test", ["10.0.0.1"])
    _ = try bench.update([named("a", ["10.1.1.1"]), named("b", ["shop.test"])])
    #expect(try bench.changes.get().index == 1)
    let before = try keepers()
    let listings = try bench.update([named("b", ["shop.test"]), named("c", ["10.2.2.2"]), named("a", ["10.1.1.1"])])
    #expect(listings.map(\.addresses) == [["10.0.0.1:80"], ["10.2.2.2:80"], ["10.1.1.1:80"]])
    let after = try keepers()
    #expect(after.value[0] === before.value[1])
    #expect(after.value[2] === before.value[0])
    try bench.answer("shop.test", ["10.0.0.2"])
    let change = try bench.changes.get(1)
    #expect(change.index == 0 && change.addresses == ["10.0.0.2:80"])
  }

  @Test("changed settings make a new keeper, which knows the addresses at once")
  func replaced() throws {
    defer { try? bench.stop() }
    try bench.answer("shop.test", ["10.0.0.1"])
    _ = try bench.update([named("a", ["shop.test"])])
    try bench.changes.get()
    let before = try keepers()
    try bench.control.call { [bench] _ in bench.names.value.table = ["1 shop.test": .silence, "28 shop.test": .silence] }
    let listings = try bench.update([named("a", ["10.5.5.5", "shop.test"], fingerprint: 2)])
    #expect(listings[0].addresses == ["10.5.5.5:80", "10.0.0.1:80"])
    let after = try keepers()
    #expect(after.value[0] !== before.value[0])
    try bench.control.call { [bench] _ in #expect(bench.registry.value.isResolved) }
  }

  @Test("a failing endpoint stays out when the settings of its upstream change")
  func distrusted() throws {
    defer { try? bench.stop() }
    let origin = try SwitchedServer(500)
    var options = checkedUpstream([EndpointOptions(host: "127.0.0.1", port: origin.server.port)])
    _ = try bench.update([options])
    try bench.events.get()
    options.fingerprint = 2
    #expect(try bench.update([options])[0].holds == [.failedCheck])
  }

  @Test("TLS made anew from the same settings keeps the keeper")
  func tls() throws {
    defer { try? bench.stop() }
    let origin = try ScriptedServer.answering(HealthProbeTests.fine, tls: TLSFixture.shared.server())
    var options = checkedUpstream([EndpointOptions(host: "localhost", port: origin.port)])
    options.endpoints[0].host = "127.0.0.1"
    options.tls = try TLSFixture.shared.client(trust: "stranger.pem")
    _ = try bench.update([options])
    #expect(try bench.events.get().contains("unhealthy TLS: the peer's certificate is refused"))
    let before = try keepers()
    options.tls = try TLSFixture.shared.client(trust: "ca.pem")
    _ = try bench.update([options])
    #expect(try keepers().value[0] === before.value[0])
    #expect(try bench.events.get(1).hasSuffix(" healthy status 200"))
  }

  @Test("an upstream that is named no more is asked for no more")
  func removed() throws {
    defer { try? bench.stop() }
    try bench.answer("a.test", ["10.0.0.1"])
    try bench.answer("b.test", ["10.0.0.2"])
    _ = try bench.update([named("a", ["a.test"]), named("b", ["b.test"])])
    try bench.changes.get(1)
    let before = try keepers()
    #expect(try bench.update([named("b", ["b.test"])]).count == 1)
    let asked = try bench.asked("a.test")
    try bench.ask("b.test", 10)  // the other's turn would have come as often
    #expect(try bench.asked("a.test") <= asked + 1)
    #expect(before.value[0].listing.addresses.count == 1, "its listing serves whoever still uses it")
  }

  @Test("equal names do not share a keeper")
  func twins() throws {
    defer { try? bench.stop() }
    _ = try bench.update([named("a", ["10.0.0.1"]), named("a", ["10.0.0.1"])])
    _ = try bench.update([named("a", ["10.0.0.1"]), named("a", ["10.0.0.1"])])
    let keepers = try keepers()
    #expect(keepers.value[0] !== keepers.value[1])
  }
}
