// A body on its way to disk: bytes are collected into chunks here and handed to the writer. Whether the body is whole, the caller knows.
import Runtime

/// A store whose body arrives over time. Dropping it, or `abort`, leaves no entry.
public final class DiskFill: Sendable {
  let shared: DiskShared
  let parts: DiskEntryParts
  let number: UInt64
  /// What the writer knows about it; touched on the writer's thread only, behind the lock for the compiler's sake.
  let written = Locked<Written>(Written())
  private let collected: Locked<Collected>

  struct Written {
    var generation: UInt64 = 0
    /// The index that the next chunk must have; a gap means that a chunk was given up.
    var nextIndex: UInt32 = 1
  }

  private struct Collected {
    var first: [UInt8] = []
    var current: [UInt8] = []
    var bodyBytes: UInt64 = 0
    var nextIndex: UInt32 = 0
    var isOver = false
    /// Bytes claimed from the write-behind's bound and not handed over.
    var held: Int { first.count + current.count }
  }

  init(shared: DiskShared, parts: DiskEntryParts, number: UInt64) {
    self.shared = shared
    self.parts = parts
    self.number = number
    collected = Locked(Collected())
  }

  deinit { end() }

  /// Adds bytes to the body.
  /// - Returns: false when the store is over, because too much waits to be written or the body is too long for the tier; nothing is stored
  ///   then, and what was stored under the key before is removed.
  public func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if bytes.isEmpty { return true }
    let accepted = collected.withLock { collected in !collected.isOver && add(bytes, &collected) }
    if !accepted { shed() }
    return accepted
  }

  private func add(_ bytes: UnsafeRawBufferPointer, _ collected: inout Collected) -> Bool {
    let (sum, overflow) = collected.bodyBytes.addingReportingOverflow(UInt64(bytes.count))
    guard !overflow, sum <= DiskTier.bodyBytesMax(shared.options), shared.queue.claim(bytes.count) else { return false }
    collected.bodyBytes = sum
    var rest = bytes[...]
    while !rest.isEmpty {
      let room = shared.options.chunkBytes - collected.current.count
      collected.current.append(contentsOf: rest.prefix(room))
      rest = rest.dropFirst(room)
      if collected.current.count == shared.options.chunkBytes && !handOver(&collected) {
        // What is left of `bytes` was claimed too, and nobody holds it.
        shared.queue.giveBack(rest.count)
        return false
      }
    }
    return true
  }

  /// A chunk is full or the last. The first stays here: it goes with the head, which goes last.
  private func handOver(_ collected: inout Collected) -> Bool {
    let index = collected.nextIndex
    if index == 0 {
      collected.first = collected.current
    } else if !shared.queue.add(.chunk(self, index: index, collected.current)) {
      return false
    }
    collected.current = []
    collected.nextIndex = index + 1
    return true
  }

  /// The body is whole: the entry becomes valid once the writer has written it.
  /// - Returns: whether it is to be written.
  public func commit() -> DiskStoring {
    let outcome = collected.withLock { collected -> DiskStoring in
      guard !collected.isOver else { return .shed }
      if !collected.current.isEmpty && !handOver(&collected) { return .off }
      guard shared.queue.add(.commit(self, first: collected.first, bodyBytes: collected.bodyBytes)) else { return .off }
      collected.isOver = true
      collected.first = []
      return .accepted
    }
    if outcome == .off { end() }
    return outcome
  }

  /// The body broke off or is not to be stored after all.
  public func abort() { end() }

  private func shed() {
    let wasOver = collected.withLock { $0.isOver }
    end()
    if wasOver { return }
    shared.counters.shed.count()
    _ = shared.queue.addRemoval(parts.key.hash, nil)
  }

  private func end() {
    let held = collected.withLock { collected in
      defer {
        collected.isOver = true
        collected.first = []
        collected.current = []
      }
      return collected.held
    }
    shared.queue.giveBack(held)
  }
}
