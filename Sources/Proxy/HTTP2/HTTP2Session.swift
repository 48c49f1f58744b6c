// One HTTP/2 connection (RFC 9113): libnghttp2's session, the header block under way, and bounds against floods. Frames are libnghttp2's;
// what they mean for an exchange stands in the Worker extensions.
import CNghttp2
import Glibc
import Runtime

typealias HTTP2Ref = UnsafeMutablePointer<HTTP2Session>

// SAFETY: allocated by `beginHTTP2`, freed by `freeHTTP2` with its connection; libnghttp2 holds its address as user data until then.
struct HTTP2Session {
  static let streamWindow: Int32 = 262_144
  static let connectionWindow: Int32 = 4 << 20

  var session: OpaquePointer
  let isServer: Bool
  let worker: Unmanaged<Worker>
  let connection: ConnectionRef
  /// Exchanges with a stream here.
  var first: ExchangeRef?
  var streams = 0
  /// Frames ready to be sent, not encrypted yet.
  var plain = ByteQueue()

  // The header block under way, its fields as HTTP/1 lines.
  var lines = ByteQueue()
  var cookies = ByteQueue()
  var pseudo = ByteQueue()
  var methodCount = 0
  var pathCount = 0
  var authorityCount = 0
  var status = 0
  var blockBytes = 0
  var fieldCount = 0
  var isOversized = false
  var hasHost = false
  var isExtendedConnect = false

  // Floods: nuisances within the second that began at `nuisanceSince`.
  var nuisances = 0
  var nuisanceSince: UInt64 = 0
  /// The stream that the other side has reset last.
  var lastReset: Int32 = 0
  var isLeaving = false
  var isReceiving = false
  var isBroken = false

  /// Empties the block for the next one.
  mutating func clearBlock(_ pool: BufferPool) {
    lines.release(pool)
    cookies.release(pool)
    pseudo.release(pool)
    methodCount = 0
    pathCount = 0
    authorityCount = 0
    status = 0
    blockBytes = 0
    fieldCount = 0
    isOversized = false
    hasHost = false
    isExtendedConnect = false
  }
}

extension UnsafeMutablePointer where Pointee == HTTP2Session {
  /// Adds a received field to the block. False: it can belong to no message.
  func add(
    _ name: UnsafePointer<UInt8>, _ n: Int, _ value: UnsafePointer<UInt8>, _ v: Int, _ limits: HeadLimits, _ pool: BufferPool
  ) -> Bool {
    pointee.blockBytes &+= n &+ v &+ 4
    if pointee.blockBytes > limits.headBytesMax &+ limits.targetBytesMax || pointee.fieldCount >= limits.fieldsMax {
      pointee.isOversized = true
      return true
    }
    if n > 0 && name[0] == 0x3a { return addPseudo(name, n, value, v, pool) }
    pointee.fieldCount &+= 1
    if equalsIgnoringCase(name, n, "cookie") {
      // Crumbs are joined again (RFC 9113 §8.2.3).
      let isFirst = pointee.cookies.isEmpty
      let lead: StaticString = isFirst ? "Cookie: " : "; "
      pointee.cookies.append(lead.utf8Start, lead.utf8CodeUnitCount, pool)
      pointee.cookies.append(value, v, pool)
      return true
    }
    if equalsIgnoringCase(name, n, "host") {
      if pointee.authorityCount > 0 { return true }
      pointee.hasHost = true
    }
    let out = pointee.lines.reserve(n &+ v &+ 4, pool)
    var o = put(out, 0, name, n)
    o = put(out, o, ": ")
    o = put(out, o, value, v)
    o = put(out, o, "\r\n")
    pointee.lines.extend(o)
    return true
  }

  /// Pseudo fields are kept one behind the other: method, path, authority in the order they came, told apart by their counts.
  private func addPseudo(_ name: UnsafePointer<UInt8>, _ n: Int, _ value: UnsafePointer<UInt8>, _ v: Int, _ pool: BufferPool) -> Bool {
    if equalsIgnoringCase(name, n, ":status") {
      guard v == 3 else { return false }
      pointee.status = Int(value[0] &- 48) &* 100 &+ Int(value[1] &- 48) &* 10 &+ Int(value[2] &- 48)
      return pointee.status >= 100 && pointee.status <= 999
    }
    // Fixed places would need fixed sizes: each value is led by a letter and its length.
    let tag: UInt8
    if equalsIgnoringCase(name, n, ":method") {
      tag = 0x6d
      pointee.methodCount = v
    } else if equalsIgnoringCase(name, n, ":path") {
      tag = 0x70
      pointee.pathCount = v
    } else if equalsIgnoringCase(name, n, ":authority") {
      tag = 0x61
      pointee.authorityCount = v
    } else if equalsIgnoringCase(name, n, ":protocol") {
      pointee.isExtendedConnect = true
      return true
    } else {
      return true  // :scheme says nothing that the connection does not
    }
    let out = pointee.pseudo.reserve(v &+ 5, pool)
    out[0] = tag
    UnsafeMutableRawPointer(out).storeBytes(of: UInt32(truncatingIfNeeded: v), toByteOffset: 1, as: UInt32.self)
    memcpy(out + 5, value, v)
    pointee.pseudo.extend(v &+ 5)
    return true
  }

  /// The value of the pseudo field with this letter.
  private func pseudo(_ tag: UInt8) -> ByteView? {
    var i = 0
    while i < pointee.pseudo.count {
      let p = pointee.pseudo.start + i
      let n = Int(UnsafeRawPointer(p).loadUnaligned(fromByteOffset: 1, as: UInt32.self))
      if p[0] == tag { return ByteView(p + 5, n) }
      i &+= n &+ 5
    }
    return nil
  }

  /// Lays the block down as an HTTP/1 request head at `out`; its length, or 0 when it cannot be one.
  func writeRequest(_ out: Bytes) -> Int {
    guard let method = pseudo(0x6d) else { return 0 }
    let path = pseudo(0x70)
    let authority = pseudo(0x61)
    var o = put(out, 0, method.start, method.count)
    o = put(out, o, " ")
    if let path {
      if path.count == 0 { return 0 }
      o = put(out, o, path.start, path.count)
    } else if let authority {
      o = put(out, o, authority.start, authority.count)  // CONNECT
    } else {
      return 0
    }
    o = put(out, o, " HTTP/1.1\r\n")
    if let authority, authority.count > 0 {
      o = put(out, o, "Host: ")
      o = put(out, o, authority.start, authority.count)
      o = put(out, o, "\r\n")
    } else if !pointee.hasHost {
      o = put(out, o, "Host: \r\n")
    }
    return writeLines(out, o)
  }

  /// Lays the block down as an HTTP/1 response head at `out`; its length.
  func writeResponse(_ out: Bytes) -> Int {
    var o = put(out, 0, "HTTP/1.1 ")
    o = putDecimal(out, o, pointee.status)
    let reason = ReasonPhrase.bytes(pointee.status)
    o = put(out, put(out, o, " "), reason.start, reason.count)
    o = put(out, o, "\r\n")
    return writeLines(out, o)
  }

  private func writeLines(_ out: Bytes, _ at: Int) -> Int {
    var o = at
    if !pointee.lines.isEmpty { o = put(out, o, pointee.lines.start, pointee.lines.count) }
    if !pointee.cookies.isEmpty {
      o = put(out, o, pointee.cookies.start, pointee.cookies.count)
      o = put(out, o, "\r\n")
    }
    return put(out, o, "\r\n")
  }

  /// Counts a frame that costs us more than its sender. False: there were too many within a second.
  func countNuisance(now: UInt64, limit: Int) -> Bool {
    if now &- pointee.nuisanceSince > 1_000_000_000 {
      pointee.nuisanceSince = now
      pointee.nuisances = 0
    }
    pointee.nuisances &+= 1
    return pointee.nuisances <= limit
  }
}
