// `simulate real`: what the simulated figures say, once more on real processes, sockets and clocks. Here are the commands; each figure has
// a file of its own.
import ArgumentParser
import Glibc

struct RealMeasurement: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "real",
    abstract: "Takes figures on real processes, each one node, over real UDP on loopback.",
    discussion: "Wants a machine that is not busy. Exit codes: 0 all bars held, 1 one was missed or not measured, 64 wrong use.",
    subcommands: [RealLimits.self, RealDeaths.self])
}

/// What all figures on real processes take.
struct RealOptions: ParsableArguments {
  @Option(help: "The integer that decides who is killed when, and when requests are made.") var seed: UInt64 = 1
  @Option(help: .hidden) var outside: String?

  /// Says over which network the nodes speak. Does not come back where the program has to start over in another.
  func begin(losing percent: Double) throws {
    guard (0...50).contains(percent) else { throw ValidationError("--loss is in percent, from 0 to 50, not \(percent)") }
    // Who writes to a node that has just ended finds out by reading from it.
    signal(SIGPIPE, SIG_IGN)
    say("network: \(try RealNetwork.prepare(losing: percent, outside: outside))")
  }
}
