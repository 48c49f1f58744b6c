// A cluster of counters on virtual time: tables and exchanges as they are, over a network that delays, loses, repeats, reorders and splits,
// and a load of random requests; all from one seed. Membership is told by the scenario, as late as it would be.
import Gossip
import Runtime

struct CounterSimulation {
  struct Network {
    /// One way, nanoseconds.
    var delay: ClosedRange<UInt64> = 500_000...2_000_000
    /// Datagrams of a million that are lost, and that come twice.
    var lost: UInt64 = 0
    var repeated: UInt64 = 5_000
  }

  private enum Event {
    case request
    case tick(Int)
    case arrival(Int, CounterMember, [(CounterPart, [UInt8])])
    case scenario(Int)
  }

  struct Node {
    var member: CounterMember
    var table: CounterTable
    var exchange: CounterExchange
    var isUp = true
    var tickAt: UInt64 = .max
    /// What the clock shows beside the true time.
    var skew: UInt64 = 0
    var waiting: [UInt64: UInt64] = [:]
    /// The side of a partition that it is on.
    var side = 0

    mutating func setMembers(_ list: [CounterMember], _ now: UInt64) { exchange.setMembers(list, &table, now: now) }
    mutating func advance(_ now: UInt64) -> [CounterEffect] { exchange.advance(&table, now: now) }
    mutating func ask(_ owner: MemberID, _ key: UInt64, _ policy: CounterPolicy, _ now: UInt64) -> [CounterEffect] {
      exchange.ask(owner, key, cost: 1, policy: policy, patience: 20_000_000, &table, now: now).effects
    }
    mutating func receive(_ part: CounterPart, _ body: [UInt8], _ sender: CounterMember, _ now: UInt64) -> [CounterEffect] {
      // SAFETY: the buffer lives as long as the call, and nothing keeps it.
      body.withUnsafeBytes { exchange.receive(part, $0, from: sender, &table, now: now) }
    }
  }

  static let second: UInt64 = 1_000_000_000
  static let epoch: UInt64 = 1_700_000_000_000_000_000

  private(set) var now = epoch
  private(set) var nodes: [Node] = []
  var network: Network
  /// Requests per second over all nodes, and the part of each node.
  var load: Double
  var parts: [Double]
  var keys: [UInt64]
  let policy: CounterPolicy
  let limits: CounterLimits
  private var random: SeededRandom
  private var heap = EventHeap<Event>()
  private var scenarios: [(inout CounterSimulation) -> Void] = []

  private(set) var admitted: [(at: UInt64, node: Int)] = []
  private(set) var offered = 0
  private(set) var asked = 0
  private(set) var datagrams: [Int]
  private(set) var bytes: [Int]

  init(
    seed: UInt64, nodes count: Int, policy: CounterPolicy, load: Double, keys: Int = 1, network: Network = Network(),
    limits: CounterLimits = CounterLimits()
  ) {
    random = SeededRandom(seed: seed)
    self.policy = policy
    self.load = load
    self.network = network
    self.limits = limits
    // Uneven: the first node has many times the load of the last.
    parts = (0..<count).map { 1 / Double($0 + 2) }
    datagrams = Array(repeating: 0, count: count)
    bytes = datagrams
    self.keys = []
    for _ in 0..<keys { self.keys.append(random.next()) }
    for i in 0..<count { nodes.append(make(i, generation: 1)) }
    for i in 0..<count { tellMembers(i) }
    heap.push(now, .request)
  }

  private func make(_ i: Int, generation: UInt64) -> Node {
    let member = CounterMember(MemberID(StableHash.avalanche(UInt64(i + 1))), generation: generation)
    return Node(member: member, table: CounterTable(limits: limits), exchange: CounterExchange(member.id, limits: limits))
  }

  // MARK: Scenario

  /// Does something at a time, in seconds from the start.
  mutating func at(_ seconds: Double, _ body: @escaping (inout CounterSimulation) -> Void) {
    scenarios.append(body)
    heap.push(CounterSimulation.epoch + UInt64(seconds * 1e9), .scenario(scenarios.count - 1))
  }

  /// The members that a node takes for alive: those that are, unless told otherwise.
  mutating func tellMembers(_ i: Int, without gone: [Int] = []) {
    let list = nodes.indices.filter { nodes[$0].isUp && !gone.contains($0) }.map { nodes[$0].member }
    let time = now + nodes[i].skew
    nodes[i].setMembers(list, time)
    arm(i)
  }

  mutating func tellMembers() { for i in nodes.indices where nodes[i].isUp { tellMembers(i) } }

  mutating func kill(_ i: Int) { nodes[i].isUp = false }

  mutating func restart(_ i: Int) {
    let generation = nodes[i].member.generation + 1
    nodes[i] = make(i, generation: generation)
  }

  mutating func split(_ side: (Int) -> Int) { for i in nodes.indices { nodes[i].side = side(i) } }

  mutating func skew(_ i: Int, by nanoseconds: UInt64) { nodes[i].skew = nanoseconds }

  // MARK: Running

  /// Runs until so many seconds from the start.
  mutating func run(until seconds: Double) {
    let end = CounterSimulation.epoch + UInt64(seconds * 1e9)
    while let (time, event) = heap.pop(before: end) {
      now = time
      switch event {
      case .request: request()
      case .tick(let i):
        if nodes[i].isUp && nodes[i].tickAt == time { tick(i) }
      case .arrival(let i, let sender, let parts): arrive(i, sender, parts)
      case .scenario(let i): scenarios[i](&self)
      }
    }
    now = end
  }

  private mutating func request() {
    heap.push(now + UInt64(1e9 / load * 2 * random.unitInterval()) + 1, .request)
    var place = random.unitInterval() * parts.reduce(0, +)
    var i = 0
    while i < parts.count - 1 && place >= parts[i] {
      place -= parts[i]
      i += 1
    }
    guard nodes[i].isUp else { return }
    offered += 1
    let key = keys[Int(random.below(UInt64(keys.count)))]
    let time = now + nodes[i].skew
    let decision = nodes[i].table.consume(key, policy: policy, now: time)
    switch decision.verdict {
    case .allowed: admitted.append((now, i))
    case .denied: break
    case .ask(let owner):
      asked += 1
      apply(nodes[i].ask(owner, key, policy, time), i)
    }
    arm(i)
  }

  private mutating func tick(_ i: Int) {
    nodes[i].tickAt = .max
    apply(nodes[i].advance(now + nodes[i].skew), i)
    arm(i)
  }

  private mutating func arrive(_ i: Int, _ sender: CounterMember, _ parts: [(CounterPart, [UInt8])]) {
    guard nodes[i].isUp else { return }
    for (part, body) in parts {
      let time = now + nodes[i].skew
      apply(nodes[i].receive(part, body, sender, time), i)
    }
    arm(i)
  }

  private mutating func arm(_ i: Int) {
    let next = nodes[i].exchange.nextDeadline(nodes[i].table)
    if next == .max { return }
    // A loop does not turn more often than every half millisecond.
    let at = max(next - min(nodes[i].skew, next), now + 500_000)
    if at >= nodes[i].tickAt && nodes[i].tickAt > now { return }
    nodes[i].tickAt = at
    heap.push(at, .tick(i))
  }

  private mutating func apply(_ effects: [CounterEffect], _ i: Int) {
    var open: (to: MemberID, parts: [(CounterPart, [UInt8])])?
    for effect in effects {
      switch effect {
      case .decided(_, let decision):
        if decision.verdict == .allowed { admitted.append((now, i)) }
      case .send(let to, let part, let body):
        if open?.to == to, open!.parts.reduce(body.count, { $0 + $1.1.count }) < 1_250 {
          open!.parts.append((part, body))
        } else {
          if let open { send(open.parts, i, open.to) }
          open = (to, [(part, body)])
        }
      }
    }
    if let open { send(open.parts, i, open.to) }
  }

  private mutating func send(_ parts: [(CounterPart, [UInt8])], _ i: Int, _ to: MemberID) {
    datagrams[i] += 1
    bytes[i] += parts.reduce(80) { $0 + $1.1.count }
    guard let other = nodes.firstIndex(where: { $0.member.id == to }), nodes[other].side == nodes[i].side else { return }
    if random.below(1_000_000) < network.lost { return }
    for _ in 0..<(random.below(1_000_000) < network.repeated ? 2 : 1) {
      let delay = network.delay.lowerBound + random.below(network.delay.upperBound - network.delay.lowerBound + 1)
      heap.push(now + delay, .arrival(other, nodes[i].member, parts))
    }
  }

  // MARK: Figures

  /// Admitted requests between two times in seconds from the start.
  func admitted(from: Double, to: Double) -> Int {
    let (first, last) = (CounterSimulation.epoch + UInt64(from * 1e9), CounterSimulation.epoch + UInt64(to * 1e9))
    return admitted.reduce(0) { $0 + ($1.at >= first && $1.at < last ? 1 : 0) }
  }

  /// The most admitted in one second of the run, of those that begin at whole seconds.
  func admittedPerSecond(_ range: Range<Int>) -> [Int] { range.map { admitted(from: Double($0), to: Double($0 + 1)) } }

  var totals: (datagrams: Int, bytes: Int) { (datagrams.reduce(0, +), bytes.reduce(0, +)) }
}

/// Events by time, and by order of their making where times are equal.
struct EventHeap<Event> {
  private var events: [(time: UInt64, number: UInt64, event: Event)] = []
  private var next: UInt64 = 0

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (events[a].time, events[a].number) < (events[b].time, events[b].number)
  }

  mutating func push(_ time: UInt64, _ event: Event) {
    events.append((time, next, event))
    next += 1
    var at = events.count - 1
    while at > 0 && isBefore(at, (at - 1) / 2) {
      events.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop(before end: UInt64) -> (UInt64, Event)? {
    guard let first = events.first, first.time < end else { return nil }
    events.swapAt(0, events.count - 1)
    events.removeLast()
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < events.count && isBefore(child, least) { least = child }
      if least == at { break }
      events.swapAt(at, least)
      at = least
    }
    return (first.time, first.event)
  }
}
