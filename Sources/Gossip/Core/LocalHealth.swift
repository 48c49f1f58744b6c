// How far a node trusts its own timing. A node that is starved of CPU or network sees others fail; before it accuses them, it learns to
// doubt itself (Lifeguard: A. Dadgar, J. Phillips, J. Currey, 2018, §IV-A, "Local Health Aware Probe").

/// The local health multiplier: 0 is well, more is worse.
public struct LocalHealth: Sendable, Equatable {
  /// What tells a node something of itself.
  public enum Sign: Sendable, CaseIterable {
    /// A probe of ours was answered.
    case probeAnswered
    /// A probe of ours was not, neither directly nor through others.
    case probeFailed
    /// Somebody through whom we probed did not even say that it had no answer.
    case nackMissed
    /// We had to refute that we are suspect: others do not hear us.
    case refuted
  }

  /// The paper's S: 8.
  public static let scoreMax = 8

  public private(set) var score = 0

  public init() {}

  public mutating func note(_ sign: Sign) {
    switch sign {
    case .probeAnswered: score = max(score - 1, 0)
    case .probeFailed, .nackMissed, .refuted: score = min(score + 1, LocalHealth.scoreMax)
    }
  }

  /// What the probe interval and its timeout are multiplied by.
  public var multiplier: UInt64 { UInt64(score + 1) }
}
