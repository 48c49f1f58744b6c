// Names and values that every node holds and any node may write; the later write wins, and whoever lost is told. Fetching what a digest
// names, and keeping entries on disk, is the caller's; comparing registers is in Register+Exchange.
import Runtime

/// What a write takes for granted.
public enum WriteExpectation: Sendable, Equatable {
  /// Nothing: the write replaces whatever there is.
  case anything
  /// The name does not exist, or was deleted.
  case absent
  /// The name's last write, a delete included, is this one.
  case version(WriteVersion)
}

/// Why a write was not made.
public enum WriteRefusal: Error, Sendable, Equatable {
  case nameTooLong(bytes: Int)
  case valueTooLong(bytes: Int)
  /// The expectation does not hold; this is what there is.
  case conflict(RegisterEntry?)
  /// As many entries or bytes as the limits allow.
  case full
  /// What there is bears a stamp above what this node's clock makes: it stepped back, and `restamp` was not called since.
  case clockBehind
}

/// What came of an entry that was heard.
public enum MergeOutcome: Sendable, Equatable {
  /// It, or a later one, was known.
  case known
  /// It holds now.
  case changed
  /// It holds now, and replaced a write of this node that its writer had not seen: that write is to be reported as lost.
  case lost(mine: RegisterEntry, winner: RegisterEntry)
  /// Its stamp is too far ahead by so many milliseconds; offered again later it may hold.
  case ahead(milliseconds: UInt64)
  /// There is no room.
  case full
  /// A delete that all have forgotten, or are about to.
  case expired
}

/// A map from names to values, by last writer wins (M. Shapiro et al., "A comprehensive study of Convergent and Commutative Replicated
/// Data Types", 2011, §3.2.1), with conditional writes and tombstones.
public struct Register: Sendable {
  public let me: MemberID
  public let limits: RegisterLimits
  // Each in the order of names.
  var buckets: [[RegisterEntry]] = Array(repeating: [], count: BucketDigest.count)
  // The sum of the digests of each bucket's entries: independent of the order in which they came.
  var sums: [UInt64] = Array(repeating: 0, count: BucketDigest.count)
  /// Names held, tombstones included.
  public private(set) var count = 0
  public private(set) var bytes = 0
  var news: TellQueue<[UInt8]>

  public init(me: MemberID, limits: RegisterLimits = RegisterLimits()) {
    self.me = me
    self.limits = limits
    news = TellQueue(limit: limits.newsMax)
  }

  /// What holds of a name; nil where it does not exist or was deleted.
  public func entry(_ name: [UInt8]) -> RegisterEntry? { stored(name).flatMap { $0.isDeleted ? nil : $0 } }

  /// As `entry`, tombstones included.
  public func stored(_ name: [UInt8]) -> RegisterEntry? {
    let bucket = Register.bucket(of: name)
    let at = place(of: name, in: bucket)
    return at < buckets[bucket].count && buckets[bucket][at].name == name ? buckets[bucket][at] : nil
  }

  /// All entries, tombstones included, in an order that all nodes share.
  public var entries: [RegisterEntry] { buckets.flatMap { $0 } }

  /// Writes a value, or deletes the name with nil.
  ///
  /// A conditional write is decided by what this node knows. A write made elsewhere at the same time may still win; then merging it says
  /// `lost`, here or at the other node, at exactly one of both.
  /// - Parameter now: the wall clock, nanoseconds.
  public mutating func write(
    _ name: [UInt8], _ value: [UInt8]?, if expected: WriteExpectation = .anything, clock: inout HybridClock, now: UInt64
  ) throws(WriteRefusal) -> RegisterEntry {
    if name.count > RegisterEntry.nameBytesMax { throw .nameTooLong(bytes: name.count) }
    if let value, value.count > RegisterEntry.valueBytesMax { throw .valueTooLong(bytes: value.count) }
    let current = stored(name)
    switch expected {
    case .anything: break
    case .absent: if let current, !current.isDeleted { throw .conflict(current) }
    case .version(let version): if current?.version != version { throw .conflict(current) }
    }
    let entry = RegisterEntry(name: name, value: value, version: WriteVersion(clock.stamp(now: now), by: me), over: current)
    if let current, current.version >= entry.version { throw .clockBehind }
    guard hasRoom(for: entry, over: current, slack: 0) else { throw .full }
    put(entry)
    return entry
  }

  /// Takes over an entry that another node told, or that this one kept on disk.
  /// - Parameter now: the wall clock, nanoseconds.
  public mutating func merge(_ entry: RegisterEntry, clock: inout HybridClock, now: UInt64) -> MergeOutcome {
    let current = stored(entry.name)
    if let current, !entry.overrides(current) { return .known }
    if let excess = clock.observe(entry.version.stamp, now: now) { return .ahead(milliseconds: excess) }
    let isExpired = entry.isDeleted && isForgotten(entry, at: clock.milliseconds(now: now))
    if isExpired {
      // The delete still has its effect; that it happened need not be kept.
      guard current != nil else { return .expired }
      removeStored(entry.name)
    } else {
      guard hasRoom(for: entry, over: current, slack: 4) else { return .full }
      put(entry)
    }
    if let current, current.version.writer == me, !current.isDeleted || !entry.isDeleted, !entry.descends(from: current.version) {
      return .lost(mine: current, winner: entry)
    }
    return .changed
  }

  /// Forgets deletes that are older than `tombstoneAge`.
  /// - Parameter time: `HybridClock.milliseconds`, milliseconds.
  /// - Returns: the names.
  public mutating func expire(at time: UInt64) -> [[UInt8]] {
    let gone = buckets.flatMap { $0.filter { isForgotten($0, at: time) }.map(\.name) }
    for name in gone { removeStored(name) }
    return gone
  }

  private func isForgotten(_ entry: RegisterEntry, at time: UInt64) -> Bool {
    entry.isDeleted && entry.version.stamp.isOlder(than: limits.tombstoneAge, at: time)
  }

  /// Sets right what a fast clock stamped, after `HybridClock.stepBack`: writes of this node that no other accepts are stamped anew and
  /// told again; those of others are dropped, for their writers do the same.
  /// - Returns: the entries that now hold.
  public mutating func restamp(clock: inout HybridClock, now: UInt64) -> [RegisterEntry] {
    var restamped: [RegisterEntry] = []
    for entry in entries where clock.excess(entry.version.stamp, now: now) != nil {
      removeStored(entry.name)
      guard entry.version.writer == me else { continue }
      var again = entry
      again.version = WriteVersion(clock.stamp(now: now), by: me)
      put(again)
      restamped.append(again)
    }
    return restamped
  }

  /// Whether there is something to tell.
  public var hasNews: Bool { !news.isEmpty }

  /// Takes news for one message, least told first.
  /// - Parameters:
  ///   - budget: bytes that they may take up together.
  ///   - tellings: `RumourQueue.tellings`.
  public mutating func takeNews(budget: Int, tellings: Int) -> [RegisterEntry] {
    // Taken out meanwhile: what is told is looked up beside it.
    var queue = TellQueue<[UInt8]>(limit: 1)
    swap(&queue, &news)
    defer { swap(&queue, &news) }
    let names = queue.take(budget: budget, tellings: tellings) { name in stored(name).map { FactBatch.bytes(of: $0) } }
    return names.compactMap { stored($0) }
  }

  static func bucket(of name: [UInt8]) -> Int {
    // SAFETY: the array outlives the call, which reads within its bounds.
    BucketDigest.bucket(name.withUnsafeBytes { StableHash.hash($0) })
  }

  private func place(of name: [UInt8], in bucket: Int) -> Int {
    var (low, high) = (0, buckets[bucket].count)
    while low < high {
      let middle = (low + high) / 2
      if buckets[bucket][middle].name.lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func hasRoom(for entry: RegisterEntry, over current: RegisterEntry?, slack quarter: Int) -> Bool {
    let extraEntries = quarter == 0 ? 0 : limits.entriesMax / quarter
    let extraBytes = quarter == 0 ? 0 : limits.bytesMax / quarter
    return count + (current == nil ? 1 : 0) <= limits.entriesMax + extraEntries
      && bytes - (current?.bytes ?? 0) + entry.bytes <= limits.bytesMax + extraBytes
  }

  private mutating func put(_ entry: RegisterEntry) {
    removeStored(entry.name)
    let bucket = Register.bucket(of: entry.name)
    buckets[bucket].insert(entry, at: place(of: entry.name, in: bucket))
    sums[bucket] &+= entry.digest
    count += 1
    bytes += entry.bytes
    news.add(entry.name)
  }

  mutating func removeStored(_ name: [UInt8]) {
    let bucket = Register.bucket(of: name)
    let at = place(of: name, in: bucket)
    guard at < buckets[bucket].count, buckets[bucket][at].name == name else { return }
    let entry = buckets[bucket].remove(at: at)
    sums[bucket] &-= entry.digest
    count -= 1
    bytes -= entry.bytes
    news.remove(name)
  }
}
