// Owns: what the admin listener asks of the node. Workers' state may be read on their own threads only, so what comes from there comes
// later, by a call.
import Cache
import Gateway
import Proxy
import Runtime

/// The node as the admin listener sees it. Every call comes on the admin worker's thread and must not block it.
public protocol AdminSource: AnyObject, Sendable {
  /// Why the node should get no traffic now, in words for people; empty when it should.
  func readiness() -> [String]

  /// The configuration in effect as JSON, secrets redacted (`Configuration.redactedJSON`).
  func configurationJSON() -> String

  /// Asks every worker for its report; `WorkerPoll.reports` does all of it.
  /// - Parameter completion: to be called once, on `worker`'s thread.
  func gatherReports(on worker: Worker, _ completion: @escaping @Sendable ([WorkerReport]) -> Void)

  /// Loads the configuration again.
  /// - Parameter completion: to be called once, on any thread.
  func requestReload(_ completion: @escaping @Sendable (ReloadOutcome) -> Void)

  /// Begins to drain the node, as SIGTERM does.
  func requestDrain()

  /// The cluster as this node sees it; nil when it stands alone by configuration.
  func cluster() -> ClusterView?

  /// This node's cache.
  func cache() -> CacheView

  /// Keys that are asked for most, in no order.
  func hotKeys() -> [String]

  /// Keys that a GET of a URL may have, by the routes' rules; nil for what is no URL.
  func cacheQuestion(url: String) -> CacheQuestion?

  /// Shows entries of this node's cache.
  /// - Parameter completion: to be called once, on any thread.
  func inspectCache(_ question: CacheQuestion, _ completion: @escaping @Sendable (CacheInspection) -> Void)

  /// Purges here and on all other nodes.
  /// - Parameters:
  ///   - nanoseconds: how long to wait for the nodes that live.
  ///   - completion: to be called once, on any thread; with nil where too many purges wait already.
  func requestPurge(_ purge: Purge, within nanoseconds: UInt64, _ completion: @escaping @Sendable (PurgeReport?) -> Void)

  /// Says goodbye to the cluster.
  /// - Parameter completion: to be called once, on any thread.
  func requestLeave(_ completion: @escaping @Sendable () -> Void)
}

/// How a reload ended.
public enum ReloadOutcome: Sendable, Equatable {
  case applied(revision: UInt64, warnings: [String])
  /// The configuration that was in effect stays so. One text a fault, with its place in the file.
  case refused(faults: [String])
  /// No reload was tried: one is under way, or the node drains.
  case unavailable(String)
}

/// The cache as the admin endpoint shows it.
public struct CacheView: Sendable {
  public var report: CacheReport
  /// What became of requests, by the words of `tidegate_cache_requests_total`.
  public var results: [(name: String, count: UInt64)]

  /// Hits that were answered from disk.
  public var diskHits: UInt64

  public init(report: CacheReport = CacheReport(), results: [(name: String, count: UInt64)] = [], diskHits: UInt64 = 0) {
    self.diskHits = diskHits
    self.report = report
    self.results = results
  }
}

/// What does not change while the process lives.
public struct AdminIdentity: Sendable {
  public var name: String
  public var version: String
  public var workers: Int
  public var started: MonotonicTime

  public init(name: String, version: String, workers: Int, started: MonotonicTime) {
    self.name = name
    self.version = version
    self.workers = workers
    self.started = started
  }
}

/// Who may use the admin listener, and under which names.
public struct AdminOptions: Sendable {
  /// Where it listens; the port that it got, where the configuration left the choice to the kernel.
  public var listen: HostPort
  public var token: String?
  /// Client certificates are verified on the listener: one stands in for the token.
  public var trustsCertificates: Bool

  public init(listen: HostPort, token: String? = nil, trustsCertificates: Bool = false) {
    self.listen = listen
    self.token = token
    self.trustsCertificates = trustsCertificates
  }

  /// - Parameter port: the port that the listener got.
  public init(_ admin: Configuration.Admin, port: UInt16) {
    self.init(
      listen: HostPort(host: admin.listen.host, port: port), token: admin.token,
      trustsCertificates: admin.tls.map { $0.clientMode != .off } ?? false)
  }
}
