// What a change of membership does to a table: ranks move, and who has come to need a key hears all of it. Counts of who has gone stay
// facts.
import Runtime

extension CounterTable {
  /// Takes a list of members, this node among them. Call it with every change of who is alive.
  /// - Parameters:
  ///   - list: in any order; of two entries of one identity the first holds.
  ///   - me: this node.
  ///   - now: wall nanoseconds.
  /// - Returns: places of the members that are new, in the list sorted by identity.
  @discardableResult
  public mutating func setMembers(_ list: [CounterMember], me: MemberID, now: UInt64) -> [Int] {
    clock = max(clock, now)
    let known = members.peers.map(\.life)
    let wasBroadcast = members.isBroadcast(limits)
    let (added, _) = members.set(list, me: me, limits: limits)
    let isBroadcast = members.isBroadcast(limits)
    for slot in liveSlots {
      entries[slot].telling.askedBelow = members.askedBelow(entries[slot].policy, limits)
      if known.isEmpty { continue }
      if entries[slot].isFreshLater(now: clock) { continue }
      if isBroadcast {
        // Peers' places have moved: what was to be told to some goes to all.
        let bits = added.reduce(UInt8(0)) { $0 | 1 << UInt8($1) }
        let whole = entries[slot].telling.whole != 0 || !wasBroadcast ? UInt8.max : bits
        entries[slot].telling.whole = whole
        if whole != 0 { queueSoon(slot) }
      } else {
        rerank(slot, from: known, added: added, wasBroadcast: wasBroadcast)
      }
    }
    return added
  }

  /// Marks a key to be told whole when its first or second in rank has changed.
  private mutating func rerank(_ slot: Int, from known: [Int32], added: [Int], wasBroadcast: Bool) {
    let old = entries[slot].telling
    func life(_ peer: Int32) -> Int32 { peer >= 0 && Int(peer) < known.count ? known[Int(peer)] : -1 }
    let (owner, second) = (life(old.owner), life(old.second))
    members.rank(entries[slot].key, &entries[slot].telling)
    let new = entries[slot].telling
    let isSame = members.peers[Int(new.owner)].life == owner && (new.second < 0 || members.peers[Int(new.second)].life == second)
    if wasBroadcast || !isSame || old.whole != 0 {
      entries[slot].telling.whole = .max
      queueSoon(slot)
    }
  }

  /// Says whether a member answers. One that does not, or has only just come, is stood in for by the next in rank: what it owns is told to
  /// both, and asked of the other.
  public mutating func setReady(_ id: MemberID, _ isReady: Bool) {
    guard let peer = members.peers.firstIndex(where: { $0.member.id == id }), members.peers[peer].isReady != isReady else { return }
    members.setReady(peer, isReady)
    if isReady || members.isBroadcast(limits) { return }
    for slot in liveSlots where entries[slot].telling.rankedAt == members.epoch && entries[slot].telling.owner >= 0 {
      // Also when the owner was silent before: then this one may have stood in.
      let owner = Int(entries[slot].telling.owner)
      if owner == members.me || members.peers[owner].isReady { continue }
      if entries[slot].isFreshLater(now: clock) { continue }
      entries[slot].telling.whole = .max
      queueSoon(slot)
    }
  }

  mutating func ranked(_ slot: Int) {
    if entries[slot].telling.rankedAt != members.epoch { members.rank(entries[slot].key, &entries[slot].telling) }
  }

  /// Whom to ask about a key; nil when this node decides: as its owner, as the owner's stand-in, or because nobody answers.
  mutating func askedMember(_ slot: Int) -> MemberID? {
    ranked(slot)
    let telling = entries[slot].telling
    if members.isStarting {
      // Not itself, whatever its rank.
      for peer in [Int(telling.owner), Int(telling.second)] where peer >= 0 && peer != members.me && members.peers[peer].isReady {
        return members.peers[peer].member.id
      }
      return nil
    }
    guard let last = members.collectors(entries[slot].key, telling).last, last != members.me, members.peers[last].isReady else {
      return nil
    }
    return members.peers[last].member.id
  }

  /// Whether this node decides about a key in place of an owner that does not answer.
  mutating func isStandIn(_ slot: Int) -> Bool {
    ranked(slot)
    let telling = entries[slot].telling
    return telling.owner >= 0 && Int(telling.owner) != members.me && !members.peers[Int(telling.owner)].isReady
      && members.collectors(entries[slot].key, telling).last == members.me
  }

  /// Who decides about a key when a member leaves a question about it unanswered: the next in rank that answers.
  public mutating func standIn(for silent: MemberID, _ key: UInt64) -> CounterStandIn {
    guard let peer = members.peers.firstIndex(where: { $0.member.id == silent }) else { return .nobody }
    guard let next = members.next(behind: peer, key) else { return .nobody }
    return next == members.me && !members.isStarting ? .thisNode : next == members.me ? .nobody : .ask(members.peers[next].member.id)
  }

  /// Says whether this node has only just started beside others that know more.
  public mutating func setStarting(_ isStarting: Bool) {
    if members.isStarting == isStarting { return }
    members.isStarting = isStarting
    for slot in liveSlots { entries[slot].telling.askedBelow = members.askedBelow(entries[slot].policy, limits) }
  }

  /// The first and the second in rank of a key, for who wants to see.
  public func owners(of key: UInt64) -> [MemberID] {
    var telling = CounterTelling()
    members.rank(key, &telling)
    return [telling.owner, telling.second].compactMap { $0 >= 0 ? members.peers[Int($0)].member.id : nil }
  }
}
