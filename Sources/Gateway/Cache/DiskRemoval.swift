// Removals from disk that somebody waits for.
import Runtime

/// Counts removals under way, and says when there is none.
final class DiskRemoval: Sendable {
  private struct State {
    var count = 0
    var then: (@Sendable () -> Void)?
  }

  private let state = Locked(State())

  func begin() { state.withLock { $0.count += 1 } }

  /// On any thread.
  func end() {
    let then = state.withLock { state -> (@Sendable () -> Void)? in
      state.count -= 1
      if state.count > 0 { return nil }
      defer { state.then = nil }
      return state.then
    }
    then?()
  }

  /// Calls `action` once, when all that has begun has ended: at once, or on the thread of the last end.
  func whenDone(_ action: @escaping @Sendable () -> Void) {
    let isDone = state.withLock { state in
      if state.count == 0 { return true }
      state.then = action
      return false
    }
    if isDone { action() }
  }
}
