// Which node keeps which key: by rank among the nodes that live and are not draining (weighted rendezvous hashing; see `rendezvousScore`).
// Who lives is Node's to say.
import Cache
import Proxy
import Runtime

/// A node, as placement sees it.
public struct CacheMember: Sendable, Equatable {
  public var name: String
  /// A stable hash of its identity.
  public var node: UInt64
  public var weight: Double
  /// How it is reached; nil for this node.
  public var endpoint: UInt64?

  public init(name: String, node: UInt64, weight: Double, endpoint: UInt64?) {
    self.name = name
    self.node = node
    self.weight = weight
    self.endpoint = endpoint
  }
}

/// A node that is away, and may come back with what it had.
public struct CacheAbsence: Sendable, Hashable {
  public var node: UInt64
  public var generation: UInt64
  public var incarnation: UInt64

  public init(node: UInt64, generation: UInt64, incarnation: UInt64) {
    self.node = node
    self.generation = generation
    self.incarnation = incarnation
  }
}

/// The nodes that keys are placed on, immutable.
public final class CachePlacement: Sendable {
  public let members: [CacheMember]
  /// Nodes that drain, or are suspected to be gone: no key is placed on them, and they still have what they had.
  public let leaving: [CacheMember]
  /// Who was there and is not, by node and by how often it has spoken: who comes back and goes again is another one.
  public let away: [CacheAbsence]
  public let me: UInt64

  /// - Parameters:
  ///   - members: this node among them, unless it is draining.
  ///   - me: this node's hash.
  public init(_ members: [CacheMember], leaving: [CacheMember] = [], away: [CacheAbsence] = [], me: UInt64) {
    self.members = members
    self.leaving = leaving
    self.away = away
    self.me = me
  }

  /// The nodes that come first for a key, the owner at the head.
  /// - Parameter count: how many, at most.
  public func rank(_ key: [UInt8], count: Int) -> [CacheMember] {
    // By the URI: whatever stands below it (variants, chosen fields, parts) has the same place.
    let uri = CacheKey.uri(of: key) ?? key[...]
    let hash = uri.withUnsafeBytes { CacheKeyHash($0).high }
    let count = min(count, members.count)
    // SAFETY: there is room for one more than is kept: `place` is at most `filled`, and that at most `count`.
    return withUnsafeTemporaryAllocation(of: (score: Double, at: Int).self, capacity: count + 1) { first in
      var filled = 0
      for at in members.indices {
        let score = rendezvousScore(key: hash, node: members[at].node, weight: members[at].weight)
        var place = filled
        while place > 0 && first[place - 1].score < score {
          first[place] = first[place - 1]
          place -= 1
        }
        first[place] = (score, at)
        filled = min(filled + 1, count)
      }
      return first[..<filled].map { members[$0.at] }
    }
  }
}
