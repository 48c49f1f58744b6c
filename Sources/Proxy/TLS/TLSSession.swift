// What a running TLS session can say of itself: protocol, version, resumption, and the peer's certificates. Records and handshakes are
// driven by the connection that owns the `SSL`; nothing here does I/O.
import COpenSSL

/// The application protocol that ALPN settled on (RFC 7301).
public enum TLSApplicationProtocol: UInt8, Sendable, Equatable {
  /// The client did not negotiate: HTTP/1.1 by custom.
  case none
  case http1
  case h2
}

/// Protocol versions that are spoken; older ones never (RFC 8996).
public enum TLSVersion: Int32, Sendable, Equatable, Comparable {
  case tls12 = 0x0303
  case tls13 = 0x0304

  public static func < (a: TLSVersion, b: TLSVersion) -> Bool { a.rawValue < b.rawValue }
}

/// Questions to an `SSL`.
public enum TLSSession {
  /// The protocol agreed on; final once the handshake is done.
  public static func negotiatedALPN(_ session: OpaquePointer) -> TLSApplicationProtocol {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(session, &name, &count)
    guard let name, count > 0 else { return .none }
    if count == 2, name[0] == UInt8(ascii: "h"), name[1] == UInt8(ascii: "2") { return .h2 }
    return .http1
  }

  public static func version(_ session: OpaquePointer) -> TLSVersion? { TLSVersion(rawValue: SSL_version(session)) }
  public static func isResumed(_ session: OpaquePointer) -> Bool { SSL_session_reused(session) == 1 }
  public static func cipher(_ session: OpaquePointer) -> String {
    SSL_CIPHER_get_name(SSL_get_current_cipher(session)).map { String(cString: $0) } ?? ""
  }

  /// The name that the client asked for (server side) or that we sent (client side).
  public static func serverName(_ session: OpaquePointer) -> String? {
    SSL_get_servername(session, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
  }

  /// The certificate that the peer proved to own, or nil when it showed none. After a resumption it is the one of the first handshake.
  public static func peerCertificate(_ session: OpaquePointer) -> TLSCertificate? {
    SSL_get0_peer_certificate(session).map(TLSCertificate.init)
  }

  /// RFC 2253 subject of the peer's certificate.
  public static func peerCertificateSubject(_ session: OpaquePointer) -> String? { peerCertificate(session)?.subject }

  /// The verified path, the peer's own certificate first, the trust anchor last. After a resumption, which verifies nothing anew, only
  /// the peer's own.
  public static func peerChain(_ session: OpaquePointer) -> [TLSCertificate] {
    guard let chain = SSL_get0_verified_chain(session) else { return peerCertificate(session).map { [$0] } ?? [] }
    return (0..<tg_x509_count(chain)).compactMap { tg_x509_at(chain, $0).map(TLSCertificate.init) }
  }
}
