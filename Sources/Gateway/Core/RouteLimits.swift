// Owns the bounds of a route set. What breaks one is refused when a definition is compiled, so that matching needs no checks.

/// The bounds of one API's routes. AWS allows 300 routes an HTTP API; these leave room for definitions that outgrew it.
public struct RouteLimits: Sendable, Equatable {
  /// The longest route key, in bytes.
  public var keyBytesMax = 2048
  /// The deepest route, in path segments; never more than 64, since a route keeps its parameters as bits of one word.
  public var segmentsMax = 64
  /// The most routes in one table.
  public var routesMax = 16_384
  /// The most nodes that any request may make a match look at (`RouteTable.visitsMax`). Only literals beside parameters on many
  /// levels at once come near it: each such level can double the ways to try.
  public var visitsMax = 1024

  public init() {}
}
