// A request's way to the nodes that own its key.
import Cache
import Proxy
import Runtime

extension CacheRequest {
  /// Asks the first in rank, or goes on here where that is this node, or where this node was itself asked.
  func askOwner() {
    // Without a host the key would be made of the connection's end.
    guard question == nil, let placement = service.placement, placement.members.count > 1, fields.has("host") else { return proceed() }
    owners = placement.rank(key, count: service.keepers)
    askFirst()
  }

  func askNext() {
    guard let owner = owners.first else { return pass(reason) }
    owners.removeFirst()
    guard let endpoint = owner.endpoint else { return proceed() }
    guard let request = reply.request else { return }
    let question = PeerQuestion(
      to: owner.node, definitions: plan.definitions, client: request.peerAddress, isSecure: request.isSecure,
      listenerPort: request.listenerPort)
    if isHot { service.borrow(key, from: owner, question, like: request, worker) }
    let sink = OwnerSink(self, endpoint: endpoint)
    sink.fetch = worker.fetch(FetchHead.asking(fields, question), by: service.peers, pinned: endpoint, like: request, sink)
    if sink.fetch == nil { return pass(reason) }
    (asked, askedEndpoint) = (sink.fetch, endpoint)
    // It may have failed at once: then the request is already on its way elsewhere.
    if sink.isAnswered { return }
    sink.watch(worker)
    // Nobody else waits for this answer. In a turn of its own, since it may be the answer itself that has ended the request.
    let (worker, fetch) = (worker, sink.fetch)
    reply.whenGone { worker.after(1) { if let fetch { worker.cancel(fetch) } } }
  }
}

extension CacheService {
  /// How long a response waits at most until other nodes know what it makes stale, nanoseconds.
  private static let patience: UInt64 = 250_000_000

  /// Tells the nodes that may keep it that what is stored under these keys is stale; the response to the request that made it so waits
  /// until they have said that they know, for as long as `patience`.
  func tellStale(_ keys: [[UInt8]], _ definitions: UInt64, like exchange: ExchangeRef, _ worker: Worker) {
    guard let placement else { return }
    let asked = keys.flatMap { key in
      (placement.rank(key, count: CacheService.keepersMax) + placement.leaving + holders(key, placement)).compactMap { owner in
        owner.endpoint.map { (key, owner.node, $0) }
      }
    }
    if asked.isEmpty { return }
    let pause = worker.pause(exchange)
    let waiting = Waiting(asked.count) { worker.resume(pause) }
    for (key, node, endpoint) in asked {
      let head = PeerMessage.stale.head(
        PeerQuestion(to: node, definitions: definitions, client: exchange.peerAddress, isSecure: false, listenerPort: 0), key: key)
      let serial = ExchangeMark(exchange)
      let again = StaleSink(waiting, again: nil)
      let sink = StaleSink(waiting) { [peers] in
        guard let exchange = serial.exchange else { return false }
        return worker.fetch(head, by: peers, pinned: endpoint, like: exchange, again) != nil
      }
      if worker.fetch(head, by: peers, pinned: endpoint, like: exchange, sink) == nil { waiting.done() }
    }
    worker.after(CacheService.patience) { worker.resume(pause) }
  }

  /// What another node has told to be stale.
  /// - Returns: its key; nil where it cannot be read.
  func heardStale(_ fields: HeadFields) -> [UInt8]? {
    guard let key = PeerMessage.bytes(fields, PeerMessage.keyField) else { return nil }
    forget(key)
    return key
  }
}

/// Does something when a number of others are done.
private final class Waiting {
  private var count: Int
  private let then: () -> Void

  init(_ count: Int, _ then: @escaping () -> Void) {
    self.count = count
    self.then = then
  }

  func done() {
    count -= 1
    if count == 0 { then() }
  }
}

/// Waits for a node to say that it knows; asks once more where it does not, since a kept connection may just have closed.
private final class StaleSink: ResponseSink {
  private let waiting: Waiting
  private var again: (() -> Bool)?
  private var isKnown = false

  init(_ waiting: Waiting, again: (() -> Bool)?) {
    self.waiting = waiting
    self.again = again
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    isKnown = status == 204
    return .take
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if !isKnown, let again, again() { return }
    waiting.done()
  }
}
