// The disk tier as the cache uses it: which lookups are under way, so that all who want one key share one, and what a record that was found
// is worth after purges, restarts and changes of the cluster. Bytes on disk are DiskTier's, what becomes of a request CacheRequest's.
import Cache
import Proxy
import Runtime

/// A lookup on disk, and who waits for it.
///
/// SAFETY: (@unchecked Sendable) `waiting` and `isExpired` are touched under the lock of its stripe.
final class DiskLookup: @unchecked Sendable {
  let key: [UInt8]
  /// The key without its variant.
  let primary: [UInt8]
  fileprivate var waiting: [@Sendable (DiskFound) -> Void]
  fileprivate var isExpired = false

  fileprivate init(_ key: [UInt8], _ primary: [UInt8], _ waiting: @escaping @Sendable (DiskFound) -> Void) {
    self.key = key
    self.primary = primary
    self.waiting = [waiting]
  }
}

/// The disk tier, for operators.
public struct DiskStanding: Sendable, Equatable {
  public var isOn = false
  /// Why it is off.
  public var reason: String?
  /// Where files that could not be used were put.
  public var setAside: String?
  public var figures = DiskStatistics()

  public init() {}
}

/// The disk tier of a node.
final class DiskCache: Sendable {
  /// How long a lookup may wait for a thread, or for a newer entry to be written, nanoseconds.
  static let patience: UInt64 = 100_000_000
  /// How long a request waits for the disk at most: one that hangs costs this, and then the origin is asked.
  static let patienceOfRequest: UInt64 = 1_000_000_000
  /// Changes of the cluster that records are judged by; what was stored before the first of them is gone.
  private static let placesMax = 512
  private static let stripes = 16
  /// The database files entries under hashes that must be the same after a restart; the whole key is compared all the same.
  private static let seeds: (UInt64, UInt64) = (0x6469_736b_6b65_7931, 0x6469_736b_6b65_7932)

  /// The lookups of one part of the keys.
  private final class Stripe: Sendable {
    let lookups = Locked<[[UInt8]: DiskLookup]>([:])
  }

  /// What the tier has said last.
  private final class News: Sendable {
    let standing = Locked(DiskStanding())
  }

  private struct Place {
    var position: UInt64
    var placement: CachePlacement
  }

  let tier: DiskTier
  let purges: DiskPurges
  private let lookups: [Stripe] = (0..<stripes).map { _ in Stripe() }
  private let places = Locked<[Place]>([])
  private let news: News
  private let retriedAt = Locked(MonotonicTime.zero)
  private let touchedAt = Locked(MonotonicTime.zero)

  /// - Parameters:
  ///   - report: told of each change, on a thread of the tier.
  ///   - isInCluster: others may make stale what is kept here while this node is away.
  init(_ place: CacheDisk, isInCluster: Bool = false, report: @escaping @Sendable (DiskReport) -> Void) {
    let news = News()
    self.news = news
    var random = SystemRandomNumberGenerator()
    purges = DiskPurges(
      path: place.folder + "-purges", fresh: random.next(), silenceMax: isInCluster ? DiskCache.silenceMax : nil)
    tier = DiskTier(DiskOptions(path: place.folder, bytesMax: place.bytes)) { change in
      news.standing.withLock { DiskCache.note(change, &$0) }
      report(change)
    }
    // Of another history: nothing of it can be used, and its room can.
    if !purges.isContinued { tier.removeAll() }
  }

  private static func note(_ news: DiskReport, _ standing: inout DiskStanding) {
    switch news {
    case .on: (standing.isOn, standing.reason) = (true, nil)
    case .off(let fault, _): (standing.isOn, standing.reason) = (false, fault.description)
    case .setAside(let path, _): standing.setAside = path
    }
  }

  var report: DiskStanding {
    var standing = news.standing.withLock { $0 }
    if standing.isOn && !purges.isKept { (standing.isOn, standing.reason) = (false, "\(purges.path) cannot be written") }
    standing.figures = tier.statistics
    return standing
  }

  /// Whether it is time to try again to write what was purged; true once in a while.
  func mayRetry() -> Bool {
    let now = SystemTime().monotonic()
    return retriedAt.withLock { last in
      guard now.nanoseconds(since: last) > DiskCache.retryAfter else { return false }
      last = now
      return true
    }
  }
  private static let retryAfter: UInt64 = 5_000_000_000

  /// This node runs, and hears the others.
  func touch() {
    let now = SystemTime().monotonic()
    let isDue = touchedAt.withLock { last in
      guard now.nanoseconds(since: last) > DiskCache.touchAfter else { return false }
      last = now
      return true
    }
    if isDue { purges.touch() }
  }
  private static let touchAfter: UInt64 = 30_000_000_000
  /// Seconds: below the hour for which the cluster's log reaches back.
  private static let silenceMax: UInt64 = 3_000

  /// Whether it is worth asking.
  var isOn: Bool { tier.isOn && purges.isKept }

  /// The longest body that it takes. What waits to be written has a bound as well.
  var bodyBytesMax: Int { min(Int(clamping: tier.bodyBytesMax), DiskCache.storingBytesMax) }
  private static let storingBytesMax = 48 << 20

  static func key(_ key: [UInt8]) -> DiskKey { DiskKey(hash: hash(key), bytes: key) }

  static func hash(_ key: [UInt8]) -> DiskHash {
    key.withUnsafeBytes { DiskHash(high: StableHash.hash($0, seed: seeds.0), low: StableHash.hash($0, seed: seeds.1)) }
  }

  // MARK: lookups under way

  /// By the URI, so that a key and its variants meet.
  private func stripe(_ key: [UInt8]) -> Stripe {
    let uri = CacheKey.uri(of: key) ?? key[...]
    return lookups[Int(truncatingIfNeeded: uri.withUnsafeBytes { StableHash.hash($0) } % UInt64(DiskCache.stripes))]
  }

  /// Takes part in the lookup of a key.
  /// - Returns: the lookup that is to be carried out; nil where it is under way.
  func join(_ key: [UInt8], of primary: [UInt8], _ waiting: @escaping @Sendable (DiskFound) -> Void) -> DiskLookup? {
    stripe(primary).lookups.withLock { lookups in
      if let lookup = lookups[key] {
        lookup.waiting.append(waiting)
        return nil
      }
      let lookup = DiskLookup(key, primary, waiting)
      lookups[key] = lookup
      return lookup
    }
  }

  /// Whether what it found may no longer be used.
  func isExpired(_ lookup: DiskLookup) -> Bool { stripe(lookup.primary).lookups.withLock { _ in lookup.isExpired } }

  /// The lookup is over.
  /// - Returns: whether what it found may be used, and who waits for it.
  func end(_ lookup: DiskLookup) -> (isGood: Bool, waiting: [@Sendable (DiskFound) -> Void]) {
    stripe(lookup.primary).lookups.withLock { lookups in
      if lookups[lookup.key] === lookup { lookups[lookup.key] = nil }
      return (!lookup.isExpired, lookup.waiting)
    }
  }

  /// What lookups of a key and its variants bring is out of date: something newer is known. Before that is stored, or the old removed.
  /// - Parameter key: with or without its variant.
  func expire(_ key: [UInt8]) {
    stripe(key).lookups.withLock { lookups in
      for lookup in lookups.values where lookup.primary == key || lookup.key == key {
        lookup.isExpired = true
        lookups[lookup.key] = nil
      }
    }
  }

  /// The same for all keys.
  func expireAll() {
    for stripe in lookups {
      stripe.lookups.withLock { lookups in
        for lookup in lookups.values { lookup.isExpired = true }
        lookups = [:]
      }
    }
  }

  // MARK: what records are worth

  /// Notes purges, on the thread that purges: from its return on nothing that they mean is found, now or after a restart.
  func apply(_ made: [Purge]) {
    var random = SystemRandomNumberGenerator()
    purges.note(made, fresh: random.next())
    // Its room can be used at once.
    if made.contains(where: { $0.meaning == .all && !$0.isSoft }) { tier.removeAll() }
  }

  /// The nodes that keys are placed on have changed.
  func place(on placement: CachePlacement) {
    let position = purges.advance()
    let oldest = places.withLock { places -> UInt64? in
      // What was stored before the earlier of two equal ones was stored before the later.
      places.removeAll { $0.placement.isSame(as: placement) }
      places.append(Place(position: position, placement: placement))
      if places.count <= DiskCache.placesMax { return nil }
      return places.removeFirst().position
    }
    if let oldest { purges.raiseFloor(to: oldest) }
  }

  /// What a record is worth: its terms, as they are now.
  /// - Parameters:
  ///   - now: milliseconds since the epoch.
  /// - Returns: nil where it must not be used.
  func judge(_ terms: DiskTerms, key: [UInt8], tags: [UInt64], now: Int64) -> CacheTerms? {
    let wasAlwaysHere = places.withLock { places in
      places.allSatisfy { place in
        place.position <= terms.position
          || place.placement.rank(key, count: CacheService.keepersMax).contains { $0.endpoint == nil }
      }
    }
    // Other nodes had the key meanwhile, and nobody told this one what became stale.
    if !wasAlwaysHere { return nil }
    var judged = terms.terms
    switch purges.force(key, tags: tags, terms) {
    case .gone: return nil
    case .none: break
    case .stale(let since): judged.markStale(min(since, now))
    }
    return judged
  }
}

extension CachePlacement {
  fileprivate func isSame(as other: CachePlacement) -> Bool {
    members.count == other.members.count && zip(members, other.members).allSatisfy { $0.node == $1.node && $0.weight == $1.weight }
  }
}
