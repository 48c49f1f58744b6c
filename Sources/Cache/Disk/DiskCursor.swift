// The way through a stored body, chunk by chunk, so that no long body is whole in memory. What a caller does with a chunk, and when it asks
// for the next, is its own.
import Runtime
import Synchronization

/// A body that is being read. It keeps the generation of its chunks from being deleted, for as long as room can be found elsewhere.
public final class DiskCursor: Sendable {
  let shared: DiskShared
  let generation: DiskGeneration
  let hash: DiskHash
  let record: HeadRecord
  /// The index of the chunk that `next` gives; the first came with the entry.
  private let index = Atomic<UInt64>(1)
  private let isWaiting = Atomic<Bool>(false)

  init(shared: DiskShared, generation: DiskGeneration, hash: DiskHash, record: HeadRecord) {
    self.shared = shared
    self.generation = generation
    self.hash = hash
    self.record = record
    generation.cursors.wrappingAdd(1, ordering: .acquiringAndReleasing)
  }

  deinit {
    generation.cursors.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    shared.cursors.wrappingSubtract(1, ordering: .relaxed)
  }

  /// Another way through the same body, at its second chunk; nil when too many bodies are being read.
  public func another() -> DiskCursor? {
    if shared.cursors.wrappingAdd(1, ordering: .relaxed).oldValue >= shared.options.cursorsMax {
      shared.cursors.wrappingSubtract(1, ordering: .relaxed)
      return nil
    }
    return DiskCursor(shared: shared, generation: generation, hash: hash, record: record)
  }

  /// Bytes of every chunk but the last.
  public var chunkBytes: Int { Int(record.chunkBytes) }

  /// Goes to the chunk that holds a byte of the body behind the first chunk.
  /// - Precondition: no chunk is being read.
  public func seek(to byte: Int) { index.store(max(1, UInt64(max(byte, 0)) / UInt64(record.chunkBytes)), ordering: .releasing) }

  /// Reads the next chunk.
  /// - Parameter completion: called once, on a thread of the tier, or on this one if the tier is off or the body at its end.
  /// - Precondition: the chunk before has been answered.
  public func next(_ completion: @escaping @Sendable (DiskChunk) -> Void) {
    let position = index.load(ordering: .acquiring)
    if position >= record.chunkCount { return completion(.end) }
    let waits = isWaiting.exchange(true, ordering: .acquiringAndReleasing)
    precondition(!waits, "chunk \(position) of \(record.chunkCount) was asked for while the one before is being read")
    let job = ChunkJob(cursor: self, index: UInt32(position)) { [self] chunk in
      if case .bytes = chunk { index.store(position + 1, ordering: .releasing) }
      isWaiting.store(false, ordering: .releasing)
      completion(chunk)
    }
    if !shared.queue.add(.chunk(job)) { job.completion(.broken) }
  }
}
