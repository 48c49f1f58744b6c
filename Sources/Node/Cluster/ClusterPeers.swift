// Owns: the other nodes as this one's requests reach them: who may be asked for what is cached, and by which connection. Who lives is
// Gossip's; what is asked is Gateway's.
import Gateway
import Gossip
import Proxy
import Runtime

/// The peer link of a node in a cluster. Listings are made on the control worker's thread alone.
///
/// SAFETY: (@unchecked Sendable) contexts and keys are made for all threads; the rest is confined as said.
final class ClusterPeers: @unchecked Sendable {
  /// Names the listener that other nodes' connections are served by; no address, since they come by the gossip port.
  static let listener = "(peers)"

  let server: TLSServerContext
  let client: TLSClientContext
  private let keys: PeerKeys
  private var directory = PeerDirectory()
  private(set) var listing: UpstreamListing
  private var endpoints: [PeerEndpoint] = []
  /// How each of the others was believed to be when it was looked at last; by member, lookup only.
  private var states: [UInt64: MemberState] = [:]

  init(_ ring: KeyRing, cluster: String) throws {
    keys = try PeerKeys(ClusterPeers.keys(of: ring, cluster))
    server = try TLSServerContext(peers: keys)
    client = try TLSClientContext(peers: keys)
    listing = directory.update(to: [], now: SystemTime().monotonic().nanoseconds)
  }

  func use(_ ring: KeyRing, cluster: String) throws { try keys.replace(ClusterPeers.keys(of: ring, cluster)) }

  private static func keys(of ring: KeyRing, _ cluster: String) -> [PeerKey] {
    ring.peerKeys(cluster: cluster).compactMap { key in key.secret.withBytes { PeerKey(identity: key.identity, secret: $0) } }
  }

  var listenerOptions: ListenerOptions { ListenerOptions(address: ClusterPeers.listener, port: 0, tls: server, http2: true) }
  var upstreamOptions: UpstreamOptions { .peers(client) }

  /// Takes the members as gossip sees them now.
  /// - Returns: what requests go by from now on, whether the listing is another one, and whom nobody is to wait for any more.
  func see(_ status: GossipStatus) -> (placement: CachePlacement?, hasChanged: Bool, lost: [LostPeer]) {
    var members: [CacheMember] = []
    var leaving: [CacheMember] = []
    var found: [PeerEndpoint] = []
    var lost: [LostPeer] = []
    var away: [CacheAbsence] = []
    var me: UInt64 = 0
    for member in status.members {
      let node = StableHash.avalanche(member.id.value)
      if member.isSelf { me = node }
      let endpoint = member.isSelf ? nil : PeerEndpoint(member: member.id.value, address: member.record.peer, name: member.record.name)
      if let endpoint, let loss = loss(member, endpoint.id) { lost.append(loss) }
      guard member.state == .alive || member.state == .suspect else {
        let version = member.version
        away.append(CacheAbsence(node: node, generation: version.generation, incarnation: UInt64(version.incarnation)))
        continue
      }
      if let endpoint { found.append(endpoint) }
      let seen = CacheMember(
        name: member.record.name, node: node, weight: Double(member.record.weightPercent) / 100, endpoint: endpoint?.id)
      // One that is suspected may still serve: it is asked nothing, and told what has become stale.
      if member.record.isDraining || member.state == .suspect { leaving.append(seen) } else { members.append(seen) }
    }
    states = Dictionary(status.members.map { ($0.id.value, $0.state) }) { $1 }
    let hasChanged = found != endpoints
    if hasChanged {
      endpoints = found
      listing = directory.update(to: found, now: SystemTime().monotonic().nanoseconds)
    }
    let isAlone = found.isEmpty && away.isEmpty
    return (isAlone ? nil : CachePlacement(members, leaving: leaving, away: away, me: me), hasChanged, lost)
  }

  /// One that falls silent is not waited for where somebody else can still be asked; when it is taken for dead, what it was sending has
  /// broken off. Who says goodbye has answered before.
  private func loss(_ member: MemberStatus, _ endpoint: UInt64) -> LostPeer? {
    switch (states[member.id.value], member.state) {
    case (.alive?, .suspect): LostPeer(endpoint: endpoint, isDead: false)
    case (.alive?, .dead), (.suspect?, .dead): LostPeer(endpoint: endpoint, isDead: true)
    case _: nil
    }
  }
}

/// A node that does not answer any more.
struct LostPeer: Sendable, Equatable {
  var endpoint: UInt64
  var isDead: Bool
}

/// Follows the members for the requests' sake. On the control worker's thread.
final class PeerWatch {
  let links: ClusterPeers
  private let cache: CacheService
  /// Called with a listing that has changed.
  var onChange: (UpstreamListing) -> Void = { _ in }
  /// Called with those that nobody is to wait for any more, when nobody is sent to them any more.
  var onLoss: ([LostPeer]) -> Void = { _ in }

  init(_ links: ClusterPeers, _ cache: CacheService) {
    self.links = links
    self.cache = cache
  }

  func look(_ status: GossipStatus) {
    cache.isAmongOthers()
    let (placement, hasChanged, lost) = links.see(status)
    // Connections first: nobody is to be asked who cannot be reached.
    if hasChanged { onChange(links.listing) }
    let before = cache.placement
    if placement?.members != before?.members || placement?.leaving != before?.leaving || placement?.away != before?.away {
      cache.place(on: placement)
    }
    if !lost.isEmpty { onLoss(lost) }
  }
}
