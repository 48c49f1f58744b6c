// The response on its way to the client: its head rewritten, its body framed, HTTP/1 or HTTP/2; and the responses that the gateway makes
// itself, which take the same way.
import Glibc
import Runtime

extension Worker {
  // MARK: from an upstream

  /// Writes or submits the head that `response` describes at `p`. On HTTP/1 it waits in `scratch` for the first body bytes.
  @inline(__always)
  func sendResponseHead(_ x: ExchangeRef, _ p: Bytes, framing: BodyFraming) {
    x.pointee.responseHeadSent = true
    x.pointee.status = UInt16(truncatingIfNeeded: response.pointee.status)
    if x.pointee.watchesResponse && holdsBack(x, p, framing) { return }
    if x.pointee.downstreamID != 0 { return submitHTTP2Response(x, p, framing: framing) }
    pendingHead = putResponseHead(x, p, scratch, framing: framing)
  }

  /// Passes decoded body bytes to the client; `end` with the last of them.
  @inline(__always)
  func deliverResponseBody(_ x: ExchangeRef, _ p: Bytes, _ n: Int, end: Bool, inPlace: Bool) {
    if x.pointee.isPaused { return x.pointee.paused.add(p, n, end: end, pool) }
    x.pointee.bytesSent &+= n
    if x.pointee.downstreamID != 0 { return queueHTTP2Response(x, p, n, end: end) }
    let c = x.pointee.downstream!
    sendFramed(c, p, n, chunked: x.pointee.responseChunked, end: end, inPlace: inPlace, trailers: x.pointee.responseTrailers)
  }

  /// The whole response was handed over.
  func completeResponse(_ x: ExchangeRef) {
    x.pointee.responseIsComplete = true
    if x.pointee.isPaused { return x.pointee.paused.isComplete = true }
    if x.pointee.downstreamID != 0 { return completeHTTP2(x) }
    finish(x)
  }

  /// Passes on a 1xx other than 101 (RFC 9110 §15.2): not to HTTP/1.0, and 100 only where it was asked for.
  func forwardInterim(_ x: ExchangeRef, _ p: Bytes, _ k: Int) {
    if x.pointee.minor == 0 || (response.pointee.status == 100 && !x.pointee.expectsContinue) { return }
    if response.pointee.status == 100 { x.pointee.expectsContinue = false }
    if x.pointee.downstreamID != 0 { return submitHTTP2Interim(x, p) }
    var o = put(scratch, 0, p, response.pointee.lineEnd)
    scratch[7] = 0x31
    o = response.pointee.putFields(p, scratch, o, skipping: FieldID.hopByHop)
    o = put(scratch, o, "\r\n")
    write(x.pointee.downstream!, scratch, o)
  }

  /// The head for an HTTP/1 client; its length.
  @inline(__always)
  private func putResponseHead(_ x: ExchangeRef, _ p: Bytes, _ out: Bytes, framing: BodyFraming) -> Int {
    var o = put(out, 0, p, response.pointee.lineEnd)
    out[7] = 0x31
    var skipped = FieldID.hopByHop | FieldID.bit(FieldID.requestID)
    x.pointee.responseChunked = false
    switch framing {
    case .none, .length: break
    case .chunked, .untilClose:
      skipped |= FieldID.bit(FieldID.contentLength)
      if x.pointee.minor == 1 { x.pointee.responseChunked = true } else { x.pointee.keepsDownstream = false }
    }
    o = response.pointee.putFields(p, out, o, skipping: skipped)
    if x.pointee.responseChunked { o = put(out, o, "Transfer-Encoding: chunked\r\n") }
    if !x.pointee.added.isEmpty { o = put(out, o, x.pointee.added.start, x.pointee.added.count) }
    return putResponseEnd(x, out, o)
  }

  /// The last lines of a head for an HTTP/1 client, and the blank one.
  @inline(__always)
  func putResponseEnd(_ x: ExchangeRef, _ out: Bytes, _ at: Int) -> Int {
    var o = putRequestID(x, out, put(out, at, forwarding.responseVia, forwarding.responseLeadCount))
    if !x.pointee.keepsDownstream || isDraining || !x.pointee.requestIsComplete {
      x.pointee.keepsDownstream = false
      o = put(out, o, "Connection: close\r\n")
    } else if x.pointee.minor == 0 {
      o = put(out, o, "Connection: keep-alive\r\n")
    }
    return put(out, o, "\r\n")
  }

  /// The request's id and the end of its line.
  @inline(__always)
  func putRequestID(_ x: ExchangeRef, _ out: Bytes, _ at: Int) -> Int {
    put(out, putHex(out, putHex(out, at, x.pointee.requestID.0), x.pointee.requestID.1), "\r\n")
  }

  // MARK: the gateway's own

  /// Answers with a response that the snapshot holds ready.
  @inline(__always)
  func answer(_ x: ExchangeRef, _ ready: UnsafePointer<ReadyResponse>) {
    let o = put(spare, 0, ready.pointee.head, ready.pointee.headCount)
    respond(x, headCount: o, body: ready.pointee.body, ready.pointee.bodyCount)
  }

  /// Answers with a small body of the gateway's own.
  func sendLocal(_ x: ExchangeRef, status: Int, reason: StaticString, type: StaticString, body: ByteView) {
    let out = spare
    var o = put(out, 0, "HTTP/1.1 ")
    o = putDecimal(out, o, status)
    o = put(out, o, " ")
    o = put(out, o, reason)
    o = put(out, o, "\r\nContent-Type: ")
    o = put(out, o, type)
    o = put(out, o, "\r\n")
    respond(x, headCount: o, body: body.start, body.count)
  }

  /// Sends a head without framing that lies in `spare`, and its whole body.
  func respond(_ x: ExchangeRef, headCount: Int, body: UnsafePointer<UInt8>, _ n: Int) {
    let out = spare
    var o = headCount
    let bodyless = out[10] == 0x30 && out[11] == 0x34 && (out[9] == 0x32 || out[9] == 0x33)  // 204, 304
    if n > 0 || !bodyless {
      o = put(out, o, "Content-Length: ")
      o = putDecimal(out, o, n)
      o = put(out, o, "\r\n")
    }
    o = put(out, o, forwarding.date.text, DateLine.count)
    o = put(out, o, "\r\n")
    let k = response.pointee.parseResponse(out, o, HeadLimits(targetBytesMax: 8192, headBytesMax: 1 << 17, fieldsMax: 256))
    precondition(
      k == o, "a response made here does not parse: \(String(decoding: UnsafeBufferPointer(start: out, count: o), as: UTF8.self))")
    let framing = response.pointee.responseFraming(toHead: x.pointee.method == .head)
    if x.pointee.downstreamID == 0 && !x.pointee.requestIsComplete { x.pointee.keepsDownstream = false }
    sendResponseHead(x, out, framing: framing)
    deliverResponseBody(x, Bytes(mutating: body), framing == .none ? 0 : n, end: true, inPlace: false)
    completeResponse(x)
  }
}
