// Telling other nodes that something has become stale, while the response that made it so waits: who keeps it is told directly. What one of
// them does not say to know in time, or may keep while it is away, goes into the cluster's log, so that it hears of it when it is back.
import Cache
import Proxy
import Runtime

extension CacheService {
  /// How long a response waits at most until other nodes know what it makes stale, nanoseconds. Longer than a node may be silent without
  /// noticing (`CachePulse.silenceMax`), by what a message may take.
  private static let patience: UInt64 = 650_000_000

  /// Tells the nodes that may keep it that what is stored under these keys is stale; the response to the request that made it so waits
  /// until they have said that they know, or the log says it.
  func tellStale(_ keys: [[UInt8]], _ definitions: UInt64, like exchange: ExchangeRef, _ worker: Worker) {
    guard let placement else { return }
    let asked = keys.flatMap { key in
      (placement.rank(key, count: CacheService.keepersMax) + placement.leaving + holders(key, placement)).compactMap { owner in
        owner.endpoint.map { (key, owner.node, $0) }
      }
    }
    if asked.isEmpty && placement.away.isEmpty { return }
    let pause = worker.pause(exchange)
    let telling = StaleTelling(self, worker, pause, keys, isSomebodyAway: !placement.away.isEmpty, asked: asked.map(\.0))
    for (key, node, endpoint) in asked {
      let head = PeerMessage.stale.head(
        PeerQuestion(to: node, definitions: definitions, client: exchange.peerAddress, isSecure: false, listenerPort: 0), key: key)
      let mark = ExchangeMark(exchange)
      let again = StaleSink(telling, key, again: nil)
      let sink = StaleSink(telling, key) { [peers] in
        guard let exchange = mark.exchange else { return false }
        return worker.fetch(head, by: peers, pinned: endpoint, like: exchange, again) != nil
      }
      if worker.fetch(head, by: peers, pinned: endpoint, like: exchange, sink) == nil { telling.answered(key, isKnown: false) }
    }
    if asked.isEmpty { return telling.end() }
    worker.after(CacheService.patience) { telling.end() }
  }

  /// What the log has to say of stale keys, for those that are away and those that did not answer.
  func missed(_ keys: [[UInt8]], unanswered: [[UInt8]], isSomebodyAway: Bool) -> [Purge] {
    var purges = unanswered.map { Purge.key($0, stamp: now) }
    for key in keys where isSomebodyAway && !unanswered.contains(key) {
      switch away.withLock({ $0.note(key) }) {
      case .known: break
      case .say: purges.append(.key(key, stamp: now))
      case .sayAll: purges.append(.away(stamp: now))
      }
    }
    return purges
  }

  /// What another node has told to be stale.
  /// - Returns: its key; nil where it cannot be read.
  func heardStale(_ fields: HeadFields) -> [UInt8]? {
    guard let key = PeerMessage.bytes(fields, PeerMessage.keyField) else { return nil }
    forget(key)
    return key
  }
}

/// The answers to one telling.
///
/// SAFETY: (@unchecked Sendable) confined to its worker's thread; the log's answer only posts to that worker.
private final class StaleTelling: @unchecked Sendable {
  private let service: CacheService
  private let worker: Worker
  private let pause: Pause
  private let keys: [[UInt8]]
  private let isSomebodyAway: Bool
  /// Answers that are still to come, and of these keys somebody has not said to know.
  private var left: Int
  private var open: [[UInt8]]
  private var hasEnded = false

  init(_ service: CacheService, _ worker: Worker, _ pause: Pause, _ keys: [[UInt8]], isSomebodyAway: Bool, asked: [[UInt8]]) {
    self.service = service
    self.worker = worker
    self.pause = pause
    self.keys = keys
    self.isSomebodyAway = isSomebodyAway
    left = asked.count
    open = asked
  }

  func answered(_ key: [UInt8], isKnown: Bool) {
    if isKnown, let at = open.firstIndex(of: key) { open.remove(at: at) }
    left -= 1
    if left == 0 { end() }
  }

  /// All have answered, or it has taken long enough.
  func end() {
    if hasEnded { return }
    hasEnded = true
    let purges = service.missed(keys, unanswered: keys.filter(open.contains), isSomebodyAway: isSomebodyAway)
    guard !purges.isEmpty, let spreader = service.spreader else { return worker.resume(pause) }
    // Before the client can learn of the change, whoever asks this node for its log finds it there.
    spreader.note(purges) { [worker, pause] in worker.post { $0.resume(pause) } }
  }
}

/// Waits for a node to say that it knows; asks once more where it does not, since a kept connection may just have closed.
private final class StaleSink: ResponseSink {
  private let telling: StaleTelling
  private let key: [UInt8]
  private var again: (() -> Bool)?
  private var isKnown = false

  init(_ telling: StaleTelling, _ key: [UInt8], again: (() -> Bool)?) {
    self.telling = telling
    self.key = key
    self.again = again
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    isKnown = status == 204
    return .take
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if !isKnown, let again, again() { return }
    telling.answered(key, isKnown: isKnown)
  }
}
