// Owns: which nodes have been given a copy for a moment (C. Gray, D. Cheriton, Leases, SOSP 1989), so that they can be told when it
// becomes stale. Who is told, and who waits for it, is the driver's.

/// Leases that this node has granted, by the hashes of keys and nodes.
public struct LeaseTable: Sendable {
  /// How long a copy may be used, from before it was asked for.
  public static let milliseconds: Int64 = 200
  /// How long it is remembered: longer than it may be used, whatever the rates of two clocks.
  static let rememberedMilliseconds: Int64 = 250
  public static let countMax = 16_384
  /// Nodes for one key.
  static let holdersMax = 64

  private struct Holder: Sendable {
    var node: UInt64
    var until: Int64
  }

  // For look-ups only.
  private var holders: [UInt64: [Holder]] = [:]

  public init() {}

  /// Before what is granted is looked up: what becomes stale after this is told, what became so before is not found.
  /// - Parameter now: monotonic milliseconds.
  /// - Returns: whether there is room.
  public mutating func grant(_ key: UInt64, to node: UInt64, now: Int64) -> Bool {
    if holders.count >= LeaseTable.countMax && holders[key] == nil {
      holders = holders.filter { $0.value.contains { $0.until > now } }
      if holders.count >= LeaseTable.countMax { return false }
    }
    var known = holders[key, default: []].filter { $0.until > now && $0.node != node }
    if known.count >= LeaseTable.holdersMax { return false }
    known.append(Holder(node: node, until: now + LeaseTable.rememberedMilliseconds))
    holders[key] = known
    return true
  }

  /// Who may still use a copy; they are forgotten.
  public mutating func take(_ key: UInt64, now: Int64) -> [UInt64] {
    guard let known = holders.removeValue(forKey: key) else { return [] }
    return known.filter { $0.until > now }.map(\.node)
  }

  public var count: Int { holders.count }
}
