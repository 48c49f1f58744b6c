// The figures of membership with their bars.
import Gossip

private let second: UInt64 = 1_000_000_000

extension GossipFigure {
  /// Who is there, and how soon that is known.
  public static let membership: [GossipFigure] =
    [3, 10, 50].map(death) + [twoDeaths, isolation, unrest, loss] + [true, false].map(parting) + [regions, idle]

  private static func links(lossPerMille: UInt64) -> LinkOptions {
    var links = LinkOptions()
    links.lossPerMille = lossPerMille
    return links
  }

  static func text(_ nanoseconds: UInt64) -> String { nanoseconds == .max ? "never" : "\(nanoseconds / 1_000_000) ms" }

  private static func death(_ nodes: Int) -> GossipFigure {
    GossipFigure(name: "dead in every view after kill -9, N = \(nodes), 1 % loss", bar: "p99 <= 2000 ms") { short in
      var figures = ScenarioFigures()
      for seed in 1...UInt64(short ? 1 : 8) {
        figures.times += Simulation.kills(seed: seed, nodes: nodes, count: short ? 8 : 50, links: links(lossPerMille: 10)).times
      }
      figures.times.sort()
      let quantiles = "p50 \(text(figures.quantile(0.5))), p99 \(text(figures.quantile(0.99))), most \(text(figures.quantile(1)))"
      return Result(text: "\(figures.times.count) kills: \(quantiles)", holds: figures.quantile(0.99) <= 2 * second)
    }
  }

  private static let twoDeaths = GossipFigure(name: "two of 5 killed at once, 1 % loss", bar: "p99 <= 2500 ms") { short in
    var figures = ScenarioFigures()
    for seed in 1...UInt64(short ? 1 : 8) {
      figures.times += Simulation.kills(seed: seed, nodes: 5, count: short ? 8 : 30, atOnce: 2, links: links(lossPerMille: 10)).times
    }
    figures.times.sort()
    return Result(
      text: "p50 \(text(figures.quantile(0.5))), p99 \(text(figures.quantile(0.99))), most \(text(figures.quantile(1)))",
      holds: figures.quantile(0.99) <= 2_500_000_000)
  }

  private static let isolation = GossipFigure(
    name: "one of 5 cut off from the others, who see it dead as it sees them, 1 % loss", bar: "p99 <= 10 s"
  ) { short in
    var figures = ScenarioFigures()
    for seed in 1...UInt64(short ? 1 : 8) {
      figures.times += Simulation.isolations(seed: seed, nodes: 5, count: short ? 5 : 20, links: links(lossPerMille: 10)).times
    }
    figures.times.sort()
    return Result(
      text: "p50 \(text(figures.quantile(0.5))), p99 \(text(figures.quantile(0.99))), most \(text(figures.quantile(1)))",
      holds: figures.quantile(0.99) <= 10 * second)
  }

  private static let unrest = GossipFigure(
    name: "false deaths, N = 50, 5 of them frozen again and again for 0.3 to 2 s, 2 % loss", bar: "0 of healthy members in an hour"
  ) { short in
    let figures = Simulation.unrest(
      seed: 1, nodes: 50, frozen: 5, duration: (short ? 36 : 3_600) * second, links: links(lossPerMille: 20))
    return Result(
      text: "\(figures.falseDeaths) of healthy members; \(figures.deathsOfFrozen) of frozen ones; one mind \(text(figures.times[0])) after",
      holds: figures.falseDeaths == 0)
  }

  private static let loss = GossipFigure(
    name: "30 % loss on every link, N = 20, for an hour", bar: "no false death over 5 s, one mind <= 5 s after"
  ) { short in
    let figures = Simulation.unrest(seed: 1, nodes: 20, frozen: 0, duration: (short ? 36 : 3_600) * second, links: links(lossPerMille: 300))
    return Result(
      text: "\(figures.falseDeaths) false deaths, the longest \(text(figures.longestMissing)); one mind \(text(figures.times[0])) after",
      holds: figures.longestMissing <= 5 * second && figures.times[0] <= 5 * second)
  }

  private static func parting(_ oneWay: Bool) -> GossipFigure {
    GossipFigure(name: "\(oneWay ? "one-way" : "full") partition of 20 s, N = 5, 20, 50, 1 % loss", bar: "one mind <= 5 s after") {
      short in
      var figures = ScenarioFigures()
      for nodes in [5, 20, 50] {
        for seed in 1...UInt64(short ? 1 : 30) {
          figures.times +=
            Simulation.partition(
              seed: seed, nodes: nodes, oneWay: oneWay, lasting: 20 * second, links: links(lossPerMille: 10)
            ).times
        }
      }
      figures.times.sort()
      return Result(
        text: "\(figures.times.count) partitions: p50 \(text(figures.quantile(0.5))), most \(text(figures.quantile(1)))",
        holds: figures.quantile(1) <= 5 * second)
    }
  }

  private static let regions = GossipFigure(
    name: "three regions, round trips of 20, 80 and 200 ms, N = 30, 1 % loss, for an hour", bar: "no false death"
  ) { short in
    let figures = Simulation.regions(
      seed: 1, nodes: 30, roundTrips: (20_000_000, 80_000_000, 200_000_000), duration: (short ? 36 : 3_600) * second,
      links: links(lossPerMille: 10))
    return Result(
      text: "\(figures.falseDeaths) false deaths; a killed node is dead everywhere after \(text(figures.times[0]))",
      holds: figures.falseDeaths == 0 && figures.times[0] != .max)
  }

  private static let idle = GossipFigure(name: "bytes per node and second, idle", bar: "<= 1.2 x from N = 10 to 1,000") { short in
    let rates = [10, 100, short ? 200 : 1_000].map { Simulation.idle(seed: 1, nodes: $0, duration: 20 * second).bytesPerNodeSecond }
    return Result(text: rates.map { "\(Int($0))" }.joined(separator: ", "), holds: rates[2] <= 1.2 * rates[0])
  }
}
