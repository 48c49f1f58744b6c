// The node's upstreams with their endpoints and health, on the control worker's thread. A reload keeps the keeper of every upstream
// whose settings it left alone, and with it names, verdicts and the cells that the workers' pools point at.
import Runtime

/// The set of keepers, in the order of the last update.
public final class UpstreamRegistry {
  public private(set) var keepers: [UpstreamKeeper] = []
  /// (index in the last update, listing): an upstream's endpoints have changed. To be handed to `Worker.update(upstream:revision:to:)`
  /// of every worker. Runs on the control worker's thread, never inside `update`.
  public var onChange: (Int, UpstreamListing) -> Void = { _, _ in }
  /// (upstream, event), for the log and for metrics. Runs on the control worker's thread.
  public var onEvent: (String, UpstreamEvent) -> Void = { _, _ in }
  /// Other nodes among which active checks are divided; nil where this node checks everything itself.
  public weak var peers: (any HealthPeers)? {
    didSet {
      for keeper in keepers { keeper.peers = peers }
      tellPeers()
    }
  }
  private let worker: Worker
  private let resolver: NameResolver

  /// Call this and everything else on `worker`'s thread.
  ///
  /// - Parameters:
  ///   - worker: the control worker, whose loop carries checks and questions.
  ///   - resolverLimits: see `ResolverLimits`.
  ///   - nameServers: `127.0.0.1:53,[::1]:53` instead of those in /etc/resolv.conf.
  public init(worker: Worker, resolverLimits: ResolverLimits = ResolverLimits(), nameServers: String? = nil) {
    self.worker = worker
    resolver = NameResolver(worker: worker, limits: resolverLimits, servers: nameServers)
  }

  /// Makes these the node's upstreams.
  ///
  /// An upstream with the name and fingerprint of a present one keeps its keeper. One with the name alone takes over what its
  /// predecessor knew of addresses and failing endpoints. Those that are not named end.
  /// - Returns: their listings in order, for `Worker.adopt(_:listings:)`.
  public func update(to upstreams: [UpstreamOptions]) -> [UpstreamListing] {
    var left = keepers
    var fresh: [UpstreamKeeper] = []
    keepers = upstreams.map { options in
      if let at = left.firstIndex(where: { $0.name == options.name && $0.options.fingerprint == options.fingerprint }) {
        let keeper = left.remove(at: at)
        keeper.adopt(tls: options.tls)
        return keeper
      }
      let keeper = make(options, predecessor: left.first { $0.name == options.name })
      fresh.append(keeper)
      return keeper
    }
    for keeper in left { keeper.stop() }
    for keeper in fresh {
      keeper.peers = peers
      keeper.start()
    }
    tellPeers()
    return keepers.map(\.listing)
  }

  private func tellPeers() { peers?.watch(keepers.flatMap(\.sharedEndpoints)) }

  /// What the nodes have agreed on has changed: who checks which endpoints, and what they find.
  public func heard(_ standings: [SharedStanding]) {
    var byEndpoint: [UInt64: SharedStanding] = [:]
    for standing in standings { byEndpoint[standing.id] = standing }
    for keeper in keepers { keeper.heard(byEndpoint) }
  }

  /// Ends all checks and questions. Call before the worker ends.
  public func stop() {
    for keeper in keepers { keeper.stop() }
    resolver.stop()
  }

  /// Every name has been answered once, be it with a failure.
  public var isResolved: Bool { keepers.allSatisfy(\.isResolved) }

  /// Upstreams that wait for a name's first answer.
  public var unresolved: [String] { keepers.filter { !$0.isResolved }.map(\.name) }

  private func make(_ options: UpstreamOptions, predecessor: UpstreamKeeper?) -> UpstreamKeeper {
    let keeper = UpstreamKeeper(options, worker: worker, resolver: resolver, predecessor: predecessor)
    let name = options.name
    keeper.onChange = { [weak self] keeper in
      guard let self, let index = keepers.firstIndex(where: { $0 === keeper }) else { return }
      onChange(index, keeper.listing)
      tellPeers()
    }
    keeper.onEvent = { [weak self] in self?.onEvent(name, $0) }
    return keeper
  }
}
