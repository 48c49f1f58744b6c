// Owns: the bridge between the active checks of the upstreams and the verdicts that the nodes share. Who checks what is Gossip's, what a
// verdict does to traffic is Proxy's.
import Gossip
import Proxy
import Runtime

/// The other nodes, as the upstreams see them. Confined to the control worker's thread, but for what it is made with.
final class ClusterHealth: HealthPeers {
  private let loop: GossipLoop

  init(_ loop: GossipLoop) { self.loop = loop }

  func watch(_ endpoints: [SharedEndpoint]) {
    // A node waits for what others find for twice as long as they take to find something, give or take.
    let watches = endpoints.map { EndpointWatch(EndpointID($0.id), patience: 2 &* $0.interval &+ 2_000_000_000) }
    loop.post { $0.watch(watches) }
  }

  func found(_ endpoint: UInt64, isHealthy: Bool) { loop.post { $0.found(EndpointID(endpoint), isHealthy: isHealthy) } }
}

extension SharedStanding {
  init(_ standing: EndpointStanding) {
    let isHealthy: Bool?
    switch standing.state {
    case .healthy: isHealthy = true
    case .unhealthy: isHealthy = false
    case .unknown: isHealthy = nil
    }
    self.init(id: standing.endpoint.value, isMine: standing.isMine, isHealthy: isHealthy)
  }
}
