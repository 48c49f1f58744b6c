// TLS towards upstreams: whom to believe, what to show, which protocols to offer, and the sessions to resume. Verification and the server
// name are on unless the configuration says otherwise. Bytes and handshakes belong to the connection.
import COpenSSL
import Synchronization

/// What TLS to an upstream is made from.
public struct TLSClientOptions: Sendable {
  /// Off accepts any certificate: the traffic is then hidden from eavesdroppers only.
  public var verify: Bool
  /// PEM file of the authorities to believe; nil: those of the operating system.
  public var trustPath: String?
  /// The certificate to show when the upstream asks for one.
  public var certificate: TLSCertificateFiles?
  public var minVersion: TLSVersion
  /// Protocols to offer, in order of preference: `["h2"]` for a pool that speaks HTTP/2.
  public var alpn: [String]

  public init(
    verify: Bool = true, trustPath: String? = nil, certificate: TLSCertificateFiles? = nil, minVersion: TLSVersion = .tls12,
    alpn: [String] = []
  ) {
    self.verify = verify
    self.trustPath = trustPath
    self.certificate = certificate
    self.minVersion = minVersion
    self.alpn = alpn
  }
}

/// The compiled form of ``TLSClientOptions``, used by all workers at once.
///
/// SAFETY: `@unchecked Sendable` because after `init` an `SSL_CTX` is only read by `SSL_new` and handshakes, which OpenSSL allows from
/// any thread.
public final class TLSClientContext: @unchecked Sendable {
  private let context: OpaquePointer
  private let verify: Bool
  /// Distinguishes this context from every other of the process, so that a session verified under other rules is never resumed.
  private let identity: UInt64
  /// Of a context for the peer link.
  private let peers: PeerKeys?

  /// - Throws: ``TLSFault`` with the file and OpenSSL's reason.
  public init(_ options: TLSClientOptions) throws(TLSFault) {
    let alpn = try TLSContext.wireALPN(options.alpn)
    let made = try TLSContext.make(server: false, minVersion: options.minVersion)
    do {
      if let trust = options.trustPath {
        try TLSContext.trust(trust, in: made)
      } else if options.verify {
        try TLSContext.trustSystem(in: made)
      }
      if let certificate = options.certificate { try TLSContext.use(certificate, in: made) }
    } catch {
      SSL_CTX_free(made)
      throw error
    }
    SSL_CTX_set_verify(made, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    if !alpn.isEmpty { SSL_CTX_set_alpn_protos(made, alpn, UInt32(alpn.count)) }
    _ = tg_ssl_ctx_set_session_cache_mode(made, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
    SSL_CTX_sess_set_new_cb(made, keepSession)
    context = made
    verify = options.verify
    identity = nextIdentity.wrappingAdd(1, ordering: .relaxed).newValue
    peers = nil
  }

  /// A context for connections of the peer link: offers the first of `peers` that is in force when a session is made, by TLS 1.3 and
  /// HTTP/2, and believes nobody who answers with a certificate.
  ///
  /// - Throws: ``TLSFault`` with OpenSSL's reason.
  public init(peers: PeerKeys) throws(TLSFault) {
    let alpn = try TLSContext.wireALPN(PeerKeys.alpn)
    context = try peers.makeContext(server: false)
    SSL_CTX_set_alpn_protos(context, alpn, UInt32(alpn.count))
    verify = true
    identity = nextIdentity.wrappingAdd(1, ordering: .relaxed).newValue
    self.peers = peers
  }

  deinit { SSL_CTX_free(context) }

  /// A new session that will say hello; the caller attaches its BIO and frees it with `SSL_free`.
  ///
  /// - Parameters:
  ///   - serverName: a DNS name, sent (RFC 6066) and verified (RFC 6125), or an IP address, verified against the certificate's addresses
  ///     and not sent.
  ///   - slot: the endpoint's slot; a session found there is offered for resumption, and the one that the server issues is put there.
  ///
  /// A peer link uses neither: the key proves who the other is, anew each time.
  /// - Throws: ``TLSFault`` when the name cannot be one.
  public func makeSession(serverName: String, slot: TLSSessionSlot? = nil) throws(TLSFault) -> OpaquePointer {
    ERR_clear_error()
    guard let session = SSL_new(context) else { throw .queued(.configuration, "cannot make a TLS session") }
    if let peers {
      peers.offerFirst(on: session)
      SSL_set_connect_state(session)
      return session
    }
    if !name(session, serverName) {
      SSL_free(session)
      throw .queued(.configuration, "\"\(serverName)\" is neither a host name nor an address")
    }
    SSL_set_connect_state(session)
    if let slot { resume(session, from: slot, serverName: serverName) }
    return session
  }

  private func name(_ session: OpaquePointer, _ serverName: String) -> Bool {
    if serverName.isEmpty || serverName.utf8.contains(0) { return false }
    if let address = a2i_IPADDRESS(serverName) {
      ASN1_OCTET_STRING_free(address)
      return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), serverName) == 1
    }
    if tg_ssl_set_host_name(session, serverName) != 1 { return false }
    SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
    return !verify || SSL_set1_host(session, serverName) == 1
  }

  private func resume(_ session: OpaquePointer, from slot: TLSSessionSlot, serverName: String) {
    slot.bind(to: identity, serverName: serverName)
    if let known = slot.take() {
      SSL_set_session(session, known)
      SSL_SESSION_free(known)
    }
    SSL_set_ex_data(session, slotIndex, Unmanaged.passRetained(slot).toOpaque())
  }
}

/// The resumable session of one upstream endpoint; belongs to one worker, as the endpoint's connections do.
public final class TLSSessionSlot {
  private var session: OpaquePointer?
  private var identity: UInt64 = 0
  private var serverName = ""

  public init() {}

  deinit { SSL_SESSION_free(session) }

  /// Whether a session waits to be resumed.
  public var isFilled: Bool { session != nil }

  /// Forgets a session that another context or name has verified: resumption would skip what this one asks for.
  fileprivate func bind(to identity: UInt64, serverName: String) {
    if self.identity == identity && self.serverName == serverName { return }
    SSL_SESSION_free(session)
    session = nil
    self.identity = identity
    self.serverName = serverName
  }

  /// A session for the caller to free. One of TLS 1.3 leaves the slot, for its ticket is good once (RFC 8446 §C.4).
  fileprivate func take() -> OpaquePointer? {
    guard let known = session else { return nil }
    if SSL_SESSION_get_protocol_version(known) < TLS1_3_VERSION { return SSL_SESSION_dup(known) }
    session = nil
    return known
  }

  /// Keeps a copy: OpenSSL spoils the session of a connection that ends without `close_notify`, which TLS has not asked for since 1.1
  /// (RFC 5246 §7.2.1).
  fileprivate func put(copyOf fresh: OpaquePointer) {
    SSL_SESSION_free(session)
    session = SSL_SESSION_dup(fresh)
  }
}

private let nextIdentity = Atomic<UInt64>(0)

// The session retains its slot, so that an endpoint may go before its last connection does.
private let slotIndex: Int32 = tg_ssl_ex_index { _, pointer, _, _, _, _ in
  if let pointer { Unmanaged<TLSSessionSlot>.fromOpaque(pointer).release() }
}

/// Returning 0 leaves the reference with OpenSSL.
private let keepSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { session, fresh in
  guard let fresh, let pointer = SSL_get_ex_data(session, slotIndex) else { return 0 }
  // SAFETY: the pointer was set by `resume` and is retained until the session is freed; the handshake runs on the slot's own worker.
  Unmanaged<TLSSessionSlot>.fromOpaque(pointer).takeUnretainedValue().put(copyOf: fresh)
  return 0
}
