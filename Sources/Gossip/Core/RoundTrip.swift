// How long an answer of a member takes, so that patience fits the distance: a neighbour is doubted after a moment, a node on another
// continent is not. RFC 6298's estimator.

/// The smoothed round-trip time of one member, nanoseconds.
public struct RoundTrip: Sendable, Equatable {
  /// Longer ones are as good as this: an hour.
  static let most: UInt64 = 3_600_000_000_000

  public private(set) var smoothed: UInt64 = 0
  public private(set) var variation: UInt64 = 0
  public var isKnown: Bool { smoothed != 0 }

  public init() {}

  /// Takes a measurement (RFC 6298 §2.2, §2.3).
  public mutating func note(_ nanoseconds: UInt64) {
    let r = min(max(nanoseconds, 1), RoundTrip.most)
    if !isKnown {
      smoothed = r
      variation = r / 2
      return
    }
    let difference = smoothed > r ? smoothed - r : r - smoothed
    variation = (3 * variation + difference) / 4
    smoothed = max((7 * smoothed + r) / 8, 1)
  }

  /// How long an answer is waited for: `smoothed + 4 variation` (RFC 6298 §2.3), within bounds; `initial` before anything is known.
  public func patience(least: UInt64, initial: UInt64, most: UInt64) -> UInt64 {
    isKnown ? min(max(smoothed + 4 * variation, least), most) : initial
  }
}
