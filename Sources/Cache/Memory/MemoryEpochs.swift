// When memory that readers may still look at can be given back: quiescent-state-based reclamation (P. McKenney, J. Slingwine, "Read-copy
// update", PDCS 1998; T. Hart, P. McKenney, A. Demke Brown, J. Walpole, "Performance of memory reclamation for lockless synchronization",
// JPDC 2007, §2.1). This file owns the epoch and what each reader last saw of it; what waits for it is MemoryLimbo's.
import Glibc
import Synchronization

/// The epoch, and one slot for each reader. A copy is the same ones.
///
/// SAFETY: (@unchecked Sendable) all access is through atomics, in memory that lives from `init` until `deallocate`.
struct MemoryEpochs: @unchecked Sendable {
  /// Two cache lines, for the hardware fetches them in pairs: a reader's store disturbs no other reader.
  static var slotBytes: Int { 128 }
  /// What a reader's slot holds between `leave` and `enter`; epochs begin at 1.
  static var asleep: UInt64 { 0 }

  private let memory: UnsafeMutableRawPointer
  let readersMax: Int

  init(readersMax: Int) {
    precondition(readersMax > 0 && readersMax <= 4096, "\(readersMax) readers; 1 to 4,096 are possible")
    self.readersMax = readersMax
    let bytes = MemoryEpochs.byteCount(readersMax: readersMax)
    memory = .allocate(byteCount: bytes, alignment: MemoryEpochs.slotBytes)
    for index in 0...readersMax {
      let slot = memory + index * MemoryEpochs.slotBytes
      slot.bindMemory(to: Atomic<UInt64>.self, capacity: 1).initialize(to: Atomic(index == 0 ? 1 : MemoryEpochs.asleep))
      (slot + 8).bindMemory(to: Atomic<Bool>.self, capacity: 1).initialize(to: Atomic(false))
    }
  }

  func deallocate() { memory.deallocate() }

  static func byteCount(readersMax: Int) -> Int { (readersMax + 1) * slotBytes }

  /// The epoch stands in front of the slots.
  var epoch: UnsafeMutablePointer<Atomic<UInt64>> { memory.assumingMemoryBound(to: Atomic<UInt64>.self) }

  func seen(by reader: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (memory + (reader + 1) * MemoryEpochs.slotBytes).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  private func isTaken(_ reader: Int) -> UnsafeMutablePointer<Atomic<Bool>> {
    (memory + (reader + 1) * MemoryEpochs.slotBytes + 8).assumingMemoryBound(to: Atomic<Bool>.self)
  }

  /// The number of a slot that nobody had; nil when all are taken.
  func claim() -> Int? {
    (0..<readersMax).first {
      isTaken($0).pointee.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    }
  }

  /// - Precondition: the reader sleeps.
  func disclaim(_ reader: Int) {
    precondition(seen(by: reader).pointee.load(ordering: .relaxed) == MemoryEpochs.asleep, "reader \(reader) is closed within a turn")
    isTaken(reader).pointee.store(false, ordering: .releasing)
  }

  /// The stamp of what was unlinked before this call: free it when `horizon` is beyond.
  func stamp() -> UInt64 {
    // Releasing: who reads the next epoch (acquiring, in `enter`) sees every unlinking before it, so only readers of this epoch and
    // older ones can hold what gets this stamp.
    epoch.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
  }

  /// The oldest epoch that an awake reader has seen; what has a smaller stamp is out of all readers' reach.
  func horizon() -> UInt64 {
    // Pairs with the fence in `enter`: either this sees the reader awake, or the reader's loads see what was unlinked before this.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    var oldest = UInt64.max
    for reader in 0..<readersMax {
      // Acquiring: all that the reader read before it moved on happens before the memory is freed.
      let seen = seen(by: reader).pointee.load(ordering: .acquiring)
      if seen != MemoryEpochs.asleep { oldest = min(oldest, seen) }
    }
    return oldest
  }

  /// Whether any reader is within a turn.
  var isAnyAwake: Bool { (0..<readersMax).contains { seen(by: $0).pointee.load(ordering: .acquiring) != MemoryEpochs.asleep } }
}
