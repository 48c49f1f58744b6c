// One descriptor of a worker and what is known of it, downstream or upstream. Connections live in pages of their worker and never
// move; a generation number in the event token tells a reused one from the one that an event was meant for.
import COpenSSL
import Glibc
import Runtime

typealias ConnectionRef = UnsafeMutablePointer<Connection>

/// What a descriptor is.
enum Role: UInt8 {
  case free, listener, downstream, upstream, mailbox, timer
  /// Watched for another owner (a resolver's sockets).
  case foreign
  /// No descriptor: stands where a client would, for a request of the gateway's own.
  case inner
}

/// What is spoken on a connection now.
enum Wire: UInt8 {
  case proxyHeader  // then handshake or http1
  case handshake  // then http1 or http2
  case http1  // then http2 (prior knowledge) or tunnel
  case http2
  case tunnel
}

/// How far the message that is being read on an HTTP/1 connection has come.
enum Reading: UInt8 {
  case head  // then body, complete or (upstream) tunnel
  case body  // then complete
  case complete  // downstream: waits for its response, then head; upstream: then idle in its pool
  case linger  // what arrives is dropped until the other side closes
}

struct Connection {
  var fd: Int32 = -1
  var generation: UInt16 = 0
  var role = Role.free
  var wire = Wire.http1
  var reading = Reading.head
  /// The kernel reported a hang-up: a short read no longer means that all was read.
  var sawEnd = false
  /// Both directions are gone: nothing more can be written.
  var isBroken = false
  /// The last read took all there was.
  var drained = false
  /// An edge was seen but not read out: whoever removes the obstacle must read.
  var readPending = false
  var isQueued = false
  var closesWhenFlushed = false
  var isConnecting = false
  var isEstablishing = false
  var isReused = false
  var gotBytes = false
  var persists = true
  var isFlushQueued = false
  var isIdle = false
  var peerIsTrusted = false
  /// The other end has proved to be another node.
  var isPeerLink = false
  var writeClosed = false
  /// A first request has been parsed: prior-knowledge HTTP/2 can no longer begin.
  var hasSpoken = false
  /// Part of a head has come: its deadline is set and is not moved by further parts.
  var headBegan = false
  var listener: Int16 = -1
  var listenerPort: UInt16 = 0
  var requests: UInt32 = 0
  /// Bytes to be dropped before a lingering close gives up.
  var lingerBytes: Int32 = 0
  var input = ByteQueue()
  var output = ByteQueue()
  var tls: OpaquePointer?
  var http2: UnsafeMutablePointer<HTTP2Session>?
  var exchange: ExchangeRef?
  /// Of an inner connection: who gets the response, and whether the client it stands for spoke TLS.
  var sink: Unmanaged<ResponseSink>?
  var isSecure = false
  var timer = TimerNode()
  // Downstream: the client's address (PROXY protocol and trusted hops applied), as text too.
  var peer = SocketAddress.unknown
  var peerText = AddressText()
  // Upstream: where it is connected to, and its neighbours in the endpoint's idle list.
  var endpoint: EndpointRef?
  var previousIdle: ConnectionRef?
  var nextIdle: ConnectionRef?
  var connectStarted: UInt64 = 0
}

/// An address as text without a String: 46 bytes hold any IPv6 address.
struct AddressText {
  var count: UInt8 = 0
  var bytes: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
}

/// Pages of connections with a free list.
///
/// SAFETY: pages are never given back while the worker lives, so a stale pointer is always readable and its generation tells.
struct ConnectionPages {
  private static let pageSize = 128
  private var free: ConnectionRef?
  private var pages: [ConnectionRef] = []
  private(set) var inUse = 0

  mutating func take() -> ConnectionRef {
    if free == nil { addPage() }
    let c = free!
    free = c.pointee.nextIdle
    c.pointee.nextIdle = nil
    inUse += 1
    return c
  }

  mutating func give(_ c: ConnectionRef) {
    let generation = c.pointee.generation &+ 1
    c.pointee = Connection()
    c.pointee.generation = generation
    c.pointee.nextIdle = free
    free = c
    inUse -= 1
  }

  private mutating func addPage() {
    let page = ConnectionRef.allocate(capacity: ConnectionPages.pageSize)
    page.initialize(repeating: Connection(), count: ConnectionPages.pageSize)
    for i in (0..<ConnectionPages.pageSize).reversed() {
      page[i].nextIdle = free
      free = page + i
    }
    pages.append(page)
  }

  /// Calls `body` for every connection in use.
  func forEach(_ body: (ConnectionRef) -> Void) {
    for page in pages {
      for i in 0..<ConnectionPages.pageSize where page[i].role != .free { body(page + i) }
    }
  }

  func deallocate() { for page in pages { page.deallocate() } }
}

extension UnsafeMutablePointer where Pointee == Connection {
  /// Pointer and generation as one number for the event loop (user addresses have at most 47 bits on x86-64, 48 on arm64).
  @inline(__always) var token: UInt64 { UInt64(UInt(bitPattern: self)) | UInt64(pointee.generation) << 48 }

  /// The connection behind a token, or nil when it has been closed since.
  @inline(__always) static func of(token: UInt64) -> ConnectionRef? {
    let c = ConnectionRef(bitPattern: UInt(token & 0xffff_ffff_ffff))!
    return c.pointee.generation == UInt16(truncatingIfNeeded: token >> 48) ? c : nil
  }
}

extension SocketAddress {
  /// Stands where no address is known (a Unix peer, a closed connection).
  static let unknown = SocketAddress(ipv4: 0, port: 0)
}
