// Health checks that are divided among nodes: who else checks, and what the nodes find together. Which node checks what, and how findings
// travel and are combined, is for whoever implements this; what follows for traffic is HealthChecker's.
import Runtime

/// An endpoint that is checked, named alike on every node that checks it in the same way.
public struct SharedEndpoint: Sendable, Hashable {
  /// A `StableHash` of the upstream's name, the endpoint's address and name, and how it is checked.
  public var id: UInt64
  /// Nanoseconds between two checks.
  public var interval: UInt64

  public init(id: UInt64, interval: UInt64) {
    self.id = id
    self.interval = interval
  }
}

/// How the nodes stand to an endpoint.
public struct SharedStanding: Sendable, Equatable {
  public var id: UInt64
  /// Whether this node is to check it.
  public var isMine: Bool
  /// What the nodes that check it find together; nil without a majority.
  public var isHealthy: Bool?

  public init(id: UInt64, isMine: Bool, isHealthy: Bool?) {
    self.id = id
    self.isMine = isMine
    self.isHealthy = isHealthy
  }
}

/// The other nodes that check. Called on the control worker's thread.
public protocol HealthPeers: AnyObject {
  /// All endpoints with active checks, whenever they change; `UpstreamRegistry.heard` follows.
  func watch(_ endpoints: [SharedEndpoint])
  /// What this node's checks have come to, by its thresholds: said after each check.
  func found(_ endpoint: UInt64, isHealthy: Bool)
}

extension HealthCheckOptions {
  /// Of what is checked, not of how often.
  var stableText: String { "\(kind) \(path) \(host ?? "") \(statuses) \(body) \(service)" }
}
