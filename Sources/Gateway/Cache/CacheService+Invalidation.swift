// What responses that are not stored say about those that are: unsafe methods make them stale, a HEAD freshens or removes them.
import Cache
import Proxy
import Runtime

extension CacheService {
  /// The head of the response to a HEAD, before its client gets it.
  func renew(_ exchange: ExchangeRef, _ response: ByteView, _ plan: CachePlan) {
    let request = HeadFields(head: exchange.wholeHead)
    let key = CacheKey(
      scheme: exchange.isSecure ? .https : .http, authority: Array(exchange.authority.bytes), path: Array(exchange.path.bytes),
      query: Array(exchange.query.bytes), request: request, rules: plan.caching.key, listenerPort: exchange.listenerPort)
    freshen(key.bytes, request, HeadFields(head: response.bytes), plan)
  }

  /// The head of the response to an unsafe request, before its client gets it (RFC 9111 §4.4).
  /// - Parameter planOf: by what a GET of a path would be cached.
  func makeStale(
    _ exchange: ExchangeRef, _ response: ByteView, status: Int, _ worker: Worker, definitions: UInt64, planOf: ([UInt8]) -> CachePlan?
  ) {
    let scheme: CacheScheme = exchange.isSecure ? .https : .http
    let targets = Invalidation.targets(
      method: Array(exchange.methodName.bytes), status: status, authority: Array(exchange.authority.bytes),
      path: Array(exchange.path.bytes) + Array(exchange.query.bytes), response: HeadFields(head: response.bytes), scheme: scheme)
    var keys: [[UInt8]] = []
    for target in targets {
      guard let plan = planOf(target.path) else { continue }
      let key = CacheKey(
        scheme: scheme, authority: target.authority, path: target.path, query: target.query,
        request: HeadFields(head: exchange.wholeHead), rules: plan.caching.key, listenerPort: exchange.listenerPort)
      forget(key.bytes)
      keys.append(key.bytes)
    }
    if !keys.isEmpty { tellStale(keys, definitions, like: exchange, worker) }
  }

  /// RFC 9111 §4.3.5: a HEAD that shows another representation makes the stored one stale; one that shows the same renews it.
  func freshen(_ key: [UInt8], _ request: HeadFields, _ response: HeadFields, _ plan: CachePlan) {
    guard response.status == 200, let reader = memory.makeReader() else { return }
    defer { memory.close(reader) }
    reader.enter()
    defer { reader.leave() }
    var found = key.withUnsafeBytes { reader.peek(hash($0), $0) }
    if let entry = found, let index = VariantIndex(entry) {
      found =
        index.names.lazy.compactMap { names in
          index.key(of: key, Variance.key(names, request)).withUnsafeBytes { reader.peek(self.hash($0), $0) }
        }.first
    }
    guard let entry = found else { return }
    // A copy is its owner's to renew.
    if entry.flags & CopyMark.any != 0 { return _ = memory.remove(entry) }
    let stored = HeadFields(head: entry.head)
    guard Validation.headAgrees(stored: stored, head: response, bodyBytes: entry.body.count) else { return _ = memory.remove(entry) }
    let merged = Validation.merge(stored: stored, with: response, receivedAt: now)
    let judgement = Storing.judgeFreshened(
      request: request, merged: HeadFields(head: merged), update: response, rules: plan.caching.rules, requestTime: now, responseTime: now)
    guard case .store(let terms) = judgement else { return _ = memory.remove(entry) }
    _ = merged.withUnsafeBytes { memory.freshen(entry, head: $0, terms: terms.packed, flags: entry.flags) }
  }
}
