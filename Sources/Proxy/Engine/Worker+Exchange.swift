// The life of an exchange between its two ends: made from a request head, decided on by the application, fed, failed, abandoned,
// finished. The ends themselves stand in Worker+Downstream, Worker+Upstream and the HTTP/2 files.
import Glibc
import Runtime

// SAFETY: whoever calls `fail`, `abandon` or `finish` does not touch the exchange afterwards; where it may have ended on the way, its
// serial is compared before.
extension Worker {
  // MARK: beginning

  /// A new exchange for the request that `request` describes at `p`; `k` bytes of head are kept with it.
  @inline(__always)
  func makeExchange(_ c: ConnectionRef, _ p: Bytes, _ k: Int, isInner: Bool = false) -> ExchangeRef {
    let x = exchanges.take()
    let skip = request.pointee.start
    x.pointee.downstream = c
    x.pointee.head.append(p + skip, k &- skip, pool)
    x.pointee.method = request.pointee.method
    x.pointee.methodCount = UInt16(truncatingIfNeeded: request.pointee.methodCount)
    x.pointee.pathOffset = UInt32(truncatingIfNeeded: request.pointee.path &- skip)
    x.pointee.pathCount = UInt32(truncatingIfNeeded: request.pointee.pathCount)
    x.pointee.queryCount = UInt32(truncatingIfNeeded: request.pointee.queryCount)
    x.pointee.authorityOffset = UInt32(truncatingIfNeeded: request.pointee.authority &- skip)
    x.pointee.authorityCount = UInt32(truncatingIfNeeded: request.pointee.authorityCount)
    x.pointee.expectsContinue = request.pointee.expectsContinue
    x.pointee.wantsUpgrade = request.pointee.saysUpgrade && request.pointee.has(FieldID.upgrade) && !upgradesToHTTP2(p)
    x.pointee.downstreamWire = c.pointee.wire
    x.pointee.started = now
    x.pointee.downstreamProgress = now
    x.pointee.bytesReceived = k
    if isInner { return x }
    x.pointee.requestID = (c.pointee.isPeerLink ? askedID(p) : nil) ?? (random.next(), random.next())
    x.pointee.trace = x.pointee.requestID
    x.pointee.snapshot = live
    if c.pointee.peerIsTrusted || forwarding.hops > 0 { x.pointee.client = resolveClient(c, p) }
    live!.pointee.exchanges &+= 1
    cells.add(c.pointee.isPeerLink ? metrics.peerQuestions : metrics.requests, 1)
    return x
  }

  /// `h2c` by Upgrade is not spoken (RFC 9113 §3.1 has withdrawn it): the request stays an HTTP/1 one.
  @inline(never)
  private func upgradesToHTTP2(_ p: Bytes) -> Bool {
    let field = request.pointee.fields[request.pointee.index(of: FieldID.upgrade)]
    var found = false
    request.pointee.eachToken(p, Int(field.value), Int(field.valueCount)) { token, n in
      if equalsIgnoringCase(token, n, "h2c") { found = true }
    }
    return found
  }

  /// Asks the application what to do and begins to do it; the number of body bytes taken from behind the head at `p`.
  @inline(__always)
  func start(_ x: ExchangeRef, _ p: Bytes, _ available: Int) -> Int {
    if x.pointee.method == .connect && x.pointee.downstreamID == 0 {
      fail(x, .connectRefused)
      return 0
    }
    if limits.bodyBytesMax > 0 && request.pointee.contentLength > limits.bodyBytesMax {
      fail(x, .bodyTooLarge)
      return 0
    }
    let view = RequestView(base: p, head: request, exchange: x, owner: .passUnretained(self))
    let step = live!.pointee.application._withUnsafeGuaranteedRef { $0.decide(view) }
    if case .forward(let plan) = step {
      x.pointee.plan = plan
      return beginForward(x, p, available)
    }
    if case .held = step { return 0 }  // it may have been answered by now
    if request.pointee.has(FieldID.traceparent) { _ = keepsTrace(x, p) }  // for the log
    switch step {
    case .forward: break
    case .answer(let ready):
      answer(x, ready)
    case .stored(let stored):
      answer(x, stored)
    case .held: break
    case .local:
      beginLocal(x)
    case .fault(let fault):
      fail(x, fault)
    }
    return 0
  }

  // MARK: the request's body

  /// Whether the next hop cannot take more of the request now.
  @inline(__always)
  func requestIsBlocked(_ x: ExchangeRef) -> Bool {
    if x.pointee.isLocal || x.pointee.responseIsComplete { return false }
    guard let u = x.pointee.upstream, x.pointee.requestHeadSent else { return true }
    return x.pointee.upstreamID != 0 ? x.pointee.upstreamOutput.count >= limits.streamBufferBytes : !u.pointee.output.isEmpty
  }

  /// Takes request body bytes of an HTTP/1 client; their number. Ends the exchange's request when it is complete.
  func takeRequestBody(_ x: ExchangeRef, _ p: Bytes, _ n: Int) -> Int {
    let c = x.pointee.downstream!
    if x.pointee.requestBody.isAtTrailers { return takeTrailers(x, p, n, request: true) }
    let got = x.pointee.requestBody.read(p, n)
    x.pointee.bytesReceived &+= got.consumed
    if x.pointee.requestBody.isFailed {
      failBody(x)
      return n
    }
    setDeadline(c, limits.bodyTimeout)
    if x.pointee.requestBody.isAtTrailers {
      deliverRequestBody(x, p, got.payload, end: false, inPlace: true)
      return got.consumed
    }
    let end = x.pointee.requestBody.isDone
    if end { requestCompleted(x) }
    deliverRequestBody(x, p, got.payload, end: end, inPlace: true)
    return got.consumed
  }

  func requestCompleted(_ x: ExchangeRef) {
    x.pointee.requestIsComplete = true
    if let c = x.pointee.downstream, x.pointee.downstreamID == 0 {
      c.pointee.reading = .complete
      setDeadline(c, 0)
    }
  }

  private func failBody(_ x: ExchangeRef) {
    // The framing is broken: nothing on this connection can be trusted from here (RFC 9112 §7.1).
    if x.pointee.responseHeadSent {
      let c = x.pointee.downstream!
      abandon(x)
      closeDownstream(c)
    } else {
      fail(x, .malformed)
    }
  }

  /// Hands decoded body bytes to whoever takes them.
  func deliverRequestBody(_ x: ExchangeRef, _ p: Bytes, _ n: Int, end: Bool, inPlace: Bool) {
    if limits.bodyBytesMax > 0 && x.pointee.bytesReceived > limits.bodyBytesMax &+ x.pointee.head.count {
      return fail(x, .bodyTooLarge)
    }
    if x.pointee.isLocal { return collect(x, p, n, end: end) }
    if x.pointee.responseIsComplete || x.pointee.upstream == nil { return }
    sendRequestBody(x, p, n, end: end, inPlace: inPlace)
  }

  // MARK: trailers

  static let trailerBytesMax = 16384
  static let lingerBytesMax: Int32 = 4 << 20

  /// Takes a trailer section of a chunked message up to its blank line (RFC 9112 §7.1.2); the number of bytes that belonged to it.
  func takeTrailers(_ x: ExchangeRef, _ p: Bytes, _ n: Int, request isRequest: Bool) -> Int {
    var used = 0
    var held = isRequest ? x.pointee.requestTrailers : x.pointee.responseTrailers
    var complete = false
    var malformed = false
    while used < n && !complete {
      held.append(p + used, 1, pool)
      used &+= 1
      let count = held.count
      let q = held.start
      // A line ends with CR LF, nothing else.
      let bare = (q[count &- 1] == 10) != (count > 1 && q[count &- 2] == 13)
      if bare {
        malformed = true
        break
      }
      complete = count == 2 ? q[0] == 13 && q[1] == 10 : count > 3 && memcmp(q + (count &- 4), "\r\n\r\n", 4) == 0
      if count > Worker.trailerBytesMax { break }
    }
    if isRequest { x.pointee.requestTrailers = held } else { x.pointee.responseTrailers = held }
    let fine = complete ? cleanTrailers(x, isRequest) : !malformed && held.count <= Worker.trailerBytesMax
    if !fine {
      if isRequest {
        x.pointee.requestBody.fail()
        failBody(x)
        return n
      }
      x.pointee.responseBody.fail()
      return used
    }
    if complete && isRequest {
      x.pointee.requestBody.finishTrailers()
      requestCompleted(x)
      deliverRequestBody(x, p, 0, end: true, inPlace: false)
    } else if complete {
      x.pointee.responseBody.finishTrailers()
    }
    return used
  }

  /// Parses the section and leaves only lines that may be forwarded: fields of framing, routing and connections have no place in
  /// a trailer (RFC 9110 §6.5.1). False when it is malformed.
  func cleanTrailers(_ x: ExchangeRef, _ isRequest: Bool) -> Bool {
    var held = isRequest ? x.pointee.requestTrailers : x.pointee.responseTrailers
    if held.count == 2 {
      held.release(pool)
      if isRequest { x.pointee.requestTrailers = held } else { x.pointee.responseTrailers = held }
      return true
    }
    var parsed = MessageHead()
    defer { parsed.deallocate() }
    guard parsed.parseTrailers(held.start, held.count, headLimits) == held.count else { return false }
    // Framing and routing fields in a request's trailers are an attempt at something; in a response they are only dropped.
    let forbidden = FieldID.bit(FieldID.contentLength) | FieldID.bit(FieldID.transferEncoding) | FieldID.bit(FieldID.host)
    if isRequest && parsed.seen & forbidden != 0 { return false }
    var kept = ByteQueue()
    for k in 0..<parsed.count where parsed.fields[k].id == FieldID.other {
      let field = parsed.fields[k]
      kept.append(held.start + Int(field.name), Int(field.nameCount), pool)
      kept.append(StaticString(": ").utf8Start, 2, pool)
      kept.append(held.start + Int(field.value), Int(field.valueCount), pool)
      kept.append(StaticString("\r\n").utf8Start, 2, pool)
    }
    held.release(pool)
    if isRequest { x.pointee.requestTrailers = kept } else { x.pointee.responseTrailers = kept }
    return true
  }

  // MARK: ending

  /// Answers with a fault; or, when the response is already under way, breaks it off so that the client notices.
  func fail(_ x: ExchangeRef, _ fault: Fault) {
    if x.pointee.isFinished { return }
    x.pointee.fault = fault
    if x.pointee.downstreamID >= 0 && !x.isOfPeer { cells.add(metrics.faults[fault], 1) }
    dropUpstream(x)
    if x.pointee.downstreamID < 0 { return offerEnd(x, fault) }
    if x.pointee.responseHeadSent { return breakOff(x) }
    if fault.closesDownstream { x.pointee.keepsDownstream = false }
    let status = fault.status
    sendLocal(x, status: status.code, reason: status.reason, type: "application/json", body: ErrorBody.of(fault))
  }

  /// The response cannot be completed: HTTP/1 closes without its end, HTTP/2 resets the stream.
  private func breakOff(_ x: ExchangeRef) {
    let c = x.pointee.downstream!
    let stream = x.pointee.downstreamID
    let wire = x.pointee.downstreamWire
    x.pointee.keepsDownstream = false
    if stream != 0 {
      resetHTTP2(x)
      finish(x)
    } else if wire == .http1 || wire == .tunnel {
      detach(x)
      closeDownstream(c)
    }
  }

  /// The downstream is gone: nobody waits for the response any more.
  func abandon(_ x: ExchangeRef) {
    dropUpstream(x)
    x.pointee.keepsDownstream = false
    if !x.pointee.responseIsComplete && x.pointee.downstreamID >= 0 && !x.isOfPeer { cells.add(metrics.requestsAborted, 1) }
    detach(x)
  }

  /// An HTTP/1 request that cannot be read: answered, counted and logged as any other, then closed.
  func refuse(_ c: ConnectionRef, _ fault: Fault) {
    if let x = c.pointee.exchange { return fail(x, fault) }
    c.pointee.requests &+= 1
    let x = unreadable(c)
    c.pointee.exchange = x
    fail(x, fault)
  }

  /// The exchange of a request of which nothing is known: its method and its path are "-".
  func unreadable(_ c: ConnectionRef) -> ExchangeRef {
    scratch[0] = 0x2d
    request.pointee.becomeUnreadable()
    return makeExchange(c, scratch, 1)
  }

  /// The response has been handed over whole: accounts for it and frees the exchange; the connection goes on or closes.
  func finish(_ x: ExchangeRef) {
    let c = x.pointee.downstream!
    let stream = x.pointee.downstreamID
    let keep = x.pointee.keepsDownstream
    let complete = x.pointee.requestIsComplete
    detach(x)
    if stream != 0 { return }
    if !complete {
      c.pointee.reading = .linger
      c.pointee.lingerBytes = Worker.lingerBytesMax
    }
    if !keep || !complete || isDraining { return closeAfterFlush(c) }
    c.pointee.reading = .head
    awaitHead(c)
  }

  /// Accounts for the exchange and takes it from its connections.
  private func detach(_ x: ExchangeRef) {
    if x.pointee.isFinished { return }
    x.pointee.isFinished = true
    x.pointee.ended = now
    let isInner = x.pointee.downstreamID < 0
    if !isInner { x.pointee.snapshot!.pointee.application._withUnsafeGuaranteedRef { $0.finished(x, self) } }
    if x.pointee.isWaiting { leaveQueue(x) }
    leavePool(x)
    if let reply = x.pointee.reply {
      // Whoever holds the request may do something about its end: only when the exchange is no more.
      x.pointee.reply = nil
      reply._withUnsafeGuaranteedRef { $0.detach() }
      defer { reply.release() }
      release(x)
      return reply._withUnsafeGuaranteedRef { $0.tellGone() }
    }
    release(x)
  }

  /// Ends an exchange that has given its place away, without a word.
  func dissolve(_ x: ExchangeRef) {
    x.pointee.isFinished = true
    if let reply = x.pointee.reply {
      reply._withUnsafeGuaranteedRef { $0.detach() }
      reply.release()
    }
    release(x)
  }

  private func release(_ x: ExchangeRef) {
    let snapshot = x.pointee.snapshot!
    if x.pointee.downstreamID != 0 { leaveHTTP2(x) } else if let c = x.pointee.downstream { c.pointee.exchange = nil }
    wheel.cancel(timer(of: x))
    x.pointee.head.release(pool)
    x.pointee.requestTrailers.release(pool)
    x.pointee.responseTrailers.release(pool)
    x.pointee.downstreamOutput.release(pool)
    x.pointee.upstreamOutput.release(pool)
    x.pointee.collected.release(pool)
    x.pointee.added.release(pool)
    x.pointee.paused.release(pool)
    exchanges.give(x)
    snapshot.pointee.exchanges &-= 1
    if snapshot.pointee.exchanges == 0 && !snapshot.pointee.isCurrent { releasesRetired = true }
  }

  func exchangeTimedOut(_ x: ExchangeRef) {
    fail(x, x.pointee.isWaiting ? .pendingTimeout : .requestTimeout)
  }
}
