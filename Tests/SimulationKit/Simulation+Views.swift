// What the nodes believe, for checks.
import Gossip

extension Simulation {
  /// The nodes whose process runs.
  public var upIndices: [Int] { nodes.indices.filter { nodes[$0].isUp } }

  /// Whom a node takes to be present, itself included, in the order of identities.
  public func present(_ i: Int) -> [MemberID] { (nodes[i].membership?.ring.members ?? []).sorted() }

  /// Whether every node that runs believes exactly those present that run.
  public var agrees: Bool {
    let up = upIndices.map { nodes[$0].id }.sorted()
    return upIndices.allSatisfy { present($0) == up }
  }

  /// Whether the nodes given believe exactly each other present.
  public func agree(_ group: [Int]) -> Bool {
    let expected = group.map { nodes[$0].id }.sorted()
    return group.allSatisfy { present($0) == expected }
  }

  /// Whether no node that runs takes `i` for present.
  public func isGone(_ i: Int) -> Bool {
    let id = nodes[i].id
    return upIndices.allSatisfy { $0 == i || nodes[$0].membership?[id]?.isPresent != true }
  }

  /// Whether all that run take node `i` for alive, of its own generation.
  public func isKnownAlive(_ i: Int) -> Bool {
    upIndices.allSatisfy { j in
      guard j != i, let member = nodes[j].membership?[nodes[i].id] else { return j == i }
      return member.state == .alive && member.version.generation == nodes[i].generation
    }
  }
}
