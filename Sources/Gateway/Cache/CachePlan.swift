// What a route says of caching, compiled: which requests, under which key, on which rules.
import Cache
import Proxy

/// Caching on one route, as a definition states it.
public struct RouteCaching: Sendable, Equatable {
  public var rules: CacheRules
  public var key: CacheKeyRules
  /// Requests with one of these fields go past the cache.
  public var bypassHeaders: [String]
  /// Whether the method `PURGE` removes what is kept.
  public var allowsPurgeMethod: Bool

  public init(
    rules: CacheRules, key: CacheKeyRules = CacheKeyRules(), bypassHeaders: [String] = [], allowsPurgeMethod: Bool = false
  ) {
    self.rules = rules
    self.key = key
    self.bypassHeaders = bypassHeaders
    self.allowsPurgeMethod = allowsPurgeMethod
  }
}

/// A compiled one: kept by the application, used on every worker.
final class CachePlan: Sendable {
  let caching: RouteCaching
  /// Lower case.
  let bypassHeaders: [[UInt8]]
  /// Whether the request's line alone makes the key, and nothing goes past the cache.
  let isPlain: Bool

  /// The hash of the definitions that it is part of.
  let definitions: UInt64

  init(_ caching: RouteCaching, definitions: UInt64) {
    self.definitions = definitions
    self.caching = caching
    bypassHeaders = caching.bypassHeaders.map { Array($0.lowercased().utf8) }
    isPlain = caching.key.headers.isEmpty && bypassHeaders.isEmpty
  }
}
