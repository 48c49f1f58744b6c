// How many fetches the cache has under way at once: an empty cache must not hand all that is asked of it on to the origin at the same time.
// Those beyond the bound wait for their turn, with all who wait for the same; who waits too long is turned away.
import Cache
import Proxy
import Runtime

/// One fetch's place among those under way; it is given back when nothing holds it any more.
final class FillPlace: Sendable {
  private let gate: FillGate
  fileprivate init(_ gate: FillGate) { self.gate = gate }
  deinit { gate.leave() }
}

/// SAFETY: (@unchecked Sendable) all of it is behind a lock.
final class FillGate: @unchecked Sendable {
  /// Nanoseconds for which a fetch waits for its turn.
  static let patience: UInt64 = 10_000_000_000

  private struct State {
    var most = 1_024
    var underWay = 0
    var waiting: [Turn] = []
    /// Of `waiting`, those before it are gone.
    var first = 0

    mutating func next() -> Turn? {
      while underWay < most, first < waiting.count {
        let turn = waiting[first]
        first += 1
        if first >= 1_024 && first * 2 > waiting.count {
          waiting.removeFirst(first)
          first = 0
        }
        if turn.take() {
          underWay += 1
          return turn
        }
      }
      return nil
    }
  }

  /// One that waits; either its turn comes or its time passes.
  final class Turn: Sendable {
    private let isTaken = Locked(false)
    fileprivate let begin: @Sendable (FillPlace) -> Void

    fileprivate init(_ begin: @escaping @Sendable (FillPlace) -> Void) { self.begin = begin }

    /// Whether it was still waiting.
    func take() -> Bool {
      isTaken.withLock { isTaken in
        defer { isTaken = true }
        return !isTaken
      }
    }
  }

  private let state = Locked(State())

  func set(most: Int) {
    state.withLock { $0.most = max(1, most) }
    proceed()
  }

  /// Fetches that wait for their turn.
  var waiting: Int { state.withLock { $0.waiting.count - $0.first } }

  /// - Returns: a place, where there is one and nobody waits.
  func enter() -> FillPlace? {
    let isIn = state.withLock { state in
      guard state.underWay < state.most, state.first == state.waiting.count else { return false }
      state.underWay += 1
      return true
    }
    return isIn ? FillPlace(self) : nil
  }

  /// Waits for a place.
  /// - Parameter begin: called once, on any thread, unless the turn was taken back before.
  func wait(_ begin: @escaping @Sendable (FillPlace) -> Void) -> Turn {
    let turn = Turn(begin)
    state.withLock { $0.waiting.append(turn) }
    proceed()
    return turn
  }

  fileprivate func leave() {
    state.withLock { $0.underWay -= 1 }
    proceed()
  }

  private func proceed() {
    while let turn = state.withLock({ $0.next() }) { turn.begin(FillPlace(self)) }
  }
}
