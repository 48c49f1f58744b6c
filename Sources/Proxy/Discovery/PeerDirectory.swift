// The endpoints of the upstream that stands for the other nodes: told, not configured, and neither resolved nor checked, since whoever
// tells them knows who is there.
import Runtime

/// Another node, as an endpoint.
public struct PeerEndpoint: Sendable, Equatable {
  /// Who it is and where: another address is another endpoint.
  public let id: UInt64
  public let address: SocketAddress
  public let name: String

  public init(member: UInt64, address: SocketAddress, name: String) {
    id = StableHash.avalanche(member ^ StableHash.hash("\(address)"))
    self.address = address
    self.name = name
  }
}

/// The list of them. Confined to one thread.
public struct PeerDirectory: ~Copyable {
  private var directory = EndpointDirectory(maxEjectedPercent: 0)

  public init() {}

  /// - Parameter now: monotonic nanoseconds.
  public mutating func update(to peers: [PeerEndpoint], now: UInt64) -> UpstreamListing {
    let listing = directory.update(to: peers.map { EndpointDescription(id: $0.id) }, now: now)
    return UpstreamListing(
      listing: listing, addresses: peers.map { UpstreamListing.Address(id: $0.id, address: $0.address, host: $0.name) })
  }
}

extension UpstreamOptions {
  /// The upstream that stands for the other nodes.
  /// - Parameter tls: proves membership both ways.
  public static func peers(_ tls: TLSClientContext) -> UpstreamOptions {
    var options = UpstreamOptions(name: "(peers)", endpoints: [])
    options.fingerprint = 1
    options.isOfPeers = true
    options.speaksHTTP2 = true
    options.tls = tls
    // A kept connection may just have been closed: once more, at the same node. Others are tried by who asks.
    options.retry.attemptsMax = 2
    options.timeouts.connect = 500_000_000
    // How long an answer may take is said at the node that asks the origin; who asks it looks whether that node lives.
    // These are for a link that is stuck.
    options.timeouts.firstByte = 300_000_000_000
    options.timeouts.idle = 300_000_000_000
    options.ejection.consecutiveFailures = 0
    return options
  }
}
