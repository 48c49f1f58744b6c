// TLS for a listener: which certificate a client gets, which clients must show one, tickets, ALPN. Makes `SSL` objects and answers
// OpenSSL's callbacks; bytes, handshakes and their deadlines belong to the connection. A reload builds a new context and leaves
// the sessions of the old one alone.
import COpenSSL

/// What a TLS listener is made from.
public struct TLSServerOptions: Sendable {
  /// Whether a client has to show a certificate. One that is shown must be valid in either mode.
  public enum ClientMode: Sendable, Equatable {
    case off
    case optional
    case required
  }

  /// The first answers clients that name no server or one that nobody bears.
  public var certificates: [TLSCertificateFiles]
  public var clientMode: ClientMode
  /// PEM file of the authorities that may sign client certificates; needed unless ``clientMode`` is off.
  public var clientTrustPath: String?
  public var minVersion: TLSVersion
  /// Protocols in order of preference; empty: ALPN is not answered.
  public var alpn: [String]
  /// First encrypts, all decrypt; empty: one random key.
  public var ticketKeys: [TicketKey]
  /// Tickets issued after a full TLS 1.3 handshake. Each costs a seal and some 250 bytes; a second one serves clients that open
  /// connections side by side.
  public var ticketCount: Int

  public init(
    certificates: [TLSCertificateFiles], clientMode: ClientMode = .off, clientTrustPath: String? = nil, minVersion: TLSVersion = .tls12,
    alpn: [String] = ["h2", "http/1.1"], ticketKeys: [TicketKey] = [], ticketCount: Int = 1
  ) {
    self.certificates = certificates
    self.clientMode = clientMode
    self.clientTrustPath = clientTrustPath
    self.minVersion = minVersion
    self.alpn = alpn
    self.ticketKeys = ticketKeys
    self.ticketCount = ticketCount
  }
}

/// The compiled form of ``TLSServerOptions``, used by all workers at once.
///
/// SAFETY: `@unchecked Sendable` because after `init` an `SSL_CTX` is only read by `SSL_new` and handshakes, which OpenSSL allows from
/// any thread; what changes (ticket keys) sits in a ring of its own.
public final class TLSServerContext: @unchecked Sendable {
  /// How long a ticket is good for, in seconds (RFC 8446 §4.6.1 allows a week).
  static let ticketLifetime = 7200

  /// The ticket keys; rotate them here, or share one ring between contexts.
  public let tickets: TLSTicketKeyRing
  /// The certificates in the order of the options.
  public let certificates: [TLSCertificate]
  private let primary: OpaquePointer

  /// - Parameter tickets: a ring to share, so that a reload keeps old tickets good; nil: one of its own, from `options.ticketKeys`.
  /// - Throws: ``TLSFault`` with the file and OpenSSL's reason.
  public init(_ options: TLSServerOptions, tickets shared: TLSTicketKeyRing? = nil) throws(TLSFault) {
    if options.certificates.isEmpty { throw TLSFault(.configuration, "a TLS listener needs a certificate") }
    if let shared {
      tickets = shared
    } else {
      tickets = options.ticketKeys.isEmpty ? TLSTicketKeyRing() : try TLSTicketKeyRing(options.ticketKeys)
    }
    let compiled = try Self.compile(options, tickets: tickets)
    primary = compiled.primary
    certificates = compiled.certificates
  }

  /// A context for a listener of the peer link: who holds one of `peers` gets in, by TLS 1.3 and HTTP/2; nobody else does, and no
  /// certificate is shown or asked for. It issues no tickets.
  ///
  /// - Throws: ``TLSFault`` with OpenSSL's reason.
  public init(peers: PeerKeys) throws(TLSFault) {
    let alpn = try TLSContext.wireALPN(PeerKeys.alpn)
    tickets = TLSTicketKeyRing()
    certificates = []
    primary = try peers.makeContext(server: true)
    TLSServerState(names: TLSNameTable([]), primary: primary, secondary: [], tickets: tickets, alpn: alpn).attach()
  }

  deinit { SSL_CTX_free(primary) }

  /// A new session that waits for a client's hello; the caller attaches its BIO and frees it with `SSL_free`. The session keeps what it
  /// needs of this context alive. Nil when memory is out.
  public func makeSession() -> OpaquePointer? {
    guard let session = SSL_new(primary) else { return nil }
    SSL_set_accept_state(session)
    return session
  }

  private static func compile(
    _ options: TLSServerOptions, tickets: TLSTicketKeyRing
  ) throws(TLSFault) -> (primary: OpaquePointer, certificates: [TLSCertificate]) {
    let alpn = try TLSContext.wireALPN(options.alpn)
    let scope = try TLSClientTrust(options)
    var contexts: [OpaquePointer] = []
    var names: [[String]] = []
    var certificates: [TLSCertificate] = []
    do {
      for files in options.certificates {
        let context = try TLSContext.make(server: true, minVersion: options.minVersion)
        contexts.append(context)
        try TLSContext.use(files, in: context)
        let certificate = TLSCertificate(SSL_CTX_get0_certificate(context)!)
        certificates.append(certificate)
        if let twin = contexts.indices.dropLast().first(where: { isTwin(contexts[$0], names[$0], context, certificate.names) }) {
          SSL_CTX_free(contexts.removeLast())
          try TLSContext.use(files, in: contexts[twin])
          continue
        }
        names.append(certificate.names)
        try scope.apply(to: context)
        configureTickets(context, count: options.ticketCount)
      }
    } catch {
      for context in contexts { SSL_CTX_free(context) }
      throw error
    }
    TLSServerState(
      names: TLSNameTable(names), primary: contexts[0], secondary: Array(contexts.dropFirst()), tickets: tickets, alpn: alpn
    ).attach()
    return (contexts[0], certificates)
  }

  /// Certificates of the same names with different kinds of key (say ECDSA and RSA) share a context: OpenSSL then picks by what the
  /// client can verify.
  private static func isTwin(_ a: OpaquePointer, _ aNames: [String], _ b: OpaquePointer, _ bNames: [String]) -> Bool {
    aNames.sorted() == bNames.sorted()
      && EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(a)) != EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(b))
  }

  private static func configureTickets(_ context: OpaquePointer, count: Int) {
    // Tickets carry the state, so nothing is kept per session and any node that shares the keys can resume.
    _ = tg_ssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    SSL_CTX_set_timeout(context, ticketLifetime)
    SSL_CTX_set_num_tickets(context, count)
  }
}

/// Whom to ask for a certificate and whom to believe.
private final class TLSClientTrust {
  private let mode: TLSServerOptions.ClientMode
  private let path: String?
  private let store: OpaquePointer?
  private let scope: [UInt8]

  init(_ options: TLSServerOptions) throws(TLSFault) {
    mode = options.clientMode
    path = options.clientTrustPath
    if mode == .off {
      store = nil
      scope = TLSContext.digest([Array("off".utf8)])
      return
    }
    guard let path else { throw TLSFault(.configuration, "client certificates are asked for, but no trusted authority is given") }
    let loaded = try Self.load(path)
    store = loaded.store
    // A ticket stands in for a verified certificate, so it is good only where the same authorities are trusted in the same mode.
    scope = TLSContext.digest([Array("\(mode)".utf8), loaded.fingerprint])
  }

  private static func load(_ path: String) throws(TLSFault) -> (store: OpaquePointer, fingerprint: [UInt8]) {
    ERR_clear_error()
    guard let store = X509_STORE_new() else { throw .queued(.configuration, "cannot make a certificate store") }
    if X509_STORE_load_file(store, path) != 1 {
      X509_STORE_free(store)
      throw .queued(.configuration, "cannot load trusted certificates \(path)")
    }
    var digests: [[UInt8]] = []
    let objects = X509_STORE_get0_objects(store)
    for i in 0..<tg_x509_object_count(objects) {
      guard let certificate = X509_OBJECT_get0_X509(tg_x509_object_at(objects, i)) else { continue }
      var digest = [UInt8](repeating: 0, count: 32)
      X509_digest(certificate, EVP_sha256(), &digest, nil)
      digests.append(digest)
    }
    digests.sort { $0.lexicographicallyPrecedes($1) }
    return (store, TLSContext.digest(digests))
  }

  deinit { X509_STORE_free(store) }

  /// The settings must be equal on every context of a listener: `SSL_set_SSL_CTX` takes some from the old and some from the new one.
  func apply(to context: OpaquePointer) throws(TLSFault) {
    SSL_CTX_set_session_id_context(context, scope, UInt32(scope.count))
    guard let store, let path else { return }
    SSL_CTX_set1_cert_store(context, store)
    guard let names = SSL_load_client_CA_file(path) else {
      throw .queued(.configuration, "cannot load trusted certificates \(path)")
    }
    SSL_CTX_set_client_CA_list(context, names)
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (mode == .required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
  }
}
