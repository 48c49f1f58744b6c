// What operators may see of single entries: where a key has its place, what the tiers have under it, and which keys are asked for most; and
// no bodies. Of variants those in RAM are seen, for an index does not say which there are.
import Cache
import Proxy
import Runtime

/// One stored response, without its body.
public struct CacheEntryView: Sendable, Equatable {
  public enum Tier: String, Sendable { case memory, disk }

  public var tier: Tier
  public var key: [UInt8]
  public var status: Int
  /// Status line and field lines.
  public var head: String
  public var bodyBytes: Int
  public var tags: Int
  /// Seconds; the lifetime's rest is below 0 for what is stale.
  public var age: Int64
  public var ttl: Int64
  public var staleWhileRevalidate: Int64
  public var staleIfError: Int64
  public var isMarkedStale: Bool
  public var isAlwaysValidated: Bool

  fileprivate init(_ tier: Tier, _ key: [UInt8], _ stored: CachedResponse, now: Int64) {
    self.tier = tier
    self.key = key
    status = stored.status
    head = String(decoding: stored.text, as: UTF8.self)
    bodyBytes = stored.bodyCount
    tags = CacheTags.hashes(stored.fields).count
    age = stored.terms.age(now)
    ttl = stored.terms.remaining(now)
    staleWhileRevalidate = stored.terms.staleWhileRevalidate
    staleIfError = stored.terms.staleIfError
    isMarkedStale = stored.terms.flags.contains(.wasMarkedStale)
    isAlwaysValidated = stored.terms.flags.contains(.alwaysValidate)
  }
}

/// What there is under some keys.
public struct CacheInspection: Sendable, Equatable {
  public var keys: [[UInt8]] = []
  /// Nodes in rank order, the owner first; none where this one is alone.
  public var rank: [String] = []
  public var entries: [CacheEntryView] = []

  public init() {}
}

extension CacheService {
  /// Entries that an inspection shows at most.
  private static let shownMax = 256

  /// Shows what the tiers have under keys and their variants.
  /// - Parameter then: called once, on any thread.
  public func inspect(_ keys: [[UInt8]], _ then: @escaping @Sendable (CacheInspection) -> Void) {
    var inspection = CacheInspection()
    inspection.keys = keys
    if let first = keys.first, let placement { inspection.rank = placement.rank(first, count: 3).map(\.name) }
    look(keys, inspection, then)
  }

  /// Looks at one key after the other.
  private func look(_ keys: [[UInt8]], _ sofar: CacheInspection, _ then: @escaping @Sendable (CacheInspection) -> Void) {
    guard let key = keys.last, sofar.entries.count < CacheService.shownMax else { return then(sofar) }
    let rest = Array(keys.dropLast())
    var inspection = sofar
    for each in [key, CacheService.partKey(key)] + variantsInMemory(of: key) {
      peek(each) { inspection.entries.append(CacheEntryView(.memory, each, $0, now: now)) }
    }
    guard asksDisk else { return look(rest, inspection, then) }
    lookUpOnDisk(key, of: key) { [self, inspection] found in
      var inspection = inspection
      switch found {
      case .nothing, .index: break
      case .response(let response), .part(let response):
        if let stored = CachedResponse(response) { inspection.entries.append(CacheEntryView(.disk, key, stored, now: now)) }
      }
      look(rest, inspection, then)
    }
  }

  private func peek(_ key: [UInt8], _ show: (CachedResponse) -> Void) {
    guard let reader = memory.makeReader() else { return }
    defer { memory.close(reader) }
    reader.enter()
    defer { reader.leave() }
    if let entry = key.withUnsafeBytes({ reader.peek(hash($0), $0) }), VariantIndex(entry) == nil { show(CachedResponse(entry)) }
  }

  private func isIndexInMemory(_ key: [UInt8]) -> Bool {
    guard let reader = memory.makeReader() else { return false }
    defer { memory.close(reader) }
    reader.enter()
    defer { reader.leave() }
    return key.withUnsafeBytes { reader.peek(hash($0), $0) }.map { VariantIndex($0) != nil } ?? false
  }

  /// Found by walking, which costs some milliseconds.
  private func variantsInMemory(of key: [UInt8]) -> [[UInt8]] {
    var found: [[UInt8]] = []
    if !isIndexInMemory(key) { return [] }
    walk(bucketsMax: .max) { entry in
      if entry.key.count > key.count + 8, entry.key[key.count] == 0, entry.key.starts(with: key), found.count < CacheService.shownMax {
        found.append(Array(entry.key))
      }
    }
    return found
  }

  /// URIs of entries in RAM that were hit several times since eviction last looked at them: a sample, in no order.
  public func hotKeys(max count: Int) -> [String] {
    var found: [String] = []
    walk(bucketsMax: 1 << 16) { entry in
      guard entry.frequency >= 3, found.count < count, let uri = CacheKey.uri(of: Array(entry.key)) else { return }
      found.append(String(decoding: uri, as: UTF8.self))
    }
    return found
  }

  private func walk(bucketsMax: Int, _ visit: (MemoryEntry) -> Void) {
    guard let reader = memory.makeReader() else { return }
    defer { memory.close(reader) }
    var cursor = MemoryCursor()
    reader.enter()
    defer { reader.leave() }
    _ = reader.walk(&cursor, bucketsMax: bucketsMax, visit)
  }
}
