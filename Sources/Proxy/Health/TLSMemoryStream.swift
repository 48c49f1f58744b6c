// A TLS client session between two buffers in memory, for connections that are not the engine's own: whoever has the socket feeds it
// what came in and sends what goes out.
import COpenSSL
import Runtime

final class TLSMemoryStream {
  enum Progress {
    case done
    case needsMore
    case failed(String)
  }

  enum Reading {
    case bytes(Int)
    case needsMore
    case ended
    case failed(String)
  }

  private let session: OpaquePointer
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer

  /// - Parameter session: a client's `SSL`, fresh from its context; this object's from now on.
  init(_ session: OpaquePointer) {
    self.session = session
    guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else { preconditionFailure("no memory for TLS buffers") }
    self.incoming = incoming
    self.outgoing = outgoing
    SSL_set_bio(session, incoming, outgoing)  // the session owns both now
  }

  deinit { SSL_free(session) }

  func handshake() -> Progress {
    ERR_clear_error()
    let result = SSL_do_handshake(session)
    if result == 1 { return TLSSession.isAcceptable(session) ? .done : .failed("the peer does not meet the terms of the peer link") }
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
    default: return .failed(TLSFault.ofSession(session).message)
    }
  }

  /// Takes encrypted bytes that came in; memory takes them all.
  func feed(_ p: UnsafePointer<UInt8>, _ n: Int) { BIO_write(incoming, p, Int32(truncatingIfNeeded: n)) }

  /// Decrypts into `p[0..<n]`.
  func read(_ p: Bytes, _ n: Int) -> Reading {
    ERR_clear_error()
    let result = SSL_read(session, p, Int32(truncatingIfNeeded: n))
    if result > 0 { return .bytes(Int(result)) }
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
    case SSL_ERROR_ZERO_RETURN: return .ended
    default: return .failed(TLSFault.ofSession(session).message)
    }
  }

  /// Encrypts; memory takes it all, a record at a call. False: the session is broken.
  func write(_ bytes: [UInt8]) -> Bool {
    ERR_clear_error()
    var at = 0
    while at < bytes.count {
      let n = bytes.withUnsafeBytes { SSL_write(session, $0.baseAddress! + at, Int32(truncatingIfNeeded: $0.count - at)) }
      if n <= 0 { return false }
      at += Int(n)
    }
    return true
  }

  /// Says goodbye; the other side's goodbye is not waited for (RFC 8446 §6.1).
  func close() {
    ERR_clear_error()
    SSL_shutdown(session)
  }

  /// Encrypted bytes that wait to be sent.
  func takeOutput() -> [UInt8] {
    let count = BIO_ctrl_pending(outgoing)
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { room, taken in
      taken = max(0, Int(BIO_read(outgoing, room.baseAddress, Int32(truncatingIfNeeded: count))))
    }
  }

  var negotiated: TLSApplicationProtocol { TLSSession.negotiatedALPN(session) }
}
