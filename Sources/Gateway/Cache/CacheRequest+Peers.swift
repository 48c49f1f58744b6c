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
    if owners.first?.endpoint != nil && mayAskTogether {
      // Where others are asking the same, it waits for them, and then asks with all who do.
      ticket = QuestionTicket.take(self, definitions: plan.definitions)
      if ticket == nil { return }
    }
    askFirst()
  }

  /// Whether the answer to another request may be its answer too.
  private var mayAskTogether: Bool { wantsWhatIsShared && !isHead && !service.fills.isUnshared(key, now: now) }

  /// Whether it asks for no more than what is fresh, for nothing in particular, and for nobody.
  var wantsWhatIsShared: Bool {
    plan.isPlain && !isConditional && !fields.has("cache-control") && !fields.has("pragma") && !fields.has("authorization")
  }

  /// Whether the owner's answer is one for others too: it has stored it, or has had it stored.
  func isForOthers(_ answer: HeadFields, _ status: Int) -> Bool {
    let said = CacheStatusLine.read(answer)
    if let said, said.outcome == .hit || said.stored { return true }
    if status < 500 { noteUnshared() }
    return false
  }

  /// As at the owner: the next ones ask for themselves at once.
  func noteUnshared() { service.fills.noteUnshared(key, until: now + CacheService.unsharedFor) }

  /// Asks by itself, after an answer to others that was not for it.
  func askAgain() {
    guard let placement = service.placement else { return proceed() }
    // That answer was in time: nobody is slow if a replica answers this question.
    askedEndpoint = nil
    owners = placement.rank(key, count: service.keepers)
    askFirst()
  }

  func question(to owner: CacheMember, _ request: ExchangeRef) -> PeerQuestion {
    PeerQuestion(
      to: owner.node, definitions: plan.definitions, client: request.peerAddress, isSecure: request.isSecure,
      listenerPort: request.listenerPort)
  }

  func askNext() {
    guard let owner = owners.first else { return pass(reason) }
    owners.removeFirst()
    guard let endpoint = owner.endpoint else { return proceed() }
    guard let request = reply.request else { return }
    let question = question(to: owner, request)
    if isHot { service.borrow(key, from: owner, question, like: request, worker) }
    let sink = OwnerSink(self)
    sink.fetch = worker.fetch(FetchHead.asking(fields, question), by: service.peers, pinned: endpoint, like: request, sink)
    if sink.fetch == nil { return pass(reason) }
    (asked, askedEndpoint) = (sink.fetch, endpoint)
    // It may have failed at once: then the request is already on its way elsewhere.
    if sink.isAnswered { return }
    if let fetch = sink.fetch { endWithRequest(fetch) }
    askReplicaLater(sink)
  }
}
