// Owns: one open question: what its calls of c-ares have brought so far. Resolver opens and closes it.
import CCares
import Glibc
import Runtime

/// State of one open question.
final class Question {
  let key: ResolveKey
  /// The resolver closes its channel before it goes, and nothing calls back after that.
  unowned let resolver: Resolver
  var completions: [Resolver.Completion] = []
  /// Calls of c-ares that have not come back.
  var open = 0
  private(set) var failure: ResolveFailureKind?
  private var endpoints: [ResolvedEndpoint] = []
  private var ttlSeconds = UInt32.max

  init(key: ResolveKey, resolver: Resolver) {
    self.key = key
    self.resolver = resolver
  }

  /// The first failure is the one that is told.
  func failed(_ kind: ResolveFailureKind) {
    if failure == nil { failure = kind }
  }

  /// One look-up of addresses came back.
  func addresses(status: Int32, result: UnsafeMutablePointer<ares_addrinfo>?, service: ServiceRecord?) {
    open -= 1
    guard status == AresStatus.success, let result else { return failed(ResolveFailureKind(status)) }
    // An answer is as old as the shortest-lived link of its chain: the service record, the aliases, the address itself.
    var chain = service?.ttlSeconds ?? .max
    var alias = result.pointee.cnames
    while let link = alias {
      chain = min(chain, UInt32(clamping: link.pointee.ttl))
      alias = link.pointee.next
    }
    var node = result.pointee.nodes
    while let entry = node {
      node = entry.pointee.ai_next
      guard let raw = entry.pointee.ai_addr,
        let address = SocketAddress(UnsafePointer(raw), length: entry.pointee.ai_addrlen), endpoints.count < resolver.limits.endpointsMax
      else { continue }
      let ttl = min(chain, UInt32(clamping: entry.pointee.ai_ttl))
      ttlSeconds = min(ttlSeconds, ttl)
      endpoints.append(
        ResolvedEndpoint(
          address: address.withPort(service?.port ?? key.port), priority: service?.priority ?? 0, weight: service?.weight ?? 1,
          ttlSeconds: resolver.limits.clamp(ttl)))
    }
  }

  /// - Returns: nil when there is no endpoint.
  func resolution(_ limits: ResolverLimits) -> Resolution? {
    guard !endpoints.isEmpty else { return nil }
    var ttl = limits.clamp(ttlSeconds)
    if failure != nil { ttl = min(ttl, limits.partialTTLSecondsMax) }
    return Resolution(endpoints: Question.ordered(endpoints), ttlSeconds: ttl)
  }

  /// Sorted, and each address once for each priority: the heavier and shorter-lived of equals stays.
  static func ordered(_ endpoints: [ResolvedEndpoint]) -> [ResolvedEndpoint] {
    func place(_ endpoint: ResolvedEndpoint) -> (UInt16, UInt8, UInt64, UInt64, UInt16, UInt32) {
      let address = endpoint.address
      return (endpoint.priority, address.family.rawValue, address.high, address.low, address.port, address.scope)
    }
    let sorted = endpoints.sorted { a, b in
      if place(a) != place(b) { return place(a) < place(b) }
      return a.weight != b.weight ? a.weight > b.weight : a.ttlSeconds < b.ttlSeconds
    }
    var result: [ResolvedEndpoint] = []
    for endpoint in sorted where result.last.map({ place($0) != place(endpoint) }) ?? true { result.append(endpoint) }
    return result
  }
}

extension ResolveFailureKind {
  /// From a status of c-ares other than success.
  init(_ status: Int32) {
    switch status {
    case AresStatus.notFound: self = .noSuchName
    case AresStatus.noData: self = .noData
    case AresStatus.timeout: self = .timeout
    case AresStatus.serverFailure, AresStatus.refused, AresStatus.notImplemented, AresStatus.badFormat: self = .serverFailure
    case AresStatus.connectionRefused: self = .unreachable
    case AresStatus.badName, AresStatus.badService: self = .badName
    case AresStatus.badResponse, AresStatus.badQuery: self = .badAnswer
    default: self = .system  // Memory, files, cancellation: nothing that another name would mend.
    }
  }
}

/// The statuses of c-ares that are told apart. Their numbers are its binary interface; its header has them as macros in 1.18 and as an
/// enumeration from 1.23 on, which Swift would see as different types.
enum AresStatus {
  static let success: Int32 = 0
  static let noData: Int32 = 1
  static let badFormat: Int32 = 2
  static let serverFailure: Int32 = 3
  static let notFound: Int32 = 4
  static let notImplemented: Int32 = 5
  static let refused: Int32 = 6
  static let badQuery: Int32 = 7
  static let badName: Int32 = 8
  static let badResponse: Int32 = 10
  static let connectionRefused: Int32 = 11
  static let timeout: Int32 = 12
  static let destruction: Int32 = 16
  static let badService: Int32 = 25
}
