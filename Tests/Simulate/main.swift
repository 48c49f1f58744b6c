// The simulation as a command: one life again and again from its seed, many fresh ones, or the figures of bench/README.md, some of them on
// real processes as well (RealMeasurement).
import ArgumentParser
import Glibc
import SimulationKit

/// Prints at once, also into a pipe.
func say(_ text: String) {
  print(text)
  fflush(nil)
}

struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Runs clusters of memberships on virtual time, over a network that loses, delays, duplicates, reorders and parts.",
    subcommands: [Life.self, Many.self, Figures.self, Consume.self, RealMeasurement.self, RealNode.self, Placement.self])
}

struct Life: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Runs one life; the same seed runs the same way, byte for byte.")
  @Option(help: "The integer that decides everything.") var seed: UInt64 = 1
  @Option(help: "How many nodes; without it the seed decides.") var nodes: Int?
  @Option(help: "How many faults.") var steps = 60

  func run() throws {
    print("seed \(seed): trace \(try Simulation.life(seed: seed, nodes: nodes, steps: steps))")
  }
}

struct Many: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Runs many lives and stops at the first that goes wrong.")
  @Option(help: "The first seed; without it the clock decides.") var first: UInt64?
  @Option(help: "How many seeds.") var count: UInt64 = 1_000
  @Option(help: "How many faults in each.") var steps = 60

  func run() throws {
    let first = first ?? UInt64(time(nil)) &* 1_000_003
    let every = max(count / 20, 1)
    for i in 0..<count {
      _ = try Simulation.life(seed: first &+ i, steps: steps)
      if (i + 1) % every == 0 { say("\(i + 1) of \(count) seeds from \(first): no violation") }
    }
  }
}

struct Consume: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Measures what one consume from a shared limit costs a thread.")

  func run() throws {
    let cost = ConsumeCost.measure()
    say("consume, 10,000 keys, lock included: \(Int(cost.rounded())) ns; <= 300 ns: \(cost <= 300 ? "holds" : "MISSED")")
  }
}

struct Figures: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Takes the figures of gossip that bench/README.md keeps.")
  @Flag(help: "A hundredth of the work: for a look, not for the record.") var short = false
  @Flag(help: "Those too that take many minutes and 15 GB of memory.") var long = false
  @Option(help: "membership, counters or all.") var of = "all"
  @Option(help: "Only figures whose names contain this.") var named = ""

  func run() throws {
    guard let figures = ["membership": GossipFigure.membership, "counters": GossipFigure.counters, "all": GossipFigure.all][of] else {
      throw ValidationError("no figures of `\(of)`; membership, counters or all")
    }
    for figure in figures where named.isEmpty || figure.name.contains(named) {
      if figure.isLong && !long {
        say("\(figure.name): left out; --long takes it")
        continue
      }
      let result = figure.take(short)
      say("\(figure.name): \(result.text); \(figure.bar): \(result.holds ? "holds" : "MISSED")")
    }
  }
}

Simulate.main()
