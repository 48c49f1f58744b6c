// A question to another node for several clients, and what becomes of its answer: those whom it suits get it, the others ask by themselves.
// Where the node cannot answer, everybody goes on as after a question of its own.
import Cache
import Proxy
import Runtime

/// Takes the answer to a question of several.
///
/// SAFETY: used on its worker's thread alone, as its requests are.
final class SharedQuestion: FillingSink, PeerAwaited {
  private let askers: [CacheRequest]
  private let ticket: QuestionTicket
  private var isAnswered = false
  /// A small body that is stored is all there at once: it is gathered, and until it is whole everybody can still go elsewhere.
  private var gathered: (head: Fill.Head, takers: [CacheRequest], length: Int, body: [UInt8])?
  private static let gatheredMax = 64 << 10
  private static let headBytesMax = 64 << 10

  /// - Parameter askers: two at least, of whom the first lends the question its head.
  init(_ askers: [CacheRequest], _ ticket: QuestionTicket) {
    self.askers = askers
    self.ticket = ticket
    super.init(Fill(key: ticket.key.key, primary: ticket.key.key))
  }

  private var first: CacheRequest { askers[0] }
  private var open: [CacheRequest] { askers.filter(\.reply.isOpen) }

  /// Sends the question, or has everybody ask alone where the owner is better left in peace.
  func send() {
    let (service, worker) = (first.service, first.worker)
    let part = service.part(of: worker)
    guard let owner = first.owners.first, let endpoint = owner.endpoint, let exchange = first.reply.request,
      !part.load.isSlow(endpoint, now: service.now),
      !(first.owners.count > 1 && part.load.isOver(endpoint, besides: first.owners[1].endpoint))
    else { return askers.forEach { $0.askFirst() } }
    part.load.note(endpoint, now: service.now)
    var question = first.question(to: owner, exchange)
    question.kind = .several
    // Each is counted.
    if askers.filter(\.isHot).count > 0 { service.borrow(first.key, from: owner, question, like: exchange, worker) }
    for asker in askers {
      asker.owners = Array(first.owners.dropFirst())
      asker.askedEndpoint = endpoint
    }
    let head = FetchHead.asking(first.fields, question)
    fetch = worker.fetch(head, by: service.peers, pinned: endpoint, like: exchange, self)
    if fetch == nil { return askers.forEach { $0.pass($0.reason) } }
    if !isAnswered && service.copies.replicaCount > 0 { part.awaited.add(self, worker) }
  }

  func patienceEnds() { if !isAnswered { for asker in open { asker.askReplica() } } }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    isAnswered = true
    let answer = HeadFields(head: head)
    let open = open
    if open.isEmpty {
      ticket.end(worker, isShared: true)
      return .drop
    }
    if answer.has(PeerQuestion.aloneField) {
      first.noteUnshared()
      ticket.end(worker, isShared: false)
      later(open, worker) { $0.askAgain() }
      return .drop
    }
    if OwnerSink.isRefusal(head, status) {
      ticket.end(worker, isShared: true)
      later(open, worker) { $0.askNext() }
      return .drop
    }
    first.service.metrics.note(.peerAnswered, worker)
    let isShared = first.isForOthers(answer, status) && head.count < SharedQuestion.headBytesMax
    ticket.end(worker, isShared: isShared)
    let variance = Variance(answer)
    let variant = variance.key(of: first.fields)
    guard isShared, let said = CacheStatusLine.read(answer), case let takers = open.filter({ variance.isMatch($0.fields, variant) }),
      takers.count > 1
    else {
      // As it comes for one whom it suits; who has lent the question its head always is.
      let taker = open.first { $0 === first } ?? open.first { variance.isMatch($0.fields, variant) && isShared }
      later(open.filter { $0 !== taker }, worker) { $0.askAgain() }
      return taker.map { .graft($0.reply) } ?? .drop
    }
    later(open.filter { !variance.isMatch($0.fields, variant) }, worker) { $0.askAgain() }
    // The owner counts the request that it has seen.
    for _ in takers.dropFirst() { first.service.note(CacheStatusLine(said.outcome), worker) }
    let length = Framing.length(answer, hasBody: hasBody)
    let terms = CacheTerms(requestTime: 0, responseTime: 0, freshFor: 0)
    let text = StoredHead.shared(answer, isCollapsed: said.outcome != .hit)
    let shared = Fill.Head(status: status, text: text, terms: terms, length: length, variance: variance, variant: variant)
    if said.outcome == .hit, let length, length <= SharedQuestion.gatheredMax {
      gathered = (shared, takers, length, [])
      return .take
    }
    fill.begin(shared)
    for taker in takers {
      text.withUnsafeBytes { taker.reply.begin($0, length: length) }
      taker.follow = Following(fill, isLeader: false, hasBegun: true, taker)
    }
    fill.stopKeeping()
    return .take
  }

  /// In a turn of its own: what asks may use the place where this answer's head lies.
  private func later(_ requests: [CacheRequest], _ worker: Worker, _ action: @escaping (CacheRequest) -> Void) {
    if requests.isEmpty { return }
    worker.after(1) { for request in requests where request.reply.isOpen { action(request) } }
  }

  override func body(_ bytes: UnsafeRawBufferPointer, _ worker: Worker) {
    if gathered != nil {
      gathered!.body += bytes
      return
    }
    _ = fill.append(bytes)
    breakOffUnwatched(worker)
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    hasEnded = true
    guard isAnswered else {
      isAnswered = true
      first.service.metrics.note(.peerFailed, worker)
      ticket.end(worker, isShared: true)
      return open.forEach { $0.askNext() }
    }
    guard let gathered else { return fault == nil ? fill.complete() : fill.breakOff() }
    self.gathered = nil
    let takers = gathered.takers.filter(\.reply.isOpen)
    guard fault == nil, gathered.body.count == gathered.length else { return takers.forEach { $0.askNext() } }
    for taker in takers { taker.send(gathered.head, gathered.body) }
  }
}
