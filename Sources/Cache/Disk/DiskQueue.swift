// The queues between callers and the tier's threads, and their bounds. A caller never waits here longer than for the lock; the threads
// sleep here.
import CEpoll
import Glibc
import Runtime

/// Whether the tier takes work.
enum DiskState: Sendable {
  /// Opening for the first time: writes are taken and done once it is open.
  case opening
  case on
  case off
  case closed
}

// SAFETY: (@unchecked Sendable) everything mutable is touched under `mutex` only; mutex and conditions live as long as this.
final class DiskQueue: @unchecked Sendable {
  /// Removals that may wait. Beyond, everything is removed: what should be gone must not come back.
  static let removalsMax = 65_536

  /// Rescues and damaged records that may wait; a later hit brings another.
  static let minorsMax = 256

  private let options: DiskOptions
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let forReaders: UnsafeMutablePointer<pthread_cond_t>
  private let forWriter: UnsafeMutablePointer<pthread_cond_t>
  private let forWatch: UnsafeMutablePointer<pthread_cond_t>

  private var state = DiskState.opening
  private var reads = DiskFifo<ReadJob>()
  private var others = DiskFifo<ReaderJob>()
  private var writes = DiskFifo<WriteJob>()
  /// Removals that need not wait for the stores before them.
  private var urgent = DiskFifo<WriteJob>()
  private var pendingBytes = 0
  private var outdated: [DiskHash: Int] = [:]
  /// Lookups of keys whose newer entry waits to be written.
  private var parked: [DiskHash: [ReadJob]] = [:]
  private var parkedCount = 0
  private var removals = 0
  private var waitingDrops = 0
  private var minors = 0
  private var hasMissedWrites = false
  private var fault: DiskFault?
  /// When the watch next looks for late lookups.
  private var watchAt = MonotonicTime.distantFuture

  init(_ options: DiskOptions) {
    self.options = options
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    func condition() -> UnsafeMutablePointer<pthread_cond_t> {
      let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
      condition.initialize(to: pthread_cond_t())
      pthread_cond_init(condition, &attributes)
      return condition
    }
    forReaders = condition()
    forWriter = condition()
    forWatch = condition()
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    for condition in [forReaders, forWriter, forWatch] {
      pthread_cond_destroy(condition)
      condition.deallocate()
    }
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Sleeps until signalled or until a time of CLOCK_MONOTONIC.
  private func sleep(_ condition: UnsafeMutablePointer<pthread_cond_t>, until: MonotonicTime) {
    if until == .distantFuture {
      pthread_cond_wait(condition, mutex)
      return
    }
    var time = timespec(tv_sec: Int(until.nanoseconds / 1_000_000_000), tv_nsec: Int(until.nanoseconds % 1_000_000_000))
    pthread_cond_timedwait(condition, mutex, &time)
  }

  // MARK: callers

  var isOn: Bool { locked { state == .on } }
  var waitingBytes: Int { locked { pendingBytes } }

  /// - Returns: nil if the lookup waits for a thread now; else why it misses.
  func add(_ job: ReadJob) -> DiskMiss? {
    locked { () -> DiskMiss? in
      guard state == .on else { return .off }
      guard reads.count < options.readsMax else { return .late }
      reads.append(job)
      watch(job)
      pthread_cond_signal(forReaders)
      return nil
    }
  }

  private func watch(_ job: ReadJob) {
    if job.deadline >= watchAt { return }
    watchAt = job.deadline
    pthread_cond_signal(forWatch)
  }

  /// Adds a chunk or a walk; these are bounded by the number of cursors and walkers.
  /// - Returns: false if the tier is off.
  func add(_ job: ReaderJob) -> Bool {
    locked {
      guard state == .on else { return false }
      others.append(job)
      pthread_cond_signal(forReaders)
      return true
    }
  }

  /// Counts bytes that a body collects before they are handed over.
  func claim(_ bytes: Int) -> Bool {
    locked {
      guard bytes <= options.pendingBytesMax - pendingBytes else { return false }
      pendingBytes += bytes
      return true
    }
  }

  func giveBack(_ bytes: Int) { locked { pendingBytes -= bytes } }

  /// Adds a write whose bytes have been claimed.
  /// - Returns: false if the tier is off and nobody will do it; its bytes then remain the caller's to give back.
  func add(_ job: WriteJob) -> Bool {
    locked {
      guard state == .on || state == .opening else {
        if job.outdates != nil { hasMissedWrites = true }
        return false
      }
      if job.isMinor && minors == DiskQueue.minorsMax { return false }
      append(job)
      return true
    }
  }

  /// Adds a removal, whatever else waits.
  /// - Returns: false if the tier is off; it then comes back empty.
  func addRemoval(_ hash: DiskHash, _ completion: (@Sendable () -> Void)?) -> Bool {
    locked {
      guard state == .on || state == .opening else {
        hasMissedWrites = true
        return false
      }
      if removals >= DiskQueue.removalsMax {
        giveUpWrites(completion)
      } else {
        removals += 1
        // What is on disk goes first of all, since whoever asked may be told so; what waits to be stored under the hash goes behind that.
        if outdated[hash] == nil {
          append(.remove(hash, completion), isUrgent: true)
        } else {
          removals += 1
          append(.remove(hash, nil), isUrgent: true)
          append(.remove(hash, completion))
        }
      }
      return true
    }
  }

  /// Adds the removal of everything; lookups miss until it is done.
  /// - Returns: false if the tier is off; it then comes back empty.
  func addRemoveAll(_ completion: @escaping @Sendable () -> Void) -> Bool {
    locked {
      guard state == .on || state == .opening else {
        hasMissedWrites = true
        return false
      }
      append(.removeAll(completion))
      return true
    }
  }

  /// Replaces all that waits by one removal of everything: stores may be shed, removals may not.
  private func giveUpWrites(_ last: (@Sendable () -> Void)?) {
    var completions = last.map { [$0] } ?? []
    for job in urgent.takeAll() + writes.takeAll() {
      forgetCounts(of: job)
      switch job {
      case .remove(_, let completion): if let completion { completions.append(completion) }
      case .removeAll(let completion): completions.append(completion)
      case .refresh(_, _, let completion): completions.append { completion(false) }
      case .chunk, .commit, .rescue, .forget: break
      }
    }
    append(.removeAll { [completions] in for completion in completions { completion() } })
  }

  private func append(_ job: WriteJob, isUrgent: Bool = false) {
    if let hash = job.outdates { outdated[hash, default: 0] += 1 }
    if case .removeAll = job { waitingDrops += 1 }
    if job.isMinor { minors += 1 }
    if isUrgent { urgent.append(job) } else { writes.append(job) }
    pthread_cond_signal(forWriter)
  }

  func reportFault(_ fault: DiskFault) {
    locked {
      guard state == .on else { return }
      if self.fault == nil { self.fault = fault }
      pthread_cond_signal(forWriter)
    }
  }

  // MARK: threads

  enum Reading: Equatable {
    case now
    /// It comes again when the key's newer entry is written.
    case later
    case never
  }

  /// When a lookup can be answered: not from an entry that a waiting write is going to replace.
  func turn(of job: ReadJob) -> Reading {
    locked {
      if waitingDrops > 0 { return .never }
      guard outdated[job.key.hash] != nil else { return .now }
      guard state == .on, parkedCount < options.readsMax else { return .never }
      parked[job.key.hash, default: []].append(job)
      parkedCount += 1
      watch(job)
      return .later
    }
  }

  private func unpark(_ hash: DiskHash) {
    guard let jobs = parked.removeValue(forKey: hash) else { return }
    parkedCount -= jobs.count
    for job in jobs { reads.append(job) }
    pthread_cond_broadcast(forReaders)
  }

  /// Takes parked lookups out.
  private func takeParked(where matches: (ReadJob) -> Bool) -> [ReadJob] {
    var taken: [ReadJob] = []
    for (hash, jobs) in parked where jobs.contains(where: matches) {
      taken += jobs.filter(matches)
      let rest = jobs.filter { !matches($0) }
      parked[hash] = rest.isEmpty ? nil : rest
    }
    parkedCount -= taken.count
    return taken
  }

  /// The next job for a reader; waits for it. Nil when the tier is closed.
  func nextReaderJob() -> ReaderJob? {
    locked {
      while true {
        if state == .closed { return nil }
        // Bodies on their way go before new lookups: somebody waits in the middle of a response.
        if let job = others.takeFirst() { return job }
        if let job = reads.takeFirst() { return .read(job) }
        sleep(forReaders, until: .distantFuture)
      }
    }
  }

  enum WriterTurn {
    case jobs([WriteJob])
    case fault(DiskFault)
    case idle
    case closed([WriteJob])
  }

  /// What the writer does next; waits for it until a time at most.
  func nextWrites(until: MonotonicTime, bytesMax: Int) -> WriterTurn {
    locked {
      while true {
        if let fault {
          self.fault = nil
          return .fault(fault)
        }
        var jobs: [WriteJob] = []
        var bytes = 0
        while state == .on || state == .closed, bytes < bytesMax, let job = urgent.takeFirst() ?? writes.takeFirst() {
          bytes += job.bytes
          jobs.append(job)
        }
        if state == .closed { return .closed(jobs) }
        if !jobs.isEmpty { return .jobs(jobs) }
        if tg_now(CLOCK_MONOTONIC) >= until.nanoseconds { return .idle }
        sleep(forWriter, until: until)
      }
    }
  }

  /// A write is done, or never will be.
  func settle(_ job: WriteJob) { locked { forgetCounts(of: job) } }

  private func forgetCounts(of job: WriteJob) {
    pendingBytes -= job.bytes
    if job.isMinor { minors -= 1 }
    switch job {
    case .removeAll: waitingDrops -= 1
    case .remove: removals -= 1
    case .chunk, .commit, .refresh, .rescue, .forget: break
    }
    guard let hash = job.outdates, let count = outdated[hash] else { return }
    outdated[hash] = count == 1 ? nil : count - 1
    if count == 1 { unpark(hash) }
  }

  /// The tier serves from now on. If it missed writes while it was off, what it holds may be out of date, and all of it goes first.
  func open() {
    locked {
      if state == .closed { return }
      fault = nil
      state = .on
      if hasMissedWrites { append(.removeAll({})) }
      hasMissedWrites = false
    }
  }

  /// The database is empty: nothing in it can be out of date.
  func nothingMissed() { locked { hasMissedWrites = false } }

  /// The tier is off: what waits is handed to the writer to end it.
  /// - Parameter isMissing: writes have been lost already.
  func turnOff(isMissing: Bool) -> (reads: [ReadJob], others: [ReaderJob], writes: [WriteJob]) {
    locked {
      if isMissing { hasMissedWrites = true }
      if state != .closed { state = .off }
      fault = nil
      let ended = (reads.takeAll() + takeParked { _ in true }, others.takeAll(), urgent.takeAll() + writes.takeAll())
      if ended.2.contains(where: { $0.outdates != nil }) { hasMissedWrites = true }
      return ended
    }
  }

  func close() {
    locked {
      state = .closed
      for condition in [forReaders, forWriter, forWatch] { pthread_cond_broadcast(condition) }
    }
  }

  /// Lookups whose deadline has passed while no thread took them; waits for some. Nil when the tier is closed.
  func nextLate() -> [ReadJob]? {
    locked {
      while true {
        if state == .closed { return nil }
        let now = MonotonicTime(nanoseconds: tg_now(CLOCK_MONOTONIC))
        if now >= watchAt {
          let late = reads.take { $0.deadline <= now } + takeParked { $0.deadline <= now }
          watchAt = .distantFuture
          for job in parked.values.joined() where job.deadline < watchAt { watchAt = job.deadline }
          // What is left is short: a lookup that waits is the exception.
          for job in reads.peekAll() where job.deadline < watchAt { watchAt = job.deadline }
          if !late.isEmpty { return late }
        }
        sleep(forWatch, until: watchAt)
      }
    }
  }
}
