// What an upstream can be told: plain values, made from the configuration by the Node room.
import Runtime

/// Which requests of a hash-balanced pool belong together.
public enum HashSource: Sendable, Equatable {
  case client
  case path
  /// Lower-case field name.
  case header([UInt8])
  case cookie([UInt8])
}

/// An endpoint as configured: a literal address or a name that the resolver follows.
public struct EndpointOptions: Sendable, Equatable {
  public var host: String
  public var port: UInt16
  /// The name is of an SRV record; port and weight come from there.
  public var isService: Bool
  public var weight: UInt16
  public var sameZone: Bool
  public var priority: UInt8

  public init(
    host: String, port: UInt16, isService: Bool = false, weight: UInt16 = 1, sameZone: Bool = true, priority: UInt8 = 0
  ) {
    self.host = host
    self.port = port
    self.isService = isService
    self.weight = weight
    self.sameZone = sameZone
    self.priority = priority
  }
}

/// Timeouts towards an upstream in nanoseconds; 0: none.
public struct UpstreamTimeouts: Sendable, Equatable {
  public var connect: UInt64 = 5_000_000_000
  /// From the request sent whole to the response's first byte.
  public var firstByte: UInt64 = 60_000_000_000
  /// Between two parts of a response.
  public var idle: UInt64 = 60_000_000_000
  /// The whole request, retries included.
  public var request: UInt64 = 0

  public init() {}
}

/// A named group of endpoints and how they are used.
public struct UpstreamOptions: Sendable {
  public var name: String
  /// Names these settings: equal for an upstream that a reload left alone, whose pool then lives on.
  public var fingerprint: UInt64 = 0
  public var endpoints: [EndpointOptions]
  public var speaksHTTP2 = false
  public var tls: TLSClientContext?
  /// Name for SNI and verification; nil: the endpoint's host.
  public var serverName: String?
  /// `Host` is the endpoint's own name instead of the client's.
  public var rewritesHost = false
  /// Its endpoints are other nodes of this gateway: nothing is said of this hop but the request's id, and they are not health-checked here.
  public var isOfPeers = false
  public var balance = BalanceSettings()
  public var hash = HashSource.client
  public var check: HealthCheckOptions?
  public var ejection = EjectionSettings()
  public var maxEjectedPercent = 50
  /// Of the node; each worker has its part.
  public var limits = CircuitLimits()
  public var retry = RetryPolicy()
  public var budget = RetryBudgetSettings()
  public var timeouts = UpstreamTimeouts()
  /// Idle connections kept per endpoint and worker, and for how long (nanoseconds).
  public var idleConnections = 128
  public var idleTimeout: UInt64 = 60_000_000_000

  public init(name: String, endpoints: [EndpointOptions]) {
    self.name = name
    self.endpoints = endpoints
  }
}

/// How endpoints are checked actively.
public struct HealthCheckOptions: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case http, tcp, grpc
  }

  public var kind = Kind.http
  public var path = "/"
  public var host: String?
  /// Accepted statuses, as ranges.
  public var statuses: [ClosedRange<Int>] = [200...299]
  /// Bytes that the body must contain.
  public var body: [UInt8] = []
  /// gRPC service name (grpc.health.v1).
  public var service = ""
  public var interval: UInt64 = 2_000_000_000
  public var timeout: UInt64 = 500_000_000
  /// Share of the interval by which a check may come earlier or later, 0…1.
  public var jitter = 0.2
  public var healthy = 2
  public var unhealthy = 3

  public init() {}
}

/// The endpoints of one upstream with their addresses, as one resolution leaves them; the same for all workers.
public struct UpstreamListing: Sendable {
  public struct Address: Sendable {
    public let id: UInt64
    public let address: SocketAddress
    /// What names it in logs, metrics and TLS: the configured host, and its address.
    public let host: String

    public init(id: UInt64, address: SocketAddress, host: String) {
      self.id = id
      self.address = address
      self.host = host
    }
  }

  public let listing: EndpointListing
  public let addresses: [Address]

  public init(listing: EndpointListing, addresses: [Address]) {
    self.listing = listing
    self.addresses = addresses
  }
}

extension UpstreamOptions {
  /// Whether a pool of these options can serve in place of one of `other`, connections and all.
  func isSame(as other: UpstreamOptions) -> Bool {
    name == other.name && fingerprint == other.fingerprint && tls === other.tls
  }
}
