// Owns: several purges made ready to be asked about many entries at once. Which entries there are is the tiers'.
import Runtime

/// What a purge does to an entry; of two the greater counts.
public enum PurgeForce: Sendable, Equatable {
  case none
  /// It is stale from this time on: milliseconds since the epoch.
  case stale(since: Int64)
  case gone

  func joined(_ other: PurgeForce) -> PurgeForce {
    switch (self, other) {
    case (.gone, _), (_, .gone): .gone
    // A second purge does not move the windows that the first began.
    case (.stale(let mine), .stale(let theirs)): .stale(since: min(mine, theirs))
    case (.stale, .none): self
    case (.none, .stale), (.none, .none): other
    }
  }
}

/// Purges, looked up by what they mean: an entry costs a look at its tags and at its path, and one at each prefix.
public struct PurgeBatch: Sendable {
  public let purges: [Purge]
  private var everything = PurgeForce.none
  // For look-ups only.
  private var tags: [UInt64: PurgeForce] = [:]
  private var anyTag = PurgeForce.none
  /// By the hash of the path.
  private var paths: [UInt64: [Int]] = [:]
  private var prefixes: [Int] = []

  public init(_ purges: [Purge]) {
    self.purges = purges
    for (i, purge) in purges.enumerated() {
      let force = PurgeBatch.force(purge)
      switch purge.meaning {
      case .all: everything = everything.joined(force)
      case .tag(let tag):
        tags[CacheTags.hash(tag), default: .none] = tags[CacheTags.hash(tag), default: .none].joined(force)
        anyTag = anyTag.joined(force)
      case .url(let target), .path(let target): paths[target.path.withUnsafeBytes { StableHash.hash($0) }, default: []].append(i)
      case .key(let key):
        let path = key.withUnsafeBytes { key in CacheKeyParts(key).map { StableHash.hash($0.path) } }
        if let path { paths[path, default: []].append(i) } else { prefixes.append(i) }
      case .prefix: prefixes.append(i)
      case .away: break
      }
    }
  }

  /// The keys that are meant, where nothing but keys is.
  public var keys: [[UInt8]]? {
    var keys: [[UInt8]] = []
    for purge in purges {
      switch purge.meaning {
      case .key(let key): keys.append(key)
      case .away: break
      case .all, .tag, .url, .path, .prefix: return nil
      }
    }
    return keys
  }

  private static func force(_ purge: Purge) -> PurgeForce { purge.isSoft ? .stale(since: purge.stamp) : .gone }

  /// What becomes of an entry: as the purges one by one would have it (`Purge.matches`).
  public func force(key: UnsafeRawBufferPointer, tags entryTags: UnsafeBufferPointer<UInt64>) -> PurgeForce {
    var force = everything
    if force == .gone { return force }
    if !tags.isEmpty {
      for tag in entryTags { force = force.joined(tag == CacheTags.any ? anyTag : tags[tag] ?? .none) }
    }
    if paths.isEmpty && prefixes.isEmpty { return force }
    let parts = CacheKeyParts(key)
    let near = parts.map { paths[StableHash.hash($0.path)] ?? [] } ?? Array(paths.values.joined())
    for i in near where purges[i].matches(key: key, tags: entryTags) { force = force.joined(PurgeBatch.force(purges[i])) }
    for i in prefixes where purges[i].matches(key: key, tags: entryTags) { force = force.joined(PurgeBatch.force(purges[i])) }
    return force
  }

  public func force(key: [UInt8], tags: [UInt64]) -> PurgeForce {
    key.withUnsafeBytes { key in tags.withUnsafeBufferPointer { force(key: key, tags: $0) } }
  }
}
