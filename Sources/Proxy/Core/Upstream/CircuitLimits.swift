// Circuit breaking: how much of a pool one worker may have under way. Beyond the limit a request fails at once instead of queueing.
// Limits are configured per node and pool; each worker gets its part and counts for itself.

public enum CircuitKind: UInt8, Sendable, CaseIterable {
  /// Connections to the pool, idle ones included.
  case connection
  /// Requests that wait for a connection.
  case pending
  /// Requests under way, waiting ones included.
  case request
}

public struct CircuitLimits: Sendable, Equatable {
  public var connectionsMax: UInt32
  public var pendingMax: UInt32
  public var requestsMax: UInt32

  public init(connectionsMax: UInt32 = 4096, pendingMax: UInt32 = 4096, requestsMax: UInt32 = 16_384) {
    self.connectionsMax = connectionsMax
    self.pendingMax = pendingMax
    self.requestsMax = requestsMax
  }

  /// One worker's part of limits given for the node. The parts add up to the whole, except that a limit above 0 leaves every worker
  /// at least 1, since a worker without any could never serve the pool.
  public func part(worker: Int, of workers: Int) -> CircuitLimits {
    precondition(worker >= 0 && worker < workers, "worker \(worker) of \(workers)")
    func part(_ limit: UInt32) -> UInt32 {
      guard limit > 0 else { return 0 }
      let (each, rest) = limit.quotientAndRemainder(dividingBy: UInt32(workers))
      return max(1, each + (UInt32(worker) < rest ? 1 : 0))
    }
    return CircuitLimits(connectionsMax: part(connectionsMax), pendingMax: part(pendingMax), requestsMax: part(requestsMax))
  }
}

/// One worker's use of one pool.
public struct Circuit: Sendable {
  public private(set) var limits: CircuitLimits
  public private(set) var connections: UInt32 = 0
  public private(set) var pending: UInt32 = 0
  public private(set) var requests: UInt32 = 0
  /// Refusals since the start, by kind.
  public private(set) var connectionsRefused: UInt64 = 0
  public private(set) var pendingRefused: UInt64 = 0
  public private(set) var requestsRefused: UInt64 = 0

  public init(limits: CircuitLimits) {
    self.limits = limits
  }

  /// New limits apply to what comes; what is under way stays.
  public mutating func update(limits: CircuitLimits) {
    self.limits = limits
  }

  /// Asks for room for one more; granted room is given back with `release`.
  @inline(__always)
  public mutating func admit(_ kind: CircuitKind) -> Bool {
    switch kind {
    case .connection: Self.admit(&connections, limits.connectionsMax, &connectionsRefused)
    case .pending: Self.admit(&pending, limits.pendingMax, &pendingRefused)
    case .request: Self.admit(&requests, limits.requestsMax, &requestsRefused)
    }
  }

  @inline(__always)
  public mutating func release(_ kind: CircuitKind) {
    switch kind {
    case .connection: Self.release(&connections, kind)
    case .pending: Self.release(&pending, kind)
    case .request: Self.release(&requests, kind)
    }
  }

  @inline(__always)
  private static func admit(_ used: inout UInt32, _ limit: UInt32, _ refused: inout UInt64) -> Bool {
    guard used < limit else {
      refused &+= 1
      return false
    }
    used &+= 1
    return true
  }

  @inline(__always)
  private static func release(_ used: inout UInt32, _ kind: CircuitKind) {
    precondition(used > 0, "released a \(kind) that was not admitted")
    used &-= 1
  }
}
