import COpenSSL
import Testing

@testable import Proxy

@Suite struct TLSVerificationTests {
  let fixture = TLSFixture.shared

  @Test(
    arguments: [
      (TLSServerOptions.ClientMode.off, nil, true), (.off, "client", true), (.optional, nil, true), (.optional, "client", true),
      (.optional, "foreign", false), (.required, nil, false), (.required, "client", true), (.required, "foreign", false),
    ] as [(TLSServerOptions.ClientMode, String?, Bool)])
  func `client certificates are judged by the mode`(mode: TLSServerOptions.ClientMode, shown: String?, accepted: Bool) throws {
    // The name switches the context, so the settings of every certificate are put to the test.
    let server = try fixture.server(["local", "exact"], mode: mode, trust: "ca.pem")
    let pair = try TLSPair(server, fixture.client(certificate: shown), name: "api.example.com")
    #expect((pair.serverFault == nil) == accepted)
    let subject = TLSSession.peerCertificateSubject(pair.server)
    #expect(subject == (accepted && mode != .off && shown != nil ? "CN=alice,O=Example" : nil))
    if shown == "foreign" && !accepted { #expect(pair.serverFault?.kind == .verification) }
  }

  @Test func `the client's chain reaches from its certificate to the authority`() throws {
    let server = try fixture.server(mode: .required, trust: "ca.pem")
    let pair = try TLSPair(server, fixture.client(certificate: "client"))
    let chain = TLSSession.peerChain(pair.server)
    #expect(chain.map(\.subject) == ["CN=alice,O=Example", "CN=ca"])
    let own = try #require(chain.first)
    #expect(own.issuer == "CN=ca")
    #expect(own.names == ["alice"])
    #expect(own.pem.hasPrefix("-----BEGIN CERTIFICATE-----\n"))
    #expect(own.serial.split(separator: ":").allSatisfy { $0.count == 2 } && own.serial.count > 20)
    #expect(own.notAfter - own.notBefore == 30 * 86400)
    #expect(own.notAfterText.hasSuffix(" GMT"))
  }

  @Test(arguments: [("localhost", true), ("127.0.0.1", true), ("localhost.example", false), ("127.0.0.2", false), ("::1", false)])
  func `an upstream's certificate must bear the name or address`(name: String, accepted: Bool) throws {
    let pair = try TLSPair(fixture.server(), fixture.client(), name: name)
    #expect(pair.succeeded == accepted)
    if !accepted {
      #expect(pair.clientFault?.kind == .verification)
      #expect(pair.clientFault?.message.contains("mismatch") == true)
    }
    #expect(try TLSPair(fixture.server(), fixture.client(verify: false), name: name).succeeded)
  }

  @Test func `an upstream of a strange authority is refused`() throws {
    let pair = try TLSPair(fixture.server(["foreign"]), fixture.client())
    #expect(pair.clientFault?.kind == .verification)
    #expect(pair.clientFault?.message.contains("unable to get local issuer certificate") == true)
    #expect(pair.serverFault == nil || pair.serverFault?.kind == .handshake)
    #expect(try TLSPair(fixture.server(["foreign"]), fixture.client(trust: "stranger.pem")).succeeded)
  }

  @Test func `the system's authorities do not vouch for ours`() throws {
    let pair = try TLSPair(fixture.server(), fixture.client(trust: nil))
    #expect(pair.clientFault?.kind == .verification)
  }

  @Test func `an expired certificate is refused`() throws {
    let pair = try TLSPair(fixture.server(), fixture.client()) {
      X509_VERIFY_PARAM_set_time(SSL_get0_param($0), time(nil) + 31 * 86400)
    }
    #expect(pair.clientFault == TLSFault(.verification, "the peer's certificate is refused: certificate has expired"))
  }

  @Test(arguments: ["", "a\0b"])
  func `what cannot be a server name is refused`(name: String) throws {
    let client = try fixture.client()
    #expect(throws: TLSFault.self) { try client.makeSession(serverName: name) }
  }
}

@Suite struct TLSConfigurationTests {
  let fixture = TLSFixture.shared

  private func fault(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return "\(error)" }
  }

  @Test func `a missing file is named with its reason`() {
    let message = fault { _ = try fixture.server(["absent"]) }
    #expect(message.hasPrefix("cannot load certificate \(fixture.path("absent.pem")): "))
    #expect(message.contains("No such file or directory"))
  }

  @Test func `a key of another certificate is refused`() {
    let mixed = TLSCertificateFiles(certificatePath: fixture.path("local.pem"), keyPath: fixture.path("exact.key"))
    let message = fault { _ = try TLSServerContext(TLSServerOptions(certificates: [fixture.files("wild"), mixed])) }
    #expect(message.contains(fixture.path("exact.key")) && message.contains("key values mismatch"))
  }

  @Test func `a key of another kind is refused`() {
    let mixed = TLSCertificateFiles(certificatePath: fixture.path("local.pem"), keyPath: fixture.path("exact-rsa.key"))
    #expect(fault { _ = try TLSServerContext(TLSServerOptions(certificates: [mixed])) }.contains(fixture.path("exact-rsa.key")))
  }

  @Test func `a key under a passphrase is refused without asking for it`() {
    let sealed = TLSCertificateFiles(certificatePath: fixture.path("local.pem"), keyPath: fixture.path("sealed.key"))
    #expect(fault { _ = try TLSServerContext(TLSServerOptions(certificates: [sealed])) }.hasPrefix("cannot use key "))
  }

  @Test func `garbage is no certificate and no trust`() {
    let garbage = TLSCertificateFiles(certificatePath: fixture.path("garbage.pem"), keyPath: fixture.path("local.key"))
    #expect(fault { _ = try TLSServerContext(TLSServerOptions(certificates: [garbage])) }.contains("no start line"))
    #expect(fault { _ = try fixture.server(mode: .required, trust: "garbage.pem") }.contains("garbage.pem"))
    #expect(fault { _ = try fixture.client(trust: "garbage.pem") }.contains("garbage.pem"))
  }

  @Test func `client certificates without an authority, and a listener without a certificate, are refused`() {
    #expect(fault { _ = try fixture.server(mode: .optional) }.contains("no trusted authority"))
    #expect(fault { _ = try fixture.server([]) } == "a TLS listener needs a certificate")
    #expect(fault { _ = try fixture.server(alpn: [""]) }.contains("ALPN"))
  }

  @Test func `a fault leaves nothing in OpenSSL's queue for the next one`() {
    _ = fault { _ = try fixture.server(["absent"]) }
    #expect(ERR_peek_error() == 0)
  }

  @Test func `the admin listing tells names and times`() throws {
    let certificates = try fixture.server(["exact", "common"]).certificates
    #expect(certificates.map(\.names) == [["api.example.com", "other.example.com"], ["common.example.org"]])
    #expect(certificates[1].subject == "O=Example,CN=common.example.org")
    let now = Int64(time(nil))
    #expect(certificates.allSatisfy { $0.notBefore <= now && $0.notAfter > now + 29 * 86400 })
  }

  @Test func `ticket keys must be whole, few and distinct`() throws {
    #expect(TicketKey(bytes: [UInt8](repeating: 1, count: 79)) == nil)
    let key = TicketKey.random()
    #expect(fault { _ = try fixture.server(keys: [key, key]) }.contains("same name"))
    let ring = TLSTicketKeyRing()
    #expect(throws: TLSFault.self) { try ring.replace([]) }
    #expect(throws: TLSFault.self) { try ring.replace((0...TLSTicketKeyRing.keysMax).map { _ in .random() }) }
  }
}
