// Owns: how long the master waits before it starts a dead serving process again.

/// Doubling waits for a process that keeps dying; one that lived long enough starts again from the shortest wait.
struct RestartBackoff: Equatable, Sendable {
  /// The first wait; short, so that a single crash costs clients well under a second. Nanoseconds.
  static let first: UInt64 = 100_000_000
  /// The longest wait. Nanoseconds.
  static let longest: UInt64 = 10_000_000_000
  /// A life this long clears the record. Nanoseconds.
  static let longLife: UInt64 = 30_000_000_000

  private(set) var deathsInARow = 0

  /// Notes a death.
  /// - Parameter lived: how long the process lived, nanoseconds.
  /// - Returns: how long to wait before the next start, nanoseconds.
  mutating func died(lived: UInt64) -> UInt64 {
    if lived >= RestartBackoff.longLife { deathsInARow = 0 }
    let doublings = min(deathsInARow, 7)
    deathsInARow = min(deathsInARow + 1, 1_000_000)
    return min(RestartBackoff.first << UInt64(doublings), RestartBackoff.longest)
  }

  /// The operator asked for a new attempt now.
  mutating func clear() {
    deathsInARow = 0
  }
}
