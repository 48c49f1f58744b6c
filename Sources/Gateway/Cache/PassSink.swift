// The answer to a request that nothing is to be learnt from: it goes to the client as it comes.
import Proxy

/// Hands a response to the client that waits for it.
final class PassSink: ResponseSink {
  private let reply: LocalReply

  init(_ reply: LocalReply) {
    self.reply = reply
    super.init()
  }

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    reply.isOpen ? .graft(reply) : .take
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if let fault { reply.fail(fault) }
  }
}
