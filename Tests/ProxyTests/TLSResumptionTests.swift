import COpenSSL
import Testing

@testable import Proxy

@Suite struct TLSResumptionTests {
  let fixture = TLSFixture.shared

  /// Handshakes one after the other over one slot; whether each was resumed.
  private func resumptions(
    _ servers: [TLSServerContext], client: TLSClientContext, name: String = "localhost", version: TLSVersion = .tls13
  ) throws -> [Bool] {
    let slot = TLSSessionSlot()
    return try servers.map { server in
      let pair = try TLSPair(server, client, name: name, slot: slot) { _ = tg_ssl_set_max_version($0, version.rawValue) }
      #expect(pair.succeeded)
      #expect(TLSSession.version(pair.server) == version)
      #expect(TLSSession.isResumed(pair.client) == TLSSession.isResumed(pair.server))
      return TLSSession.isResumed(pair.server)
    }
  }

  @Test(arguments: [TLSVersion.tls12, .tls13])
  func `contexts that share keys accept each other's tickets`(version: TLSVersion) throws {
    let keys = [TicketKey.random()]
    let (a, b) = try (fixture.server(keys: keys), fixture.server(keys: keys))
    #expect(try resumptions([a, b, a], client: fixture.client(), version: version) == [false, true, true])
  }

  @Test func `contexts with keys of their own do not`() throws {
    #expect(try resumptions([fixture.server(), fixture.server()], client: fixture.client()) == [false, false])
  }

  @Test func `a reload that shares the ring keeps old tickets good`() throws {
    let old = try fixture.server()
    let new = try fixture.server(["local", "exact"], ring: old.tickets)
    #expect(try resumptions([old, new], client: fixture.client()) == [false, true])
  }

  @Test func `resumption works behind every name`() throws {
    let server = try fixture.server(["local", "exact"])
    #expect(try resumptions([server, server], client: fixture.client(), name: "api.example.com") == [false, true])
  }

  @Test(arguments: [TLSVersion.tls12, .tls13])
  func `an older key still opens tickets and they are renewed under the first`(version: TLSVersion) throws {
    let (first, second) = (TicketKey.random(), TicketKey.random())
    let issuer = try fixture.server(keys: [first])
    let rotated = try fixture.server(keys: [second, first])
    let forgetful = try fixture.server(keys: [second])
    #expect(try resumptions([issuer, forgetful], client: fixture.client(), version: version) == [false, false])
    // Only a ticket that `rotated` has renewed can be opened by `forgetful`. The sessions are handed on by hand, because in TLS 1.2
    // OpenSSL's client reports no ticket that is renewed during a resumption.
    let client = try fixture.client()
    var known: OpaquePointer?
    defer { SSL_SESSION_free(known) }
    for (server, resumed) in [(issuer, false), (rotated, true), (forgetful, true)] {
      let pair = try TLSPair(server, client) {
        _ = tg_ssl_set_max_version($0, version.rawValue)
        if let known { SSL_set_session($0, known) }
      }
      #expect(TLSSession.isResumed(pair.server) == resumed)
      SSL_SESSION_free(known)
      known = SSL_SESSION_dup(SSL_get_session(pair.client))
    }
  }

  @Test func `keys are rotated while the context runs`() throws {
    let server = try fixture.server()
    let client = try fixture.client()
    let slot = TLSSessionSlot()
    func resumed() throws -> Bool { TLSSession.isResumed(try TLSPair(server, client, slot: slot).server) }
    #expect(try resumed() == false)
    server.tickets.rotate()
    #expect(try resumed() == true)
    server.tickets.rotate()
    server.tickets.rotate()
    #expect(try resumed() == false, "the key that sealed the ticket is gone")
    try server.tickets.replace([.random()])
    #expect(try resumed() == false)
  }

  @Test func `a ticket does not carry a client past other rules`() throws {
    let keys = [TicketKey.random()]
    let open = try fixture.server(keys: keys)
    let optional = try fixture.server(mode: .optional, trust: "ca.pem", keys: keys)
    let strange = try fixture.server(mode: .optional, trust: "stranger.pem", keys: keys)
    #expect(try resumptions([open, optional], client: fixture.client()) == [false, false])
    #expect(try resumptions([optional, strange], client: fixture.client()) == [false, false])
  }

  @Test func `a resumed session still knows the client's certificate`() throws {
    let server = try fixture.server(mode: .required, trust: "ca.pem")
    let client = try fixture.client(certificate: "client")
    let slot = TLSSessionSlot()
    _ = try TLSPair(server, client, slot: slot)
    let again = try TLSPair(server, client, slot: slot)
    #expect(TLSSession.isResumed(again.server))
    #expect(TLSSession.peerChain(again.server).map(\.subject) == ["CN=alice,O=Example"])
  }

  @Test func `a ticket of TLS 1_3 is used once and replaced`() throws {
    let server = try fixture.server()
    let client = try fixture.client()
    let slot = TLSSessionSlot()
    _ = try TLSPair(server, client, slot: slot)
    #expect(slot.isFilled)
    let session = try client.makeSession(serverName: "localhost", slot: slot)
    #expect(!slot.isFilled)
    let pair = TLSPair(server: server.makeSession()!, client: session)
    #expect(TLSSession.isResumed(pair.client))
    #expect(slot.isFilled)
  }

  @Test func `a session verified under other rules or another name is forgotten`() throws {
    let server = try fixture.server(["local", "exact"])
    let lax = try fixture.client(verify: false, trust: nil)
    let strict = try fixture.client(trust: "stranger.pem")
    let slot = TLSSessionSlot()
    #expect(try TLSPair(server, lax, slot: slot).succeeded)
    #expect(try TLSPair(server, strict, slot: slot).clientFault?.kind == .verification)
    #expect(try TLSPair(server, lax, slot: slot).succeeded)
    let renamed = try TLSPair(server, lax, name: "api.example.com", slot: slot)
    #expect(renamed.succeeded && !TLSSession.isResumed(renamed.client))
  }
}
