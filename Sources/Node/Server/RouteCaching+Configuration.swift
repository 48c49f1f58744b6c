// A route's caching, and the cache's settings, in the words of the gateway.
import Cache
import Gateway

extension RouteCaching {
  /// nil: the route has no cache.
  init?(_ cache: Configuration.RouteCache?, api: String) {
    guard let cache, cache.isEnabled else { return nil }
    self.init(
      rules: CacheRules(
        defaultTTL: cache.defaultTTL?.components.seconds, maximumTTL: cache.maximumTTL?.components.seconds,
        negativeTTL: cache.negativeTTL?.components.seconds, heuristics: cache.heuristics,
        staleWhileRevalidate: cache.staleWhileRevalidate.components.seconds, staleIfError: cache.staleIfError.components.seconds,
        bodyBytesMax: cache.bodyBytesMax),
      key: CacheKeyRules(
        host: cache.keyHost, query: cache.keyQuery.map { $0.isEmpty ? .none : .named($0) } ?? .all,
        headers: cache.keyHeaders.map { $0.lowercased() }.sorted(), space: api),
      bypassHeaders: cache.bypass, allowsPurgeMethod: cache.allowsPurgeMethod)
  }
}

extension CacheService {
  /// What a configuration says of the cache besides its sizes, which take effect at a start.
  func use(_ configuration: Configuration) {
    let settings = configuration.cache
    set(
      replicas: settings.replicas, hotCopies: settings.hotCopies, fills: settings.fills, definitions: configuration.definitions)
  }
}
