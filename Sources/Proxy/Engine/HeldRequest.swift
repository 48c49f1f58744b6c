// Requests that the application keeps for a while, and answers from bytes that somebody holds: at once within the turn that decided, or
// later, whole or piece by piece. What is in the bytes is the application's; framing and connections are the engine's.
import Glibc
import Runtime

/// A response from bytes that somebody else keeps.
///
/// SAFETY: whoever makes it keeps the bytes until the call that sends them has returned; what a client does not take at once is copied.
public struct StoredAnswer {
  public var status: Int
  /// Status line and field lines, without framing and without the blank line.
  public var head: UnsafePointer<UInt8>
  public var headCount: Int
  /// Field lines for this answer alone.
  public var added: UnsafePointer<UInt8>
  public var addedCount: Int
  public var body: UnsafePointer<UInt8>
  public var bodyCount: Int

  public init(
    status: Int, head: UnsafePointer<UInt8>, headCount: Int, added: UnsafePointer<UInt8>, addedCount: Int, body: UnsafePointer<UInt8>,
    bodyCount: Int
  ) {
    self.status = status
    self.head = head
    self.headCount = headCount
    self.added = added
    self.addedCount = addedCount
    self.body = body
    self.bodyCount = bodyCount
  }

  /// Whether the status alone says that there is no body (RFC 9110 §6.4.1).
  @inline(__always) var isBodyless: Bool { status == 204 || status == 304 }
}

extension RequestView {
  /// Takes the request: `Step.held` says so to the engine, and the reply answers it. It must have no body (`isPlain`).
  public func hold() -> LocalReply {
    precondition(exchange.pointee.requestIsComplete, "a request whose body is still coming is held")
    let reply = LocalReply(worker, exchange)
    exchange.pointee.isLocal = true
    exchange.pointee.reply = .passRetained(reply)
    return reply
  }

  /// The head as the client sent it, as HTTP/1 text with its blank line.
  public var wholeHead: UnsafeRawBufferPointer { exchange.wholeHead }

  /// The value of the one field of a name; nil where there is none, or where there are several.
  /// - Parameter name: in lower case.
  public func only(_ name: StaticString) -> ByteView? {
    var found: ByteView?
    for k in 0..<head.pointee.count {
      let f = head.pointee.fields[k]
      guard equalsIgnoringCase(base + Int(f.name), Int(f.nameCount), name) else { continue }
      if found != nil { return nil }
      found = ByteView(base + Int(f.value), Int(f.valueCount))
    }
    return found
  }

  /// Adds field lines, each with its line end, to whatever answers the request.
  public func add(_ lines: UnsafeRawBufferPointer) { worker.add(lines, to: exchange) }
}

extension LocalReply {
  /// The exchange that waits; nil once it has ended.
  public var request: ExchangeRef? { exchange }

  /// The head as the client sent it, as HTTP/1 text with its blank line; empty once the client has gone.
  public var requestHead: UnsafeRawBufferPointer {
    exchange?.wholeHead ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Adds field lines, each with its line end, to the response, which has not begun.
  public func add(_ lines: [UInt8]) {
    guard let x = exchange else { return }
    lines.withUnsafeBytes { worker.add($0, to: x) }
  }

  /// Sends a whole response.
  public func send(_ stored: StoredAnswer) {
    guard let x = exchange else { return }
    worker.answer(x, stored)
  }

  /// Begins a response whose body comes in pieces.
  /// - Parameters:
  ///   - head: status line and field lines, without framing and without the blank line.
  ///   - length: of the body, where it is known.
  public func begin(_ head: UnsafeRawBufferPointer, length: Int?) {
    guard let x = exchange else { return }
    let out = worker.spare
    precondition(head.count < Worker.spareBytes / 2, "a head of \(head.count) bytes to begin with")
    var o = put(out, 0, head.baseAddress!.assumingMemoryBound(to: UInt8.self), head.count)
    // RFC 9110 §8.6: none with a 204.
    let isBodyless = head.count > 12 && head[9] == 0x32 && head[10] == 0x30 && head[11] == 0x34
    if let length, !isBodyless { o = put(out, putDecimal(out, put(out, o, "Content-Length: "), length), "\r\n") }
    worker.beginStream(x, headCount: o)
  }

  /// Sends a piece of the body.
  public func write(_ bytes: UnsafeRawBufferPointer) {
    guard let x = exchange, let start = bytes.baseAddress, bytes.count > 0 else { return }
    worker.writeLocal(x, start.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  /// Answers with a fault, or breaks the response off when it has begun.
  public func fail(_ fault: Fault) {
    guard let x = exchange else { return }
    worker.fail(x, fault)
  }

  /// Sends the request on as if it had never been held.
  public func forward(by plan: UnsafePointer<ForwardPlan>) {
    guard let x = exchange else { return }
    worker.forwardHeld(x, plan)
  }
}

extension Worker {
  func add(_ lines: UnsafeRawBufferPointer, to x: ExchangeRef) {
    guard let start = lines.baseAddress else { return }
    x.pointee.added.append(start.assumingMemoryBound(to: UInt8.self), lines.count, pool)
  }

  func forwardHeld(_ x: ExchangeRef, _ plan: UnsafePointer<ForwardPlan>) {
    if let reply = x.pointee.reply {
      x.pointee.reply = nil
      reply._withUnsafeGuaranteedRef { $0.detach() }
      reply.release()
    }
    x.pointee.isLocal = false
    x.pointee.plan = plan
    _ = beginForward(x, parseAgain(x), 0)
  }

  /// Answers from bytes that somebody keeps; what the client does not take at once is copied.
  func answer(_ x: ExchangeRef, _ stored: StoredAnswer) {
    if x.pointee.downstreamID != 0 { return answerHTTP2(x, stored) }
    let c = x.pointee.downstream!
    let out = scratch
    var o = put(out, 0, stored.head, stored.headCount)
    if !stored.isBodyless { o = put(out, putDecimal(out, put(out, o, "Content-Length: "), stored.bodyCount), "\r\n") }
    o = put(out, o, stored.added, stored.addedCount)
    if !x.pointee.added.isEmpty { o = put(out, o, x.pointee.added.start, x.pointee.added.count) }
    o = putResponseEnd(x, out, o)
    let n = x.pointee.method == .head || stored.isBodyless ? 0 : stored.bodyCount
    x.pointee.responseHeadSent = true
    x.pointee.status = UInt16(truncatingIfNeeded: stored.status)
    x.pointee.bytesSent &+= n
    if n <= Worker.copiedBytes {
      o = put(out, o, stored.body, n)
      write(c, out, o)
    } else {
      write(c, out, o, Bytes(mutating: stored.body), n)
    }
    completeResponse(x)
  }

  /// Bodies up to this size are cheaper to copy behind their head than to be sent as a second piece.
  static let copiedBytes = 8192

  private func answerHTTP2(_ x: ExchangeRef, _ stored: StoredAnswer) {
    var o = put(spare, 0, stored.head, stored.headCount)
    if !stored.isBodyless { o = put(spare, putDecimal(spare, put(spare, o, "Content-Length: "), stored.bodyCount), "\r\n") }
    o = put(spare, o, stored.added, stored.addedCount)
    o = put(spare, o, "\r\n")
    parseOwn(o)
    let framing = response.pointee.responseFraming(toHead: x.pointee.method == .head)
    sendResponseHead(x, spare, framing: framing)
    deliverResponseBody(x, Bytes(mutating: stored.body), framing == .none ? 0 : stored.bodyCount, end: true, inPlace: false)
    completeResponse(x)
  }

  /// Begins a response that lies in `spare` without its blank line, and whose body comes in pieces.
  func beginStream(_ x: ExchangeRef, headCount: Int) {
    parseOwn(put(spare, headCount, "\r\n"))
    sendResponseHead(x, spare, framing: response.pointee.responseFraming(toHead: x.pointee.method == .head))
    deliverResponseBody(x, spare, 0, end: false, inPlace: false)
  }

  private func parseOwn(_ n: Int) {
    let k = response.pointee.parseResponse(spare, n, HeadLimits(targetBytesMax: 8192, headBytesMax: Worker.spareBytes, fieldsMax: 256))
    precondition(k == n, "a response that was kept does not parse: \(ByteView(spare, min(n, 200)).text)")
  }
}
