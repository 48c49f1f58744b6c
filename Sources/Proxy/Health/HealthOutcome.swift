// What a check is asked and how it ended, and what is told of an endpoint's checks. Thresholds are Core/Upstream/HealthCheckState's.
import Runtime

/// How one check ended, with the reason in words for an operator.
public enum HealthOutcome: Sendable, Equatable {
  case passed(String)
  case failed(String)

  public var isPassed: Bool {
    switch self {
    case .passed: true
    case .failed: false
    }
  }

  public var reason: String {
    switch self {
    case .passed(let reason), .failed(let reason): reason
    }
  }
}

/// One endpoint and how it is checked.
struct HealthTarget {
  var address: SocketAddress
  /// The configured name; stands in `Host` and SNI unless the options name others.
  var host: String
  var check: HealthCheckOptions
  /// The context that the upstream's traffic uses; nil for plain text.
  var tls: TLSClientContext?
  var serverName: String?
  var speaksHTTP2 = false

  /// What `Host` or `:authority` says: as told, else the endpoint's own name with the port that its scheme does not imply
  /// (RFC 9110 §4.2).
  var authority: String {
    if let told = check.host { return told }
    let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    return address.port == (tls == nil ? 80 : 443) ? name : "\(name):\(address.port)"
  }

  /// gRPC always travels over HTTP/2; other checks as the upstream's traffic does.
  var usesHTTP2: Bool {
    switch check.kind {
    case .grpc: true
    case .http: speaksHTTP2
    case .tcp: false
    }
  }
}

/// What an endpoint's checks have shown so far.
public struct HealthReport: Sendable {
  /// The endpoint's number in its listing.
  public let id: UInt64
  public let address: SocketAddress
  /// The configured name.
  public let host: String
  public let verdict: HealthVerdict
  /// When the last check ended, monotonic nanoseconds; 0: never.
  public let lastCheckedAt: UInt64
  /// Why the last check passed or failed; empty before the first.
  public let lastReason: String
  public let lastPassed: Bool
  /// Results like the last one in a row.
  public let consecutive: Int
  public let checks: UInt64
  public let failures: UInt64

  /// An endpoint that was not checked yet counts as healthy.
  public var isHealthy: Bool { verdict != .unhealthy }
}
