// Owns: which keys were lately said to be stale, so that a copy that was on its way meanwhile is not kept. Asking it and keeping the copy
// in one step is the driver's.
import Runtime

/// The keys that unsafe requests have made stale, by their hashes.
public struct StaleLedger: Sendable {
  /// Keys that are remembered; beyond, all are forgotten, and copies of what was fetched until then are not kept.
  public static let countMax = 16_384

  // For look-ups only.
  private var stamps: [UInt64: Int64] = [:]
  /// The greatest stamp among those that were forgotten.
  private var forgotten = Int64.min

  public init() {}

  /// - Parameters:
  ///   - key: its hash.
  ///   - now: by this node's clock, milliseconds since the epoch.
  public mutating func note(_ key: UInt64, now: Int64) {
    if stamps.count >= StaleLedger.countMax && stamps[key] == nil {
      forgotten = stamps.values.reduce(forgotten) { max($0, $1) }
      stamps.removeAll(keepingCapacity: true)
    }
    stamps[key] = max(stamps[key] ?? .min, now)
  }

  /// Whether a key may have become stale after another node fetched its response.
  /// - Parameter fetched: when, by that node's clock.
  public func isOvertaken(_ key: UInt64, fetchedAt fetched: Int64) -> Bool {
    let bound = Seconds.difference(fetched, PurgeLedger.clockMargin)
    return bound <= forgotten || stamps[key].map { bound <= $0 } ?? false
  }
}
