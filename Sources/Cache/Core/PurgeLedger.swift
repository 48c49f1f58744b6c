// Owns: which purges were made while a response was on its way, so that what was fetched before a purge is not stored after it. Asking it
// and storing in one step is the driver's.
import Runtime

/// The last purges, numbered from 1.
public struct PurgeLedger: Sendable {
  /// Purges that are remembered at least. A response that was under way for longer than so many is not stored.
  public static let countMax = 1_024
  /// Milliseconds by which the clocks of two nodes may differ (docs/gossip.md, Time).
  public static let clockMargin: Int64 = 2_000

  /// The number of the last purge; 0 before the first.
  public private(set) var position: UInt64 = 0
  private var purges: [Purge] = []
  /// The greatest stamp among those that were forgotten.
  private var forgotten = Int64.min

  public init() {}

  public mutating func append(_ purge: Purge) {
    position += 1
    purges.append(purge)
    if purges.count < 2 * PurgeLedger.countMax { return }
    for old in purges.prefix(PurgeLedger.countMax) { forgotten = max(forgotten, old.stamp) }
    purges.removeFirst(PurgeLedger.countMax)
  }

  /// Whether a purge after `start` means a response, whether it is hard or soft.
  /// - Parameter start: `position` when its fetch began.
  public func isOvertaken(_ key: [UInt8], _ tags: [UInt64], since start: UInt64) -> Bool {
    if start >= position { return false }
    let news = position - start
    if news > UInt64(purges.count) { return true }
    return purges.suffix(Int(news)).contains { $0.matches(key: key, tags: tags) }
  }

  /// Whether a purge means a response that another node fetched: a copy, or what was handed over.
  /// - Parameter fetched: when, by that node's clock, milliseconds since the epoch.
  public func isOvertaken(_ key: [UInt8], _ tags: [UInt64], fetchedAt fetched: Int64) -> Bool {
    let bound = Seconds.difference(fetched, PurgeLedger.clockMargin)
    return bound <= forgotten || purges.contains { bound <= $0.stamp && $0.matches(key: key, tags: tags) }
  }
}
