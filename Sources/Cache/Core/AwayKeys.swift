// Owns: which keys are to be said in the cluster's log for the sake of nodes that are away, and may come back with what they had. Who is
// away, and the log, are the node's.
import Runtime

/// The keys that became stale while somebody was away. Each is said once: who is away stores nothing.
public struct AwayKeys: Sendable {
  public enum Verdict: Sendable, Equatable {
    /// The log has it.
    case known
    case say
    /// There are more than it is worth to tell one by one: who is away drops all that it has.
    case sayAll
  }

  /// Keys and their bytes, for one absence.
  public static let countMax = 2_048
  public static let bytesMax = 1 << 20

  // For look-ups only.
  private var said: Set<[UInt8]> = []
  private var bytes = 0
  private var hasSaidAll = false

  public init() {}

  /// Somebody else has gone: what was said before, that one has heard, and it was still storing.
  public mutating func depart() { self = AwayKeys() }

  public mutating func note(_ key: [UInt8]) -> Verdict {
    if hasSaidAll || said.contains(key) { return .known }
    if said.count >= AwayKeys.countMax || bytes + key.count > AwayKeys.bytesMax {
      (said, bytes, hasSaidAll) = ([], 0, true)
      return .sayAll
    }
    said.insert(key)
    bytes += key.count
    return .say
  }
}
