// Tells other nodes of what this one has stored and they should have a copy of. A bounded queue, off every request's way: what does not fit
// is shed, and that node asks the origin should it ever need it. Who is told of what is said by CacheService; the copies are fetched by
// those who are told.
import Cache
import Proxy
import Runtime

/// Offers on their way.
///
/// SAFETY: (@unchecked Sendable) the queue locks for itself; `workers` is written before they run.
final class CopySender: @unchecked Sendable {
  /// What one node is told.
  struct Offer: Sendable {
    var message: PeerMessage
    /// The hash of this node.
    var from: UInt64
    var to: CacheMember
    var key: [UInt8]
    /// What follows in the key of a variant.
    var variant: [UInt8]
    var edition: UInt32
    var definitions: UInt64
    var tries = 0
  }

  /// Offers that wait; their keys are all that they hold.
  static let waitingMax = 8_192
  static let underWayMax = 64
  /// Nanoseconds for which a node may take to fetch what it was offered.
  private static let patience: UInt64 = 2_000_000_000
  /// Nanoseconds until a node that does not know yet whether what it was offered is stale is asked again: beyond `PurgeLedger.clockMargin`.
  private static let pause: UInt64 = 2_500_000_000
  private static let triesMax = 3

  private struct State {
    var waiting: [Offer] = []
    /// Of `waiting`, those before it are gone.
    var first = 0
    var underWay = 0
    var pausing = 0
    var turn = 0

    mutating func next() -> Offer? {
      guard underWay < CopySender.underWayMax, first < waiting.count else { return nil }
      defer {
        first += 1
        if first >= 1_024 && first * 2 > waiting.count {
          waiting.removeFirst(first)
          first = 0
        }
      }
      underWay += 1
      return waiting[first]
    }
  }

  private let state = Locked(State())
  private var workers: [Worker] = []
  private let metrics: CacheMetrics
  private let plan: UnsafePointer<ForwardPlan>

  init(_ metrics: CacheMetrics, by plan: UnsafePointer<ForwardPlan>) {
    self.metrics = metrics
    self.plan = plan
  }

  func attach(_ worker: Worker) { workers.append(worker) }

  /// Does something on the thread of the first worker; false where there is none.
  func onWorker(_ work: @escaping @Sendable (Worker) -> Void) -> Bool {
    guard let worker = workers.first else { return false }
    worker.post(work)
    return true
  }

  /// Offers that wait or are under way.
  var count: Int { state.withLock { $0.waiting.count - $0.first + $0.underWay } }

  /// From any thread.
  /// - Returns: whether there was room.
  @discardableResult
  func send(_ offer: Offer) -> Bool {
    if workers.isEmpty { return false }
    enum Outcome { case full, queued, begins(Int) }
    let outcome = state.withLock { state -> Outcome in
      if state.waiting.count - state.first >= CopySender.waitingMax { return .full }
      state.waiting.append(offer)
      if state.underWay >= CopySender.underWayMax { return .queued }
      state.turn &+= 1
      return .begins(state.turn)
    }
    switch outcome {
    case .full:
      if let worker = workers.first(where: { $0.isCurrent }) { metrics.note(.shed, worker) }
      return false
    case .queued: break
    case .begins(let turn): workers[turn % workers.count].post { [self] in proceed($0) }
    }
    return true
  }

  /// On a worker's thread: sends the next.
  private func proceed(_ worker: Worker) {
    guard let offer = state.withLock({ $0.next() }) else { return }
    let question = PeerQuestion(
      to: offer.to.node, definitions: offer.definitions, client: SocketAddress(ipv4: 0x7f00_0001, port: 0), isSecure: true, listenerPort: 0)
    var more: [(name: StaticString, value: [UInt8])] = []
    if !offer.variant.isEmpty { more.append((PeerMessage.variantField, PeerMessage.digits(offer.variant))) }
    if offer.edition != 0 { more.append((PeerMessage.editionField, PeerMessage.digits(UInt64(offer.edition)))) }
    more.append((PeerMessage.fromField, PeerMessage.digits(offer.from)))
    let head = offer.message.head(question, key: offer.key, more)
    let sink = OfferSink { [self] status in ended(offer, status, worker) }
    guard let endpoint = offer.to.endpoint, let fetch = worker.fetchAlone(head, by: plan, pinned: endpoint, sink) else {
      return sink.end(.internalError, worker)
    }
    if !sink.hasEnded { sink.alarm = worker.after(CopySender.patience) { sink.giveUp(fetch, worker) } }
  }

  private func ended(_ offer: Offer, _ status: Int, _ worker: Worker) {
    let mayBeLater = status == 409 && offer.tries + 1 < CopySender.triesMax
    let pauses = state.withLock { state in
      state.underWay -= 1
      guard mayBeLater, state.pausing < CopySender.waitingMax else { return false }
      state.pausing += 1
      return true
    }
    metrics.note(status == 204 ? .taken : .refused, worker)
    if pauses {
      worker.after(CopySender.pause) { [self] in
        state.withLock { $0.pausing -= 1 }
        var again = offer
        again.tries += 1
        send(again)
      }
    }
    // In a turn of its own: this may be within what another connection received.
    worker.post { [self] in proceed($0) }
  }
}

/// Hears what became of an offer.
private final class OfferSink: ResponseSink {
  private let told: (Int) -> Void
  private var status = 0
  private(set) var hasEnded = false
  var alarm: UInt64?

  init(_ told: @escaping (Int) -> Void) {
    self.told = told
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    self.status = status
    return .take
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if hasEnded { return }
    hasEnded = true
    if let alarm { worker.cancel(alarm: alarm) }
    told(fault == nil ? status : 0)
  }

  func giveUp(_ fetch: Fetch, _ worker: Worker) {
    if hasEnded { return }
    hasEnded = true
    worker.cancel(fetch)
    told(0)
  }
}
