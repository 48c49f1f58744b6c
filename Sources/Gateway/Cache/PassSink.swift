// The answer to a request that goes past the cache, and not as the client's own exchange: it goes to the client as it comes. That to a HEAD
// tells of what is stored.
import Cache
import Proxy

/// Hands a response to the client that waits for it.
final class PassSink: ResponseSink {
  private let request: CacheRequest

  init(_ request: CacheRequest) {
    self.request = request
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    if request.isHead { request.service.freshen(request.key, request.fields, HeadFields(head: head), request.plan) }
    return request.reply.isOpen ? .graft(request.reply) : .drop
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if let fault { request.reply.fail(fault) }
  }
}
