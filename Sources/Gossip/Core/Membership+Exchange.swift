// Finding the others and staying of one mind with them: seeds, members that went missing, exchanges of whole views, and forgetting.
import Runtime

extension Membership {
  /// Where to look for a cluster: resolved addresses, again whenever they have been resolved anew.
  public mutating func setSeeds(_ addresses: [SocketAddress], now: UInt64) -> [MembershipEffect] {
    enter(now)
    seeds = Array(addresses.filter { $0 != record.peer }.prefix(options.seedsMax))
    nextSeed = 0
    if presentCount <= 1 { for seed in seeds.prefix(3) { effects.append(.exchange(seed)) } }
    return finish(now)
  }

  /// Whether nobody else is known to be there.
  public var isAlone: Bool { presentCount <= 1 }

  /// All that is known, this node first: what an exchange sends.
  public var view: [MemberStatement] {
    [MemberStatement(own, record)] + members.map { MemberStatement($0.rumour, $0.record) }
  }

  /// The other side's view has come over a stream. Both sides call this, so that both know all that either knew.
  public mutating func exchanged(_ statements: [MemberStatement], with address: SocketAddress, now: UInt64) -> [MembershipEffect] {
    enter(now)
    counts.exchanges += 1
    for statement in statements { hear(statement.rumour, statement.record, now) }
    return finish(now)
  }

  /// Whether a node that introduces itself may take part: the reason against it, or nil.
  public func refusal(of statement: MemberStatement) -> JoinRefusal? {
    if let conflict = record.constants.conflict(with: statement.record.constants) { return conflict }
    return members.count >= options.membersMax && index(of: statement.rumour.member) == nil ? .full : nil
  }

  /// Somebody is there whom we do not know, or took for dead.
  mutating func wantView(of address: SocketAddress, _ now: UInt64) {
    // Once for many packets of the same node.
    wanted.removeAll { now &- $0.at >= options.reconnectInterval / 2 }
    if wanted.count >= options.seedsMax || wanted.contains(where: { $0.address == address }) { return }
    wanted.append((address, now))
    effects.append(.exchange(address))
  }

  /// Tries one seed and one lately dead member that are missing, also while others are there: a cluster that was split finds together
  /// again from either side, even when both have forgotten each other.
  mutating func reconnect(_ now: UInt64) {
    reconnectAt = now &+ options.reconnectInterval &- options.reconnectInterval / 8 &+ random.below(options.reconnectInterval / 4 + 1)
    if isLeaving { return }
    if !seeds.isEmpty {
      for _ in 0..<seeds.count {
        let seed = seeds[nextSeed % seeds.count]
        nextSeed = (nextSeed + 1) % seeds.count
        if members.contains(where: { $0.record.peer == seed && $0.isPresent }) { continue }
        reach(seed, nil)
        break
      }
    }
    for step in 0..<members.count {
      let at = (nextMissing + step) % members.count
      if members[at].state == .dead {
        nextMissing = at + 1
        reach(members[at].record.peer, members[at].id)
        break
      }
    }
  }

  private mutating func reach(_ address: SocketAddress, _ member: MemberID?) {
    nextNumber &+= 1
    send(to: address, member, [.ping(number: nextNumber, from: me, target: member, digest: digest)])
  }

  /// Compares views with a random member, by digest: whole views travel only where they differ.
  mutating func compare(_ now: UInt64) {
    compareAt = now &+ options.antiEntropyInterval &- options.antiEntropyInterval / 8 &+ random.below(options.antiEntropyInterval / 4 + 1)
    if isLeaving || !queue.isEmpty { return }  // what still spreads is no difference yet
    guard let member = someAlive(1).first else { return }
    nextNumber &+= 1
    comparison = nextNumber
    send(to: member, [.ping(number: nextNumber, from: me, target: member.id, digest: digest)])
  }

  /// Members that are long gone are forgotten, the longest gone first.
  mutating func forget(_ now: UInt64) {
    forgetAt = now &+ max(options.tombstoneAge / 16, 1)
    members.removeAll { member in
      guard !member.isPresent, now &- member.since >= options.tombstoneAge else { return false }
      digest ^= Membership.mark(member.rumour)
      effects.append(.changed(MemberChange(kind: .forgotten, member: member.id)))
      return true
    }
  }
}
