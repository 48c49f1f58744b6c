// A network that loses, delays, duplicates, reorders, clogs and parts, as a seeded generator decides.
import Runtime

/// How links behave. Times in nanoseconds, chances in thousandths.
public struct LinkOptions: Sendable {
  public var latencyLeast: UInt64 = 500_000
  public var latencyMost: UInt64 = 2_000_000
  public var lossPerMille: UInt64 = 0
  public var duplicatePerMille: UInt64 = 0
  /// A packet that takes up to ten times as long as others, and so comes after later ones.
  public var strayPerMille: UInt64 = 0

  public init() {}
}

public struct SimulatedNetwork: Sendable {
  public var links = LinkOptions()
  /// Nodes of different zones are so far apart, one way, in nanoseconds, on top of the link's own latency.
  public var zoneDistance: [[UInt64]] = []
  public var zoneOf: [Int]
  /// Who does not reach whom, by sender and receiver.
  private var isBlocked: [Bool]
  private let count: Int
  public private(set) var packets = 0
  public private(set) var lost = 0

  public init(nodes: Int) {
    count = nodes
    isBlocked = Array(repeating: false, count: nodes * nodes)
    zoneOf = Array(repeating: 0, count: nodes)
  }

  public mutating func block(from: Int, to: Int, _ blocked: Bool = true) { isBlocked[from * count + to] = blocked }

  public func blocks(from: Int, to: Int) -> Bool { isBlocked[from * count + to] }

  /// Parts the nodes: members of different groups do not reach each other.
  public mutating func part(_ group: (Int) -> Int) {
    for a in 0..<count { for b in 0..<count { isBlocked[a * count + b] = group(a) != group(b) } }
  }

  public mutating func heal() { for i in isBlocked.indices { isBlocked[i] = false } }

  /// When a packet arrives, none, once or twice: nanoseconds after it was sent.
  mutating func deliveries(from: Int, to: Int, _ random: inout SeededRandom) -> [UInt64] {
    packets += 1
    if blocks(from: from, to: to) || random.below(1_000) < links.lossPerMille {
      lost += 1
      return []
    }
    let copies = random.below(1_000) < links.duplicatePerMille ? 2 : 1
    return (0..<copies).map { _ in latency(from: from, to: to, &random) }
  }

  mutating func latency(from: Int, to: Int, _ random: inout SeededRandom) -> UInt64 {
    var time = links.latencyLeast + random.below(links.latencyMost - links.latencyLeast + 1)
    if random.below(1_000) < links.strayPerMille { time *= 1 + random.below(10) }
    if !zoneDistance.isEmpty { time += zoneDistance[zoneOf[from]][zoneOf[to]] }
    return time
  }
}
