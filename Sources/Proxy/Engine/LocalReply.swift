// Requests that this process answers by itself (admin, origin): off the hot path, so in ordinary Swift values. The engine collects the
// request's body; the handler answers at once, later, piece by piece, or takes the connection over after an upgrade.
import Glibc
import Runtime

/// A whole request for a local handler.
public struct LocalRequest {
  public let method: String
  /// As sent: path and query.
  public let target: String
  public let path: String
  /// Without the question mark.
  public let query: String
  public let authority: String
  /// Names as sent.
  public let fields: [(name: String, value: String)]
  public let body: [UInt8]
  public let clientAddress: SocketAddress
  public let protocolName: String
  public let isSecure: Bool
  public let wantsUpgrade: Bool
  /// The client certificate's subject, where one was verified.
  public let clientSubject: String?

  /// The first value of a field, by any spelling of its name.
  public func field(_ name: String) -> String? {
    let wanted = name.lowercased()
    return fields.first { $0.name.lowercased() == wanted }?.value
  }
}

/// A response of a local handler.
public struct LocalResponse {
  public var status: Int
  public var fields: [(name: String, value: String)]
  public var body: [UInt8]

  public init(status: Int, fields: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.fields = fields
    self.body = body
  }

  public init(status: Int = 200, json: String) {
    self.init(status: status, fields: [("Content-Type", "application/json")], body: Array(json.utf8))
  }

  public init(status: Int = 200, text: String, type: String = "text/plain; charset=utf-8") {
    self.init(status: status, fields: [("Content-Type", type)], body: Array(text.utf8))
  }
}

/// The way back to the client. Every call does nothing once the client has gone. Used on the worker's thread only.
public final class LocalReply {
  public let worker: Worker
  var exchange: ExchangeRef?
  /// After `upgrade`: called with what the client sends, empty when it has ended.
  var received: (([UInt8]) -> Void)?
  /// Called when a blocked stream can take more.
  var writable: (() -> Void)?
  private var gone: (() -> Void)?

  init(_ worker: Worker, _ exchange: ExchangeRef) {
    self.worker = worker
    self.exchange = exchange
  }

  /// The exchange has ended: what was to be called holds on to nothing any more.
  func detach() {
    exchange = nil
    received = nil
    writable = nil
  }

  /// Calls `action` once when the exchange has ended otherwise than by this reply's doing, or also by it.
  public func whenGone(_ action: @escaping () -> Void) { gone = action }

  func tellGone() {
    guard let action = gone else { return }
    gone = nil
    action()
  }

  /// False once the client has gone or the response is complete.
  public var isOpen: Bool { exchange != nil }

  /// Sends a whole response.
  public func send(_ response: LocalResponse) {
    guard let x = exchange else { return }
    let n = putHead(response.status, response.fields)
    response.body.withUnsafeBufferPointer { body in
      worker.respond(x, headCount: n, body: body.baseAddress ?? UnsafePointer(worker.spare), body.count)
    }
  }

  /// Begins a response whose body comes in pieces.
  public func begin(_ status: Int, _ fields: [(name: String, value: String)]) {
    guard let x = exchange else { return }
    worker.beginLocalStream(x, headCount: putHead(status, fields))
  }

  /// Sends a piece of the body.
  public func write(_ bytes: [UInt8]) {
    guard let x = exchange, !bytes.isEmpty else { return }
    bytes.withUnsafeBufferPointer { worker.writeLocal(x, $0.baseAddress!, $0.count) }
  }

  /// Whether the client does not keep up; `whenWritable` tells when it does again.
  public var isBlocked: Bool { exchange.map { worker.responseIsBlocked($0) } ?? false }

  public func whenWritable(_ action: @escaping () -> Void) { writable = action }

  /// Ends a body that came in pieces.
  public func finish() {
    guard let x = exchange else { return }
    worker.finishLocalStream(x)
  }

  /// Calls `action` later on the same thread, unless the client has gone by then.
  public func after(_ nanoseconds: UInt64, _ action: @escaping () -> Void) {
    worker.after(nanoseconds) { [self] in if isOpen { action() } }
  }

  /// Switches protocols (101): from here on bytes go both ways as they are.
  public func upgrade(_ fields: [(name: String, value: String)], received: @escaping ([UInt8]) -> Void) {
    guard let x = exchange else { return }
    self.received = received
    worker.upgradeLocal(x, headCount: putHead(101, fields))
  }

  private func putHead(_ status: Int, _ fields: [(name: String, value: String)]) -> Int {
    let out = worker.spare
    var o = put(out, 0, "HTTP/1.1 ")
    o = putDecimal(out, o, status)
    o = put(out, o, " ")
    o = putText(out, o, ReasonPhrase.of(status))
    o = put(out, o, "\r\n")
    for (name, value) in fields where o + name.utf8.count + value.utf8.count < Worker.spareBytes / 2 {
      o = putText(out, o, name)
      o = put(out, o, ": ")
      o = putText(out, o, value)
      o = put(out, o, "\r\n")
    }
    return o
  }

  /// A field value must not end its line: control characters become spaces.
  private func putText(_ out: Bytes, _ at: Int, _ text: String) -> Int {
    var o = at
    for c in text.utf8 {
      out[o] = c < 0x20 || c == 0x7f ? 0x20 : c
      o += 1
    }
    return o
  }
}

extension Worker {
  static let localBodyBytesMax = 16 << 20

  func beginLocal(_ x: ExchangeRef) {
    x.pointee.isLocal = true
    if x.pointee.requestIsComplete { return handleLocal(x) }
    if x.pointee.expectsContinue && x.pointee.downstreamID == 0 {
      x.pointee.expectsContinue = false
      let o = put(scratch, 0, "HTTP/1.1 100 Continue\r\n\r\n")
      write(x.pointee.downstream!, scratch, o)
    }
  }

  func collect(_ x: ExchangeRef, _ p: Bytes, _ n: Int, end: Bool) {
    if x.pointee.collected.count + n > Worker.localBodyBytesMax { return fail(x, .bodyTooLarge) }
    x.pointee.collected.append(p, n, pool)
    if end { handleLocal(x) }
  }

  private func handleLocal(_ x: ExchangeRef) {
    let p = parseAgain(x)
    let fields = (0..<request.pointee.count).map { k in
      let f = request.pointee.fields[k]
      return (name: ByteView(p + Int(f.name), Int(f.nameCount)).text, value: ByteView(p + Int(f.value), Int(f.valueCount)).text)
    }
    let query = x.query
    let c = x.pointee.downstream!
    let local = LocalRequest(
      method: x.methodName.text, target: x.path.text + query.text, path: x.path.text,
      query: query.count > 0 ? String(query.text.dropFirst()) : "", authority: x.authority.text, fields: fields,
      body: x.pointee.collected.isEmpty
        ? [] : Array(UnsafeBufferPointer(start: x.pointee.collected.start, count: x.pointee.collected.count)),
      clientAddress: c.pointee.peer, protocolName: x.protocolName, isSecure: c.pointee.tls != nil,
      wantsUpgrade: x.pointee.wantsUpgrade, clientSubject: c.pointee.tls.flatMap { TLSSession.peerCertificateSubject($0) })
    let reply = LocalReply(self, x)
    x.pointee.reply = .passRetained(reply)
    x.pointee.snapshot!.pointee.application._withUnsafeGuaranteedRef { $0.handle(local, reply) }
  }

  func beginLocalStream(_ x: ExchangeRef, headCount: Int) {
    var o = put(spare, headCount, forwarding.date.text, DateLine.count)
    o = put(spare, o, "\r\n")
    let k = response.pointee.parseResponse(spare, o, HeadLimits(targetBytesMax: 8192, headBytesMax: 1 << 17, fieldsMax: 256))
    precondition(k == o, "a response made here does not parse")
    sendResponseHead(x, spare, framing: response.pointee.responseFraming(toHead: x.pointee.method == .head))
    deliverResponseBody(x, spare, 0, end: false, inPlace: false)
  }

  func writeLocal(_ x: ExchangeRef, _ p: UnsafePointer<UInt8>, _ n: Int) {
    if x.pointee.downstreamWire == .tunnel {
      x.pointee.bytesSent &+= n
      return write(x.pointee.downstream!, Bytes(mutating: p), n)
    }
    if x.pointee.method == .head { return }
    deliverResponseBody(x, Bytes(mutating: p), n, end: false, inPlace: false)
  }

  func finishLocalStream(_ x: ExchangeRef) {
    if x.pointee.downstreamWire == .tunnel { return endTunnel(x) }
    deliverResponseBody(x, spare, 0, end: true, inPlace: false)
    completeResponse(x)
  }

  func upgradeLocal(_ x: ExchangeRef, headCount: Int) {
    let c = x.pointee.downstream!
    guard x.pointee.downstreamID == 0, c.pointee.role == .downstream else { return fail(x, .internalError) }
    let o = put(spare, headCount, "\r\n")
    x.pointee.status = 101
    x.pointee.responseHeadSent = true
    write(c, spare, o)
    c.pointee.wire = .tunnel
    x.pointee.downstreamWire = .tunnel
    setDeadline(c, limits.tunnelTimeout)
    c.pointee.readPending = true
    enqueueReady(c)
  }

  /// Hands what a client sends on an upgraded connection to its local handler.
  func readLocalTunnel(_ c: ConnectionRef, _ x: ExchangeRef) {
    // What the handler does may end the exchange and the connection, so they are looked at anew after each call.
    let generation = c.pointee.generation
    if !c.pointee.input.isEmpty {
      let early = Array(UnsafeBufferPointer(start: c.pointee.input.start, count: c.pointee.input.count))
      c.pointee.input.release(pool)
      x.pointee.reply?._withUnsafeGuaranteedRef { $0.received?(early) }
    }
    var turns = 0
    while c.pointee.generation == generation {
      if !c.pointee.output.isEmpty || turns == Worker.readsPerTurn {
        // A client that does not take the answers is not read from.
        c.pointee.readPending = true
        if c.pointee.output.isEmpty { enqueueReady(c) }
        return
      }
      turns &+= 1
      let r = read(c, receive, Worker.receiveBytes)
      if r == ReadResult.again { return }
      if r <= 0 {
        x.pointee.reply?._withUnsafeGuaranteedRef { $0.received?([]) }
        if c.pointee.generation == generation { endTunnel(x) }
        return
      }
      let drained = c.pointee.drained && !c.pointee.sawEnd
      setDeadline(c, limits.tunnelTimeout)
      let bytes = Array(UnsafeBufferPointer(start: receive, count: r))
      x.pointee.reply?._withUnsafeGuaranteedRef { $0.received?(bytes) }
      if drained { return }
    }
  }

  func localWritable(_ x: ExchangeRef) {
    x.pointee.reply?._withUnsafeGuaranteedRef { reply in
      guard let action = reply.writable else { return }
      reply.writable = nil
      action()
    }
  }
}
