// The verdicts of all checkers, merged. What they mean together is VerdictBoard+Quorum; who checks what is CheckRanks.
import Runtime

/// Bounds and times of a board; equal on all nodes of a cluster.
public struct VerdictLimits: Sendable, Equatable {
  /// Nodes of a zone that check an endpoint: three outvote one that is wrong.
  public var checkers = 3
  /// Milliseconds after which a verdict that is not said again no longer counts. Membership tells within two seconds that a checker is
  /// dead; this is only for one that lives and no longer checks.
  public var lifetime: UInt64 = 120_000
  public var verdictsMax = 65_536
  public var newsMax = 8_192

  public init() {}

  /// Milliseconds after which a verdict that still holds is said again: two tellings may be lost before it expires.
  public var refreshInterval: UInt64 { lifetime / 3 }
}

/// What came of a verdict that was heard.
public enum VerdictMerge: Sendable, Equatable {
  case known
  /// It holds, and says what the one before said.
  case refreshed
  /// It holds, and says something else: combined verdicts may have changed.
  case changed
  case expired
  /// Its stamp is too far ahead by so many milliseconds.
  case ahead(milliseconds: UInt64)
  case full
}

/// All verdicts that this node knows.
public struct VerdictBoard: Sendable {
  struct Key: Hashable, Comparable, Sendable {
    var endpoint: EndpointID
    var checker: MemberID

    static func < (left: Key, right: Key) -> Bool { (left.endpoint, left.checker) < (right.endpoint, right.checker) }
  }

  public let me: MemberID
  public let generation: UInt64
  public let limits: VerdictLimits
  // In the order of keys.
  var verdicts: [Verdict] = []
  private var sums = [UInt64](repeating: 0, count: BucketDigest.count)
  private var news: TellQueue<Key>

  public init(me: MemberID, generation: UInt64, limits: VerdictLimits = VerdictLimits()) {
    self.me = me
    self.generation = generation
    self.limits = limits
    news = TellQueue(limit: limits.newsMax)
  }

  public var count: Int { verdicts.count }

  /// Says what this node found when it checked an endpoint; told only if it is new or due to be said again.
  /// - Parameter now: the wall clock, nanoseconds.
  /// - Returns: whether there is something to tell.
  public mutating func report(_ endpoint: EndpointID, isHealthy: Bool, clock: inout HybridClock, now: UInt64) -> Bool {
    let time = clock.milliseconds(now: now)
    let key = Key(endpoint: endpoint, checker: me)
    let before = verdict(key)
    if let before, before.generation == generation, before.isHealthy == isHealthy,
      before.stamp.milliseconds <= time, !before.stamp.isOlder(than: limits.refreshInterval, at: time)
    {
      return false
    }
    let stamp = clock.stamp(now: now)
    let since = before.flatMap { $0.isHealthy == isHealthy ? $0.since : nil } ?? stamp.milliseconds
    let verdict = Verdict(
      endpoint: endpoint, checker: me, generation: generation, stamp: stamp, since: since, isHealthy: isHealthy)
    guard before != nil || verdicts.count < limits.verdictsMax else { return false }
    put(verdict, key)
    return true
  }

  /// Takes over a verdict that another node told.
  /// - Parameter now: the wall clock, nanoseconds.
  public mutating func merge(_ verdict: Verdict, clock: inout HybridClock, now: UInt64) -> VerdictMerge {
    let key = Key(endpoint: verdict.endpoint, checker: verdict.checker)
    let before = self.verdict(key)
    if let before, !verdict.overrides(before) { return .known }
    if let excess = clock.observe(verdict.stamp, now: now) { return .ahead(milliseconds: excess) }
    // Refused here as well: what one node has forgotten must not come back from another that is about to.
    if verdict.stamp.isOlder(than: limits.lifetime, at: clock.milliseconds(now: now)) { return .expired }
    guard before != nil || verdicts.count < limits.verdictsMax else { return .full }
    put(verdict, key)
    return before?.isHealthy == verdict.isHealthy ? .refreshed : .changed
  }

  /// Forgets verdicts that nobody has said again in time.
  /// - Parameter time: `HybridClock.milliseconds`, milliseconds.
  public mutating func expire(at time: UInt64) {
    for verdict in verdicts where verdict.stamp.isOlder(than: limits.lifetime, at: time) {
      remove(Key(endpoint: verdict.endpoint, checker: verdict.checker))
    }
  }

  /// Whether there is something to tell.
  public var hasNews: Bool { !news.isEmpty }

  /// Whether a checker has a verdict on an endpoint that counts.
  func isSaying(_ checker: MemberID, of endpoint: EndpointID, at time: UInt64) -> Bool {
    verdict(Key(endpoint: endpoint, checker: checker)).map { isFresh($0, at: time) } ?? false
  }

  /// Takes news for one message, least told first.
  public mutating func takeNews(budget: Int, tellings: Int) -> [Verdict] {
    // Taken out meanwhile: what is told is looked up beside it.
    var queue = TellQueue<Key>(limit: 1)
    swap(&queue, &news)
    defer { swap(&queue, &news) }
    let keys = queue.take(budget: budget, tellings: tellings) { key in verdict(key).map { FactBatch.bytes(of: $0) } }
    return keys.compactMap { verdict($0) }
  }

  /// All verdicts, in an order that all nodes share.
  public var all: [Verdict] { verdicts }

  /// Where boards differ in what they say. That a verdict was said again is not in it: else boards would differ all the time.
  public var digest: BucketDigest { BucketDigest(sums: sums) }
  public var hash: UInt64 { digest.hash }

  /// The verdicts of some buckets, for another to merge.
  public func verdicts(inBuckets wanted: [Int]) -> [Verdict] {
    verdicts.filter { wanted.contains(VerdictBoard.bucket(of: $0.endpoint)) }
  }

  private static func bucket(of endpoint: EndpointID) -> Int { BucketDigest.bucket(StableHash.avalanche(endpoint.value)) }

  func verdict(_ key: Key) -> Verdict? {
    let at = place(of: key)
    return at < verdicts.count && isAt(at, key) ? verdicts[at] : nil
  }

  private func isAt(_ at: Int, _ key: Key) -> Bool { verdicts[at].endpoint == key.endpoint && verdicts[at].checker == key.checker }

  func place(of key: Key) -> Int {
    var (low, high) = (0, verdicts.count)
    while low < high {
      let middle = (low + high) / 2
      let isBefore = Key(endpoint: verdicts[middle].endpoint, checker: verdicts[middle].checker) < key
      if isBefore { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func put(_ verdict: Verdict, _ key: Key) {
    let at = place(of: key)
    let bucket = VerdictBoard.bucket(of: key.endpoint)
    if at < verdicts.count, isAt(at, key) {
      sums[bucket] &-= verdicts[at].digest
      verdicts[at] = verdict
    } else {
      verdicts.insert(verdict, at: at)
    }
    sums[bucket] &+= verdict.digest
    news.add(key)
  }

  private mutating func remove(_ key: Key) {
    let at = place(of: key)
    guard at < verdicts.count, isAt(at, key) else { return }
    sums[VerdictBoard.bucket(of: key.endpoint)] &-= verdicts[at].digest
    verdicts.remove(at: at)
    news.remove(key)
  }
}
