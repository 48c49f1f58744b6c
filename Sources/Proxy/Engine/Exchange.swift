// One request and its response, on its way through the worker. It is what the storeys above see of a request: views into bytes, no
// String until someone asks.
import Glibc
import Runtime

public typealias ExchangeRef = UnsafeMutablePointer<Exchange>

/// SAFETY: exchanges live in `ExchangePages`, which their worker owns; pages are given back with the worker. A pointer that outlives its
/// exchange is told by `serial`, which is 0 in a free one and never the same twice.
public struct Exchange {
  // Who is at either end. A stream id of 0 means HTTP/1.
  var downstream: ConnectionRef?
  var upstream: ConnectionRef?
  var downstreamID: Int32 = 0
  var upstreamID: Int32 = 0
  /// The storeys above as they were when the request began.
  var snapshot: UnsafeMutablePointer<LiveSnapshot>?
  var plan: UnsafePointer<ForwardPlan>?
  public internal(set) var route: Int32 = -1

  /// The request head as HTTP/1 text: for retries, for logs, for a crash report.
  var head = ByteQueue()
  // Offsets into `head`.
  public internal(set) var method = Method.other
  var methodCount: UInt16 = 0
  var headStart: UInt16 = 0
  var pathOffset: UInt32 = 0
  var pathCount: UInt32 = 0
  var queryCount: UInt32 = 0
  var authorityOffset: UInt32 = 0
  var authorityCount: UInt32 = 0

  var requestBody = BodyReader()
  var responseBody = BodyReader()
  /// Trailers of the message under way in each direction, as HTTP/1 lines.
  var requestTrailers = ByteQueue()
  var responseTrailers = ByteQueue()
  /// What waits to be framed for an HTTP/2 peer.
  var downstreamOutput = ByteQueue()
  var upstreamOutput = ByteQueue()
  /// Bytes taken off an HTTP/2 peer that were not passed on yet, hence not given back to its window.
  var downstreamHeld = 0
  var upstreamHeld = 0
  /// A local handler's request body.
  var collected = ByteQueue()
  /// Field lines that the application adds to the response, as HTTP/1 text.
  var added = ByteQueue()
  var paused = PausedResponse()
  var reply: Unmanaged<LocalReply>?

  // Progress.
  var requestIsComplete = false
  /// An HTTP/2 client has ended its side; what it sent may still be held here.
  var requestEnded = false
  var resetsAfterResponse = false
  var requestHeadSent = false
  var requestBodyStarted = false
  var responseHeadSent = false
  var responseIsComplete = false
  var downstreamEnded = false
  var upstreamEnded = false
  var downstreamDeferred = false
  var upstreamDeferred = false
  var responseChunked = false
  var requestChunked = false
  var keepsDownstream = true
  var wantsUpgrade = false
  var expectsContinue = false
  var isWaiting = false
  /// A kept connection died under it: the next attempt makes a new one.
  var avoidsKept = false
  var isLocal = false
  /// The application wants to see the head of the response before the client does.
  var watchesResponse = false
  /// The response waits, from its head on, until the application lets it go.
  var isPaused = false
  var isFinished = false
  var minor: UInt8 = 1
  /// Whom trusted hops name as the client; nil: the connection's peer.
  var client: SocketAddress?
  var downstreamWire = Wire.http1

  // Retries.
  public internal(set) var attempts: UInt8 = 0
  var tried = TriedEndpoints()
  /// The one endpoint that it is for, by its id; 0: any of its pool.
  var pinned: UInt64 = 0
  var hashKey: UInt64 = 0
  var pool: UpstreamPoolRef?
  var endpoint: EndpointRef?
  /// Counted in at its endpoint and its pool's circuit.
  var isCounted = false
  var isAdmitted = false
  /// Until when it may wait for a connection, however often it is looked at meanwhile; 0: has not waited.
  var waitUntil: UInt64 = 0
  var waitPrevious: ExchangeRef?
  var waitNext: ExchangeRef?
  var listPrevious: ExchangeRef?
  var listNext: ExchangeRef?
  var upstreamPrevious: ExchangeRef?
  var upstreamNext: ExchangeRef?
  var timer = TimerNode()

  // Accounts: monotonic nanoseconds, bytes.
  public internal(set) var serial: UInt64 = 0
  public internal(set) var started: UInt64 = 0
  public internal(set) var upstreamStarted: UInt64 = 0
  /// When the other side of an HTTP/2 stream last gave or took something, or was last not to blame that it did not.
  var downstreamProgress: UInt64 = 0
  var upstreamProgress: UInt64 = 0
  public internal(set) var firstByte: UInt64 = 0
  public internal(set) var ended: UInt64 = 0
  public internal(set) var bytesReceived = 0
  public internal(set) var bytesSent = 0
  public internal(set) var status: UInt16 = 0
  public internal(set) var fault: Fault?
  /// 128 random bits: the request id.
  public internal(set) var requestID: (UInt64, UInt64) = (0, 0)
  /// The trace's id: the client's, or the request's where it sent none.
  var trace: (UInt64, UInt64) = (0, 0)
}

/// A run of bytes that somebody else holds.
public struct ByteView {
  public let start: UnsafePointer<UInt8>
  public let count: Int

  @inline(__always)
  public init(_ start: UnsafePointer<UInt8>, _ count: Int) {
    self.start = start
    self.count = count
  }

  public var text: String { String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
}

extension UnsafeMutablePointer where Pointee == Exchange {
  /// The request's method, as sent.
  public var methodName: ByteView { ByteView(pointee.head.start + Int(pointee.headStart), Int(pointee.methodCount)) }
  /// The path without its query; "/" for an empty one.
  public var path: ByteView {
    pointee.pathCount == 0
      ? ByteView(StaticString("/").utf8Start, 1) : ByteView(pointee.head.start + Int(pointee.pathOffset), Int(pointee.pathCount))
  }
  /// The query with its question mark, or nothing.
  public var query: ByteView {
    ByteView(pointee.head.start + Int(pointee.pathOffset) + Int(pointee.pathCount), Int(pointee.queryCount))
  }
  /// The authority that the request is for, port included.
  public var authority: ByteView { ByteView(pointee.head.start + Int(pointee.authorityOffset), Int(pointee.authorityCount)) }
  /// The head as the client sent it, as HTTP/1 text with its blank line.
  public var wholeHead: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointee.head.start, count: pointee.head.count) }
  /// The other end of the client's connection, whoever that says to speak for.
  public var peerAddress: SocketAddress { pointee.downstream?.pointee.peer ?? .unknown }
  /// The port of the listener that it came to; 0 once the client has gone.
  public var listenerPort: UInt16 { pointee.downstream?.pointee.listenerPort ?? 0 }
  /// Whether the client spoke TLS.
  public var isSecure: Bool { pointee.downstream.map { $0.pointee.tls != nil || $0.pointee.isSecure } ?? false }
  /// The client's address: the connection's, what PROXY protocol says, or what trusted hops say.
  public var clientAddress: SocketAddress { pointee.client ?? pointee.downstream?.pointee.peer ?? .unknown }
  /// "HTTP/1.0", "HTTP/1.1" or "HTTP/2.0".
  public var protocolName: String { pointee.downstreamID != 0 ? "HTTP/2.0" : pointee.minor == 1 ? "HTTP/1.1" : "HTTP/1.0" }
  /// The request id as 32 hexadecimal digits.
  public var requestIDText: String { hexText(pointee.requestID) }
  /// The trace id (W3C trace context) as 32 hexadecimal digits.
  public var traceIDText: String { hexText(pointee.trace) }
}

private func hexText(_ value: (UInt64, UInt64)) -> String {
  String(unsafeUninitializedCapacity: 32) { buffer in
    _ = putHex(buffer.baseAddress!, putHex(buffer.baseAddress!, 0, value.0), value.1)
    return 32
  }
}

/// A free list of exchanges in pages, as ConnectionPages has it.
struct ExchangePages {
  private static let pageSize = 64
  private var free: ExchangeRef?
  private var pages: [ExchangeRef] = []
  private var serial: UInt64 = 0
  private(set) var inUse = 0

  mutating func take() -> ExchangeRef {
    if free == nil { addPage() }
    let x = free!
    free = x.pointee.waitNext
    x.pointee.waitNext = nil
    serial &+= 1
    x.pointee.serial = serial
    inUse &+= 1
    return x
  }

  mutating func give(_ x: ExchangeRef) {
    x.pointee = Exchange()
    x.pointee.waitNext = free
    free = x
    inUse &-= 1
  }

  private mutating func addPage() {
    let page = ExchangeRef.allocate(capacity: ExchangePages.pageSize)
    page.initialize(repeating: Exchange(), count: ExchangePages.pageSize)
    for i in (0..<ExchangePages.pageSize).reversed() {
      page[i].waitNext = free
      free = page + i
    }
    pages.append(page)
  }

  /// Calls `body` for every exchange under way.
  func forEach(_ body: (ExchangeRef) -> Void) {
    for page in pages {
      for i in 0..<ExchangePages.pageSize where page[i].serial != 0 { body(page + i) }
    }
  }

  func deallocate() { for page in pages { page.deallocate() } }
}
