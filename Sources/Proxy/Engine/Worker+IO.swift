// Bytes in and out of a connection, plain or over TLS. One send per message; what the kernel does not take waits in the connection's
// output queue, and whoever feeds it pauses until it is empty.
import CEpoll
import COpenSSL
import Glibc
import Runtime

/// What `read` says when there are no bytes.
enum ReadResult {
  static let end = 0
  static let again = -1
  static let failed = -2
}

extension Worker {
  /// Reads up to `n` bytes: their number, or a `ReadResult`.
  @inline(__always)
  func read(_ c: ConnectionRef, _ p: Bytes, _ n: Int) -> Int {
    if c.pointee.tls != nil { return readTLS(c, p, n) }
    let r = tg_receive(c.pointee.fd, p, n)
    c.pointee.drained = r < n
    if r < 0 { return errno == EAGAIN ? ReadResult.again : ReadResult.failed }
    return r
  }

  /// Writes `n` bytes in order behind what already waits.
  @inline(__always)
  func write(_ c: ConnectionRef, _ p: Bytes, _ n: Int) {
    if c.pointee.tls != nil { writeTLS(c, p, n) } else { send(c, p, n) }
  }

  @inline(__always)
  func send(_ c: ConnectionRef, _ p: Bytes, _ n: Int) {
    if !c.pointee.output.isEmpty || c.pointee.isConnecting {
      c.pointee.output.append(p, n, pool)
      return
    }
    let w = tg_send(c.pointee.fd, p, n)
    if w == n { return }
    sendRest(c, p, n, w)
  }

  /// Writes two pieces as one message.
  func write(_ c: ConnectionRef, _ p: Bytes, _ n: Int, _ q: Bytes, _ m: Int) {
    if c.pointee.tls != nil || !c.pointee.output.isEmpty {
      write(c, p, n)
      return write(c, q, m)
    }
    let w = tg_send2(c.pointee.fd, p, n, q, m)
    if w == n &+ m { return }
    if w < n {
      sendRest(c, p, n, w)
      if !c.pointee.isBroken { c.pointee.output.append(q, m, pool) }
    } else {
      sendRest(c, q, m, w &- n)
    }
  }

  @inline(never)
  private func sendRest(_ c: ConnectionRef, _ p: Bytes, _ n: Int, _ written: Int) {
    // A failed connection is noticed by the read that its hang-up event causes; what it cannot take is dropped with it.
    if written < 0 && errno != EAGAIN {
      c.pointee.sawEnd = true
      c.pointee.isBroken = true
      c.pointee.readPending = true
      enqueueReady(c)
      return
    }
    c.pointee.output.append(p + max(written, 0), n - max(written, 0), pool)
    if c.pointee.role == .downstream { setDeadline(c, limits.bodyTimeout) }
  }

  /// Sends what waits; true when nothing is left.
  func flush(_ c: ConnectionRef) -> Bool {
    while !c.pointee.output.isEmpty {
      let w = tg_send(c.pointee.fd, c.pointee.output.start, c.pointee.output.count)
      if w < 0 {
        if errno == EAGAIN { return false }
        c.pointee.output.release(pool)
        c.pointee.sawEnd = true
        c.pointee.isBroken = true
        c.pointee.readPending = true
        enqueueReady(c)
        return true
      }
      c.pointee.output.consume(w)
      if c.pointee.role == .downstream { setDeadline(c, limits.bodyTimeout) }
    }
    c.pointee.output.release(pool)
    return true
  }

  /// Closes the descriptor and gives everything back. The exchange, if any, is the caller's to end.
  func close(_ c: ConnectionRef) {
    if let tls = c.pointee.tls { closeTLS(c, tls) }
    if c.pointee.http2 != nil { freeHTTP2(c) }
    c.pointee.input.release(pool)
    c.pointee.output.release(pool)
    wheel.cancel(timer(of: c))
    Glibc.close(c.pointee.fd)
    connections.give(c)
  }
}
