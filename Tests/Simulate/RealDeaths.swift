// How long it takes until a real process that was killed is dead in the views of all others: the simulated figure's question, asked of the
// kernel's clock.
import ArgumentParser
import CEpoll
import Glibc
import Gossip
import Runtime
import SimulationKit

struct RealDeaths: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deaths", abstract: "Kills nodes (kill -9) and measures until all others see them dead.",
    discussion: "Takes about two seconds a kill.")
  @Option(help: "How many nodes.") var nodes = 5
  @Option(help: "How many kills.") var kills = 200
  @Option(help: "Percent of datagrams to lose, in a network namespace of the command's own; needs root.") var loss = 1.0
  @OptionGroup var options: RealOptions

  func validate() throws {
    guard (2...50).contains(nodes) else { throw ValidationError("--nodes is from 2 to 50, not \(nodes)") }
    guard (1...100_000).contains(kills) else { throw ValidationError("--kills is from 1 to 100000, not \(kills)") }
  }

  func run() throws {
    try options.begin(losing: loss)
    let cluster = try RealCluster(nodes: nodes, seed: options.seed)
    defer { cluster.end() }
    var random = SeededRandom(seed: options.seed)
    var figures = ScenarioFigures()
    for number in 1...kills {
      // Two probe periods and more, so that it comes at any moment of them.
      try cluster.listen(until: tg_now(CLOCK_MONOTONIC) + 300_000_000 + random.below(500_000_000))
      let victim = Int(random.below(UInt64(nodes)))
      let began = cluster.kill(victim)
      let isDead = try cluster.listen(until: began + RealCluster.patience) { $0.deadEverywhere(victim) != nil }
      figures.times.append(isDead ? cluster.deadEverywhere(victim)! - began : .max)
      if !isDead { say("kill \(number): node \(victim) is not dead everywhere after \(RealCluster.patience / 1_000_000_000) s") }
      try cluster.restart(victim)
      try cluster.wait("node \(victim) is alive again in all views") { $0.isOfOneMind }
      if number % 50 == 0 && number < kills { say("\(number) of \(kills) kills") }
    }
    try report(&figures, cluster)
  }

  private func report(_ figures: inout ScenarioFigures, _ cluster: RealCluster) throws {
    figures.times.sort()
    let texts = [("p50", 0.5), ("p99", 0.99), ("most", 1)].map { name, share in
      let time = figures.quantile(share)
      return "\(name) \(time == .max ? "never" : "\(time / 1_000_000) ms")"
    }
    let isSoon = figures.quantile(0.99) <= 2_000_000_000
    let isRight = cluster.falseDeaths == 0
    say(
      "real processes: dead in every view after kill -9, N = \(nodes): \(kills) kills: \(texts.joined(separator: ", "));"
        + " p99 <= 2000 ms: \(isSoon ? "holds" : "MISSED")")
    say("real processes: healthy members declared dead meanwhile: \(cluster.falseDeaths); 0: \(isRight ? "holds" : "MISSED")")
    if !isSoon || !isRight { throw ExitCode(1) }
  }
}
