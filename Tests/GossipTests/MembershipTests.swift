import Runtime
import Testing

@testable import Gossip

/// One membership among others that the test speaks for.
private struct Stage {
  var membership: Membership
  var now: UInt64 = 1_000_000_000
  static let millisecond: UInt64 = 1_000_000

  init(others: [UInt64] = [], options: MembershipOptions = .init()) {
    membership = Membership(me: MemberID(1), generation: 5, record: Stage.record(1), options: options, seed: 3, now: now)
    _ = hear(others.map { MemberStatement(Stage.alive($0), Stage.record($0)) })
  }

  static func address(_ member: UInt64) -> SocketAddress { SocketAddress(ipv4: 0x0a00_0000 + UInt32(member), port: 7) }
  static func record(_ member: UInt64) -> MemberRecord { MemberRecord(name: "n\(member)", peer: address(member)) }
  static func alive(_ member: UInt64, _ incarnation: UInt32 = 0, generation: UInt64 = 5) -> Rumour {
    Rumour(MemberID(member), MemberVersion(generation: generation, incarnation: incarnation), .alive, origin: MemberID(member))
  }
  static func says(_ state: MemberState, of member: UInt64, by origin: UInt64, _ incarnation: UInt32 = 0) -> Rumour {
    Rumour(MemberID(member), MemberVersion(generation: 5, incarnation: incarnation), state, origin: MemberID(origin))
  }

  mutating func hear(_ statements: [MemberStatement], from: UInt64 = 2) -> [MembershipEffect] {
    membership.received([.statements(statements)], from: Stage.address(from), now: now)
  }

  mutating func hear(_ rumours: [Rumour], from: UInt64 = 2) -> [MembershipEffect] {
    membership.received([.rumours(rumours)], from: Stage.address(from), now: now)
  }

  /// Lets time pass without anybody answering.
  mutating func pass(_ milliseconds: UInt64) -> [MembershipEffect] {
    let end = now + milliseconds * Stage.millisecond
    var effects: [MembershipEffect] = []
    while membership.nextDeadline <= end {
      now = max(now, membership.nextDeadline)
      effects += membership.tick(now: now)
    }
    now = end
    return effects
  }

  func state(_ member: UInt64) -> MemberState? { membership[MemberID(member)]?.state }
}

extension [MembershipEffect] {
  /// The messages sent to a member.
  fileprivate func messages(to member: UInt64) -> [Message] {
    flatMap { effect -> [Message] in
      if case .send(let outgoing) = effect, outgoing.address == Stage.address(member) { return outgoing.messages }
      return []
    }
  }

  fileprivate var changes: [MemberChange] {
    compactMap {
      if case .changed(let change) = $0 { return change }
      return nil
    }
  }
}

@Suite struct MembershipTests {
  @Test func whoIsHeardOfIsAMember() {
    var stage = Stage()
    let effects = stage.hear([MemberStatement(Stage.alive(2), Stage.record(2))])
    #expect(effects.changes == [MemberChange(kind: .joined, member: MemberID(2))])
    #expect(stage.membership.presentCount == 2 && stage.state(2) == .alive)
    let again = stage.hear([MemberStatement(Stage.alive(2), Stage.record(2))])
    #expect(again.changes.isEmpty)
    #expect(stage.membership.inconsistency == nil)
  }

  @Test func aRumourOfAStrangerWithoutItsRecordIsWorthNothing() {
    var stage = Stage()
    _ = stage.hear([Stage.says(.suspect, of: 9, by: 2), Stage.says(.dead, of: 8, by: 2)])
    #expect(stage.membership.members.isEmpty && stage.membership.presentCount == 1)
  }

  @Test func aPingIsAnsweredAndTheAnswerCarriesWhatIsNew() {
    var stage = Stage(others: [2, 3])
    let effects = stage.membership.received(
      [.ping(number: 7, from: MemberID(2), target: MemberID(1), digest: 0)], from: Stage.address(2), now: stage.now)
    let sent = effects.messages(to: 2)
    #expect(sent.first == .ack(number: 7, from: MemberID(1), digest: stage.membership.digest))
    #expect(sent.count == 2, "the news of member 3 goes with it")
  }

  @Test func aPingForWhoeverHadThisAddressBeforeIsNotAnswered() {
    var stage = Stage(others: [2])
    let effects = stage.membership.received(
      [.ping(number: 7, from: MemberID(2), target: MemberID(77), digest: 0)], from: Stage.address(2), now: stage.now)
    #expect(effects.isEmpty)
  }

  @Test func aStrangerWhoPingsIsAnsweredAndAskedForItsView() {
    var stage = Stage()
    let effects = stage.membership.received(
      [.ping(number: 1, from: MemberID(4), target: nil, digest: 0)], from: Stage.address(4), now: stage.now)
    #expect(effects.messages(to: 4).first == .ack(number: 1, from: MemberID(1), digest: stage.membership.digest))
    #expect(effects.contains(.exchange(Stage.address(4))))
    let again = stage.membership.received(
      [.ping(number: 2, from: MemberID(4), target: nil, digest: 0)], from: Stage.address(4), now: stage.now)
    #expect(!again.contains(.exchange(Stage.address(4))), "once is enough for a moment")
  }

  @Test func whoIsSilentIsAskedThroughOthersThenSuspectThenDead() {
    var stage = Stage(others: [2])
    var effects = stage.pass(700)
    #expect(effects.messages(to: 2).contains { if case .ping = $0 { true } else { false } })
    #expect(stage.state(2) == .alive)
    effects = stage.pass(600)
    #expect(stage.state(2) == .suspect)
    effects = stage.pass(4_000)
    #expect(stage.state(2) == .dead)
    #expect(effects.changes.contains(MemberChange(kind: .died, member: MemberID(2))))
    #expect(stage.membership.presentCount == 1 && stage.membership.inconsistency == nil)
  }

  @Test func helpersAreAskedAndTheirAnswerCounts() {
    var stage = Stage(others: [2, 3, 4])
    // Everybody is silent at first; then one helper says that the target answered it.
    let effects = stage.pass(700)
    var asked: (number: UInt32, target: MemberID)?
    for case .send(let outgoing) in effects {
      for case .pingRequest(let number, let from, let target) in outgoing.messages where from == MemberID(1) { asked = (number, target) }
    }
    #expect(asked != nil)
    guard let asked else { return }
    let failed = stage.membership.counts.probesFailed
    _ = stage.membership.received([.ack(number: asked.number, from: asked.target, digest: 0)], from: Stage.address(3), now: stage.now)
    #expect(!stage.membership.probes.contains { $0.number == asked.number })
    #expect(stage.membership.counts.probesFailed == failed)
  }

  @Test func aHelperPassesTheAnswerOnAndSaysSoWhenThereIsNoneYet() {
    var stage = Stage(others: [2, 3])
    let effects = stage.membership.received(
      [.pingRequest(number: 9, from: MemberID(2), target: MemberID(3))], from: Stage.address(2), now: stage.now)
    guard case .ping(let number, _, MemberID(3), _)? = effects.messages(to: 3).first else {
      Issue.record("no ping on behalf")
      return
    }
    let later = stage.pass(290)
    #expect(later.messages(to: 2).contains(.nack(number: 9, from: MemberID(1))))
    let answer = stage.membership.received([.ack(number: number, from: MemberID(3), digest: 5)], from: Stage.address(3), now: stage.now)
    #expect(answer.messages(to: 2).first == .ack(number: 9, from: MemberID(3), digest: 5))
    #expect(stage.membership.relays.isEmpty)
  }

  @Test func whatIsSaidOfOneselfIsRefutedAtOnce() {
    for state in [MemberState.suspect, .dead] {
      var stage = Stage(others: [2, 3])
      _ = stage.hear([Stage.says(state, of: 1, by: 3, 4)])
      #expect(stage.membership.version == MemberVersion(generation: 5, incarnation: 5))
      #expect(stage.membership.counts.refutations == 1 && stage.membership.health.score == 1)
      let told = stage.pass(60)
      let statements = [2, 3].flatMap { told.messages(to: $0) }.contains { message in
        if case .statements(let all) = message { return all.contains { $0.rumour == Stage.alive(1, 5) } }
        return false
      }
      #expect(statements)
    }
  }

  @Test func whoWasTakenForDeadWasApartFromTheOthers() {
    for (state, isApart) in [(MemberState.suspect, false), (.dead, true)] {
      var stage = Stage(others: [2, 3])
      #expect(stage.hear([Stage.says(state, of: 1, by: 3, 4)]).contains(.wasApart) == isApart)
      #expect(!stage.hear([Stage.says(state, of: 1, by: 3, 4)], from: 2).contains(.wasApart), "refuted already")
    }
  }

  @Test func whoeverTookALivingMemberForDeadWasApartFromIt() {
    for (state, isApart) in [(MemberState.suspect, false), (.dead, true)] {
      var stage = Stage(others: [2, 3])
      _ = stage.hear([Stage.says(state, of: 2, by: 3)])
      #expect(stage.hear([MemberStatement(Stage.alive(2, 9), Stage.record(2))]).contains(.wasApart) == isApart)
    }
  }

  @Test func whoRepeatsWhatWasRefutedHearsItFromTheOneItIsSaidOf() {
    var stage = Stage(others: [2])
    _ = stage.hear([Stage.says(.dead, of: 1, by: 3, 4)])
    let effects = stage.hear([Stage.says(.dead, of: 1, by: 3, 4)], from: 2)
    #expect(effects.messages(to: 2) == [.statements([MemberStatement(Stage.alive(1, 5), Stage.record(1))])])
    #expect(stage.membership.counts.refutations == 1)
  }

  @Test func aSuspectHearsOfItWhenItIsSpokenTo() {
    var stage = Stage(others: [2, 3])
    _ = stage.hear([Stage.says(.suspect, of: 2, by: 3)], from: 3)
    _ = stage.pass(2_000)
    let effects = stage.membership.received(
      [.ping(number: 7, from: MemberID(2), target: MemberID(1), digest: 0)], from: Stage.address(2), now: stage.now)
    let held = effects.messages(to: 2).contains { message in
      if case .rumours(let all) = message { return all.first?.member == MemberID(2) && all.first?.state != .alive }
      return false
    }
    #expect(held, "also when the rumour has long been told often enough")
  }

  @Test func aHigherIncarnationEndsASuspicion() {
    var stage = Stage(others: [2, 3])
    _ = stage.hear([Stage.says(.suspect, of: 2, by: 3)], from: 3)
    let effects = stage.hear([MemberStatement(Stage.alive(2, 1), Stage.record(2))])
    #expect(effects.changes == [MemberChange(kind: .recovered, member: MemberID(2))])
    #expect(stage.state(2) == .alive && stage.membership.suspicions.isEmpty)
  }

  @Test func independentAccusersShortenASuspicion() {
    var stage = Stage(others: Array(2...20))
    _ = stage.hear([Stage.says(.suspect, of: 2, by: 3)], from: 3)
    let alone = stage.membership.suspicions[0].suspicion.deadline
    for accuser in UInt64(4)...6 { _ = stage.hear([Stage.says(.suspect, of: 2, by: accuser)], from: accuser) }
    let confirmed = stage.membership.suspicions[0].suspicion.deadline
    let options = stage.membership.options
    #expect(alone - stage.now == options.suspicionLeast * options.suspicionFactor && confirmed - stage.now == options.suspicionLeast)
  }

  @Test func aNodeThatDidNotRunBlamesNobodyForIt() {
    var stage = Stage(others: [2, 3])
    _ = stage.hear([Stage.says(.suspect, of: 2, by: 3)], from: 3)
    let before = stage.membership.suspicions[0].suspicion.deadline
    stage.now += 60_000 * Stage.millisecond
    let late = stage.now - stage.membership.nextDeadline
    // The packet that waited in the socket comes first, and finds the suspicion still open.
    _ = stage.hear([MemberStatement(Stage.alive(3, 1), Stage.record(3))], from: 3)
    #expect(stage.membership.suspicions[0].suspicion.deadline == before + late)
    _ = stage.membership.tick(now: stage.now)
    #expect(stage.state(2) == .suspect && stage.membership.counts.wakeupsLate == 1)
  }

  @Test func aRestartedMemberIsANewLifeOfTheSame() {
    var stage = Stage(others: [2])
    _ = stage.hear([Stage.says(.dead, of: 2, by: 3, 8)])
    let effects = stage.hear([MemberStatement(Stage.alive(2, generation: 6), Stage.record(2))])
    #expect(effects.changes == [MemberChange(kind: .restarted, member: MemberID(2))])
    #expect(stage.membership.presentCount == 2)
  }

  @Test func whoHasLeftIsGoneUntilItsNextLife() {
    var stage = Stage(others: [2, 3])
    let effects = stage.hear([Stage.says(.left, of: 2, by: 2)])
    #expect(effects.changes == [MemberChange(kind: .left, member: MemberID(2))])
    _ = stage.hear([MemberStatement(Stage.alive(2, 9), Stage.record(2))])
    #expect(stage.state(2) == .left)
  }

  @Test func aGoodbyeIsToldAtOnceAndThenTheNodeMayStop() {
    var stage = Stage(others: [2, 3])
    let effects = stage.membership.leave(now: stage.now)
    let told = [2, 3].flatMap { effects.messages(to: $0) }.contains { message in
      if case .rumours(let all) = message { return all.contains { $0.member == MemberID(1) && $0.state == .left } }
      return false
    }
    #expect(told)
    let later = stage.pass(2_000)
    #expect(later.contains(.leftCluster))
    let again = stage.membership.leave(now: stage.now)
    #expect(again.isEmpty)
  }

  @Test func whatANodeSaysOfItselfAnewReachesTheOthers() {
    var stage = Stage(others: [2])
    var record = Stage.record(1)
    record.isDraining = true
    _ = stage.membership.update(record, now: stage.now)
    #expect(stage.membership.version.incarnation == 1)
    var other = Stage()
    _ = other.hear([MemberStatement(stage.membership.own, stage.membership.record)])
    // The other plays member 1 as well: what it hears of its own identity is not taken in.
    #expect(other.membership.members.isEmpty)
    var third = Membership(me: MemberID(2), generation: 5, record: Stage.record(2), seed: 1, now: stage.now)
    _ = third.exchanged(stage.membership.view, with: Stage.address(1), now: stage.now)
    #expect(third[MemberID(1)]?.record.isDraining == true)
  }

  @Test func aLaterLifeUnderTheSameIdentityIsReported() {
    var stage = Stage()
    let effects = stage.hear([MemberStatement(Stage.alive(1, generation: 6), Stage.record(44))], from: 44)
    #expect(effects == [.identityTaken(Stage.address(44))])
    #expect(stage.membership.version.generation == 5)
  }

  @Test func buildsThatCannotUnderstandEachOtherDoNotMix() {
    var stage = Stage()
    var foreign = Stage.record(2)
    foreign.constants.agreed ^= 1
    let effects = stage.hear([MemberStatement(Stage.alive(2), foreign)])
    #expect(effects == [.refused(.constants, Stage.address(2))])
    foreign.constants = WireConstants(oldest: 2, newest: 3, agreed: WireConstants.current.agreed)
    #expect(stage.membership.refusal(of: MemberStatement(Stage.alive(2), foreign)) == .protocolVersion)
    #expect(stage.membership.refusal(of: MemberStatement(Stage.alive(2), Stage.record(2))) == nil)
    #expect(stage.membership.members.isEmpty)
  }

  @Test func seedsAndTheDeadAreTriedAgainAndAgain() {
    var stage = Stage(others: [2, 3])
    _ = stage.membership.setSeeds([Stage.address(50), Stage.address(2)], now: stage.now)
    _ = stage.hear([Stage.says(.dead, of: 3, by: 2)])
    var tries = (seed: 0, dead: 0)
    for _ in 0..<10 {
      _ = stage.hear([MemberStatement(Stage.alive(2, stage.membership[MemberID(2)]!.version.incarnation + 1), Stage.record(2))])
      let effects = stage.pass(1_000)
      tries.seed += effects.messages(to: 50).count { if case .ping(_, _, nil, _) = $0 { true } else { false } }
      tries.dead += effects.messages(to: 3).count { if case .ping(_, _, MemberID(3), _) = $0 { true } else { false } }
    }
    #expect(tries.seed >= 8 && tries.dead >= 8)
  }

  @Test func theLongDeadAreForgotten() {
    var options = MembershipOptions()
    options.tombstoneAge = 10_000 * Stage.millisecond
    var stage = Stage(others: [2], options: options)
    _ = stage.hear([Stage.says(.dead, of: 2, by: 2)])
    let effects = stage.pass(30_000)
    #expect(stage.membership.members.isEmpty && stage.membership.inconsistency == nil)
    #expect(effects.changes.last == MemberChange(kind: .forgotten, member: MemberID(2)))
  }

  @Test func aFullClusterTakesNobodyMore() {
    var options = MembershipOptions()
    options.membersMax = 3
    var stage = Stage(others: Array(2...9), options: options)
    #expect(stage.membership.members.count == 3)
    #expect(stage.membership.refusal(of: MemberStatement(Stage.alive(20), Stage.record(20))) == .full)
    let effects = stage.hear([Stage.says(.dead, of: 2, by: 3)])
    #expect(effects.changes.count == 1)
  }
}
