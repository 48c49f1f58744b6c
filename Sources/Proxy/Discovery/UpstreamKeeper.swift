// Keeps the list of one upstream's endpoints true: names are resolved again when their TTL ends, verdicts of active checks go to the
// cells that the workers read. Confined to the control worker's thread. Which upstreams there are is UpstreamRegistry's business;
// what a worker does with a listing is Worker.update's.
import Runtime

/// What happened to an upstream, for the log and for metrics.
public enum UpstreamEvent: Sendable {
  /// Active checks found an endpoint unhealthy, or healthy again.
  case verdict(HealthReport)
  /// A name could not be resolved; told once until it can be again. The last known addresses stay in use.
  case unresolved(ResolveFailure)
  /// A name that could not be resolved was resolved.
  case resolvedAgain(String)
}

/// One upstream's endpoints and their health.
public final class UpstreamKeeper {
  public private(set) var options: UpstreamOptions
  /// What every worker is to apply.
  public private(set) var listing: UpstreamListing
  private let worker: Worker
  private let resolver: NameResolver
  private let sources: [EndpointSource]
  private var directory: EndpointDirectory
  private var listed: [(description: EndpointDescription, address: UpstreamListing.Address)] = []
  private let checker: HealthChecker?
  private var isStopped = false
  /// The listing has changed; not called for the first.
  var onChange: (UpstreamKeeper) -> Void = { _ in }
  var onEvent: (UpstreamEvent) -> Void = { _ in }

  /// Lists what is known at once: literal addresses, and of a predecessor's names what it has resolved. Names are asked from `start` on.
  ///
  /// - Parameter predecessor: the keeper of the upstream under older settings, still running.
  init(_ options: UpstreamOptions, worker: Worker, resolver: NameResolver, predecessor: UpstreamKeeper? = nil) {
    self.options = options
    self.worker = worker
    self.resolver = resolver
    sources = options.endpoints.map(EndpointSource.init)
    for source in sources where !source.isLiteral {
      if let known = predecessor?.sources.first(where: { $0.asksAs(source) }) {
        source.endpoints = known.endpoints
        source.isAnswered = known.isAnswered
        source.failure = known.failure
      }
    }
    directory = EndpointDirectory(maxEjectedPercent: options.maxEjectedPercent)
    checker = options.check == nil ? nil : HealthChecker(options, worker: worker, predecessor: predecessor?.checker)
    // The directory spares its first list the slow start: an empty one must not use that up.
    listing = UpstreamListing(listing: EndpointListing(entries: [], pool: directory.poolCell, dropped: 0), addresses: [])
    relist(holdsNew: false)
    checker?.onVerdict = { [weak self] in self?.onEvent(.verdict($0)) }
  }

  public var name: String { options.name }

  /// Every name has been answered once, be it with a failure: what can be listed at a start is listed.
  public var isResolved: Bool { sources.allSatisfy(\.isAnswered) }

  /// Names whose last question failed.
  public var resolveFailures: [ResolveFailure] { sources.compactMap(\.failure) }

  /// What active checks have shown, in the listing's order; empty without active checks.
  public func reports() -> [HealthReport] { checker?.reports() ?? [] }

  /// Checks that are divided among nodes; see `HealthPeers`.
  var peers: (any HealthPeers)? {
    get { checker?.peers }
    set { checker?.peers = newValue }
  }

  /// The endpoints that are checked.
  var sharedEndpoints: [SharedEndpoint] { checker?.shared ?? [] }

  func heard(_ standings: [UInt64: SharedStanding]) { checker?.heard(standings) }

  /// Begins to resolve names and to check endpoints.
  func start() {
    checker?.adopt(listing)
    for source in sources where !source.isLiteral { ask(source) }
  }

  /// Ends both. The listing stays, for requests that still use it.
  func stop() {
    isStopped = true
    checker?.stop()
    for source in sources { worker.cancel(alarm: source.alarm) }
  }

  /// The same settings were read again, and their TLS context made anew.
  func adopt(tls: TLSClientContext?) {
    options.tls = tls
    checker?.adopt(tls: tls)
  }

  // MARK: names

  private func ask(_ source: EndpointSource) {
    if isStopped { return }
    let kind: ResolveKind = source.options.isService ? .service : .address
    resolver.resolve(source.options.host, port: source.options.port, kind: kind) { [weak self] result in
      guard let self, !isStopped else { return }
      answered(source, result)
    }
  }

  private func answered(_ source: EndpointSource, _ result: Result<Resolution, ResolveFailure>) {
    let wait: UInt64
    let failedBefore = source.failure != nil
    switch result {
    case .success(let resolution):
      source.endpoints = resolution.endpoints
      source.failure = nil
      wait = UInt64(resolution.ttlSeconds) * 1_000_000_000
      if failedBefore { onEvent(.resolvedAgain(source.options.host)) }
    case .failure(let failure):
      source.failure = failure
      wait = failure.retryAfterNanoseconds
      if !failedBefore { onEvent(.unresolved(failure)) }
    }
    source.alarm = worker.after(wait) { [weak self] in self?.ask(source) }
    let wasResolved = isResolved
    source.isAnswered = true
    guard relist(holdsNew: checker != nil && wasResolved) else { return }
    checker?.adopt(listing)
    onChange(self)
  }

  /// - Parameter holdsNew: new endpoints wait for their first check, unless a name has moved as a whole and nobody else can serve.
  /// - Returns: whether the listing has changed.
  @discardableResult
  private func relist(holdsNew: Bool) -> Bool {
    let next = sources.flatMap { $0.described() }
    if next.elementsEqual(listed, by: { $0.description == $1.description && $0.address.host == $1.address.host }) { return false }
    let known = Set(listed.map(\.description.id))
    let overlaps = next.contains { known.contains($0.description.id) }
    let entries = directory.update(to: next.map(\.description), now: worker.now, holdNew: holdsNew && overlaps)
    listed = next
    var places: [UInt64: UpstreamListing.Address] = [:]
    for place in next.map(\.address) where places[place.id] == nil { places[place.id] = place }
    listing = UpstreamListing(listing: entries, addresses: entries.entries.compactMap { places[$0.description.id] })
    return true
  }
}
