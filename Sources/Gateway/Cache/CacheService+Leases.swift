// Copies of hot keys: a node that asks another one often for the same keeps the answer for a moment, and its owner remembers who does, so
// that all of them are told before anybody can learn that it has become stale.
import Cache
import Proxy
import Runtime

extension CacheService {
  /// Monotonic milliseconds.
  static var monotonic: Int64 { Int64(truncatingIfNeeded: SystemTime().monotonic().nanoseconds / 1_000_000) }

  // MARK: the owner's side

  /// What is stored under a key, for a node to use for a moment.
  func lease(_ key: [UInt8], to node: UInt64, _ worker: Worker) -> CopyRecord? {
    guard isFirst(key), copies.grant(key, to: node, now: CacheService.monotonic) else { return nil }
    guard let entry = peek(key, worker), entry.flags & (VariantIndex.flag | CopyMark.any) == 0, entry.terms.freshUntil > now else {
      return nil
    }
    return record(key, variant: [], worker)
  }

  /// The nodes that may use a copy, which are to be told that it is stale.
  func holders(_ key: [UInt8], _ placement: CachePlacement) -> [CacheMember] {
    let nodes = copies.takeHolders(key, now: CacheService.monotonic)
    if nodes.isEmpty { return [] }
    return (placement.members + placement.leaving).filter { nodes.contains($0.node) }
  }

  /// Another node has said that something is stale: it hears that all who use a copy of it know.
  func tellHolders(_ key: [UInt8], _ question: PeerQuestion, _ reply: LocalReply, then done: @escaping () -> Void) {
    guard let placement, let exchange = reply.request else { return done() }
    let worker = reply.worker
    let holders = holders(key, placement).compactMap { holder in holder.endpoint.map { (holder.node, $0) } }
    if holders.isEmpty { return done() }
    var left = holders.count
    var isDone = false
    let end = {
      if isDone { return }
      isDone = true
      done()
    }
    for (node, endpoint) in holders {
      var onward = question
      onward.to = node
      let head = PeerMessage.stale.head(onward, key: key)
      let sink = KnownSink {
        left -= 1
        if left == 0 { end() }
      }
      if worker.fetch(head, by: peers, pinned: endpoint, like: exchange, sink) == nil { sink.end(.internalError, worker) }
    }
    // By then nobody uses it any more, told or not.
    worker.after(UInt64(LeaseTable.milliseconds) * 1_000_000) { end() }
  }

  // MARK: the side that asks

  /// Gets a copy of what is asked for often, for the plain hits of a moment.
  func borrow(_ key: [UInt8], from owner: CacheMember, _ question: PeerQuestion, like exchange: ExchangeRef, _ worker: Worker) {
    let part = part(of: worker)
    guard let placement, let endpoint = owner.endpoint, part.borrowing.count < CacheWorker.borrowingMax,
      part.borrowing.insert(key).inserted
    else { return }
    let taker = CopyTaker(
      self, key: key, variant: [], keep: { [self] in keepForAMoment($0, key, askedAt: $1, worker) },
      told: { _ in part.borrowing.remove(key) })
    taker.fetch(from: endpoint, question, like: exchange, worker, lease: placement.me)
  }

  private func keepForAMoment(_ record: CopyRecord, _ key: [UInt8], askedAt asked: Int64, _ worker: Worker) -> CopyOutcome {
    guard record.index.isEmpty, let placement else { return .refused }
    var packed = record.terms(askedAt: asked).packed
    packed.freshUntil = min(packed.freshUntil, asked + LeaseTable.milliseconds)
    packed.edition = record.edition
    if packed.freshUntil <= now { return .refused }
    // A replica stays one when the moment is over.
    let isReplica = placement.rank(key, count: keepers).contains { $0.endpoint == nil }
    let flags = UInt32(record.status) | (isReplica ? CopyMark.replica : CopyMark.lease)
    let outcome = keep(
      record, key, [], packed, flags, unless: { $0.flags & (CopyMark.any | VariantIndex.flag) == 0 && !$0.isMarkedStale }, worker)
    if outcome == .kept && !isReplica { worker.after(UInt64(LeaseTable.milliseconds) * 1_000_000) { [self] in giveBack(key, worker) } }
    return outcome
  }

  /// The moment is over, by a clock that nobody sets back too.
  private func giveBack(_ key: [UInt8], _ worker: Worker) {
    guard let entry = peek(key, worker), entry.flags & CopyMark.lease != 0 else { return }
    memory.remove(entry)
  }
}

/// Hears that a node knows, or that it cannot be told.
private final class KnownSink: ResponseSink {
  private var told: (() -> Void)?

  init(_ told: @escaping () -> Void) {
    self.told = told
    super.init()
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    let action = told
    told = nil
    action?()
  }
}
