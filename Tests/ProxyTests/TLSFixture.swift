// Certificates made with the openssl command in a folder of their own, and handshakes between two sessions in memory.
import COpenSSL
import Foundation
import Testing

@testable import Proxy

/// A certificate authority, what it signed, and strangers; made once per run, in PEM files.
final class TLSFixture: Sendable {
  static let shared = TLSFixture()
  let folder: String

  private init() {
    folder = NSTemporaryDirectory() + "tidegate-tls-\(getpid())"
    try! FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    authority("ca")
    authority("stranger")
    sign("exact", subject: "/CN=ignored", names: "DNS:api.example.com,DNS:other.example.com")
    sign("wild", subject: "/CN=ignored", names: "DNS:*.example.com")
    sign("local", subject: "/CN=localhost", names: "DNS:localhost,IP:127.0.0.1")
    sign("exact-rsa", subject: "/CN=ignored", names: "DNS:other.example.com,DNS:api.example.com", key: ["rsa:2048"])
    sign("common", subject: "/CN=common.example.org/O=Example", names: nil)
    sign("client", subject: "/O=Example/CN=alice", names: nil)
    sign("foreign", subject: "/CN=mallory", names: "DNS:localhost", by: "stranger")
    openssl(["pkcs8", "-topk8", "-in", path("local.key"), "-out", path("sealed.key"), "-passout", "pass:secret"])
    try! "not a certificate\n".write(toFile: path("garbage.pem"), atomically: true, encoding: .utf8)
    atexit { try? FileManager.default.removeItem(atPath: TLSFixture.shared.folder) }
  }

  func path(_ name: String) -> String { "\(folder)/\(name)" }
  func files(_ name: String) -> TLSCertificateFiles {
    TLSCertificateFiles(certificatePath: path("\(name).pem"), keyPath: path("\(name).key"))
  }

  /// A server context for the named certificates.
  func server(
    _ names: [String] = ["local"], mode: TLSServerOptions.ClientMode = .off, trust: String? = nil, minVersion: TLSVersion = .tls12,
    alpn: [String] = ["h2", "http/1.1"], keys: [TicketKey] = [], ring: TLSTicketKeyRing? = nil
  ) throws -> TLSServerContext {
    try TLSServerContext(
      TLSServerOptions(
        certificates: names.map(files), clientMode: mode, clientTrustPath: trust.map(path), minVersion: minVersion, alpn: alpn,
        ticketKeys: keys), tickets: ring)
  }

  func client(
    verify: Bool = true, trust: String? = "ca.pem", certificate: String? = nil, minVersion: TLSVersion = .tls12, alpn: [String] = []
  ) throws -> TLSClientContext {
    try TLSClientContext(
      TLSClientOptions(
        verify: verify, trustPath: trust.map(path), certificate: certificate.map(files), minVersion: minVersion, alpn: alpn))
  }

  private static let p256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

  private func authority(_ name: String) {
    openssl(
      ["req", "-x509", "-newkey"] + Self.p256
        + ["-nodes", "-days", "30", "-subj", "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).pem")])
  }

  private func sign(_ name: String, subject: String, names: String?, key: [String] = p256, by authority: String = "ca") {
    let request = path("\(name).csr")
    let extensions = names.map { ["-addext", "subjectAltName=\($0)"] } ?? []
    openssl(["req", "-newkey"] + key + ["-nodes", "-subj", subject, "-keyout", path("\(name).key"), "-out", request] + extensions)
    openssl(
      ["x509", "-req", "-in", request, "-days", "30", "-copy_extensions", "copyall", "-CA", path("\(authority).pem")]
        + ["-CAkey", path("\(authority).key"), "-CAcreateserial", "-out", path("\(name).pem")])
  }

  private func openssl(_ arguments: [String]) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try! process.run()
    process.waitUntilExit()
    precondition(process.terminationStatus == 0, "openssl \(arguments.joined(separator: " ")) failed")
  }
}

/// A server and a client session joined in memory; frees both.
final class TLSPair {
  let server: OpaquePointer
  let client: OpaquePointer
  private(set) var serverFault: TLSFault?
  private(set) var clientFault: TLSFault?
  /// The reason code of the alert or error that ended the client's side.
  private(set) var clientReason: Int32 = 0

  /// Takes both sessions over and shakes hands until both sides are done or one has failed.
  init(server: OpaquePointer, client: OpaquePointer) {
    self.server = server
    self.client = client
    var near: OpaquePointer?
    var far: OpaquePointer?
    precondition(BIO_new_bio_pair(&near, 65536, &far, 65536) == 1)
    SSL_set_bio(server, near, near)
    SSL_set_bio(client, far, far)
    shake()
  }

  convenience init(
    _ server: TLSServerContext, _ client: TLSClientContext, name: String = "localhost", slot: TLSSessionSlot? = nil,
    prepare: (OpaquePointer) -> Void = { _ in }
  ) throws {
    let session = try client.makeSession(serverName: name, slot: slot)
    prepare(session)
    self.init(server: server.makeSession()!, client: session)
  }

  deinit {
    SSL_free(client)
    SSL_free(server)
  }

  var succeeded: Bool { serverFault == nil && clientFault == nil }

  private func shake() {
    var clientDone = false
    var serverDone = false
    for _ in 0..<20 where !(clientDone && serverDone) {
      if !clientDone { clientDone = step(client, SSL_do_handshake(client)) { (self.clientFault, self.clientReason) = ($0, $1) } }
      if !serverDone {
        serverDone = step(server, SSL_do_handshake(server)) {
          self.serverFault = $0; _ = $1
        }
      }
    }
    precondition(clientDone && serverDone || !succeeded, "the handshake hangs")
    // TLS 1.3: tickets, and the refusal of a client's certificate, come after the client's handshake is done.
    if clientFault == nil { readClient() }
  }

  private func readClient() {
    var byte: UInt8 = 0
    let got = SSL_read(client, &byte, 1)
    if got <= 0 { _ = step(client, got) { (self.clientFault, self.clientReason) = ($0, $1) } }
  }

  /// True when this side has nothing left to do.
  private func step(_ session: OpaquePointer, _ result: Int32, failed: (TLSFault, Int32) -> Void) -> Bool {
    if result == 1 { return true }
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return false
    default:
      let reason = tg_err_reason(ERR_peek_last_error())
      failed(TLSFault.ofSession(session), reason)
      return true
    }
  }
}

/// Encrypts one byte, so that the server's side of a session proves usable.
func transfersAByte(_ pair: TLSPair) -> Bool {
  var out: UInt8 = 42
  var received: UInt8 = 0
  return SSL_write(pair.client, &out, 1) == 1 && SSL_read(pair.server, &received, 1) == 1 && received == 42
}
