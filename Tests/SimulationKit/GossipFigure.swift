// A figure that is taken in simulation, with its bar: what bench/README.md keeps and the tests look at in a short form.

/// A figure.
public struct GossipFigure: Sendable {
  public struct Result: Sendable {
    public var text: String
    public var holds: Bool
  }

  public let name: String
  public let bar: String
  /// Takes many minutes and much memory: only when it is asked for.
  public var isLong = false
  /// Takes it; `true` for a short form of the work.
  public let take: @Sendable (Bool) -> Result

  public static let all = membership + counters
}
