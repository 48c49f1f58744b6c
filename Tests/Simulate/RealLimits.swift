// What a limit over real processes admits, window by window: the simulated figures' question and rules, with real sockets, clocks and
// scheduling. The run itself is RealLimitRun's.
import ArgumentParser

struct RealLimits: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits", abstract: "Offers twice a limit to all nodes together and counts what they admit.",
    discussion: "Takes about five seconds and the windows for each number of nodes and limit.")
  @Option(help: "3 or 5 or any number of nodes from 2 to 50; without it 3, then 5.") var nodes: Int?
  @Option(help: "Requests a second that all nodes together admit; without it 10, 100, then 10,000.") var limit: UInt32?
  @Option(help: "Seconds that are counted, after two that are not.") var windows = 10
  @Flag(help: "Kill the key's owner (kill -9), then another, in the middle of windows, and restart each a second later.") var kill = false
  @Option(help: "Percent of datagrams to lose, in a network namespace of the command's own; needs root.") var loss = 0.0
  @OptionGroup var options: RealOptions

  func validate() throws {
    if let nodes, !(2...50).contains(nodes) { throw ValidationError("--nodes is from 2 to 50, not \(nodes)") }
    if let limit, !(1...50_000).contains(limit) { throw ValidationError("--limit is from 1 to 50000, not \(limit)") }
    guard ((kill ? 5 : 1)...600).contains(windows) else {
      throw ValidationError("--windows is from \(kill ? 5 : 1) to 600, not \(windows)")
    }
  }

  func run() throws {
    try options.begin(losing: loss)
    var holds = true
    for nodes in nodes.map({ [$0] }) ?? [3, 5] {
      for limit in limit.map({ [$0] }) ?? [10, 100, 10_000] {
        var run = try RealLimitRun(nodes: nodes, limit: limit, windows: windows, killing: kill, seed: options.seed)
        defer { run.cluster.end() }
        try run.take()
        holds = report(run) && holds
      }
    }
    if !holds { throw ExitCode(1) }
  }

  private func report(_ run: RealLimitRun) -> Bool {
    let (nodes, limit) = (run.cluster.nodes.count, run.limit)
    let errors = run.admitted.map { $0 - Int(limit) }
    let figure: (text: String, bar: String, holds: Bool)
    if kill {
      let beside = run.exact.map { $0 - Int(limit) }
      let over = max(zip(errors, beside).map { $0 - max($1, 0) }.max()!, 0)
      let short = max(zip(errors, beside).map { min($1, 0) - $0 }.max()!, 0)
      figure = (
        "\(run.kills) kills, \(over) over, \(short) short at most",
        "each window within max(5 %, 1) of the limit and what one exact counter admits",
        Double(max(over, short)) <= max(Double(limit) * 0.05, 1)
      )
    } else {
      let error = errors.reduce(0, +)
      figure = (
        "\(error) of \(Int(limit) * windows); \(run.datagramsPerNodeSecond) datagrams a node and second",
        "\(windows == 10 ? "ten" : "\(windows)") windows within max(1 %, 1)",
        Double(abs(error)) <= max(Double(limit) * Double(windows) * 0.01, 1)
      )
    }
    say(
      "real processes: limit \(limit) a second, N = \(nodes), load 2 x\(kill ? ", nodes killed and restarted" : ""): \(figure.text);"
        + " \(figure.bar): \(figure.holds ? "holds" : "MISSED")")
    // What tells noise from a fault: a load that came late, or of another size, is not the load that was meant.
    if run.lateness > 50_000_000 || !figure.holds {
      say("  \(run.offered) requests in all, one up to \(run.lateness / 1_000_000) ms late; windows: \(run.admitted)")
      if run.cluster.falseDeaths > 0 { say("  \(run.cluster.falseDeaths) declarations of death of nodes that lived") }
    }
    return figure.holds
  }
}
