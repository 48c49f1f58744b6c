// Owns the definition of APIs of protocol "http" and their compilation to route and host tables, with every fault at once. Where a
// definition came from (file, line) is Node's; what the engine does with an integration is the RoutePlan's.

/// What answers a route.
public enum Integration: Equatable, Sendable {
  /// Forwards to an upstream pool; without a timeout of its own the pool's holds.
  case upstream(name: String, timeoutNanoseconds: UInt64?, host: String? = nil, caching: RouteCaching? = nil)
  /// Answers by itself.
  case mock(status: Int, fields: [(String, String)], body: [UInt8])

  public static func == (left: Integration, right: Integration) -> Bool {
    switch (left, right) {
    case (.upstream(let name, let timeout, let host, let caching), .upstream(let other, let otherTimeout, let otherHost, let otherCaching)):
      name == other && timeout == otherTimeout && host == otherHost && caching == otherCaching
    case (.mock(let status, let fields, let body), .mock(let otherStatus, let otherFields, let otherBody)):
      status == otherStatus && body == otherBody && fields.elementsEqual(otherFields) { $0 == $1 }
    case (.upstream, .mock), (.mock, .upstream): false
    }
  }
}

/// An API of protocol "http" as a configuration states it.
public struct HTTPAPIDefinition: Sendable {
  /// 1 to 128 characters, unique among the APIs of a node.
  public var name: String
  /// Host patterns (`HostPattern`).
  public var hosts: [String]
  /// Route keys (`RouteKey`) and what answers each.
  public var routes: [(key: String, integration: Integration)]

  public init(name: String, hosts: [String], routes: [(key: String, integration: Integration)]) {
    self.name = name
    self.hosts = hosts
    self.routes = routes
  }
}

/// The bounds of a set of HTTP APIs.
public struct HTTPAPILimits: Sendable, Equatable {
  /// The most APIs.
  public var apisMax = 1024
  /// The most host patterns of one API; AWS allows 120 custom domains an account.
  public var hostsMax = 1024
  /// The largest body of a mock integration.
  public var mockBodyBytesMax = 1_048_576
  /// The bounds of each API's routes.
  public var routes = RouteLimits()

  public init() {}
}

/// A compiled API.
public struct HTTPAPI: Sendable {
  public let name: String
  public let hosts: [HostPattern]
  /// The routes; a match's payload is the index into `integrations`, and `routes.keys` has the key at that index.
  public let routes: RouteTable
  /// What answers each route, in the order of the definition.
  public let integrations: [Integration]

  /// Whether some route of it has a cache.
  var caches: Bool {
    integrations.contains {
      switch $0 {
      case .upstream(_, _, _, let caching): caching != nil
      case .mock: false
      }
    }
  }
}

/// Something wrong with a definition, and where.
public struct HTTPAPIFault: Equatable, Sendable, CustomStringConvertible {
  /// The part at fault. Route and host indices are those of the definition.
  public enum Place: Equatable, Sendable {
    case name
    case hosts
    case host(Int)
    case routes
    case routeKey(Int)
    case upstream(route: Int)
    case timeout(route: Int)
    case mockStatus(route: Int)
    case mockField(route: Int, field: Int)
    case mockBody(route: Int)
  }

  /// The index of the definition.
  public let api: Int
  public let apiName: String
  public let place: Place
  /// What is wrong and what to do.
  public let message: String

  public var description: String { "API \"\(apiName)\": \(message)" }
}

/// All the faults of a set of definitions.
public struct HTTPAPIFaults: Error, Equatable, Sendable {
  public let faults: [HTTPAPIFault]
}

/// Compiled APIs, and the choice among them by host.
public struct HTTPAPISet: Sendable {
  public let apis: [HTTPAPI]
  /// Matches a host to an index into `apis`.
  public let hosts: HostTable

  /// Compiles definitions.
  ///
  /// - Parameters:
  ///   - definitions: the APIs, in the order of the configuration.
  ///   - upstreams: the names of the upstream pools that exist.
  ///   - limits: what to accept.
  /// - Throws: every fault of every definition at once, in the order of the definitions; clashes between hosts last.
  public static func compile(
    _ definitions: [HTTPAPIDefinition], upstreams: Set<String>, limits: HTTPAPILimits = HTTPAPILimits()
  ) throws(HTTPAPIFaults) -> HTTPAPISet {
    var compiler = HTTPAPICompiler(upstreams: upstreams, limits: limits)
    for definition in definitions { compiler.add(definition) }
    let hosts = compiler.compileHosts()
    guard compiler.faults.isEmpty, let hosts else { throw HTTPAPIFaults(faults: compiler.faults) }
    return HTTPAPISet(apis: compiler.apis, hosts: hosts)
  }
}
