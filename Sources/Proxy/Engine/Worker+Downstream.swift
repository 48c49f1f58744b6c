// The client's side: accepting, PROXY protocol, the TLS handshake, and reading HTTP/1 requests off a connection (RFC 9112).
import CEpoll
import COpenSSL
import Glibc
import Runtime

// SAFETY: every read is bounded by the receive buffer's size; a connection that was closed is recognised by its role or generation.
extension Worker {
  // MARK: accepting

  /// Begins to accept on a listening socket of this worker.
  public func listen(_ fd: Int32, listener: Int) {
    let c = connections.take()
    c.pointee.fd = fd
    c.pointee.role = .listener
    c.pointee.listener = Int16(truncatingIfNeeded: listener)
    loop.add(fd, events: EventLoop.readable, token: c.token)
  }

  /// Takes some of what is queued; false when there was no more to take.
  @discardableResult
  func accept(_ listener: ConnectionRef) -> Bool {
    for _ in 0..<64 {
      if downstreamCount >= limits.connectionsMax {
        pauseAccepting()
        return false
      }
      var address = sockaddr_storage()
      var length = socklen_t(0)
      let fd = tg_accept(listener.pointee.fd, &address, &length)
      if fd < 0 {
        // Out of descriptors: without a pause the loop would spin on the listener.
        if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM { pauseAccepting() }
        return false
      }
      adopt(fd, address, Int(listener.pointee.listener))
    }
    return true
  }

  /// Serves a connection that somebody else has accepted, as one of the named listener's; closes it where there is none.
  public func serve(_ fd: Int32, from remote: SocketAddress, listener address: String) {
    guard let snapshot = live?.pointee.snapshot._withUnsafeGuaranteedRef({ $0 }), !isDraining,
      let listener = snapshot.listeners.firstIndex(where: { $0.address == address })
    else {
      _ = Glibc.close(fd)
      return
    }
    adopt(fd, remote, listener)
  }

  private func adopt(_ fd: Int32, _ address: sockaddr_storage, _ listener: Int) {
    adopt(fd, SocketAddress(address) ?? .unknown, listener)
  }

  private func adopt(_ fd: Int32, _ remote: SocketAddress, _ listener: Int) {
    guard let snapshot = live?.pointee.snapshot._withUnsafeGuaranteedRef({ $0 }), listener >= 0, listener < snapshot.listeners.count else {
      _ = Glibc.close(fd)
      return
    }
    StreamOptions.set(fd, remote)
    let options = snapshot.listeners[listener]
    let tls = options.tls?.makeSession()
    if tls == nil && options.tls != nil {  // out of memory: never served without
      ERR_clear_error()
      _ = Glibc.close(fd)
      return
    }
    let c = connections.take()
    c.pointee.fd = fd
    c.pointee.role = .downstream
    c.pointee.listener = Int16(truncatingIfNeeded: listener)
    c.pointee.listenerPort = options.port
    setPeer(c, remote)
    downstreamCount &+= 1
    cells.add(metrics.connectionsAccepted, 1)
    if let tls { attachTLS(c, tls, server: true) }
    if options.proxyProtocol { c.pointee.wire = .proxyHeader }
    setDeadline(c, limits.headTimeout)
    loop.add(fd, events: EventLoop.stream, token: c.token)
  }

  func setPeer(_ c: ConnectionRef, _ address: SocketAddress) {
    c.pointee.peer = address
    c.pointee.peerIsTrusted = forwarding.trusts(address)
    withUnsafeMutableBytes(of: &c.pointee.peerText.bytes) { buffer in
      let p = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
      c.pointee.peerText.count = UInt8(truncatingIfNeeded: address.writeHost(to: p))
    }
  }

  private func pauseAccepting() {
    if acceptPaused { return }
    acceptPaused = true
    connections.forEach { if $0.pointee.role == .listener { loop.remove($0.pointee.fd) } }
    after(100_000_000) { [unowned self] in
      acceptPaused = false
      connections.forEach {
        if $0.pointee.role == .listener { loop.add($0.pointee.fd, events: EventLoop.readable, token: $0.token) }
      }
    }
  }

  // MARK: reading

  func downstreamReadable(_ c: ConnectionRef) {
    switch c.pointee.wire {
    case .http1: readHTTP1(c)
    case .http2: readHTTP2(c)
    case .tunnel: readTunnel(c)
    case .proxyHeader: readProxyHeader(c)
    case .handshake: continueHandshake(c)
    }
  }

  func downstreamWritable(_ c: ConnectionRef) {
    guard flush(c) else { return }
    if c.pointee.closesWhenFlushed { return endDownstream(c) }
    switch c.pointee.wire {
    case .http2:
      enqueueFlush(c)
    case .http1, .tunnel:
      if c.pointee.wire == .tunnel { setDeadline(c, limits.tunnelTimeout) }  // what was set for the flush does not bound silence
      if let u = c.pointee.exchange?.pointee.upstream { resumeUpstreamReading(c.pointee.exchange!, u) }
      if let x = c.pointee.exchange, x.pointee.isLocal {
        if c.pointee.wire == .tunnel && c.pointee.readPending { enqueueReady(c) }
        localWritable(x)
      }
      // Requests that were not begun because earlier responses still waited.
      if c.pointee.role == .downstream && c.pointee.wire == .http1 && c.pointee.exchange == nil && c.pointee.reading == .head {
        awaitHead(c)
      }
    case .proxyHeader, .handshake: break
    }
  }

  private func readProxyHeader(_ c: ConnectionRef) {
    // The header comes before TLS: read it from the socket itself, byte-exactly (MSG_PEEK, then take what it used).
    let n = recv(c.pointee.fd, receive, ProxyHeader.bytesMax, Int32(MSG_PEEK))
    if n < 0 && errno == EAGAIN { return }
    guard n > 0 else { return closeDownstream(c) }
    switch ProxyHeader.parse(UnsafePointer(receive), n) {
    case .incomplete:
      if n >= ProxyHeader.bytesMax || c.pointee.sawEnd { closeDownstream(c) }
    case .malformed:
      cells.add(metrics.proxyHeadersRefused, 1)
      closeDownstream(c)
    case .header(let count, let source):
      _ = recv(c.pointee.fd, receive, count, 0)
      if let source { setPeer(c, source) }
      c.pointee.wire = c.pointee.tls != nil ? .handshake : .http1
      downstreamReadable(c)
    }
  }

  private func continueHandshake(_ c: ConnectionRef) {
    switch handshake(c) {
    case 1:
      cells.add(handshakeCounter(c, succeeded: true), 1)
      if TLSSession.negotiatedALPN(c.pointee.tls!) == .h2 {
        beginHTTP2(c, server: true)
      } else {
        c.pointee.wire = .http1
        c.pointee.hasSpoken = true
      }
      downstreamReadable(c)
    case 0:
      if c.pointee.sawEnd && c.pointee.drained { closeDownstream(c) }
    default:
      cells.add(handshakeCounter(c, succeeded: false), 1)
      c.pointee.sawEnd = true
      closeDownstream(c)
    }
  }

  /// The connection is free for its next request.
  func awaitHead(_ c: ConnectionRef) {
    setDeadline(c, !c.pointee.output.isEmpty ? limits.bodyTimeout : c.pointee.input.isEmpty ? limits.idleTimeout : limits.headTimeout)
    if c.pointee.readPending || c.pointee.sawEnd || !c.pointee.input.isEmpty { enqueueReady(c) }
  }

  /// A client that does not take its responses gets no further request begun, or they would pile up here.
  @inline(__always)
  private func headIsBlocked(_ c: ConnectionRef) -> Bool {
    c.pointee.reading == .head && !c.pointee.output.isEmpty && !c.pointee.isBroken
  }

  /// Goes on with a connection whose obstacle is gone: first with what was already received.
  func resumeDownstream(_ c: ConnectionRef) {
    if c.pointee.wire == .http1 && headIsBlocked(c) {
      c.pointee.readPending = true
      return
    }
    if c.pointee.wire == .http1 && !c.pointee.input.isEmpty && c.pointee.reading != .complete {
      if c.pointee.reading == .body, let x = c.pointee.exchange, requestIsBlocked(x) { return }
      let n = c.pointee.input.count
      if c.pointee.reading == .body || c.pointee.reading == .head || c.pointee.reading == .linger {
        memcpy(receive, c.pointee.input.start, n)
        c.pointee.input.release(pool)
        processHTTP1(c, receive, n)
        if c.pointee.role != .downstream || c.pointee.wire != .http1 { return }
        if !c.pointee.input.isEmpty && c.pointee.reading != .head { return }
      }
    }
    if c.pointee.readPending || c.pointee.sawEnd {
      c.pointee.readPending = false
      downstreamReadable(c)
    }
  }

  private func readHTTP1(_ c: ConnectionRef) {
    // A client that has ended its sending side may still wait for its response; when draining, it is taken to be gone.
    if (c.pointee.isBroken || isDraining && c.pointee.sawEnd) && c.pointee.exchange != nil { return downstreamEnded(c, ReadResult.failed) }
    var turns = 0
    while true {
      if c.pointee.reading == .complete || headIsBlocked(c) || (c.pointee.reading == .body && requestIsBlocked(c.pointee.exchange!)) {
        c.pointee.readPending = true
        return
      }
      if turns == Worker.readsPerTurn {
        c.pointee.readPending = true
        return enqueueReady(c)
      }
      turns &+= 1
      var have = 0
      if !c.pointee.input.isEmpty {
        have = c.pointee.input.count
        if have >= Worker.receiveBytes { return refuse(c, .fieldsTooLarge) }  // a read of no bytes would look like the end
        memcpy(receive, c.pointee.input.start, have)
      }
      let r = read(c, receive + have, Worker.receiveBytes &- have)
      if r <= 0 {
        if r != ReadResult.again { downstreamEnded(c, r) }
        return
      }
      let drained = c.pointee.drained && !c.pointee.sawEnd
      if have > 0 { c.pointee.input.release(pool) }
      processHTTP1(c, receive, have &+ r)
      if drained || c.pointee.role != .downstream { return }
      if c.pointee.wire != .http1 { return downstreamReadable(c) }
    }
  }

  /// The client closed its side, or the connection broke.
  private func downstreamEnded(_ c: ConnectionRef, _ result: Int) {
    guard let x = c.pointee.exchange else { return closeDownstream(c) }
    // A client may close its sending side and still wait for the response; a broken connection, or a body cut short, ends the exchange.
    if result == ReadResult.end && c.pointee.reading == .complete { return }
    x.pointee.downstreamEnded = true
    abandon(x)
    closeDownstream(c)
  }

  @inline(__always)
  func processHTTP1(_ c: ConnectionRef, _ p: Bytes, _ n: Int) {
    var off = 0
    while off < n {
      switch c.pointee.reading {
      case .head:
        if headIsBlocked(c) {
          c.pointee.input.append(p + off, n &- off, pool)
          c.pointee.readPending = true
          return
        }
        let k = request.pointee.parseRequest(p + off, n &- off, headLimits)
        if k == 0 { return keepPartialHead(c, p + off, n &- off) }
        if k < 0 { return refuseHead(c, HeadFault(rawValue: k)!, p + off, n &- off) }
        off &+= k
        off &+= beginHTTP1(c, p + (off &- k), k, n &- off)
        if c.pointee.role != .downstream || c.pointee.wire != .http1 {
          if c.pointee.role == .downstream && c.pointee.wire == .tunnel { c.pointee.input.append(p + off, n &- off, pool) }
          return
        }
      case .body:
        let x = c.pointee.exchange!
        if requestIsBlocked(x) {
          c.pointee.input.append(p + off, n &- off, pool)
          c.pointee.readPending = true
          return
        }
        off &+= takeRequestBody(x, p + off, n &- off)
        if c.pointee.role != .downstream { return }
      case .complete:
        c.pointee.input.append(p + off, n &- off, pool)
        c.pointee.readPending = true
        return
      case .linger:
        c.pointee.lingerBytes &-= Int32(truncatingIfNeeded: n &- off)
        if c.pointee.lingerBytes < 0 { closeDownstream(c) }
        return
      }
    }
  }

  private func keepPartialHead(_ c: ConnectionRef, _ p: Bytes, _ n: Int) {
    if !c.pointee.hasSpoken && isPriorKnowledge(c, p, n) { return }
    if !c.pointee.headBegan {
      c.pointee.headBegan = true
      if c.pointee.requests > 0 { setDeadline(c, limits.headTimeout) }
    }
    c.pointee.input.append(p, n, pool)
  }

  /// The head has been parsed: makes an exchange of it and starts it; the number of body bytes taken from behind the head.
  @inline(__always)
  private func beginHTTP1(_ c: ConnectionRef, _ p: Bytes, _ k: Int, _ available: Int) -> Int {
    c.pointee.hasSpoken = true
    c.pointee.headBegan = false
    c.pointee.requests &+= 1
    let x = makeExchange(c, p, k)
    x.pointee.minor = request.pointee.minor
    x.pointee.keepsDownstream = request.pointee.persists && !isDraining
    x.pointee.requestBody.begin(request.pointee.requestFraming, length: request.pointee.contentLength)
    c.pointee.exchange = x
    let bodyless = x.pointee.requestBody.isDone
    x.pointee.requestIsComplete = bodyless
    c.pointee.reading = bodyless ? .complete : .body
    setDeadline(c, bodyless ? 0 : limits.bodyTimeout)
    return start(x, p, available)
  }

  private func refuseHead(_ c: ConnectionRef, _ fault: HeadFault, _ p: Bytes, _ n: Int) {
    if fault == .malformed && !c.pointee.hasSpoken && isPriorKnowledge(c, p, n) { return }
    if fault == .version && !c.pointee.hasSpoken && isPriorKnowledge(c, p, n) { return }
    refuse(c, Fault(fault))
  }

  /// An HTTP/2 client with prior knowledge begins with "PRI * HTTP/2.0" (RFC 9113 §3.4).
  private func isPriorKnowledge(_ c: ConnectionRef, _ p: Bytes, _ n: Int) -> Bool {
    let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    guard memcmp(p, preface.utf8Start, min(n, 24)) == 0, listenerSpeaksHTTP2(c) else { return false }
    c.pointee.input.append(p, n, pool)
    if n < 24 { return true }
    beginHTTP2(c, server: true)
    resumeHTTP2(c)
    return true
  }

  private func listenerSpeaksHTTP2(_ c: ConnectionRef) -> Bool {
    guard let live, c.pointee.tls == nil, c.pointee.listener >= 0 else { return false }
    return live.pointee.snapshot._withUnsafeGuaranteedRef { snapshot in
      Int(c.pointee.listener) < snapshot.listeners.count && snapshot.listeners[Int(c.pointee.listener)].http2
    }
  }

  // MARK: closing

  func downstreamTimedOut(_ c: ConnectionRef) {
    switch c.pointee.wire {
    case .proxyHeader, .handshake: closeDownstream(c)
    case .http2: http2TimedOut(c)
    case .tunnel: c.pointee.exchange.map { endTunnel($0) }
    case .http1:
      if !c.pointee.output.isEmpty || c.pointee.closesWhenFlushed || c.pointee.reading == .linger {
        if let x = c.pointee.exchange { abandon(x) }
        return closeDownstream(c)
      }
      switch c.pointee.reading {
      case .head:
        // An idle connection closes silently; a slow head is told so (RFC 9110 §15.5.9).
        if c.pointee.input.isEmpty { closeDownstream(c) } else { refuse(c, .headTimeout) }
      case .body:
        if let x = c.pointee.exchange, requestIsBlocked(x) { return setDeadline(c, limits.bodyTimeout) }
        if let x = c.pointee.exchange { fail(x, .bodyTimeout) }
      case .complete, .linger: break
      }
    }
  }

  /// Closes once what was written has gone out; reads on for a moment, so that the client sees the response and not a reset
  /// (RFC 9112 §9.6).
  func closeAfterFlush(_ c: ConnectionRef) {
    c.pointee.closesWhenFlushed = true
    if c.pointee.output.isEmpty { endDownstream(c) } else { setDeadline(c, limits.bodyTimeout) }
  }

  private func endDownstream(_ c: ConnectionRef) {
    let allRead = c.pointee.reading == .complete && !c.pointee.readPending && c.pointee.input.isEmpty
    if c.pointee.isBroken || allRead || c.pointee.wire != .http1 { return closeDownstream(c) }
    if let tls = c.pointee.tls {
      // The end is said within TLS; what still comes is not decrypted any more.
      closeTLS(c, tls)
      if c.pointee.isBroken || !c.pointee.output.isEmpty { return closeDownstream(c) }
    }
    c.pointee.closesWhenFlushed = false
    c.pointee.reading = .linger
    c.pointee.lingerBytes = Worker.lingerBytesMax
    c.pointee.input.release(pool)
    shutdown(c.pointee.fd, Int32(SHUT_WR))
    setDeadline(c, 2_000_000_000)
    c.pointee.readPending = true
    enqueueReady(c)
  }

  func closeDownstream(_ c: ConnectionRef) {
    downstreamCount &-= 1
    cells.add(metrics.connectionsClosed, 1)
    close(c)
  }
}
