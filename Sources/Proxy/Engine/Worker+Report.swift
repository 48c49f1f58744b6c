// What a worker says of itself when asked: its connections, and every endpoint as this worker sees it. Taken on the worker's own
// thread, handed over as values, summed over the workers by `WorkerReport.merged`.
import Runtime

/// One endpoint, as one worker sees it or as all of them do.
public struct EndpointReport: Sendable, Equatable {
  /// Stable hash of the address: who the endpoint is, on every worker.
  public var id: UInt64
  public var address: SocketAddress
  /// The configured host, before it was resolved.
  public var host: String
  /// Whether it may take traffic.
  public var isHealthy: Bool
  /// Why it is held out, besides ejection.
  public var holds: EndpointHolds
  /// Nanoseconds for which it stays ejected; 0 when it is not.
  public var ejectedFor: UInt64
  public var weight: Int
  public var isSameZone: Bool
  public var priority: Int
  /// Requests in flight.
  public var active: Int
  /// Connections, idle ones included.
  public var connections: Int
  public var idle: Int
  /// Attempts since the pool was made.
  public var requests: UInt64
  /// Of these, those that failed.
  public var failures: UInt64

  public var isEjected: Bool { ejectedFor > 0 }
}

/// One upstream.
public struct UpstreamReport: Sendable, Equatable {
  public var name: String
  public var endpoints: [EndpointReport]
  /// Requests under way, waiting ones included.
  public var requests: Int
  /// Requests that wait for a connection.
  public var pending: Int
  public var connections: Int
  /// What the circuit has refused since the pool was made.
  public var requestsRefused: UInt64
  public var pendingRefused: UInt64
  public var connectionsRefused: UInt64
  /// Picks that ignored health because too few endpoints had it.
  public var panicPicks: UInt64
}

/// One worker, or several together.
public struct WorkerReport: Sendable, Equatable {
  /// How many workers speak here.
  public var workers: Int
  /// Downstream connections.
  public var connections: Int
  /// Requests under way.
  public var exchanges: Int
  public var bufferBytes: Int
  /// Of the snapshot in use; 0 before the first.
  public var revision: UInt64
  /// In the order of the snapshot.
  public var upstreams: [UpstreamReport]

  public init(
    workers: Int = 1, connections: Int = 0, exchanges: Int = 0, bufferBytes: Int = 0, revision: UInt64 = 0,
    upstreams: [UpstreamReport] = []
  ) {
    self.workers = workers
    self.connections = connections
    self.exchanges = exchanges
    self.bufferBytes = bufferBytes
    self.revision = revision
    self.upstreams = upstreams
  }

  /// The node's view: numbers are summed, verdicts joined to the worse one, the newest revision counts. Upstreams (by name) and their
  /// endpoints (by id) keep the order in which they first occur.
  public static func merged(_ reports: [WorkerReport]) -> WorkerReport {
    var sum = WorkerReport(workers: 0)
    for report in reports {
      sum.workers += report.workers
      sum.connections += report.connections
      sum.exchanges += report.exchanges
      sum.bufferBytes += report.bufferBytes
      sum.revision = max(sum.revision, report.revision)
      for upstream in report.upstreams {
        if let known = sum.upstreams.firstIndex(where: { $0.name == upstream.name }) {
          sum.upstreams[known].add(upstream)
        } else {
          sum.upstreams.append(upstream)
        }
      }
    }
    return sum
  }
}

extension UpstreamReport {
  fileprivate mutating func add(_ other: UpstreamReport) {
    requests += other.requests
    pending += other.pending
    connections += other.connections
    requestsRefused &+= other.requestsRefused
    pendingRefused &+= other.pendingRefused
    connectionsRefused &+= other.connectionsRefused
    panicPicks &+= other.panicPicks
    var places: [UInt64: Int] = [:]
    for (place, endpoint) in endpoints.enumerated() { places[endpoint.id] = place }
    for endpoint in other.endpoints {
      if let place = places[endpoint.id] { endpoints[place].add(endpoint) } else { endpoints.append(endpoint) }
    }
  }
}

extension EndpointReport {
  fileprivate mutating func add(_ other: EndpointReport) {
    isHealthy = isHealthy && other.isHealthy
    holds.formUnion(other.holds)
    ejectedFor = max(ejectedFor, other.ejectedFor)
    active += other.active
    connections += other.connections
    idle += other.idle
    requests &+= other.requests
    failures &+= other.failures
  }
}

extension Worker {
  /// This moment as values. On the worker's thread only: `post` asks for it from elsewhere.
  public func report() -> WorkerReport {
    var report = WorkerReport(connections: downstreamCount, exchanges: exchanges.inUse, bufferBytes: pool.lentBytes)
    guard let live else { return report }
    report.revision = live.pointee.snapshot._withUnsafeGuaranteedRef { $0.revision }
    // The other nodes are no upstream that anybody configured.
    for i in 0..<live.pointee.poolCount where !live.pointee.pools[i].pointee.options.isOfPeers {
      report.upstreams.append(live.pointee.pools[i].report(now: now))
    }
    return report
  }
}

extension UnsafeMutablePointer where Pointee == UpstreamPool {
  /// Endpoints that left the list are not in it, even while requests to them still run.
  func report(now: UInt64) -> UpstreamReport {
    var endpoints: [EndpointReport] = []
    for i in 0..<pointee.balancer.endpoints.slots {
      let state = pointee.balancer.endpoints.states[i]
      guard state.presence == .listed, let slot = pointee.slots[i] else { continue }
      let ejectedUntil = state.shared.pointee.ejectedUntil
      endpoints.append(
        EndpointReport(
          id: state.id, address: slot.pointee.address, host: slot.pointee.host, isHealthy: state.shared.pointee.isHealthy(now: now),
          holds: state.shared.pointee.holds, ejectedFor: ejectedUntil > now ? ejectedUntil - now : 0, weight: Int(state.baseWeight),
          isSameZone: state.sameZone, priority: Int(state.priority), active: Int(state.active), connections: Int(state.connections),
          idle: slot.pointee.idleCount, requests: slot.pointee.requests, failures: slot.pointee.failures))
    }
    return UpstreamReport(
      name: pointee.options.name, endpoints: endpoints, requests: Int(pointee.circuit.requests), pending: Int(pointee.circuit.pending),
      connections: Int(pointee.circuit.connections), requestsRefused: pointee.circuit.requestsRefused,
      pendingRefused: pointee.circuit.pendingRefused, connectionsRefused: pointee.circuit.connectionsRefused,
      panicPicks: pointee.balancer.panicPicks)
  }
}
