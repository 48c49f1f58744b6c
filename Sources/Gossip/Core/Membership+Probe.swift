// Probing: ping, ping through others, and what follows from answers and from silence (SWIM §4.1, Lifeguard §IV-A).
import Runtime

extension Membership {
  mutating func probeNext(_ now: UInt64) {
    probeAt = now &+ options.probeInterval
    if isLeaving { return }
    if let target = order.next(among: ring, &random), !probes.contains(where: { $0.target == target }) { probe(target, now) }
  }

  /// Pings a member. Helpers are asked when it has been silent for as long as its distance explains.
  mutating func probe(_ target: MemberID, _ now: UInt64) {
    guard let at = index(of: target) else { return }
    let member = members[at]
    let patience = patience(member)
    nextNumber &+= 1
    counts.probes += 1
    // The second half is for helpers: to them, to the target, and back.
    probes.append(
      Probe(number: nextNumber, target: target, sent: now, helpersAt: now &+ patience, ends: now &+ 2 &* patience &+ patience / 2))
    send(to: member, [.ping(number: nextNumber, from: me, target: target, digest: digest)])
  }

  /// Asks members for an answer that says how they stand; silence is held against nobody.
  /// - Returns: effects; the answers have numbers beyond `nextNumber` as it was before.
  public mutating func ask(_ targets: [MemberID], now: UInt64) -> [MembershipEffect] {
    enter(now)
    for target in targets {
      guard let at = index(of: target), members[at].isPresent else { continue }
      nextNumber &+= 1
      send(to: members[at], [.ping(number: nextNumber, from: me, target: target, digest: digest)])
    }
    return finish(now)
  }

  private func patience(_ member: Member) -> UInt64 {
    let usual = member.roundTrip.patience(least: options.patienceLeast, initial: options.patienceInitial, most: options.patienceMost)
    return usual &* health.multiplier
  }

  mutating func endProbes(_ now: UInt64) {
    var i = 0
    while i < probes.count {
      if let at = probes[i].helpersAt, at <= now {
        probes[i].helpersAt = nil
        askHelpers(i)
      }
      if probes[i].ends > now {
        i += 1
        continue
      }
      let probe = probes.remove(at: i)
      counts.probesFailed += 1
      // Helpers that said "no answer yet" vouch for us; silent ones are a sign that we do not hear well.
      if probe.helpersAsked == 0 { health.note(.probeFailed) }
      for _ in 0..<max(probe.helpersAsked - probe.nacks, 0) { health.note(.nackMissed) }
      accuse(probe.target, now)
    }
  }

  private mutating func askHelpers(_ i: Int) {
    let probe = probes[i]
    guard let at = index(of: probe.target), members[at].isPresent else { return }
    counts.probesThroughHelpers += 1
    let helpers = someAlive(options.helpers, excluding: probe.target)
    probes[i].helpersAsked = helpers.count
    probes[i].measures = false
    for helper in helpers { send(to: helper, [.pingRequest(number: probe.number, from: me, target: probe.target)]) }
    // Once more directly: one lost packet in a hundred is the usual reason for silence.
    send(to: members[at], [.ping(number: probe.number, from: me, target: probe.target, digest: digest)])
  }

  // MARK: answering

  mutating func pinged(
    _ number: UInt32, _ from: MemberID, _ target: MemberID?, _ theirs: UInt64, _ address: SocketAddress, _ now: UInt64
  ) {
    // Somebody else had this address before, or a packet went astray.
    if target != nil && target != me { return }
    if isLeaving { return }
    let sender = index(of: from)
    send(
      to: sender.map { members[$0].record.peer } ?? address, from, [.ack(number: number, from: me, digest: digest)])
    if sender == nil && from != me { wantView(of: address, now) }
  }

  mutating func askedToProbe(_ number: UInt32, _ from: MemberID, _ target: MemberID, _ address: SocketAddress, _ now: UInt64) {
    guard let at = index(of: target), relays.count < options.membersMax, !isLeaving else { return }
    let asker = index(of: from).map { members[$0].record.peer } ?? address
    nextNumber &+= 1
    let patience = patience(members[at])
    relays.append(
      Relay(
        number: nextNumber, target: target, asker: asker, askerNumber: number, sent: now, nackAt: now &+ patience * 4 / 5,
        ends: now &+ 2 &* patience))
    send(to: members[at], [.ping(number: nextNumber, from: me, target: target, digest: digest)])
  }

  mutating func endRelays(_ now: UInt64) {
    var i = 0
    while i < relays.count {
      if let at = relays[i].nackAt, at <= now {
        relays[i].nackAt = nil
        send(to: relays[i].asker, nil, [.nack(number: relays[i].askerNumber, from: me)])
      }
      if relays[i].ends <= now { relays.remove(at: i) } else { i += 1 }
    }
  }

  mutating func acknowledged(_ number: UInt32, _ from: MemberID, _ theirs: UInt64, _ address: SocketAddress, _ now: UInt64) {
    if number == comparison {
      comparison = nil
      if theirs != digest && queue.isEmpty { wantView(of: address, now) }
      return
    }
    if let at = relays.firstIndex(where: { $0.number == number && $0.target == from }) {
      let relay = relays.remove(at: at)
      send(to: relay.asker, nil, [.ack(number: relay.askerNumber, from: from, digest: theirs)])
      if relay.measures, let i = index(of: from) { members[i].roundTrip.note(now - relay.sent) }
      return
    }
    if let at = probes.firstIndex(where: { $0.number == number && $0.target == from }) {
      let probe = probes.remove(at: at)
      health.note(.probeAnswered)
      if probe.measures, let i = index(of: from) { members[i].roundTrip.note(now - probe.sent) }
    }
    guard let i = index(of: from) else {
      if from != me { wantView(of: address, now) }  // a seed has answered
      return
    }
    // An answer after all: it learns at once what is held against it.
    if members[i].state == .suspect { send(to: members[i], []) }
    if !members[i].isPresent { wantView(of: members[i].record.peer, now) }
  }

  mutating func notAcknowledged(_ number: UInt32) {
    if let at = probes.firstIndex(where: { $0.number == number }), probes[at].nacks < probes[at].helpersAsked { probes[at].nacks += 1 }
  }
}
