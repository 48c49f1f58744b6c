// Requests and responses on the streams of a client's HTTP/2 connection. A request's header block is laid down as an HTTP/1 head and goes
// through the same strict parser, so nothing that HTTP/1 would refuse comes in by this door.
import CNghttp2
import Glibc
import Runtime

extension Worker {
  // MARK: requests

  func http2RequestBlock(_ h: HTTP2Ref, _ stream: Int32, ended: Bool, first: Bool) {
    if !first { return http2RequestTrailers(h, stream) }
    defer { h.pointee.clearBlock(pool) }
    let c = h.pointee.connection
    if h.pointee.isLeaving || h.pointee.isBroken { return refuseStream(h, stream, NGHTTP2_REFUSED_STREAM) }
    let p = headText
    var k = 0
    var fault: Fault?
    if h.pointee.isOversized {
      fault = .fieldsTooLarge
    } else if h.pointee.isExtendedConnect {
      fault = .connectRefused
    } else {
      k = h.writeRequest(p)
      let parsed = k == 0 ? HeadFault.malformed.rawValue : request.pointee.parseRequest(p, k, headLimits)
      if parsed != k { fault = Fault(HeadFault(rawValue: parsed) ?? .malformed) }
      if parsed == k && request.pointee.method == .connect { fault = .connectRefused }
    }
    c.pointee.requests &+= 1
    let x = fault == nil ? makeExchange(c, p, k) : unreadable(c)
    x.pointee.downstreamID = stream
    x.pointee.keepsDownstream = true
    let sized = request.pointee.contentLength >= 0 && fault == nil
    x.pointee.requestBody.begin(ended ? .none : sized ? .length : .untilClose, length: max(request.pointee.contentLength, 0))
    x.pointee.requestIsComplete = ended
    x.pointee.requestEnded = ended
    join(h, x)
    nghttp2_session_set_stream_user_data(h.pointee.session, stream, x)
    hasten(c, limits.bodyTimeout)
    if let fault { return fail(x, fault) }
    _ = start(x, p, 0)
  }

  private func join(_ h: HTTP2Ref, _ x: ExchangeRef) {
    x.pointee.listPrevious = nil
    x.pointee.listNext = h.pointee.first
    h.pointee.first?.pointee.listPrevious = x
    h.pointee.first = x
    h.pointee.streams &+= 1
  }

  /// Takes a finished exchange off its connection.
  func leaveHTTP2(_ x: ExchangeRef) {
    if x.pointee.downstreamID < 0 { return releaseInner(x) }
    guard let c = x.pointee.downstream, let h = c.pointee.http2 else { return }
    if let p = x.pointee.listPrevious { p.pointee.listNext = x.pointee.listNext } else { h.pointee.first = x.pointee.listNext }
    if let n = x.pointee.listNext { n.pointee.listPrevious = x.pointee.listPrevious }
    h.pointee.streams &-= 1
    if x.pointee.downstreamHeld > 0 { nghttp2_session_consume_connection(h.pointee.session, x.pointee.downstreamHeld) }
    if exchange(h, x.pointee.downstreamID) == x { nghttp2_session_set_stream_user_data(h.pointee.session, x.pointee.downstreamID, nil) }
    if h.pointee.streams == 0 { setDeadline(c, limits.idleTimeout) }
    enqueueFlush(c)
  }

  private func refuseStream(_ h: HTTP2Ref, _ stream: Int32, _ code: nghttp2_error_code) {
    nghttp2_submit_rst_stream(h.pointee.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, UInt32(code.rawValue))
    enqueueFlush(h.pointee.connection)
  }

  private func http2RequestTrailers(_ h: HTTP2Ref, _ stream: Int32) {
    defer { h.pointee.clearBlock(pool) }
    guard let x = exchange(h, stream) else { return }
    if !h.pointee.isOversized && !h.pointee.lines.isEmpty {
      x.pointee.requestTrailers.append(h.pointee.lines.start, h.pointee.lines.count, pool)
      x.pointee.requestTrailers.append(StaticString("\r\n").utf8Start, 2, pool)
      if !cleanTrailers(x, true) {
        x.pointee.requestTrailers.release(pool)
        x.pointee.requestEnded = true
        return fail(x, .malformed)
      }
    }
    http2RequestEnded(x)
  }

  func http2RequestData(_ h: HTTP2Ref, _ x: ExchangeRef, _ p: Bytes, _ n: Int) {
    x.pointee.bytesReceived &+= n
    x.pointee.downstreamProgress = now
    let serial = x.pointee.serial
    let stream = x.pointee.downstreamID
    if x.pointee.responseIsComplete || x.pointee.downstreamEnded {
      nghttp2_session_consume(h.pointee.session, stream, n)
      return
    }
    if requestIsBlocked(x) || !x.pointee.collected.isEmpty && !x.pointee.isLocal {
      // Held until the next hop takes it; the window keeps it bounded.
      x.pointee.collected.append(p, n, pool)
      x.pointee.downstreamHeld &+= n
      return
    }
    deliverRequestBody(x, p, n, end: false, inPlace: false)
    if x.pointee.serial != serial || x.pointee.upstream.map({ $0.pointee.output.isEmpty }) ?? true {
      nghttp2_session_consume(h.pointee.session, stream, n)
    } else {
      x.pointee.downstreamHeld &+= n
    }
  }

  func http2RequestEnded(_ x: ExchangeRef) {
    if x.pointee.requestEnded { return }
    x.pointee.requestEnded = true
    if x.pointee.isLocal || (!requestIsBlocked(x) && x.pointee.collected.isEmpty) { endHTTP2Request(x) }
  }

  private func endHTTP2Request(_ x: ExchangeRef) {
    x.pointee.requestIsComplete = true
    // No more will come on the stream, but the connection's window belongs to the others as well.
    if x.pointee.downstreamHeld > 0, let h = x.pointee.downstream?.pointee.http2 {
      nghttp2_session_consume_connection(h.pointee.session, x.pointee.downstreamHeld)
      x.pointee.downstreamHeld = 0
      enqueueFlush(h.pointee.connection)
    }
    deliverRequestBody(x, spare, 0, end: true, inPlace: false)
  }

  /// The next hop takes more: passes on what was held and gives the bytes back to the client's window.
  func releaseHeld(_ x: ExchangeRef) {
    guard let h = x.pointee.downstream?.pointee.http2, !requestIsBlocked(x) else { return }
    let serial = x.pointee.serial
    if !x.pointee.collected.isEmpty && !x.pointee.isLocal {
      var held = x.pointee.collected
      x.pointee.collected = ByteQueue()
      deliverRequestBody(x, held.start, held.count, end: false, inPlace: false)
      held.release(pool)
      if x.pointee.serial != serial { return }
    }
    if x.pointee.downstreamHeld > 0 {
      nghttp2_session_consume(h.pointee.session, x.pointee.downstreamID, x.pointee.downstreamHeld)
      x.pointee.downstreamHeld = 0
      enqueueFlush(x.pointee.downstream!)
    }
    if x.pointee.requestEnded && !x.pointee.requestIsComplete { endHTTP2Request(x) }
  }

  /// Looks for streams whose client has been awaited too long: for its request's body, or to take its response (RFC 9113 §10.5). One whose
  /// response has begun may pause its request, as gRPC does.
  func downstreamHTTP2TimedOut(_ c: ConnectionRef, _ h: HTTP2Ref) {
    var late: [(ExchangeRef, UInt64)] = []
    var x = h.pointee.first
    while let y = x {
      x = y.pointee.listNext
      let takes = !y.pointee.responseIsComplete && y.pointee.downstreamOutput.isEmpty
      let sends = y.pointee.requestEnded || y.pointee.responseHeadSent || requestIsBlocked(y)
      if takes && sends {
        y.pointee.downstreamProgress = now
      } else if now &- y.pointee.downstreamProgress >= limits.bodyTimeout {
        late.append((y, y.pointee.serial))
      }
    }
    for (y, serial) in late where y.pointee.serial == serial {
      if !y.pointee.responseHeadSent {
        fail(y, .bodyTimeout)
      } else {
        nghttp2_session_set_stream_user_data(h.pointee.session, y.pointee.downstreamID, nil)
        refuseStream(h, y.pointee.downstreamID, NGHTTP2_CANCEL)
        abandon(y)
      }
    }
    if c.pointee.http2 == h && h.pointee.streams > 0 { setDeadline(c, limits.bodyTimeout) }
  }

  /// The client reset the stream, or both sides have ended it.
  func downstreamStreamClosed(_ h: HTTP2Ref, _ x: ExchangeRef, _ code: UInt32) {
    if x.pointee.responseIsComplete && code == UInt32(NGHTTP2_NO_ERROR.rawValue) { return finish(x) }
    abandon(x)
  }

  // MARK: responses

  /// Submits the head that `response` describes at `p`. Frames are packed at the end of the turn only: packing may close streams, hence
  /// free exchanges, and must not happen inside libnghttp2's callbacks (its programmers' guide, Remarks).
  func submitHTTP2Response(_ x: ExchangeRef, _ p: Bytes, framing: BodyFraming) {
    if x.pointee.downstreamID < 0 { return offerHead(x, p, framing: framing) }
    let h = x.pointee.downstream!.pointee.http2!
    let count = putHTTP2Fields(x, p, interim: false)
    var source = nghttp2_data_provider()
    source.source.ptr = UnsafeMutableRawPointer(x)
    source.read_callback = HTTP2Callbacks.readDownstream
    let stream = x.pointee.downstreamID
    enqueueFlush(x.pointee.downstream!)
    if framing == .none {
      nghttp2_submit_response(h.pointee.session, stream, fieldList, count, nil)
    } else {
      nghttp2_submit_response(h.pointee.session, stream, fieldList, count, &source)
    }
  }

  func submitHTTP2Interim(_ x: ExchangeRef, _ p: Bytes) {
    if x.pointee.downstreamID < 0 { return }
    let h = x.pointee.downstream!.pointee.http2!
    let count = putHTTP2Fields(x, p, interim: true)
    nghttp2_submit_headers(
      h.pointee.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), x.pointee.downstreamID, nil, fieldList, count, nil)
    enqueueFlush(x.pointee.downstream!)
  }

  /// Fills `fieldList` from the response at `p`; their number.
  private func putHTTP2Fields(_ x: ExchangeRef, _ p: Bytes, interim: Bool) -> Int {
    _ = putDecimal(statusText, 0, response.pointee.status)
    fieldList[0] = HTTP2Fields.field(":status", statusText, 3)
    var n = 1
    let skipped = interim ? FieldID.hopByHop : FieldID.hopByHop | FieldID.bit(FieldID.requestID)
    var k = 0
    while k < response.pointee.count {
      let f = response.pointee.fields[k]
      k &+= 1
      if f.id != 0 && skipped & FieldID.bit(f.id) != 0 { continue }
      let name = p + Int(f.name)
      HTTP2Fields.lower(name, Int(f.nameCount))
      fieldList[n] = HTTP2Fields.field(name, Int(f.nameCount), p + Int(f.value), Int(f.valueCount))
      n &+= 1
    }
    if interim { return n }
    if !x.pointee.added.isEmpty { n = putAdded(x, n) }
    // Between nodes nothing of this is said: to clients they are one gateway, and the one that they came to speaks for it.
    if x.isOfPeer { return n }
    if forwarding.responseViaCount > 0 {
      // "Via: 1.1 name\r\n": the value without its name and line end.
      fieldList[n] = HTTP2Fields.field("via", forwarding.responseVia + 5, forwarding.responseViaCount &- 7)
      n &+= 1
    }
    _ = putHex(requestIDText, putHex(requestIDText, 0, x.pointee.requestID.0), x.pointee.requestID.1)
    fieldList[n] = HTTP2Fields.field("x-request-id", requestIDText, 32)
    return n &+ 1
  }

  /// The lines that the application adds: `Name: value`, each with its line end.
  private func putAdded(_ x: ExchangeRef, _ at: Int) -> Int {
    var (n, i) = (at, 0)
    let (p, count) = (x.pointee.added.start, x.pointee.added.count)
    while i < count {
      var colon = i
      while p[colon] != 0x3a { colon &+= 1 }
      var end = colon
      while p[end] != 13 { end &+= 1 }
      HTTP2Fields.lower(p + i, colon &- i)
      fieldList[n] = HTTP2Fields.field(p + i, colon &- i, p + (colon &+ 2), end &- colon &- 2)
      n &+= 1
      i = end &+ 2
    }
    return n
  }

  /// Another exchange takes the place of one whose response has not begun.
  func replaceHTTP2(_ old: ExchangeRef, by x: ExchangeRef) {
    let h = x.pointee.downstream!.pointee.http2!
    x.pointee.listPrevious = old.pointee.listPrevious
    x.pointee.listNext = old.pointee.listNext
    if let p = x.pointee.listPrevious { p.pointee.listNext = x } else { h.pointee.first = x }
    if let n = x.pointee.listNext { n.pointee.listPrevious = x }
    nghttp2_session_set_stream_user_data(h.pointee.session, x.pointee.downstreamID, x)
  }

  func queueHTTP2Response(_ x: ExchangeRef, _ p: Bytes, _ n: Int, end: Bool) {
    if x.pointee.downstreamID < 0 { return offerBody(x, p, n) }
    let c = x.pointee.downstream!
    guard let h = c.pointee.http2 else { return }
    if n > 0 { x.pointee.downstreamOutput.append(p, n, pool) }
    if end { x.pointee.downstreamEnded = true }
    if x.pointee.downstreamDeferred && (n > 0 || end) {
      x.pointee.downstreamDeferred = false
      nghttp2_session_resume_data(h.pointee.session, x.pointee.downstreamID)
    }
    enqueueFlush(c)
  }

  /// The whole response is queued; the stream's closing finishes the exchange. A request that is still coming is cut off
  /// (RFC 9113 §8.1).
  func completeHTTP2(_ x: ExchangeRef) {
    if x.pointee.downstreamID < 0 { return offerEnd(x, nil) }
    x.pointee.downstreamEnded = true
    let c = x.pointee.downstream!
    enqueueFlush(c)
    if x.pointee.requestEnded { return }
    guard let h = c.pointee.http2 else { return }
    if nghttp2_session_get_stream_local_close(h.pointee.session, x.pointee.downstreamID) == 1 {
      refuseStream(h, x.pointee.downstreamID, NGHTTP2_NO_ERROR)
    } else {
      x.pointee.resetsAfterResponse = true
    }
  }

  /// Breaks a response off.
  func resetHTTP2(_ x: ExchangeRef) {
    guard let h = x.pointee.downstream?.pointee.http2 else { return }
    nghttp2_session_set_stream_user_data(h.pointee.session, x.pointee.downstreamID, nil)
    refuseStream(h, x.pointee.downstreamID, NGHTTP2_INTERNAL_ERROR)
  }
}
