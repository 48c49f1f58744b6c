// Several logs under loss, delay, repetition, restarts from old states, partitions and wrong clocks, with a model beside them of what each
// has really dropped: the property tests of the log run in it.
import Runtime

@testable import Gossip

struct LogWorld {
  /// What an entry is to the model.
  typealias Purge = Int

  struct Node {
    var log: ReplayableLog
    var clock = HybridClock(skewMax: 50)
    var generation: UInt64 = 1
    var skew: Int64 = 0
    /// Purges that its log speaks for.
    var knows: Set<Purge> = []
    /// Purges after which nothing older is left here: applied, or everything dropped after they were made.
    var covered: Set<Purge> = []
    var appliedThisLife: Set<Purge> = []
    var forgotten: Set<StreamID> = []
    var disk: (state: LogState, knows: Set<Purge>, covered: Set<Purge>)?

    mutating func append(_ wall: UInt64) throws(LogRefusal) -> LogEntry {
      let before = log.streams
      let entry = try log.append([1, 2, 3], clock: &clock, now: wall)
      noteForgotten(before)
      return entry
    }

    private mutating func noteForgotten(_ before: [ReplayableLog.Stream]) {
      for old in before where !(log.stream(old.id)?.known.holds(old.known) ?? false) { forgotten.insert(old.id) }
    }
    mutating func merge(_ entry: LogEntry, _ wall: UInt64) -> LogMerge {
      watch { $0.log.merge(entry, clock: &$0.clock, now: wall) }
    }

    /// Notes which streams the log forgets meanwhile.
    mutating func watch<Result>(_ change: (inout Node) -> Result) -> Result {
      let before = log.streams
      let result = change(&self)
      noteForgotten(before)
      return result
    }
  }

  enum Content {
    case entry(LogEntry)
    case summary(LogSummary, knows: Set<Purge>, untold: Set<Purge>)
    case digest(LogDigest, knows: Set<Purge>)
  }

  struct Message {
    var from: Int
    var to: Int
    var content: Content
  }

  var random: SeededRandom
  var nodes: [Node] = []
  var flight: [Message] = []
  var purges: [(stream: StreamID, sequence: UInt64)] = []
  var cut: Set<Int> = []
  var now: UInt64 = 1_000_000
  var nextMember: UInt64 = 1
  let limits: LogLimits
  /// What was said wrongly; empty as long as the property holds.
  var violations: [String] = []
  var resyncs = 0
  var inStepSeen = 0

  static var narrow: LogLimits {
    var limits = LogLimits()
    limits.retention = 300
    limits.entriesMax = 12
    limits.streamAge = 4_000
    limits.streamsMax = 8
    limits.horizonsMax = 12
    limits.peersMax = 40
    limits.forgetMargin = 200
    limits.newsMax = 6
    return limits
  }

  init(seed: UInt64, nodes count: Int, limits: LogLimits = LogWorld.narrow) {
    random = SeededRandom(seed: seed)
    self.limits = limits
    for _ in 0..<count { nodes.append(fresh()) }
  }

  private mutating func fresh() -> Node {
    nextMember += 1
    return Node(log: ReplayableLog(me: MemberID(nextMember), generation: 1, isSettled: true, limits: limits), covered: Set(purges.indices))
  }

  private func wall(_ at: Int) -> UInt64 { UInt64(Int64(now) + nodes[at].skew) * 1_000_000 }
  private func time(_ at: Int) -> UInt64 { nodes[at].clock.milliseconds(now: wall(at)) }
  private mutating func pick(_ count: Int) -> Int { Int(random.below(UInt64(count))) }
  private mutating func chance(_ one: Int) -> Bool { random.below(UInt64(one)) == 0 }
  private func isCut(_ left: Int, _ right: Int) -> Bool { cut.contains(left) != cut.contains(right) }

  // MARK: What happens

  mutating func step() {
    now += chance(150) ? random.below(6_000) : random.below(40)
    let at = pick(nodes.count)
    switch random.below(20) {
    case 0, 1: append(at)
    case 2, 3, 4: gossip(at)
    case 5, 6, 7: tellSummary(at, to: pick(nodes.count))
    case 8, 9: tellDigest(at, to: pick(nodes.count))
    case 10: expire(at)
    case 11 where chance(4): save(at)
    case 12 where chance(12): restart(at)
    case 13 where chance(40): cut = Set((0..<nodes.count).filter { _ in random.below(2) == 0 })
    case 14 where chance(10): cut = []
    case 15 where chance(60): nodes[at].skew = Int64(random.below(4_000)) - 2_000
    case 16 where chance(80): nodes[at] = fresh()
    default: deliver()
    }
  }

  mutating func append(_ at: Int) {
    let wall = wall(at)
    guard let entry = try? nodes[at].append(wall) else { return }
    purges.append((entry.stream, entry.sequence))
    apply(entry, at)
  }

  /// Only what was forgotten for want of room may be applied again.
  private mutating func apply(_ entry: LogEntry, _ at: Int) {
    guard let purge = purges.firstIndex(where: { $0.stream == entry.stream && $0.sequence == entry.sequence }) else { return }
    let isNew = nodes[at].appliedThisLife.insert(purge).inserted
    if !isNew && !nodes[at].forgotten.contains(entry.stream) { violations.append("\(purge) was applied twice at \(at)") }
    nodes[at].knows.insert(purge)
    nodes[at].covered.insert(purge)
  }

  private mutating func gossip(_ at: Int) {
    let entries = nodes[at].log.takeNews(budget: 100, tellings: 2)
    let to = pick(nodes.count)
    for entry in entries { flight.append(Message(from: at, to: to, content: .entry(entry))) }
  }

  mutating func tellSummary(_ at: Int, to: Int) {
    let summary = nodes[at].log.summary
    let untold = nodes[at].knows.filter { isUntold(purges[$0].stream, purges[$0].sequence, summary) }
    flight.append(Message(from: at, to: to, content: .summary(summary, knows: nodes[at].knows, untold: untold)))
  }

  private func isUntold(_ stream: StreamID, _ sequence: UInt64, _ summary: LogSummary) -> Bool {
    summary.lines.first { $0.stream == stream }.map { sequence <= $0.floor } ?? true
  }

  private mutating func tellDigest(_ at: Int, to: Int) {
    flight.append(Message(from: at, to: to, content: .digest(nodes[at].log.digest, knows: nodes[at].knows)))
  }

  private mutating func expire(_ at: Int) {
    let time = time(at)
    nodes[at].watch { $0.log.expire(at: time) }
  }

  private mutating func save(_ at: Int) {
    nodes[at].disk = (nodes[at].log.state, nodes[at].knows, nodes[at].covered)
  }

  private mutating func restart(_ at: Int) {
    if chance(2) || nodes[at].disk == nil { save(at) }
    guard let disk = nodes[at].disk else { return }
    let old = nodes[at]
    let log = ReplayableLog(me: old.log.me, generation: old.generation + 1, restoring: disk.state, limits: limits)
    nodes[at] = Node(log: log, clock: old.clock, generation: old.generation + 1, skew: old.skew, knows: disk.knows, covered: disk.covered)
    nodes[at].disk = disk
  }

  /// Delivers any message in flight, whether it was the first or not; some are lost, some come twice.
  private mutating func deliver() {
    if flight.isEmpty { return }
    let which = pick(flight.count)
    let message = flight[which]
    if !chance(5) { flight.remove(at: which) }
    if flight.count > 60 { flight.removeFirst(20) }
    if isCut(message.from, message.to) || message.from == message.to || chance(6) { return }
    receive(message)
  }

  mutating func receive(_ message: Message) {
    let to = message.to
    let from = nodes[message.from].log.me
    switch message.content {
    case .entry(let entry):
      let wall = wall(to)
      if nodes[to].merge(entry, wall) == .apply { apply(entry, to) }
    case .digest(let digest, let knows):
      if nodes[to].log.compare(digest, from: from) {
        expectCovered(to, knows, "digest")
      } else {
        tellSummary(to, to: message.from)
      }
    case .summary(let summary, let knows, let untold):
      switch nodes[to].log.compare(summary, from: from, at: time(to)) {
      case .inStep: expectCovered(to, knows, "summary")
      case .lacking:
        // The other answers a summary with what it lacks; here as if the question had not taken any time.
        for entry in nodes[message.from].log.missing(from: nodes[to].log.summary, budget: 300) {
          flight.append(Message(from: message.from, to: to, content: .entry(entry)))
        }
      case .mustResync: resync(to, summary, untold)
      case .later: break
      }
    }
  }

  private mutating func resync(_ at: Int, _ summary: LogSummary, _ untold: Set<Purge>) {
    resyncs += 1
    nodes[at].covered = Set(purges.indices)
    let time = time(at)
    nodes[at].watch { $0.log.resync(to: summary, at: time) }
    let beneath = purges.indices.filter { purge in
      summary.lines.contains { $0.stream == purges[purge].stream && purges[purge].sequence <= $0.floor }
    }
    nodes[at].knows.formUnion(untold.union(beneath))
  }

  private mutating func expectCovered(_ at: Int, _ knows: Set<Purge>, _ by: String) {
    inStepSeen += 1
    let missed = knows.subtracting(nodes[at].covered).sorted()
    if !missed.isEmpty { violations.append("node \(at) is in step by \(by) and has missed \(missed.map { purges[$0] })") }
  }

  // MARK: Healing

  /// Lets all speak with all, without faults, until nothing changes.
  /// - Returns: whether that happened within so many rounds.
  mutating func heal(rounds: Int) -> Bool {
    cut = []
    flight = []
    for at in nodes.indices { nodes[at].skew = 0 }
    for _ in 0..<rounds {
      now += 100
      var isQuiet = true
      for at in nodes.indices { expire(at) }
      for from in nodes.indices {
        for to in nodes.indices where to != from {
          tellSummary(from, to: to)
          while !flight.isEmpty { receive(flight.removeFirst()) }
          if !nodes[to].log.compare(nodes[from].log.digest, from: nodes[from].log.me) { isQuiet = false }
        }
      }
      if isQuiet { return true }
    }
    return false
  }
}
