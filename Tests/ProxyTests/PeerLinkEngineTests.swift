import CEpoll
import COpenSSL
import Foundation
import Runtime
import Testing

@testable import Proxy

/// Answers with what it knows of the request.
private final class Answering: Application, @unchecked Sendable {
  override func decide(_ request: RequestView) -> Step { .local }
  override func handle(_ request: LocalRequest, _ reply: LocalReply) {
    reply.send(LocalResponse(text: "\(request.method) \(request.path) \(request.protocolName) \(request.isSecure) \(request.body.count)"))
  }
}

/// Sends everything to the first upstream.
private final class Passing: Application, @unchecked Sendable {
  private let plan: UnsafeMutablePointer<ForwardPlan>

  override init() {
    plan = .allocate(capacity: 1)
    plan.initialize(to: ForwardPlan(upstream: 0))
  }

  deinit { plan.deallocate() }

  override func decide(_ request: RequestView) -> Step { .forward(UnsafePointer(plan)) }
}

/// A worker that listens on a port of 127.0.0.1.
private final class LinkedNode: Sendable {
  let control: ControlWorker
  let port: UInt16

  init(_ application: Application, tls: TLSServerContext? = nil, upstream: UpstreamOptions? = nil, at address: SocketAddress? = nil) throws
  {
    control = try ControlWorker()
    let bound = try boundSocket()
    let descriptor = bound.descriptor
    port = bound.port
    guard listen(descriptor, 64) == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw DeadlinePassed() }
    let snapshot = Snapshot(
      application: application, upstreams: upstream.map { [$0] } ?? [],
      listeners: [ListenerOptions(address: "127.0.0.1:\(port)", port: port, tls: tls)], limits: Limits(),
      forwarding: ForwardingOptions(), revision: 1)
    var directory = EndpointDirectory()
    let listings = address.map {
      [
        UpstreamListing(
          listing: directory.update(to: [EndpointDescription(id: 1)], now: 1), addresses: [.init(id: 1, address: $0, host: "127.0.0.1")])
      ]
    }
    try control.call {
      $0.adopt(snapshot, listings: listings ?? [])
      $0.listen(descriptor, listener: 0)
    }
  }

  deinit { control.worker.post { $0.drain(within: 1) { _ in } } }

  /// One that answers over the peer link.
  static func owner(_ keys: PeerKeys) throws -> LinkedNode { try LinkedNode(Answering(), tls: TLSServerContext(peers: keys)) }

  /// One that takes plain HTTP/1.1 and asks over TLS.
  static func asker(_ tls: TLSClientContext, of port: UInt16) throws -> LinkedNode {
    let address = SocketAddress(ipv4: 0x7f00_0001, port: port)
    var options = UpstreamOptions(name: "peers", endpoints: [EndpointOptions(host: "127.0.0.1", port: port)])
    options.speaksHTTP2 = true
    options.tls = tls
    return try LinkedNode(Passing(), upstream: options, at: address)
  }

  /// The response to a request on a connection of its own, whole.
  func response(to request: String) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let connection = ServedConnection(descriptor)
    let connected = SocketAddress(ipv4: 0x7f00_0001, port: port).withSockaddr { connect(descriptor, $0, $1) }
    guard connected == 0 else { throw DeadlinePassed() }
    connection.write(request)
    var bytes: [UInt8] = []
    while case let part = connection.read(), !part.isEmpty { bytes += part }
    return String(decoding: bytes, as: UTF8.self)
  }

  func get(_ path: String) throws -> String { try response(to: "GET \(path) HTTP/1.1\r\nHost: peers\r\nConnection: close\r\n\r\n") }

  func count(_ handle: @escaping @Sendable (EngineMetrics) -> CounterHandle) throws -> UInt64 {
    try control.call { $0.cells.value(handle($0.metrics)) }
  }
}

@Suite struct PeerLinkEngineTests {
  @Test func `requests go from one worker to another over HTTP 2 and one sealed connection`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let owner = try LinkedNode.owner(keys)
    let asker = try LinkedNode.asker(TLSClientContext(peers: keys), of: owner.port)
    let first = try asker.get("/one")
    #expect(first.hasPrefix("HTTP/1.1 200 ") && first.hasSuffix("GET /one HTTP/2.0 true 0"))
    let body = String(repeating: "b", count: 100_000)
    let second = try asker.response(
      to: "POST /two HTTP/1.1\r\nHost: peers\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    #expect(second.hasSuffix("POST /two HTTP/2.0 true 100000"))
    #expect(try owner.count(\.peersAccepted) == 1)
    #expect(try owner.count(\.peersRefused) + owner.count(\.handshakesFull) + owner.count(\.handshakesResumed) == 0)
  }

  @Test func `a key that is removed closes the door to newcomers and to nobody else`() throws {
    let ours = try PeerKeys([peerKey(1)])
    let owner = try LinkedNode.owner(ours)
    let known = try LinkedNode.asker(TLSClientContext(peers: PeerKeys([peerKey(1)])), of: owner.port)
    #expect(try known.get("/").hasSuffix("GET / HTTP/2.0 true 0"))
    try ours.replace([peerKey(2)])
    #expect(try known.get("/again").hasSuffix("GET /again HTTP/2.0 true 0"))
    let late = try LinkedNode.asker(TLSClientContext(peers: PeerKeys([peerKey(1)])), of: owner.port)
    #expect(try late.get("/").hasPrefix("HTTP/1.1 50"))
    #expect(try owner.count(\.peersAccepted) == 1)
    #expect(try owner.count(\.peersRefused) > 0)
    #expect(try late.count(\.upstreamConnects) > 0)
    let fresh = try LinkedNode.asker(TLSClientContext(peers: PeerKeys([peerKey(2)])), of: owner.port)
    #expect(try fresh.get("/").hasSuffix("GET / HTTP/2.0 true 0"))
  }

  @Test func `neither a client with certificates nor a server with certificates is spoken to`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let owner = try LinkedNode.owner(keys)
    let stranger = try LinkedNode.asker(TLSFixture.shared.client(verify: false, certificate: "client", alpn: ["h2"]), of: owner.port)
    #expect(try stranger.get("/").hasPrefix("HTTP/1.1 50"))
    #expect(try owner.count(\.peersRefused) > 0)
    #expect(try owner.count(\.requests) == 0)
    let impostor = try LinkedNode(Answering(), tls: TLSFixture.shared.server())
    let asker = try LinkedNode.asker(TLSClientContext(peers: keys), of: impostor.port)
    #expect(try asker.get("/").hasPrefix("HTTP/1.1 50"))
    #expect(try impostor.count(\.requests) == 0)
  }

  @Test func `a client of the link that negotiates no protocol is not served HTTP 1`() throws {
    let keys = try PeerKeys([peerKey(1)])
    let owner = try LinkedNode.owner(keys)
    let session = try TLSClientContext(peers: keys).makeSession(serverName: "")
    SSL_set_alpn_protos(session, nil, 0)
    let stream = TLSMemoryStream(session)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let connection = ServedConnection(descriptor)
    let connected = SocketAddress(ipv4: 0x7f00_0001, port: owner.port).withSockaddr { connect(descriptor, $0, $1) }
    #expect(connected == 0)
    var progress = stream.handshake()
    while case .needsMore = progress {
      connection.write(stream.takeOutput())
      let bytes = connection.read()
      if bytes.isEmpty { break }
      stream.feed(bytes, bytes.count)
      progress = stream.handshake()
    }
    guard case .failed = progress else {
      Issue.record("the client took a link without HTTP/2 for good")
      return
    }
    connection.write(stream.takeOutput())
    connection.readOut()
    #expect(try owner.count(\.peersAccepted) == 0)
    #expect(try owner.count(\.peersRefused) == 1)
  }
}
