import COpenSSL
import Testing

@testable import Proxy

@Suite struct TLSHandshakeTests {
  let fixture = TLSFixture.shared

  @Test func `newest version both speak is used`() throws {
    let pair = try TLSPair(fixture.server(), fixture.client())
    #expect(pair.succeeded)
    #expect(TLSSession.version(pair.server) == .tls13)
    #expect(TLSSession.cipher(pair.server) == "TLS_AES_128_GCM_SHA256")
    #expect(transfersAByte(pair))
  }

  @Test func `a client of TLS 1_2 is served, unless 1_3 is the least`() throws {
    let old = try TLSPair(fixture.server(), fixture.client()) { _ = tg_ssl_set_max_version($0, TLS1_2_VERSION) }
    #expect(old.succeeded)
    #expect(TLSSession.version(old.server) == .tls12)
    #expect(TLSSession.cipher(old.server) == "ECDHE-ECDSA-AES128-GCM-SHA256")
    let refused = try TLSPair(fixture.server(minVersion: .tls13), fixture.client()) { _ = tg_ssl_set_max_version($0, TLS1_2_VERSION) }
    #expect(refused.serverFault?.kind == .handshake)
    #expect(refused.serverFault?.message.contains("unsupported protocol") == true)
  }

  @Test func `TLS 1_1 is never spoken`() throws {
    let pair = try TLSPair(fixture.server(), fixture.client()) {
      _ = tg_ssl_set_min_version($0, TLS1_1_VERSION)
      _ = tg_ssl_set_max_version($0, TLS1_1_VERSION)
      SSL_set_security_level($0, 0)
      SSL_set_cipher_list($0, "ALL")
    }
    #expect(!pair.succeeded)
  }

  @Test(arguments: [
    (["h2", "http/1.1"], ["http/1.1", "h2"], TLSApplicationProtocol.h2),
    (["http/1.1", "h2"], ["h2", "http/1.1"], .http1),
    (["h2", "http/1.1"], ["http/1.1"], .http1),
    (["h2", "http/1.1"], ["h3", "h2"], .h2),
    (["h2", "http/1.1"], [], .none),
    ([], ["h2"], .none),
  ])
  func `ALPN follows the server's preference`(ours: [String], theirs: [String], chosen: TLSApplicationProtocol) throws {
    let pair = try TLSPair(fixture.server(alpn: ours), fixture.client(alpn: theirs))
    #expect(pair.succeeded)
    #expect(TLSSession.negotiatedALPN(pair.server) == chosen)
    #expect(TLSSession.negotiatedALPN(pair.client) == chosen)
  }

  @Test(arguments: [["h3"], ["h"], ["http/1.1x", "http/1.0"]])
  func `without a common protocol the client hears no_application_protocol`(theirs: [String]) throws {
    let pair = try TLSPair(fixture.server(), fixture.client(alpn: theirs))
    #expect(pair.serverFault != nil)
    #expect(pair.clientReason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
  }

  @Test(arguments: [
    ("api.example.com", "exact"), ("API.Example.COM", "exact"), ("www.example.com", "wild"), ("a.b.example.com", "local"),
    ("example.com", "local"), ("common.example.org", "common"), ("nobody.test", "local"), ("localhost", "local"),
  ])
  func `the server name selects exact before wildcard before the first certificate`(name: String, expected: String) throws {
    let server = try fixture.server(["local", "wild", "exact", "common"])
    let pair = try TLSPair(server, fixture.client(verify: false, alpn: ["h2"]), name: name)
    #expect(pair.succeeded)
    let wanted = try fixture.server([expected]).certificates[0].fingerprint
    #expect(TLSSession.peerCertificate(pair.client)?.fingerprint == wanted)
    #expect(TLSSession.negotiatedALPN(pair.client) == .h2, "protocols are equal behind every name")
    #expect(TLSSession.serverName(pair.server) == name)
  }

  @Test func `a client that names no server gets the first certificate`() throws {
    let pair = try TLSPair(fixture.server(["local", "exact"]), fixture.client(), name: "127.0.0.1")
    #expect(pair.succeeded)
    #expect(TLSSession.serverName(pair.server) == nil)
    #expect(TLSSession.peerCertificate(pair.client)?.names == ["localhost"])
  }

  @Test(arguments: [("ECDSA+SHA256", "exact"), ("rsa_pss_rsae_sha256", "exact-rsa")])
  func `certificates of one name and two kinds of key serve clients of either kind`(algorithm: String, expected: String) throws {
    let server = try fixture.server(["local", "exact", "exact-rsa"])
    #expect(server.certificates.count == 3)
    let pair = try TLSPair(server, fixture.client(), name: "api.example.com") { _ = tg_ssl_set_sigalgs($0, algorithm) }
    #expect(pair.succeeded)
    let wanted = try fixture.server([expected]).certificates[0].fingerprint
    #expect(TLSSession.peerCertificate(pair.client)?.fingerprint == wanted)
  }

  @Test func `a session outlives its context and the context of a reload`() throws {
    var server: TLSServerContext? = try fixture.server(["local", "exact"])
    let session = server!.makeSession()!
    server = nil
    let pair = TLSPair(server: session, client: try fixture.client().makeSession(serverName: "api.example.com"))
    #expect(pair.succeeded)
    #expect(TLSSession.peerCertificate(pair.client)?.names == ["api.example.com", "other.example.com"])
    #expect(transfersAByte(pair))
  }

  @Test func `keys rotate while other threads shake hands`() async throws {
    let server = try fixture.server()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for i in 0..<200 {
          if i % 2 == 0 { server.tickets.rotate() } else { try server.tickets.replace([.random(), .random()]) }
        }
      }
      group.addTask {
        let client = try TLSFixture.shared.client()
        let slot = TLSSessionSlot()
        for _ in 0..<40 { #expect(try TLSPair(server, client, slot: slot).succeeded) }
      }
      try await group.waitForAll()
    }
  }
}
