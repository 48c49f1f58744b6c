// One parsed HTTP message head: a table of offsets into bytes that somebody else holds. The same table serves HTTP/1 and HTTP/2 (whose
// fields are laid down as HTTP/1 text first), so routing, rewriting and logging know a single form.
import Glibc
import Runtime

/// Names that the engine itself must recognise; everything else is `other` and passes through untouched.
public enum FieldID {
  public static let other: UInt8 = 0
  // Hop-by-hop (RFC 9110 §7.6.1): never forwarded as they are.
  public static let connection: UInt8 = 1
  public static let keepAlive: UInt8 = 2
  public static let te: UInt8 = 3
  public static let upgrade: UInt8 = 4
  public static let proxyConnection: UInt8 = 5
  public static let transferEncoding: UInt8 = 6
  public static let http2Settings: UInt8 = 7
  /// Any field that `Connection` names.
  public static let named: UInt8 = 8
  // End-to-end, with a meaning for the engine.
  public static let contentLength: UInt8 = 9
  public static let host: UInt8 = 10
  public static let forwardedFor: UInt8 = 11
  public static let forwardedProto: UInt8 = 12
  public static let forwardedHost: UInt8 = 13
  public static let forwardedPort: UInt8 = 14
  public static let forwarded: UInt8 = 15
  public static let via: UInt8 = 16
  public static let traceparent: UInt8 = 17
  public static let requestID: UInt8 = 18
  public static let expect: UInt8 = 19
  public static let trailer: UInt8 = 20
  public static let cookie: UInt8 = 21
  /// Any field of a request by which a cache may have to answer otherwise: Cache-Control, Pragma, Authorization, Range and the
  /// preconditions (RFC 9110 §13.1).
  public static let caching: UInt8 = 22
  /// `Tidegate-Peer`, `Tidegate-Client` and `Tidegate-Key`: between nodes only.
  public static let peer: UInt8 = 23

  @inline(__always) static func bit(_ id: UInt8) -> UInt32 { 1 << UInt32(id) }
  static let hopByHop: UInt32 = 0b1_1111_1110
}

/// A field line: where its name and its value (white space around it trimmed) lie.
public struct Field {
  public var name: UInt32 = 0
  public var value: UInt32 = 0
  public var valueCount: UInt32 = 0
  public var nameCount: UInt16 = 0
  public var id: UInt8 = 0
}

/// How the length of a message's body is known (RFC 9112 §6.3).
public enum BodyFraming: UInt8 {
  case none, length, chunked, untilClose
}

/// The methods that the engine or a route table treats apart.
public enum Method: UInt8 {
  case other, get, head, post, put, patch, delete, options, connect, trace

  /// Asks for nothing to be changed (RFC 9110 §9.2.1); a method that is not known is taken to.
  @inline(__always) public var isSafe: Bool {
    switch self {
    case .get, .head, .options, .trace: true
    case .other, .post, .put, .patch, .delete, .connect: false
    }
  }

  /// Safe to send twice without being asked (RFC 9110 §9.2.2).
  @inline(__always) public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .other, .post, .patch, .connect: false
    }
  }
}

/// The form of a request target (RFC 9112 §3.2).
public enum TargetForm: UInt8 {
  case origin, absolute, authority, asterisk
}

/// Offsets into one message head.
///
/// SAFETY: the offsets mean the bytes that the last `parse…` call was given, while those stay where they are.
public struct MessageHead {
  /// Most field lines that are taken from a peer; `Limits.fieldsMax` cannot go beyond.
  public static let receivedMax = 256
  /// The table's size: also those that this hop adds, before a head becomes an HTTP/2 one.
  public static let capacity = receivedMax + 16

  public internal(set) var count = 0
  /// Length of the head, its blank line included.
  public internal(set) var end = 0
  /// Offset of the first field line.
  public internal(set) var lineEnd = 0
  /// Offset at which the start line begins (an empty line before it is passed over).
  public internal(set) var start = 0
  public internal(set) var methodCount = 0
  public internal(set) var method = Method.other
  public internal(set) var target = 0
  public internal(set) var targetCount = 0
  public internal(set) var targetForm = TargetForm.origin
  /// Path and query of the target, whatever its form (an absolute-form without a path: empty, meaning "/").
  public internal(set) var path = 0
  public internal(set) var pathCount = 0
  public internal(set) var queryCount = 0
  /// The authority that counts: the target's, else Host's; with its port.
  public internal(set) var authority = 0
  public internal(set) var authorityCount = 0
  public internal(set) var minor: UInt8 = 1
  public internal(set) var status = 0
  public internal(set) var contentLength = -1
  public internal(set) var isChunked = false
  public internal(set) var saysClose = false
  public internal(set) var saysKeepAlive = false
  public internal(set) var saysUpgrade = false
  public internal(set) var expectsContinue = false
  /// Bit set of the known fields that occur.
  public internal(set) var seen: UInt32 = 0
  public let fields: UnsafeMutablePointer<Field>
  /// `characters`, at hand: a global costs a call for its initialiser.
  let table = characters

  public init() {
    fields = .allocate(capacity: MessageHead.capacity)
    fields.initialize(repeating: Field(), count: MessageHead.capacity)
  }

  public func deallocate() { fields.deallocate() }

  /// Stands for a request of which nothing is known but a byte: its method and its path.
  mutating func becomeUnreadable() {
    (count, end, lineEnd, start, seen) = (0, 1, 1, 0, 0)
    (method, methodCount) = (.other, 1)
    (target, targetCount, targetForm) = (0, 1, .origin)
    (path, pathCount, queryCount) = (0, 1, 0)
    (authority, authorityCount) = (0, 0)
    (minor, contentLength, isChunked) = (1, -1, false)
    (saysClose, saysKeepAlive, saysUpgrade, expectsContinue) = (false, false, false, false)
  }

  @inline(__always) func has(_ id: UInt8) -> Bool { seen & FieldID.bit(id) != 0 }

  /// The index of the first field with this id, or -1.
  func index(of id: UInt8) -> Int {
    guard has(id) else { return -1 }
    var k = 0
    while k < count {
      if fields[k].id == id { return k }
      k &+= 1
    }
    return -1
  }

  /// The index of the first field named `name` (lower case), or -1.
  func index(named name: UnsafePointer<UInt8>, _ n: Int, in p: UnsafePointer<UInt8>) -> Int {
    var k = 0
    while k < count {
      if Int(fields[k].nameCount) == n && equalsIgnoringCase(p + Int(fields[k].name), name, n) { return k }
      k &+= 1
    }
    return -1
  }

  /// Framing of a request's body (RFC 9112 §6.3, items 4, 6 and 7).
  @inline(__always) var requestFraming: BodyFraming { isChunked ? .chunked : contentLength > 0 ? .length : .none }

  /// Framing of a response's body (RFC 9112 §6.3, items 1, 4, 6 and 8). `toHead`: the request was HEAD.
  @inline(__always) func responseFraming(toHead: Bool) -> BodyFraming {
    if toHead || status == 204 || status == 304 || status < 200 { return .none }
    if isChunked { return .chunked }
    if contentLength >= 0 { return contentLength == 0 ? .none : .length }
    return .untilClose
  }

  /// Whether the sender keeps the connection open after this message (RFC 9112 §9.3).
  @inline(__always) var persists: Bool { minor >= 1 ? !saysClose : saysKeepAlive && !saysClose }
}

/// Compares with a lower-case text of the same length.
@inline(__always)
func equalsIgnoringCase(_ p: UnsafePointer<UInt8>, _ lower: UnsafePointer<UInt8>, _ n: Int) -> Bool {
  var i = 0
  while i < n {
    let c = p[i]
    let folded = c &- 0x41 < 26 ? c | 0x20 : c
    if folded != lower[i] { return false }
    i &+= 1
  }
  return true
}

@inline(__always)
func equalsIgnoringCase(_ p: UnsafePointer<UInt8>, _ n: Int, _ lower: StaticString) -> Bool {
  n == lower.utf8CodeUnitCount && equalsIgnoringCase(p, lower.utf8Start, n)
}
