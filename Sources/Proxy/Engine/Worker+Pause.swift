// Responses that the application looks at before their client does, and holds back until something else is done: what a request has made
// stale must be known where it is kept before anybody can learn that the request succeeded.
import Glibc
import Runtime

/// A response that waits.
struct PausedResponse {
  var head = ByteQueue()
  var body = ByteQueue()
  var framing = BodyFraming.none
  /// The last of the body is there; the exchange with the upstream is over.
  var hasEnd = false
  var isComplete = false

  mutating func add(_ p: Bytes, _ n: Int, end: Bool, _ pool: BufferPool) {
    body.append(p, n, pool)
    if end { hasEnd = true }
  }

  mutating func release(_ pool: BufferPool) {
    head.release(pool)
    body.release(pool)
  }
}

/// Names a response that is held back.
///
/// SAFETY: (@unchecked Sendable) used on the worker's thread; the serial tells whether the exchange is still the same.
public struct Pause: @unchecked Sendable {
  let exchange: ExchangeRef
  let serial: UInt64
}

extension Worker {
  /// Shows the head that `response` describes to the application; true when it holds the response back.
  @inline(never)
  func holdsBack(_ x: ExchangeRef, _ p: Bytes, _ framing: BodyFraming) -> Bool {
    x.pointee.watchesResponse = false
    let (status, count) = (response.pointee.status, response.pointee.end)
    x.pointee.snapshot!.pointee.application._withUnsafeGuaranteedRef { $0.responding(x, ByteView(p, count), status: status, self) }
    if x.pointee.isPaused {
      x.pointee.paused.head.append(p, count, pool)
      x.pointee.paused.framing = framing
      return true
    }
    // The application may have sent something of its own meanwhile, whose head was parsed in the same place.
    parseKept(p, count)
    return false
  }

  private func parseKept(_ p: Bytes, _ count: Int) {
    let k = response.pointee.parseResponse(p, count, HeadLimits(headBytesMax: 1 << 20, fieldsMax: MessageHead.receivedMax))
    precondition(k == count, "a head that was parsed once is parsed again to \(k)")
  }

  /// Holds the response back whose head is just being shown.
  public func pause(_ x: ExchangeRef) -> Pause {
    x.pointee.isPaused = true
    return Pause(exchange: x, serial: x.pointee.serial)
  }

  /// Lets a response go; nothing where its client has gone, or where it went before.
  public func resume(_ pause: Pause) {
    let x = pause.exchange
    guard x.pointee.serial == pause.serial, x.pointee.isPaused else { return }
    x.pointee.isPaused = false
    // Nothing was kept: it was let go before the head had been shown to its end.
    guard !x.pointee.paused.head.isEmpty else { return }
    var paused = x.pointee.paused
    x.pointee.paused = PausedResponse()
    parseKept(paused.head.start, paused.head.count)
    sendResponseHead(x, paused.head.start, framing: paused.framing)
    let start = paused.body.isEmpty ? spare : paused.body.start
    deliverResponseBody(x, start, paused.body.count, end: paused.hasEnd, inPlace: false)
    paused.release(pool)
    if x.pointee.serial != pause.serial { return }
    if paused.isComplete { return completeResponse(x) }
    readOnLater(x)
  }

  /// The exchange can take more of its response. What is in an upstream's socket is read in a turn of its own: this may be called from
  /// within what another connection received, and there is one buffer for all.
  func readOnLater(_ x: ExchangeRef) {
    guard let u = x.pointee.upstream else { return }
    if x.pointee.upstreamID != 0 { return releaseUpstreamHeld(x, u) }
    if u.pointee.readPending { enqueueReady(u) }
  }
}
