// Who shares the counters, who owns a key, and when a limit is so small that its owner decides. Liveness is membership's to find out.
import Runtime

/// The members as a table of counters sees them. A peer is a place in the list sorted by identity, a life is a member in one generation;
/// lives outlast membership for as long as something that they said is remembered.
struct CounterMembers: Sendable {
  struct Life: Sendable {
    var member: CounterMember
    /// Its peer, -1 when it is not a member now.
    var peer: Int32
    /// Rows that hold its shares.
    var rows = 0
  }

  struct Peer: Sendable {
    var member: CounterMember
    var life: Int32
    var hash: UInt64
    /// False while it has just come or does not answer: the next in rank stands in.
    var isReady = true
  }

  private struct Identity: Hashable {
    var id: MemberID
    var generation: UInt64
  }

  var lives: [Life] = []
  private(set) var peers: [Peer] = []
  private(set) var me = -1
  /// While this node has not heard what is used up: it asks about everything, and nobody should ask it.
  var isStarting = false
  /// Grows when ranks may have changed.
  private(set) var epoch: UInt32 = 1
  // For look-ups only.
  private var lifeOf: [Identity: Int] = [:]

  func isBroadcast(_ limits: CounterLimits) -> Bool { peers.count <= min(limits.broadcastMembersMax, 8) }

  /// The place of a member's life, made if it is new; nil when there is no room.
  mutating func life(_ id: MemberID, _ generation: UInt64, limits: CounterLimits) -> Int? {
    let identity = Identity(id: id, generation: generation)
    if let known = lifeOf[identity] { return known }
    let life = Life(member: CounterMember(id, generation: generation), peer: -1)
    let place: Int
    if lives.count < limits.membersMax {
      place = lives.count
      lives.append(life)
    } else if let gone = lives.firstIndex(where: { $0.peer < 0 && $0.rows == 0 }) {
      lifeOf[Identity(id: lives[gone].member.id, generation: lives[gone].member.generation)] = nil
      place = gone
      lives[gone] = life
    } else {
      return nil
    }
    lifeOf[identity] = place
    return place
  }

  /// Takes a new list.
  /// - Returns: the peers that were not in the old one, and whether any that was is gone.
  mutating func set(_ list: [CounterMember], me own: MemberID, limits: CounterLimits) -> (added: [Int], isAnyGone: Bool) {
    let before = peers
    for peer in before { lives[Int(peer.life)].peer = -1 }
    peers = []
    var added: [Int] = []
    for member in list.sorted(by: { $0.id < $1.id }) where peers.last?.member.id != member.id {
      guard let life = life(member.id, member.generation, limits: limits) else { continue }
      let old = before.first { $0.life == life && $0.member.weight == member.weight }
      if old == nil { added.append(peers.count) }
      lives[life].member = member
      lives[life].peer = Int32(peers.count)
      if member.id == own { me = peers.count }
      peers.append(
        Peer(member: member, life: Int32(life), hash: StableHash.avalanche(member.id.value), isReady: old?.isReady ?? true))
    }
    epoch &+= 1
    return (added, before.count + added.count != peers.count)
  }

  mutating func setReady(_ peer: Int, _ isReady: Bool) { peers[peer].isReady = isReady }

  func score(_ key: UInt64, _ peer: Int) -> Double {
    rendezvousScore(key: key, node: peers[peer].hash, weight: peers[peer].member.weight)
  }

  /// Puts a key's two highest-ranked peers into `telling`.
  func rank(_ key: UInt64, _ telling: inout CounterTelling) {
    (telling.owner, telling.second, telling.ownerScore, telling.secondScore) = (-1, -1, 0, 0)
    for peer in peers.indices { offer(peer, key, &telling) }
    telling.rankedAt = epoch
  }

  private func offer(_ peer: Int, _ key: UInt64, _ telling: inout CounterTelling) {
    let score = score(key, peer)
    if score > telling.ownerScore {
      (telling.second, telling.secondScore) = (telling.owner, telling.ownerScore)
      (telling.owner, telling.ownerScore) = (Int32(peer), score)
    } else if score > telling.secondScore {
      (telling.second, telling.secondScore) = (Int32(peer), score)
    }
  }

  /// Who collects a key: its owner, and while nobody before it answers, the next in rank, and the next. This node ends the list: whoever is
  /// behind it need not hear.
  func collectors(_ key: UInt64, _ telling: CounterTelling) -> [Int] {
    if telling.owner < 0 { return [] }
    var chain = [Int(telling.owner)]
    var score = telling.ownerScore
    while let last = chain.last, last != me, !peers[last].isReady, chain.count < 8 {
      var next = (peer: -1, score: 0.0)
      if chain.count == 1 {
        next = (Int(telling.second), telling.secondScore)
      } else {
        for peer in peers.indices {
          let other = self.score(key, peer)
          if other < score && other > next.score { next = (peer, other) }
        }
      }
      if next.peer < 0 { break }
      chain.append(next.peer)
      score = next.score
    }
    return chain
  }

  /// The next in a key's rank behind a peer that answers, or is this node.
  func next(behind peer: Int, _ key: UInt64) -> Int? {
    let score = score(key, peer)
    var next = (peer: -1, score: 0.0)
    for other in peers.indices where other != peer && (peers[other].isReady || other == me) {
      let its = self.score(key, other)
      if its < score && its > next.score { next = (other, its) }
    }
    return next.peer < 0 ? nil : next.peer
  }

  /// Below which level a limit's owner decides, because counts that are merged late could not keep it: nanoseconds of inflow.
  ///
  /// Within a view's delay D each of N nodes may admit what it believes is left: N (r D + 1) units at once, whatever is offered. That is
  /// too much when it is more than the tolerance and than one request. While twice as much is left, D longer by a late flush, no node can
  /// be that wrong, and a limit that is not in danger costs no questions. A limit of many units per second is spared them altogether: there
  /// the load and not the number of nodes bounds the error (docs/gossip.md).
  func askedBelow(_ policy: CounterPolicy, _ limits: CounterLimits) -> Int64 {
    if peers.count < 2 { return .min }
    if isStarting { return .max }
    let nodes = Double(peers.count)
    let perNanosecond = 1 / policy.nanosecondsPerUnit
    if perNanosecond * 1e9 > limits.askedPerSecondMax { return .min }
    if nodes * (perNanosecond * Double(limits.viewDelay) + 1) <= max(1, limits.tolerance * perNanosecond * 1e9) { return .min }
    let margin = 2 * nodes * (perNanosecond * Double(limits.viewDelay + limits.flushLate) + 1)
    return Int64(min(margin * policy.nanosecondsPerUnit, 0x1p62))
  }
}
