import Cache
import Gateway
@testable import Gossip
import Runtime

@testable import Node
@testable import Proxy

/// A node that says what it is told to, and remembers what it was asked for.
///
/// SAFETY: (@unchecked Sendable) a test uses it on one thread at a time.
final class ScriptedSource: AdminSource, @unchecked Sendable {
  var reasons: [String] = []
  var reports: [WorkerReport] = []
  var outcome = ReloadOutcome.applied(revision: 4, warnings: [])
  private(set) var reloads = 0
  private(set) var drains = 0

  func readiness() -> [String] { reasons }
  func configurationJSON() -> String { #"{"node": {"name": "edge-1"}}"# }
  func gatherReports(on worker: Worker, _ completion: @escaping @Sendable ([WorkerReport]) -> Void) { completion(reports) }
  func requestReload(_ completion: @escaping @Sendable (ReloadOutcome) -> Void) {
    reloads += 1
    completion(outcome)
  }
  func requestDrain() { drains += 1 }

  var view: ClusterView? = ScriptedSource.three
  private(set) var leaves = 0
  func cluster() -> ClusterView? { view }
  func requestLeave(_ completion: @escaping @Sendable () -> Void) {
    leaves += 1
    completion()
  }

  var cacheView = CacheView(results: [(name: "hit", count: 3), (name: "uri-miss", count: 1)])
  var purgeReport: PurgeReport? = PurgeReport(id: "7.0-1", applied: ["edge-1"], awaited: ["edge-2"])
  private(set) var purges: [Purge] = []
  func cache() -> CacheView { cacheView }
  func hotKeys() -> [String] { ["http://h/hot"] }
  func cacheQuestion(url: String) -> CacheQuestion? { CacheQuestion(url: url, rules: [CacheKeyRules()], ports: [8080]) }
  func inspectCache(_ question: CacheQuestion, _ completion: @escaping @Sendable (CacheInspection) -> Void) {
    completion(ScriptedSource.inspection(of: question))
  }
  static func inspection(of question: CacheQuestion) -> CacheInspection {
    var found = CacheInspection()
    found.keys = question.keys
    found.rank = ["edge-2", "edge-1"]
    return found
  }
  func requestPurge(_ purge: Purge, within nanoseconds: UInt64, _ completion: @escaping @Sendable (PurgeReport?) -> Void) {
    purges.append(purge)
    completion(purgeReport)
  }

  /// This node, one that drains, and a dead one.
  static let three: ClusterView = {
    func member(_ id: UInt64, _ name: String, _ state: MemberState, draining: Bool = false, isSelf: Bool = false) -> MemberStatus {
      MemberStatus(
        id: MemberID(id),
        record: MemberRecord(
          name: name, peer: SocketAddress(ipv4: 0x7f00_0001, port: UInt16(7_000 + id)), zone: "a", build: "1.2.3", isDraining: draining),
        state: state, version: MemberVersion(generation: 9, incarnation: 2), stateAge: isSelf ? nil : 1_500_000_000,
        roundTrip: isSelf ? nil : 250_000, isSelf: isSelf)
    }
    var status = GossipStatus()
    status.members = [
      member(3, "edge-3", .dead), member(2, "edge-2", .alive, draining: true), member(1, "edge-1", .alive, isSelf: true),
    ]
    return ClusterView(name: "shop", status: status, keys: ["0a0b0c0d", "01020304"])
  }()
}

/// An admin application over scripted parts.
final class AdminFixture {
  let source = ScriptedSource()
  let time = ManualTime()
  let registry = MetricRegistry()
  let cells = MetricCells()
  let engine: EngineMetrics
  let traffic: TrafficMetrics
  let statistics: NodeStatistics
  let application: AdminApplication

  init(_ options: AdminOptions = AdminOptions(listen: HostPort(host: "127.0.0.1", port: 9901))) {
    engine = EngineMetrics(registry)
    traffic = TrafficMetrics(registry)
    statistics = NodeStatistics(registry, cells: [cells], engine: engine, traffic: traffic, time: time)
    application = AdminApplication(
      options, identity: AdminIdentity(name: "edge-1", version: "1.2.3", workers: 2, started: time.monotonic()), statistics: statistics,
      source: source, time: time)
  }

  deinit { cells.deallocate() }

  /// The response, reports and outcome filled in as the source has them; nothing is done to the source.
  func response(_ request: LocalRequest) -> LocalResponse {
    switch application.respond(to: request) {
    case .now(let response), .drain(let response): response
    case .report(let render): render(source.reports)
    case .reload(let render): render(source.outcome)
    case .leave(let render): render()
    case .purge(_, _, let render): render(source.purgeReport)
    case .inspect(let question, let render):
      render(ScriptedSource.inspection(of: question))
    }
  }

  func get(_ target: String, host: String = "127.0.0.1:9901", _ fields: [(name: String, value: String)] = []) -> LocalResponse {
    response(.made("GET", target, host: host, fields))
  }
}

extension LocalRequest {
  static func made(
    _ method: String, _ target: String, host: String = "127.0.0.1:9901", _ fields: [(name: String, value: String)] = [], body: String = "",
    isSecure: Bool = false, subject: String? = nil
  ) -> LocalRequest {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    return LocalRequest(
      method: method, target: target, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "", authority: host,
      fields: fields, body: Array(body.utf8), clientAddress: SocketAddress(ipv4: 0x7f00_0001, port: 5000), protocolName: "HTTP/1.1",
      isSecure: isSecure, wantsUpgrade: false, clientSubject: subject)
  }

  /// A change as an operator's tool asks for it.
  static func change(
    _ path: String, host: String = "127.0.0.1:9901", type: String? = "application/json", origin: String? = nil, body: String = "{}"
  ) -> LocalRequest {
    var fields: [(name: String, value: String)] = []
    if let type { fields.append(("Content-Type", type)) }
    if let origin { fields.append(("Origin", origin)) }
    return made("POST", path, host: host, fields, body: body)
  }
}

extension LocalResponse {
  var text: String { String(decoding: body, as: UTF8.self) }

  func json() throws -> JSONValue { try JSONValue.parse(body) }

  func field(_ name: String) -> String? { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
}

extension EndpointReport {
  static func made(
    _ port: UInt16, healthy: Bool = true, ejectedFor: UInt64 = 0, requests: UInt64 = 0, failures: UInt64 = 0
  ) -> EndpointReport {
    EndpointReport(
      id: UInt64(port), address: SocketAddress(ipv4: 0x7f00_0001, port: port), host: "127.0.0.1", isHealthy: healthy,
      holds: healthy ? [] : .failedCheck, ejectedFor: ejectedFor, weight: 1, isSameZone: true, priority: 0, active: 1, connections: 3,
      idle: 2, requests: requests, failures: failures)
  }
}

extension UpstreamReport {
  static func made(_ name: String, _ endpoints: [EndpointReport]) -> UpstreamReport {
    UpstreamReport(
      name: name, endpoints: endpoints, requests: 2, pending: 1, connections: 3, requestsRefused: 4, pendingRefused: 5,
      connectionsRefused: 6, panicPicks: 7)
  }
}
