// TLS on a connection: libssl reads straight from the socket through a BIO of ours and writes into one buffer per worker, so that what
// a turn produces leaves in one send. Contexts and certificates are TLSServerContext's and TLSClientContext's.
import CEpoll
import COpenSSL
import Glibc
import Runtime

/// What the BIO callbacks of one worker need: whose bytes they move, and where the encrypted ones go.
///
/// SAFETY: set to the connection at hand before each call into libssl; only the worker's thread uses it.
struct TLSTransport {
  static let capacity = 1 << 20
  let output: Bytes
  var count = 0
  var connection: ConnectionRef?
  /// The socket had no more in the call under way.
  var blocked = false
  let bio: OpaquePointer

  init() {
    output = .allocate(capacity: TLSTransport.capacity)
    bio = BIO_new(tlsMethod)!
    BIO_set_init(bio, 1)
  }

  func deallocate() {
    BIO_free(bio)
    output.deallocate()
  }
}

// SAFETY: made once, never changed; libssl only reads it.
nonisolated(unsafe) private let tlsMethod: OpaquePointer = {
  let m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tidegate")!
  BIO_meth_set_read(m) { bio, buffer, n in
    let io = BIO_get_data(bio)!.assumingMemoryBound(to: TLSTransport.self)
    let c = io.pointee.connection!
    let r = tg_receive(c.pointee.fd, buffer, Int(n))
    tg_bio_clear_retry(bio)
    if r < Int(n) { c.pointee.drained = true }
    if r < 0 && errno == EAGAIN {
      io.pointee.blocked = true
      tg_bio_retry_read(bio)
    }
    return Int32(truncatingIfNeeded: r)
  }
  BIO_meth_set_write(m) { bio, buffer, n in
    let io = BIO_get_data(bio)!.assumingMemoryBound(to: TLSTransport.self)
    tg_bio_clear_retry(bio)
    guard io.pointee.count + Int(n) <= TLSTransport.capacity else { return -1 }
    memcpy(io.pointee.output + io.pointee.count, buffer!, Int(n))
    io.pointee.count += Int(n)
    return n
  }
  BIO_meth_set_ctrl(m) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
  return m
}()

extension Worker {
  /// Puts `tls` (an `SSL *` fresh from its context) on the connection.
  func attachTLS(_ c: ConnectionRef, _ tls: OpaquePointer, server: Bool) {
    BIO_set_data(tlsIO.pointee.bio, UnsafeMutableRawPointer(tlsIO))
    BIO_up_ref(tlsIO.pointee.bio)  // the one reference that SSL_set_bio takes when both are the same
    SSL_set_bio(tls, tlsIO.pointee.bio, tlsIO.pointee.bio)
    SSL_set_read_ahead(tls, 1)
    if server { SSL_set_accept_state(tls) } else { SSL_set_connect_state(tls) }
    c.pointee.tls = tls
    c.pointee.wire = .handshake
  }

  /// Before each call into libssl. Its queue of errors is empty then: whoever meets one empties it, which is cheaper than to do it here.
  @inline(__always)
  private func enterTLS(_ c: ConnectionRef) {
    tlsIO.pointee.connection = c
    tlsIO.pointee.blocked = false
  }

  /// 1: done; 0: needs more; -1: failed.
  func handshake(_ c: ConnectionRef) -> Int {
    enterTLS(c)
    ERR_clear_error()
    c.pointee.drained = false
    let r = SSL_do_handshake(c.pointee.tls)
    let reason = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c.pointee.tls, r)
    ERR_clear_error()  // one that succeeded may have left some, too
    flushTLS(c)
    if r == 1 {
      c.pointee.isPeerLink = TLSSession.isPeerLink(c.pointee.tls!)
      return TLSSession.isAcceptable(c.pointee.tls!) ? 1 : -1
    }
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1
  }

  /// Where a client's handshake counts.
  func handshakeCounter(_ c: ConnectionRef, succeeded: Bool) -> CounterHandle {
    if TLSSession.isPeerLink(c.pointee.tls!) { return succeeded ? metrics.peersAccepted : metrics.peersRefused }
    if !succeeded { return metrics.handshakesFailed }
    return TLSSession.isResumed(c.pointee.tls!) ? metrics.handshakesResumed : metrics.handshakesFull
  }

  @inline(never)
  func readTLS(_ c: ConnectionRef, _ p: Bytes, _ n: Int) -> Int {
    enterTLS(c)
    c.pointee.drained = false
    var total = 0
    // One record a call: take those that the BIO has already read, so that a message comes in one piece.
    while total < n {
      let r = SSL_read(c.pointee.tls, p + total, Int32(truncatingIfNeeded: min(n &- total, 1 << 20)))
      if r > 0 {
        total &+= Int(r)
        if SSL_has_pending(c.pointee.tls) == 0 { break }
        c.pointee.drained = false
        continue
      }
      let result = tlsIO.pointee.blocked ? ReadResult.again : endOfTLS(c, r)
      if tlsIO.pointee.count > 0 { flushTLS(c) }
      if total > 0 { break }
      return result
    }
    if tlsIO.pointee.count > 0 { flushTLS(c) }
    return total
  }

  /// What it means that `SSL_read` returned `r` without having waited for the socket: close_notify is an end, all else a failure.
  private func endOfTLS(_ c: ConnectionRef, _ r: Int32) -> Int {
    let reason = SSL_get_error(c.pointee.tls, r)
    ERR_clear_error()
    return reason == SSL_ERROR_ZERO_RETURN ? ReadResult.end : ReadResult.failed
  }

  @inline(never)
  func writeTLS(_ c: ConnectionRef, _ p: Bytes, _ n: Int) {
    enterTLS(c)
    var o = 0
    while o < n {
      let r = SSL_write(c.pointee.tls, p + o, Int32(truncatingIfNeeded: min(n &- o, 1 << 18)))
      if r <= 0 {
        ERR_clear_error()
        break
      }
      o &+= Int(r)
      if tlsIO.pointee.count > TLSTransport.capacity / 2 { flushTLS(c) }
    }
    flushTLS(c)
  }

  private func flushTLS(_ c: ConnectionRef) {
    let n = tlsIO.pointee.count
    if n == 0 { return }
    tlsIO.pointee.count = 0
    send(c, tlsIO.pointee.output, n)
  }

  func closeTLS(_ c: ConnectionRef, _ tls: OpaquePointer) {
    tlsIO.pointee.connection = c
    ERR_clear_error()
    if !c.pointee.sawEnd && c.pointee.wire != .handshake && c.pointee.output.isEmpty {
      SSL_shutdown(tls)  // sends close_notify, does not wait for the other's
      flushTLS(c)
    }
    ERR_clear_error()
    SSL_free(tls)
    c.pointee.tls = nil
  }
}
