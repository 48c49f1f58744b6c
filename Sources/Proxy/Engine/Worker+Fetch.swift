// Requests of the gateway's own: an exchange whose client is a sink instead of a connection. It takes the same way as any other, from the
// balancer to the last byte of the response; and a client that waits for it can take its place at the head of the response.
import Glibc
import Runtime

/// Gets the response to a fetch, on the worker's thread. Subclassed, not conformed to, for the reason that Application is.
open class ResponseSink {
  /// What becomes of a response whose head has come.
  public enum Choice {
    /// The sink takes the body.
    case take
    /// The held client gets it as it comes; the sink hears no more. The client's request must have the same method.
    case graft(LocalReply)
    /// Nobody wants it: the fetch is cut off, and the sink hears no more.
    case drop
  }

  public init() {}

  /// The final response's head.
  /// - Parameters:
  ///   - head: HTTP/1 text with its blank line, for this call only.
  ///   - hasBody: whether a body follows, be it empty.
  open func head(_ head: UnsafeRawBufferPointer, status: Int, hasBody: Bool, _ worker: Worker) -> Choice { .take }

  /// The next bytes of the body, for this call only.
  open func body(_ bytes: UnsafeRawBufferPointer, _ worker: Worker) {}

  /// Whether it can take no more now; `Worker.resume` says when it can.
  open func isBlocked(_ worker: Worker) -> Bool { false }

  /// The response is whole, or the fault has ended it, before or behind its head. Nothing follows.
  open func end(_ fault: Fault?, _ worker: Worker) {}
}

/// Whose request a fetch makes, where that is not the connection that it came by: another node asks for its client.
public struct FetchOrigin: Sendable, Equatable {
  /// The other end of the client's connection.
  public var client: SocketAddress
  public var isSecure: Bool
  public var listenerPort: UInt16

  public init(client: SocketAddress, isSecure: Bool, listenerPort: UInt16) {
    self.client = client
    self.isSecure = isSecure
    self.listenerPort = listenerPort
  }
}

/// An exchange that may have ended by the time that it is needed.
public struct ExchangeMark {
  private let marked: ExchangeRef
  private let serial: UInt64

  public init(_ exchange: ExchangeRef) {
    marked = exchange
    serial = exchange.pointee.serial
  }

  /// nil once it has ended.
  public var exchange: ExchangeRef? { marked.pointee.serial == serial ? marked : nil }
}

/// Names a fetch under way.
///
/// SAFETY: (@unchecked Sendable) used on the worker's thread; the serial tells whether the exchange is still the same.
public struct Fetch: @unchecked Sendable {
  let exchange: ExchangeRef
  let serial: UInt64
}

// SAFETY: an inner exchange has a downstreamID of -1 and an inner connection of its own, which is given back with it.
extension Worker {
  static let innerID: Int32 = -1

  /// Sends a request of the gateway's own. The sink is called from within where the outcome is known at once.
  /// - Parameters:
  ///   - head: a whole HTTP/1 request head without a body.
  ///   - plan: of the client's snapshot.
  ///   - pinned: the one endpoint that it is for, by its id; 0 for any.
  ///   - origin: who is said to ask, instead of the client's connection.
  ///   - client: on whose behalf: its address, request id, route and snapshot are taken over.
  /// - Returns: nil when the head does not parse; the sink is then not called.
  @discardableResult
  public func fetch(
    _ head: [UInt8], by plan: UnsafePointer<ForwardPlan>, pinned: UInt64 = 0, like client: ExchangeRef, origin: FetchOrigin? = nil,
    _ sink: ResponseSink
  ) -> Fetch? {
    var head = head
    return head.withUnsafeMutableBufferPointer { text in
      let p = text.baseAddress!
      let limits = HeadLimits(targetBytesMax: 1 << 20, headBytesMax: 1 << 20, fieldsMax: 256)
      guard request.pointee.parseRequest(p, text.count, limits) == text.count else { return nil }
      let x = makeExchange(makeInner(like: client, origin, sink), p, text.count, isInner: true)
      x.pointee.downstreamID = Worker.innerID
      x.pointee.minor = client.pointee.minor
      x.pointee.requestIsComplete = true
      x.pointee.requestEnded = true
      x.pointee.requestBody.begin(.none, length: 0)
      x.pointee.requestID = client.pointee.requestID
      x.pointee.trace = client.pointee.trace
      x.pointee.client = client.pointee.client
      if origin != nil {
        let c = x.pointee.downstream!
        x.pointee.client = c.pointee.peerIsTrusted || forwarding.hops > 0 ? resolveClient(c, p) : nil
      }
      x.pointee.route = client.pointee.route
      x.pointee.pinned = pinned
      x.pointee.plan = plan
      x.pointee.snapshot = client.pointee.snapshot
      x.pointee.snapshot!.pointee.exchanges &+= 1
      let fetch = Fetch(exchange: x, serial: x.pointee.serial)
      _ = beginForward(x, p, 0)
      return fetch
    }
  }

  /// Ends a fetch of which nobody wants to hear any more. Not from within its sink.
  public func cancel(_ fetch: Fetch) {
    guard fetch.exchange.pointee.serial == fetch.serial, fetch.exchange.pointee.downstreamID == Worker.innerID else { return }
    abandon(fetch.exchange)
  }

  /// The sink of a fetch can take more.
  public func resume(_ fetch: Fetch) {
    let x = fetch.exchange
    if x.pointee.serial == fetch.serial { readOnLater(x) }
  }

  func sinkIsBlocked(_ x: ExchangeRef) -> Bool {
    x.pointee.downstream!.pointee.sink!._withUnsafeGuaranteedRef { $0.isBlocked(self) }
  }

  /// The head of the response to an exchange is shown to the application.
  public func watchResponse(_ x: ExchangeRef) { x.pointee.watchesResponse = true }

  private func makeInner(like client: ExchangeRef, _ origin: FetchOrigin?, _ sink: ResponseSink) -> ConnectionRef {
    let from = client.pointee.downstream!
    let c = connections.take()
    c.pointee.role = .inner
    c.pointee.listener = from.pointee.listener
    c.pointee.listenerPort = from.pointee.listenerPort
    c.pointee.peer = from.pointee.peer
    c.pointee.peerText = from.pointee.peerText
    c.pointee.peerIsTrusted = from.pointee.peerIsTrusted
    c.pointee.isSecure = from.pointee.tls != nil || from.pointee.isSecure
    if let origin {
      c.pointee.listenerPort = origin.listenerPort
      setPeer(c, origin.client)
      c.pointee.isSecure = origin.isSecure
    }
    c.pointee.sink = .passRetained(sink)
    return c
  }

  func releaseInner(_ x: ExchangeRef) {
    let c = x.pointee.downstream!
    c.pointee.sink?.release()
    connections.give(c)
  }

  // MARK: the response

  func offerHead(_ x: ExchangeRef, _ p: Bytes, framing: BodyFraming) {
    let head = UnsafeRawBufferPointer(start: p, count: response.pointee.end)
    let status = response.pointee.status
    let choice = x.pointee.downstream!.pointee.sink!._withUnsafeGuaranteedRef {
      $0.head(head, status: status, hasBody: framing != .none, self)
    }
    switch choice {
    case .take: break
    case .drop:
      let fetch = Fetch(exchange: x, serial: x.pointee.serial)
      after(1) { [unowned self] in cancel(fetch) }
    case .graft(let reply):
      guard let client = reply.exchange else { preconditionFailure("a response is given to a client that has gone") }
      graft(x, onto: client)
      // The sink may have answered others meanwhile, whose heads were parsed in the same place.
      _ = response.pointee.parseResponse(p, head.count, HeadLimits(headBytesMax: 1 << 18, fieldsMax: 256))
      sendResponseHead(x, p, framing: framing)
    }
  }

  func offerBody(_ x: ExchangeRef, _ p: Bytes, _ n: Int) {
    if n == 0 { return }
    x.pointee.downstream!.pointee.sink!._withUnsafeGuaranteedRef { $0.body(UnsafeRawBufferPointer(start: p, count: n), self) }
  }

  /// The response is over: the exchange ends, then the sink is told, which may begin another.
  func offerEnd(_ x: ExchangeRef, _ fault: Fault?) {
    let sink = x.pointee.downstream!.pointee.sink!.takeUnretainedValue()
    // Trailers are not kept, nor is what ends with them taken for broken.
    x.pointee.responseIsComplete = true
    abandon(x)
    sink.end(fault, self)
  }

  /// The fetch takes its client's place: from here on it is an exchange like any other, and the client's own is gone.
  private func graft(_ x: ExchangeRef, onto client: ExchangeRef) {
    precondition(client.pointee.method == x.pointee.method && !client.pointee.responseHeadSent, "a graft onto another request")
    releaseInner(x)
    let c = client.pointee.downstream!
    x.pointee.downstream = c
    x.pointee.downstreamID = client.pointee.downstreamID
    x.pointee.downstreamWire = client.pointee.downstreamWire
    x.pointee.keepsDownstream = client.pointee.keepsDownstream
    x.pointee.started = client.pointee.started
    x.pointee.downstreamProgress = now
    x.pointee.bytesReceived = client.pointee.bytesReceived
    x.pointee.watchesResponse = client.pointee.watchesResponse
    swap(&x.pointee.added, &client.pointee.added)
    // The log shows the request as the client sent it. Behind the head of a response nothing is tried again.
    swap(&x.pointee.head, &client.pointee.head)
    swap(&x.pointee.headStart, &client.pointee.headStart)
    swap(&x.pointee.methodCount, &client.pointee.methodCount)
    swap(&x.pointee.pathOffset, &client.pointee.pathOffset)
    swap(&x.pointee.pathCount, &client.pointee.pathCount)
    swap(&x.pointee.queryCount, &client.pointee.queryCount)
    swap(&x.pointee.authorityOffset, &client.pointee.authorityOffset)
    swap(&x.pointee.authorityCount, &client.pointee.authorityCount)
    if x.pointee.downstreamID != 0 { replaceHTTP2(client, by: x) } else { c.pointee.exchange = x }
    client.pointee.downstream = nil
    client.pointee.downstreamID = 0
    dissolve(client)
  }
}
