// Which object goes when room is needed: S3-FIFO (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak, "FIFO queues are all you need for cache
// eviction", SOSP 2023), in bytes instead of objects. A hit writes nothing here: it raises a counter in the object, which is read when the
// object reaches the end of its queue. So hits need no lock. Unlinking and freeing what is evicted is the owner's.

/// The order of eviction of one shard.
struct EvictionQueues<Node: EvictionNode>: Sendable {
  /// One part in so many of the bytes is for objects on trial (§4.1: 10 %).
  private static var smallPart: Int { 10 }
  /// Hits on trial that prove an object (Algorithm 1, line 20: more than one).
  static var promotionFrequency: UInt8 { 2 }
  /// The largest count that a hit writes (§4.1: two bits).
  static var frequencyMax: UInt8 { 3 }
  /// Objects that one eviction may look at. Behind so many second chances the oldest goes whatever its count, so that no writer holds its
  /// shard for a walk over all of it.
  static var stepsMax: Int { 256 }

  /// The bytes above which `evictIfFull` finds a victim.
  let bytesMax: Int
  private let smallBytesMax: Int
  private(set) var small = EvictionQueue<Node>(place: .small)
  private(set) var main = EvictionQueue<Node>(place: .main)
  private var ghost: GhostTable
  private(set) var counts = EvictionCounts()

  /// - Parameters:
  ///   - bytesMax: bytes of objects, at least 1.
  ///   - ghostCells: fingerprints remembered of what was evicted on trial.
  init(bytesMax: Int, ghostCells: Int) {
    precondition(bytesMax > 0, "eviction queues for \(bytesMax) bytes")
    self.bytesMax = bytesMax
    smallBytesMax = bytesMax / Self.smallPart
    ghost = GhostTable(cellsWanted: ghostCells, windowBytes: bytesMax - smallBytesMax)
  }

  var bytes: Int { small.bytes + main.bytes }
  var count: Int { small.count + main.count }

  /// Takes in a new object: on trial, or proved at once when it was evicted on trial not long ago.
  mutating func insert(_ node: Node) {
    node.frequency = 0
    if ghost.take(node.fingerprint) {
      counts.returned += 1
      main.append(node)
    } else {
      small.append(node)
    }
  }

  /// Puts a newer object in the place of an older one under the same key: what it has proved stays proved.
  mutating func replace(_ old: Node, with node: Node) {
    let isProved = old.place == .main
    node.frequency = old.frequency
    remove(old)
    if isProved { main.append(node) } else { small.append(node) }
  }

  /// Takes an object out that goes for another reason than room.
  mutating func remove(_ node: Node) {
    switch node.place {
    case .small: small.remove(node)
    case .main: main.remove(node)
    case .none: preconditionFailure("a node that stands in no queue is removed")
    }
  }

  /// The next object to go, already out of its queue; nil while the bytes are within their bound.
  mutating func evictIfFull() -> Node? {
    if bytes <= bytesMax { return nil }
    for _ in 0..<Self.stepsMax {
      if small.bytes > smallBytesMax || main.oldest == nil {
        if let victim = stepSmall() { return victim }
      } else if let victim = stepMain() {
        return victim
      }
    }
    return evictOldest()
  }

  /// The oldest object on trial goes, or is proved.
  private mutating func stepSmall() -> Node? {
    guard let node = small.oldest else { preconditionFailure("\(bytes) bytes are too many, and no object is queued") }
    small.remove(node)
    if node.frequency >= Self.promotionFrequency || node.isHeld {
      counts.promoted += 1
      node.frequency = 0
      main.append(node)
      return nil
    }
    ghost.remember(node.fingerprint, bytes: node.bytes)
    counts.evictedSmall += 1
    return node
  }

  /// The oldest proved object goes, or gets another round for a hit.
  private mutating func stepMain() -> Node? {
    guard let node = main.oldest else { preconditionFailure("the main queue is empty") }
    main.remove(node)
    let frequency = node.frequency
    if frequency == 0 && !node.isHeld {
      counts.evictedMain += 1
      return node
    }
    if frequency > 0 { node.frequency = frequency - 1 }
    main.append(node)
    return nil
  }

  private mutating func evictOldest() -> Node? {
    guard let node = main.oldest ?? small.oldest else { preconditionFailure("\(bytes) bytes are too many, and no object is queued") }
    if node.place == .main { counts.evictedMain += 1 } else { counts.evictedSmall += 1 }
    remove(node)
    return node
  }
}

/// What the queues have decided, since the beginning.
public struct EvictionCounts: Sendable, Equatable {
  /// Objects that went while on trial.
  public internal(set) var evictedSmall: UInt64 = 0
  /// Objects that went after they had been proved.
  public internal(set) var evictedMain: UInt64 = 0
  /// Objects proved by hits on trial.
  public internal(set) var promoted: UInt64 = 0
  /// Objects that came back soon after they had gone on trial.
  public internal(set) var returned: UInt64 = 0

  public init() {}

  static func += (total: inout EvictionCounts, more: EvictionCounts) {
    total.evictedSmall &+= more.evictedSmall
    total.evictedMain &+= more.evictedMain
    total.promoted &+= more.promoted
    total.returned &+= more.returned
  }
}
