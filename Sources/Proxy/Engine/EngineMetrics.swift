// The engine's own metrics: registered once before the workers start, counted by each worker in its own cells.
import Runtime

/// Handles of the engine's metrics.
public struct EngineMetrics: Sendable {
  public let requests: CounterHandle
  public let requestsAborted: CounterHandle
  public let peerQuestions: CounterHandle
  public let connectionsAccepted: CounterHandle
  public let connectionsClosed: CounterHandle
  public let proxyHeadersRefused: CounterHandle
  public let handshakesFull: CounterHandle
  public let handshakesResumed: CounterHandle
  public let handshakesFailed: CounterHandle
  public let peersAccepted: CounterHandle
  public let peersRefused: CounterHandle
  public let upstreamConnects: CounterHandle
  public let upstreamConnectFailures: CounterHandle
  public let retries: CounterHandle
  public let ejections: CounterHandle
  public let readmissions: CounterHandle
  public let http2Nuisances: CounterHandle
  public let faults: FaultCounters

  public init(_ registry: MetricRegistry) {
    func counter(_ name: String, _ help: String, _ labels: [(String, String)] = []) -> CounterHandle {
      made(registry, name, help, labels)
    }
    requests = counter("tidegate_requests_total", "Requests begun, malformed ones included.")
    requestsAborted = counter("tidegate_requests_aborted_total", "Requests whose client went away before the response was complete.")
    peerQuestions = counter("tidegate_peer_questions_total", "Requests of other nodes, which count as requests there.")
    connectionsAccepted = counter("tidegate_connections_accepted_total", "Downstream connections accepted.")
    connectionsClosed = counter("tidegate_connections_closed_total", "Downstream connections closed.")
    proxyHeadersRefused = counter("tidegate_proxy_headers_refused_total", "Connections closed for a malformed PROXY protocol header.")
    let handshakes = "tidegate_tls_handshakes_total"
    let help = "TLS handshakes with clients, by result."
    handshakesFull = counter(handshakes, help, [("result", "full")])
    handshakesResumed = counter(handshakes, help, [("result", "resumed")])
    handshakesFailed = counter(handshakes, help, [("result", "failed")])
    let peers = "tidegate_peer_handshakes_total"
    let peersHelp = "TLS handshakes with whoever connects to the peer link, by result."
    peersAccepted = counter(peers, peersHelp, [("result", "accepted")])
    peersRefused = counter(peers, peersHelp, [("result", "refused")])
    upstreamConnects = counter("tidegate_upstream_connects_total", "Connections begun to upstream endpoints.")
    upstreamConnectFailures = counter("tidegate_upstream_connect_failures_total", "Connections to upstream endpoints that failed.")
    retries = counter("tidegate_upstream_retries_total", "Attempts beyond a request's first.")
    ejections = counter("tidegate_upstream_ejections_total", "Endpoints ejected for failing requests.")
    readmissions = counter("tidegate_upstream_readmissions_total", "Endpoints taken back after an ejection.")
    http2Nuisances = counter("tidegate_http2_nuisances_total", "HTTP/2 clients sent away for floods of control frames or resets.")
    faults = FaultCounters(registry)
  }
}

/// One counter per fault.
public struct FaultCounters: Sendable {
  private let handles: [CounterHandle]

  init(_ registry: MetricRegistry) {
    handles = Fault.allCases.map {
      made(registry, "tidegate_faults_total", "Requests answered by the gateway itself, by reason.", [("reason", "\($0.label)")])
    }
  }

  public subscript(fault: Fault) -> CounterHandle { handles[Int(fault.rawValue)] }
}

/// The engine's names are fixed and few: a registry that refuses them is a programmer's error.
private func made(_ registry: MetricRegistry, _ name: String, _ help: String, _ labels: [(String, String)]) -> CounterHandle {
  do {
    return try registry.counter(name, help: help, labels: MetricLabels(labels.map { (name: $0.0, value: $0.1) }))
  } catch {
    preconditionFailure("metric \(name): \(error)")
  }
}
