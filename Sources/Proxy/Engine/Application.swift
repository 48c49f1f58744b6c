// What the engine asks of the storey above, and how it is told. The storey is published as an immutable Snapshot; a request keeps the
// one that it began with.
import Glibc
import Runtime

/// Where and how a request is sent on: compiled with the routes, read per request.
public struct ForwardPlan {
  /// Index of the upstream in the snapshot.
  public var upstream: Int32
  /// Bound on the whole request in nanoseconds; 0: the upstream's own.
  public var requestTimeout: UInt64
  /// What the upstream sees as `Host`; nil: what the upstream's options say. Lives as long as the snapshot.
  public var host: UnsafePointer<UInt8>?
  public var hostCount: Int

  public init(upstream: Int32, requestTimeout: UInt64 = 0, host: UnsafePointer<UInt8>? = nil, hostCount: Int = 0) {
    self.upstream = upstream
    self.requestTimeout = requestTimeout
    self.host = host
    self.hostCount = hostCount
  }
}

/// What to do with a request.
public enum Step {
  case forward(UnsafePointer<ForwardPlan>)
  /// Answer with a response made ready when the snapshot was compiled.
  case answer(UnsafePointer<ReadyResponse>)
  /// Answer with a response that somebody keeps; the bytes have to stay until this turn of the loop ends.
  case stored(StoredAnswer)
  /// The application has taken the request by `RequestView.hold` and answers it in its own time.
  case held
  /// Hand the whole request to the snapshot's local handler (admin, origin).
  case local
  case fault(Fault)
}

/// A response whose bytes were made when the snapshot was compiled: an HTTP/1 head without framing, and a body.
public struct ReadyResponse {
  public let head: UnsafePointer<UInt8>
  public let headCount: Int
  public let body: UnsafePointer<UInt8>
  public let bodyCount: Int

  public init(head: UnsafePointer<UInt8>, headCount: Int, body: UnsafePointer<UInt8>, bodyCount: Int) {
    self.head = head
    self.headCount = headCount
    self.body = body
    self.bodyCount = bodyCount
  }
}

/// A request head as the application sees it when it decides.
public struct RequestView {
  let base: Bytes
  let head: UnsafeMutablePointer<MessageHead>
  public let exchange: ExchangeRef
  let owner: Unmanaged<Worker>

  /// The path without its query ("/" for an empty one).
  @inline(__always) public var path: ByteView {
    head.pointee.pathCount == 0
      ? ByteView(StaticString("/").utf8Start, 1) : ByteView(base + head.pointee.path, head.pointee.pathCount)
  }
  @inline(__always) public var method: ByteView { ByteView(base + head.pointee.start, head.pointee.methodCount) }
  @inline(__always) public var authority: ByteView { ByteView(base + head.pointee.authority, head.pointee.authorityCount) }
  @inline(__always) public var listener: Int { Int(exchange.pointee.downstream?.pointee.listener ?? -1) }
  @inline(__always) public var worker: Worker { owner.takeUnretainedValue() }
  @inline(__always) public var knownMethod: Method { head.pointee.method }
  /// The query with its question mark, or nothing.
  @inline(__always) public var query: ByteView {
    ByteView(base + head.pointee.path + head.pointee.pathCount, head.pointee.queryCount)
  }
  /// The port of the listener that it came to.
  @inline(__always) public var listenerPort: UInt16 { exchange.pointee.downstream!.pointee.listenerPort }
  @inline(__always) public var isSecure: Bool {
    exchange.pointee.downstream!.pointee.tls != nil || exchange.pointee.downstream!.pointee.isSecure
  }
  /// Whether it has fields by which a cache may have to answer otherwise (`FieldID.caching`).
  @inline(__always) public var hasCachingFields: Bool { head.pointee.has(FieldID.caching) }
  /// Whether `Connection` names fields of it: they do not reach the origin, so that nothing may be told by them.
  @inline(__always) public var namesFields: Bool { head.pointee.has(FieldID.named) }
  /// Whether it has a body, or wants another protocol.
  @inline(__always) public var isPlain: Bool { exchange.pointee.requestIsComplete && !exchange.pointee.wantsUpgrade }
  /// Asks for `Application.responding`.
  @inline(__always) public func watchResponse() { exchange.pointee.watchesResponse = true }
  @inline(__always) public func setRoute(_ route: Int32) { exchange.pointee.route = route }
}

/// The storey above the engine: decides what becomes of each request. Subclassed, not conformed to, so that a call costs no
/// reference counting.
///
/// SAFETY: (@unchecked Sendable) a subclass holds only what it compiled before it was published, and never changes it.
open class Application: @unchecked Sendable {
  public init() {}

  /// Called once for each request head, on the worker's thread; must not block or allocate.
  open func decide(_ request: RequestView) -> Step { .fault(.routeNotFound) }

  /// The words for a route index that `decide` set, for logs and metrics.
  open func routeName(_ route: Int32) -> String { "" }

  /// Called with the head of a response that `RequestView.watchResponse` asked for, before the client gets it.
  open func responding(_ exchange: ExchangeRef, _ response: ByteView, status: Int, _ worker: Worker) {}

  /// Called when an exchange has ended, on the worker's thread.
  open func finished(_ exchange: ExchangeRef, _ worker: Worker) {}

  /// Takes a request that `decide` answered with `.local`.
  open func handle(_ request: LocalRequest, _ reply: LocalReply) { reply.send(LocalResponse(status: 404)) }
}

/// Told of every exchange that has ended, for metrics and logs. Subclassed, not conformed to, for the reason that Application is.
///
/// SAFETY: (@unchecked Sendable) called on every worker's thread at once; a subclass keeps what it changes per worker or behind a lock.
open class ExchangeObserver: @unchecked Sendable {
  public init() {}

  /// Called on the worker's thread when the last byte of the response was handed on, or the exchange was given up; must not block.
  open func exchangeEnded(_ exchange: ExchangeRef, _ worker: Worker, _ application: Application) {}
}

/// Everything that a worker needs to serve, immutable and shared by all workers.
public final class Snapshot: Sendable {
  public let application: Application
  public let upstreams: [UpstreamOptions]
  public let listeners: [ListenerOptions]
  public let limits: Limits
  public let forwarding: ForwardingOptions
  /// Counts up with each publication.
  public let revision: UInt64

  public init(
    application: Application, upstreams: [UpstreamOptions], listeners: [ListenerOptions], limits: Limits,
    forwarding: ForwardingOptions, revision: UInt64
  ) {
    self.application = application
    self.upstreams = upstreams
    self.listeners = listeners
    self.limits = limits
    self.forwarding = forwarding
    self.revision = revision
  }
}

/// One worker's hold on a snapshot: released when it is no longer current and its last request has ended.
struct LiveSnapshot {
  let snapshot: Unmanaged<Snapshot>
  let application: Unmanaged<Application>
  /// This worker's pools, in the order of the snapshot's upstreams.
  let pools: UnsafeMutablePointer<UpstreamPoolRef>
  let poolCount: Int
  var exchanges = 0
  var isCurrent = true
}
