// Owns: what follows in this node from the facts that the nodes share.
import Dispatch
import Gossip
import Proxy
import Runtime

extension ClusterService {
  func listenForFacts() {
    let (store, tickets, purges, log) = (store, tickets, purges, log)
    // A purge is not kept as known before it is applied: should the process die, it is heard and applied again.
    loop.onKeep = { state in purges.after { store.keep(state) } }
    loop.onFact = { [weak self] effect in
      switch effect {
      case .ticketKeys(let keys): tickets.use(keys)
      case .standings(let standings): self?.hear(standings.map { SharedStanding($0) })
      case .clock(let standing): ClusterService.write(standing, to: log)
      case .writeLost(let mine, let winner):
        log.warning(
          "a write of this node was overtaken by one that had not seen it",
          [
            "name": .string(String(decoding: mine.name, as: UTF8.self)), "winner": .string(winner.version.writer.description),
          ])
      case .apply(let entry):
        if let loop = self?.loop { purges.heard(entry, loop) }
      case .drop: purges.missed()
      case .settled: purges.settled()
      case .undoubted(let number): purges.undoubted(number)
      case .acknowledged(let receipt): purges.acknowledged(receipt, self?.loop.status.members ?? [])
      case .send, .exchange, .probe, .makeTicketKey, .written: break
      }
    }
  }

  /// Divides the active checks of the upstreams among the nodes.
  func shareHealth(of upstreams: ControlBox<UpstreamRegistry>, on control: WorkerThread) {
    let health = ControlBox(ClusterHealth(loop))
    hold(health) { standings in control.worker.post { _ in upstreams.value.heard(standings) } }
    control.sync { _ in upstreams.value.peers = health.value }
  }

  /// Lets requests go to the other nodes, and theirs come to the workers, in turn.
  func sharePeers(_ peers: ControlBox<PeerWatch>, workers: [Worker], on control: WorkerThread) {
    let turn = Turn()
    loop.onPeerLink = { descriptor, remote in
      let worker = workers[turn.next(of: workers.count)]
      worker.post { $0.serve(descriptor, from: remote, listener: ClusterPeers.listener) }
    }
    loop.onView = { status in control.worker.post { _ in peers.value.look(status) } }
  }

  private static func write(_ standing: ClockStanding, to log: NodeLog) {
    switch standing {
    case .unknown: break
    case .agrees: log.debug("this node's clock agrees with the others'")
    case .fast(let milliseconds):
      log.error("this node's clock is fast; going by the others'", ["milliseconds": JSONValue(milliseconds)])
    case .slow(let milliseconds):
      log.error("this node's clock is slow; going by the others'", ["milliseconds": JSONValue(milliseconds)])
    case .disputed: log.error("the clocks of the cluster differ, and no majority agrees on the time")
    }
  }
}

/// Puts the cluster's ticket keys in force.
///
/// SAFETY: what it holds is immutable or locks by itself.
final class ClusterTickets: Sendable {
  private let ring: TLSTicketKeyRing
  private let log: NodeLog
  /// Seals until all nodes know a key of the cluster: better a session that resumes here than none.
  private let own = Proxy.TicketKey.random()

  init(_ ring: TLSTicketKeyRing, log: NodeLog) {
    self.ring = ring
    self.log = log
    use(TicketKeysInForce())
  }

  func use(_ keys: TicketKeysInForce) {
    func bytes(_ key: Gossip.TicketKey) -> Proxy.TicketKey? { Proxy.TicketKey(bytes: key.name + key.secret.bytes) }
    let others = keys.opening.filter { $0 != keys.sealing }.compactMap(bytes)
    let sealing = keys.sealing.flatMap(bytes)
    do throws(TLSFault) {
      try ring.replace([sealing ?? own] + others)
      log.debug("ticket keys in force", ["keys": JSONValue(others.count + 1), "shared": .bool(sealing != nil)])
    } catch {
      log.error("ticket keys of the cluster cannot be used", ["reason": .string("\(error)")])
    }
  }
}

/// Whose turn it is.
private final class Turn: Sendable {
  private let last = Locked(0)
  func next(of count: Int) -> Int {
    last.withLock { last in
      last = (last + 1) % count
      return last
    }
  }
}
