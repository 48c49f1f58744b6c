import COpenSSL
import Foundation
import Testing

@testable import Proxy

/// Handshakes of the peer link between two sessions in memory.
@Suite struct PeerLinkTests {
  let fixture = TLSFixture.shared

  private func pair(
    server: PeerKeys, client: PeerKeys, prepare: (OpaquePointer) -> Void = { _ in }
  ) throws -> TLSPair {
    try TLSPair(TLSServerContext(peers: server), TLSClientContext(peers: client), prepare: prepare)
  }

  private func isAcceptable(_ pair: TLSPair) -> Bool {
    pair.succeeded && TLSSession.isAcceptable(pair.client) && TLSSession.isAcceptable(pair.server)
  }

  private func agree(_ server: TLSServerContext, _ client: TLSClientContext, slot: TLSSessionSlot? = nil) throws -> Bool {
    isAcceptable(try TLSPair(server, client, slot: slot))
  }

  /// libssl's macros `SSL_set1_groups_list` and `SSL_set_options`.
  private func setGroups(_ session: OpaquePointer, _ list: String) {
    list.withCString { _ = SSL_ctrl(session, 92, 0, .init(mutating: $0)) }
  }
  private let allowsKeyWithoutExchange: UInt64 = 1 << 10

  @Test func `both sides that hold a key agree on TLS 1_3, HTTP 2 and one suite, without certificates`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let pair = try pair(server: keys, client: keys)
    #expect(isAcceptable(pair))
    for side in [pair.server, pair.client] {
      #expect(TLSSession.isPeerLink(side))
      #expect(TLSSession.version(side) == .tls13)
      #expect(TLSSession.cipher(side) == "TLS_AES_128_GCM_SHA256")
      #expect(TLSSession.negotiatedALPN(side) == .h2)
      #expect(TLSSession.peerCertificate(side) == nil)
    }
    #expect(TLSSession.serverName(pair.server) == nil, "no name goes over the wire")
    #expect(transfersAByte(pair))
  }

  /// 32 bytes is what libssl takes for the name of a session of its own.
  @Test(arguments: [1, 11, 12, 13, 32, 128])
  func `an identity that the server has not is refused as no identity is`(bytes: Int) throws {
    let stranger = peerKey(1, named: String("test-peer-1:".appending(String(repeating: "9", count: 128)).prefix(bytes)))
    let pair = try pair(server: PeerKeys([peerKey(1), peerKey(2)]), client: PeerKeys([stranger]))
    #expect(pair.serverFault?.kind == .handshake)
    #expect(pair.clientReason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)
  }

  @Test func `a wrong secret behind a known identity is refused`() throws {
    let pair = try pair(server: PeerKeys([peerKey(1)]), client: PeerKeys([peerKey(2, named: "test-peer-1:1")]))
    #expect(pair.serverFault?.message.contains("binder does not verify") == true)
    #expect(pair.clientFault?.kind == .handshake)
  }

  @Test(arguments: [nil, "client"])
  func `a client without a key is refused, with a certificate or without`(certificate: String?) throws {
    let server = try TLSServerContext(peers: PeerKeys([peerKey(1)]))
    let pair = try TLSPair(server, fixture.client(certificate: certificate, alpn: ["h2"]))
    #expect(pair.serverFault?.kind == .handshake)
    #expect(pair.clientReason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)
  }

  @Test func `a server that answers with a certificate is refused, even one that the system would trust`() throws {
    let client = try TLSClientContext(peers: PeerKeys([peerKey(1)]))
    let session = try client.makeSession(serverName: "localhost")
    #expect(SSL_CTX_load_verify_file(SSL_get_SSL_CTX(session), fixture.path("ca.pem")) == 1)
    let pair = try TLSPair(server: #require(fixture.server().makeSession()), client: session)
    #expect(pair.clientFault?.kind == .verification)
    #expect(pair.serverFault != nil || !TLSSession.isAcceptable(pair.client))
  }

  @Test func `TLS 1_2 is refused by either side`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let old = try TLSPair(TLSServerContext(peers: keys), fixture.client()) { _ = tg_ssl_set_max_version($0, TLS1_2_VERSION) }
    #expect(old.serverFault?.message.contains("unsupported protocol") == true)
    let server = try #require(fixture.server().makeSession())
    _ = tg_ssl_set_max_version(server, TLS1_2_VERSION)
    let pair = TLSPair(server: server, client: try TLSClientContext(peers: keys).makeSession(serverName: "localhost"))
    #expect(pair.clientFault?.kind == .handshake)
  }

  @Test func `keys change in three rounds under the same contexts, and connections that stand go on`() throws {
    let (old, new) = (peerKey(1), peerKey(2))
    let (near, far) = try (PeerKeys([old]), PeerKeys([old]))
    let (server, client) = try (TLSServerContext(peers: near), TLSClientContext(peers: far))
    let first = try TLSPair(server, client)
    #expect(isAcceptable(first))
    try near.replace([old, new])
    #expect(try agree(server, client), "added by the server alone")
    try far.replace([new, old])
    let second = try TLSPair(server, client)
    #expect(isAcceptable(second), "used by the client")
    try near.replace([new])
    #expect(try agree(server, client), "removed by the server")
    try far.replace([old])
    #expect(try agree(server, client) == false, "a node that missed the change")
    #expect(transfersAByte(first) && transfersAByte(second))
  }

  @Test func `no ticket is issued and nothing is resumed`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let (server, client) = try (TLSServerContext(peers: keys), TLSClientContext(peers: keys))
    let slot = TLSSessionSlot()
    for _ in 0..<2 {
      let pair = try TLSPair(server, client, slot: slot)
      #expect(isAcceptable(pair) && transfersAByte(pair))
      var (out, received): (UInt8, UInt8) = (7, 0)
      let (written, read) = (SSL_write(pair.server, &out, 1), SSL_read(pair.client, &received, 1))
      #expect(written == 1 && read == 1 && received == 7)
      #expect(SSL_SESSION_has_ticket(SSL_get_session(pair.client)) == 0)
      #expect(!slot.isFilled)
    }
    try keys.replace([peerKey(2)])
    #expect(try agree(server, client, slot: slot))
  }

  @Test func `a key alone does not suffice: there is always an exchange of ephemeral keys`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let (server, client) = try (TLSServerContext(peers: keys), TLSClientContext(peers: keys))
    for serverAllows in [false, true] {
      let near = try #require(server.makeSession())
      let far = try client.makeSession(serverName: "")
      SSL_set_options(far, allowsKeyWithoutExchange)
      setGroups(far, "P-384")  // none in common with the server
      if serverAllows { SSL_set_options(near, allowsKeyWithoutExchange) }
      let pair = TLSPair(server: near, client: far)
      #expect(pair.succeeded == serverAllows, "\(String(describing: pair.serverFault))")
    }
  }

  @Test func `a server that asks for another group gets the same key again, even one that left the ring meanwhile`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let pair = try pair(server: PeerKeys([peerKey(1)]), client: keys) { session in
      setGroups(session, "P-384:P-256")
      do { try keys.replace([peerKey(2)]) } catch { Issue.record(error) }
    }
    #expect(isAcceptable(pair))
    #expect(transfersAByte(pair))
  }

  @Test func `a client that offers no suite of the key's hash, or no suite of ours, is refused`() throws {
    let keys = try PeerKeys([peerKey(1)])
    for suite in ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] {
      let pair = try pair(server: keys, client: keys) { SSL_set_ciphersuites($0, suite) }
      #expect(pair.serverFault?.message.contains("no shared cipher") == true)
    }
  }

  @Test func `another protocol than HTTP 2, or none, is refused`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let http1 = try pair(server: keys, client: keys) { SSL_set_alpn_protos($0, [8] + Array("http/1.1".utf8), 9) }
    #expect(http1.clientReason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
    let silent = try pair(server: keys, client: keys) { SSL_set_alpn_protos($0, nil, 0) }
    #expect(silent.succeeded && !TLSSession.isAcceptable(silent.server))
    let deaf = try keys.makeContext(server: true)
    defer { SSL_CTX_free(deaf) }
    let session = try #require(SSL_new(deaf))
    SSL_set_accept_state(session)
    let unanswered = TLSPair(server: session, client: try TLSClientContext(peers: keys).makeSession(serverName: "localhost"))
    #expect(unanswered.succeeded && !TLSSession.isAcceptable(unanswered.client))
  }

  @Test func `other TLS is judged by libssl alone`() throws {
    let pair = try TLSPair(fixture.server(), fixture.client())
    #expect(!TLSSession.isPeerLink(pair.client) && !TLSSession.isPeerLink(pair.server))
    #expect(isAcceptable(pair))
  }

  @Test func `a session outlives its context, its keys' list and its key's place in it`() throws {
    var server: TLSServerContext? = try TLSServerContext(peers: PeerKeys([peerKey(1)]))
    var client: TLSClientContext? = try TLSClientContext(peers: PeerKeys([peerKey(1)]))
    let (near, far) = (try #require(server!.makeSession()), try client!.makeSession(serverName: ""))
    (server, client) = (nil, nil)
    let pair = TLSPair(server: near, client: far)
    #expect(isAcceptable(pair))
    #expect(transfersAByte(pair))
  }

  @Test func `keys and lists are given back with their last session`() throws {
    weak var list: PeerKeys?
    weak var key: PeerKey?
    do {
      let (mine, keys) = (peerKey(1), try PeerKeys([peerKey(2)]))
      try keys.replace([mine])
      (list, key) = (keys, mine)
      let pair = try pair(server: keys, client: keys)
      #expect(isAcceptable(pair))
    }
    #expect(list == nil && key == nil)
  }

  @Test func `keys change while other threads shake hands`() async throws {
    let keys = try PeerKeys([peerKey(1), peerKey(2)])
    let (server, client) = try (TLSServerContext(peers: keys), TLSClientContext(peers: keys))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for i in 0..<400 { try keys.replace(i % 2 == 0 ? [peerKey(2), peerKey(1)] : [peerKey(1), peerKey(2)]) }
      }
      for _ in 0..<2 {
        group.addTask {
          for _ in 0..<40 {
            let agreed = try agree(server, client)
            #expect(agreed)
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
