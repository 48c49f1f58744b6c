// Three regions, far from each other.
import Gossip

private let second: UInt64 = 1_000_000_000

extension Simulation {
  /// `duration` with nothing but distance and loss between three regions whose round trips to each other are given; nobody dies.
  /// - Parameter roundTrips: between the first and the second, the first and the third, the second and the third; nanoseconds.
  public static func regions(
    seed: UInt64, nodes: Int, roundTrips: (UInt64, UInt64, UInt64), duration: UInt64, links: LinkOptions
  ) -> ScenarioFigures {
    var figures = ScenarioFigures()
    let (a, b, c) = (roundTrips.0 / 2, roundTrips.1 / 2, roundTrips.2 / 2)
    let s = settled(seed: seed, nodes: nodes, links: links) { s in
      s.network.zoneDistance = [[0, a, b], [a, 0, c], [b, c, 0]]
      s.network.zoneOf = (0..<nodes).map { $0 % 3 }
    }
    let before = s.nodes.map(\.changes.count)
    s.run(duration)
    for i in s.nodes.indices { figures.falseDeaths += s.nodes[i].changes[before[i]...].count { $0.change.kind == .died } }
    let victim = Int(s.draw(UInt64(nodes)))
    s.kill(victim)
    figures.times = [s.run(atMost: 60 * second) { $0.isGone(victim) } ?? .max]
    return figures
  }
}
