// What a node knows and does for the copies of what it has stored, and for those that it keeps for others.
import Cache
import Proxy
import Runtime
import Synchronization

/// SAFETY: (@unchecked Sendable) everything in it is atomic or locks for itself.
final class CopyState: @unchecked Sendable {
  let sender: CopySender
  private let stale = Locked(StaleLedger())
  private let leases = Locked(LeaseTable())
  private let replicas = Atomic<Int>(1)
  private let borrows = Atomic<Bool>(true)
  private let definitions = Atomic<UInt64>(0)
  private let walks = Atomic<UInt64>(0)
  private let unfinished = Locked<CachePlacement?>(nil)
  private let walking = Atomic<Int>(0)
  private let handsOver = Atomic<Bool>(false)
  private let bytesUnderWay = Atomic<Int>(0)
  /// Bytes of copies that are being fetched.
  private let bytesUnderWayMax: Int

  /// - Parameter memoryBytes: of the RAM tier.
  init(_ sender: CopySender, memoryBytes: Int) {
    self.sender = sender
    bytesUnderWayMax = max(min(32 << 20, memoryBytes / 8), 1 << 20)
  }

  /// How many nodes besides the owner keep what is stored.
  var replicaCount: Int { replicas.load(ordering: .relaxed) }
  /// The hash of what this node serves now.
  var servedDefinitions: UInt64 { definitions.load(ordering: .relaxed) }

  /// Whether this node keeps copies of what it asks other nodes for often.
  var keepsHotCopies: Bool { borrows.load(ordering: .relaxed) }

  func set(replicas count: Int, hotCopies: Bool, definitions hash: UInt64) {
    replicas.store(count, ordering: .relaxed)
    borrows.store(hotCopies, ordering: .relaxed)
    definitions.store(hash, ordering: .relaxed)
  }

  // MARK: what became stale meanwhile

  func noteStale(_ key: [UInt8], now: Int64) {
    let hash = key.withUnsafeBytes { StableHash.hash($0) }
    stale.withLock { $0.note(hash, now: now) }
  }

  /// Keeps a copy unless one of its keys may have become stale since it was fetched.
  /// - Parameters:
  ///   - keys: under which it would be found.
  ///   - keep: keeps it, before it returns; calls nothing that comes back here.
  /// - Returns: whether it was kept.
  func pass(_ keys: [[UInt8]], fetchedAt fetched: Int64, _ keep: () -> Void) -> Bool {
    let hashes = keys.map { key in key.withUnsafeBytes { StableHash.hash($0) } }
    return stale.withLock { ledger in
      if hashes.contains(where: { ledger.isOvertaken($0, fetchedAt: fetched) }) { return false }
      keep()
      return true
    }
  }

  // MARK: who uses copies for a moment

  func grant(_ key: [UInt8], to node: UInt64, now: Int64) -> Bool {
    let hash = key.withUnsafeBytes { StableHash.hash($0) }
    return leases.withLock { $0.grant(hash, to: node, now: now) }
  }

  func takeHolders(_ key: [UInt8], now: Int64) -> [UInt64] {
    let hash = key.withUnsafeBytes { StableHash.hash($0) }
    return leases.withLock { $0.take(hash, now: now) }
  }

  // MARK: walks

  /// The number of a walk that takes the place of the one under way.
  func nextWalk() -> UInt64 { walks.wrappingAdd(1, ordering: .relaxed).newValue }
  /// From which placement a walk begins: that of the one under way, whose place it takes.
  func base(_ before: CachePlacement) -> CachePlacement {
    unfinished.withLock { base in
      if let base { return base }
      base = before
      return before
    }
  }

  /// What had moved since then is offered.
  func endWalk(_ serial: UInt64) { if isWalk(serial) { unfinished.withLock { $0 = nil } } }

  /// Walks that have not ended.
  var walkCount: Int { walking.load(ordering: .relaxed) }
  func noteWalks(_ change: Int) { walking.wrappingAdd(change, ordering: .relaxed) }
  func isWalk(_ serial: UInt64) -> Bool { walks.load(ordering: .relaxed) == serial }

  /// This node gives away what it has: a change of members is no reason for another walk.
  var isHandingOver: Bool { handsOver.load(ordering: .relaxed) }
  func beginHandingOver() { handsOver.store(true, ordering: .relaxed) }

  // MARK: room

  func reserve(_ bytes: Int) -> Bool {
    if bytesUnderWay.wrappingAdd(bytes, ordering: .relaxed).newValue <= bytesUnderWayMax { return true }
    bytesUnderWay.wrappingSubtract(bytes, ordering: .relaxed)
    return false
  }

  func release(_ bytes: Int) { bytesUnderWay.wrappingSubtract(bytes, ordering: .relaxed) }
}
