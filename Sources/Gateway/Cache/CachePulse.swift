// Whether this node has run without a pause, so that it has heard what the others tell: one that was frozen, or cut off, may keep what has
// become stale meanwhile. Then it is in doubt, nothing that is stored is used, and it asks the others; who asks, and how, is the node's.
import Glibc
import Runtime
import Synchronization

/// The pulse of a node in a cluster; one that is alone has none, and never doubts.
///
/// SAFETY: (@unchecked Sendable) `limit` is an atomic that is never freed; the rest locks.
public final class CachePulse: @unchecked Sendable {
  /// Milliseconds without a beat after which this node takes itself for one that was frozen. Less than others wait for its answer when
  /// they tell it that something is stale (`CacheService.patience`): what it has missed for being slower than that, it doubts.
  public static let silenceMax: Int64 = 500

  private struct State {
    var lastBeat: UInt64?
    /// The doubts so far, and the last one that is over.
    var doubts: UInt64 = 0
    var settled: UInt64 = 0
    var onDoubt: [@Sendable (UInt64) -> Void] = []

    var isInDoubt: Bool { doubts != settled }
  }

  /// What is stored may be used up to this time, wall milliseconds.
  let limit: UnsafeMutablePointer<Atomic<Int64>>
  private let state = Locked(State())

  init() {
    limit = .allocate(capacity: 1)
    limit.initialize(to: Atomic(.max))
  }

  deinit { limit.deallocate() }

  /// Called with the number of each doubt, on any thread; `settle` ends it.
  public func onDoubt(_ action: @escaping @Sendable (UInt64) -> Void) { state.withLock { $0.onDoubt.append(action) } }

  /// The node runs.
  /// - Parameter now: monotonic nanoseconds.
  public func beat(_ now: UInt64) {
    let begun = state.withLock { state -> UInt64? in
      let last = state.lastBeat
      state.lastBeat = now
      if let last, now > last, now - last > UInt64(CachePulse.silenceMax) * 1_000_000 { return begin(&state) }
      if !state.isInDoubt { allow() }
      return nil
    }
    if let begun { tell(begun) }
  }

  /// This node may have missed something.
  public func doubt() { tell(state.withLock { begin(&$0) }) }

  /// All that was told before the doubt of this number is known here, and done.
  public func settle(_ number: UInt64) {
    state.withLock { state in
      guard number == state.doubts, state.isInDoubt else { return }
      state.settled = number
      allow()
    }
  }

  public var isInDoubt: Bool { state.withLock { $0.isInDoubt } }

  /// Whether what is stored may be used.
  /// - Parameter wall: milliseconds, read after the request had come: then no pause can lie between the two.
  // Acquiring: what was removed before the doubt ended is seen to be gone.
  @inline(__always) func allows(_ wall: Int64) -> Bool { wall < limit.pointee.load(ordering: .acquiring) }

  /// Whether this node is in doubt: it is from now on, where the pulse has been silent for too long.
  func notices(_ wall: Int64) -> Bool {
    let begun = state.withLock { state -> UInt64? in state.isInDoubt || allows(wall) ? nil : begin(&state) }
    if let begun { tell(begun) }
    return isInDoubt
  }

  private func begin(_ state: inout State) -> UInt64 {
    state.doubts += 1
    limit.pointee.store(.min, ordering: .releasing)
    return state.doubts
  }

  private func allow() {
    let wall = Int64(clamping: SystemTime().wall().nanoseconds / 1_000_000)
    limit.pointee.store(wall + CachePulse.silenceMax, ordering: .releasing)
  }

  private func tell(_ number: UInt64) { for action in state.withLock({ $0.onDoubt }) { action(number) } }
}
