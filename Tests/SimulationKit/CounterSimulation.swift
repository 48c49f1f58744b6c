// A cluster of counters on virtual time: tables and exchanges as they are, over a network that delays, loses, repeats, reorders and splits,
// and a load of random requests; all from one seed. Membership is told by the scenario, as late as it would be.
import Gossip
import Runtime

public struct CounterSimulation {
  public struct Network: Sendable {
    /// One way, nanoseconds.
    public var delay: ClosedRange<UInt64> = 500_000...2_000_000
    /// Datagrams of a million that are lost, and that come twice.
    public var lost: UInt64 = 0
    public var repeated: UInt64 = 5_000

    public init() {}
  }

  private enum Event {
    case request
    case tick(Int)
    case arrival(Int, CounterMember, [(CounterPart, [UInt8])])
    case scenario(Int)
  }

  public struct Node {
    public internal(set) var member: CounterMember
    public internal(set) var table: CounterTable
    public internal(set) var exchange: CounterExchange
    public internal(set) var isUp = true
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

  public static let second: UInt64 = 1_000_000_000
  public static let epoch: UInt64 = 1_700_000_000_000_000_000

  public private(set) var now = epoch
  public private(set) var nodes: [Node] = []
  /// Nodes by identity; for look-ups only.
  private var places: [MemberID: Int] = [:]
  public var network: Network
  /// Requests per second over all nodes, and the part of each node.
  public var load: Double
  public var parts: [Double] { didSet { noteParts() } }
  private var wholePart = 0.0
  private var isEven = false
  public var keys: [UInt64]
  public let policy: CounterPolicy
  public let limits: CounterLimits
  private var random: SeededRandom
  private var heap = EventHeap<Event>()
  private var scenarios: [(inout CounterSimulation) -> Void] = []

  public private(set) var admitted: [(at: UInt64, node: Int)] = []
  public private(set) var offered = 0
  /// When requests came that somebody took.
  private var offers: [(at: UInt64, node: Int)] = []
  public private(set) var asked = 0
  public private(set) var datagrams: [Int]
  public private(set) var bytes: [Int]

  public init(
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
    for i in nodes.indices { places[nodes[i].member.id] = i }
    noteParts()
    for i in 0..<count { tellMembers(i) }
    heap.add(.request, at: now)
  }

  private func make(_ i: Int, generation: UInt64) -> Node {
    let member = CounterMember(MemberID(StableHash.avalanche(UInt64(i + 1))), generation: generation)
    return Node(member: member, table: CounterTable(limits: limits), exchange: CounterExchange(member.id, limits: limits))
  }

  // MARK: Scenario

  /// Does something at a time, in seconds from the start.
  public mutating func at(_ seconds: Double, _ body: @escaping (inout CounterSimulation) -> Void) {
    scenarios.append(body)
    heap.add(.scenario(scenarios.count - 1), at: CounterSimulation.epoch + UInt64(seconds * 1e9))
  }

  /// The members that a node takes for alive: those that are, unless told otherwise.
  public mutating func tellMembers(_ i: Int, without gone: [Int] = []) {
    let list = nodes.indices.filter { nodes[$0].isUp && !gone.contains($0) }.map { nodes[$0].member }
    let time = now + nodes[i].skew
    nodes[i].setMembers(list, time)
    arm(i)
  }

  public mutating func tellMembers() { for i in nodes.indices where nodes[i].isUp { tellMembers(i) } }

  public mutating func kill(_ i: Int) { nodes[i].isUp = false }

  public mutating func restart(_ i: Int) {
    let generation = nodes[i].member.generation + 1
    nodes[i] = make(i, generation: generation)
  }

  public mutating func split(_ side: (Int) -> Int) { for i in nodes.indices { nodes[i].side = side(i) } }

  public mutating func skew(_ i: Int, by nanoseconds: UInt64) { nodes[i].skew = nanoseconds }

  // MARK: Running

  /// Runs until so many seconds from the start.
  public mutating func run(until seconds: Double) {
    let end = CounterSimulation.epoch + UInt64(seconds * 1e9)
    while let next = heap.nextTime, next < end, let (time, event) = heap.takeFirst() {
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

  private mutating func noteParts() {
    wholePart = parts.reduce(0, +)
    isEven = parts.allSatisfy { $0 == 1 }
  }

  private mutating func drawNode() -> Int {
    var place = random.unitInterval() * wholePart
    if isEven { return min(Int(place), parts.count - 1) }
    var i = 0
    while i < parts.count - 1 && place >= parts[i] {
      place -= parts[i]
      i += 1
    }
    return i
  }

  private mutating func request() {
    heap.add(.request, at: now + UInt64(1e9 / load * 2 * random.unitInterval()) + 1)
    let i = drawNode()
    guard nodes[i].isUp else { return }
    offered += 1
    if keys.count == 1 { offers.append((now, i)) }
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
    heap.add(.tick(i), at: at)
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
    guard let other = places[to], nodes[other].side == nodes[i].side else { return }
    if random.below(1_000_000) < network.lost { return }
    for _ in 0..<(random.below(1_000_000) < network.repeated ? 2 : 1) {
      let delay = network.delay.lowerBound + random.below(network.delay.upperBound - network.delay.lowerBound + 1)
      heap.add(.arrival(other, nodes[i].member, parts), at: now + delay)
    }
  }

  // MARK: Figures

  /// Admitted requests between two times in seconds from the start.
  public func admitted(from: Double, to: Double) -> Int {
    let (first, last) = (CounterSimulation.epoch + UInt64(from * 1e9), CounterSimulation.epoch + UInt64(to * 1e9))
    return admitted.reduce(0) { $0 + ($1.at >= first && $1.at < last ? 1 : 0) }
  }

  /// The most admitted in one second of the run, of those that begin at whole seconds.
  public func admittedPerSecond(_ range: Range<Int>) -> [Int] { range.map { admitted(from: Double($0), to: Double($0 + 1)) } }

  /// When one exact counter of a bucket that sees requests at once would have admitted them, in seconds from the start.
  /// - Parameter sees: whether it sees a request, by its node and by the seconds from the start; all by default.
  public func exactTimes(sees: (Int, Double) -> Bool = { _, _ in true }) -> [Double] {
    let unit = Double(policy.period) / Double(policy.limit)
    var arrival = 0.0
    var times: [Double] = []
    for offer in offers {
      let now = Double(offer.at - CounterSimulation.epoch)
      guard sees(offer.node, now / 1e9), max(arrival, now) + unit <= now + unit * Double(policy.burst) else { continue }
      arrival = max(arrival, now) + unit
      times.append(now / 1e9)
    }
    return times
  }

  /// The same, counted in each second.
  public func exactPerSecond(_ range: Range<Int>, sees: (Int, Double) -> Bool = { _, _ in true }) -> [Int] {
    let times = exactTimes(sees: sees)
    return range.map { second in times.reduce(0) { $0 + (Int($1) == second ? 1 : 0) } }
  }

  public var totals: (datagrams: Int, bytes: Int) { (datagrams.reduce(0, +), bytes.reduce(0, +)) }
}
