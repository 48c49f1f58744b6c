import Runtime
import Testing

@testable import Proxy

/// Other nodes, by the test's word.
private final class ScriptedPeers: HealthPeers {
  let watched = Awaited<[SharedEndpoint]>()
  let found = Awaited<Bool>()

  func watch(_ endpoints: [SharedEndpoint]) { watched.put(endpoints) }
  func found(_ endpoint: UInt64, isHealthy: Bool) { found.put(isHealthy) }
}

@Suite("Active checks that are divided among nodes")
struct HealthPeersTests {
  let control: ControlWorker
  let verdicts = Awaited<HealthReport>()

  init() throws { control = try ControlWorker() }

  /// A pool of one endpoint, whose checks are shared.
  private func pool(_ origin: SwitchedServer, _ peers: OnWorker<ScriptedPeers>, _ options: UpstreamOptions) throws -> OnWorker<CheckedPool>
  {
    let verdicts = verdicts
    return try control.call { worker in
      let pool = CheckedPool(options, worker)
      pool.checker.onVerdict = { verdicts.put($0) }
      pool.checker.peers = peers.value
      pool.list([origin.server.address()], now: worker.now)
      return OnWorker(pool)
    }
  }

  /// What the nodes have agreed on.
  private func tell(_ pool: OnWorker<CheckedPool>, isMine: Bool, isHealthy: Bool?) throws {
    try control.call { _ in
      let id = pool.value.checker.shared[0].id
      pool.value.checker.heard([id: SharedStanding(id: id, isMine: isMine, isHealthy: isHealthy)])
    }
  }

  private func holds(_ pool: OnWorker<CheckedPool>) throws -> EndpointHolds { try control.call { _ in pool.value.cell(0).holds } }

  @Test("each check of one's own is told, by its threshold")
  func told() throws {
    let origin = try SwitchedServer(200)
    let peers = OnWorker(ScriptedPeers())
    let pool = try pool(origin, peers, checkedUpstream())
    try peers.value.found.get(2)
    #expect(peers.value.found.all.allSatisfy { $0 })
    origin.answer(500)
    _ = try verdicts.get()
    try peers.value.found.get(peers.value.found.all.count)
    #expect(peers.value.found.all.contains(false))
    #expect(try holds(pool) == .failedCheck)
    try control.call { _ in pool.value.checker.stop() }
  }

  @Test("what others check is not checked here, and what they find holds")
  func others() throws {
    let origin = try SwitchedServer(200)
    let peers = OnWorker(ScriptedPeers())
    // Checks an hour apart: none happens here before the others have spoken but by chance, and that one passes.
    let pool = try pool(origin, peers, checkedUpstream { $0.interval = 3_600 * oneSecond })
    try tell(pool, isMine: false, isHealthy: false)
    #expect(try holds(pool) == .clusterVerdict)
    let down = try verdicts.get()
    #expect(!down.isHealthy && down.lastReason == "found by the nodes that check it")
    try tell(pool, isMine: false, isHealthy: true)
    #expect(try holds(pool) == [])
    #expect(try verdicts.get(1).isHealthy)
    try tell(pool, isMine: false, isHealthy: nil)
    #expect(try holds(pool) == [], "without a majority all stays as it was")
    let checks = try control.call { _ in pool.value.checker.reports()[0].checks }
    #expect(checks == 0)
  }

  @Test("what a node cannot reach itself is unhealthy for it, whatever others find")
  func ownView() throws {
    let origin = try SwitchedServer(500)
    let peers = OnWorker(ScriptedPeers())
    let pool = try pool(origin, peers, checkedUpstream())
    _ = try verdicts.get()
    try tell(pool, isMine: true, isHealthy: true)
    #expect(try holds(pool) == .failedCheck)
    try tell(pool, isMine: false, isHealthy: true)
    #expect(try holds(pool) == [], "and only while it checks itself")
    try control.call { _ in pool.value.checker.stop() }
  }

  @Test("a node whose turn comes goes on from what others have found")
  func turn() throws {
    let origin = try SwitchedServer(500)
    let peers = OnWorker(ScriptedPeers())
    let pool = try pool(origin, peers, checkedUpstream())
    try tell(pool, isMine: false, isHealthy: true)
    let before = verdicts.all.count
    let answered = origin.answered.all.count
    try tell(pool, isMine: true, isHealthy: true)
    _ = try verdicts.get(before)
    #expect(origin.answered.all.count - answered >= 3, "one failed check is not enough: the others have found it healthy")
    #expect(try holds(pool) == .failedCheck)
    try control.call { _ in pool.value.checker.stop() }
  }

  @Test("an endpoint that waits for its first check is free once others know it")
  func unchecked() throws {
    let origin = try SwitchedServer(200)
    let peers = OnWorker(ScriptedPeers())
    let pool = try pool(origin, peers, checkedUpstream { $0.interval = 3_600 * oneSecond })
    try control.call { worker in
      pool.value.list([origin.server.address(), origin.server.address(host: 0x7f00_0002)], holdNew: true, now: worker.now)
    }
    try control.call { _ in
      #expect(pool.value.cell(1).holds == .unchecked)
      let id = pool.value.checker.shared[1].id
      pool.value.checker.heard([id: SharedStanding(id: id, isMine: false, isHealthy: true)])
      #expect(pool.value.cell(1).holds == [])
    }
  }
}
