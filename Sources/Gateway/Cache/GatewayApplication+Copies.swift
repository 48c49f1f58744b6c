// The cache's messages between nodes as requests on the peer link: offers of copies, and copies.
import Cache
import Proxy
import Runtime

extension GatewayApplication {
  /// - Returns: nil where it is no such message.
  @inline(never)
  func decideCopy(_ request: RequestView, _ cache: CacheService, _ question: PeerQuestion, _ fields: HeadFields) -> Step? {
    guard let message = PeerMessage(rawValue: request.method.text), message != .stale else { return nil }
    guard let key = PeerMessage.bytes(fields, PeerMessage.keyField) else { return .fault(.malformed) }
    var variant: [UInt8] = []
    if fields.has(PeerMessage.variantField) {
      guard let named = PeerMessage.bytes(fields, PeerMessage.variantField) else { return .fault(.malformed) }
      variant = named
    }
    let reply = request.hold()
    switch message {
    case .offer: take(reply, cache, question, fields, key, variant)
    case .copy: give(reply, cache, key, variant, lease: fields.has(PeerMessage.leaseField) ? fields : nil)
    case .stale: preconditionFailure("what is stale is no copy")
    }
    return .held
  }

  /// Something is offered.
  private func take(
    _ reply: LocalReply, _ cache: CacheService, _ question: PeerQuestion, _ fields: HeadFields, _ key: [UInt8], _ variant: [UInt8]
  ) {
    let worker = reply.worker
    let edition = UInt32(truncatingIfNeeded: PeerMessage.number(fields, PeerMessage.editionField) ?? 0)
    guard let placement = cache.placement, let from = PeerMessage.number(fields, PeerMessage.fromField),
      let sender = (placement.members + placement.leaving).first(where: { $0.node == from }), let endpoint = sender.endpoint,
      let exchange = reply.request
    else { return GatewayApplication.answer(reply, .misdirected) }
    if cache.has(key + variant, edition: edition, worker) {
      if let entry = cache.peek(key + variant, worker) { cache.adopt(entry, key) }
      return GatewayApplication.answer(reply, .kept)
    }
    let taker = CopyTaker(
      cache, key: key, variant: variant, keep: { cache.keep($0, key, variant: variant, askedAt: $1, worker) },
      told: { GatewayApplication.answer(reply, $0) })
    var back = question
    back.to = from
    taker.fetch(from: endpoint, back, like: exchange, worker)
  }

  /// A copy is asked for.
  private func give(_ reply: LocalReply, _ cache: CacheService, _ key: [UInt8], _ variant: [UInt8], lease fields: HeadFields?) {
    let record =
      fields.map { fields in
        PeerMessage.number(fields, PeerMessage.fromField).flatMap { cache.lease(key, to: $0, reply.worker) }
      } ?? cache.record(key, variant: variant, reply.worker)
    guard let record else { return GatewayApplication.answer(reply, 404, []) }
    GatewayApplication.answer(reply, 200, record.encodeHead() + record.body)
  }

  /// Something is stale: whoever says so hears when all know who have a copy from here.
  @inline(never)
  func decideStale(_ request: RequestView, _ cache: CacheService, _ question: PeerQuestion, _ fields: HeadFields) -> Step {
    guard let key = cache.heardStale(fields) else { return .fault(.malformed) }
    let reply = request.hold()
    cache.tellHolders(key, question, reply) { GatewayApplication.answer(reply, .kept) }
    return .held
  }

  private static func answer(_ reply: LocalReply, _ outcome: CopyOutcome) { answer(reply, outcome.rawValue, []) }

  // SAFETY: head and body are kept until the call that sends them has returned.
  private static func answer(_ reply: LocalReply, _ status: Int, _ body: [UInt8]) {
    let head = Array("HTTP/1.1 \(status) \(ReasonPhrase.of(status))\r\n".utf8)
    head.withUnsafeBufferPointer { head in
      body.withUnsafeBufferPointer { body in
        let text = head.baseAddress!
        reply.send(
          StoredAnswer(
            status: status, head: text, headCount: head.count, added: text, addedCount: 0, body: body.baseAddress ?? text,
            bodyCount: body.count))
      }
    }
  }
}
