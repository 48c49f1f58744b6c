// A whole cluster in one process on virtual time, from one integer seed: the memberships of N nodes, a network between them, and faults.
// The same seed runs the same way, byte for byte, in every process.
import Gossip
import Runtime

/// One simulated node.
public struct SimulatedNode {
  public let id: MemberID
  public let address: SocketAddress
  public internal(set) var generation: UInt64 = 0
  /// nil while the process is down.
  public internal(set) var membership: Membership?
  public internal(set) var isPaused = false
  /// What came while it was paused; as much as a socket's buffer holds.
  var inbox: [(from: Int, bytes: [UInt8])] = []
  var wakesAt: UInt64 = .max
  public internal(set) var bytesSent = 0
  public internal(set) var datagramsSent = 0
  public var isUp: Bool { membership != nil }
  /// What the node has heard of its own and others' fate, newest last, while it is watched.
  public internal(set) var changes: [(time: UInt64, change: MemberChange)] = []
}

public final class Simulation {
  enum Event {
    case arrive(to: Int, from: Int, bytes: [UInt8])
    case wake(Int)
    case ask(to: Int, from: Int, view: [MemberStatement])
    case reply(to: Int, from: Int, view: [MemberStatement])
    case act((Simulation) -> Void)
  }

  /// Bytes that sealing and the headers of UDP and IP add to a datagram's plaintext.
  public static let overheadBytes = 47 + 28
  static let inboxMax = 2_048

  public private(set) var now: UInt64 = 1_000_000_000
  public var network: SimulatedNetwork
  public private(set) var nodes: [SimulatedNode] = []
  public let options: MembershipOptions
  public let seeds: Int
  var random: SeededRandom
  var events = EventHeap<Event>()
  /// A hash over everything that was delivered: equal in two runs of one seed.
  public private(set) var trace: UInt64 = 0
  /// Packets that could not be read: always none.
  public private(set) var unreadable = 0

  /// - Parameter seeds: how many of the first nodes every node is told to look for.
  public init(seed: UInt64, nodes count: Int, seeds: Int = 3, options: MembershipOptions = .init()) {
    random = SeededRandom(seed: seed)
    network = SimulatedNetwork(nodes: count)
    self.options = options
    self.seeds = min(seeds, count)
    for i in 0..<count {
      let address = SocketAddress(ipv4: 0x0a00_0000 + UInt32(i) + 1, port: 7_946)
      nodes.append(SimulatedNode(id: MemberID(StableHash.avalanche(UInt64(i) + 1)), address: address))
    }
  }

  // MARK: faults

  public func start(_ i: Int) {
    precondition(nodes[i].membership == nil, "node \(i) runs already")
    nodes[i].generation += 1
    nodes[i].isPaused = false
    nodes[i].inbox = []
    let record = MemberRecord(name: "node-\(i)", peer: nodes[i].address, zone: "zone-\(network.zoneOf[i])", build: "simulated")
    nodes[i].membership = Membership(
      me: nodes[i].id, generation: nodes[i].generation, record: record, options: options, seed: random.next(), now: now)
    let addresses = (0..<seeds).map { nodes[$0].address }
    perform(i, nodes[i].membership!.setSeeds(addresses, now: now))
  }

  public func startAll() { for i in nodes.indices where nodes[i].membership == nil { start(i) } }

  /// kill -9.
  public func kill(_ i: Int) {
    nodes[i].membership = nil
    nodes[i].isPaused = false
    nodes[i].inbox = []
    nodes[i].wakesAt = .max
  }

  /// SIGSTOP: it neither runs nor answers; what comes waits in its socket.
  public func pause(_ i: Int) { nodes[i].isPaused = true }

  /// SIGCONT: it first drains its socket, then finds how late it is.
  public func resume(_ i: Int) {
    guard nodes[i].isPaused else { return }
    nodes[i].isPaused = false
    let waiting = nodes[i].inbox
    nodes[i].inbox = []
    for packet in waiting { deliver(packet.bytes, to: i, from: packet.from) }
    tick(i)
  }

  public func leave(_ i: Int) {
    guard nodes[i].membership != nil else { return }
    perform(i, nodes[i].membership!.leave(now: now))
  }

  /// Changes what a node says of itself.
  public func update(_ i: Int, _ change: (inout MemberRecord) -> Void) {
    guard var record = nodes[i].membership?.record else { return }
    change(&record)
    perform(i, nodes[i].membership!.update(record, now: now))
  }

  /// Lets something happen later.
  public func after(_ nanoseconds: UInt64, _ action: @escaping (Simulation) -> Void) { events.add(.act(action), at: now + nanoseconds) }

  /// A number that this run's seed decides.
  public func draw(_ bound: UInt64) -> UInt64 { random.below(bound) }

  // MARK: time

  public func run(_ nanoseconds: UInt64) { run(until: now + nanoseconds) }

  public func run(until end: UInt64) {
    while let next = events.nextTime, next <= end { step() }
    now = max(now, end)
  }

  /// Runs until the condition holds, looking every `every` nanoseconds; the time it took, or nil when it did not within `limit`.
  public func run(atMost limit: UInt64, every: UInt64 = 10_000_000, until condition: (Simulation) -> Bool) -> UInt64? {
    let began = now
    while now - began < limit {
      if condition(self) { return now - began }
      run(every)
    }
    return condition(self) ? now - began : nil
  }

  private func step() {
    guard let (time, event) = events.takeFirst() else { return }
    now = max(now, time)
    switch event {
    case .arrive(let to, let from, let bytes):
      guard nodes[to].isUp else { return }
      if !nodes[to].isPaused { return deliver(bytes, to: to, from: from) }
      if nodes[to].inbox.count < Simulation.inboxMax { nodes[to].inbox.append((from, bytes)) }
    case .wake(let i):
      guard nodes[i].isUp, !nodes[i].isPaused, nodes[i].wakesAt <= now else { return }
      tick(i)
    case .ask(let to, let from, let view):
      // Who is down or cannot be reached refuses; the asker tries again when it has reason to.
      guard nodes[to].isUp, !nodes[to].isPaused, !network.blocks(from: from, to: to), !network.blocks(from: to, to: from) else { return }
      let mine = nodes[to].membership!.view
      perform(to, nodes[to].membership!.exchanged(view, with: nodes[from].address, now: now))
      events.add(.reply(to: from, from: to, view: mine), at: now + network.latency(from: to, to: from, &random))
    case .reply(let to, let from, let view):
      guard nodes[to].isUp, !nodes[to].isPaused, !network.blocks(from: from, to: to) else { return }
      perform(to, nodes[to].membership!.exchanged(view, with: nodes[from].address, now: now))
    case .act(let action): action(self)
    }
  }

  private func tick(_ i: Int) {
    nodes[i].wakesAt = .max
    if nodes[i].isUp { perform(i, nodes[i].membership!.tick(now: now)) }
  }

  private func deliver(_ bytes: [UInt8], to: Int, from: Int) {
    guard nodes[to].membership != nil else { return }
    trace = StableHash.avalanche(trace ^ now ^ UInt64(to) << 40 ^ UInt64(from) << 52)
    trace = bytes.withUnsafeBytes { StableHash.hash($0, seed: trace) }
    guard let messages = Datagram.read(bytes) else {
      unreadable += 1
      return
    }
    perform(to, nodes[to].membership!.received(messages, from: nodes[from].address, now: now))
  }

  private func perform(_ i: Int, _ effects: [MembershipEffect]) {
    for effect in effects {
      switch effect {
      case .send(let outgoing): send(outgoing, from: i)
      case .exchange(let address): exchange(with: address, from: i)
      case .changed(let change): nodes[i].changes.append((now, change))
      case .leftCluster: kill(i)
      case .wasApart, .identityTaken, .refused: break
      }
    }
    guard let membership = nodes[i].membership else { return }
    let next = membership.nextDeadline
    if next < nodes[i].wakesAt {
      nodes[i].wakesAt = next
      events.add(.wake(i), at: max(next, now))
    }
  }

  private func node(at address: SocketAddress) -> Int? {
    let i = Int(address.ipv4) - 0x0a00_0001
    return nodes.indices.contains(i) ? i : nil
  }

  private func send(_ outgoing: Outgoing, from: Int) {
    let bytes = Datagram.write(outgoing.messages)
    precondition(bytes.count <= options.datagramBytes, "a datagram of \(bytes.count) bytes")
    nodes[from].bytesSent += bytes.count + Simulation.overheadBytes + Datagram.digestBytes(beside: outgoing.messages)
    nodes[from].datagramsSent += 1
    guard let to = node(at: outgoing.address) else { return }
    for delay in network.deliveries(from: from, to: to, &random) { events.add(.arrive(to: to, from: from, bytes: bytes), at: now + delay) }
  }

  private func exchange(with address: SocketAddress, from: Int) {
    guard let to = node(at: address), let view = nodes[from].membership?.view else { return }
    nodes[from].bytesSent += view.count * 100 + 200
    // A connection takes a round trip before anything is said.
    let delay = (0..<3).reduce(0) { sum, _ in sum + network.latency(from: from, to: to, &random) }
    events.add(.ask(to: to, from: from, view: view), at: now + delay)
  }
}
