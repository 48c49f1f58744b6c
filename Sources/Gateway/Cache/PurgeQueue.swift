// Purges on their way through this node's tiers: one after the other, many in one sweep, on a thread of their own, so that neither a worker
// nor whoever asks ever waits for a sweep. Where purges come from, and who else hears of them, is the node's.
import Cache
import Glibc
import Runtime
import Synchronization

/// What purges have done so far.
public struct PurgeCounts: Sendable, Equatable {
  public var purges: UInt64 = 0
  /// Entries removed, and marked stale.
  public var removed: UInt64 = 0
  public var marked: UInt64 = 0
  /// Responses that were not stored because a purge had overtaken them.
  public var overtaken: UInt64 = 0
  /// Purges that wait for their sweep.
  public var waiting = 0

  public init() {}
}

/// Applies purges in the order in which they came.
///
/// SAFETY: (@unchecked Sendable) what changes is atomic or locks by itself; jobs are carried out by one thread at a time.
public final class PurgeQueue: @unchecked Sendable {
  private enum Job: Sendable {
    case purge(Purge, done: @Sendable () -> Void)
    case work(@Sendable () -> Void)
    case stop
  }

  /// Purges waiting, beyond which operators and clients are refused.
  public static let waitingMax = 1_024
  /// Beyond this many one that purges everything takes a purge's place: what the cluster's log says cannot be refused.
  static let overflow = 16_384
  /// Purges in one sweep.
  private static let batchMax = 256
  /// Buckets between two looks at nothing but the tier's own locks.
  private static let bucketsAtOnce = 4_096

  let gate = PurgeGate()
  /// Whether this node knows what the others do.
  public let pulse = CachePulse()
  private let memory: MemoryTier
  private let fills: FillTable
  private let disk: DiskCache?
  private let jobs: Mailbox<Job>
  private let waiting = Atomic<Int>(0)
  private let counts = Locked(PurgeCounts())
  private let settled = Atomic<Bool>(true)
  private var removeKey: (([UInt8]) -> Void)?

  init(memory: MemoryTier, fills: FillTable, disk: DiskCache? = nil) {
    self.disk = disk
    self.memory = memory
    self.fills = fills
    do { jobs = try Mailbox() } catch { preconditionFailure("no queue for purges: \(error)") }
  }

  /// How what is stored under one key, with all its variants, is removed. Before `run`.
  func exactly(_ remove: @escaping ([UInt8]) -> Void) { removeKey = remove }

  // MARK: from any thread

  /// Applies a purge, soon.
  /// - Parameter done: called on the queue's thread when nothing that the purge means can be found or stored any more.
  public func apply(_ purge: Purge, done: @escaping @Sendable () -> Void = {}) {
    let before = waiting.wrappingAdd(1, ordering: .relaxed).oldValue
    jobs.post(.purge(before >= PurgeQueue.overflow ? .all(stamp: purge.stamp) : purge, done: done))
  }

  /// Calls `work` on the queue's thread when all purges that came before are applied.
  public func after(_ work: @escaping @Sendable () -> Void) { jobs.post(.work(work)) }

  /// Ends `run` when all that came before is done.
  public func stop() { jobs.post(.stop) }

  public var isFull: Bool { waiting.load(ordering: .relaxed) >= PurgeQueue.waitingMax }

  /// Whether what survived a restart may be served: false until the node knows of all purges that it missed.
  public var isSettled: Bool { settled.load(ordering: .acquiring) && !pulse.isInDoubt }
  public func set(settled isSettled: Bool) { settled.store(isSettled, ordering: .releasing) }

  public var statistics: PurgeCounts {
    var figures = counts.withLock { $0 }
    figures.overtaken = gate.refusals
    figures.waiting = waiting.load(ordering: .relaxed)
    return figures
  }

  // MARK: on the queue's thread

  /// Serves until `stop`.
  public func run() {
    while true {
      var watched = pollfd(fd: jobs.descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&watched, 1, -1)
      precondition(ready >= 0 || errno == EINTR, "waiting for purges: \(String(cString: strerror(errno)))")
      if !advance() { return }
    }
  }

  /// Does what waits.
  /// - Returns: false after `stop`.
  func advance() -> Bool {
    var batch: [(purge: Purge, done: @Sendable () -> Void)] = []
    var isStopped = false
    for job in jobs.take() {
      switch job {
      case .purge(let purge, let done):
        batch.append((purge, done))
        if batch.count == PurgeQueue.batchMax { sweep(&batch) }
      case .work(let work):
        sweep(&batch)
        work()
      case .stop: isStopped = true
      }
    }
    sweep(&batch)
    return !isStopped
  }

  private func sweep(_ batch: inout [(purge: Purge, done: @Sendable () -> Void)]) {
    if batch.isEmpty { return }
    let purges = PurgeBatch(batch.map(\.purge))
    // Noted first: what is stored from now on knows of them, what was stored before is swept.
    gate.note(purges.purges)
    // Behind the gate: what is stored from here on says that it knows of them. Before the sweep, so that nothing comes to RAM behind it.
    disk?.apply(purges.purges)
    fills.withdraw { fill in
      // The tags of what has not come yet may be any.
      let tags = fill.head.map { CacheTags.hashes(HeadFields(head: $0.text)) } ?? [CacheTags.any]
      return purges.force(key: fill.key, tags: tags) != .none
    }
    // Keys are many, where somebody is away, and one by one they are found at once.
    if let removeKey, let keys = purges.keys {
      for key in keys { removeKey(key) }
      note(purges: batch.count, removed: keys.count, marked: 0)
      for each in batch { each.done() }
      batch = []
      return
    }
    // A mark must not lie ahead of this node's clock, or the entry would be fresh until then.
    let now = Int64(SystemTime().wall().nanoseconds / 1_000_000)
    var (cursor, affected, marked) = (MemoryCursor(), 0, 0)
    var isMore = true
    while isMore {
      isMore = memory.sweep(&cursor, bucketsMax: PurgeQueue.bucketsAtOnce, affected: &affected) { entry in
        switch purges.force(key: entry.key, tags: entry.tags) {
        case .none: return .keep
        case .gone: return .remove
        case .stale(let since):
          marked += 1
          return .markStale(since: min(since, now))
        }
      }
    }
    memory.reclaim()
    note(purges: batch.count, removed: affected - marked, marked: marked)
    for each in batch { each.done() }
    batch = []
  }

  private func note(purges: Int, removed: Int, marked: Int) {
    waiting.wrappingSubtract(purges, ordering: .relaxed)
    counts.withLock {
      $0.purges += UInt64(purges)
      $0.removed += UInt64(removed)
      $0.marked += UInt64(marked)
    }
  }
}
