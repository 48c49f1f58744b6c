// HTTP/2 on a connection of either role: beginning, reading, flushing, floods, ending. Requests and responses on its streams stand in
// Worker+HTTP2Downstream and Worker+HTTP2Upstream.
import CNghttp2
import Glibc
import Runtime

// SAFETY: frames are copied into queues that have reserved their room; libnghttp2's callbacks never free the session that calls them.
extension Worker {
  /// Makes the connection an HTTP/2 one and sends our SETTINGS.
  func beginHTTP2(_ c: ConnectionRef, server: Bool) {
    let h = HTTP2Ref.allocate(capacity: 1)
    var session: OpaquePointer?
    let callbacks = HTTP2Callbacks.callbacks
    let options = HTTP2Callbacks.options
    let made =
      server
      ? nghttp2_session_server_new3(&session, callbacks, h, options, memory.callbacks)
      : nghttp2_session_client_new3(&session, callbacks, h, options, memory.callbacks)
    precondition(made == 0, "nghttp2_session_new: \(String(cString: nghttp2_strerror(made)))")
    h.initialize(to: HTTP2Session(session: session!, isServer: server, worker: .passUnretained(self), connection: c))
    c.pointee.http2 = h
    c.pointee.wire = .http2
    c.pointee.hasSpoken = true
    var settings = [
      nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: UInt32(HTTP2Session.streamWindow)),
      nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), value: UInt32(limits.headBytesMax)),
      nghttp2_settings_entry(
        settings_id: server ? Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue) : Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue),
        value: server ? UInt32(limits.http2StreamsMax) : 0),
    ]
    nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count)
    nghttp2_session_set_local_window_size(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, HTTP2Session.connectionWindow)
    if server { setDeadline(c, limits.idleTimeout) }
    enqueueFlush(c)
  }

  func readHTTP2(_ c: ConnectionRef) {
    var turns = 0
    while true {
      if turns == Worker.readsPerTurn {
        c.pointee.readPending = true
        return enqueueReady(c)
      }
      turns &+= 1
      let r = read(c, receive, Worker.receiveBytes)
      if r <= 0 {
        if r != ReadResult.again { endHTTP2(c) }
        return
      }
      let drained = c.pointee.drained && !c.pointee.sawEnd
      if !feedHTTP2(c, receive, r) || drained { return }
    }
  }

  /// What came before the connection was known to speak HTTP/2, then what the socket holds.
  func resumeHTTP2(_ c: ConnectionRef) {
    let n = c.pointee.input.count
    if n > 0 {
      memcpy(receive, c.pointee.input.start, n)
      c.pointee.input.release(pool)
      if !feedHTTP2(c, receive, n) { return }
    }
    c.pointee.readPending = true
    enqueueReady(c)
  }

  /// Hands received bytes to libnghttp2; false when the connection is gone.
  private func feedHTTP2(_ c: ConnectionRef, _ p: Bytes, _ n: Int) -> Bool {
    let h = c.pointee.http2!
    h.pointee.isReceiving = true
    let r = nghttp2_session_mem_recv(h.pointee.session, p, n)
    h.pointee.isReceiving = false
    if h.pointee.isBroken || r < 0 {
      // What libnghttp2 has to say about it (GOAWAY) still goes out.
      if !h.pointee.isBroken && r != Int(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue) {
        nghttp2_session_terminate_session(h.pointee.session, UInt32(NGHTTP2_PROTOCOL_ERROR.rawValue))
      }
      h.pointee.isLeaving = true
      flushHTTP2(c)
      if c.pointee.http2 == h { endHTTP2(c) }
      return false
    }
    enqueueFlush(c)
    return true
  }

  /// Packs frames that wait into `plain`.
  private func packHTTP2(_ h: HTTP2Ref) {
    while h.pointee.plain.count < 262_144 {
      var data: UnsafePointer<UInt8>?
      let n = nghttp2_session_mem_send(h.pointee.session, &data)
      if n <= 0 { break }
      h.pointee.plain.append(data!, n, pool)
    }
  }

  /// Sends what the session has to send, in one write.
  func flushHTTP2(_ c: ConnectionRef) {
    guard let h = c.pointee.http2, !h.pointee.isReceiving else { return }
    while c.pointee.output.isEmpty {
      packHTTP2(h)
      let n = h.pointee.plain.count
      if n == 0 { break }
      write(c, h.pointee.plain.start, n)
      h.pointee.plain.release(pool)
    }
    let done = nghttp2_session_want_read(h.pointee.session) == 0 && nghttp2_session_want_write(h.pointee.session) == 0
    if (done || h.pointee.isLeaving && h.pointee.streams == 0) && c.pointee.output.isEmpty {
      endHTTP2(c)
    }
  }

  /// The connection is over, for whatever reason: its exchanges end with it.
  func endHTTP2(_ c: ConnectionRef) {
    if c.pointee.role == .downstream { closeHTTP2(c) } else { upstreamHTTP2Ended(c) }
  }

  func freeHTTP2(_ c: ConnectionRef) {
    guard let h = c.pointee.http2 else { return }
    c.pointee.http2 = nil
    h.pointee.plain.release(pool)
    h.pointee.clearBlock(pool)
    nghttp2_session_del(h.pointee.session)
    h.deinitialize(count: 1)
    h.deallocate()
  }

  /// Ends a downstream connection and abandons what runs on it.
  func closeHTTP2(_ c: ConnectionRef) {
    if let h = c.pointee.http2 {
      while let x = h.pointee.first {
        nghttp2_session_set_stream_user_data(h.pointee.session, x.pointee.downstreamID, nil)
        abandon(x)
      }
    }
    closeDownstream(c)
  }

  func http2TimedOut(_ c: ConnectionRef) {
    guard let h = c.pointee.http2 else { return }
    if c.pointee.role == .upstream {
      if h.pointee.streams == 0 { return closeUpstream(c) }
      return upstreamHTTP2TimedOut(c, h)
    }
    if !c.pointee.output.isEmpty { return closeHTTP2(c) }
    if h.pointee.streams > 0 { return downstreamHTTP2TimedOut(c, h) }
    drainHTTP2(c)
  }

  /// Nanoseconds that a client has to learn of the drain while its requests are still taken: more than a round trip.
  static let drainNotice: UInt64 = 200_000_000

  /// As `drainHTTP2`, in two steps: first a GOAWAY that refuses nothing yet, so that a request already on its way is not lost.
  func announceDrain(_ c: ConnectionRef) {
    guard let h = c.pointee.http2, !h.pointee.isLeaving else { return }
    nghttp2_submit_shutdown_notice(h.pointee.session)
    enqueueFlush(c)
    let token = c.token
    after(Worker.drainNotice) { [unowned self] in ConnectionRef.of(token: token).map { drainHTTP2($0) } }
  }

  /// Tells the client to go elsewhere for new requests; closes when those under way are done (RFC 9113 §6.8).
  func drainHTTP2(_ c: ConnectionRef) {
    guard let h = c.pointee.http2, !h.pointee.isLeaving else { return }
    h.pointee.isLeaving = true
    let last = nghttp2_session_get_last_proc_stream_id(h.pointee.session)
    nghttp2_submit_goaway(h.pointee.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, UInt32(NGHTTP2_NO_ERROR.rawValue), nil, 0)
    enqueueFlush(c)
  }

  // MARK: frames

  func http2FrameReceived(_ h: HTTP2Ref, _ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = frame.pointee.hd
    let ended = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue:
      if h.pointee.isServer {
        http2RequestBlock(h, header.stream_id, ended: ended, first: frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST)
      } else {
        http2ResponseBlock(h, header.stream_id, ended: ended)
      }
    case NGHTTP2_DATA.rawValue:
      if ended {
        if let x = exchange(h, header.stream_id) { h.pointee.isServer ? http2RequestEnded(x) : http2ResponseEnded(x) }
      } else if header.length == 0 {
        return countNuisance(h)
      }
    case NGHTTP2_RST_STREAM.rawValue:
      h.pointee.lastReset = header.stream_id
      return countNuisance(h)
    case NGHTTP2_PING.rawValue, NGHTTP2_SETTINGS.rawValue, NGHTTP2_PRIORITY.rawValue:
      return countNuisance(h)
    default: break
    }
    return 0
  }

  /// Also for frames that libnghttp2 answers with a reset (streams beyond the limit among them): each costs us an answer, which waits in
  /// memory when the client does not read.
  func countNuisance(_ h: HTTP2Ref) -> Int32 {
    if h.countNuisance(now: now, limit: limits.http2NuisanceMax) { return 0 }
    // Another node carries many clients, whose comings and goings are not its own.
    if h.pointee.connection.pointee.isPeerLink { return 0 }
    if h.pointee.isBroken { return 0 }
    cells.add(metrics.http2Nuisances, 1)
    h.pointee.isBroken = true
    nghttp2_session_terminate_session(h.pointee.session, UInt32(NGHTTP2_ENHANCE_YOUR_CALM.rawValue))
    return 0
  }

  @inline(__always)
  func exchange(_ h: HTTP2Ref, _ stream: Int32) -> ExchangeRef? {
    nghttp2_session_get_stream_user_data(h.pointee.session, stream)?.assumingMemoryBound(to: Exchange.self)
  }

  func http2DataReceived(_ h: HTTP2Ref, _ stream: Int32, _ p: Bytes, _ n: Int) {
    guard let x = exchange(h, stream), !h.pointee.isBroken else {
      nghttp2_session_consume(h.pointee.session, stream, n)
      return
    }
    if h.pointee.isServer { http2RequestData(h, x, p, n) } else { http2ResponseData(h, x, p, n) }
  }

  func http2StreamClosed(_ h: HTTP2Ref, _ stream: Int32, _ code: UInt32) {
    guard let x = exchange(h, stream) else { return }
    nghttp2_session_set_stream_user_data(h.pointee.session, stream, nil)
    // A client that makes us reset its streams gets as much work out of us as one that resets them itself (CVE-2025-8671).
    if h.pointee.isServer && code != UInt32(NGHTTP2_NO_ERROR.rawValue) && stream != h.pointee.lastReset { _ = countNuisance(h) }
    if h.pointee.isServer { downstreamStreamClosed(h, x, code) } else { upstreamStreamClosed(h, x, code) }
  }

  /// The last frame of a response has been packed: a request that is still coming is cut off. Not before, since a reset discards what
  /// waits to be sent on its stream, trailers and bodyless heads too.
  @inline(__always)
  func http2FrameSent(_ h: HTTP2Ref, _ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0,
      UInt32(header.type) == NGHTTP2_HEADERS.rawValue || UInt32(header.type) == NGHTTP2_DATA.rawValue,
      let x = exchange(h, header.stream_id), x.pointee.resetsAfterResponse, !x.pointee.requestEnded
    else { return }
    nghttp2_submit_rst_stream(
      h.pointee.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), header.stream_id, UInt32(NGHTTP2_NO_ERROR.rawValue))
  }

  /// libnghttp2 wants `n` bytes of DATA behind a frame header: they go straight into what is sent.
  func http2SendData(_ h: HTTP2Ref, _ x: ExchangeRef, _ header: UnsafePointer<UInt8>, _ n: Int) {
    let out = h.pointee.plain.reserve(9 &+ n, pool)
    memcpy(out, header, 9)
    if h.pointee.isServer {
      if n > 0 { memcpy(out + 9, x.pointee.downstreamOutput.start, n) }
      x.pointee.downstreamOutput.consume(n)
      x.pointee.downstreamProgress = now
      if x.pointee.downstreamOutput.isEmpty {
        x.pointee.downstreamOutput.release(pool)
      }
      if let u = x.pointee.upstream, x.pointee.downstreamOutput.count < limits.streamBufferBytes / 2 {
        if x.pointee.upstreamID != 0 { enqueueFlush(u) } else if u.pointee.readPending { enqueueReady(u) }
        if x.pointee.upstreamHeld > 0 { releaseUpstreamHeld(x, u) }
      } else if x.pointee.isLocal && x.pointee.downstreamOutput.isEmpty {
        localWritable(x)
      }
    } else {
      if n > 0 { memcpy(out + 9, x.pointee.upstreamOutput.start, n) }
      x.pointee.upstreamOutput.consume(n)
      x.pointee.upstreamProgress = now
      if x.pointee.upstreamOutput.isEmpty { x.pointee.upstreamOutput.release(pool) }
      if x.pointee.upstreamOutput.count < limits.streamBufferBytes / 2 { resumeRequest(x) }
    }
    h.pointee.plain.extend(9 &+ n)
  }
}
