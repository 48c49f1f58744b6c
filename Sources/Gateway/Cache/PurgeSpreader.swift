// What Gateway needs of the node to purge: that all other nodes hear of it. The node says how.
import Cache

/// Who has applied a purge.
public struct PurgeReport: Sendable, Equatable {
  /// Names the purge in logs.
  public var id: String
  /// Nodes, by their names, this one among them: those that have applied it, and those that live and have not said so yet.
  public var applied: [String]
  public var awaited: [String]

  public init(id: String, applied: [String], awaited: [String]) {
    self.id = id
    self.applied = applied
    self.awaited = awaited
  }
}

/// Applies purges here and everywhere.
public protocol PurgeSpreader: AnyObject, Sendable {
  /// - Parameters:
  ///   - nanoseconds: how long to wait for the nodes that live.
  ///   - completion: called once, on any thread; with nil where too many purges wait already, and nothing was done.
  func purge(_ purge: Purge, within nanoseconds: UInt64, _ completion: @escaping @Sendable (PurgeReport?) -> Void)

  /// Says what is done here already, so that all others hear of it, be it when they are back.
  /// - Parameter done: called once, on any thread, when it cannot be missed any more by who asks this node.
  func note(_ purges: [Purge], _ done: @escaping @Sendable () -> Void)
}
