// One cluster of real processes under load at one limit: when it begins, who is killed, what is counted. How it is judged is RealLimits'.
import CEpoll
import Glibc
import Gossip
import Runtime

private let second: UInt64 = 1_000_000_000

/// One cluster under load.
struct RealLimitRun {
  let cluster: RealCluster
  let limit: UInt32
  /// Admitted in each window.
  private(set) var admitted: [Int]
  private(set) var kills = 0
  private let owner: Int
  private let seed: UInt64
  private let isKilling: Bool
  /// Wall nanoseconds: of the load, and of the first window.
  private var start: UInt64 = 0
  private var first: UInt64 { start + 2 * second }
  private var end: UInt64 { first + UInt64(admitted.count) * second }

  init(nodes count: Int, limit: UInt32, windows: Int, killing: Bool, seed: UInt64) throws {
    (self.limit, self.seed, isKilling) = (limit, seed, killing)
    admitted = Array(repeating: 0, count: windows)
    // More than can be offered to one in a life: all requests of the run.
    cluster = try RealCluster(nodes: count, seed: seed, admissionsMax: Int(limit) * 3 * (windows + 4) + 1_024)
    var table = CounterTable()
    let members = cluster.nodes.map { CounterMember($0.id, generation: $0.generation) }
    table.setMembers(members, me: members[0].id, now: 1)
    let first = table.owners(of: RealLoadPlan.key)[0]
    owner = members.firstIndex { $0.id == first }!
  }

  /// Loads all nodes alike, kills if it is to, and counts.
  mutating func take() throws {
    // A node that starts beside others asks for a second before it decides.
    start = tg_now(CLOCK_REALTIME) + 3 * second / 2
    for i in cluster.nodes.indices { load(i) }
    if isKilling {
      // In the middle of the third window, and four later; the last window is left whole.
      for at in stride(from: 2.5, through: Double(admitted.count) - 2.5, by: 4) { try hurt(kills % 2 == 0 ? owner : bystander, at: at) }
    }
    try listen(until: end)
    try cluster.wait("the load has ended") { $0.nodes.allSatisfy(\.isDone) }
    for node in cluster.nodes {
      for log in node.logs { log.add(to: &admitted, from: first, length: second) }
    }
  }

  /// Another than the owner.
  private var bystander: Int { (owner + 1) % cluster.nodes.count }

  /// Gives a node its part of the load from now on.
  private func load(_ i: Int) { cluster.say(i, ["load"] + plan(from: max(start, tg_now(CLOCK_REALTIME))).words) }

  private func plan(from: UInt64) -> RealLoadPlan {
    RealLoadPlan(
      limit: limit, nodes: cluster.nodes.count, seed: seed, start: start, from: from, end: end + second / 2, countedFrom: first,
      countedTo: end, hasFailures: isKilling)
  }

  /// What one exact counter that sees all requests would have admitted in each window: at limit 10 from 9 to 11, since a bucket saves.
  var exact: [Int] { plan(from: start).exact(windows: admitted.count, of: second) }

  /// Kills a node so many seconds into the windows, whose load goes to the others as a load balancer sends it there, restarts it a second
  /// later, and gives it its load again when it says that it has joined.
  private mutating func hurt(_ victim: Int, at seconds: Double) throws {
    kills += 1
    let time = first + UInt64(seconds * 1e9)
    try listen(until: time)
    cluster.kill(victim)
    for i in cluster.up { cluster.say(i, ["down", "\(victim)"]) }
    try listen(until: time + second)
    try cluster.restart(victim)
    try cluster.wait("node \(victim) is back") { $0.nodes[victim].isJoined }
    load(victim)
    for i in cluster.up where i != victim { cluster.say(i, ["down", "-1"]) }
  }

  /// Follows the nodes until a wall time.
  private func listen(until time: UInt64) throws {
    let (wall, monotonic) = (tg_now(CLOCK_REALTIME), tg_now(CLOCK_MONOTONIC))
    try cluster.listen(until: monotonic + (time > wall ? time - wall : 0))
  }

  // MARK: what the logs say beside admissions

  private var logs: [AdmissionLog] { cluster.nodes.flatMap(\.logs) }
  var offered: UInt64 { logs.reduce(0) { $0 + $1[.offered] } }
  var lateness: UInt64 { logs.reduce(0) { max($0, $1[.lateness]) } }
  var datagramsPerNodeSecond: Int {
    let rates = logs.filter { $0[.measured] > 0 }.map { Double($0[.datagrams]) / Double($0[.measured]) * 1e9 }
    return rates.isEmpty ? 0 : Int(rates.reduce(0, +) / Double(rates.count))
  }
}
