// Owns: the words of name resolution: what is asked, what comes back, how it can fail, and the bounds.
import Runtime

/// What a name stands for.
public enum ResolveKind: Sendable, Hashable {
  /// A and AAAA records, or an entry of /etc/hosts; the port comes with the question.
  case address
  /// SRV records (RFC 2782), and the addresses of their targets; the port comes with the answer.
  case service
}

/// One place to connect to.
public struct ResolvedEndpoint: Sendable, Hashable {
  public let address: SocketAddress
  /// Lower comes first; 0 for plain addresses.
  public let priority: UInt16
  /// Share among endpoints of one priority as RFC 2782 has it (0 means hardly any); 1 for plain addresses.
  public let weight: UInt16
  /// As long as this the endpoint may be used without asking again; within `ResolverLimits`. Seconds.
  public let ttlSeconds: UInt32
}

/// An answer: at least one endpoint, each once, in a fixed order (priority, IPv4 before IPv6, address, port), so that an unchanged
/// answer compares equal however the server turned it around.
public struct Resolution: Sendable, Equatable {
  public let endpoints: [ResolvedEndpoint]
  /// When to ask again: the shortest TTL met, names in between included. Seconds.
  public let ttlSeconds: UInt32
}

public enum ResolveFailureKind: Sendable, Hashable {
  /// The name does not exist (NXDOMAIN).
  case noSuchName
  /// The name exists, but without what was asked for.
  case noData
  /// No name server answered in time.
  case timeout
  /// The name servers answered, but refused or failed.
  case serverFailure
  /// No name server could be reached.
  case unreachable
  /// The name is none.
  case badName
  /// The answer could not be read.
  case badAnswer
  /// More questions are open than the limits allow.
  case tooMany
  /// Memory, files: this machine's own trouble.
  case system
}

/// A question that got no endpoint.
public struct ResolveFailure: Error, Sendable, Equatable, CustomStringConvertible {
  public let kind: ResolveFailureKind
  public let name: String
  /// Asking earlier gives the same failure without asking a name server.
  public let retryAfterNanoseconds: UInt64

  public var description: String {
    switch kind {
    case .noSuchName: "the name \(name) does not exist"
    case .noData: "the name \(name) has no addresses of the kind asked for"
    case .timeout: "no name server answered in time for \(name)"
    case .serverFailure: "the name servers failed for \(name)"
    case .unreachable: "no name server could be reached for \(name)"
    case .badName: "\(name) is no host name"
    case .badAnswer: "the answer for \(name) could not be read"
    case .tooMany: "too many names are being resolved to ask for \(name)"
    case .system: "resolving \(name) failed on this machine"
    }
  }
}

/// Bounds of one resolver.
public struct ResolverLimits: Sendable {
  /// How long one name server may take at the first try; c-ares doubles it from try to try.
  public var timeoutMilliseconds: Int32 = 2000
  /// Tries at each name server.
  public var tries: Int32 = 3
  /// Endpoints of one answer; more are cut.
  public var endpointsMax = 256
  /// Questions that may be open at once.
  public var questionsMax = 1024
  /// Failed names that are remembered.
  public var failuresMax = 1024
  /// TTLs are pulled into these bounds: a TTL of 0 must not become a busy loop, nor one of a week a dead address for a week.
  public var ttlSecondsMin: UInt32 = 1
  public var ttlSecondsMax: UInt32 = 300
  /// Upper TTL of an SRV answer of which some targets did not resolve.
  public var partialTTLSecondsMax: UInt32 = 5

  public init() {}

  @inline(__always)
  func clamp(_ ttl: UInt32) -> UInt32 { min(max(ttl, ttlSecondsMin), ttlSecondsMax) }
}
