// Requests and responses on the streams of an HTTP/2 connection to an upstream, shared by many exchanges.
import CNghttp2
import Glibc
import Runtime

// SAFETY: `fieldList` has room for as many fields as a head may have and the engine's own; libnghttp2 copies them at once.
extension Worker {
  /// Streams opened on one upstream connection at the most, whatever the other side allows.
  static let upstreamStreamsMax = 100

  // MARK: connections

  /// A connection of the endpoint with room for one more stream.
  func takeMultiplexed(_ endpoint: EndpointRef) -> ConnectionRef? {
    var u = endpoint.pointee.multiplexed
    while let c = u {
      if let h = c.pointee.http2, hasRoom(h) { return c }
      u = c.pointee.nextIdle
    }
    return nil
  }

  private func hasRoom(_ h: HTTP2Ref) -> Bool {
    if h.pointee.isLeaving || h.pointee.isBroken { return false }
    let allowed = nghttp2_session_get_remote_settings(h.pointee.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    return h.pointee.streams < min(Worker.upstreamStreamsMax, Int(allowed))
      && nghttp2_session_check_request_allowed(h.pointee.session) != 0
  }

  /// A connection that was made for HTTP/2 is ready.
  func establishHTTP2(_ u: ConnectionRef) {
    let endpoint = u.pointee.endpoint!
    let pool = endpoint.pointee.pool
    let first = u.pointee.exchange
    u.pointee.exchange = nil
    established(u)
    if u.pointee.tls.map({ TLSSession.negotiatedALPN($0) == .http1 }) ?? false {
      if let x = first {
        x.pointee.upstream = nil
        closeUpstream(u)
        attemptFailed(x, .connectFailed)
      } else {
        closeUpstream(u)
      }
      return
    }
    beginHTTP2(u, server: false)
    u.pointee.previousIdle = nil
    u.pointee.nextIdle = endpoint.pointee.multiplexed
    endpoint.pointee.multiplexed?.pointee.previousIdle = u
    endpoint.pointee.multiplexed = u
    if let x = first {
      x.pointee.upstream = nil
      sendHTTP2(x, u, nil, 0)
      resumeRequest(x)
    }
    // Each that waits now gets one turn: those that are for another endpoint go back to the end of the queue, and so do those that this
    // connection has no room for, the first of which opens another.
    var turns = 0
    var waiting = pool.pointee.waitHead
    while let x = waiting {
      turns &+= 1
      waiting = x.pointee.waitNext
    }
    while turns > 0, pool.pointee.waitHead != nil {
      serveWaiting(pool)
      turns &-= 1
    }
    if u.pointee.http2?.pointee.streams == 0 { setDeadline(u, pool.pointee.options.idleTimeout) }
    u.pointee.readPending = true
    enqueueReady(u)
  }

  func unlinkMultiplexed(_ u: ConnectionRef) {
    let endpoint = u.pointee.endpoint!
    if let p = u.pointee.previousIdle {
      p.pointee.nextIdle = u.pointee.nextIdle
    } else if endpoint.pointee.multiplexed == u {
      endpoint.pointee.multiplexed = u.pointee.nextIdle
    }
    if let n = u.pointee.nextIdle { n.pointee.previousIdle = u.pointee.previousIdle }
    u.pointee.previousIdle = nil
    u.pointee.nextIdle = nil
  }

  /// The connection is gone: every exchange on it fails, or is tried elsewhere.
  func upstreamHTTP2Ended(_ u: ConnectionRef) {
    guard let h = u.pointee.http2 else { return closeUpstream(u) }
    h.pointee.isBroken = true
    var orphans: [(ExchangeRef, UInt64)] = []
    while let x = h.pointee.first {
      orphans.append((x, x.pointee.serial))
      leaveUpstreamHTTP2(x, u)
      x.pointee.upstream = nil
    }
    closeUpstream(u)
    for (x, serial) in orphans where x.pointee.serial == serial { upstreamStreamFailed(x, .resetBeforeResponse) }
  }

  /// Fails the requests that have waited too long, each by its own time: others may be busy on the same connection.
  func upstreamHTTP2TimedOut(_ u: ConnectionRef, _ h: HTTP2Ref) {
    let timeouts = u.pointee.endpoint!.pointee.pool.pointee.options.timeouts
    var late: [(ExchangeRef, UInt64)] = []
    var next = UInt64.max
    var x = h.pointee.first
    while let y = x {
      x = y.pointee.upstreamNext
      // Nobody can be blamed for silence while the other side does not take, or does not send.
      if responseIsBlocked(y) || !y.pointee.requestIsComplete && y.pointee.upstreamOutput.isEmpty { y.pointee.upstreamProgress = now }
      let bound = y.pointee.responseHeadSent ? timeouts.idle : timeouts.firstByte
      if bound == 0 { continue }
      let due = y.pointee.upstreamProgress &+ bound
      if due <= now { late.append((y, y.pointee.serial)) } else { next = min(next, due) }
    }
    for (y, serial) in late where y.pointee.serial == serial {
      if !y.pointee.responseHeadSent {
        attemptFailed(y, .firstByteTimeout)
      } else {
        record(y, .failure)
        fail(y, .idleTimeout)
      }
    }
    if u.pointee.http2 == h && h.pointee.streams > 0 { hasten(u, next == .max ? timeouts.idle : next &- now) }
  }

  private func upstreamStreamFailed(_ x: ExchangeRef, _ kind: FailureKind) {
    if x.pointee.responseHeadSent {
      record(x, .failure)
      fail(x, .upstreamReset)
    } else {
      attemptFailed(x, kind)
    }
  }

  // MARK: requests

  /// Opens a stream for the exchange. Body bytes are never taken here; the caller resumes the request.
  @discardableResult
  func sendHTTP2(_ x: ExchangeRef, _ u: ConnectionRef, _ p: Bytes?, _ available: Int) -> Int {
    let base = p ?? parseAgain(x)
    let h = u.pointee.http2!
    // The head as HTTP/1 text first: one place decides what this hop says.
    let o = putRequestHead(x, base, scratch, chunked: false)
    let limits = HeadLimits(targetBytesMax: 1 << 20, headBytesMax: 1 << 20, fieldsMax: MessageHead.capacity)
    let k = rewritten.pointee.parseRequest(scratch, o, limits)
    precondition(k == o, "a request head made here does not parse")
    let count = putRequestFields(x, rewritten.pointee, scratch, secure: u.pointee.tls != nil, trailers: request.pointee.has(FieldID.te))
    var source = nghttp2_data_provider()
    source.source.ptr = UnsafeMutableRawPointer(x)
    source.read_callback = HTTP2Callbacks.readUpstream
    x.pointee.upstreamEnded = x.pointee.requestIsComplete
    x.pointee.upstreamDeferred = false
    let stream =
      x.pointee.requestIsComplete
      ? nghttp2_submit_request(h.pointee.session, nil, fieldList, count, nil, x)
      : nghttp2_submit_request(h.pointee.session, nil, fieldList, count, &source, x)
    guard stream > 0 else {
      attemptFailed(x, .refusedStream)
      return 0
    }
    x.pointee.upstream = u
    x.pointee.upstreamID = stream
    x.pointee.requestHeadSent = true
    x.pointee.upstreamStarted = now
    x.pointee.upstreamProgress = now
    x.pointee.upstreamPrevious = nil
    x.pointee.upstreamNext = h.pointee.first
    h.pointee.first?.pointee.upstreamPrevious = x
    h.pointee.first = x
    h.pointee.streams &+= 1
    enqueueFlush(u)
    hasten(u, u.pointee.endpoint!.pointee.pool.pointee.options.timeouts.firstByte)
    if !x.pointee.requestIsComplete && p != nil { resumeRequest(x) }
    return 0
  }

  private func putRequestFields(_ x: ExchangeRef, _ head: MessageHead, _ p: Bytes, secure: Bool, trailers: Bool) -> Int {
    let scheme: StaticString = secure ? "https" : "http"
    fieldList[0] = HTTP2Fields.field(":method", p + head.start, head.methodCount)
    fieldList[1] = HTTP2Fields.field(":scheme", scheme.utf8Start, scheme.utf8CodeUnitCount)
    fieldList[2] = HTTP2Fields.field(":path", p + head.target, head.targetCount)
    fieldList[3] = HTTP2Fields.field(":authority", p + head.authority, head.authorityCount)
    var n = 4
    for k in 0..<head.count {
      let f = head.fields[k]
      if f.id == FieldID.host || (f.id != 0 && FieldID.hopByHop & FieldID.bit(f.id) != 0) { continue }
      HTTP2Fields.lower(p + Int(f.name), Int(f.nameCount))
      fieldList[n] = HTTP2Fields.field(p + Int(f.name), Int(f.nameCount), p + Int(f.value), Int(f.valueCount))
      n += 1
    }
    if trailers {
      fieldList[n] = HTTP2Fields.field("te", StaticString("trailers").utf8Start, 8)
      n += 1
    }
    return n
  }

  func sendHTTP2Body(_ x: ExchangeRef, _ u: ConnectionRef, _ p: Bytes, _ n: Int, end: Bool) {
    guard let h = u.pointee.http2 else { return }
    x.pointee.upstreamProgress = now
    if n > 0 { x.pointee.upstreamOutput.append(p, n, pool) }
    if end { x.pointee.upstreamEnded = true }
    if x.pointee.upstreamDeferred && (n > 0 || end) {
      x.pointee.upstreamDeferred = false
      nghttp2_session_resume_data(h.pointee.session, x.pointee.upstreamID)
    }
    enqueueFlush(u)
  }

  /// Takes the exchange off its upstream stream, which is reset if it is still open.
  ///
  /// - Parameter isClosed: libnghttp2 is just closing the stream.
  func leaveUpstreamHTTP2(_ x: ExchangeRef, _ u: ConnectionRef, isClosed: Bool = false) {
    guard let h = u.pointee.http2 else { return }
    let stream = x.pointee.upstreamID
    if let p = x.pointee.upstreamPrevious {
      p.pointee.upstreamNext = x.pointee.upstreamNext
    } else {
      h.pointee.first = x.pointee.upstreamNext
    }
    if let n = x.pointee.upstreamNext { n.pointee.upstreamPrevious = x.pointee.upstreamPrevious }
    x.pointee.upstreamPrevious = nil
    x.pointee.upstreamNext = nil
    h.pointee.streams &-= 1
    x.pointee.upstreamHeld = 0
    x.pointee.upstreamOutput.release(pool)
    // Both also reach a request whose HEADERS still wait to be sent: no stream, hence no user data, can be looked up for it yet, but it
    // would be opened later with a pointer to whatever request uses this exchange's memory by then.
    nghttp2_session_set_stream_user_data(h.pointee.session, stream, nil)
    // Nothing to cut off where both sides have ended theirs: a reset more would count against us.
    let isOver = isClosed || x.pointee.responseIsComplete && nghttp2_session_get_stream_local_close(h.pointee.session, stream) == 1
    if !isOver && !h.pointee.isBroken {
      nghttp2_submit_rst_stream(h.pointee.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, UInt32(NGHTTP2_CANCEL.rawValue))
    }
    x.pointee.upstreamID = 0
    if h.pointee.streams == 0 { becomeIdle(u, h) }
    enqueueFlush(u)
  }

  /// The last stream has ended: kept for a while, unless its endpoint has left the list.
  private func becomeIdle(_ u: ConnectionRef, _ h: HTTP2Ref) {
    let endpoint = u.pointee.endpoint!
    let pool = endpoint.pointee.pool
    let isListed = pool.pointee.balancer.endpoints.states[Int(endpoint.pointee.slot)].presence == .listed
    if !isListed || pool.pointee.isRetired { h.pointee.isLeaving = true }
    setDeadline(u, pool.pointee.options.idleTimeout)
  }

  // MARK: responses

  func http2ResponseBlock(_ h: HTTP2Ref, _ stream: Int32, ended: Bool) {
    defer { h.pointee.clearBlock(pool) }
    guard let x = exchange(h, stream), let u = x.pointee.upstream else { return }
    if h.pointee.isOversized { return refuseHTTP2Response(x, .upstreamHeadTooLarge) }
    if x.pointee.firstByte != 0 && h.pointee.status == 0 {
      if !h.pointee.lines.isEmpty {
        x.pointee.responseTrailers.append(h.pointee.lines.start, h.pointee.lines.count, pool)
        x.pointee.responseTrailers.append(StaticString("\r\n").utf8Start, 2, pool)
        if !cleanTrailers(x, false) { return refuseHTTP2Response(x, .upstreamMalformed) }
      }
      if ended { http2ResponseEnded(x) }
      return
    }
    let k = h.writeResponse(headText)
    guard response.pointee.parseResponse(headText, k, HeadLimits(headBytesMax: 1 << 18, fieldsMax: 256)) == k,
      response.pointee.status != 101
    else { return refuseHTTP2Response(x, .upstreamMalformed) }
    if response.pointee.status < 200 { return forwardInterim(x, headText, k) }
    let status = UInt16(truncatingIfNeeded: response.pointee.status)
    if status >= 400 {
      x.pointee.responseIsComplete = ended  // a stream that both sides have ended is not reset
      if retryStatus(x, status) { return }
      x.pointee.responseIsComplete = false
    }
    record(x, Worker.outcome(of: status))
    x.pointee.firstByte = now
    let toHead = x.pointee.method == .head
    let sized = response.pointee.contentLength >= 0
    let bodyless = toHead || status == 204 || status == 304
    // An end that came with the head stays there for an HTTP/2 client: gRPC tells a response of trailers only by that.
    let framing: BodyFraming = bodyless || ended && x.pointee.downstreamID > 0 ? .none : sized ? .length : .untilClose
    x.pointee.upstreamProgress = now
    hasten(u, u.pointee.endpoint!.pointee.pool.pointee.options.timeouts.idle)
    sendResponseHead(x, headText, framing: framing)
    deliverResponseBody(x, headText, 0, end: ended, inPlace: false)
    if ended { http2ResponseCompleted(x, u) }
  }

  private func refuseHTTP2Response(_ x: ExchangeRef, _ fault: Fault) {
    record(x, .failure)
    fail(x, fault)
  }

  func http2ResponseData(_ h: HTTP2Ref, _ x: ExchangeRef, _ p: Bytes, _ n: Int) {
    if x.pointee.upstream == nil { return }
    x.pointee.upstreamProgress = now
    if x.pointee.method == .head {
      nghttp2_session_consume(h.pointee.session, x.pointee.upstreamID, n)
      return
    }
    let (stream, serial) = (x.pointee.upstreamID, x.pointee.serial)
    // What the client has not taken yet lies here already, bounded by the stream's window. The connection's is everybody's: held back, it
    // would let clients that do not read stop all others.
    nghttp2_session_consume_connection(h.pointee.session, n)
    deliverResponseBody(x, p, n, end: false, inPlace: false)
    if x.pointee.serial != serial || x.pointee.upstreamID != stream { return }
    if responseIsBlocked(x) {
      x.pointee.upstreamHeld &+= n
    } else {
      nghttp2_session_consume_stream(h.pointee.session, stream, n)
    }
  }

  /// The client takes more: the upstream may send more.
  func releaseUpstreamHeld(_ x: ExchangeRef, _ u: ConnectionRef) {
    guard x.pointee.upstreamHeld > 0, let h = u.pointee.http2 else { return }
    nghttp2_session_consume_stream(h.pointee.session, x.pointee.upstreamID, x.pointee.upstreamHeld)
    x.pointee.upstreamHeld = 0
    x.pointee.upstreamProgress = now
    enqueueFlush(u)
  }

  func http2ResponseEnded(_ x: ExchangeRef) {
    guard let u = x.pointee.upstream else { return }
    deliverResponseBody(x, spare, 0, end: true, inPlace: false)
    http2ResponseCompleted(x, u)
  }

  private func http2ResponseCompleted(_ x: ExchangeRef, _ u: ConnectionRef) {
    x.pointee.responseIsComplete = true
    x.pointee.upstream = nil
    leaveUpstreamHTTP2(x, u)
    uncount(x)
    completeResponse(x)
    let pool = u.pointee.endpoint!.pointee.pool
    if pool.pointee.waitHead != nil { serveWaiting(pool) }
  }

  func upstreamStreamClosed(_ h: HTTP2Ref, _ x: ExchangeRef, _ code: UInt32) {
    guard let u = x.pointee.upstream else { return }
    let pool = u.pointee.endpoint!.pointee.pool
    leaveUpstreamHTTP2(x, u, isClosed: true)
    x.pointee.upstream = nil
    upstreamStreamFailed(x, code == UInt32(NGHTTP2_REFUSED_STREAM.rawValue) ? .refusedStream : .resetBeforeResponse)
    if pool.pointee.waitHead != nil { serveWaiting(pool) }
  }
}
