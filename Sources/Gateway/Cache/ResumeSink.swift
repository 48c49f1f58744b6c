// A response that goes on by a fetch of its own: its client was too slow for those with whom it shared one, and the body is too large to be
// kept for it. What the client has already is fetched anew, compared and left out; where it is another body now, the response breaks off.
import Cache
import Proxy

/// Takes the rest of a body.
final class ResumeSink: ResponseSink {
  private let request: CacheRequest
  private let before: HeadFields
  private let status: Int
  private let taken: BodyPrefix
  private var seen = BodyPrefix()
  var fetch: Fetch?

  /// - Parameter taken: what the client has.
  init(_ request: CacheRequest, _ head: Fill.Head, taken: BodyPrefix) {
    self.request = request
    before = HeadFields(head: head.text)
    status = head.status
    self.taken = taken
    super.init()
  }

  /// Fields that tell one representation from another (RFC 9110 §8).
  private static let telling: [StaticString] = ["etag", "last-modified", "content-type", "content-encoding", "content-language"]

  override func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice {
    let fields = HeadFields(head: head)
    guard status == self.status, ResumeSink.telling.allSatisfy({ fields.all($0) == before.all($0) }) else {
      request.reply.fail(.upstreamReset)
      return .drop
    }
    return .take
  }

  override func body(_ bytes: UnsafeRawBufferPointer, _ worker: Worker) {
    let missing = min(taken.count - seen.count, bytes.count)
    if missing > 0 {
      seen.extend(UnsafeRawBufferPointer(rebasing: bytes[..<missing]))
      if seen.count == taken.count && seen != taken { return request.reply.fail(.upstreamReset) }
    }
    if missing < bytes.count { request.reply.write(UnsafeRawBufferPointer(rebasing: bytes[missing...])) }
  }

  override func isBlocked(_ worker: Worker) -> Bool {
    guard let fetch, request.reply.isBlocked else { return false }
    request.reply.whenWritable { worker.resume(fetch) }
    return true
  }

  override func end(_ fault: Fault?, _ worker: Worker) {
    if fault == nil && seen == taken { request.reply.finish() } else { request.reply.fail(fault ?? .upstreamReset) }
  }
}

extension CacheRequest {
  /// Goes on alone behind what the client has already.
  func resume(_ head: Fill.Head, behind taken: BodyPrefix) {
    guard let exchange = reply.request else { return }
    let sink = ResumeSink(self, head, taken: taken)
    sink.fetch = worker.fetch(FetchHead.make(fields, validating: nil), by: forward, like: exchange, origin: question?.origin, sink)
    guard let fetch = sink.fetch else { return reply.fail(.upstreamReset) }
    endWithRequest(fetch)
  }
}
