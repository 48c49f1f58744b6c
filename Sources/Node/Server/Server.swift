// Owns the life of the serving process: from the configuration to workers that serve, through reloads, to the end of the drain. It runs
// on the main thread and waits for the master's commands; requests are the workers' business.
import CEpoll
import Foundation
import Gateway
import Proxy
import Runtime

/// `tidegate serve`, the process that the master starts and starts again.
public enum Server {
  /// Serves until the master says otherwise.
  ///
  /// - Parameter path: the configuration file.
  /// - Returns: the exit code: 0 drained, 1 bad start, 3 requests were cut off at the drain's deadline.
  public static func run(configuration path: String) -> Int32 {
    TLSMemory.install()
    guard let link = MasterLink.fromEnvironment() else {
      FileHandle.standardError.write(Data("tidegate: `serve` is started by `tidegate run`, not by hand\n".utf8))
      return MasterExit.badStart
    }
    let process = ServingProcess(link: link, path: path)
    guard process.start() else { return MasterExit.badStart }
    return process.serve()
  }
}

/// The state of the serving process. Confined to the main thread, but for what the admin endpoint reads through `ServerState`.
final class ServingProcess {
  let link: MasterLink
  let path: String
  let log = NodeLog()
  let compiler = SnapshotCompiler()
  let registry = MetricRegistry()
  let state: ServerState
  var control: WorkerThread!
  var workers: [WorkerThread] = []
  var upstreams: ControlBox<UpstreamRegistry>!
  var current: CompiledConfiguration!
  var revision: UInt64 = 0
  var accessLog: AccessLog?
  var observer: NodeObserver!
  private var cluster: ClusterService?
  private var peers: ControlBox<PeerWatch>?
  private var cache: CacheService!
  private var purges: PurgeService!
  private let cacheMetrics: CacheMetrics
  private let engineMetrics: EngineMetrics
  private let lifecycle: LifecycleMetrics
  private let mainCells = MetricCells()
  /// What access logs count in, one after the other.
  private let accessLogCells = MetricCells()

  init(link: MasterLink, path: String) {
    self.link = link
    self.path = path
    engineMetrics = EngineMetrics(registry)
    cacheMetrics = CacheMetrics(registry)
    lifecycle = LifecycleMetrics(registry)
    state = ServerState(masterPid: link.masterPid, log: log)
  }

  // MARK: starting

  func start() -> Bool {
    guard let (compiled, bytes) = loadForStart() else { return false }
    let configuration = compiled.configuration
    log.set(level: configuration.log.level)
    link.data(path: configuration.node.data)
    do {
      try openAccessLog(configuration, workers: configuration.node.workers, cells: accessLogCells)
      let sockets = try compiled.listeners.map { try link.listen($0.address, count: configuration.node.workers) }
      let adminSockets = try link.listen(compiled.admin.address, count: 1)
      try makeWorkers(configuration)
      if let settings = configuration.cluster {
        peers = ControlBox(PeerWatch(try ClusterPeers(try ClusterService.ring(settings), cluster: settings.name), cache))
      }
      startPurging(configuration)
      publish(compiled)
      startControl(compiled, adminSockets)
      if let refusal = try joinCluster(configuration) {
        report("no node lets this one in: \(refusal)")
        return false
      }
      for (index, descriptors) in sockets.enumerated() { listen(descriptors, listener: index) }
      try link.keep(configuration: bytes)
      state.setReady()
      try link.ready()
    } catch {
      report("\(error)")
      return false
    }
    link.status("serving, revision \(revision)")
    log.info(
      "serving",
      [
        "listeners": .array(compiled.listeners.map { .string($0.address) }), "admin": .string(compiled.admin.address),
        "workers": JSONValue(workers.count), "configuration": .string(path),
      ])
    return true
  }

  /// The file; after a crash, with a file that has become bad meanwhile, the configuration that was good last.
  private func loadForStart() -> (CompiledConfiguration, [UInt8])? {
    let attempt = load()
    if let good = attempt.compiled { return (good, attempt.bytes) }
    if let bytes = (try? link.kept()) ?? nil {
      let kept = compile(
        Configuration.load(
          bytes: bytes, file: path, environment: ProcessInfo.processInfo.environment, checkRouteKeys: SnapshotCompiler.checkRouteKeys))
      if let good = kept.compiled {
        log.error("the configuration is bad; serving by the last good one", ["faults": .array(attempt.faults.map { .string($0) })])
        mainCells.add(lifecycle.reloadFailures)
        return (good, bytes)
      }
    }
    for fault in attempt.faults { report(fault) }
    report("nothing was started: \(attempt.faults.count) fault\(attempt.faults.count == 1 ? "" : "s") in \(path)")
    return nil
  }

  private struct Attempt {
    var compiled: CompiledConfiguration?
    var faults: [String] = []
    var warnings: [String] = []
    var bytes: [UInt8] = []
  }

  private func load() -> Attempt {
    let bytes: [UInt8]
    switch NamedFile.read(path, bytesMax: Configuration.fileBytesMax) {
    case .success(let read): bytes = read
    case .failure(let refusal): return Attempt(faults: ["\(path): \(refusal.reason)"])
    }
    let result = Configuration.load(
      bytes: bytes, file: path, environment: ProcessInfo.processInfo.environment, checkRouteKeys: SnapshotCompiler.checkRouteKeys)
    for warning in result.warnings { log.warning("configuration", ["warning": .string(warning.description)]) }
    var attempt = compile(result)
    attempt.bytes = bytes
    attempt.warnings = result.warnings.map(\.description)
    return attempt
  }

  private func compile(_ result: ConfigurationResult) -> Attempt {
    guard let configuration = result.configuration else { return Attempt(faults: result.faults.map(\.description)) }
    do throws(CompileFault) {
      return Attempt(compiled: try compiler.compile(configuration))
    } catch {
      return Attempt(faults: ["\(path): \(error.description)"])
    }
  }

  /// A line for whoever started the program by hand.
  private func report(_ text: String) { FileHandle.standardError.write(Data("tidegate: \(text)\n".utf8)) }

  private func openAccessLog(_ configuration: Configuration, workers: Int, cells: MetricCells) throws {
    accessLog = try configuration.log.access.map {
      try AccessLog(path: $0, workers: workers, registry: registry, log: log, cells: cells)
    }
    observer = NodeObserver(registry, accessLog: accessLog)
  }

  private func makeWorkers(_ configuration: Configuration) throws {
    let count = configuration.node.workers
    var random = SeededRandom.fromSystem()
    cache = CacheService(
      CacheOptions(
        memoryBytes: configuration.cache.ramBytes, seed: (random.next(), random.next()), disk: try CacheDisk(configuration),
        isInCluster: configuration.cluster != nil),
      workers: count, metrics: cacheMetrics, report: DiskEvents.writer(to: log))
    func make(_ index: Int, _ count: Int, _ name: String) throws -> WorkerThread {
      let options = WorkerOptions(index: index, count: count, seed: random.next(), cells: MetricCells(), metrics: engineMetrics)
      return WorkerThread(try Worker(options), name: name)
    }
    // Not counted among the workers that share limits and logs: it serves the admin listener, checks health and resolves names.
    control = try make(count, count + 1, "control")
    workers = try (0..<count).map { try make($0, count, "worker-\($0)") }
    var cells = workers.map { $0.worker.cells }
    // The control worker serves operators: its requests are not traffic.
    cells += [mainCells, accessLogCells]
    let statistics = NodeStatistics(registry, cells: cells, engine: engineMetrics, traffic: observer.metrics)
    state.setWorkers(workers.map { $0.worker }, statistics: statistics)
    CrashedRequests.watch(workers.map(\.worker))
    control.start()
    for worker in workers { cache.attach(worker.worker) }
    for worker in workers { worker.start() }
    upstreams = control.sync { ControlBox(UpstreamRegistry(worker: $0)) }
  }

  /// Before there are requests, and before the control worker serves.
  private func startPurging(_ configuration: Configuration) {
    purges = PurgeService(cache, node: configuration.node.name, log: log)
    purges.start()
    state.setCache(cache, purges)
  }

  // MARK: publishing

  /// Makes `compiled` what every worker serves by.
  private func publish(_ compiled: CompiledConfiguration) {
    revision += 1
    let revision = revision
    let upstreams = upstreams!
    let workers = workers
    let options = compiled.upstreams
    // The other nodes stand in front of what is configured.
    let (peers, offset) = (peers, peers == nil ? 0 : 1)
    let listings = control.sync { _ in
      let listings = upstreams.value.update(to: options)
      upstreams.value.onChange = { index, listing in
        for worker in workers { worker.worker.post { $0.update(upstream: index + offset, revision: revision, to: listing) } }
      }
      peers?.value.onChange = { listing in
        for worker in workers { worker.worker.post { $0.update(upstream: 0, revision: revision, to: listing) } }
      }
      peers?.value.onLoss = { lost in
        for worker in workers {
          worker.worker.post { worker in for peer in lost { worker.lose(endpoint: peer.endpoint, begun: peer.isDead) } }
        }
      }
      return (peers.map { [$0.value.links.listing] } ?? []) + listings
    }
    let snapshot = compiled.snapshot(observer: observer, cache: cache, peers: peers?.value.links, revision: revision)
    for worker in workers { worker.sync { $0.adopt(snapshot, listings: listings) } }
    current = compiled
    state.published(compiled.configuration, revision: revision, upstreams: upstreams)
  }

  /// Starts gossip. Joining goes on while the node serves; only a clear no of everybody who could be asked stops it.
  private func joinCluster(_ configuration: Configuration) throws -> String? {
    guard let settings = configuration.cluster else { return nil }
    let client = configuration.listeners.first.flatMap { SocketAddress($0.address.description) }
    let service = try ClusterService(configuration, settings, client: client, tickets: compiler.clusterTickets, purges: purges, log: log)
    cluster = service
    state.setCluster(service)
    service.serves(definitions: configuration.definitions)
    service.shareHealth(of: upstreams, on: control)
    if let peers { service.sharePeers(peers, workers: workers.map(\.worker), on: control) }
    let refusal = service.start(seeds: settings.seeds, on: control)
    log.info(
      "gossip",
      [
        "listen": .string(service.loop.address.description), "id": .string(service.identity.id.description),
        "cluster": .string(settings.name),
      ])
    return refusal
  }

  private func startControl(_ compiled: CompiledConfiguration, _ descriptors: [Int32]) {
    let log = log
    let upstreams = upstreams!
    let state = state
    control.worker.post { worker in
      upstreams.value.onEvent = { UpstreamEvents.write($1, of: $0, to: log) }
      worker.adopt(state.adminSnapshot(compiled), listings: [])
      state.startStatistics(on: worker)
      for descriptor in descriptors { worker.listen(descriptor, listener: 0) }
    }
  }

  private func listen(_ descriptors: [Int32], listener: Int) {
    for (i, descriptor) in descriptors.enumerated() {
      workers[i % workers.count].worker.post { $0.listen(descriptor, listener: listener) }
    }
  }

  // MARK: commands

  func serve() -> Int32 {
    while true {
      switch link.nextCommand(orReadable: state.wishes) {
      case .reload?: reload()
      case .reopen?:
        accessLog?.reopen()
        log.info("logs reopened")
      case .drain?: return drain()
      case .masterGone?: return MasterExit.failedCleanup
      case nil: if state.takeWish() { reload() }
      }
    }
  }

  /// Takes a changed file over, or says why not and goes on as before.
  private func reload() {
    let attempt = load()
    guard let compiled = attempt.compiled else { return refuse(attempt.faults) }
    let before = current.configuration
    let after = compiled.configuration
    for (key, differs) in [
      ("node.workers", before.node.workers != after.node.workers), ("node.data", before.node.data != after.node.data),
      ("admin.listen", before.admin.listen != after.admin.listen),
      ("cluster.listen", before.cluster?.listen != after.cluster?.listen), ("cluster.name", before.cluster?.name != after.cluster?.name),
      ("cache.ram", before.cache.ramBytes != after.cache.ramBytes), ("cache.disk", before.cache.diskBytes != after.cache.diskBytes),
      ("cluster.advertise", before.cluster?.advertise != after.cluster?.advertise),
    ] where differs {
      log.warning("a change needs a restart", ["key": .string(key)])
    }
    let known = Set(current.listeners.map(\.address))
    var opened: [(index: Int, descriptors: [Int32])] = []
    for (index, listener) in compiled.listeners.enumerated() where !known.contains(listener.address) {
      do throws(ControlFailure) {
        opened.append((index, try link.listen(listener.address, count: workers.count)))
      } catch {
        for (index, descriptors) in opened {
          for descriptor in descriptors { close(descriptor) }
          try? link.unlisten(compiled.listeners[index].address)
        }
        return refuse(["listeners: \(error.message)"])
      }
    }
    let retired = before.log.access == after.log.access ? nil : accessLog
    if before.log.access != after.log.access {
      do {
        try openAccessLog(after, workers: workers.count, cells: accessLogCells)
      } catch {
        return refuse(["log.access: \(error)"])
      }
    }
    let wanted = Set(compiled.listeners.map(\.address))
    // The master's copies go first: each worker then takes in what its socket has queued and closes the last copy.
    for address in known.subtracting(wanted).sorted() { try? link.unlisten(address) }
    log.set(level: after.log.level)
    publish(compiled)
    for (index, descriptors) in opened { listen(descriptors, listener: index) }
    let state = state
    control.worker.post { $0.adopt(state.adminSnapshot(compiled), listings: []) }
    try? link.keep(configuration: attempt.bytes)
    retired?.close()
    if let cluster, let settings = after.cluster {
      cluster.adopt(settings, before: before.cluster, zone: after.node.zone, on: control)
      cluster.serves(definitions: after.definitions)
      if let peers, let ring = try? ClusterService.ring(settings) { try? peers.value.links.use(ring, cluster: settings.name) }
    }
    mainCells.add(lifecycle.reloads)
    state.reloaded(.applied(revision: revision, warnings: attempt.warnings))
    link.status("serving, revision \(revision)")
    log.info("reloaded", ["revision": JSONValue(revision)])
  }

  private func refuse(_ faults: [String]) {
    mainCells.add(lifecycle.reloadFailures)
    state.reloaded(.refused(faults: faults))
    log.error("reload refused; the last good configuration serves on", ["faults": .array(faults.map { .string($0) })])
  }

  /// Stops accepting, finishes what runs, within the configured time.
  private func drain() -> Int32 {
    let deadline = current.configuration.node.drain.wholeNanoseconds
    state.setDraining()
    log.info("draining", ["seconds": JSONValue(Double(deadline) / 1e9)])
    // The others hear of it before the listeners close.
    cluster?.announceDrain(givingAway: cache, within: deadline / 4)
    for listener in current.listeners { try? link.unlisten(listener.address) }
    let group = DispatchGroup()
    let state = state
    for worker in workers {
      group.enter()
      worker.worker.post { worker in
        worker.drain(within: deadline) { complete in
          if !complete { state.cutOff.store(true, ordering: .relaxed) }
          group.leave()
        }
      }
    }
    group.wait()
    for worker in workers { worker.stop() }
    cluster?.leave()
    cluster?.stop(on: control)
    let upstreams = upstreams!
    control.sync { _ in upstreams.value.stop() }
    control.stop()
    purges.stop()
    cache.close()
    accessLog?.close()
    let complete = !state.cutOff.load(ordering: .relaxed)
    if complete { log.info("drained") } else { log.warning("the drain's deadline passed; what still ran was cut off") }
    return complete ? MasterExit.ok : MasterExit.failedCleanup
  }
}

/// What only the control worker's thread touches, carried through others.
///
/// SAFETY: (@unchecked Sendable) `value` is used on the control worker's thread only.
final class ControlBox<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// Metrics of the serving process itself.
struct LifecycleMetrics {
  let reloads: CounterHandle
  let reloadFailures: CounterHandle

  init(_ registry: MetricRegistry) {
    func counter(_ name: String, _ help: String) -> CounterHandle {
      made { () throws(MetricError) in try registry.counter(name, help: help) }
    }
    reloads = counter("tidegate_reloads_total", "Configurations taken over by a reload.")
    reloadFailures = counter("tidegate_reload_failures_total", "Reloads refused; the last good configuration served on.")
  }
}
