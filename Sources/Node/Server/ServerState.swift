// Owns what the admin endpoint may know and ask of the serving process: the state that the main thread publishes, and the wishes that
// it wakes up for.
import CEpoll
import Cache
import Dispatch
import Gateway
import Glibc
import Proxy
import Runtime
import Synchronization

/// The bridge between the admin listener (on the control worker's thread) and the main thread.
///
/// SAFETY: (@unchecked Sendable) what changes is behind `Locked` or atomic; `workers`, `statistics`, the cache and `purges` are written
/// before the control worker serves and only read afterwards; `upstreams` is used on the control worker's thread only.
final class ServerState: AdminSource, @unchecked Sendable {
  private struct Published {
    var json = "{}"
    var revision: UInt64 = 0
    var isReady = false
    var isDraining = false
    var reloads: [@Sendable (ReloadOutcome) -> Void] = []
    /// How routes with a cache make keys, and the listeners' ports.
    var keyRules: [CacheKeyRules] = []
    var ports: [UInt16] = []
  }

  private let published = Locked(Published())
  private let masterPid: Int32
  private let log: NodeLog
  private var workers: [Worker] = []
  private var statistics: NodeStatistics!
  private var upstreams: ControlBox<UpstreamRegistry>?
  private var cacheService: CacheService!
  private var purges: PurgeService!
  private let clusterService = Locked<ClusterService?>(nil)
  private let started = SystemTime().monotonic()
  /// Readable when a reload was asked for.
  let wishes: Int32
  /// Set when a drain's deadline cut requests off.
  let cutOff = Atomic<Bool>(false)

  init(masterPid: Int32, log: NodeLog) {
    self.masterPid = masterPid
    self.log = log
    wishes = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
  }

  // MARK: from the main thread

  func setWorkers(_ workers: [Worker], statistics: NodeStatistics) {
    self.workers = workers
    self.statistics = statistics
  }

  func setCache(_ cache: CacheService, _ purges: PurgeService) {
    cacheService = cache
    self.purges = purges
  }

  func published(_ configuration: Configuration, revision: UInt64, upstreams: ControlBox<UpstreamRegistry>) {
    if self.upstreams == nil { self.upstreams = upstreams }
    cacheService.use(configuration)
    published.withLock {
      $0.json = configuration.redactedJSON()
      $0.revision = revision
      $0.keyRules = configuration.apis.flatMap { api in
        api.routes.compactMap { RouteCaching($0.cache ?? api.cache, api: api.name)?.key }
      }
      $0.ports = configuration.listeners.map(\.address.port)
    }
  }

  func setReady() { published.withLock { $0.isReady = true } }
  func setDraining() { published.withLock { $0.isDraining = true } }

  /// Answers everyone who asked for a reload.
  func reloaded(_ outcome: ReloadOutcome) {
    let waiting = published.withLock { state in
      defer { state.reloads = [] }
      return state.reloads
    }
    for tell in waiting { tell(outcome) }
  }

  /// Whether somebody has asked for a reload since the last call.
  func takeWish() -> Bool {
    var count: UInt64 = 0
    return read(wishes, &count, 8) == 8
  }

  /// What the admin listener serves by.
  func adminSnapshot(_ compiled: CompiledConfiguration) -> Snapshot {
    let identity = AdminIdentity(
      name: compiled.configuration.node.name, version: Version.number, workers: workers.count, started: started)
    let application = AdminApplication(
      AdminOptions(compiled.configuration.admin, port: compiled.admin.port), identity: identity, statistics: statistics, source: self)
    var limits = compiled.limits
    limits.bodyBytesMax = 1 << 20
    return Snapshot(
      application: application, upstreams: [], listeners: [compiled.admin], limits: limits, forwarding: ForwardingOptions(via: ""),
      revision: published.withLock { $0.revision })
  }

  func startStatistics(on worker: Worker) { statistics.start(on: worker) }

  // MARK: AdminSource

  func readiness() -> [String] {
    var reasons = published.withLock { state in
      state.isDraining ? ["draining"] : state.isReady ? [] : ["starting"]
    }
    for name in upstreams?.value.unresolved ?? [] { reasons.append("upstream \(name): its names are not resolved yet") }
    return reasons
  }

  func configurationJSON() -> String { published.withLock { $0.json } }

  func gatherReports(on worker: Worker, _ completion: @escaping @Sendable ([WorkerReport]) -> Void) {
    WorkerPoll.reports(of: workers, on: worker, completion)
  }

  func requestReload(_ completion: @escaping @Sendable (ReloadOutcome) -> Void) {
    let refusal: ReloadOutcome? = published.withLock { state in
      if state.isDraining { return .unavailable("the node is draining") }
      if state.reloads.count >= 16 { return .unavailable("reloads are under way") }
      state.reloads.append(completion)
      return nil
    }
    if let refusal { return completion(refusal) }
    var one: UInt64 = 1
    _ = write(wishes, &one, 8)
  }

  func setCluster(_ service: ClusterService) { clusterService.withLock { $0 = service } }

  func cluster() -> ClusterView? { clusterService.withLock { $0 }?.view }

  func requestLeave(_ completion: @escaping @Sendable () -> Void) {
    guard let service = clusterService.withLock({ $0 }) else { return completion() }
    // Waits for the goodbye to be told, which the control worker must not.
    DispatchQueue.global().async {
      service.leave()
      completion()
    }
  }

  func cache() -> CacheView {
    let results = cacheService.metrics.results.map { (name: $0.name, count: statistics.total($0.counter)) }
    return CacheView(
      report: cacheService.report, results: results, diskHits: statistics.total(cacheService.metrics.diskHits))
  }

  func hotKeys() -> [String] { cacheService.hotKeys(max: 20) }

  func cacheQuestion(url: String) -> CacheQuestion? {
    let (rules, ports) = published.withLock { ($0.keyRules, $0.ports) }
    return CacheQuestion(url: url, rules: rules, ports: ports)
  }

  func inspectCache(_ question: CacheQuestion, _ completion: @escaping @Sendable (CacheInspection) -> Void) {
    cacheService.inspect(question.keys, completion)
  }

  func requestPurge(_ purge: Purge, within nanoseconds: UInt64, _ completion: @escaping @Sendable (PurgeReport?) -> Void) {
    purges.purge(purge, within: nanoseconds, completion)
  }

  func requestDrain() {
    log.info("drain asked for by the admin endpoint")
    kill(masterPid, SIGTERM)
  }
}
