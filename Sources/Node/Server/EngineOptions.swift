// Owns the translation of checked settings into the engine's options, value by value.
import Proxy
import Runtime

extension Duration {
  /// Whole nanoseconds, as the engine counts.
  fileprivate var nanoseconds: UInt64 { wholeNanoseconds }
}

extension Limits {
  init(_ limits: Configuration.Limits) {
    self.init()
    targetBytesMax = limits.targetBytes
    headBytesMax = limits.headerBytes
    fieldsMax = limits.headerCount
    bodyBytesMax = limits.bodyBytes
    headTimeout = limits.headTimeout.nanoseconds
    bodyTimeout = limits.bodyTimeout.nanoseconds
    idleTimeout = limits.idleTimeout.nanoseconds
    tunnelTimeout = limits.tunnelTimeout.nanoseconds
    connectionsMax = limits.connections
    http2StreamsMax = limits.http2.maxStreams
    http2NuisanceMax = limits.http2.controlFrames
    streamBufferBytes = limits.http2.streamBufferBytes
  }
}

extension ForwardingOptions {
  init(_ forwarding: Configuration.Forwarding) {
    let mode: Mode
    switch forwarding.mode {
    case .append: mode = .append
    case .replace: mode = .replace
    case .off: mode = .off
    }
    self.init(
      trusted: forwarding.trusted, sendsForwarded: forwarding.forwarded, via: forwarding.via ? "tidegate" : "", mode: mode,
      hops: forwarding.hops)
  }
}

extension UpstreamOptions {
  /// - Parameter tls: a context for `upstream.tls`, where it has one.
  init(_ upstream: Configuration.Upstream, zone: String?, tls: TLSClientContext?) {
    let endpoints = upstream.endpoints.map { endpoint in
      // Without zones on either side everything is near.
      let near = zone == nil || endpoint.zone == nil || endpoint.zone == zone
      switch endpoint.address {
      case .host(let host):
        return EndpointOptions(
          host: host.host, port: host.port, weight: UInt16(clamping: endpoint.weight), sameZone: near,
          priority: UInt8(clamping: endpoint.priority))
      case .service(let name):
        return EndpointOptions(
          host: name, port: 0, isService: true, weight: UInt16(clamping: endpoint.weight), sameZone: near,
          priority: UInt8(clamping: endpoint.priority))
      }
    }
    self.init(name: upstream.name, endpoints: endpoints)
    // The whole text of the settings: equal settings are one pool over a reload.
    fingerprint = StableHash.hash("\(upstream) \(zone ?? "")")
    speaksHTTP2 = upstream.protocol == .http2
    rewritesHost = upstream.host == .endpoint
    self.tls = tls
    serverName = upstream.tls?.serverName
    takeBalance(upstream)
    takeHealth(upstream)
    takeBounds(upstream)
  }

  private mutating func takeBalance(_ upstream: Configuration.Upstream) {
    switch upstream.balance {
    case .roundRobin: balance.policy = .roundRobin
    case .leastRequests: balance.policy = .leastRequests
    case .peakEWMA: balance.policy = .peakEWMA
    case .hash(let key, let bound):
      balance.policy = .hash
      balance.hashLoadPercent = UInt16(clamping: Int(bound * 100))
      switch key {
      case .header(let name): hash = .header(Array(name.lowercased().utf8))
      case .cookie(let name): hash = .cookie(Array(name.utf8))
      case .path: hash = .path
      case .client: hash = .client
      }
    }
    balance.slowStart = upstream.slowStart.nanoseconds
    balance.panicThresholdPercent = UInt8(clamping: Int(upstream.panicThreshold * 100))
    balance.prefersSameZone = upstream.zoneAware
  }

  private mutating func takeHealth(_ upstream: Configuration.Upstream) {
    if let settings = upstream.health {
      var options = HealthCheckOptions()
      switch settings.check {
      case .http(let path, let statuses, let body):
        options.kind = .http
        options.path = path
        options.statuses = statuses.ranges
        options.body = Array((body ?? "").utf8)
      case .tcp: options.kind = .tcp
      case .grpc(let service):
        options.kind = .grpc
        options.service = service
      }
      options.host = settings.host
      options.interval = settings.interval.nanoseconds
      options.timeout = settings.timeout.nanoseconds
      options.jitter = settings.jitter
      options.healthy = settings.healthy
      options.unhealthy = settings.unhealthy
      check = options
    }
    ejection.consecutiveFailures = UInt32(clamping: upstream.ejection.consecutive)
    ejection.failurePermille = UInt32(clamping: Int(upstream.ejection.failureRatio * 1000))
    ejection.interval = upstream.ejection.interval.nanoseconds
    ejection.requestsMin = UInt32(clamping: upstream.ejection.minRequests)
    ejection.baseTime = upstream.ejection.baseTime.nanoseconds
    ejection.maxTime = upstream.ejection.maxTime.nanoseconds
    maxEjectedPercent = Int(upstream.ejection.maxShare * 100)
  }

  private mutating func takeBounds(_ upstream: Configuration.Upstream) {
    limits = CircuitLimits(
      connectionsMax: UInt32(clamping: upstream.limits.connections), pendingMax: UInt32(clamping: upstream.limits.pending),
      requestsMax: UInt32(clamping: upstream.limits.requests))
    var conditions: RetryConditions = []
    if upstream.retries.onConnectFailure { conditions.insert(.connect) }
    if upstream.retries.onReset { conditions.insert(.resetBeforeResponse) }
    if upstream.retries.onTimeout { conditions.insert(.firstByteTimeout) }
    if upstream.retries.onRefusedStream { conditions.insert(.refusedStream) }
    let statuses = (400...599).filter { upstream.retries.onStatuses.contains($0) }.map { UInt16($0) }
    if !statuses.isEmpty { conditions.insert(.status) }
    if upstream.retries.unsafeMethods { conditions.insert(.unsafeMethods) }
    retry = RetryPolicy(
      conditions: conditions, statuses: RetryStatuses(statuses), attemptsMax: UInt8(clamping: upstream.retries.attempts))
    budget = RetryBudgetSettings(
      ratioPercent: UInt32(clamping: Int(upstream.retries.budgetRatio * 100)),
      minimumPerSecond: UInt32(clamping: upstream.retries.budgetMinPerSecond))
    timeouts.connect = upstream.timeouts.connect.nanoseconds
    timeouts.firstByte = upstream.timeouts.firstByte.nanoseconds
    timeouts.idle = upstream.timeouts.idle.nanoseconds
    timeouts.request = upstream.timeouts.request.nanoseconds
    idleConnections = upstream.keepalive.connections
    idleTimeout = upstream.keepalive.idle.nanoseconds
  }
}
