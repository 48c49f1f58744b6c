// The arithmetic of generations, the order of faults and of attempts to come back.
import Runtime
import Testing

@testable import Cache

@Suite struct GenerationRingTests {
  @Test func aGenerationIsFullAtItsPartOfTheLimit() {
    var ring = GenerationRing(bytesMax: 1600)
    #expect(ring.needsNext && ring.nextNumber == 1)
    ring.append(.init(number: 1, bytes: 0, keepUntil: 0))
    ring.wrote(99, to: 1, keepUntil: 5)
    #expect(!ring.needsNext)
    ring.wrote(1, to: 1, keepUntil: 3)
    #expect(ring.needsNext && ring.nextNumber == 2)
    #expect(ring.youngest?.keepUntil == 5)
  }

  @Test func theOldestGoesWhenTheFolderOrTheDeviceIsFullOrItsTimeIsOverAndTheYoungestNever() {
    var ring = GenerationRing(bytesMax: 1600)
    ring.append(.init(number: 1, bytes: 100, keepUntil: 50))
    #expect(ring.due(folderBytes: 9999, pendingBytes: 0, isDeviceShort: false, now: 99) == nil)
    ring.append(.init(number: 2, bytes: 100, keepUntil: .max))
    #expect(ring.due(folderBytes: 1600, pendingBytes: 0, isDeviceShort: false, now: 50) == nil)
    #expect(ring.due(folderBytes: 1600, pendingBytes: 1, isDeviceShort: false, now: 50) == 1)
    #expect(ring.due(folderBytes: .max, pendingBytes: .max, isDeviceShort: false, now: 0) == 1)
    #expect(ring.due(folderBytes: 0, pendingBytes: 0, isDeviceShort: false, now: 51) == 1)
    #expect(ring.due(folderBytes: 0, pendingBytes: 0, isDeviceShort: true, now: 0) == 1)
    ring.remove(1)
    #expect(ring.due(folderBytes: .max, pendingBytes: 0, isDeviceShort: true, now: 51) == nil)
  }

  @Test func onlyAQuarterOfAFullRingIsLeaving() {
    var ring = GenerationRing(bytesMax: 1600)
    for number in 1...8 as ClosedRange<UInt64> { ring.append(.init(number: number, bytes: 101, keepUntil: .max)) }
    let leaving = ring.generations.map(\.number).filter { ring.isLeaving($0, takenBytes: 801) }
    #expect(leaving == [1, 2])
    #expect(!ring.isLeaving(1, takenBytes: 800))
    #expect(!ring.isLeaving(77, takenBytes: 801))
  }

  @Test func overSeededRunsTheRingStaysWithinItsBoundAndInOrder() {
    for seed in 0..<50 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var ring = GenerationRing(bytesMax: 10_000)
      for _ in 0..<2000 {
        if ring.needsNext { ring.append(.init(number: ring.nextNumber, bytes: 0, keepUntil: 0)) }
        guard let youngest = ring.youngest else { continue }
        ring.wrote(Int(random.below(300)), to: youngest.number, keepUntil: random.below(100))
        let total = ring.generations.reduce(0) { $0 + $1.bytes }
        if let due = ring.due(folderBytes: total, pendingBytes: 0, isDeviceShort: false, now: 0) { ring.remove(due) }
        let after = ring.generations.reduce(0) { $0 + $1.bytes }
        #expect(after <= ring.bytesMax)
        #expect(ring.generations.map(\.number) == ring.generations.map(\.number).sorted())
      }
    }
  }

  @Test func statusesBecomeFaults() {
    let rows: [(String, Bool, DiskFault.Kind, DiskFault.Remedy)] = [
      ("IO error: No space left on device: While appending to file", false, .full, .wipe),
      ("IO error: While lock file: /x/LOCK: Resource temporarily unavailable", true, .locked, .keep),
      ("IO error: lock hold by current process, acquire time 1 acquiring thread 2: /x/LOCK: No locks available", true, .locked, .keep),
      ("Corruption: block checksum mismatch", false, .corrupt, .setAside),
      ("IO error: No such file or directory: While open a file for random read: /x/000012.sst", true, .corrupt, .setAside),
      ("Invalid argument: Column families not opened: g7", true, .corrupt, .setAside),
      ("IO error: Disk quota exceeded", true, .full, .wipe),
      ("IO error: Input/output error", false, .io, .wipe),
      ("IO error: Read-only file system", true, .io, .keep),
    ]
    for (message, isOpening, kind, remedy) in rows {
      let fault = DiskFault(status: message, isOpening: isOpening)
      #expect(fault.kind == kind, "\(message)")
      #expect(fault.remedy(isOpening: isOpening) == remedy, "\(message)")
    }
  }

  @Test func aShortDeviceIsGivenRoomByATierInUseOnly() {
    let fault = DiskFault(.short, "1 byte is free")
    #expect(fault.remedy(isOpening: false) == .wipe)
    // Whose files they are is not known before the database is open.
    #expect(fault.remedy(isOpening: true) == .keep)
  }

  @Test func attemptsComeAtGrowingIntervalsUpToFiveMinutes() {
    var retry = DiskRetry()
    let waits = (0..<80).map { _ in retry.failed() }
    #expect(waits.prefix(4) == [1_000_000_000, 2_000_000_000, 4_000_000_000, 8_000_000_000])
    #expect(waits.last == DiskRetry.longest)
    #expect(waits == waits.sorted())
    retry.held()
    let next = retry.failed()
    #expect(next == DiskRetry.shortest)
  }

  @Test func aQueueGivesInOrderWhatItTook() {
    var random = SeededRandom(seed: 8)
    var queue = DiskFifo<Int>()
    var model: [Int] = []
    for number in 0..<20_000 {
      if random.below(5) < 3 {
        queue.append(number)
        model.append(number)
      } else {
        let taken = queue.takeFirst()
        #expect(taken == (model.isEmpty ? nil : model.removeFirst()))
      }
      if random.below(500) == 0 {
        let even = queue.take { $0 % 2 == 0 }
        #expect(even == model.filter { $0 % 2 == 0 })
        model.removeAll { $0 % 2 == 0 }
      }
      #expect(queue.count == model.count && queue.peekAll() == model)
    }
  }
}
