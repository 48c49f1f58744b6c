// Goes through what a node has stored, the most asked-for first, and offers it to the nodes that should have it from now on: after members
// have changed, and when this node drains. A few entries at a time, between which requests are served.
import Cache
import Proxy
import Runtime

/// Which nodes are to get what, when one placement has taken the place of another. Pure.
struct CopyMoves {
  let after: CachePlacement
  private let before: CachePlacement
  /// Nodes that have each response: the owner and its replicas.
  private let count: Int
  private let members: Set<UInt64>
  private let leaving: Set<UInt64>

  init(before: CachePlacement, after: CachePlacement, count: Int) {
    self.before = before
    self.after = after
    self.count = count
    members = Set(after.members.map(\.node))
    leaving = Set(after.leaving.map(\.node))
  }

  /// The nodes that are to be offered a key by this one: those that had no part in it. The first that had it and is still there offers
  /// it; so does the first that stays, where that is another one, which may be gone before it comes to it.
  func targets(_ key: [UInt8]) -> [CacheMember] {
    let had = before.rank(key, count: count)
    let staying = had.first { members.contains($0.node) }
    let first = had.first { members.contains($0.node) || leaving.contains($0.node) }
    guard first?.node == after.me || staying?.node == after.me else { return [] }
    return after.rank(key, count: count).filter { member in member.endpoint != nil && !had.contains { $0.node == member.node } }
  }
}

/// Confined to its worker's thread.
final class CopyWalk {
  struct Bounds {
    /// Entries offered in one step, and looks of `bucketsAtOnce` to find them.
    var entries: Int
    /// Bytes of bodies altogether.
    var bytes = Int.max
    /// Nanoseconds between two steps.
    var pause: UInt64 = 5_000_000
    /// Nanoseconds altogether.
    var patience = UInt64.max
  }

  private static let bucketsAtOnce = 64
  /// Offers that wait elsewhere, beyond which none are added.
  private static let waitingMax = 256

  private let service: CacheService
  private let worker: Worker
  private let moves: CopyMoves
  private let bounds: Bounds
  private let isCurrent: () -> Bool
  private let done: () -> Void
  private let begun = SystemTime().monotonic().nanoseconds
  private var cursor = MemoryCursor.hottestFirst
  private var bytes = 0
  private var found: [Found] = []
  private var isAtEnd = false

  private struct Found {
    var key: [UInt8]
    var variant: [UInt8]
    var edition: UInt32
    var bytes: Int
  }

  init(
    _ service: CacheService, _ worker: Worker, _ moves: CopyMoves, _ bounds: Bounds, isCurrent: @escaping () -> Bool,
    done: @escaping () -> Void
  ) {
    self.service = service
    self.worker = worker
    self.moves = moves
    self.bounds = bounds
    self.isCurrent = isCurrent
    self.done = done
  }

  func step() {
    let isOver = bytes >= bounds.bytes || SystemTime().monotonic().nanoseconds &- begun >= bounds.patience
    // At the end, when all that was offered has been taken, or not.
    if !isCurrent() || isOver || isAtEnd && found.isEmpty && service.copies.sender.count == 0 { return done() }
    var left = service.copies.sender.count < CopyWalk.waitingMax ? bounds.entries : 0
    var looks = left
    while left > 0 {
      if found.isEmpty {
        if looks == 0 || !look() { break }
        looks -= 1
      }
      guard let next = found.popLast() else { continue }
      let targets = moves.targets(next.key)
      for target in targets { service.tell(.offer, target, moves.after.me, next.key, next.variant, next.edition) }
      if targets.isEmpty { continue }
      bytes += next.bytes
      left -= 1
    }
    worker.after(bounds.pause) { [self] in step() }
  }

  /// Collects what lies in the next buckets; false at the end.
  private func look() -> Bool {
    if isAtEnd { return false }
    isAtEnd = !service.part(of: worker).reader.walk(&cursor, bucketsMax: CopyWalk.bucketsAtOnce) { entry in
      let flags = entry.flags
      guard flags & (VariantIndex.flag | CopyMark.lease) == 0, flags & 0xffff != 206, !entry.isMarkedStale,
        let count = CopyMark.variantBytes(flags), count <= entry.key.count
      else { return }
      let key = Array(entry.key)
      found.append(
        Found(
          key: Array(key.dropLast(count)), variant: Array(key.suffix(count)), edition: entry.terms.edition, bytes: entry.body.count))
    }
    return true
  }
}

extension CacheService {
  /// After members have changed: what was here and is to be elsewhere is offered there, without haste.
  func offerWhatMoved(from before: CachePlacement?, to after: CachePlacement) {
    guard let me = after.members.first(where: { $0.endpoint == nil }) ?? after.leaving.first(where: { $0.endpoint == nil }) else { return }
    let serial = copies.nextWalk()
    let base = copies.base(before ?? CachePlacement([me], me: me.node))
    let moves = CopyMoves(before: base, after: after, count: 1 + copies.replicaCount)
    walk(moves, CopyWalk.Bounds(entries: 16), isCurrent: { [copies] in copies.isWalk(serial) && !copies.isHandingOver }) { [copies] in
      copies.endWalk(serial)
    }
  }

  /// What this node has is offered to the nodes that own it when this one is gone, what is asked for most first.
  /// - Parameters:
  ///   - nanoseconds: how long that may take.
  ///   - done: called once, on any thread.
  public func handOver(within nanoseconds: UInt64, _ done: @escaping @Sendable () -> Void) {
    guard let placement else { return done() }
    let all = placement.members + placement.leaving.filter { $0.endpoint == nil }
    guard let me = all.first(where: { $0.endpoint == nil }) else { return done() }
    let moves = CopyMoves(
      before: CachePlacement(all, me: me.node),
      after: CachePlacement(placement.members.filter { $0.endpoint != nil }, leaving: [me], me: me.node), count: 1 + copies.replicaCount)
    copies.beginHandingOver()
    walk(moves, CopyWalk.Bounds(entries: 256, bytes: 64 << 20, pause: 1_000_000, patience: nanoseconds), isCurrent: { true }, done)
  }

  private func walk(
    _ moves: CopyMoves, _ bounds: CopyWalk.Bounds, isCurrent: @escaping @Sendable () -> Bool, _ done: @escaping @Sendable () -> Void
  ) {
    copies.noteWalks(1)
    let end: @Sendable () -> Void = { [copies] in
      copies.noteWalks(-1)
      done()
    }
    let begins = copies.sender.onWorker { [self] worker in
      CopyWalk(self, worker, moves, bounds, isCurrent: isCurrent, done: end).step()
    }
    if !begins { end() }
  }
}
