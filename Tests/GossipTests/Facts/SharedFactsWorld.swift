// Several SharedFacts on virtual time: datagrams are lost and delayed, streams fail where members cannot reach each other. All follows
// from one seed.
import Runtime

@testable import Gossip

/// A cluster of shared facts whose membership is told, not found.
final class SharedFactsWorld {
  struct Node {
    var id: MemberID
    var generation: UInt64 = 1
    var zone = ""
    var isDraining = false
    var facts: SharedFacts?
    /// Nanoseconds by which its wall clock is ahead.
    var skew: Int64 = 0
    /// Which part of the network it is in.
    var part = 0
    var kept: [UInt8]?
    var digestAt: UInt64 = 0
    // What came out of it in this life.
    var applied: [[UInt8]] = []
    var drops = 0
    var receipts: [LogReceipt] = []
    /// Whether it applies entries only when it is told to, and those that wait for it.
    var isSlow = false
    var pending: [LogEntryID] = []
    var lost: [RegisterEntry] = []
    var tickets = TicketKeysInForce()
    var standings: [EndpointID: EndpointStanding] = [:]  // lookup only
    var clocks: [ClockStanding] = []
    /// Doubts that are over, by number, and how many entries had been applied by then.
    var undoubted: [UInt64] = []
    var appliedBefore = 0
    /// Whether it does not run.
    var isFrozen = false
  }

  private enum Event {
    case datagram(to: Int, from: Int, FactRecord, isFresh: Bool = false)
    case answer(asker: Int, member: Int, [FactRecord]?)
  }

  static let ms: UInt64 = 1_000_000
  static let second: UInt64 = 1_000_000_000
  static let day: UInt64 = 86_400 * second

  var nodes: [Node]
  var now: UInt64 = 0
  var lossPerMille: UInt64 = 0
  var random: SeededRandom
  let start: UInt64 = 1_700_000_000_000_000_000
  private var events: [(at: UInt64, event: Event)] = []
  private(set) var exchanges = 0

  init(_ count: Int, seed: UInt64 = 1, running: Bool = true) {
    random = SeededRandom(seed: seed)
    nodes = (0..<count).map { Node(id: MemberID(StableHash.avalanche(UInt64($0 + 1)))) }
    if running { for i in 0..<count { launch(i) } }
  }

  func time(_ i: Int) -> FactTime {
    FactTime(monotonic: now, wall: UInt64(bitPattern: Int64(start + now) + nodes[i].skew))
  }

  func index(_ id: MemberID) -> Int { nodes.firstIndex { $0.id == id }! }

  // MARK: life

  func launch(_ i: Int) {
    nodes[i].facts = SharedFacts(
      me: nodes[i].id, generation: nodes[i].generation, zone: nodes[i].zone, isSettled: nodes[i].kept == nil,
      restoring: nodes[i].kept.map { try! FactState($0) }, seed: random.next(), now: time(i))
    (nodes[i].applied, nodes[i].drops, nodes[i].tickets, nodes[i].standings) = ([], 0, TicketKeysInForce(), [:])
    tellMembers()
  }

  /// kill -9; the next life starts from what was kept.
  func kill(_ i: Int, keeping: Bool = true) {
    if keeping { nodes[i].kept = nodes[i].facts?.state.bytes }
    nodes[i].facts = nil
    nodes[i].generation += 1
    tellMembers()
  }

  func part(_ parts: [Int]) {
    for i in nodes.indices { nodes[i].part = parts[i] }
    tellMembers()
  }

  func tellMembers() {
    for i in nodes.indices where nodes[i].facts != nil {
      let others = nodes.indices.filter { $0 != i && nodes[$0].facts != nil && nodes[$0].part == nodes[i].part }
      let members = others.map {
        FactMember(nodes[$0].id, generation: nodes[$0].generation, zone: nodes[$0].zone, isDraining: nodes[$0].isDraining)
      }
      with(i) { facts, now in
        facts.setMembers(members, zone: self.nodes[i].zone, isDraining: self.nodes[i].isDraining, now: now)
      }
    }
  }

  /// Does something with a node's facts and what follows from it.
  func with(_ i: Int, _ body: (inout SharedFacts, FactTime) -> [FactEffect]) {
    guard var facts = nodes[i].facts else { return }
    nodes[i].facts = nil
    let effects = body(&facts, time(i))
    nodes[i].facts = facts
    for effect in effects { perform(effect, i) }
  }

  func write(_ i: Int, _ name: String, _ value: String?) {
    with(i) { facts, now in
      _ = try! facts.write(Array(name.utf8), value.map { Array($0.utf8) }, now: now)
      return []
    }
  }

  func value(_ i: Int, _ name: String) -> String? {
    nodes[i].facts?.register.entry(Array(name.utf8)).map { String(decoding: $0.value, as: UTF8.self) }
  }

  func purge(_ i: Int, _ body: String) {
    with(i) { facts, now in
      _ = try! facts.append(Array(body.utf8), now: now)
      return []
    }
    nodes[i].applied.append(Array(body.utf8))
  }

  // MARK: the network

  private func reaches(_ a: Int, _ b: Int) -> Bool {
    nodes[a].facts != nil && nodes[b].facts != nil && nodes[a].part == nodes[b].part && !nodes[a].isFrozen
  }

  private func perform(_ effect: FactEffect, _ i: Int) {
    switch effect {
    case .send(let to, let records):
      precondition(records.reduce(0) { $0 + $1.body.count + 3 } <= PacketLimits.plaintextBytesMax - Envelope.bytesMax)
      let delay = SharedFactsWorld.ms + random.below(20 * SharedFactsWorld.ms)
      if random.below(1_000) < lossPerMille { return }
      for record in records { events.append((now + delay, .datagram(to: index(to), from: i, record))) }
    case .exchange(let member):
      exchanges += 1
      let other = index(member)
      let question = nodes[i].facts!.question(now: time(i))
      var answer: [FactRecord]?
      if reaches(i, other), reaches(other, i), random.below(1_000) >= lossPerMille {
        with(other) { facts, now in
          answer = facts.answer(question, now: now)
          return []
        }
      }
      events.append((now + 10 * SharedFactsWorld.ms, .answer(asker: i, member: other, answer)))
    case .apply(let entry):
      nodes[i].applied.append(entry.body)
      if nodes[i].isSlow { nodes[i].pending.append(entry.id) } else { with(i) { $0.applied(entry.id, now: $1) } }
    case .acknowledged(let receipt): nodes[i].receipts.append(receipt)
    case .drop(let summary):
      nodes[i].drops += 1
      with(i) { facts, now in
        facts.dropped(summary, now: now)
        return []
      }
    case .writeLost(let mine, _): nodes[i].lost.append(mine)
    case .standings(let list): for standing in list { nodes[i].standings[standing.endpoint] = standing }
    case .ticketKeys(let keys): nodes[i].tickets = keys
    case .makeTicketKey:
      let bytes = (0..<80).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      with(i) { $0.makeTicketKey(name: Array(bytes[..<16]), secret: TicketSecret(Array(bytes[16...]))!, now: $1) }
    case .probe(let members):
      for member in members.map(index) where reaches(i, member) && reaches(member, i) { tellDigest(from: member, to: i, isFresh: true) }
    case .undoubted(let number):
      nodes[i].undoubted.append(number)
      nodes[i].appliedBefore = nodes[i].applied.count
    case .clock(let standing): nodes[i].clocks.append(standing)
    case .written, .settled: break
    }
  }

  private func deliver(_ event: Event) {
    switch event {
    case .datagram(let to, let from, let record, let isFresh):
      guard reaches(from, to) else { return }
      let sender = nodes[from].id
      with(to) { facts, now in record.body.withUnsafeBytes { facts.receive(record.part, $0, from: sender, isFresh: isFresh, now: now) } }
    case .answer(let asker, let member, let records):
      let id = nodes[member].id
      with(asker) { facts, now in
        guard let records else {
          facts.exchangeFailed(with: id)
          return []
        }
        return facts.answered(records, by: id, now: now)
      }
    }
  }

  /// Probes carry a digest each way every 100 ms.
  private func probe(_ i: Int) {
    nodes[i].digestAt = now + 100 * SharedFactsWorld.ms
    let others = nodes.indices.filter { $0 != i && reaches(i, $0) }
    if others.isEmpty { return }
    let other = others[Int(random.below(UInt64(others.count)))]
    for (from, to) in [(i, other), (other, i)] where random.below(1_000) >= lossPerMille { tellDigest(from: from, to: to) }
  }

  private func tellDigest(from: Int, to: Int, isFresh: Bool = false) {
    var writer = ByteWriter()
    nodes[from].facts!.digest(now: time(from)).encode(into: &writer)
    events.append((now + SharedFactsWorld.ms, .datagram(to: to, from: from, FactRecord(.digest, writer.bytes), isFresh: isFresh)))
  }

  /// What comes for a node that does not run waits for it.
  private func waits(_ event: Event) -> Bool {
    switch event {
    case .datagram(let to, _, _, _): nodes[to].isFrozen
    case .answer(let asker, _, _): nodes[asker].isFrozen
    }
  }

  /// - Returns: whether the condition came to hold.
  @discardableResult
  func run(_ duration: UInt64, step: UInt64 = 10 * SharedFactsWorld.ms, until condition: (() -> Bool)? = nil) -> Bool {
    let end = now + duration
    while now < end {
      if condition?() ?? false { return true }
      now += step
      let due = events.filter { $0.at <= now && !waits($0.event) }
      events.removeAll { $0.at <= now && !waits($0.event) }
      for each in due { deliver(each.event) }
      for i in nodes.indices where nodes[i].facts != nil && !nodes[i].isFrozen {
        if now >= nodes[i].digestAt { probe(i) }
        if nodes[i].facts!.nextDeadline <= now { with(i) { $0.tick(now: $1) } }
      }
    }
    return condition?() ?? true
  }

  /// Passes time in which nothing happens.
  func skip(_ duration: UInt64) {
    events = []
    now += duration
  }

  /// Whether all that run know the same.
  var agree: Bool {
    let running = nodes.indices.filter { nodes[$0].facts != nil }
    let digests = running.map { nodes[$0].facts!.digest(now: time($0)) }
    return digests.allSatisfy {
      $0.register == digests[0].register && $0.ticketKeys == digests[0].ticketKeys && $0.log.hash == digests[0].log.hash
    }
  }
}
