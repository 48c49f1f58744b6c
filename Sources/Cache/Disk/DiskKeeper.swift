// The writer's thread: opens the database, keeps it within its bound, turns it off when it fails and tries to come back. It alone changes
// what is on disk, one job after the other, so that the order of a key's writes is the order in which they were asked for.
import Runtime

/// Confined to the writer's thread.
final class DiskKeeper {
  /// Bytes of stores that go to the database in one batch, near enough.
  static let batchBytes = 1 << 20
  /// Nanoseconds between looks at the folder while nothing is written.
  private static let tick: UInt64 = 5_000_000_000
  /// Nanoseconds on after which a failure is a new one.
  private static let held: UInt64 = 60_000_000_000
  /// Numbers of storings below the epoch.
  static let epochShift: UInt64 = 40

  let shared: DiskShared
  var ring: GenerationRing
  var database: DiskDatabase?
  var generations: [UInt64: DiskGeneration] = [:]
  /// Dropped ones that bodies are still being read from.
  var retired: [DiskGeneration] = []
  let batch = DiskBatch()
  var epoch: UInt64 = 0
  var unmeasuredBytes: UInt64 = 0
  /// When the device's free room was looked at, and what was written since.
  var deviceLookedAt = MonotonicTime.zero
  var unlookedBytes: UInt64 = 0
  /// What the folder took, with what lay in memory, at the last look.
  var takenBytes: UInt64 = 0
  private var retry = DiskRetry()
  private var wakeAt = MonotonicTime.zero
  private var openedAt = MonotonicTime.zero

  init(_ shared: DiskShared) {
    self.shared = shared
    ring = GenerationRing(bytesMax: shared.options.bytesMax)
  }

  /// Works until the tier is closed.
  func run() {
    open()
    while true {
      switch shared.queue.nextWrites(until: wakeAt, bytesMax: DiskKeeper.batchBytes) {
      case .jobs(let jobs): perform(jobs)
      case .fault(let fault): fail(fault, isOpening: false)
      case .idle: if database == nil { open() } else { look() }
      case .closed(let jobs):
        if jobs.isEmpty { return end() }
        if database == nil { discard(jobs) } else { perform(jobs) }
      }
    }
  }

  func now() -> MonotonicTime { shared.time.monotonic() }

  /// Takes a look at the folder while nothing is to be written.
  private func look() {
    wakeAt = now().advanced(byNanoseconds: DiskKeeper.tick)
    if now().nanoseconds(since: openedAt) > DiskKeeper.held { retry.held() }
    do throws(DiskFault) {
      try makeRoom()
      try checkDevice()
    } catch {
      fail(error, isOpening: false)
    }
  }

  // MARK: on and off

  private func open() {
    var isEmpty = true
    do throws(DiskFault) {
      isEmpty = try openDatabase()
    } catch {
      return fail(error, isOpening: true)
    }
    do throws(DiskFault) {
      // Only now are the files surely ours to give away.
      try checkDevice()
    } catch {
      return fail(error, isOpening: false)
    }
    openedAt = now()
    wakeAt = openedAt.advanced(byNanoseconds: DiskKeeper.tick)
    shared.queue.open()
    shared.report(.on(isEmpty: isEmpty))
  }

  /// - Returns: whether nothing was there.
  private func openDatabase() throws(DiskFault) -> Bool {
    let path = shared.options.path
    try DiskFolder.make(path)
    // Coming back to a device that is still short would fill it with files to delete.
    if !DiskFolder.hasDatabase(path), let shortage = shortage(DiskFolder.freeBytes(path)) { throw shortage }
    let (database, found) = try DiskDatabase.open(shared.options)
    self.database = database
    generations = Dictionary(uniqueKeysWithValues: found.map { ($0.number, $0) })
    try readNotes(database, found)
    if ring.needsNext { try rotate() }
    try makeRoom()
    return found.isEmpty
  }

  private func readNotes(_ database: DiskDatabase, _ found: [DiskGeneration]) throws(DiskFault) {
    let path = shared.options.path
    var notes = LayoutNote(epoch: 0, keepUntil: [:])
    if let bytes = try database.note(LayoutNote.key) {
      switch LayoutNote.decode(bytes) {
      case .note(let note): notes = note
      case .version(let version):
        throw DiskFault(.unknownVersion, "\(path) is of layout \(version), this build knows \(LayoutNote.version)")
      case .damaged: throw DiskFault(.corrupt, "\(path) holds a note that is not a layout's")
      }
    } else if !found.isEmpty {
      throw DiskFault(.unknownVersion, "\(path) holds generations and does not say of which layout")
    }
    ring = GenerationRing(bytesMax: shared.options.bytesMax)
    for generation in found {
      ring.append(
        .init(number: generation.number, bytes: database.bytes(generation), keepUntil: notes.keepUntil[generation.number] ?? .max))
    }
    // The tier's own count too: a database that was wiped begins anew, stores under way do not.
    epoch = max(epoch, notes.epoch) &+ 1
    shared.nextNumber.store(epoch << DiskKeeper.epochShift, ordering: .relaxed)
    try writeNote()
    show()
  }

  /// Writes down the layout, the epoch and when full generations are over.
  func writeNote() throws(DiskFault) {
    let full = ring.generations.dropLast().map { ($0.number, $0.keepUntil) }
    try database?.setNote(LayoutNote.key, LayoutNote(epoch: epoch, keepUntil: Dictionary(uniqueKeysWithValues: full)).encode())
  }

  /// Turns the tier off, ends what waits and repairs what can be repaired.
  func fail(_ fault: DiskFault, isOpening: Bool) {
    shared.counters.faults.count()
    // What was being written is lost; whether older records of its keys survive is not known.
    endWaiting(isMissing: !isOpening)
    shut()
    var fault = fault
    if fault.kind == .locked { fault.message = "\(shared.options.path) is in use by another process or tier: \(fault.message)" }
    var isRepaired = false
    do throws(DiskFault) {
      switch fault.remedy(isOpening: isOpening) {
      case .keep: break
      case .wipe:
        try DiskFolder.wipe(shared.options.path)
        shared.queue.nothingMissed()
      case .setAside:
        let path = try DiskFolder.setAside(shared.options.path)
        shared.queue.nothingMissed()
        shared.report(.setAside(path: path, fault))
        isRepaired = true
      }
    } catch {
      fault.message += "; and then: \(error.message)"
    }
    var wait = retry.failed()
    // An empty database in place of a damaged one is worth a try at once, but not over and over.
    if isRepaired && retry.failures == 1 { wait = 0 }
    wakeAt = now().advanced(byNanoseconds: wait)
    shared.report(.off(fault, retryAfter: wait))
  }

  private func endWaiting(isMissing: Bool) {
    let waiting = shared.queue.turnOff(isMissing: isMissing)
    let reader = DiskReader(shared: shared)
    for job in waiting.reads { reader.miss(job, .off) }
    for job in waiting.others {
      switch job {
      case .read(let job): reader.miss(job, .off)
      case .chunk(let job): job.completion(.broken)
      case .walk(let job): job.completion(DiskWalk())
      }
    }
    discard(waiting.writes)
  }

  /// Ends writes that will not be done. A removal counts as done: the tier serves nothing and comes back without what it should not have.
  private func discard(_ jobs: [WriteJob]) {
    for job in jobs {
      shared.queue.settle(job)
      switch job {
      case .refresh(_, _, let completion): completion(false)
      case .remove(_, let completion): completion?()
      case .removeAll(let completion): completion()
      case .chunk, .commit, .rescue, .forget: break
      }
    }
  }

  /// Closes the database once no lookup uses it.
  private func shut() {
    batch.clear()
    guard let database else { return }
    let all = Array(generations.values) + retired
    let handles = shared.gate.alone { shelf in
      shelf = DiskShelf()
      return all.compactMap { $0.takeHandle() }
    }
    for handle in handles { database.destroy(handle: handle) }
    database.close()
    self.database = nil
    generations = [:]
    retired = []
  }

  private func end() {
    endWaiting(isMissing: false)
    shut()
  }
}
