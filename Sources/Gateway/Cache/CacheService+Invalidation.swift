// What responses that are not stored say about those that are: unsafe methods make them stale, a HEAD freshens or removes them.
import Cache
import Proxy
import Runtime

extension CacheService {
  /// How long a response waits for the disk, nanoseconds.
  private static let removalPatience: UInt64 = 250_000_000

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
    let removal = placement == nil && disk?.isOn ?? false ? DiskRemoval() : nil
    for target in targets {
      guard let plan = planOf(target.path) else { continue }
      let key = CacheKey(
        scheme: scheme, authority: target.authority, path: target.path, query: target.query,
        request: HeadFields(head: exchange.wholeHead), rules: plan.caching.key, listenerPort: exchange.listenerPort)
      forget(key.bytes, removal)
      keys.append(key.bytes)
    }
    if keys.isEmpty { return }
    if let removal {
      // Whoever has the response is not to find the old one again after a crash; not for long, should the disk be slow.
      let pause = worker.pause(exchange)
      removal.whenDone { worker.post { $0.resume(pause) } }
      worker.after(CacheService.removalPatience) { worker.resume(pause) }
    }
    tellStale(keys, definitions, like: exchange, worker)
  }

  /// RFC 9111 §4.3.5: a HEAD that shows another representation makes the stored one stale; one that shows the same renews it.
  /// - Parameter onDisk: what is stored, where that is known to lie on disk alone.
  func freshen(
    _ key: [UInt8], _ request: HeadFields, _ response: HeadFields, _ plan: CachePlan, onDisk: CachedResponse? = nil
  ) {
    guard response.status == 200, let reader = memory.makeReader() else { return }
    defer { memory.close(reader) }
    reader.enter()
    defer { reader.leave() }
    var found = key.withUnsafeBytes { reader.peek(hash($0), $0) }
    var keys = [key]
    if let entry = found, let index = VariantIndex(entry) {
      keys = index.names.map { index.key(of: key, Variance.key($0, request)) }
      found = keys.lazy.compactMap { key in key.withUnsafeBytes { reader.peek(self.hash($0), $0) } }.first
    }
    guard let entry = found else { return freshenOnDisk(onDisk, keys, request, response, plan) }
    // A copy is its owner's to renew.
    if entry.flags & CopyMark.any != 0 { return _ = memory.remove(entry) }
    let stored = HeadFields(head: entry.head)
    guard Validation.headAgrees(stored: stored, head: response, bodyBytes: entry.body.count) else { return drop(entry) }
    let merged = Validation.merge(stored: stored, with: response, receivedAt: now)
    let judgement = Storing.judgeFreshened(
      request: request, merged: HeadFields(head: merged), update: response, rules: plan.caching.rules, requestTime: now, responseTime: now)
    guard case .store(let terms) = judgement else { return drop(entry) }
    renewCopy(of: entry, merged, terms)
    expireLookups(key)
    _ = merged.withUnsafeBytes { memory.freshen(entry, head: $0, terms: terms.packed, flags: entry.flags) }
  }

  /// The copy on disk has the older head; while that may be marked stale, it is not worth a second look.
  private func renewCopy(of entry: MemoryEntry, _ text: [UInt8], _ terms: CacheTerms) {
    if disk == nil { return }
    if entry.isMarkedStale { return removeFromDisk(Array(entry.key)) }
    let head = Fill.Head(
      status: Int(entry.flags & 0xffff), text: text, terms: terms, length: entry.body.count, variance: .none, variant: [])
    storeOnDisk(Array(entry.key), head, [FillPiece(Array(entry.body))])
  }

  private func drop(_ entry: MemoryEntry) {
    let key = Array(entry.key)
    removeFromDisk(key)
    expireLookups(key)
    _ = memory.remove(entry)
  }

  /// The same for what is not in memory; of what may be on disk unseen nothing is known to be still good.
  private func freshenOnDisk(
    _ stored: CachedResponse?, _ keys: [[UInt8]], _ request: HeadFields, _ response: HeadFields, _ plan: CachePlan
  ) {
    defer { for key in keys { expireLookups(key) } }
    guard let stored, let disk = stored.disk, Validation.headAgrees(stored: stored.fields, head: response, bodyBytes: stored.bodyCount)
    else { return keys.forEach { removeFromDisk($0) } }
    let merged = Validation.merge(stored: stored.fields, with: response, receivedAt: now)
    let judgement = Storing.judgeFreshened(
      request: request, merged: HeadFields(head: merged), update: response, rules: plan.caching.rules, requestTime: now, responseTime: now)
    guard case .store(let terms) = judgement, !stored.terms.flags.contains(.wasMarkedStale) else { return removeFromDisk(disk.key) }
    renewOnDisk(
      disk.key, of: keys[0], number: disk.number, head: merged, terms, status: stored.status, since: purgePosition
    ) { _ in }
  }
}
