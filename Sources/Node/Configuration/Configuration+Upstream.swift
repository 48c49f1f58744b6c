// Owns the settings of one upstream.

extension Configuration {
  public struct Upstream: Sendable, Equatable {
    public enum `Protocol`: String, Sendable { case http1, http2 }
    public enum Host: String, Sendable { case preserve, endpoint }

    public var name: String
    /// At least one.
    public var endpoints: [Endpoint]
    public var `protocol`: `Protocol`
    /// Nil for plain text.
    public var tls: UpstreamTLS?
    public var balance: Balance
    /// Nil for no active checks.
    public var health: Health?
    public var ejection: Ejection
    /// 0...1; 0 never panics.
    public var panicThreshold: Double
    public var limits: UpstreamLimits
    public var retries: Retries
    public var timeouts: Timeouts
    /// Zero for none.
    public var slowStart: Duration
    public var keepalive: Keepalive
    public var zoneAware: Bool
    public var host: Host
  }

  public struct Endpoint: Sendable, Equatable {
    public var address: EndpointAddress
    /// 1...10000
    public var weight: Int
    public var zone: String?
    /// 0 first.
    public var priority: Int
  }

  public struct UpstreamTLS: Sendable, Equatable {
    public var verify: Bool
    /// Nil for the host of the endpoint's address.
    public var serverName: String?
    /// PEM file path; nil for the system's authorities.
    public var trust: String?
    public var clientCertificate: Certificate?
  }

  public enum Balance: Sendable, Equatable {
    case roundRobin
    case leastRequests
    case peakEWMA
    /// `loadBound` is the most that an endpoint takes, in averages; at least 1.
    case hash(on: HashKey, loadBound: Double)
  }

  public enum HashKey: Sendable, Equatable {
    case header(String)
    case cookie(String)
    case path
    case client
  }

  public struct Health: Sendable, Equatable {
    public enum Check: Sendable, Equatable {
      /// `body` is a text that the answer must hold.
      case http(path: String, statuses: StatusSet, body: String?)
      case tcp
      /// An empty service asks about the whole server.
      case grpc(service: String)
    }

    public var check: Check
    /// `Host` to send; nil for the endpoint's own.
    public var host: String?
    public var interval: Duration
    public var timeout: Duration
    /// 0...1, a share of the interval.
    public var jitter: Double
    public var healthy: Int
    public var unhealthy: Int
  }

  public struct Ejection: Sendable, Equatable {
    /// 0 never ejects.
    public var consecutive: Int
    /// 0 never ejects.
    public var failureRatio: Double
    public var minRequests: Int
    public var interval: Duration
    public var baseTime: Duration
    /// At least `baseTime`.
    public var maxTime: Duration
    /// 0...1
    public var maxShare: Double
  }

  /// Of the node, to be shared out among its workers.
  public struct UpstreamLimits: Sendable, Equatable {
    public var connections: Int
    public var pending: Int
    public var requests: Int
  }

  public struct Retries: Sendable, Equatable {
    public var onConnectFailure: Bool
    public var onReset: Bool
    public var onTimeout: Bool
    public var onRefusedStream: Bool
    /// 400...599; `gateway_error` is here as 502, 503 and 504.
    public var onStatuses: StatusSet
    /// The first try included; 1 never retries.
    public var attempts: Int
    /// Retries per request.
    public var budgetRatio: Double
    public var budgetMinPerSecond: Int
    public var unsafeMethods: Bool
  }

  public struct Timeouts: Sendable, Equatable {
    public var connect: Duration
    /// Zero is no limit.
    public var firstByte: Duration
    /// Zero is no limit.
    public var idle: Duration
    /// Zero is no limit.
    public var request: Duration
  }

  /// For each worker.
  public struct Keepalive: Sendable, Equatable {
    /// Idle connections to one endpoint.
    public var connections: Int
    public var idle: Duration
  }
}
