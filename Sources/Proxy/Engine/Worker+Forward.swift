// Sending a request on: choosing an endpoint, getting a connection, trying again where that is allowed, and writing the request.
import CEpoll
import COpenSSL
import Glibc
import Runtime

extension Worker {
  /// Begins to forward; the number of body bytes taken from behind the head at `p`.
  @inline(__always)
  func beginForward(_ x: ExchangeRef, _ p: Bytes, _ available: Int) -> Int {
    let plan = x.pointee.plan!
    let pool = x.pointee.snapshot!.pointee.pools[Int(plan.pointee.upstream)]
    x.pointee.pool = pool
    pool.pointee.users &+= 1
    pool.pointee.budget.deposit(now: now)
    guard pool.pointee.circuit.admit(.request) else {
      fail(x, .circuitOpen)
      return 0
    }
    x.pointee.isAdmitted = true
    if pool.pointee.options.balance.policy == .hash { x.pointee.hashKey = hashKey(x, p, pool) }
    let bound = plan.pointee.requestTimeout != 0 ? plan.pointee.requestTimeout : pool.pointee.options.timeouts.request
    if bound != 0 { setDeadline(x, bound) }
    return attempt(x, p, available)
  }

  /// One attempt: `p` is the head that `request` describes, or nil when it has to be parsed again.
  @discardableResult
  func attempt(_ x: ExchangeRef, _ p: Bytes?, _ available: Int) -> Int {
    let pool = x.pointee.pool!
    x.pointee.attempts &+= 1
    if x.pointee.pinned != 0 { return attemptPinned(x, p, available, pool) }
    var slot = pool.pointee.balancer.pick(now: now, random: random.next(), key: x.pointee.hashKey, excluding: x.pointee.tried)
    // All were tried: what was refused or reset may pass at the second try.
    if slot < 0 && !x.pointee.tried.isEmpty { slot = pool.pointee.balancer.pick(now: now, random: random.next(), key: x.pointee.hashKey) }
    guard slot >= 0 else {
      fail(x, x.pointee.attempts > 1 ? .upstreamUnreachable : .noHealthyEndpoint)
      return 0
    }
    return attempt(x, p, available, at: pool.endpoint(slot), pool)
  }

  /// The exchange is for one endpoint alone, be it healthy or not: whoever pinned it knows better, and tries elsewhere itself.
  private func attemptPinned(_ x: ExchangeRef, _ p: Bytes?, _ available: Int, _ pool: UpstreamPoolRef) -> Int {
    guard let slot = pool.slot(of: x.pointee.pinned) else {
      fail(x, .noHealthyEndpoint)
      return 0
    }
    return attempt(x, p, available, at: pool.endpoint(slot), pool)
  }

  @inline(__always)
  private func attempt(_ x: ExchangeRef, _ p: Bytes?, _ available: Int, at endpoint: EndpointRef, _ pool: UpstreamPoolRef) -> Int {
    if pool.pointee.options.speaksHTTP2, let u = takeMultiplexed(endpoint) {
      count(x, endpoint)
      return sendHTTP2(x, u, p, available)
    }
    if !x.pointee.avoidsKept, let u = takeIdle(endpoint) {
      count(x, endpoint)
      bind(x, u)
      let taken = sendRequest(x, u, p, available)
      if p == nil { resumeRequest(x) }
      return taken
    }
    let joins = pool.pointee.options.speaksHTTP2 && endpoint.pointee.establishing > 0
    guard !joins, pool.pointee.circuit.admit(.connection) || makeRoom(pool) else {
      if !joinQueue(x, pool) { fail(x, .circuitOpen) }
      return 0
    }
    count(x, endpoint)
    connect(x, endpoint)
    return 0
  }

  /// The circuit allows no further connection: an idle one, of whatever endpoint, gives its place up. Without this, idle connections to
  /// one endpoint would keep requests from another until they expire.
  @inline(never)
  private func makeRoom(_ pool: UpstreamPoolRef) -> Bool {
    for case let endpoint? in pool.pointee.slots {
      if let u = endpoint.pointee.idle {
        closeUpstream(u)
        return pool.pointee.circuit.admit(.connection)
      }
      var u = endpoint.pointee.multiplexed
      while let c = u {
        u = c.pointee.nextIdle
        // Not closed here, since this may be one of its session's callbacks; whoever waits is served when it closes.
        if let h = c.pointee.http2, h.pointee.streams == 0, !h.pointee.isLeaving {
          h.pointee.isLeaving = true
          enqueueFlush(c)
          return false
        }
      }
    }
    return false
  }

  @inline(__always)
  private func count(_ x: ExchangeRef, _ endpoint: EndpointRef) {
    x.pointee.endpoint = endpoint
    x.pointee.isCounted = true
    x.pointee.waitUntil = 0
    endpoint.pointee.requests &+= 1
    endpoint.pointee.pool.pointee.balancer.endpoints.beginRequest(endpoint.pointee.slot)
  }

  @inline(__always)
  func bind(_ x: ExchangeRef, _ u: ConnectionRef) {
    x.pointee.upstream = u
    u.pointee.exchange = x
    u.pointee.gotBytes = false
    u.pointee.reading = .head
  }

  // MARK: connecting

  private func connect(_ x: ExchangeRef, _ endpoint: EndpointRef) {
    let pool = endpoint.pointee.pool
    let address = endpoint.pointee.address
    let fd = tg_socket(address.domain, Int32(SOCK_STREAM.rawValue))
    guard fd >= 0 else {
      pool.pointee.circuit.release(.connection)
      return attemptFailed(x, .connectFailed)
    }
    StreamOptions.set(fd, address)
    let u = connections.take()
    u.pointee.fd = fd
    u.pointee.role = .upstream
    u.pointee.endpoint = endpoint
    u.pointee.connectStarted = now
    u.pointee.isConnecting = true
    if pool.pointee.options.speaksHTTP2 {
      u.pointee.isEstablishing = true
      endpoint.pointee.establishing &+= 1
    }
    pool.pointee.balancer.endpoints.openConnection(endpoint.pointee.slot)
    cells.add(metrics.upstreamConnects, 1)
    let result = address.withSockaddr { Glibc.connect(fd, $0, $1) }
    bind(x, u)
    if result != 0 && errno != EINPROGRESS {
      cells.add(metrics.upstreamConnectFailures, 1)
      return attemptFailed(x, .connectFailed)
    }
    setDeadline(u, pool.pointee.options.timeouts.connect)
    loop.add(fd, events: EventLoop.stream, token: u.token)
  }

  /// The connect has ended, one way or the other.
  func upstreamConnected(_ u: ConnectionRef, failed: Bool) {
    var error: Int32 = 0
    var length = socklen_t(4)
    getsockopt(u.pointee.fd, SOL_SOCKET, SO_ERROR, &error, &length)
    if failed || error != 0 {
      cells.add(metrics.upstreamConnectFailures, 1)
      return upstreamFailed(u, .connectFailed)
    }
    u.pointee.isConnecting = false
    let endpoint = u.pointee.endpoint!
    let pool = endpoint.pointee.pool
    guard let context = pool.pointee.options.tls else { return upstreamEstablished(u) }
    let name = pool.pointee.options.serverName ?? endpoint.pointee.host
    guard let tls = try? context.makeSession(serverName: name, slot: endpoint.pointee.session) else {
      ERR_clear_error()
      return upstreamFailed(u, .connectFailed)
    }
    attachTLS(u, tls, server: false)
    upstreamReadable(u)
  }

  /// Connected, and TLS agreed: the exchange that asked for the connection goes on.
  func upstreamEstablished(_ u: ConnectionRef) {
    let pool = u.pointee.endpoint!.pointee.pool
    u.pointee.wire = .http1
    setDeadline(u, 0)
    if pool.pointee.options.speaksHTTP2 { return establishHTTP2(u) }
    guard let x = u.pointee.exchange else { return keepIdle(u) }
    if u.pointee.sawEnd {  // an end that came with the connection's own event is not reported again
      u.pointee.readPending = true
      enqueueReady(u)
    }
    sendRequest(x, u, nil, 0)
    resumeRequest(x)
  }

  /// The way is free: the rest of the request may be read.
  func resumeRequest(_ x: ExchangeRef) {
    guard x.pointee.serial != 0, !x.pointee.requestIsComplete, let c = x.pointee.downstream else { return }
    if x.pointee.downstreamID != 0 { return releaseHeld(x) }
    enqueueReady(c)
    c.pointee.readPending = true
  }

  // MARK: writing

  /// Writes the request to a connection that is ready for it, with what is there of its body; the number of body bytes taken.
  @discardableResult
  func sendRequest(_ x: ExchangeRef, _ u: ConnectionRef, _ p: Bytes?, _ available: Int) -> Int {
    let base = p ?? parseAgain(x)
    let chunked = !x.pointee.requestIsComplete && x.pointee.requestBody.framing != .length
    x.pointee.requestChunked = chunked
    pendingHead = putRequestHead(x, base, scratch, chunked: chunked)
    x.pointee.requestHeadSent = true
    x.pointee.upstreamStarted = now
    setDeadline(u, u.pointee.endpoint!.pointee.pool.pointee.options.timeouts.firstByte)
    var taken = 0
    if available > 0 && !x.pointee.requestIsComplete && p != nil && x.pointee.downstreamID == 0 {
      taken = takeRequestBody(x, base + request.pointee.end, available)
    }
    if pendingHead > 0 {
      let n = pendingHead
      pendingHead = 0
      write(u, scratch, n)
    }
    return taken
  }

  /// Parses the kept head anew: for a retry, or after waiting for a connection.
  func parseAgain(_ x: ExchangeRef) -> Bytes {
    let p = x.pointee.head.start
    let k = request.pointee.parseRequest(
      p, x.pointee.head.count, HeadLimits(targetBytesMax: 1 << 20, headBytesMax: 1 << 20, fieldsMax: 256))
    precondition(k == x.pointee.head.count, "a head that was parsed once is parsed again to \(k)")
    return p
  }

  /// Sends decoded request body bytes to the upstream, framed as it needs.
  func sendRequestBody(_ x: ExchangeRef, _ p: Bytes, _ n: Int, end: Bool, inPlace: Bool) {
    let u = x.pointee.upstream!
    if n > 0 { x.pointee.requestBodyStarted = true }
    if x.pointee.upstreamID != 0 { return sendHTTP2Body(x, u, p, n, end: end) }
    setDeadline(u, u.pointee.endpoint!.pointee.pool.pointee.options.timeouts.firstByte)
    sendFramed(u, p, n, chunked: x.pointee.requestChunked, end: end, inPlace: inPlace, trailers: x.pointee.requestTrailers)
    if end { x.pointee.requestTrailers.release(pool) }
  }

  /// Writes `pendingHead` bytes of head that wait in `scratch` and `n` bytes of body as one message, framed when `chunked`. `inPlace`:
  /// the room around `p` in the receive buffer may be overwritten.
  func sendFramed(_ c: ConnectionRef, _ p: Bytes, _ n: Int, chunked: Bool, end: Bool, inPlace: Bool, trailers: ByteQueue) {
    let head = pendingHead
    pendingHead = 0
    let fits = inPlace && p >= receive && p < receiveEnd && p - (receive - Worker.headroom) > head &+ chunkHeadMax
    if !chunked {
      if n == 0 {
        if head > 0 { write(c, scratch, head) }
      } else if head == 0 {
        write(c, p, n)
      } else if fits {
        memcpy(p - head, scratch, head)
        write(c, p - head, head &+ n)
      } else if head &+ n <= Worker.scratchBytes {
        memcpy(scratch + head, p, n)
        write(c, scratch, head &+ n)
      } else {
        write(c, scratch, head)
        write(c, p, n)
      }
      return
    }
    if n == 0 {
      var o = head
      if end { o = putLastChunk(scratch, o, trailers) }
      if o > 0 { write(c, scratch, o) }
      return
    }
    let room = Worker.scratchBytes &- head &- chunkHeadMax
    if !fits && n > room {
      pendingHead = head
      var o = 0
      while o < n {
        let k = min(n &- o, room)
        sendFramed(c, p + o, k, chunked: true, end: end && o &+ k == n, inPlace: false, trailers: trailers)
        o &+= k
      }
      return
    }
    var base = p
    if !fits {
      base = scratch + (head &+ chunkHeadMax)
      memcpy(base, p, n)
    }
    let sizeAt = putChunkHead(base, endingAt: 0, n)
    let start = base + (sizeAt &- head)
    if head > 0 { memmove(start, scratch, head) }
    base[n] = 13
    base[n &+ 1] = 10
    var after = n &+ 2
    if end && trailers.isEmpty { after = put(base, after, "0\r\n\r\n") }
    write(c, start, after &- sizeAt &+ head)
    if end && !trailers.isEmpty { write(c, scratch, putLastChunk(scratch, 0, trailers)) }
  }

  private func putLastChunk(_ out: Bytes, _ at: Int, _ trailers: ByteQueue) -> Int {
    var o = put(out, at, "0\r\n")
    if !trailers.isEmpty { o = put(out, o, trailers.start, trailers.count) }
    return put(out, o, "\r\n")
  }

  // MARK: failing and trying again

  /// The attempt of `u`'s exchange has failed before a response; without an exchange the connection just closes.
  func upstreamFailed(_ u: ConnectionRef, _ kind: FailureKind) {
    guard let x = u.pointee.exchange else { return closeUpstream(u) }
    attemptFailed(x, kind)
  }

  func attemptFailed(_ x: ExchangeRef, _ kind: FailureKind) {
    let pool = x.pointee.pool!
    let stale = x.pointee.upstream?.pointee.isReused == true && kind == .resetBeforeResponse
    // A kept connection that the other side closed meanwhile says nothing about its health.
    if !stale { record(x, .failure) }
    let endpoint = x.pointee.endpoint
    dropUpstream(x)
    let situation = RetrySituation(
      isIdempotent: x.pointee.method.isIdempotent, isBodyConsumed: x.pointee.requestBodyStarted,
      isHeadForwarded: x.pointee.responseHeadSent, attempts: x.pointee.attempts)
    if pool.pointee.options.retry.mayRetry(kind, situation) && pool.pointee.budget.withdraw(now: now) {
      if let endpoint { x.pointee.tried.insert(endpoint.pointee.slot) }
      if stale { x.pointee.avoidsKept = true }
      cells.add(metrics.retries, 1)
      attempt(x, nil, 0)
      return
    }
    fail(x, fault(of: kind))
  }

  private func fault(of kind: FailureKind) -> Fault {
    switch kind {
    case .connectFailed: .upstreamUnreachable
    case .connectTimeout: .connectTimeout
    case .resetBeforeResponse, .refusedStream, .resetMidResponse: .upstreamReset
    case .firstByteTimeout: .firstByteTimeout
    case .responseStatus: .upstreamReset
    }
  }

  /// Tells the balancer and the ejection rules how an attempt ended.
  func record(_ x: ExchangeRef, _ outcome: AttemptOutcome) {
    guard let endpoint = x.pointee.endpoint, x.pointee.isCounted else { return }
    let pool = endpoint.pointee.pool
    let slot = endpoint.pointee.slot
    if outcome == .failure {
      endpoint.pointee.failures &+= 1
      // An ejection that is over must not take up the share that this one may need.
      readmit(pool)
    }
    if pool.pointee.options.balance.policy == .peakEWMA {
      pool.pointee.balancer.observe(slot, elapsed: now &- x.pointee.upstreamStarted, failed: outcome == .failure, now: now)
    }
    let states = pool.pointee.balancer.endpoints.states
    let effect = pool.pointee.ejection.record(outcome, on: states + Int(slot), pool: pool.pointee.balancer.endpoints.pool, now: now)
    if case .ejected = effect { cells.add(metrics.ejections, 1) }
  }

  /// Takes back the endpoints whose ejection is over.
  func readmit(_ pool: UpstreamPoolRef) {
    while pool.pointee.balancer.readmitNext(now: now) >= 0 { cells.add(metrics.readmissions, 1) }
  }

  /// Takes the exchange off its upstream, which cannot be used for another one after this.
  func dropUpstream(_ x: ExchangeRef) {
    pendingHead = 0
    if x.pointee.isWaiting { leaveQueue(x) }
    var freed: UpstreamPoolRef?
    if let u = x.pointee.upstream {
      x.pointee.upstream = nil
      if x.pointee.upstreamID != 0 {
        freed = x.pointee.pool
        leaveUpstreamHTTP2(x, u)
      } else {
        u.pointee.exchange = nil
        closeUpstream(u)
      }
    }
    x.pointee.requestHeadSent = false
    uncount(x)
    if let freed, freed.pointee.waitHead != nil { serveWaiting(freed) }
  }

  @inline(__always)
  func uncount(_ x: ExchangeRef) {
    guard x.pointee.isCounted, let endpoint = x.pointee.endpoint else { return }
    x.pointee.isCounted = false
    endpoint.pointee.pool.pointee.balancer.endpoints.endRequest(endpoint.pointee.slot)
  }

  /// The exchange leaves its pool for good.
  @inline(__always)
  func leavePool(_ x: ExchangeRef) {
    guard let pool = x.pointee.pool else { return }
    uncount(x)
    if x.pointee.isAdmitted {
      x.pointee.isAdmitted = false
      pool.pointee.circuit.release(.request)
    }
    x.pointee.pool = nil
    pool.pointee.users &-= 1
  }
}
