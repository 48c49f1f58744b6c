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
