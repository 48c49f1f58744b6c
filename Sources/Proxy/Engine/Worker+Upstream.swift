// The upstream's side of HTTP/1: reading responses, passing them on, keeping or closing the connection afterwards (RFC 9112).
import Glibc
import Runtime

extension Worker {
  func upstreamReadable(_ u: ConnectionRef) {
    switch u.pointee.wire {
    case .handshake:
      switch handshake(u) {
      case 1: upstreamEstablished(u)
      case 0: if u.pointee.sawEnd && u.pointee.drained { upstreamFailed(u, .connectFailed) }
      default: upstreamFailed(u, .connectFailed)
      }
    case .http2: readHTTP2(u)
    case .tunnel: readTunnel(u)
    case .http1, .proxyHeader: readResponse(u)
    }
  }

  func resumeUpstream(_ u: ConnectionRef) {
    u.pointee.readPending = false
    upstreamReadable(u)
  }

  func upstreamWritable(_ u: ConnectionRef) {
    guard flush(u) else { return }
    if u.pointee.wire == .http2 { return enqueueFlush(u) }
    guard let x = u.pointee.exchange else { return }
    if u.pointee.wire != .tunnel { return resumeRequest(x) }
    if let c = x.pointee.downstream, c.pointee.readPending { enqueueReady(c) }
  }

  /// Whether the client's side cannot take more of the response now.
  @inline(__always)
  func responseIsBlocked(_ x: ExchangeRef) -> Bool {
    if x.pointee.isPaused { return true }
    if x.pointee.downstreamID != 0 {
      return x.pointee.downstreamID < 0 ? sinkIsBlocked(x) : x.pointee.downstreamOutput.count >= limits.streamBufferBytes
    }
    return !x.pointee.downstream!.pointee.output.isEmpty
  }

  /// The client's side can take more: reads what was left in the upstream's socket.
  func resumeUpstreamReading(_ x: ExchangeRef, _ u: ConnectionRef) {
    if x.pointee.upstreamID != 0 { return releaseUpstreamHeld(x, u) }
    guard u.pointee.readPending else { return }
    u.pointee.readPending = false
    upstreamReadable(u)
  }

  private func readResponse(_ u: ConnectionRef) {
    var turns = 0
    while true {
      guard let x = u.pointee.exchange else { return closeUpstream(u) }  // idle: closed, or speaks unasked
      if responseIsBlocked(x) {
        u.pointee.readPending = true
        return
      }
      if turns == Worker.readsPerTurn {
        u.pointee.readPending = true
        return enqueueReady(u)
      }
      turns &+= 1
      var have = 0
      if !u.pointee.input.isEmpty {
        have = u.pointee.input.count
        if have >= Worker.receiveBytes { return refuseResponse(x, .upstreamHeadTooLarge) }
        memcpy(receive, u.pointee.input.start, have)
      }
      let r = read(u, receive + have, Worker.receiveBytes &- have)
      if r <= 0 {
        if r != ReadResult.again { responseEnded(u, x) }
        return
      }
      let drained = u.pointee.drained && !u.pointee.sawEnd
      if have > 0 { u.pointee.input.release(pool) }
      u.pointee.gotBytes = true
      let generation = u.pointee.generation
      processResponse(u, x, receive, have &+ r)
      if drained || u.pointee.generation != generation { return }
      if u.pointee.isIdle {
        // What is left in the socket belongs to no request: it must not be read as the next one's response.
        if read(u, receive, Worker.receiveBytes) != ReadResult.again { closeUpstream(u) }
        return
      }
      if u.pointee.wire != .http1 { return upstreamReadable(u) }
    }
  }

  /// The upstream closed, or the connection broke, while an exchange was on it.
  private func responseEnded(_ u: ConnectionRef, _ x: ExchangeRef) {
    if u.pointee.reading == .body && x.pointee.responseBody.framing == .untilClose && !u.pointee.isBroken {
      u.pointee.persists = false
      deliverResponseBody(x, receive, 0, end: true, inPlace: false)
      return responseCompleted(x, u)
    }
    if u.pointee.reading == .head { return attemptFailed(x, u.pointee.gotBytes ? .resetMidResponse : .resetBeforeResponse) }
    record(x, .failure)
    fail(x, .upstreamReset)
  }

  @inline(__always)
  private func processResponse(_ u: ConnectionRef, _ x: ExchangeRef, _ start: Bytes, _ count: Int) {
    var p = start
    var n = count
    if u.pointee.reading == .head {
      while true {
        let k = response.pointee.parseResponse(p, n, headLimits)
        if k == 0 {
          if n > limits.headBytesMax &+ 1024 { return refuseResponse(x, .upstreamHeadTooLarge) }
          u.pointee.input.append(p, n, pool)
          return
        }
        if k < 0 { return refuseResponse(x, k == HeadFault.fieldsTooLarge.rawValue ? .upstreamHeadTooLarge : .upstreamMalformed) }
        if response.pointee.status == 101 { return beginTunnel(x, u, p, k, n &- k) }
        if response.pointee.status >= 200 {
          let taken = beginResponse(u, x, p, k, n &- k)
          if taken < 0 { return }
          p += k &+ taken
          n &-= k &+ taken
          break
        }
        forwardInterim(x, p, k)
        p += k
        n &-= k
        if n == 0 { return }
      }
    }
    while n > 0 && !x.pointee.responseBody.isDone {
      let taken = takeResponseBody(x, p, n)
      if x.pointee.responseBody.isFailed {
        record(x, .failure)
        return fail(x, .upstreamMalformed)
      }
      p += taken
      n &-= taken
    }
    if x.pointee.responseBody.isDone {
      if n > 0 { u.pointee.persists = false }  // bytes beyond the response: not to be read as the next one
      responseCompleted(x, u)
    }
  }

  private func refuseResponse(_ x: ExchangeRef, _ fault: Fault) {
    record(x, .failure)
    fail(x, fault)
  }

  /// The head of the final response at `p`: passes it on with what is there of the body; the number of body bytes taken, or -1 when
  /// the exchange has moved on.
  @inline(__always)
  private func beginResponse(_ u: ConnectionRef, _ x: ExchangeRef, _ p: Bytes, _ k: Int, _ available: Int) -> Int {
    let status = UInt16(truncatingIfNeeded: response.pointee.status)
    let options = u.pointee.endpoint!.pointee.pool
    if status >= 400 && retryStatus(x, status) { return -1 }
    record(x, Worker.outcome(of: status))
    x.pointee.firstByte = now
    u.pointee.reading = .body
    u.pointee.persists = response.pointee.persists
    x.pointee.responseBody.begin(
      response.pointee.responseFraming(toHead: x.pointee.method == .head), length: response.pointee.contentLength)
    setDeadline(u, options.pointee.options.timeouts.idle)
    let framing = x.pointee.responseBody.framing
    let body = p + k
    var got = Decoded()
    if available > 0 && framing != .none {
      got = x.pointee.responseBody.read(body, available)
      if x.pointee.responseBody.isFailed {
        fail(x, .upstreamMalformed)
        return -1
      }
    }
    let serial = x.pointee.serial
    sendResponseHead(x, p, framing: framing)
    deliverResponseBody(x, body, got.payload, end: x.pointee.responseBody.isDone, inPlace: true)
    return x.pointee.serial == serial ? got.consumed : -1
  }

  /// What a status says of its endpoint: a gateway's or an overloaded server's own answers count against it, an application's do not.
  static func outcome(of status: UInt16) -> AttemptOutcome { status >= 502 && status <= 504 ? .failure : .success }

  /// Whether the pool wants the status retried: true when another attempt has begun.
  @inline(never)
  func retryStatus(_ x: ExchangeRef, _ status: UInt16) -> Bool {
    let pool = x.pointee.pool!
    let situation = RetrySituation(
      isIdempotent: x.pointee.method.isIdempotent, isBodyConsumed: x.pointee.requestBodyStarted,
      isHeadForwarded: x.pointee.responseHeadSent, attempts: x.pointee.attempts)
    guard pool.pointee.options.retry.mayRetry(.responseStatus(status), situation), pool.pointee.budget.withdraw(now: now) else {
      return false
    }
    record(x, Worker.outcome(of: status))
    if let endpoint = x.pointee.endpoint { x.pointee.tried.insert(endpoint.pointee.slot) }
    dropUpstream(x)
    x.pointee.responseIsComplete = false
    cells.add(metrics.retries, 1)
    attempt(x, nil, 0)
    return true
  }

  private func takeResponseBody(_ x: ExchangeRef, _ p: Bytes, _ n: Int) -> Int {
    if x.pointee.responseBody.isAtTrailers {
      let used = takeTrailers(x, p, n, request: false)
      if x.pointee.responseBody.isDone { deliverResponseBody(x, p, 0, end: true, inPlace: false) }
      return used
    }
    let got = x.pointee.responseBody.read(p, n)
    if x.pointee.responseBody.isFailed { return n }
    if let u = x.pointee.upstream { setDeadline(u, u.pointee.endpoint!.pointee.pool.pointee.options.timeouts.idle) }
    deliverResponseBody(x, p, got.payload, end: x.pointee.responseBody.isDone, inPlace: true)
    return got.consumed
  }

  /// The response has been passed on whole: the upstream connection is kept or closed, the exchange ends.
  func responseCompleted(_ x: ExchangeRef, _ u: ConnectionRef) {
    x.pointee.responseIsComplete = true
    x.pointee.upstream = nil
    u.pointee.exchange = nil
    let keep = u.pointee.persists && x.pointee.requestIsComplete && u.pointee.output.isEmpty
    uncount(x)
    if keep { keepIdle(u) } else { closeUpstream(u) }
    completeResponse(x)
  }

  func upstreamTimedOut(_ u: ConnectionRef) {
    if u.pointee.isIdle { return closeUpstream(u) }
    if u.pointee.isConnecting || u.pointee.wire == .handshake { return upstreamFailed(u, .connectTimeout) }
    if u.pointee.wire == .http2 { return http2TimedOut(u) }
    guard let x = u.pointee.exchange else { return closeUpstream(u) }
    if u.pointee.wire == .tunnel { return endTunnel(x) }
    // Nobody can be blamed for silence while the other side does not take, or does not send.
    if responseIsBlocked(x) || !x.pointee.requestIsComplete && u.pointee.output.isEmpty {
      return setDeadline(u, u.pointee.endpoint!.pointee.pool.pointee.options.timeouts.idle)
    }
    if u.pointee.reading == .head { return attemptFailed(x, .firstByteTimeout) }
    record(x, .failure)
    fail(x, .idleTimeout)
  }
}
