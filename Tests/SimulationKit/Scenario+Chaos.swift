// One seed, one life of a cluster: faults of every kind for a while, with what must never happen checked at every step; then peace,
// with a bound on how long it takes until all are of one mind.
import Gossip
import Runtime

private let second: UInt64 = 1_000_000_000

/// What went wrong in a run, with enough to run it again.
public struct Violation: Error, CustomStringConvertible {
  public let description: String
}

extension Simulation {
  /// Nanoseconds of peace after which all are of one mind.
  public static let healingBound: UInt64 = 5 * second

  /// Runs the life that `seed` decides. `steps` faults, some 300 ms apart.
  /// - Returns: the trace's hash, which is the same in every process.
  public static func life(seed: UInt64, nodes: Int? = nil, steps: Int) throws -> UInt64 {
    var draw = SeededRandom(seed: seed ^ 0x7469_6465)
    let count = nodes ?? Int(2 + draw.below(11))
    let s = Simulation(seed: seed, nodes: count)
    s.network.links.lossPerMille = draw.below(4) == 0 ? draw.below(300) : draw.below(30)
    s.network.links.duplicatePerMille = draw.below(50)
    s.network.links.strayPerMille = draw.below(100)
    s.startAll()
    var left = Set<Int>()
    for step in 0..<steps {
      s.misfortune(&draw, &left)
      let pause = draw.below(600_000_000)
      for _ in 0..<4 {
        s.run(pause / 4)
        try s.check(seed: seed, step: step, left: left)
      }
    }
    s.network.heal()
    s.network.links = LinkOptions()
    for i in s.nodes.indices {
      s.resume(i)
      if !s.nodes[i].isUp && !left.contains(i) { s.start(i) }
    }
    guard s.run(atMost: healingBound, every: 50_000_000, until: { $0.agrees }) != nil else {
      let views = s.upIndices.map { "node \($0): \(s.present($0).count)" }.joined(separator: ", ")
      throw Violation(description: "seed \(seed): \(s.upIndices.count) nodes up, not of one mind after healing: \(views)")
    }
    try s.check(seed: seed, step: steps, left: left)
    return s.trace
  }

  /// One fault, or its end.
  private func misfortune(_ draw: inout SeededRandom, _ left: inout Set<Int>) {
    let i = Int(draw.below(UInt64(nodes.count)))
    let j = Int(draw.below(UInt64(nodes.count)))
    switch draw.below(12) {
    case 0, 1: kill(i)
    case 2, 3, 4:
      if !nodes[i].isUp {
        left.remove(i)
        start(i)
      }
    case 5: if nodes[i].isUp { pause(i) }
    case 6, 7: resume(i)
    case 8: network.block(from: i, to: j)
    case 9: network.heal()
    case 10:
      let mask = draw.next()
      network.part { Int(mask >> UInt64($0 % 64) & 1) }
    case 11 where draw.below(3) == 0:
      if nodes[i].isUp && !nodes[i].isPaused {
        leave(i)
        left.insert(i)
      }
    case _: update(i) { $0.isDraining.toggle() }
    }
  }

  /// What must hold at every moment.
  private func check(seed: UInt64, step: Int, left: Set<Int>) throws {
    func fail(_ text: String) -> Violation { Violation(description: "seed \(seed), step \(step): \(text)") }
    if unreadable > 0 { throw fail("a datagram could not be read") }
    for i in nodes.indices {
      guard let membership = nodes[i].membership else { continue }
      if let fault = membership.inconsistency { throw fail("node \(i): \(fault)") }
      for member in membership.members {
        guard let j = nodes.firstIndex(where: { $0.id == member.id }) else { throw fail("node \(i) knows a stranger, \(member.id)") }
        if member.version.generation > nodes[j].generation { throw fail("node \(i) knows node \(j) of a life that it has not had") }
        if let truth = nodes[j].membership, truth.version < member.version {
          throw fail("node \(i) knows \(member.version) of node \(j), which says \(truth.version) itself")
        }
        if member.state == .left && !left.contains(j) && member.version.generation == nodes[j].generation {
          throw fail("node \(i) takes node \(j) for gone, which never said so")
        }
      }
    }
  }
}
