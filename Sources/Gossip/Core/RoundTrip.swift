// How long an answer of a member takes, so that patience fits the distance: a neighbour is doubted after a moment, a node on another
// continent is not. What counts is the distance alone: an answer that waited in a frozen node's socket says nothing of it.

/// The round-trip time of one member, nanoseconds.
public struct RoundTrip: Sendable, Equatable {
  /// Longer ones are as good as this: an hour.
  static let most: UInt64 = 3_600_000_000_000
  /// Measurements remembered, as in NTP's clock filter (RFC 5905 §10), which trusts the one with the least delay of the last eight.
  static let remembered = 8

  /// For people: smoothed as in RFC 6298 §2.3.
  public private(set) var smoothed: UInt64 = 0
  private var latest: [UInt64] = []
  public var isKnown: Bool { smoothed != 0 }

  public init() {}

  /// Takes a measurement.
  public mutating func note(_ nanoseconds: UInt64) {
    let r = min(max(nanoseconds, 1), RoundTrip.most)
    smoothed = isKnown ? max((7 * smoothed + r) / 8, 1) : r
    if latest.count == RoundTrip.remembered { latest.removeFirst() }
    latest.append(r)
  }

  /// How far away the member is: the least of the last measurements; 0 before the first.
  public var distance: UInt64 { latest.min() ?? 0 }

  /// How long an answer is waited for: twice the distance and what a scheduler may take, within bounds; `initial` before anything is known.
  public func patience(least: UInt64, initial: UInt64, most: UInt64) -> UInt64 {
    isKnown ? min(max(2 * distance + least / 2, least), most) : initial
  }
}
