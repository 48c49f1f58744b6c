// The answer of the node that owns a key, on its way to this node's client. A node that cannot answer costs time and nothing else: the next
// in rank is asked, and then the origin. That a node has fallen silent ends its fetches (`Worker.lose`).
import Cache
import Proxy
import Runtime

/// Takes what another node answers.
final class OwnerSink: ResponseSink, PeerAwaited {
  private let request: CacheRequest
  private(set) var isAnswered = false
  var fetch: Fetch?

  init(_ request: CacheRequest) {
    self.request = request
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    if isAnswered || !request.reply.isOpen { return .drop }
    isAnswered = true
    if OwnerSink.isRefusal(head, status) {
      request.ticket?.end(worker, isShared: true)
      request.askNext()
      return .take
    }
    request.ticket?.end(worker, isShared: request.isForOthers(HeadFields(head: head), status))
    request.service.metrics.note(.peerAnswered, worker)
    return .graft(request.reply)
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if isAnswered || !request.reply.isOpen { return }
    isAnswered = true
    request.service.metrics.note(.peerFailed, worker)
    request.ticket?.end(worker, isShared: true)
    request.askNext()
  }

  func patienceEnds() { if !isAnswered && request.reply.isOpen { request.askReplica() } }

  /// Not meant, or its head does not fit there as it did here. What comes from the origin says in Cache-Status how it came.
  static func isRefusal(_ head: UnsafeRawBufferPointer, _ status: Int) -> Bool {
    (status == 421 || status == 431 || status == 414) && !HeadFields(head: head).has("cache-status")
  }
}
