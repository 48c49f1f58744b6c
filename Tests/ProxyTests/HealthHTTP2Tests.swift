import CNghttp2
import Foundation
import Runtime
import Testing

@testable import Proxy

/// What a server of a few lines answers to a request over HTTP/2.
struct HTTP2Answer: Sendable {
  var fields: [(String, String)] = [(":status", "200")]
  var body: [UInt8] = []
  var trailers: [(String, String)] = []
  /// Resets the stream with this code instead.
  var reset: UInt32?
}

/// Serves one connection with libnghttp2's server session.
final class HTTP2ServedConnection {
  private var session: OpaquePointer?
  private let answer: HTTP2Answer
  private var sent = 0
  private var fields: [String: String] = [:]
  private var body: [UInt8] = []
  private let onRequest: ([String: String], [UInt8]) -> Void

  init(_ answer: HTTP2Answer, onRequest: @escaping ([String: String], [UInt8]) -> Void) {
    self.answer = answer
    self.onRequest = onRequest
  }

  deinit { nghttp2_session_del(session) }

  func serve(_ connection: ServedConnection) {
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, n, value, v, _, me in
      let name = String(decoding: UnsafeBufferPointer(start: name, count: n), as: UTF8.self)
      HTTP2ServedConnection.of(me).fields[name] = String(decoding: UnsafeBufferPointer(start: value, count: v), as: UTF8.self)
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, _, data, n, me in
      HTTP2ServedConnection.of(me).body += UnsafeBufferPointer(start: data, count: n)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, me in
      let hd = frame!.pointee.hd
      if hd.stream_id > 0 && UInt32(hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 { HTTP2ServedConnection.of(me).respond(hd.stream_id) }
      return 0
    }
    nghttp2_session_server_new(&session, callbacks, Unmanaged.passUnretained(self).toOpaque())
    nghttp2_session_callbacks_del(callbacks)
    nghttp2_submit_settings(session, 0, nil, 0)
    while true {
      var data: UnsafePointer<UInt8>?
      while case let n = nghttp2_session_mem_send(session, &data), n > 0 {
        connection.write(Array(UnsafeBufferPointer(start: data, count: n)))
      }
      let bytes = connection.read()
      if bytes.isEmpty || nghttp2_session_mem_recv(session, bytes, bytes.count) < 0 { return }
    }
  }

  private func respond(_ stream: Int32) {
    onRequest(fields, body)
    if let code = answer.reset {
      nghttp2_submit_rst_stream(session, 0, stream, code)
      return
    }
    Self.withFields(answer.fields) { fields, count in
      var source = nghttp2_data_provider(source: nghttp2_data_source()) { session, stream, out, room, flags, _, me in
        let me = HTTP2ServedConnection.of(me)
        let n = min(room, me.answer.body.count - me.sent)
        for i in 0..<n { out![i] = me.answer.body[me.sent + i] }
        me.sent += n
        guard me.sent == me.answer.body.count else { return n }
        flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if !me.answer.trailers.isEmpty {
          flags!.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
          HTTP2ServedConnection.withFields(me.answer.trailers) { _ = nghttp2_submit_trailer(session, stream, $0, $1) }
        }
        return n
      }
      nghttp2_submit_response(session, stream, fields, count, &source)
    }
  }

  private static func of(_ me: UnsafeMutableRawPointer?) -> HTTP2ServedConnection {
    Unmanaged<HTTP2ServedConnection>.fromOpaque(me!).takeUnretainedValue()
  }

  private static func withFields(_ fields: [(String, String)], _ body: (UnsafePointer<nghttp2_nv>, Int) -> Void) {
    let texts = fields.map { (strdup($0.0)!, strdup($0.1)!) }
    defer { for (name, value) in texts { free(name); free(value) } }
    let list = texts.map { name, value in
      nghttp2_nv(
        name: UnsafeMutableRawPointer(name).assumingMemoryBound(to: UInt8.self),
        value: UnsafeMutableRawPointer(value).assumingMemoryBound(to: UInt8.self), namelen: strlen(name), valuelen: strlen(value), flags: 0)
    }
    body(list, list.count)
  }
}

@Suite("A check over HTTP/2")
struct HealthHTTP2Tests {
  let control: ControlWorker
  let fixture = TLSFixture.shared
  static let grpcFields = [(":status", "200"), ("content-type", "application/grpc")]
  static let serving: [UInt8] = [0, 0, 0, 0, 2, 8, 1]

  init() throws { control = try ControlWorker() }

  private func server(
    _ answer: HTTP2Answer, tls: TLSServerContext? = nil, onRequest: @escaping @Sendable ([String: String], [UInt8]) -> Void = { _, _ in }
  ) throws -> ScriptedServer {
    try ScriptedServer(tls: tls) { HTTP2ServedConnection(answer, onRequest: onRequest).serve($0) }
  }

  private func grpc(_ server: ScriptedServer, service: String = "", tls: TLSClientContext? = nil) throws -> HealthOutcome {
    try control.outcome(
      healthTarget(server.port, host: "localhost", tls: tls) {
        $0.kind = .grpc
        $0.service = service
      })
  }

  @Test("gRPC: SERVING passes, and the call is as the protocol has it")
  func serving() throws {
    let requests = Awaited<([String: String], [UInt8])>()
    let answer = HTTP2Answer(fields: Self.grpcFields, body: Self.serving, trailers: [("grpc-status", "0")])
    let server = try server(answer) { requests.put(($0, $1)) }
    #expect(try grpc(server, service: "shop") == .passed("gRPC health SERVING"))
    let (fields, body) = try requests.get()
    let expected = [
      ":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Check", ":authority": "localhost:\(server.port)",
      "content-type": "application/grpc", "te": "trailers", "user-agent": "tidegate-health",
      "grpc-timeout": "\(Int(healthDeadline) * 1000)m",
    ]
    #expect(fields == expected)
    #expect(body == GRPCHealth.request(service: "shop"))
  }

  @Test("gRPC: everything else fails with its reason")
  func notServing() throws {
    func reason(_ answer: HTTP2Answer) throws -> String {
      let outcome = try grpc(server(answer))
      #expect(!outcome.isPassed)
      return outcome.reason
    }
    let ok = [("grpc-status", "0")]
    #expect(try reason(HTTP2Answer(fields: Self.grpcFields, body: [0, 0, 0, 0, 2, 8, 2], trailers: ok)) == "gRPC health NOT_SERVING")
    #expect(try reason(HTTP2Answer(fields: Self.grpcFields, trailers: ok)) == "the gRPC answer holds no message")
    #expect(try reason(HTTP2Answer(fields: Self.grpcFields, body: Self.serving)) == "the answer carries no gRPC status")
    let unknown = HTTP2Answer(fields: Self.grpcFields + [("grpc-status", "5"), ("grpc-message", "no such service")])
    #expect(try reason(unknown) == "gRPC status NOT_FOUND: no such service")
    let unimplemented = HTTP2Answer(fields: Self.grpcFields, body: Self.serving, trailers: [("grpc-status", "12")])
    #expect(try reason(unimplemented) == "gRPC status UNIMPLEMENTED")
    #expect(try reason(HTTP2Answer(fields: [(":status", "404")])) == "status 404 instead of a gRPC answer")
    let long = HTTP2Answer(fields: Self.grpcFields, body: [UInt8](repeating: 1, count: 5000), trailers: ok)
    #expect(try reason(long) == "the gRPC answer is too long")
    #expect(try reason(HTTP2Answer(reset: NGHTTP2_REFUSED_STREAM.rawValue)) == "the server reset the stream: REFUSED_STREAM")
  }

  @Test("gRPC over TLS asks for HTTP/2 even where the traffic's context does not")
  func overTLS() throws {
    let answer = HTTP2Answer(fields: Self.grpcFields, body: Self.serving, trailers: [("grpc-status", "0")])
    let server = try server(answer, tls: fixture.server())
    for alpn in [["h2"], ["http/1.1"], []] { #expect(try grpc(server, tls: fixture.client(alpn: alpn)).isPassed) }
  }

  @Test("a server without HTTP/2 fails, plain and over TLS")
  func withoutHTTP2() throws {
    let old = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    let plain = try grpc(ScriptedServer.answering(old))
    #expect(plain == .failed("the server does not speak HTTP/2"))
    let refusing = try grpc(ScriptedServer.answering(old, tls: fixture.server(alpn: ["http/1.1"])), tls: fixture.client())
    #expect(refusing.reason.hasPrefix("TLS: "))
    #expect(!refusing.isPassed)
  }

  @Test("an upstream that speaks HTTP/2 is asked for its path over HTTP/2")
  func get() throws {
    let requests = Awaited<([String: String], [UInt8])>()
    let server = try server(HTTP2Answer(body: Array("all healthy".utf8))) { requests.put(($0, $1)) }
    func outcome(body: String, statuses: [ClosedRange<Int>] = [200...299]) throws -> HealthOutcome {
      var target = healthTarget(server.port) {
        $0.path = "/up"
        $0.body = Array(body.utf8)
        $0.statuses = statuses
      }
      target.speaksHTTP2 = true
      return try control.outcome(target)
    }
    #expect(try outcome(body: "healthy") == .passed("status 200"))
    #expect(try requests.get().0[":path"] == "/up")
    #expect(try requests.get().0[":method"] == "GET")
    #expect(try outcome(body: "sick") == .failed("status 200, but the body lacks the expected text"))
    #expect(try outcome(body: "", statuses: [500...599]) == .failed("status 200"))
  }

  @Test("a check that hangs over HTTP/2 ends at the deadline")
  func hangs() throws {
    let server = try ScriptedServer { $0.readOut() }
    let target = healthTarget(server.port) {
      $0.kind = .grpc
      $0.timeout = 100 * oneMillisecond
    }
    #expect(try control.outcome(target) == .failed("no complete answer within 100 ms"))
  }
}
