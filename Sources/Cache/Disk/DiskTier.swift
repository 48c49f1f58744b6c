// The disk tier's door: what workers call. Nothing here waits for the disk. Lookups and writes go to threads of the tier's own, whose
// completions run there: the caller posts them to its worker. What entries mean, when they are fresh and what is purged is the caller's.
import Runtime

/// Responses on disk: bounded, compressed where it pays, whole or not there, over restarts and kill -9.
///
/// A purge by prefix or tag needs no index and no walk: the caller keeps its purges with their epochs, stores the epoch in the terms and
/// refuses what a lookup brings from before. `walk` serves inspection and handing over.
public final class DiskTier: Sendable {
  private let shared: DiskShared
  private let threads: Locked<[DiskThread]>

  /// Starts opening; lookups miss until `report` says that the tier is on.
  /// - Parameters:
  ///   - time: gives the deadlines and the seconds after which entries are no longer kept.
  ///   - report: called on the writer's thread, once for each change.
  public init(_ options: DiskOptions, time: any TimeSource = SystemTime(), report: @escaping @Sendable (DiskReport) -> Void) {
    options.check()
    let shared = DiskShared(options, time: time, report: report)
    self.shared = shared
    var threads = [DiskThread(name: "disk-write") { DiskKeeper(shared).run() }]
    for number in 0..<options.readers { threads.append(DiskThread(name: "disk-read-\(number)") { DiskReader(shared: shared).run() }) }
    threads.append(DiskThread(name: "disk-watch") { DiskReader(shared: shared).watch() })
    self.threads = Locked(threads)
  }

  // The threads hold what they need; they end by themselves.
  deinit { shared.queue.close() }

  /// Writes what waits, closes the database and waits for the threads. Not from a completion.
  public func close() {
    shared.queue.close()
    let ended = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in ended { thread.join() }
  }

  /// Bytes of the longest body that is stored: a generation has room for two.
  static func bodyBytesMax(_ options: DiskOptions) -> UInt64 { options.bytesMax / GenerationRing.parts / 2 }

  /// The longest body that `store` and `begin` take, in bytes.
  public var bodyBytesMax: UInt64 { DiskTier.bodyBytesMax(shared.options) }

  /// Whether it serves: else lookups miss at once.
  public var isOn: Bool { shared.queue.isOn }

  // MARK: lookups

  /// Looks an entry up. While a newer one of its key waits to be written, the lookup waits with it.
  /// - Parameters:
  ///   - deadline: when no thread has begun by then, the answer is a miss.
  ///   - completion: called once, on a thread of the tier; on this one if the tier is off or its queue full.
  public func read(_ key: DiskKey, deadline: MonotonicTime, _ completion: @escaping @Sendable (DiskAnswer) -> Void) {
    let job = ReadJob(key: key, deadline: deadline, completion: completion)
    if let why = shared.queue.add(job) { DiskReader(shared: shared).miss(job, why) }
  }

  /// Visits some of the heads.
  /// - Parameters:
  ///   - position: `.start`, or where the step before says to go on.
  ///   - limit: how many at most, 1 or more.
  public func walk(from position: DiskWalkPosition, limit: Int, _ completion: @escaping @Sendable (DiskWalk) -> Void) {
    precondition(limit > 0, "a walk of \(limit) heads goes nowhere")
    if !shared.queue.add(.walk(WalkJob(position: position, limit: limit, completion: completion))) { completion(DiskWalk()) }
  }

  // MARK: stores

  /// Stores a whole entry in place of what was under its key.
  /// - Parameters:
  ///   - body: the body in pieces.
  ///   - keepUntil: seconds since 1970 after which nobody wants it, revalidation included.
  public func store(_ key: DiskKey, terms: [UInt8], head: [UInt8], body: [[UInt8]], keepUntil: UInt64 = .max) -> DiskStoring {
    let bytes = body.reduce(0) { $0 + $1.count }
    guard UInt64(bytes) <= bodyBytesMax else {
      remove(key.hash)
      return .refused
    }
    let (fill, outcome) = begin(key, terms: terms, head: head, keepUntil: keepUntil)
    guard let fill else { return outcome }
    for piece in body where !piece.withUnsafeBytes({ fill.append($0) }) { return .shed }
    return fill.commit()
  }

  /// Begins to store an entry whose body arrives over time.
  /// - Returns: the store, or why there is none.
  public func begin(_ key: DiskKey, terms: [UInt8], head: [UInt8], keepUntil: UInt64 = .max) -> (DiskFill?, DiskStoring) {
    guard terms.count <= DiskLimits.termsBytes, head.count <= DiskLimits.headBytes, !key.bytes.isEmpty,
      key.bytes.count <= DiskLimits.keyBytes
    else {
      remove(key.hash)
      return (nil, .refused)
    }
    guard shared.queue.isOn else {
      // What the tier holds under this key, if it opens with it, is out of date.
      remove(key.hash)
      return (nil, .off)
    }
    let parts = DiskEntryParts(key: key, terms: terms, head: head, keepUntil: keepUntil)
    return (DiskFill(shared: shared, parts: parts, number: shared.drawNumber()), .accepted)
  }

  /// Gives a stored entry new terms and a new head, as a 304 does (RFC 9111 §4.3.4); its body stays.
  /// - Parameters:
  ///   - number: the storing that the new terms mean. If another has taken its place, nothing changes.
  ///   - completion: called once, with whether it was changed.
  public func refresh(
    _ key: DiskKey, number: UInt64, terms: [UInt8], head: [UInt8], keepUntil: UInt64 = .max,
    _ completion: @escaping @Sendable (Bool) -> Void = { _ in }
  ) {
    guard terms.count <= DiskLimits.termsBytes, head.count <= DiskLimits.headBytes else { return completion(false) }
    let parts = DiskEntryParts(key: key, terms: terms, head: head, keepUntil: keepUntil)
    let job = WriteJob.refresh(parts, number: number, completion)
    guard shared.queue.claim(job.bytes) else {
      shared.counters.shed.count()
      return completion(false)
    }
    if !shared.queue.add(job) {
      shared.queue.giveBack(job.bytes)
      completion(false)
    }
  }

  /// Removes what is stored under a hash. Lookups miss from now on.
  /// - Parameter completion: called once, when the removal would survive a crash of the process.
  public func remove(_ hash: DiskHash, _ completion: (@Sendable () -> Void)? = nil) {
    if !shared.queue.addRemoval(hash, completion) { completion?() }
  }

  /// Removes everything. Lookups miss from now on until it is done.
  public func removeAll(_ completion: @escaping @Sendable () -> Void = {}) {
    if !shared.queue.addRemoveAll(completion) { completion() }
  }

  // MARK: figures

  public var statistics: DiskStatistics {
    var figures = DiskStatistics()
    let counters = shared.counters
    figures.isOn = shared.queue.isOn
    figures.bytes = counters.bytes.load(ordering: .relaxed)
    figures.bytesMax = shared.options.bytesMax
    figures.recordsEstimate = counters.records.load(ordering: .relaxed)
    figures.generations = counters.generations.load(ordering: .relaxed)
    figures.pendingBytes = shared.queue.waitingBytes
    figures.hits = counters.hits.load(ordering: .relaxed)
    figures.misses = counters.misses.load(ordering: .relaxed)
    figures.late = counters.late.load(ordering: .relaxed)
    figures.damaged = counters.damaged.load(ordering: .relaxed)
    figures.stores = counters.stores.load(ordering: .relaxed)
    figures.shed = counters.shed.load(ordering: .relaxed)
    figures.rescues = counters.rescues.load(ordering: .relaxed)
    figures.dropped = counters.dropped.load(ordering: .relaxed)
    figures.broken = counters.broken.load(ordering: .relaxed)
    figures.faults = counters.faults.load(ordering: .relaxed)
    return figures
  }
}
