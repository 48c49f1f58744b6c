// Who is in the cluster, as one node sees it: SWIM (A. Das, I. Gupta, A. Motivala, 2002) with Lifeguard's doubts of oneself (A. Dadgar,
// J. Phillips, J. Currey, 2018). A value: events and the time come in, effects go out, randomness is its own seeded generator's. Sockets,
// clocks, sealing and streams are the driver's.
import Runtime

/// What the driver is to do.
public enum MembershipEffect: Sendable, Equatable {
  /// Send these messages in one datagram.
  case send(Outgoing)
  /// Exchange whole views over a stream with whoever is at the address; `exchanged` or nothing comes of it.
  case exchange(SocketAddress)
  /// This node was taken for dead by others, or took one for dead that was not: each may have missed what the other did.
  case wasApart
  /// A member's place in the view has changed.
  case changed(MemberChange)
  /// Another process uses this node's identity, with a later generation.
  case identityTaken(SocketAddress)
  /// A member was not let in, or will not let us in.
  case refused(JoinRefusal, SocketAddress)
  /// The goodbye has been told; the driver may stop.
  case leftCluster
}

/// A change of the view.
public struct MemberChange: Sendable, Equatable {
  public enum Kind: UInt8, Sendable, CaseIterable { case joined, restarted, suspected, recovered, died, left, updated, forgotten }
  public var kind: Kind
  public var member: MemberID
}

/// What membership counts.
public struct MembershipCounts: Sendable, Equatable {
  public var probes = 0
  public var probesFailed = 0
  public var probesThroughHelpers = 0
  public var suspicions = 0
  public var deaths = 0
  public var refutations = 0
  public var exchanges = 0
  public var wakeupsLate = 0
}

/// A member in this node's view.
public struct Member: Sendable, Equatable {
  public internal(set) var rumour: Rumour
  public internal(set) var record: MemberRecord
  public internal(set) var roundTrip = RoundTrip()
  /// When the state began, monotonic nanoseconds of this node.
  public internal(set) var since: UInt64

  public var id: MemberID { rumour.member }
  public var state: MemberState { rumour.state }
  public var version: MemberVersion { rumour.version }
  /// Alive or suspect: it may be probed, asked and counted on.
  public var isPresent: Bool { rumour.state == .alive || rumour.state == .suspect }
}

/// One node's view of the cluster.
public struct Membership: Sendable {
  struct Probe: Sendable {
    var number: UInt32
    var target: MemberID
    var sent: UInt64
    /// Whether the time of its answer tells the distance: not once it was asked again, nor when this node did not run meanwhile.
    var measures = true
    /// When helpers are asked; nil once they have been.
    var helpersAt: UInt64?
    var ends: UInt64
    var helpersAsked = 0
    var nacks = 0
  }

  /// A probe on another's behalf.
  struct Relay: Sendable {
    var number: UInt32
    var target: MemberID
    var asker: SocketAddress
    var askerNumber: UInt32
    var sent: UInt64
    var measures = true
    /// When the asker hears that there is no answer yet; nil once it has.
    var nackAt: UInt64?
    var ends: UInt64
  }

  public let me: MemberID
  public let options: MembershipOptions
  public internal(set) var record: MemberRecord
  public internal(set) var version: MemberVersion
  public internal(set) var counts = MembershipCounts()
  public internal(set) var health = LocalHealth()

  /// All others that are known, by identity.
  public internal(set) var members: [Member] = []
  /// Those that are alive or suspect, and this node.
  public internal(set) var ring = MemberRing()
  var random: SeededRandom
  var queue = RumourQueue()
  var order: ProbeOrder
  var suspicions: [(member: MemberID, suspicion: Suspicion)] = []
  var probes: [Probe] = []
  var relays: [Relay] = []
  var seeds: [SocketAddress] = []
  var nextSeed = 0
  var nextMissing = 0
  var nextNumber: UInt32 = 0
  /// The number of the ping whose answer tells whether views differ.
  var comparison: UInt32?
  /// Exchanges that were asked for a moment ago.
  var wanted: [(address: SocketAddress, at: UInt64)] = []
  /// A combined hash of what is known of all, this node included, whatever the order in which it was learnt.
  var digest: UInt64 = 0
  var probeAt: UInt64
  var gossipAt: UInt64
  var reconnectAt: UInt64
  var compareAt: UInt64
  var forgetAt: UInt64
  var leavesAt: UInt64?
  public internal(set) var isLeaving = false
  /// Whether the sender of the datagram at hand holds against this node what it has refuted.
  var isMisjudged = false
  var effects: [MembershipEffect] = []
  /// The earliest time at which `tick` has something to do.
  public internal(set) var nextDeadline: UInt64

  /// - Parameters:
  ///   - generation: grows with every start of this identity (docs/gossip.md: the greater of the last one plus one and the wall clock).
  ///   - seed: of the node's own generator.
  ///   - now: monotonic nanoseconds, as in all calls.
  public init(me: MemberID, generation: UInt64, record: MemberRecord, options: MembershipOptions = .init(), seed: UInt64, now: UInt64) {
    self.me = me
    self.options = options
    self.record = record
    version = MemberVersion(generation: generation)
    random = SeededRandom(seed: seed)
    order = ProbeOrder(of: me)
    // Nodes that are started together do not probe together.
    probeAt = now &+ random.below(options.probeInterval)
    gossipAt = now
    reconnectAt = now
    compareAt = now &+ random.below(options.antiEntropyInterval) &+ options.antiEntropyInterval / 2
    forgetAt = now &+ options.tombstoneAge
    ring.insert(me)
    nextDeadline = now
    digest = Membership.mark(own)
  }

  /// What this node says of itself.
  public var own: Rumour { Rumour(me, version, isLeaving ? .left : .alive, origin: me) }

  /// Whether what this node last said of itself has gone out to a few members, who pass it on.
  public var isSpread: Bool { queue.tellings(of: me).map { $0 >= 3 } ?? true }

  /// Members that are alive or suspect, this node included.
  public var presentCount: Int { ring.members.count }

  /// A statement's share of the digest. Suspect counts as alive: suspicions come and go without anybody missing a thing.
  static func mark(_ rumour: Rumour) -> UInt64 {
    let state = rumour.state == .suspect ? MemberState.alive : rumour.state
    let first = StableHash.avalanche(rumour.member.value ^ StableHash.avalanche(rumour.version.generation))
    return StableHash.avalanche(first &+ UInt64(rumour.version.incarnation) << 8 &+ UInt64(state.rawValue))
  }

  // MARK: members by identity

  func index(of member: MemberID) -> Int? {
    let at = insertionIndex(of: member)
    return at < members.count && members[at].id == member ? at : nil
  }

  func insertionIndex(of member: MemberID) -> Int {
    var (low, high) = (0, members.count)
    while low < high {
      let middle = (low + high) / 2
      if members[middle].id < member { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The member, or nil when it is unknown or this node itself.
  public subscript(member: MemberID) -> Member? { index(of: member).map { members[$0] } }

  /// Up to `count` random members that are alive, without those excluded.
  mutating func someAlive(_ count: Int, excluding excluded: MemberID? = nil) -> [Member] {
    var chosen: [Member] = []
    // Drawing and looking is enough: almost all are alive, and a draw that missed was only one draw.
    for _ in 0..<(count * 4 + 8) where chosen.count < count {
      let drawn = ring.members[Int(random.below(UInt64(ring.members.count)))]
      guard drawn != me, drawn != excluded, let at = index(of: drawn), members[at].state == .alive else { continue }
      if !chosen.contains(where: { $0.id == drawn }) { chosen.append(members[at]) }
    }
    return chosen
  }

  // MARK: events

  /// A datagram's messages have come from `address`.
  public mutating func received(_ messages: [Message], from address: SocketAddress, now: UInt64) -> [MembershipEffect] {
    enter(now)
    isMisjudged = false
    for message in messages {
      switch message {
      case .ping(let number, let from, let target, let theirs): pinged(number, from, target, theirs, address, now)
      case .pingRequest(let number, let from, let target): askedToProbe(number, from, target, address, now)
      case .ack(let number, let from, let theirs): acknowledged(number, from, theirs, address, now)
      case .nack(let number, _): notAcknowledged(number)
      case .rumours(let rumours): for rumour in rumours { hear(rumour, nil, now) }
      case .statements(let statements): for statement in statements { hear(statement.rumour, statement.record, now) }
      }
    }
    if isMisjudged { effects.append(.send(Outgoing(address: address, messages: [.statements([MemberStatement(own, record)])]))) }
    return finish(now)
  }

  /// When `tick` has something to do.
  private var earliest: UInt64 {
    var next = min(probeAt, reconnectAt, compareAt, forgetAt)
    if !queue.isEmpty { next = min(next, gossipAt) }
    if let leavesAt { next = min(next, leavesAt) }
    for probe in probes { next = min(next, probe.helpersAt ?? probe.ends) }
    for relay in relays { next = min(next, relay.nackAt ?? relay.ends) }
    for entry in suspicions { next = min(next, entry.suspicion.deadline) }
    return next
  }

  /// Time has come to `now`. Call after all packets that were waiting have been handed over.
  public mutating func tick(now: UInt64) -> [MembershipEffect] {
    enter(now)
    endProbes(now)
    endRelays(now)
    endSuspicions(now)
    if now >= probeAt { probeNext(now) }
    if now >= reconnectAt { reconnect(now) }
    if now >= compareAt { compare(now) }
    if now >= forgetAt { forget(now) }
    if !queue.isEmpty && now >= gossipAt { gossip(now) }
    if let at = leavesAt, now >= at {
      leavesAt = nil
      effects.append(.leftCluster)
    }
    return finish(now)
  }

  /// Every call begins here: a node that did not run for a while, and finds out with the first packet or tick after it, counts that
  /// time against nobody.
  mutating func enter(_ now: UInt64) {
    if now <= nextDeadline || now - nextDeadline <= options.lateness { return }
    let late = now - nextDeadline
    nextDeadline = now
    counts.wakeupsLate += 1
    for i in suspicions.indices { suspicions[i].suspicion.extend(byNanoseconds: late) }
    for i in probes.indices {
      probes[i].measures = false
      probes[i].helpersAt = probes[i].helpersAt.map { $0 &+ late }
      probes[i].ends &+= late
    }
    for i in relays.indices {
      relays[i].measures = false
      relays[i].nackAt = relays[i].nackAt.map { $0 &+ late }
      relays[i].ends &+= late
    }
  }

  /// Says something new of this node: told to all as a new incarnation.
  public mutating func update(_ record: MemberRecord, now: UInt64) -> [MembershipEffect] {
    if record == self.record { return [] }
    enter(now)
    self.record = record
    speakUp(version.refutation)
    return finish(now)
  }

  /// Says goodbye: told at once to some, and by them to the rest; `leftCluster` follows when that has had its time.
  public mutating func leave(now: UInt64) -> [MembershipEffect] {
    if isLeaving { return [] }
    enter(now)
    digest ^= Membership.mark(own)
    isLeaving = true
    digest ^= Membership.mark(own)
    tell(own)
    leavesAt = now &+ (presentCount > 1 ? 10 * options.gossipInterval : 0)
    gossipAt = now
    gossip(now)
    return finish(now)
  }

  /// What this node says of itself, under a new version.
  mutating func speakUp(_ version: MemberVersion) {
    digest ^= Membership.mark(own)
    self.version = version
    digest ^= Membership.mark(own)
    tell(own)
  }

  /// Every call ends here.
  mutating func finish(_ now: UInt64) -> [MembershipEffect] {
    nextDeadline = max(earliest, now)
    defer { effects.removeAll(keepingCapacity: true) }
    return effects
  }
}

extension Membership {
  /// What contradicts itself in this value, or nil: for tests that look at every step.
  public var inconsistency: String? {
    if zip(members, members.dropFirst()).contains(where: { $0.id >= $1.id }) { return "members are not in order" }
    let present = members.filter(\.isPresent).map(\.id) + [me]
    if ring.members.sorted() != present.sorted() { return "the ring is not those that are present" }
    if members.reduce(Membership.mark(own), { $0 ^ Membership.mark($1.rumour) }) != digest { return "the digest is not the view's" }
    let suspects = members.filter { $0.state == .suspect }.map(\.id)
    if suspicions.map(\.member).sorted() != suspects { return "suspicions are not those of the suspects" }
    return members.contains { $0.id == me } ? "this node is among the others" : nil
  }
}
