// A check over HTTP/2: one request on a libnghttp2 client session of its own, a GET for upstreams that speak HTTP/2, or gRPC's
// health call. The session lives as long as the check.
import CNghttp2
import Glibc
import Runtime

final class HTTP2Check: HealthConversation {
  private let session: OpaquePointer
  private let isGRPC: Bool
  private var expected: ExpectedResponse
  /// The request's body and how much of it is sent.
  private let payload: [UInt8]
  private var sent = 0
  private var output: [UInt8] = []
  private var status = 0
  private var isHeadSeen = false
  private var grpcStatus: Int?
  private var grpcMessage = ""
  private var answer: [UInt8] = []
  private var outcome: HealthOutcome?

  init(_ target: HealthTarget) {
    var made: OpaquePointer?
    let result = nghttp2_session_client_new(&made, HTTP2Check.callbacks, nil)
    precondition(result == 0 && made != nil, "no memory for an HTTP/2 session")
    session = made!
    isGRPC = target.check.kind == .grpc
    expected = ExpectedResponse(target.check)
    payload = isGRPC ? GRPCHealth.request(service: target.check.service) : []
    nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
    submit(target)
  }

  deinit { nghttp2_session_del(session) }

  private func submit(_ target: HealthTarget) {
    var settings = nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0)
    nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, 1)
    var lines: [(String, String)] = [
      (":method", isGRPC ? "POST" : "GET"), (":scheme", target.tls == nil ? "http" : "https"), (":authority", target.authority),
      (":path", isGRPC ? GRPCHealth.path : target.check.path), ("user-agent", HealthConversations.userAgent),
    ]
    if isGRPC {
      let milliseconds = min(max(target.check.timeout / 1_000_000, 1), 99_999_999)  // eight digits at the most
      lines += [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "\(milliseconds)m")]
    } else {
      lines.append(("accept", "*/*"))
    }
    var text: [UInt8] = []
    for (name, value) in lines { text += Array(name.utf8) + Array(value.utf8) }
    text.withUnsafeMutableBufferPointer { bytes in
      var fields: [nghttp2_nv] = []
      var at = bytes.baseAddress!
      for (name, value) in lines {
        let (n, v) = (name.utf8.count, value.utf8.count)
        fields.append(nghttp2_nv(name: at, value: at + n, namelen: n, valuelen: v, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        at += n + v
      }
      // libnghttp2 copies the fields.
      var source = nghttp2_data_provider(source: nghttp2_data_source(), read_callback: HTTP2Check.readPayload)
      let stream =
        isGRPC
        ? nghttp2_submit_request(session, nil, fields, fields.count, &source, nil)
        : nghttp2_submit_request(session, nil, fields, fields.count, nil, nil)
      if stream < 0 { outcome = .failed("the HTTP/2 request cannot be made: \(HTTP2Check.text(stream))") }
    }
  }

  // MARK: bytes

  func takeOutput() -> [UInt8] {
    pack()
    defer { output = [] }
    return output
  }

  private func pack() {
    var data: UnsafePointer<UInt8>?
    while case let n = nghttp2_session_mem_send(session, &data), n > 0, let data {
      output.append(contentsOf: UnsafeBufferPointer(start: data, count: n))
    }
  }

  func receive(_ p: Bytes, _ n: Int) -> HealthOutcome? {
    let result = nghttp2_session_mem_recv(session, p, n)
    if outcome == nil && result < 0 { outcome = .failed("the server breaks HTTP/2: \(HTTP2Check.text(Int32(result)))") }
    pack()  // a session that has found its peer out ends when its GOAWAY is packed
    if outcome == nil && nghttp2_session_want_read(session) == 0 {
      outcome = .failed(status == 0 ? "the server does not speak HTTP/2" : "the server broke the HTTP/2 connection off")
    }
    return outcome
  }

  func ended() -> HealthOutcome { outcome ?? .failed("the connection closed before the response was complete") }

  // MARK: what libnghttp2 reports

  private func field(_ name: UnsafePointer<UInt8>, _ n: Int, _ value: UnsafePointer<UInt8>, _ v: Int) {
    let text = String(decoding: UnsafeBufferPointer(start: value, count: v), as: UTF8.self)
    if equalsIgnoringCase(name, n, ":status") {
      status = Int(text) ?? 0
    } else if isGRPC && equalsIgnoringCase(name, n, "grpc-status") {
      grpcStatus = Int(text) ?? -1
    } else if isGRPC && equalsIgnoringCase(name, n, "grpc-message") {
      grpcMessage = String(text.prefix(200))
    }
  }

  private func headers() {
    guard status >= 200, !isHeadSeen else { return }
    isHeadSeen = true
    if isGRPC {
      if status != 200 { outcome = .failed("status \(status) instead of a gRPC answer") }
    } else {
      outcome = expected.take(status: status)
    }
  }

  private func data(_ p: UnsafePointer<UInt8>, _ n: Int) {
    if outcome != nil { return }
    if !isGRPC {
      outcome = expected.take(p, n)
    } else if answer.count + n > GRPCHealth.answerBytesMax {
      outcome = .failed("the gRPC answer is too long")
    } else {
      answer.append(contentsOf: UnsafeBufferPointer(start: p, count: n))
    }
  }

  private func closed(_ code: UInt32) {
    if outcome != nil { return }
    if code != NGHTTP2_NO_ERROR.rawValue {
      outcome = .failed("the server reset the stream: \(String(cString: nghttp2_http2_strerror(code)))")
    } else if !isGRPC {
      outcome = expected.end()
    } else if let grpcStatus {
      let message = grpcMessage.isEmpty ? "" : ": \(grpcMessage)"
      outcome = grpcStatus == 0 ? GRPCHealth.outcome(answer) : .failed("gRPC status \(GRPCHealth.word(grpcStatus))\(message)")
    } else {
      outcome = .failed("the answer carries no gRPC status")
    }
  }

  private static func text(_ code: Int32) -> String { String(cString: nghttp2_strerror(code)) }

  // SAFETY: the user data of a session is its check, which frees the session before it goes.
  private static func of(_ me: UnsafeMutableRawPointer?) -> HTTP2Check {
    Unmanaged<HTTP2Check>.fromOpaque(me!).takeUnretainedValue()
  }

  private static let readPayload: nghttp2_data_source_read_callback = { _, _, out, room, flags, _, me in
    let check = HTTP2Check.of(me)
    let n = min(check.payload.count - check.sent, room)
    check.payload.withUnsafeBytes { bytes in _ = memcpy(out!, bytes.baseAddress! + check.sent, n) }
    check.sent += n
    if check.sent == check.payload.count { flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
    return n
  }

  // SAFETY: (nonisolated(unsafe)) made once by the initialiser; libnghttp2 only reads it.
  nonisolated(unsafe) private static let callbacks: OpaquePointer = {
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, nameCount, value, valueCount, _, me in
      HTTP2Check.of(me).field(name!, nameCount, value!, valueCount)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, me in
      if UInt32(frame!.pointee.hd.type) == NGHTTP2_HEADERS.rawValue { HTTP2Check.of(me).headers() }
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, _, data, count, me in
      HTTP2Check.of(me).data(data!, count)
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, _, code, me in
      HTTP2Check.of(me).closed(code)
      return 0
    }
    return callbacks!
  }()
}
