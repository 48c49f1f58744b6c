// After `101 Switching Protocols` (RFC 9110 §7.8): bytes both ways, as they come, until both sides have ended.
import CEpoll
import Glibc
import Runtime

extension Worker {
  /// The upstream switches protocols: passes its head on and becomes a tunnel; `n` bytes already follow the head.
  func beginTunnel(_ x: ExchangeRef, _ u: ConnectionRef, _ p: Bytes, _ k: Int, _ n: Int) {
    guard x.pointee.wantsUpgrade, x.pointee.downstreamID == 0, x.pointee.requestIsComplete else {
      record(x, .failure)
      return fail(x, .upstreamMalformed)
    }
    record(x, .success)
    let c = x.pointee.downstream!
    x.pointee.firstByte = now
    x.pointee.status = 101
    x.pointee.responseHeadSent = true
    setDeadline(x, 0)
    var o = put(scratch, 0, p, response.pointee.lineEnd)
    scratch[7] = 0x31
    o = response.pointee.putFields(p, scratch, o, skipping: FieldID.hopByHop)
    let k2 = response.pointee.index(of: FieldID.upgrade)
    o = put(scratch, o, "Connection: upgrade\r\n")
    if k2 >= 0 {
      o = put(scratch, o, "Upgrade: ")
      o = put(scratch, o, p + Int(response.pointee.fields[k2].value), Int(response.pointee.fields[k2].valueCount))
      o = put(scratch, o, "\r\n")
    }
    o = putRequestID(x, scratch, put(scratch, o, forwarding.responseVia, forwarding.responseLeadCount))
    o = put(scratch, o, "\r\n")
    write(c, scratch, o)
    if n > 0 {
      write(c, p + k, n)
      x.pointee.bytesSent &+= n
    }
    c.pointee.wire = .tunnel
    u.pointee.wire = .tunnel
    setDeadline(c, limits.tunnelTimeout)
    setDeadline(u, 0)
    if !c.pointee.input.isEmpty {
      write(u, c.pointee.input.start, c.pointee.input.count)
      x.pointee.bytesReceived &+= c.pointee.input.count
      c.pointee.input.release(pool)
    }
    c.pointee.readPending = true
    enqueueReady(c)
    u.pointee.readPending = true
    enqueueReady(u)
  }

  func readTunnel(_ from: ConnectionRef) {
    guard let x = from.pointee.exchange else { return }
    let isDownstream = from.pointee.role == .downstream
    if x.pointee.isLocal { return readLocalTunnel(from, x) }
    guard let to = isDownstream ? x.pointee.upstream : x.pointee.downstream else { return }
    var turns = 0
    while true {
      if !to.pointee.output.isEmpty || turns == Worker.readsPerTurn {
        from.pointee.readPending = true
        if to.pointee.output.isEmpty { enqueueReady(from) }
        return
      }
      turns &+= 1
      let r = read(from, receive, Worker.receiveBytes)
      if r == ReadResult.again { return }
      if r <= 0 { return tunnelEnded(x, from, to, broken: r == ReadResult.failed) }
      if isDownstream { x.pointee.bytesReceived &+= r } else { x.pointee.bytesSent &+= r }
      setDeadline(x.pointee.downstream!, limits.tunnelTimeout)
      write(to, receive, r)
      if from.pointee.drained && !from.pointee.sawEnd { return }
    }
  }

  /// One side has ended: the other is told by a half-close; when both have, the tunnel is over.
  private func tunnelEnded(_ x: ExchangeRef, _ from: ConnectionRef, _ to: ConnectionRef, broken: Bool) {
    from.pointee.reading = .linger
    if broken || to.pointee.reading == .linger || to.pointee.tls != nil { return endTunnel(x) }
    if !to.pointee.writeClosed {
      to.pointee.writeClosed = true
      shutdown(to.pointee.fd, Int32(SHUT_WR))
    }
  }

  func endTunnel(_ x: ExchangeRef) {
    let c = x.pointee.downstream!
    x.pointee.responseIsComplete = true
    abandon(x)
    // What still waits for the client goes out first.
    if c.pointee.output.isEmpty || !flush(c) { return closeDownstream(c) }
    closeDownstream(c)
  }
}
