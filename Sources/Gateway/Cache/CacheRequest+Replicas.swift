// What a request does where the owner of its key is slow to answer, or asked too often: a replica is asked, for what it has stored and for
// nothing else. Filling is the owner's alone.
import Cache
import Proxy
import Runtime

extension CacheRequest {
  /// How long an answer from memory may take before a replica is asked beside its owner, nanoseconds.
  static let patience: UInt64 = 100_000_000

  /// Asks the owner, or, where that one is known to be slow or has been asked far more often than others, the replica before it.
  func askFirst() {
    guard owners.count > 1, let owner = owners[0].endpoint, service.copies.replicaCount > 0 else { return askNext() }
    let part = service.part(of: worker)
    part.load.note(owner, now: service.now)
    guard part.load.isSlow(owner, now: service.now) || part.load.isOver(owner, besides: owners[1].endpoint) else { return askNext() }
    askReplica { [self] in askNext() }
  }

  /// Whether a copy of what is asked for is worth having: it would answer the next requests of this kind at once.
  var isHot: Bool {
    guard plan.isPlain, service.copies.keepsHotCopies else { return false }
    return service.part(of: worker).hot.note(keyHash, now: CacheService.monotonic) && wantsWhatIsShared
  }

  /// Asks a replica beside the owner if that is silent for `patience`: one that is frozen does not break its connections.
  func askReplicaLater(_ sink: OwnerSink) {
    if hasAskedReplica || owners.isEmpty || service.copies.replicaCount == 0 { return }
    service.part(of: worker).awaited.add(sink, worker)
  }

  /// Asks the first of those that are still to be asked for what it has stored; once for each request.
  /// - Parameter otherwise: called where it has nothing, or says nothing for `patience`; at most once, and not when it has answered.
  func askReplica(otherwise: (() -> Void)? = nil) {
    guard !hasAskedReplica, question == nil, service.copies.replicaCount > 0,
      let replica = otherwise == nil ? owners.first : owners.dropFirst().first
    else {
      otherwise?()
      return
    }
    hasAskedReplica = true
    guard let endpoint = replica.endpoint else {
      guard serveCopy() else {
        otherwise?()
        return
      }
      noteSlowOwner()
      return cancelQuestion()
    }
    guard let request = reply.request else { return }
    var question = question(to: replica, request)
    question.kind = .stored
    let sink = ReplicaSink(self, otherwise)
    guard worker.fetch(FetchHead.asking(fields, question), by: service.peers, pinned: endpoint, like: request, sink) != nil else {
      return sink.goOn()
    }
    if otherwise != nil { worker.after(CacheRequest.patience) { sink.goOn() } }
  }

  /// Serves what is stored here, of whatever rank this node is; false where that is nothing that is fresh.
  func serveCopy() -> Bool {
    guard reply.isOpen, let stored = inMemory, case .fresh = Reuse.judge(stored.terms, directives, now: now) else { return false }
    serve(stored)
    return true
  }

  /// What RAM has: nobody waits for the disk where another node can be asked.
  private var inMemory: CachedResponse? {
    guard let found = service.find(key, worker) else { return nil }
    guard let variants = VariantIndex(found) else { return found.flags & CopyMark.lease == 0 ? CachedResponse(found) : nil }
    let keys = variants.names.lazy.map { variants.key(of: self.key, Variance.key($0, self.fields)) }
    return keys.compactMap { self.service.find($0, self.worker) }.first.map { CachedResponse($0) }
  }

  /// Another node wants what is stored here and nothing else.
  func answerFromStore() {
    if !serveCopy() { reply.fail(.misdirected) }
  }

  /// A replica was faster than the owner, or stands in for it.
  func noteSlowOwner() {
    if let askedEndpoint { service.part(of: worker).load.noteSlow(askedEndpoint, now: now) }
  }

  /// The answer came from elsewhere.
  func cancelQuestion() {
    guard let asked else { return }
    self.asked = nil
    let worker = worker
    worker.after(1) { worker.cancel(asked) }
  }
}

/// Takes the answer of a replica, if it is one.
final class ReplicaSink: ResponseSink {
  private let request: CacheRequest
  private var otherwise: (() -> Void)?

  init(_ request: CacheRequest, _ otherwise: (() -> Void)?) {
    self.request = request
    self.otherwise = otherwise
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    guard request.reply.isOpen else { return .drop }
    // What is stored says how it came; without that it is no answer.
    guard HeadFields(head: head).has("cache-status") else {
      goOn()
      return .take
    }
    otherwise = nil
    request.service.metrics.note(.peerAnswered, worker)
    request.noteSlowOwner()
    request.cancelQuestion()
    return .graft(request.reply)
  }

  override func end(_ fault: Fault?, _ worker: Worker) { goOn() }

  func goOn() {
    guard let action = otherwise else { return }
    otherwise = nil
    if request.reply.isOpen { action() }
  }
}
