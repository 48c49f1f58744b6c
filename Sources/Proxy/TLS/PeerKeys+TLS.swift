// How TLS proves a key of the peer link: external pre-shared keys of TLS 1.3 (RFC 8446 §2.2, §4.2.11), always with an ephemeral key
// exchange, never with certificates. Makes the contexts' `SSL_CTX`, answers libssl's two callbacks and judges a handshake that is done;
// sessions are TLSServerContext's and TLSClientContext's, bytes the connection's.
import COpenSSL

extension PeerKeys {
  /// The link speaks HTTP/2 and nothing else.
  static let alpn = ["h2"]
  /// RFC 8446 §4.2.11 binds a pre-shared key to one hash. The keys are made with SHA-256, so one suite serves for all.
  static let suite = "TLS_AES_128_GCM_SHA256"
  /// That suite on the wire (RFC 8446 §B.4).
  fileprivate static let suiteNumber: [UInt8] = [0x13, 0x01]

  /// An `SSL_CTX` of the peer link that the caller owns; it keeps these keys alive.
  func makeContext(server: Bool) throws(TLSFault) -> OpaquePointer {
    let made = try TLSContext.make(server: server, minVersion: .tls13)
    SSL_CTX_set_options(made, tg_ssl_options_peer)
    // A resumed session would let a connection begin under a key that was removed since.
    _ = tg_ssl_ctx_set_session_cache_mode(made, Int(SSL_SESS_CACHE_OFF))
    if SSL_CTX_set_num_tickets(made, 0) != 1 || SSL_CTX_set_ciphersuites(made, PeerKeys.suite) != 1
      || SSL_CTX_set_ex_data(made, keysIndex, Unmanaged.passUnretained(self).toOpaque()) != 1
    {
      SSL_CTX_free(made)
      throw .queued(.configuration, "OpenSSL refuses the settings of the peer link")
    }
    _ = Unmanaged.passRetained(self)  // the context's, released with it
    if server {
      SSL_CTX_set_psk_find_session_callback(made, findKey)
    } else {
      SSL_CTX_set_psk_use_session_callback(made, useKey)
      // A server that passes over the key falls back to its certificate (RFC 8446 §4.2.11), and none is good enough.
      SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nil)
      SSL_CTX_set_cert_verify_callback(made, refuseCertificate, nil)
    }
    return made
  }

  /// Settles which key a client's session offers: the first in force now, also in a second hello (RFC 8446 §4.1.2).
  func offerFirst(on session: OpaquePointer) {
    let key = Unmanaged.passRetained(keys[0])
    // Without it the handshake ends with the first hello.
    if SSL_set_ex_data(session, offeredIndex, key.toOpaque()) != 1 { key.release() }
  }

  fileprivate static func of(_ session: OpaquePointer) -> Unmanaged<PeerKeys>? {
    // SAFETY: `makeContext` set the pointer; a session keeps its context alive, and that these keys.
    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), keysIndex).map { Unmanaged<PeerKeys>.fromOpaque($0) }
  }
}

extension PeerKey {
  /// A session of libssl's that stands for the key, the caller's to free. A new one for each handshake: libssl writes into it, and takes
  /// one for expired that is older than five minutes.
  fileprivate func makeSession(_ session: OpaquePointer) -> OpaquePointer? {
    guard let made = SSL_SESSION_new() else { return nil }
    let suite = SSL_CIPHER_find(session, PeerKeys.suiteNumber)
    let ready =
      suite != nil && SSL_SESSION_set1_master_key(made, secretStart, PeerKey.secretBytes) == 1
      && SSL_SESSION_set_cipher(made, suite) == 1 && SSL_SESSION_set_protocol_version(made, TLS1_3_VERSION) == 1
    if ready { return made }
    SSL_SESSION_free(made)
    return nil
  }
}

extension TLSSession {
  /// Whether the session was made by a context of the peer link.
  public static func isPeerLink(_ session: OpaquePointer) -> Bool { PeerKeys.of(session) != nil }

  /// Whether a session may be used whose handshake is done. On a peer link both sides must have proved a key, which libssl reports as a
  /// resumption, without any certificate, and have agreed on HTTP/2: a client that negotiates no protocol at all passes libssl's checks.
  public static func isAcceptable(_ session: OpaquePointer) -> Bool {
    if !isPeerLink(session) { return true }
    return isResumed(session) && SSL_get0_peer_certificate(session) == nil && version(session) == .tls13 && negotiatedALPN(session) == .h2
  }
}

private let keysIndex: Int32 = tg_ssl_ctx_ex_index { _, pointer, _, _, _, _ in
  if let pointer { Unmanaged<PeerKeys>.fromOpaque(pointer).release() }
}

// libssl asks that an identity stay where it is until the handshake is done; the session retains its key, so that it may leave the ring.
private let offeredIndex: Int32 = tg_ssl_ex_index { _, pointer, _, _, _, _ in
  if let pointer { Unmanaged<PeerKey>.fromOpaque(pointer).release() }
}

/// Returning 1 without a session leaves the server with no key and no certificate: it ends the handshake with `handshake_failure`, and
/// tells a wrong identity no more than a missing one.
private let findKey: SSL_psk_find_session_cb_func = { session, identity, identityBytes, found in
  found!.pointee = nil
  guard let session, let identity, let keys = PeerKeys.of(session) else { return 1 }
  // SAFETY: libssl lends the identity for this call.
  let wanted = UnsafeBufferPointer(start: identity, count: identityBytes)
  let key = keys._withUnsafeGuaranteedRef { $0.keys.first { $0.isNamed(wanted) } }
  found!.pointee = key?.makeSession(session)
  return 1
}

private let useKey: SSL_psk_use_session_cb_func = { session, _, identity, identityBytes, used in
  used!.pointee = nil
  guard let session, let pointer = SSL_get_ex_data(session, offeredIndex) else { return 0 }
  // SAFETY: `offerFirst` set the pointer; the session retains the key.
  let key = Unmanaged<PeerKey>.fromOpaque(pointer).takeUnretainedValue()
  guard let made = key.makeSession(session) else { return 0 }
  identity!.pointee = key.identityStart
  identityBytes!.pointee = key.identityBytes
  used!.pointee = made
  return 1
}

private let refuseCertificate: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
  return 0
}
