// Lookups, chunks and walks, on the tier's reading threads. What they find damaged or about to go they hand to the writer.
import Runtime

struct DiskReader: Sendable {
  let shared: DiskShared

  /// Serves jobs until the tier is closed.
  func run() {
    while let job = shared.queue.nextReaderJob() {
      switch job {
      case .read(let job): answer(job)
      case .chunk(let job): answer(job)
      case .walk(let job): answer(job)
      }
    }
  }

  /// Misses for lookups that no thread took in time, until the tier is closed.
  func watch() {
    while let late = shared.queue.nextLate() { for job in late { miss(job, .late) } }
  }

  func miss(_ job: ReadJob, _ why: DiskMiss) {
    shared.counters.misses.count()
    if why == .late { shared.counters.late.count() }
    job.completion(.miss(why))
  }

  private func answer(_ job: ReadJob) {
    if job.deadline <= shared.time.monotonic() { return miss(job, .late) }
    switch shared.queue.turn(of: job) {
    case .now: break
    case .later: return
    case .never: return miss(job, .outdated)
    }
    do throws(DiskFault) {
      switch try shared.gate.shared({ shelf throws(DiskFault) in try look(job.key, shelf) }) {
      case .hit(let entry):
        shared.counters.hits.count()
        job.completion(.hit(entry))
      case .miss(let why): miss(job, why)
      }
    } catch {
      shared.queue.reportFault(error)
      miss(job, .off)
    }
  }

  private func look(_ key: DiskKey, _ shelf: DiskShelf) throws(DiskFault) -> DiskAnswer {
    guard let database = shelf.database else { return .miss(.off) }
    let name = key.hash.headKey
    for generation in shelf.generations {
      if let answer = try database.read(name, in: generation, { take($0, key, generation, shelf) }) { return answer }
    }
    return .miss(.absent)
  }

  private func take(_ bytes: UnsafeRawBufferPointer, _ key: DiskKey, _ generation: DiskGeneration, _ shelf: DiskShelf) -> DiskAnswer {
    guard let (record, payload) = try? HeadRecord.open(bytes, hash: key.hash) else { return damaged(key.hash, 0) }
    // Another key of the same hash has the place.
    if record.isRemoval || record.key != key.bytes { return .miss(.absent) }
    if record.keepUntil < shared.now { return .miss(.expired) }
    guard let plain = DiskPacking.plain(payload, isCompressed: record.isCompressed, count: record.plainBytes) else {
      return damaged(key.hash, record.number)
    }
    var rest: DiskCursor?
    if record.chunkCount > 1 {
      guard let body = shelf.generations.first(where: { $0.number == record.bodyGeneration }) else { return .miss(.absent) }
      if shared.cursors.wrappingAdd(1, ordering: .relaxed).oldValue >= shared.options.cursorsMax {
        shared.cursors.wrappingSubtract(1, ordering: .relaxed)
        return .miss(.crowded)
      }
      rest = DiskCursor(shared: shared, generation: body, hash: key.hash, record: record)
    }
    let isLeaving = shelf.leaving.contains(generation.number) || rest != nil && shelf.leaving.contains(record.bodyGeneration)
    if isLeaving && record.bodyBytes <= UInt64(shared.options.rescueBytesMax)
      && shared.queue.waitingBytes < shared.options.pendingBytesMax / 2
    {
      _ = shared.queue.add(.rescue(key, number: record.number))
    }
    let headBytes = Int(record.headBytes)
    return .hit(
      DiskEntry(
        number: record.number, terms: record.terms, head: Array(plain[..<headBytes]), bodyBytes: record.bodyBytes,
        keepUntil: record.keepUntil, first: Array(plain[headBytes...]), rest: rest))
  }

  private func damaged(_ hash: DiskHash, _ number: UInt64) -> DiskAnswer {
    shared.counters.damaged.count()
    _ = shared.queue.add(.forget(hash, number: number))
    return .miss(.damaged)
  }

  private func answer(_ job: ChunkJob) {
    let cursor = job.cursor
    do throws(DiskFault) {
      let bytes = try shared.gate.shared { shelf throws(DiskFault) -> [UInt8]? in
        // A generation that had to go leaves no damage behind; a chunk that misses in one that is there is damage.
        guard let database = shelf.database, cursor.generation.handle != nil else { return nil }
        let bytes = try DiskReader.chunk(job.index, of: cursor.record, hash: cursor.hash, in: cursor.generation, database)
        if bytes == nil { _ = damaged(cursor.hash, cursor.record.number) }
        return bytes
      }
      if let bytes { return job.completion(.bytes(bytes)) }
    } catch {
      shared.queue.reportFault(error)
    }
    shared.counters.broken.count()
    job.completion(.broken)
  }

  /// The plain bytes of a chunk; nil if it is not there or not what was written.
  static func chunk(
    _ index: UInt32, of record: HeadRecord, hash: DiskHash, in generation: DiskGeneration, _ database: DiskDatabase
  ) throws(DiskFault) -> [UInt8]? {
    let count = record.bytes(ofChunk: UInt64(index))
    let found = try database.read(hash.chunkKey(entry: record.number, index: index), in: generation) { bytes -> [UInt8]? in
      guard let (stored, isCompressed) = ChunkRecord.open(bytes, hash: hash, entry: record.number, index: index) else { return nil }
      return DiskPacking.plain(stored, isCompressed: isCompressed, count: count)
    }
    return found ?? nil
  }

  private func answer(_ job: WalkJob) {
    var walk = DiskWalk()
    do throws(DiskFault) {
      walk = try shared.gate.shared { shelf throws(DiskFault) in try step(job, shelf) }
    } catch {
      shared.queue.reportFault(error)
    }
    job.completion(walk)
  }

  private func step(_ job: WalkJob, _ shelf: DiskShelf) throws(DiskFault) -> DiskWalk {
    var walk = DiskWalk()
    guard let database = shelf.database,
      let generation = shelf.generations.first(where: { $0.number <= job.position.generation })
    else { return walk }
    let start = generation.number == job.position.generation ? job.position.hash : DiskHash(high: 0, low: 0)
    let rest = try database.walkHeads(generation, from: start, limit: job.limit) { hash, bytes in
      guard let (record, _) = try? HeadRecord.open(bytes, hash: hash), !record.isRemoval, record.keepUntil >= shared.now else { return }
      walk.heads.append(
        DiskWalk.Head(
          key: DiskKey(hash: hash, bytes: record.key), number: record.number, terms: record.terms, bodyBytes: record.bodyBytes,
          keepUntil: record.keepUntil))
    }
    if let rest {
      walk.next = DiskWalkPosition(generation: generation.number, hash: rest)
    } else if let older = shelf.generations.first(where: { $0.number < generation.number }) {
      walk.next = DiskWalkPosition(generation: older.number, hash: DiskHash(high: 0, low: 0))
    }
    return walk
  }
}
