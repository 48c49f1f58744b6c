// A small origin in the manner of httpbin, to have something behind the gateway: for a first look, for tests, for benches. It decides
// what each path answers; sockets and signals are OriginServer's.
import Proxy
import Runtime

/// SAFETY: (@unchecked Sendable) its properties are constants.
final class OriginApplication: Application, @unchecked Sendable {
  /// `host:port`, so that a client sees which origin answered.
  private let name: String
  private let limits: OriginLimits

  init(name: String, limits: OriginLimits = OriginLimits()) {
    self.name = name
    self.limits = limits
  }

  override func decide(_ request: RequestView) -> Step { .local }

  override func handle(_ request: LocalRequest, _ reply: LocalReply) {
    let resource = OriginResource.of(request.path, limits)
    if let methods = resource.methods, !methods.contains(request.method) {
      var response = OriginApplication.fault(405, "\(request.path) takes \(methods.joined(separator: " and "))")
      response.fields.append(("Allow", methods.joined(separator: ", ")))
      return send(response, reply)
    }
    switch resource {
    case .index: send(LocalResponse(text: OriginApplication.index), reply)
    case .health: send(LocalResponse(text: "ok\n"), reply)
    case .get: send(told(OriginEcho.get(request)), reply)
    case .anything: send(told(OriginEcho.anything(request)), reply)
    case .headers: send(told(["headers": OriginEcho.headers(request.fields)]), reply)
    case .status(let code): send(OriginApplication.status(code), reply)
    case .delay(let nanoseconds):
      let response = told(OriginEcho.anything(request))
      if nanoseconds == 0 { send(response, reply) } else { reply.after(nanoseconds) { self.send(response, reply) } }
    case .cache(let seconds): send(OriginCache.response(request, seconds: seconds), reply)
    case .bytes(let count):
      let fields = [(name: "Content-Type", value: "application/octet-stream"), (name: "Content-Length", value: "\(count)")]
      stream(fields, .bytes(count), request, reply)
    case .stream(let count):
      stream([(name: "Content-Type", value: "application/x-ndjson")], .lines(count, OriginEcho.get(request)), request, reply)
    case .socket: openSocket(request, reply)
    case .refused(let reason): send(OriginApplication.fault(400, reason), reply)
    case .unknown: send(OriginApplication.fault(404, "the origin has no \(request.path); see /"), reply)
    }
  }

  // MARK: answers

  private func send(_ response: LocalResponse, _ reply: LocalReply) {
    var response = response
    response.fields.append(("X-Origin", name))
    reply.send(response)
  }

  private func stream(_ fields: [(name: String, value: String)], _ body: OriginBody, _ request: LocalRequest, _ reply: LocalReply) {
    reply.begin(200, fields + [(name: "X-Origin", value: name)])
    // A response to HEAD is its head.
    if request.method == "HEAD" { reply.finish() } else { body.send(reply) }
  }

  private func openSocket(_ request: LocalRequest, _ reply: LocalReply) {
    switch WebSocketHandshake.read(request) {
    case .accepted(let accept):
      let socket = OriginSocket(reply)
      reply.upgrade(WebSocketHandshake.fields(accept: accept) + [(name: "X-Origin", value: name)]) { socket.receive($0) }
    case .upgradeRequired:
      var response = OriginApplication.fault(426, "this is a WebSocket: open it with Upgrade: websocket over HTTP/1.1")
      response.fields += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", WebSocketHandshake.version)]
      send(response, reply)
    case .malformed(let reason): send(OriginApplication.fault(400, reason), reply)
    }
  }

  private func told(_ value: JSONValue) -> LocalResponse {
    LocalResponse(status: 200, fields: [("Content-Type", "application/json")], body: value.serialized(.pretty) + [0x0a])
  }

  /// A status without a body, with the fields that the status asks for (RFC 9110 §15.4, §11.6.1, §11.7.1).
  static func status(_ code: Int) -> LocalResponse {
    switch code {
    case 301, 302, 303, 307, 308: LocalResponse(status: code, fields: [("Location", "/get")])
    case 401: LocalResponse(status: code, fields: [("WWW-Authenticate", "Basic realm=\"origin\"")])
    case 407: LocalResponse(status: code, fields: [("Proxy-Authenticate", "Basic realm=\"origin\"")])
    default: LocalResponse(status: code)
    }
  }

  static func fault(_ status: Int, _ message: String) -> LocalResponse {
    let body: JSONValue = ["message": .string(message)]
    return LocalResponse(status: status, json: body.text() + "\n")
  }

  static let index = """
    tidegate origin: a small httpbin

    /get                what was asked: args, headers, origin, url
    /anything[/...]     the same and more, for any method: method, data, json
    /headers            the request's header fields
    /status/{code}      that status, 200 to 599
    /delay/{seconds}    as /anything, but later: 0 to 60, fractions too
    /bytes/{n}          n bytes, up to 1 GiB; byte i is the exclusive or of the bytes of i
    /stream/{n}         n lines of JSON, one a chunk
    /cache/{seconds}    Cache-Control: public, max-age={seconds}, with ETag and Last-Modified; 304 to who has it
    /ws                 a WebSocket that sends every message back
    /health             ok

    Every answer says in X-Origin which origin gave it.

    """
}
