// One first-in-first-out queue of nodes that link themselves, with the bytes in it. Which queue a node goes to is EvictionQueues' choice.

/// A queue from oldest to newest; a node may leave from anywhere.
struct EvictionQueue<Node: EvictionNode>: Sendable {
  let place: EvictionPlace
  private(set) var oldest: Node?
  private(set) var newest: Node?
  private(set) var bytes = 0
  private(set) var count = 0

  init(place: EvictionPlace) { self.place = place }

  /// - Precondition: the node stands in no queue.
  mutating func append(_ node: Node) {
    precondition(node.place == .none, "a node that stands in \(node.place) is appended to \(place)")
    node.place = place
    node.newer = nil
    node.older = newest
    if let newest { newest.newer = node } else { oldest = node }
    newest = node
    bytes += node.bytes
    count += 1
  }

  /// - Precondition: the node stands in this queue.
  mutating func remove(_ node: Node) {
    precondition(node.place == place, "a node that stands in \(node.place) is removed from \(place)")
    let (newer, older) = (node.newer, node.older)
    if let newer { newer.older = older } else { newest = older }
    if let older { older.newer = newer } else { oldest = newer }
    node.newer = nil
    node.older = nil
    node.place = .none
    bytes -= node.bytes
    count -= 1
  }
}
