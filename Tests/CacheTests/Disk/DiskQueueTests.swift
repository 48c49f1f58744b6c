// The order in which the writer gets its work: removals do not wait for stores, and yet come behind those of their own key.
import Runtime
import Testing

@testable import Cache

@Suite struct DiskQueueTests {
  private func name(_ job: WriteJob) -> String {
    switch job {
    case .refresh(let parts, _, _): "store \(parts.key.hash.low)"
    case .remove(let hash, _): "remove \(hash.low)"
    case .removeAll: "remove all"
    case .chunk, .commit, .rescue, .forget: "other"
    }
  }

  private func store(_ low: UInt64) -> WriteJob {
    let key = DiskKey(hash: DiskHash(high: 0, low: low), bytes: [1])
    return .refresh(DiskEntryParts(key: key, terms: [], head: [], keepUntil: .max), number: 0) { _ in }
  }

  private func names(_ turn: DiskQueue.WriterTurn) -> [String] {
    guard case .jobs(let jobs) = turn else { return [] }
    return jobs.map { name($0) }
  }

  @Test func removalsDoNotWaitForStores() {
    let queue = DiskQueue(DiskOptions(path: "/nowhere", bytesMax: 32 << 20))
    queue.open()
    for low: UInt64 in [1, 2] {
      #expect(queue.claim(store(low).bytes))
      #expect(queue.add(store(low)))
    }
    #expect(queue.addRemoval(DiskHash(high: 0, low: 3), nil))
    #expect(queue.addRemoval(DiskHash(high: 0, low: 1), nil))
    #expect(names(queue.nextWrites(until: .zero, bytesMax: 1 << 20)) == ["remove 3", "remove 1", "store 1", "store 2", "remove 1"])
    queue.close()
  }

  @Test func aLookupWaitsForANewerEntryUntilItsDeadline() {
    let queue = DiskQueue(DiskOptions(path: "/nowhere", bytesMax: 32 << 20))
    queue.open()
    #expect(queue.claim(store(1).bytes))
    #expect(queue.add(store(1)))
    func lookup(_ low: UInt64, _ deadline: MonotonicTime) -> ReadJob {
      ReadJob(key: DiskKey(hash: DiskHash(high: 0, low: low), bytes: [1]), deadline: deadline) { _ in }
    }
    #expect(queue.turn(of: lookup(2, .distantFuture)) == .now)
    #expect(queue.turn(of: lookup(1, .distantFuture)) == .later)
    #expect(queue.turn(of: lookup(1, .zero)) == .later)
    #expect(queue.nextLate()?.map(\.deadline) == [.zero])
    queue.settle(store(1))
    guard case .read(let job)? = queue.nextReaderJob() else { return #expect(Bool(false), "the other comes back") }
    #expect(job.deadline == .distantFuture)
    #expect(queue.turn(of: lookup(1, .distantFuture)) == .now)
    queue.close()
  }
}
