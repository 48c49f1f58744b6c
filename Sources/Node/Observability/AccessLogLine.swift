// Owns: how a request appears in the access log: one JSON object a line, written straight into bytes. Where the values come from is
// AccessLogLane's, where the bytes go is AccessLogWriter's.
import Proxy
import Runtime

/// Bounds of the access log.
enum AccessLogLimits {
  /// Bytes of each text as the client sent it; what is longer is cut and ends in an ellipsis.
  static let methodBytesMax = 32
  static let hostBytesMax = 255
  static let pathBytesMax = 2048
  static let queryBytesMax = 2048
  static let routeBytesMax = 512
  /// The longest line: an escaped byte takes six (`\u0001`); names, numbers and addresses stay below 1 KiB.
  static let lineBytesMax = 1024 + 6 * (methodBytesMax + hostBytesMax + pathBytesMax + queryBytesMax + routeBytesMax)
  /// A worker's lines that wait for the writer; a power of two.
  static let ringBytes = 1 << 20
  /// So many waiting bytes call the writer, before its time comes.
  static let callBytes = 64 << 10
  /// Milliseconds after which the writer looks by itself.
  static let intervalMilliseconds: Int32 = 200
}

/// One request's account, as views of bytes that somebody else holds.
struct AccessRecord {
  /// When its head had come.
  var time: WallTime
  var requestID: (UInt64, UInt64)
  var traceID: (UInt64, UInt64)
  var client: SocketAddress
  var method: ByteView
  var host: ByteView
  var path: ByteView
  /// With its question mark; nil where queries are not logged.
  var query: ByteView?
  var route: ByteView
  var protocolText: StaticString
  /// 0 when no response was begun.
  var status: Int
  var bytesIn: Int
  var bytesOut: Int
  var durationMicroseconds: UInt64
  var upstream: SocketAddress?
  var upstreamMicroseconds: UInt64?
  var retries: Int
  var fault: StaticString?

  /// Writes the line with its newline.
  /// - Parameter out: room for `AccessLogLimits.lineBytesMax` bytes.
  /// - Returns: bytes written.
  func write(to out: Bytes) -> Int {
    var line = LineCursor(out: out)
    line.put("{\"time\":\"")
    CivilTime(time).writeRFC3339(to: out + line.count)
    line.count &+= CivilTime.rfc3339Bytes
    line.put("\",\"request_id\":\"")
    line.put(hex: requestID)
    line.put("\",\"trace_id\":\"")
    line.put(hex: traceID)
    line.put("\",\"client\":\"")
    line.count &+= client.writeHost(to: out + line.count)
    line.put("\",\"method\":")
    line.put(quoted: method, AccessLogLimits.methodBytesMax)
    line.put(",\"host\":")
    line.put(quoted: host, AccessLogLimits.hostBytesMax)
    line.put(",\"path\":")
    line.put(quoted: path, AccessLogLimits.pathBytesMax)
    if let query {
      line.put(",\"query\":")
      line.put(quoted: query, AccessLogLimits.queryBytesMax)
    }
    line.put(",\"route\":")
    line.put(quoted: route, AccessLogLimits.routeBytesMax)
    line.put(",\"protocol\":\"")
    line.put(protocolText)
    line.put("\",\"status\":")
    writeNumbers(&line)
    line.put("}\n")
    return line.count
  }

  private func writeNumbers(_ line: inout LineCursor) {
    line.put(decimal: UInt64(status))
    line.put(",\"bytes_in\":")
    line.put(decimal: UInt64(bytesIn))
    line.put(",\"bytes_out\":")
    line.put(decimal: UInt64(bytesOut))
    line.put(",\"duration_us\":")
    line.put(decimal: durationMicroseconds)
    if let upstream {
      line.put(",\"upstream\":\"")
      line.count &+= upstream.write(to: line.out + line.count)
      line.put("\"")
    } else {
      line.put(",\"upstream\":null")
    }
    line.put(",\"upstream_us\":")
    if let upstreamMicroseconds { line.put(decimal: upstreamMicroseconds) } else { line.put("null") }
    line.put(",\"retries\":")
    line.put(decimal: UInt64(retries))
    if let fault {
      line.put(",\"fault\":\"")
      line.put(fault)
      line.put("\"")
    } else {
      line.put(",\"fault\":null")
    }
  }
}

/// Writes at a growing position; the caller has made sure of the room.
private struct LineCursor {
  let out: Bytes
  var count = 0

  @inline(__always)
  mutating func put(_ text: StaticString) {
    (out + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    count &+= text.utf8CodeUnitCount
  }

  mutating func put(decimal value: UInt64) {
    var digits = 1
    var rest = value
    while rest >= 10 {
      rest /= 10
      digits &+= 1
    }
    var at = count &+ digits
    count = at
    rest = value
    repeat {
      at &-= 1
      out[at] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
  }

  /// Thirty-two digits.
  mutating func put(hex value: (UInt64, UInt64)) {
    var i = 0
    while i < 16 {
      let shift = UInt64(60 &- 4 &* i)
      out[count &+ i] = LineCursor.digit(value.0 &>> shift)
      out[count &+ 16 &+ i] = LineCursor.digit(value.1 &>> shift)
      i &+= 1
    }
    count &+= 32
  }

  @inline(__always)
  private static func digit(_ value: UInt64) -> UInt8 {
    let low = UInt8(truncatingIfNeeded: value & 15)
    return low &+ (low < 10 ? 0x30 : 0x57)
  }

  /// A JSON string. Printable ASCII, which is what requests are made of, is copied while it is looked at; the rest is left to Runtime's
  /// writer, which allocates.
  mutating func put(quoted text: ByteView, _ bytesMax: Int) {
    let n = text.count < bytesMax ? text.count : bytesMax
    let start = count
    out[count] = 0x22
    count &+= 1
    var i = 0
    while i < n {
      let c = text.start[i]
      if c < 0x20 || c > 0x7e || c == 0x22 || c == 0x5c { break }
      out[count &+ i] = c
      i &+= 1
    }
    if i == n {
      count &+= n
    } else {
      count = start
      putEscaped(text.start, n)
    }
    if n < text.count { put("…") }
    out[count] = 0x22
    count &+= 1
  }

  /// All but the closing quote.
  @inline(never)
  private mutating func putEscaped(_ start: UnsafePointer<UInt8>, _ n: Int) {
    var writer = JSONWriter()
    writer.write(quoted: UnsafeRawBufferPointer(start: start, count: n))
    writer.bytes.withUnsafeBufferPointer { bytes in
      // SAFETY: a writer that wrote a string is not empty.
      (out + count).update(from: bytes.baseAddress!, count: bytes.count - 1)
      count &+= bytes.count - 1
    }
  }
}
