// What is said of members: taken in, weighed, passed on.
import Runtime

extension Membership {
  /// Takes a statement in.
  mutating func hear(_ rumour: Rumour, _ record: MemberRecord?, _ now: UInt64) {
    if rumour.member == me { return hearOfMyself(rumour, record) }
    if let record, let conflict = self.record.constants.conflict(with: record.constants) {
      effects.append(.refused(conflict, record.peer))
      return
    }
    guard let at = index(of: rumour.member) else { return meet(rumour, record, now) }
    let known = members[at].rumour
    if rumour.overrides(known) { return believe(rumour, record, at, now) }
    // The same suspicion by another accuser.
    if rumour.state == .suspect && known.state == .suspect && rumour.version == known.version { confirm(rumour) }
  }

  private mutating func meet(_ rumour: Rumour, _ record: MemberRecord?, _ now: UInt64) {
    guard let record, members.count < options.membersMax else { return }
    let at = insertionIndex(of: rumour.member)
    members.insert(Member(rumour: rumour, record: record, since: now), at: at)
    digest ^= Membership.mark(rumour)
    if !members[at].isPresent { return }
    ring.insert(rumour.member)
    order.add(rumour.member, &random)
    tell(rumour)
    report(.joined, rumour.member)
    if rumour.state == .suspect { suspect(rumour, members[at].roundTrip, now) }
  }

  /// The statement holds.
  private mutating func believe(_ rumour: Rumour, _ record: MemberRecord?, _ at: Int, _ now: UInt64) {
    let before = members[at]
    // A new generation or incarnation without its record would leave us with an old address: the record comes with the next exchange.
    if record == nil && rumour.state == .alive { return }
    digest ^= Membership.mark(before.rumour) ^ Membership.mark(rumour)
    members[at].rumour = rumour
    if let record { members[at].record = record }
    if before.state != rumour.state { members[at].since = now }
    tell(rumour)
    suspicions.removeAll { $0.member == rumour.member }
    if before.state == .dead && rumour.state == .alive && before.version.generation == rumour.version.generation {
      effects.append(.wasApart)
    }
    switch rumour.state {
    case .alive, .suspect:
      if !before.isPresent {
        ring.insert(rumour.member)
        order.add(rumour.member, &random)
      }
    case .dead, .left: ring.remove(rumour.member)
    }
    switch rumour.state {
    case .alive:
      if before.version.generation != rumour.version.generation {
        report(.restarted, rumour.member)
      } else if before.state != .alive {
        report(.recovered, rumour.member)
      } else if record != before.record {
        report(.updated, rumour.member)
      }
    case .suspect:
      report(.suspected, rumour.member)
      suspect(rumour, members[at].roundTrip, now)
    case .dead:
      counts.deaths += 1
      report(.died, rumour.member)
    case .left: report(.left, rumour.member)
    }
  }

  private mutating func report(_ kind: MemberChange.Kind, _ member: MemberID) {
    effects.append(.changed(MemberChange(kind: kind, member: member)))
  }

  // MARK: suspicion

  /// Begins the suspicion that a rumour states. The members that follow the suspect in rank look for themselves, at once.
  private mutating func suspect(_ rumour: Rumour, _ roundTrip: RoundTrip, _ now: UInt64) {
    counts.suspicions += 1
    let least = options.suspicionLeast &+ 2 &* min(roundTrip.distance, options.patienceMost)
    // Whoever might confirm: all present but the suspect and its accuser.
    let others = max(presentCount - 2, 0)
    let timeout = SuspicionTimeout(
      least: least, most: least &* options.suspicionFactor, confirmationsWanted: min(options.confirmations, others))
    suspicions.append((rumour.member, Suspicion(timeout, by: rumour.origin, now: now)))
    let verifiers = ring.successors(of: rumour.member, count: options.confirmations)
    let isProbed = probes.contains { $0.target == rumour.member }
    if rumour.origin != me && verifiers.contains(me) && !isProbed { probe(rumour.member, now) }
  }

  private mutating func confirm(_ rumour: Rumour) {
    guard let at = suspicions.firstIndex(where: { $0.member == rumour.member }) else { return }
    if suspicions[at].suspicion.confirm(by: rumour.origin) { tell(rumour) }
  }

  /// A probe of ours has failed.
  mutating func accuse(_ member: MemberID, _ now: UInt64) {
    guard let at = index(of: member), members[at].isPresent else { return }
    let rumour = Rumour(member, members[at].version, .suspect, origin: me)
    if members[at].state == .suspect { confirm(rumour) } else { hear(rumour, nil, now) }
  }

  mutating func endSuspicions(_ now: UInt64) {
    while let at = suspicions.firstIndex(where: { $0.suspicion.deadline <= now }) {
      let member = suspicions.remove(at: at).member
      if let i = index(of: member), members[i].state == .suspect {
        hear(Rumour(member, members[i].version, .dead, origin: me), nil, now)
      }
    }
  }

  // MARK: oneself

  private mutating func hearOfMyself(_ rumour: Rumour, _ record: MemberRecord?) {
    if rumour.version.generation > version.generation {
      // An older life of ours cannot speak of a later one: somebody else runs with our identity, or our clock and our data were lost.
      effects.append(.identityTaken(record?.peer ?? self.record.peer))
      return
    }
    if isLeaving { return }
    if rumour.version.generation < version.generation || !rumour.overrides(own) {
      // Refuted already, or of an earlier life: whoever says so has missed it.
      if rumour.state != .alive { isMisjudged = true }
      return
    }
    if rumour.state == .dead { effects.append(.wasApart) }
    counts.refutations += 1
    health.note(.refuted)
    speakUp(rumour.version.refutation)
  }

  // MARK: telling

  /// One round of telling: to a few random members.
  mutating func gossip(_ now: UInt64) {
    gossipAt = now &+ options.gossipInterval
    for member in someAlive(options.gossipFanout) { send(to: member, []) }
    if presentCount <= 1 { _ = rumoursFor(nil, room: options.datagramBytes) }  // nobody listens: told nonetheless
  }

  /// Sends messages to a member, with what there is to tell behind them.
  mutating func send(to member: Member, _ messages: [Message]) {
    send(to: member.record.peer, member.id, messages)
  }

  mutating func send(to address: SocketAddress, _ member: MemberID?, _ messages: [Message]) {
    let used = messages.reduce(0) { $0 + $1.encodedBytes }
    let all = messages + rumoursFor(member, room: options.datagramBytes - used)
    if !all.isEmpty { effects.append(.send(Outgoing(address: address, messages: all))) }
  }

  /// What a message to `member` carries along: first of all what is held against itself, so that it can refute at once.
  private mutating func rumoursFor(_ member: MemberID?, room: Int) -> [Message] {
    var room = room - 2 * (Message.overheadBytes + Message.listBytes)
    var plain: [Rumour] = []
    var statements: [MemberStatement] = []
    var held: Rumour?
    if let member, let at = index(of: member), members[at].state == .suspect || members[at].state == .dead { held = members[at].rumour }
    if let held, Message.bytes(of: held) <= room {
      room -= Message.bytes(of: held)
      plain.append(held)
    }
    let told = queue.take(
      budget: room, tellings: RumourQueue.tellings(factor: options.tellings, members: presentCount), first: member)
    for rumour in told where rumour != held {
      if let full = statement(of: rumour) { statements.append(full) } else { plain.append(rumour) }
    }
    var messages: [Message] = []
    if !plain.isEmpty { messages.append(.rumours(plain)) }
    if !statements.isEmpty { messages.append(.statements(statements)) }
    return messages
  }

  /// Puts a rumour on the list of what is to be told.
  mutating func tell(_ rumour: Rumour) {
    queue.add(rumour, bytes: statement(of: rumour).map { Message.bytes(of: $0) } ?? Message.bytes(of: rumour))
  }

  /// The statement with the record that makes an `alive` rumour worth something; nil for those that need none.
  private func statement(of rumour: Rumour) -> MemberStatement? {
    if rumour.state != .alive { return nil }
    if rumour.member == me { return MemberStatement(rumour, record) }
    return index(of: rumour.member).map { MemberStatement(rumour, members[$0].record) }
  }
}
