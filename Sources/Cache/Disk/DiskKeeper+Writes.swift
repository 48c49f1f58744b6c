// Writes, one after the other, in batches. The head record goes last: until it is there, an entry's chunks are only room.
import Runtime

extension DiskKeeper {
  /// What callers are told once the batch is written.
  private typealias Told = @Sendable () -> Void

  func perform(_ jobs: [WriteJob]) {
    var told: [Told] = []
    var fault: DiskFault?
    for job in jobs {
      if fault == nil {
        do throws(DiskFault) { try apply(job, &told) } catch { fault = error }
      } else {
        refuse(job, &told)
      }
    }
    do throws(DiskFault) {
      if let fault { throw fault }
      try writeBatch()
    } catch {
      fault = error
    }
    // The tier is off before a caller hears of a removal: what could not be removed must not be found.
    if let fault { fail(fault, isOpening: false) }
    for job in jobs { shared.queue.settle(job) }
    for tell in told { tell() }
  }

  private func refuse(_ job: WriteJob, _ told: inout [Told]) {
    switch job {
    case .refresh(_, _, let completion): told.append { completion(false) }
    case .remove(_, let completion): if let completion { told.append(completion) }
    case .removeAll(let completion): told.append(completion)
    case .chunk, .commit, .rescue, .forget: break
    }
  }

  private func apply(_ job: WriteJob, _ told: inout [Told]) throws(DiskFault) {
    switch job {
    case .chunk(let fill, let index, let bytes): try put(bytes, index, of: fill)
    case .commit(let fill, let first, let bodyBytes): try commit(fill, first, bodyBytes)
    case .remove(let hash, let completion):
      if let completion { told.append(completion) }
      try putRemoval(hash)
    case .removeAll(let completion):
      told.append(completion)
      try dropAll()
    case .refresh(let parts, let number, let completion):
      do throws(DiskFault) {
        let isChanged = try refresh(parts, number)
        told.append { completion(isChanged) }
      } catch {
        told.append { completion(false) }
        throw error
      }
    case .rescue(let key, let number): try rescue(key, number)
    case .forget(let hash, let number): try forget(hash, number)
    }
    if batch.bytes >= DiskKeeper.batchBytes { try writeBatch() }
  }

  func writeBatch() throws(DiskFault) {
    guard let database, !batch.isEmpty else { return }
    try checkDevice(before: UInt64(batch.bytes))
    unmeasuredBytes += UInt64(batch.bytes)
    try database.write(batch)
    if ring.needsNext { try rotate() }
    if unmeasuredBytes >= shared.options.bytesMax / 256 { try makeRoom() }
  }

  // MARK: parts

  private var youngest: DiskGeneration? { ring.youngest.flatMap { generations[$0.number] } }

  private func put(_ key: [UInt8], _ value: [UInt8], in generation: DiskGeneration, keepUntil: UInt64) {
    batch.put(key, value, in: generation)
    ring.wrote(key.count + value.count, to: generation.number, keepUntil: keepUntil)
  }

  private func putHead(_ record: HeadRecord, plain: [UInt8], hash: DiskHash) {
    guard let youngest else { return }
    var record = record
    let packed = DiskPacking.packed(plain)
    record.isCompressed = packed != nil
    record.payload = packed ?? plain
    put(hash.headKey, record.encode(hash: hash), in: youngest, keepUntil: record.keepUntil)
  }

  private func putChunk(
    _ plain: [UInt8], _ index: UInt32, _ hash: DiskHash, _ number: UInt64, in generation: DiskGeneration, keepUntil: UInt64
  ) {
    let packed = DiskPacking.packed(plain)
    let record = ChunkRecord(isCompressed: packed != nil, bytes: packed ?? plain)
    let value = record.encode(hash: hash, entry: number, index: index)
    put(hash.chunkKey(entry: number, index: index), value, in: generation, keepUntil: keepUntil)
  }

  /// Hides what older generations hold under a hash, without a tombstone: the record goes with its own generation.
  private func putRemoval(_ hash: DiskHash) throws(DiskFault) {
    guard let youngest else { return }
    var record = HeadRecord(number: shared.drawNumber())
    record.isRemoval = true
    put(hash.headKey, record.encode(hash: hash), in: youngest, keepUntil: 0)
    batch.mustBeLogged = true
  }

  // MARK: stores

  private func isOfThisOpening(_ fill: DiskFill) -> Bool { fill.number >> DiskKeeper.epochShift == epoch }

  private func put(_ bytes: [UInt8], _ index: UInt32, of fill: DiskFill) throws(DiskFault) {
    var written = fill.written.withLock { $0 }
    if written.generation == 0 { written.generation = ring.youngest?.number ?? 0 }
    // A gap stays a gap: no later index follows on 0.
    let generation = isOfThisOpening(fill) && index == written.nextIndex ? generations[written.generation] : nil
    written.nextIndex = generation == nil ? 0 : index + 1
    fill.written.withLock { [written] in $0 = written }
    guard let generation else { return }
    putChunk(bytes, index, fill.parts.key.hash, fill.number, in: generation, keepUntil: fill.parts.keepUntil)
  }

  private func commit(_ fill: DiskFill, _ first: [UInt8], _ bodyBytes: UInt64) throws(DiskFault) {
    let hash = fill.parts.key.hash
    var record = HeadRecord(number: fill.number)
    record.keepUntil = fill.parts.keepUntil
    record.bodyBytes = bodyBytes
    record.chunkBytes = UInt32(shared.options.chunkBytes)
    record.terms = fill.parts.terms
    record.key = fill.parts.key.bytes
    record.headBytes = UInt32(fill.parts.head.count)
    let written = fill.written.withLock { $0 }
    if record.chunkCount > 1 {
      guard isOfThisOpening(fill), UInt64(written.nextIndex) == record.chunkCount, let body = generations[written.generation] else {
        // What was there before is out of date all the same.
        return try putRemoval(hash)
      }
      record.bodyGeneration = body.number
      if body.number != ring.youngest?.number {
        // Two families reach the disk in any order; the head must not come before its chunks.
        try writeBatch()
        try database?.flush(body)
      }
    }
    putHead(record, plain: fill.parts.head + first, hash: hash)
    shared.counters.stores.count()
  }

  // MARK: changes

  /// The record in force under a hash and its plain payload; nil if there is none that could be served.
  private func current(_ hash: DiskHash) throws(DiskFault) -> (record: HeadRecord?, plain: [UInt8])? {
    try writeBatch()
    guard let database else { return nil }
    for number in ring.generations.reversed().map(\.number) {
      guard let generation = generations[number] else { continue }
      let found = try database.read(hash.headKey, in: generation) { bytes -> (HeadRecord?, [UInt8]) in
        guard let (record, payload) = try? HeadRecord.open(bytes, hash: hash) else { return (nil, []) }
        if record.isRemoval { return (record, []) }
        guard let plain = DiskPacking.plain(payload, isCompressed: record.isCompressed, count: record.plainBytes) else { return (nil, []) }
        return (record, plain)
      }
      if let found { return found }
    }
    return nil
  }

  private func refresh(_ parts: DiskEntryParts, _ number: UInt64) throws(DiskFault) -> Bool {
    guard let (found, plain) = try current(parts.key.hash), var record = found, !record.isRemoval, record.number == number,
      record.key == parts.key.bytes
    else { return false }
    let first = plain.dropFirst(Int(record.headBytes))
    record.terms = parts.terms
    record.headBytes = UInt32(parts.head.count)
    record.keepUntil = parts.keepUntil
    if record.chunkCount > 1 {
      ring.wrote(0, to: record.bodyGeneration, keepUntil: parts.keepUntil)
      try writeNote()
    }
    putHead(record, plain: parts.head + first, hash: parts.key.hash)
    return true
  }

  private func rescue(_ key: DiskKey, _ number: UInt64) throws(DiskFault) {
    guard let (found, plain) = try current(key.hash), var record = found, record.number == number, record.key == key.bytes, let youngest,
      let database
    else { return }
    let old = record
    record.number = shared.drawNumber()
    if old.chunkCount > 1 {
      guard let body = generations[old.bodyGeneration] else { return }
      record.bodyGeneration = youngest.number
      for index in 1..<UInt32(old.chunkCount) {
        guard let bytes = try DiskReader.chunk(index, of: old, hash: key.hash, in: body, database) else { return }
        putChunk(bytes, index, key.hash, record.number, in: youngest, keepUntil: record.keepUntil)
      }
    }
    putHead(record, plain: plain, hash: key.hash)
    shared.counters.rescues.count()
  }

  private func forget(_ hash: DiskHash, _ number: UInt64) throws(DiskFault) {
    guard let (record, _) = try current(hash) else { return }
    if record == nil || record?.number == number { try putRemoval(hash) }
  }

  private func dropAll() throws(DiskFault) {
    try writeBatch()
    try rotate()
    // Oldest first, so that a crash in between leaves nothing in force that was hidden.
    for number in ring.generations.dropLast().map(\.number) { try drop(number) }
    try writeNote()
    reap(isUrgent: true)
  }
}
