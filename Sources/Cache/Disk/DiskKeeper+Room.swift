// Room: new generations begin, old ones go. The arithmetic is GenerationRing's.
import Runtime

extension DiskKeeper {
  /// Nanoseconds between looks at the device's free room while little is written.
  private static let deviceTick: UInt64 = 100_000_000

  /// Begins a generation.
  func rotate() throws(DiskFault) {
    guard let database else { return }
    // Until a full generation has reached its files, the log keeps all of it and what is written since. Where the device takes files more
    // slowly than the log, waiting here lets stores be shed instead of the folder passing its bound.
    if let full = ring.youngest.flatMap({ generations[$0.number] }) { try database.flush(full) }
    let generation = try database.makeGeneration(ring.nextNumber)
    generations[generation.number] = generation
    ring.append(.init(number: generation.number, bytes: 0, keepUntil: 0))
    try writeNote()
    show()
  }

  /// Measures the folder and drops what is too much.
  func makeRoom() throws(DiskFault) {
    unmeasuredBytes = 0
    reap(isUrgent: false)
    // A file that a flush or a merge still uses goes a little later than its generation; two drops a look do not run ahead of that.
    for _ in 0..<2 {
      let folder = measure()
      let pending = generations.values.reduce(UInt64(0)) { $0 &+ (database?.memoryBytes($1) ?? 0) }
      takenBytes = folder &+ pending
      guard let number = ring.due(folderBytes: folder, pendingBytes: pending, isDeviceShort: isDeviceShort, now: shared.now) else { break }
      if retired.isEmpty { try drop(number) } else { reap(isUrgent: true) }
    }
    _ = measure()
    show()
  }

  // MARK: the device

  /// Whether so little is free that the oldest entries go, lest the reserve be touched.
  private var isDeviceShort: Bool {
    guard let free = DiskFolder.freeBytes(shared.options.path) else { return false }
    return free / 2 < shared.options.reserveBytes
  }

  /// What is wrong when so much is free.
  /// - Parameter free: nil where the system does not say.
  func shortage(_ free: UInt64?) -> DiskFault? {
    guard let free, free < shared.options.reserveBytes else { return nil }
    return DiskFault(.short, "\(shared.options.path): \(free) bytes are free on the device, \(shared.options.reserveBytes) must stay free")
  }

  /// Looks at the device before a batch, though not more often than what is written makes needful.
  func checkDevice(before bytes: UInt64) throws(DiskFault) {
    unlookedBytes += bytes
    guard unlookedBytes >= shared.options.reserveBytes / 16 || now().nanoseconds(since: deviceLookedAt) >= DiskKeeper.deviceTick else {
      return
    }
    try checkDevice()
  }

  /// Looks at the device, and gives room away where it is short: a set-aside database, then the oldest generations.
  /// - Throws: the shortage that is left.
  func checkDevice() throws(DiskFault) {
    unlookedBytes = 0
    deviceLookedAt = now()
    if isDeviceShort { DiskFolder.deleteSetAside(shared.options.path) }
    if isDeviceShort { try makeRoom() }
    if let shortage = shortage(DiskFolder.freeBytes(shared.options.path)) { throw shortage }
  }

  private func measure() -> UInt64 {
    let bytes = DiskFolder.bytes(shared.options.path)
    shared.counters.bytes.store(bytes, ordering: .relaxed)
    return bytes
  }

  /// Drops a generation whole. Bodies that are being read from it may go on until its room is needed after all.
  func drop(_ number: UInt64) throws(DiskFault) {
    guard let generation = generations.removeValue(forKey: number) else { return }
    ring.remove(number)
    show()
    retired.append(generation)
    shared.counters.dropped.count()
    try database?.drop(generation)
    reap(isUrgent: false)
  }

  /// Deletes the files of dropped generations.
  /// - Parameter isUrgent: also of those that bodies are being read from; these break off.
  func reap(isUrgent: Bool) {
    guard let database, !retired.isEmpty else { return }
    let handles = shared.gate.alone { _ in
      let idle = retired.filter { isUrgent || $0.cursors.load(ordering: .acquiring) == 0 }
      retired.removeAll { generation in idle.contains { $0 === generation } }
      return idle.compactMap { $0.takeHandle() }
    }
    for handle in handles { database.destroy(handle: handle) }
  }

  /// Lets lookups see what there is now.
  func show() {
    let list = ring.generations.reversed().compactMap { generations[$0.number] }
    let leaving = Set(ring.generations.map(\.number).filter { ring.isLeaving($0, takenBytes: takenBytes) })
    let database = database
    shared.gate.alone { shelf in
      shelf.database = database
      shelf.generations = list
      shelf.leaving = leaving
    }
    shared.counters.generations.store(list.count, ordering: .relaxed)
    let records = list.reduce(UInt64(0)) { $0 &+ (database?.recordsEstimate($1) ?? 0) }
    shared.counters.records.store(records, ordering: .relaxed)
  }
}
