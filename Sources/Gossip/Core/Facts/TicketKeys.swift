// The ticket keys of the cluster: made by one, known to all before it is used, kept as long as tickets under it are honoured, so that a
// session resumes on any node. Handing them to libssl, and where their randomness comes from, is the caller's.
import Runtime

/// Times of ticket keys; equal on all nodes of a cluster.
public struct TicketLimits: Sendable, Equatable {
  /// Milliseconds after which the newest key is followed by another.
  public var rotation: UInt64 = 8 * 3_600_000
  /// Milliseconds after which a key is used for sealing: gossip takes a second, anti-entropy and the skew of clocks two each. Who has not
  /// heard of a key by then shakes hands in full.
  public var settle: UInt64 = 10_000
  /// Milliseconds that each next in rank waits longer for the first to make the key that is due.
  public var patience: UInt64 = 60_000
  /// Keys held; more are made only by many partitions at once.
  public var keysMax = 4

  public init() {}

  /// Milliseconds for which a key opens tickets: while it seals, and for as long again after.
  public var lifetime: UInt64 { rotation * 2 }
}

/// What came of a key that was heard.
public enum TicketMerge: Sendable, Equatable {
  case known
  case added
  /// Too old, or older than as many others as are held.
  case refused
  /// Its stamp is too far ahead by so many milliseconds.
  case ahead(milliseconds: UInt64)
}

/// The keys that a node holds.
public struct TicketKeys: Sendable {
  public let me: MemberID
  public let limits: TicketLimits
  /// Newest first.
  public private(set) var keys: [TicketKey] = []
  private var news: TellQueue<[UInt8]>

  public init(me: MemberID, limits: TicketLimits = TicketLimits()) {
    self.me = me
    self.limits = limits
    news = TellQueue(limit: max(limits.keysMax, 1))
  }

  /// The key to seal new tickets with: the newest that is old enough to be known everywhere. Nil while there is none: then no tickets are
  /// issued, for another node could not open them.
  /// - Parameter time: `HybridClock.milliseconds`, milliseconds.
  public func current(at time: UInt64) -> TicketKey? {
    keys.first { $0.made.stamp.isOlder(than: limits.settle, at: time) && !isExpired($0, at: time) }
  }

  /// The keys that open tickets, newest first.
  public func decrypting(at time: UInt64) -> [TicketKey] { keys.filter { !isExpired($0, at: time) } }

  /// Whether this node is to make a key now: the first in rank when the newest is older than the rotation period or there is none, each
  /// next in rank a while later if none has come.
  /// - Parameters:
  ///   - live: live members, this one included.
  ///   - waitingSince: since when this node has been in step with the cluster and without keys, milliseconds.
  ///   - time: `HybridClock.milliseconds`, milliseconds.
  public func isDue(live: [MemberID], waitingSince: UInt64, at time: UInt64) -> Bool {
    let rank = CheckRanks.first(live.count, of: live, for: EndpointID(TicketKeys.rankKey)).firstIndex(of: me) ?? live.count
    let (patience, overflow) = limits.patience.multipliedReportingOverflow(by: UInt64(rank))
    if overflow { return false }
    guard let newest = keys.first else { return time >= waitingSince && time - waitingSince >= patience }
    return newest.made.stamp.isOlder(than: limits.rotation.addingReportingOverflow(patience).partialValue, at: time)
  }

  private static let rankKey = StableHash.hash("tidegate ticket keys")

  /// Adds a key that this node makes.
  /// - Parameters:
  ///   - name: 16 bytes; new and unpredictable, as the secret.
  ///   - now: the wall clock, nanoseconds.
  /// - Precondition: the name has 16 bytes.
  public mutating func make(name: [UInt8], secret: TicketSecret, clock: inout HybridClock, now: UInt64) -> TicketKey {
    guard let key = TicketKey(name: name, secret: secret, made: WriteVersion(clock.stamp(now: now), by: me)) else {
      preconditionFailure("a ticket key's name has \(TicketKey.nameBytes) bytes, not \(name.count)")
    }
    insert(key)
    return key
  }

  /// Takes over a key that another node told.
  /// - Parameter now: the wall clock, nanoseconds.
  public mutating func merge(_ key: TicketKey, clock: inout HybridClock, now: UInt64) -> TicketMerge {
    // One name, one key: should a name ever come twice, all keep the same.
    let same = keys.first { $0.name == key.name }
    if let same, same == key || same.precedes(key) { return .known }
    if let excess = clock.observe(key.made.stamp, now: now) { return .ahead(milliseconds: excess) }
    if isExpired(key, at: clock.milliseconds(now: now)) { return .refused }
    insert(key)
    return keys.contains(key) ? .added : .refused
  }

  /// Forgets keys that open nothing any more, and those that a fast clock stamped.
  public mutating func expire(clock: HybridClock, now: UInt64) {
    let time = clock.milliseconds(now: now)
    keys = keys.filter { !isExpired($0, at: time) && clock.excess($0.made.stamp, now: now) == nil }
  }

  private func isExpired(_ key: TicketKey, at time: UInt64) -> Bool { key.made.stamp.isOlder(than: limits.lifetime, at: time) }

  private mutating func insert(_ key: TicketKey) {
    keys.removeAll { $0.name == key.name }
    keys.insert(key, at: keys.firstIndex { key.precedes($0) } ?? keys.count)
    if keys.count > limits.keysMax { keys.removeLast(keys.count - limits.keysMax) }
    if keys.contains(key) { news.add(key.name) }
  }

  /// Whether there is something to tell.
  public var hasNews: Bool { !news.isEmpty }

  /// Takes news for one message, least told first.
  public mutating func takeNews(budget: Int, tellings: Int) -> [TicketKey] {
    // Taken out meanwhile: what is told is looked up beside it.
    var queue = TellQueue<[UInt8]>(limit: 1)
    swap(&queue, &news)
    defer { swap(&queue, &news) }
    let keys = keys
    func key(_ name: [UInt8]) -> TicketKey? { keys.first { $0.name == name } }
    return queue.take(budget: budget, tellings: tellings) { name in key(name).map { FactBatch.bytes(of: $0) } }.compactMap(key)
  }

  /// Equal for equal keys; of names and times only.
  public var hash: UInt64 {
    keys.reduce(0x6B65_7973) { hash, key in
      // SAFETY: the array outlives the call, which reads within its bounds.
      let name = key.name.withUnsafeBytes { StableHash.hash($0, seed: hash) }
      return StableHash.avalanche(name &+ key.made.stamp.value &+ StableHash.avalanche(key.made.writer.value))
    }
  }
}
