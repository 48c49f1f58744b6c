// Everything that can end a request without the upstream's own answer: its kind, whose fault it is, and the status. The one function
// that turns a fault into a response stands here; nobody else writes an error body.

/// Why a request was answered by the gateway itself.
public enum Fault: UInt8, CaseIterable, Sendable {
  // The downstream's fault.
  case malformed
  case targetTooLong
  case fieldsTooLarge
  case bodyTooLarge
  case headTimeout
  case bodyTimeout
  case version
  case coding
  case expectation
  case connectRefused
  case routeNotFound
  case misdirected
  /// `only-if-cached` was asked for, and nothing that may be used is stored (RFC 9111 §5.2.1.7).
  case onlyIfCached
  // The upstream's fault.
  case upstreamUnreachable
  case upstreamReset
  case upstreamMalformed
  case upstreamHeadTooLarge
  case connectTimeout
  case firstByteTimeout
  case idleTimeout
  case requestTimeout
  // Ours, or an operator's bound.
  case noHealthyEndpoint
  case circuitOpen
  case pendingTimeout
  case draining
  case internalError

  /// HTTP status and reason phrase (RFC 9110 §15).
  public var status: (code: Int, reason: StaticString) {
    switch self {
    case .malformed: (400, "Bad Request")
    case .targetTooLong: (414, "URI Too Long")
    case .fieldsTooLarge: (431, "Request Header Fields Too Large")
    case .bodyTooLarge: (413, "Content Too Large")
    case .headTimeout, .bodyTimeout: (408, "Request Timeout")
    case .version: (505, "HTTP Version Not Supported")
    case .coding: (501, "Not Implemented")
    case .expectation: (417, "Expectation Failed")
    case .connectRefused: (405, "Method Not Allowed")
    case .routeNotFound: (404, "Not Found")
    case .misdirected: (421, "Misdirected Request")
    case .upstreamUnreachable, .upstreamReset, .upstreamMalformed, .upstreamHeadTooLarge: (502, "Bad Gateway")
    case .connectTimeout, .firstByteTimeout, .idleTimeout, .requestTimeout, .onlyIfCached: (504, "Gateway Timeout")
    case .noHealthyEndpoint, .circuitOpen, .pendingTimeout, .draining: (503, "Service Unavailable")
    case .internalError: (500, "Internal Server Error")
    }
  }

  /// The text of the `message` member, in the words of AWS HTTP APIs where they have one.
  public var message: StaticString {
    switch self {
    case .routeNotFound: "Not Found"
    case .noHealthyEndpoint, .circuitOpen, .pendingTimeout, .draining: "Service Unavailable"
    case .internalError: "Internal Server Error"
    default: status.reason
    }
  }

  /// A word for logs and metrics.
  public var label: StaticString {
    switch self {
    case .malformed: "malformed"
    case .targetTooLong: "target_too_long"
    case .fieldsTooLarge: "fields_too_large"
    case .bodyTooLarge: "body_too_large"
    case .headTimeout: "head_timeout"
    case .bodyTimeout: "body_timeout"
    case .version: "version"
    case .coding: "coding"
    case .expectation: "expectation"
    case .connectRefused: "connect_refused"
    case .routeNotFound: "route_not_found"
    case .misdirected: "misdirected"
    case .onlyIfCached: "only_if_cached"
    case .upstreamUnreachable: "upstream_unreachable"
    case .upstreamReset: "upstream_reset"
    case .upstreamMalformed: "upstream_malformed"
    case .upstreamHeadTooLarge: "upstream_head_too_large"
    case .connectTimeout: "connect_timeout"
    case .firstByteTimeout: "first_byte_timeout"
    case .idleTimeout: "idle_timeout"
    case .requestTimeout: "request_timeout"
    case .noHealthyEndpoint: "no_healthy_endpoint"
    case .circuitOpen: "circuit_open"
    case .pendingTimeout: "pending_timeout"
    case .draining: "draining"
    case .internalError: "internal_error"
    }
  }

  /// The downstream connection cannot be read any further: what follows on it may not be what it seems.
  public var closesDownstream: Bool {
    switch self {
    case .malformed, .targetTooLong, .fieldsTooLarge, .bodyTooLarge, .headTimeout, .bodyTimeout, .version, .coding, .expectation,
      .connectRefused:
      true
    case .routeNotFound, .misdirected, .onlyIfCached, .upstreamUnreachable, .upstreamReset, .upstreamMalformed, .upstreamHeadTooLarge,
      .connectTimeout, .firstByteTimeout, .idleTimeout, .requestTimeout, .noHealthyEndpoint, .circuitOpen, .pendingTimeout,
      .draining, .internalError:
      false
    }
  }

  init(_ fault: HeadFault) {
    switch fault {
    case .malformed: self = .malformed
    case .targetTooLong: self = .targetTooLong
    case .fieldsTooLarge: self = .fieldsTooLarge
    case .version: self = .version
    case .coding: self = .coding
    case .expectation: self = .expectation
    }
  }
}

/// The bodies of faults, made once.
enum ErrorBody {
  // SAFETY: written once by the initialiser, only read afterwards; never freed.
  nonisolated(unsafe) private static let bodies: [ByteView] = Fault.allCases.map { fault in
    let text = Array("{\"message\":\"\(fault.message)\"}".utf8)
    let p = UnsafeMutablePointer<UInt8>.allocate(capacity: text.count)
    p.initialize(from: text, count: text.count)
    return ByteView(p, text.count)
  }

  /// `{"message":"…"}`, as AWS HTTP APIs answer.
  static func of(_ fault: Fault) -> ByteView { bodies[Int(fault.rawValue)] }
}
