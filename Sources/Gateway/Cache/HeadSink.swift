// The answer to a HEAD for which something is stored that may not be used as it is: it renews that or proves it wrong, and where the origin
// fails, what is stored answers.
import Cache
import Proxy

/// Takes the response to a HEAD.
final class HeadSink: ResponseSink {
  private let request: CacheRequest
  private let stored: CachedResponse
  private var isAnswered = false

  init(_ request: CacheRequest, _ stored: CachedResponse) {
    self.request = request
    self.stored = stored
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    isAnswered = true
    guard request.reply.isOpen else { return .drop }
    if Reuse.isError(status), Reuse.mayServeOnError(stored.terms, request.directives, now: request.now) {
      request.failed(.upstreamReset, status: status)
      return .drop
    }
    request.service.freshen(request.key, request.fields, HeadFields(head: head), request.plan, onDisk: stored)
    let line = CacheStatusLine(.fwd(request.reason), fwdStatus: status)
    request.service.note(line, worker)
    request.reply.add(request.lines(line))
    return .graft(request.reply)
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if let fault, !isAnswered { request.failed(fault, status: 0) }
  }
}
