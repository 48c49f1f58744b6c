// A cluster of real processes on loopback as its parent sees it: starts, kills and restarts nodes, follows what they say of their views.
// What is measured with it is RealLimits' and RealDeaths'.
import CEpoll
import Glibc
import Gossip
import Runtime

/// Real nodes, each a process with one gossip loop.
final class RealCluster {
  struct Node {
    let number: UInt64
    let id: MemberID
    var generation: UInt64 = 0
    var process: RealProcess?
    var address: SocketAddress?
    var isJoined = false
    var isDone = false
    /// Whom it sees alive, in which life.
    var view: [MemberID: UInt64] = [:]
    /// When its last life was ended, monotonic nanoseconds.
    var killedAt: UInt64?
    /// Logs of all its lives.
    var logs: [AdmissionLog] = []
  }

  /// Nanoseconds for what takes a moment when all is well: then a measurement is given up.
  static let patience: UInt64 = 30_000_000_000

  private(set) var nodes: [Node]
  /// Times at which nodes declared the life of a member dead that had been killed.
  private(set) var deaths: [(node: Int, member: Int, generation: UInt64, at: UInt64)] = []
  /// Declarations of death of a life that had not been ended, each node's.
  private(set) var falseDeaths = 0
  private let capacity: Int
  private let secret: String
  private var random: SeededRandom

  /// - Parameter admissionsMax: that a node may make in one life.
  init(nodes count: Int, seed: UInt64, admissionsMax: Int = 1) throws {
    random = SeededRandom(seed: seed)
    capacity = admissionsMax
    var fresh = SeededRandom.fromSystem()
    secret = (0..<4).map { _ in String(fresh.next() | 1 << 63, radix: 16) }.joined()
    nodes = (0..<count).map { Node(number: UInt64($0), id: RealNode.member(UInt64($0))) }
    for i in nodes.indices { try start(i) }
    try wait("\(count) nodes that are reached") { $0.nodes.allSatisfy { $0.address != nil } }
    for i in nodes.indices { seek(i) }
    try wait("\(count) nodes that see each other") { $0.isOfOneMind }
  }

  /// Ends all processes.
  func end() { for node in nodes { node.process?.end() } }

  deinit { end() }

  // MARK: lives

  private func start(_ i: Int) throws {
    let log = try AdmissionLog(capacity: capacity)
    nodes[i].generation += 1
    (nodes[i].isJoined, nodes[i].isDone, nodes[i].killedAt, nodes[i].view) = (false, false, nil, [:])
    nodes[i].logs.append(log)
    let process = try RealProcess(
      [
        "real-node", "--number", "\(i)", "--generation", "\(nodes[i].generation)", "--seed", "\(random.next())", "--bind",
        (nodes[i].address ?? RealCluster.place(of: i)).description,
      ], log: log)
    nodes[i].process = process
    process.say([secret])
  }

  /// A loopback address of this run and node alone, at any port: at 127.0.0.1 the port that a node wants back when it starts again may have
  /// been given to a connection meanwhile.
  private static func place(of i: Int) -> SocketAddress {
    SocketAddress(ipv4: 127 << 24 | 64 << 16 | UInt32(getpid() & 0x3fff) << 8 | UInt32(i + 1), port: 0)
  }

  private func seek(_ i: Int) { say(i, ["seek"] + nodes.indices.filter { $0 != i }.compactMap { nodes[$0].address?.description }) }

  /// Ends a node as kill -9 does.
  /// - Returns: the monotonic time just before.
  @discardableResult
  func kill(_ i: Int) -> UInt64 {
    let now = tg_now(CLOCK_MONOTONIC)
    nodes[i].killedAt = now
    nodes[i].process?.end()
    nodes[i].process = nil
    return now
  }

  /// Starts a node that was killed: the same identity and address, the next generation.
  func restart(_ i: Int) throws {
    try start(i)
    seek(i)
  }

  func say(_ i: Int, _ words: [String]) { nodes[i].process?.say(words) }

  var up: [Int] { nodes.indices.filter { nodes[$0].killedAt == nil } }

  /// Whether all that are up see all that are up, in the lives that they are in.
  var isOfOneMind: Bool {
    up.allSatisfy { i in up.allSatisfy { $0 == i || nodes[i].view[nodes[$0].id] == nodes[$0].generation } }
  }

  // MARK: news

  /// Waits until a condition holds.
  func wait(_ what: String, _ condition: (RealCluster) -> Bool) throws {
    guard try listen(until: tg_now(CLOCK_MONOTONIC) + RealCluster.patience, or: condition) else {
      throw RealFault("did not happen within 30 s: \(what)")
    }
  }

  /// Takes in what nodes say until a monotonic time, or until a condition holds.
  /// - Returns: whether the condition holds.
  @discardableResult
  func listen(until deadline: UInt64, or condition: (RealCluster) -> Bool = { _ in false }) throws -> Bool {
    while true {
      try hear()
      if condition(self) { return true }
      let now = tg_now(CLOCK_MONOTONIC)
      if now >= deadline { return false }
      var waits = nodes.compactMap { $0.process.map { pollfd(fd: $0.output, events: Int16(POLLIN), revents: 0) } }
      // Up to the last millisecond, and then in turns of none, so that what is due is done on time.
      _ = poll(&waits, nfds_t(waits.count), Int32((deadline - now) / 1_000_000))
    }
  }

  private func hear() throws {
    for i in nodes.indices {
      guard let process = nodes[i].process else { continue }
      guard let lines = process.lines() else {
        throw RealFault("node \(i) has ended by itself; what it said of it is on standard error")
      }
      for line in lines {
        guard let news = RealNews(line: line) else { throw RealFault("node \(i) says `\(line)`") }
        hear(i, news)
      }
    }
  }

  private func hear(_ i: Int, _ news: RealNews) {
    switch news {
    case .bound(let address): nodes[i].address = address
    case .joined(let isJoined): nodes[i].isJoined = isJoined
    case .done: nodes[i].isDone = true
    case .view(let at, let id, let generation, let change, let isPresent):
      nodes[i].view[id] = isPresent ? generation : nil
      guard change == .died, let member = nodes.firstIndex(where: { $0.id == id }) else { return }
      let isOver = generation < nodes[member].generation || nodes[member].killedAt.map { $0 <= at } == true
      if isOver { deaths.append((i, member, generation, at)) } else { falseDeaths += 1 }
    }
  }

  /// When the last of the others declared a node's latest life dead; nil while one has not.
  func deadEverywhere(_ member: Int) -> UInt64? {
    let generation = nodes[member].generation
    let times = up.map { i in deaths.first { $0.node == i && $0.member == member && $0.generation == generation }?.at }
    return times.contains(nil) ? nil : times.compactMap { $0 }.max()
  }
}
