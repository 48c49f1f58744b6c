import COpenSSL
import Foundation
import Runtime
import Testing

@testable import Proxy

@Suite("A check against a server")
struct HealthProbeTests {
  let control: ControlWorker
  let fixture = TLSFixture.shared
  static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhealthy"

  init() throws { control = try ControlWorker() }

  /// The reason of a check that must fail.
  private func failure(_ target: HealthTarget) throws -> String {
    let outcome = try control.outcome(target)
    #expect(!outcome.isPassed)
    return outcome.reason
  }

  @Test("the expected answer passes, and the server gets the request once")
  func passes() throws {
    let heads = Awaited<String>()
    let server = try ScriptedServer { connection in
      heads.put(connection.readHead())
      connection.write(Self.fine)
      connection.finish()
    }
    let target = healthTarget(server.port) {
      $0.path = "/up"
      $0.body = Array("healthy".utf8)
    }
    #expect(try control.outcome(target) == .passed("status 200"))
    #expect(heads.all.count == 1)
    #expect(heads.all[0].hasPrefix("GET /up HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nUser-Agent: tidegate-health\r\n"))
  }

  @Test("wrong status, wrong body, garbage and an early end fail with their reason")
  func fails() throws {
    func reason(_ response: String, body: String = "") throws -> String {
      let server = try ScriptedServer.answering(response)
      return try failure(healthTarget(server.port) { $0.body = Array(body.utf8) })
    }
    #expect(try reason("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n") == "status 500")
    #expect(try reason(Self.fine, body: "sick") == "status 200, but the body lacks the expected text")
    #expect(try reason("220 mail.example.com ESMTP\r\n") == "the answer is no HTTP response")
    #expect(try reason("") == "the connection closed before the response head was complete")
    #expect(try reason("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") == "the connection closed before the response body was complete")
  }

  @Test("an answer that comes byte by byte passes")
  func trickle() throws {
    let server = try ScriptedServer { connection in
      _ = connection.readHead()
      for byte in Self.fine.utf8 { connection.write([byte]) }
      connection.finish()
    }
    #expect(try control.outcome(healthTarget(server.port) { $0.body = Array("healthy".utf8) }) == .passed("status 200"))
  }

  @Test("a refused connection fails at once")
  func refused() throws {
    let (descriptor, port) = try boundSocket()
    defer { close(descriptor) }
    #expect(try failure(healthTarget(port)) == "connect: Connection refused")
    #expect(try failure(healthTarget(port) { $0.kind = .tcp }) == "connect: Connection refused")
  }

  @Test("an address that cannot be reached fails, and not from within start")
  func unreachable() throws {
    let target = OnWorker(healthTarget(1))
    target.value.address = SocketAddress("[ff00::1]:9")!  // no stream goes to a multicast address
    let events = Awaited<String>()
    try control.call { worker in
      let probe = HealthProbe(target.value, worker: worker) { events.put($0.isPassed ? "passed" : "failed") }
      probe.start()
      events.put("started")
      worker.after(oneSecond * 60) { probe.cancel() }
    }
    try events.get(1)
    #expect(events.all == ["started", "failed"])
  }

  @Test(
    "silence ends at the deadline, with how far the check had come",
    arguments: ["", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
  func hangs(start: String) throws {
    let closed = Awaited<Bool>()
    let server = try ScriptedServer { connection in
      _ = connection.readHead()
      connection.write(start)
      connection.readOut()
      closed.put(true)
    }
    #expect(try failure(healthTarget(server.port) { $0.timeout = 150 * oneMillisecond }) == "no complete answer within 150 ms")
    try closed.get()
  }

  @Test("a connection that is not accepted ends at the deadline")
  func connectHangs() throws {
    let (descriptor, port) = try boundSocket()
    defer { close(descriptor) }
    // A queue of no length takes one connection; the kernel drops what comes behind it.
    try #require(listen(descriptor, 0) == 0)
    let fillers = (0..<4).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0) }
    defer { for filler in fillers { close(filler) } }
    for filler in fillers { _ = SocketAddress(ipv4: 0x7f00_0001, port: port).withSockaddr { connect(filler, $0, $1) } }
    #expect(try failure(healthTarget(port) { $0.timeout = 100 * oneMillisecond }) == "no connection within 100 ms")
  }

  @Test("TCP asks for a connection alone")
  func connects() throws {
    let bytes = Awaited<Int>()
    let server = try ScriptedServer { bytes.put($0.read().count) }
    #expect(try control.outcome(healthTarget(server.port) { $0.kind = .tcp }) == .passed("connected"))
    #expect(try bytes.get() == 0)
  }

  @Test("a cancelled check says nothing and closes its connection")
  func cancelled() throws {
    let events = Awaited<String>()
    let server = try ScriptedServer { connection in
      _ = connection.readHead()
      events.put("asked")
      connection.readOut()
      events.put("closed")
    }
    let target = OnWorker(healthTarget(server.port) { $0.timeout = 200 * oneMillisecond })
    let probe = try control.call { worker in
      let probe = HealthProbe(target.value, worker: worker) { events.put($0.reason) }
      probe.start()
      return OnWorker(probe)
    }
    try events.get()
    try control.call { _ in probe.value.cancel() }
    try events.get(1)
    // A check that began later and ran into its own deadline shows that the cancelled one's has passed.
    let silent = try ScriptedServer { $0.readOut() }
    _ = try failure(healthTarget(silent.port) { $0.timeout = 200 * oneMillisecond })
    #expect(events.all == ["asked", "closed"])
  }

  // MARK: TLS

  @Test("checks use the traffic's TLS context", arguments: [HealthCheckOptions.Kind.http, .tcp])
  func tls(kind: HealthCheckOptions.Kind) throws {
    let server = try ScriptedServer.answering(Self.fine, tls: fixture.server())
    func target(_ host: String, _ trust: String) throws -> HealthTarget {
      healthTarget(server.port, host: host, tls: try fixture.client(trust: trust, alpn: ["http/1.1"])) {
        $0.kind = kind
        $0.body = Array("healthy".utf8)
      }
    }
    #expect(try control.outcome(target("localhost", "ca.pem")) == .passed(kind == .tcp ? "connected" : "status 200"))
    #expect(try control.outcome(target("127.0.0.1", "ca.pem")).isPassed)
    #expect(try failure(target("other.test", "ca.pem")).contains("the peer's certificate is refused: hostname mismatch"))
    #expect(try failure(target("localhost", "stranger.pem")).hasPrefix("TLS: the peer's certificate is refused"))
    var named = try target("other.test", "ca.pem")
    named.serverName = "localhost"
    #expect(try control.outcome(named).isPassed)
  }

  @Test("a body of many TLS records is read")
  func tlsBody() throws {
    let length = 60_000
    let response = "HTTP/1.1 200 OK\r\nContent-Length: \(length + 4)\r\n\r\n" + String(repeating: "x", count: length) + "last"
    let server = try ScriptedServer.answering(response, tls: fixture.server())
    let target = healthTarget(server.port, host: "localhost", tls: try fixture.client()) { $0.body = Array("last".utf8) }
    #expect(try control.outcome(target) == .passed("status 200"))
  }

  @Test("a server without TLS, one that hangs and one that leaves fail in the handshake")
  func tlsTrouble() throws {
    let plain = try ScriptedServer { connection in
      connection.write("HTTP/1.1 400 Bad Request\r\n\r\n")
      connection.finish()
    }
    let silent = try ScriptedServer { $0.readOut() }
    let leaving = try ScriptedServer { _ = $0.read() }
    func target(_ server: ScriptedServer) throws -> HealthTarget {
      healthTarget(server.port, host: "localhost", tls: try fixture.client()) {
        if server === silent { $0.timeout = 100 * oneMillisecond }
      }
    }
    #expect(try failure(target(plain)).contains("wrong version number"))
    #expect(try failure(target(silent)) == "no TLS session within 100 ms")
    let reason = try failure(target(leaving))
    #expect(reason == "the connection closed within the TLS handshake" || reason == "read: Connection reset by peer")
  }
}
