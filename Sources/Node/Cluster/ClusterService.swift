// Owns: this node's part in the cluster: the gossip loop on its thread, fed from the configuration, and what the rest of the node asks of
// it. Who is believed to be there is Gossip's.
import CEpoll
import Dispatch
import Glibc
import Gossip
import Proxy
import Runtime

/// The cluster as the admin endpoint shows it.
public struct ClusterView: Sendable {
  public var name: String
  public var status: GossipStatus
  /// Ids of the keys that open, the first of which seals.
  public var keys: [String]

  public init(name: String, status: GossipStatus, keys: [String]) {
    self.name = name
    self.status = status
    self.keys = keys
  }
}

/// SAFETY: (@unchecked Sendable) what changes after `init` is behind `state`'s lock; the loop's own state is reached by posting to it.
final class ClusterService: @unchecked Sendable {
  /// How long a start waits for the first seeds to answer; afterwards joining goes on beside serving.
  static let joinPatience = DispatchTimeInterval.milliseconds(2_000)
  /// How long a goodbye, or the news of a drain, may take to be told.
  static let farewellPatience = DispatchTimeInterval.milliseconds(1_500)

  private struct State {
    var keys: [String]
    var isLeaving = false
    var definitions: UInt64 = 0
    /// What was said of members whose definitions are others; by member, lookup only.
    var warned: [MemberID: UInt64] = [:]
  }

  let identity: NodeIdentity
  let loop: GossipLoop
  private let name: String
  let log: NodeLog
  private let state: Locked<State>
  private let joined = DispatchSemaphore(value: 0)
  private let outcome = Locked<JoinOutcome?>(nil)
  private let farewell = DispatchSemaphore(value: 0)
  private var thread = pthread_t()
  private var seeds: ControlBox<ClusterSeeds>?
  let store: ClusterStore
  let tickets: ClusterTickets
  let purges: PurgeService
  private var health: ControlBox<ClusterHealth>?
  private let onStandings = Locked<(@Sendable ([SharedStanding]) -> Void)?>(nil)

  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// Binds the gossip sockets.
  /// - Parameters:
  ///   - client: where clients reach this node.
  ///   - tickets: the ring into which the cluster's ticket keys go.
  ///   - purges: what the cluster's log is for; it is started already.
  init(
    _ configuration: Configuration, _ cluster: Configuration.Cluster, client: SocketAddress?, tickets: TLSTicketKeyRing,
    purges: PurgeService, log: NodeLog
  ) throws {
    self.log = log
    self.purges = purges
    name = cluster.name
    var random = SeededRandom.fromSystem()
    do throws(NodeIdentity.Fault) {
      identity = try NodeIdentity(folder: configuration.node.data, fresh: random.next(), wall: SystemTime().wall())
    } catch { throw Fault(description: "cluster: \(error.description)") }
    guard let bind = SocketAddress(cluster.listen.description) else {
      throw Fault(description: "cluster.listen: \(cluster.listen) is no address")
    }
    let ring = try ClusterService.ring(cluster)
    state = Locked(State(keys: ring.keys.map(\.id.description)))
    let admin = SocketAddress(configuration.admin.listen.description)
    let record = MemberRecord(
      name: configuration.node.name, peer: ClusterService.advertised(cluster, bind), client: client, admin: admin,
      zone: configuration.node.zone ?? "", build: Version.number)
    store = ClusterStore(folder: configuration.node.data, log: log)
    self.tickets = ClusterTickets(tickets, log: log)
    var options = GossipOptions(
      me: identity.id, generation: identity.generation, record: record, bind: bind, cluster: cluster.name, keys: ring, seed: random.next())
    options.state = store.read()
    options.isSettled = !purges.mayHaveMissed
    loop = try GossipLoop(options)
    listenForNews()
    listenForFacts()
    purges.join(loop)
  }

  /// The key ring of the configuration: the first key seals, all open.
  static func ring(_ cluster: Configuration.Cluster) throws(Fault) -> KeyRing {
    do {
      return try KeyRing(cluster.keys.map { try ClusterKey(text: $0) })
    } catch {
      throw Fault(description: "cluster.keys: \(error)")
    }
  }

  /// Where others reach this node: as configured, or where it listens, or, where it listens everywhere, the address by which this machine
  /// reaches its first seed that is written as an address.
  private static func advertised(_ cluster: Configuration.Cluster, _ bind: SocketAddress) -> SocketAddress {
    if let place = cluster.advertise, let address = SocketAddress(place.description) { return address }
    guard bind.isUnspecified else { return bind }
    let seeds = cluster.seeds.compactMap { SocketAddress($0) }
    let port = bind.port
    return (seeds.lazy.compactMap { ClusterService.ownAddress(towards: $0) }.first ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)).withPort(
      port)
  }

  /// The address from which this machine would speak to `peer`: asked of the routing table, nothing is sent.
  private static func ownAddress(towards peer: SocketAddress) -> SocketAddress? {
    let probe = socket(peer.domain, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(probe) }
    guard probe >= 0, peer.withSockaddr({ connect(probe, $0, $1) }) == 0 else { return nil }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: sockaddr_storage is made to be viewed as any sockaddr.
    let named = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(probe, $0, &length) }
    }
    return named == 0 ? SocketAddress(storage) : nil
  }

  private func listenForNews() {
    let log = log
    loop.onChange = { [weak self] change, member in
      if let member { self?.compareDefinitions(member) }
      let name = member?.record.name ?? change.member.description
      let fields: NodeLog.Fields = [
        "member": .string(name), "id": .string(change.member.description), "peer": .string(member?.record.peer.description ?? ""),
      ]
      switch change.kind {
      case .joined: log.info("member joined", fields)
      case .restarted: log.info("member started again", fields)
      case .recovered: log.info("member alive again", fields)
      case .left: log.info("member left", fields)
      case .suspected: log.info("member suspected", fields)
      case .died: log.warning("member died", fields)
      case .updated: log.debug("member says something new", fields)
      case .forgotten: log.debug("member forgotten", fields)
      }
    }
    loop.onNotice = { [weak self] notice in
      switch notice {
      case .identityTaken(let address):
        log.error(
          "another process runs under this node's identity; give each node a data folder of its own",
          ["peer": .string(address.description)])
      case .refused(let reason, let address):
        log.warning("a node and this one cannot be in one cluster", ["peer": .string(address.description), "reason": .string(reason)])
      case .left: self?.farewell.signal()
      }
    }
    loop.onJoin = { [weak self] result in
      self?.outcome.withLock { $0 = result }
      self?.joined.signal()
    }
  }

  /// Says once that a member serves other definitions than this node.
  private func compareDefinitions(_ member: MemberStatus) {
    guard member.state == .alive, member.record.revision != 0 else { return }
    let isOther = state.withLock { state in
      guard state.definitions != 0, member.record.revision != state.definitions else {
        state.warned[member.id] = nil
        return false
      }
      defer { state.warned[member.id] = member.record.revision }
      return state.warned[member.id] != member.record.revision
    }
    if isOther { log.warning("a member serves other definitions than this node", ["member": .string(member.record.name)]) }
  }

  /// Keeps what connects the upstreams to the cluster, and tells it from now on.
  func hold(_ health: ControlBox<ClusterHealth>, hear: @escaping @Sendable ([SharedStanding]) -> Void) {
    self.health = health
    onStandings.withLock { $0 = hear }
  }

  func hear(_ standings: [SharedStanding]) { onStandings.withLock { $0 }?(standings) }

  // MARK: life

  /// Starts gossip and looks for the others.
  /// - Returns: nil, or why this node may not be in the cluster: every node that could be reached said so.
  func start(seeds texts: [String], on control: WorkerThread) -> String? {
    let box = Unmanaged.passRetained(self)
    let result = pthread_create(
      &thread, nil,
      { argument in
        let me = Unmanaged<ClusterService>.fromOpaque(argument!).takeRetainedValue()
        tg_name_thread("gossip")
        CrashRecorder.withAlternateStack { me.loop.run() }
        return nil
      }, box.toOpaque())
    precondition(result == 0, "no thread for gossip: \(String(cString: strerror(result)))")
    let loop = loop
    seeds = control.sync { worker in
      ControlBox(ClusterSeeds(worker: worker) { addresses in loop.post { $0.seek(addresses) } })
    }
    seek(texts, on: control)
    _ = joined.wait(timeout: .now() + ClusterService.joinPatience)
    if case .refused(let reason)? = outcome.withLock({ $0 }) { return reason }
    return nil
  }

  private func seek(_ texts: [String], on control: WorkerThread) {
    let (seeds, loop) = (seeds!, loop)
    control.worker.post { _ in
      seeds.value.seek(texts) { !loop.status.members.contains { !$0.isSelf && ($0.state == .alive || $0.state == .suspect) } }
    }
  }

  /// Takes over what of a changed configuration can change while the node runs.
  func adopt(_ cluster: Configuration.Cluster, before: Configuration.Cluster?, zone: String?, on control: WorkerThread) {
    if cluster.keys != before?.keys, let ring = try? ClusterService.ring(cluster) {
      state.withLock { $0.keys = ring.keys.map(\.id.description) }
      loop.post { $0.use(ring) }
      log.info("cluster keys taken over", ["keys": .array(ring.keys.map { .string($0.id.description) })])
    }
    if cluster.seeds != before?.seeds { seek(cluster.seeds, on: control) }
    loop.post { $0.update { $0.zone = zone ?? "" } }
  }

  /// Tells all which definitions this node serves, by their hash.
  func serves(definitions: UInt64) {
    state.withLock { $0.definitions = definitions }
    loop.post { $0.update { $0.revision = definitions } }
  }

  /// Tells all that this node wants no new work, and waits for the news to be out.
  func announceDrain() {
    let told = DispatchSemaphore(value: 0)
    loop.post { loop in
      loop.update { $0.isDraining = true }
      loop.whenTold { told.signal() }
    }
    _ = told.wait(timeout: .now() + ClusterService.farewellPatience)
  }

  /// Says goodbye. The node goes on serving, alone.
  func leave() {
    let isFirst = state.withLock { state in
      defer { state.isLeaving = true }
      return !state.isLeaving
    }
    guard isFirst else { return }
    log.info("leaving the cluster")
    loop.post { $0.leave() }
    _ = farewell.wait(timeout: .now() + ClusterService.farewellPatience)
  }

  func stop(on control: WorkerThread) {
    if let seeds { control.sync { _ in seeds.value.stop() } }
    loop.post { $0.keepFacts() }
    loop.stop()
    pthread_join(thread, nil)
    purges.flush()
    store.flush()
  }

  var view: ClusterView { ClusterView(name: name, status: loop.status, keys: state.withLock { $0.keys }) }
}
