// Which fills are under way on this node, by key: who comes first leads, who comes later follows. And which keys lately gave a response
// that nobody else may use, so that their requests are not made to wait for one another.
import Runtime

/// The fills of a node.
public final class FillTable: Sendable {
  public enum Place: Sendable {
    /// Fetch, and fill.
    case lead(Fill)
    case follow(Fill)
    /// There is no room for a further fill: fetch without one.
    case crowded
  }

  /// Fills at once; beyond, requests go to the origin without one.
  static let fillsMax = 65_536
  /// Keys remembered for not being shared.
  static let unsharedMax = 16_384

  private struct State {
    // For look-ups only.
    var fills: [[UInt8]: Fill] = [:]
    /// Without further followers, and still on their way.
    var withdrawn: [ObjectIdentifier: Fill] = [:]
    var unshared: [[UInt8]: Int64] = [:]
  }

  private let state = Locked(State())

  public init() {}

  /// Takes part in the fill of a key, or begins it.
  /// - Parameter primary: the key without its variant.
  public func join(_ key: [UInt8], of primary: [UInt8]) -> Place {
    state.withLock { state in
      if let fill = state.fills[key] { return .follow(fill) }
      if state.fills.count >= FillTable.fillsMax { return .crowded }
      let fill = Fill(key: key, primary: primary)
      state.fills[key] = fill
      return .lead(fill)
    }
  }

  /// Whether somebody fetches what is under a key.
  public func isUnderWay(_ key: [UInt8]) -> Bool { state.withLock { $0.fills[key] != nil } }

  /// The fill takes no further followers: what it brought is stored, or is not to be.
  public func end(_ fill: Fill) {
    state.withLock { state in
      if state.fills[fill.key] === fill { state.fills[fill.key] = nil }
      state.withdrawn[ObjectIdentifier(fill)] = nil
    }
  }

  /// What the fills of a key and its variants bring is not stored, nor shared with those that come from now on: it may be older than what
  /// made it stale.
  public func detach(_ primary: [UInt8]) {
    state.withLock { state in
      for (key, fill) in state.fills where fill.primary == primary {
        fill.expire()
        state.fills[key] = nil
      }
      for fill in state.withdrawn.values where fill.primary == primary { fill.expire() }
    }
  }

  /// As `detach`, for all keys.
  public func detachAll() {
    state.withLock { state in
      for fill in state.fills.values { fill.expire() }
      for fill in state.withdrawn.values { fill.expire() }
      state.fills = [:]
    }
  }

  /// Those that are meant take no further followers. Whether what they bring is stored is for whoever stores it to ask, and until it ends
  /// `detach` still reaches them.
  public func withdraw(_ isMeant: (Fill) -> Bool) {
    let all = state.withLock { Array($0.fills.values) }
    for fill in all where isMeant(fill) { withdraw(fill) }
  }

  public func withdraw(_ fill: Fill) {
    state.withLock { state in
      guard state.fills[fill.key] === fill else { return }
      state.fills[fill.key] = nil
      state.withdrawn[ObjectIdentifier(fill)] = fill
    }
  }

  public var count: Int { state.withLock { $0.fills.count } }

  /// Remembers that responses to a key are not shared, until a time in milliseconds.
  public func noteUnshared(_ key: [UInt8], until: Int64) {
    state.withLock { state in
      // All at once: to forget one too early costs one request that waits for another.
      if state.unshared.count >= FillTable.unsharedMax { state.unshared.removeAll(keepingCapacity: true) }
      state.unshared[key] = until
    }
  }

  public func noteShared(_ key: [UInt8]) { state.withLock { _ = $0.unshared.removeValue(forKey: key) } }

  public func isUnshared(_ key: [UInt8], now: Int64) -> Bool {
    state.withLock { state in
      guard let until = state.unshared[key] else { return false }
      if until > now { return true }
      state.unshared[key] = nil
      return false
    }
  }
}
