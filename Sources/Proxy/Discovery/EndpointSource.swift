// One configured endpoint and the addresses that stand for it at this moment: a literal is its own address for ever, a name's are what
// the resolver said last. Pure; who asks, and when, is UpstreamKeeper's.
import Runtime

final class EndpointSource {
  let options: EndpointOptions
  let isLiteral: Bool
  /// The last answer; a failure does not empty it.
  var endpoints: [ResolvedEndpoint]
  /// Asked at least once, with whatever result.
  var isAnswered: Bool
  /// Why the last question failed; nil after an answer.
  var failure: ResolveFailure?
  var alarm: UInt64 = 0

  init(_ options: EndpointOptions) {
    self.options = options
    if !options.isService, let address = SocketAddress(host: options.host, port: options.port) {
      isLiteral = true
      isAnswered = true
      endpoints = [ResolvedEndpoint(address: address, priority: 0, weight: 1, ttlSeconds: .max)]
    } else {
      isLiteral = false
      isAnswered = false
      endpoints = []
    }
  }

  /// Whether the resolver would be asked the same.
  func asksAs(_ other: EndpointSource) -> Bool {
    options.host == other.options.host && options.port == other.options.port && options.isService == other.options.isService
  }

  /// The name for `Host`, SNI and verification. A service is known by the domain that was asked, not by the record's own name
  /// (RFC 6125 §1.8, "source domain"): `_http._tcp.shop.example` is `shop.example`.
  var host: String {
    guard options.isService else { return options.host }
    let labels = options.host.split(separator: ".", omittingEmptySubsequences: true)
    let bare = labels.drop { $0.utf8.first == UInt8(ascii: "_") }
    return bare.isEmpty ? options.host : bare.joined(separator: ".")
  }

  /// The endpoints as the pool wants them, in the resolver's order.
  func described() -> [(description: EndpointDescription, address: UpstreamListing.Address)] {
    let levels = ranks()
    let scales = scales()
    return endpoints.map { endpoint in
      let id = StableHash.hash(endpoint.address.description)
      let level = levels[endpoint.priority] ?? 0
      let description = EndpointDescription(
        id: id, weight: options.isService ? weight(endpoint, scales[endpoint.priority] ?? 1) : options.weight, sameZone: options.sameZone,
        priority: UInt8(clamping: Int(options.priority) + level))
      return (description, UpstreamListing.Address(id: id, address: endpoint.address, host: host))
    }
  }

  /// A record's priority is any number and only its order counts; a pool's levels are counted.
  private func ranks() -> [UInt16: Int] {
    var ranks: [UInt16: Int] = [:]
    for priority in Set(endpoints.map(\.priority)).sorted() { ranks[priority] = ranks.count }
    return ranks
  }

  /// What the weights of a priority are multiplied by, so that below the least of them there is room for a weight of 0, which a record
  /// means as "hardly any" (RFC 2782) and a pool as "none".
  private func scales() -> [UInt16: Int] {
    var scales: [UInt16: Int] = [:]
    for endpoint in endpoints {
      let scale = min(100, Int(UInt16.max) / max(Int(endpoint.weight), 1))
      scales[endpoint.priority] = min(scales[endpoint.priority] ?? scale, scale)
    }
    return scales
  }

  private func weight(_ endpoint: ResolvedEndpoint, _ scale: Int) -> UInt16 {
    UInt16(clamping: max(Int(endpoint.weight) * scale, 1))
  }
}
