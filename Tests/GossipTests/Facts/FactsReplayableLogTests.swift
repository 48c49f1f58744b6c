import Runtime
import Testing

@testable import Gossip

@Suite struct FactsReplayableLogTests {
  private let ns: UInt64 = 1_000_000
  private let start: UInt64 = 1_000_000

  private final class Peer {
    var log: ReplayableLog
    var clock = HybridClock()

    init(_ member: UInt64, limits: LogLimits = LogWorld.wide) {
      log = ReplayableLog(me: MemberID(member), generation: 1, isSettled: true, limits: limits)
    }

    func append(at time: UInt64) throws -> LogEntry { try log.append([9], clock: &clock, now: time * 1_000_000) }
    func merge(_ entry: LogEntry, at time: UInt64) -> LogMerge { log.merge(entry, clock: &clock, now: time * 1_000_000) }
    func compare(_ other: Peer, at time: UInt64) -> LogComparison { log.compare(other.log.summary, from: other.log.me, at: time) }

    /// Takes what the other can tell.
    func catchUp(_ other: Peer, at time: UInt64) {
      for entry in other.log.missing(from: log.summary, budget: 10_000) { _ = merge(entry, at: time) }
    }
  }

  @Test func anEntryIsAppliedOnceInWhateverOrderItComes() throws {
    let (origin, other) = (Peer(1), Peer(2))
    let entries = try (0..<6).map { _ in try origin.append(at: start) }
    let outcomes = [3, 1, 3, 0, 2, 5, 4, 0, 5].map { other.merge(entries[$0], at: start) }
    #expect(outcomes == [.apply, .apply, .known, .apply, .apply, .apply, .apply, .known, .known])
    #expect(other.compare(origin, at: start) == .inStep && origin.compare(other, at: start) == .inStep)
    #expect(other.log.digest.hash == origin.log.digest.hash)
    #expect(origin.merge(entries[0], at: start) == .known, "one's own coming back")
  }

  @Test func whoLacksWhatCanBeToldIsToldAndElseResyncs() throws {
    let (origin, other) = (Peer(1), Peer(2))
    _ = try (0..<3).map { _ in try origin.append(at: start) }
    #expect(other.compare(origin, at: start) == .lacking)
    other.catchUp(origin, at: start)
    #expect(other.compare(origin, at: start) == .inStep)
    let fourth = try origin.append(at: start + 10)
    origin.log.expire(at: start + 309)
    #expect(origin.log.count == 1, "the first three are older than the log reaches back")
    #expect(other.compare(origin, at: start + 309) == .lacking)
    let late = Peer(3)
    #expect(late.compare(origin, at: start + 309) == .mustResync)
    #expect(late.merge(fourth, at: start + 309) == .apply)
    #expect(late.compare(origin, at: start + 309) == .mustResync, "a gap is a gap")
    origin.log.expire(at: start + 310)
    #expect(origin.log.count == 0 && other.compare(origin, at: start + 310) == .mustResync)
    #expect(origin.log.missing(from: other.log.summary, budget: 1_000).isEmpty)
  }

  @Test func whoHasResyncedTellsOthersThatTheyMust() throws {
    let (origin, middle, last) = (Peer(1), Peer(2), Peer(3))
    let first = try origin.append(at: start)
    _ = try origin.append(at: start)
    // One of them knows a part, the other nothing.
    #expect(middle.merge(first, at: start) == .apply && last.merge(first, at: start) == .apply)
    origin.log.expire(at: start + 300)
    #expect(middle.compare(origin, at: start + 300) == .mustResync)
    middle.log.resync(to: origin.log.summary, at: start + 300)
    #expect(middle.compare(origin, at: start + 300) == .inStep)
    #expect(last.compare(middle, at: start + 300) == .mustResync)
    let stranger = Peer(4)
    #expect(stranger.compare(middle, at: start + 300) == .mustResync)
    stranger.log.resync(to: middle.log.summary, at: start + 300)
    #expect(stranger.compare(middle, at: start + 300) == .inStep && stranger.compare(origin, at: start + 300) == .inStep)
  }

  @Test func whatIsForgottenIsStillSaidToStrangersAndToNobodyElse() throws {
    let (origin, friend, away) = (Peer(1), Peer(2), Peer(3))
    _ = try origin.append(at: start)
    friend.catchUp(origin, at: start)
    #expect(friend.compare(origin, at: start) == .inStep)
    let end = start + origin.log.limits.streamAge
    origin.log.expire(at: end)
    friend.log.expire(at: end)
    #expect(origin.log.streamCount == 0 && friend.log.streamCount == 0)
    #expect(origin.log.digest.hash == away.log.digest.hash, "which alone would look like agreement")
    let isDigestEnough = away.log.compare(origin.log.digest, from: origin.log.me)
    #expect(!isDigestEnough)
    #expect(away.compare(origin, at: end) == .mustResync && friend.compare(origin, at: end) == .inStep)
    let isFriendInStep = friend.log.compare(origin.log.digest, from: origin.log.me)
    #expect(isFriendInStep, "and from now on by digest")
    away.log.resync(to: origin.log.summary, at: end)
    #expect(away.compare(origin, at: end) == .inStep)
    // Knowledge without entries is handed on: to those who do not have it.
    let stranger = Peer(4)
    #expect(stranger.compare(away, at: end) == .mustResync)
    #expect(friend.compare(away, at: end) == .inStep)
  }

  @Test func aStreamThatOneForgetsAMomentLaterIsNotNews() throws {
    let (origin, slow) = (Peer(1), Peer(2))
    _ = try origin.append(at: start)
    slow.catchUp(origin, at: start)
    _ = slow.compare(origin, at: start)
    _ = origin.compare(slow, at: start)
    let end = start + origin.log.limits.streamAge
    origin.log.expire(at: end)
    slow.log.expire(at: end - 10)
    #expect(origin.compare(slow, at: end) == .later)
    slow.log.expire(at: end + 10)
    #expect(origin.compare(slow, at: end + 10) == .inStep)
  }

  @Test func afterALongPauseAStreamBeginsAnewAndAnOldOneIsNotTakenUpAgain() throws {
    let origin = Peer(1)
    let half = origin.log.limits.streamAge / 2
    let entries = try [0, half - 1, 2 * half - 1].map { try origin.append(at: start + $0) }
    #expect(entries.map(\.stream.series) == [1, 1, 2] && entries.map(\.sequence) == [1, 2, 1])
    #expect(Peer(2).merge(entries[0], at: start + 2 * half) == .tooOld)
    #expect(throws: LogRefusal.bodyTooLong(bytes: 1_101)) {
      try origin.log.append([UInt8](repeating: 0, count: 1_101), clock: &origin.clock, now: start * ns)
    }
  }

  @Test func aRestartServesOnceItIsInStepWithOneThatDoesOrWithAll() throws {
    let peers = [Peer(1), Peer(2), Peer(3)]
    _ = try peers[0].append(at: start)
    for peer in peers[1...] { peer.catchUp(peers[0], at: start) }
    func restart(_ peer: Peer) -> Peer {
      let next = Peer(peer.log.me.value)
      next.log = ReplayableLog(me: peer.log.me, generation: 2, restoring: peer.log.state, limits: peer.log.limits)
      return next
    }
    let back = restart(peers[0])
    #expect(!back.log.isSettled && back.log.digest.hash == peers[0].log.digest.hash)
    let settledAtOnce = back.log.settle(live: [MemberID(2)])
    #expect(!settledAtOnce)
    #expect(back.compare(peers[1], at: start) == .inStep && back.log.isSettled)
    // All at once: nobody is settled, until all agree.
    let all = peers.map(restart)
    #expect(all[0].compare(all[1], at: start) == .inStep && !all[0].log.isSettled)
    let early = all[0].log.settle(live: [MemberID(2), MemberID(3)])
    let isInStep = all[0].log.compare(all[2].log.digest, from: MemberID(3))
    let late = all[0].log.settle(live: [MemberID(2), MemberID(3)])
    #expect(!early && isInStep && late)
    let alone = restart(peers[2])
    let settledAlone = alone.log.settle(live: [])
    #expect(settledAlone)
    let entry = try back.append(at: start)
    #expect(entry.stream.generation == 2 && entry.sequence == 1, "a new life, a new stream")
  }

  @Test func anOlderStateThanWhatOthersHaveSeenIsNoticed() throws {
    let (origin, other) = (Peer(1), Peer(2))
    let old = origin.log.state
    _ = try origin.append(at: start)
    other.catchUp(origin, at: start)
    #expect(other.compare(origin, at: start) == .inStep)
    let back = Peer(1)
    back.log = ReplayableLog(me: MemberID(1), generation: 2, restoring: old, limits: origin.log.limits)
    #expect(back.compare(other, at: start) == .lacking)
    other.log.expire(at: start + 300)
    #expect(back.compare(other, at: start + 300) == .mustResync)
  }

  @Test func whatAnEarlierLifeHadForgottenIsAskedForAfterARestartFromAnOlderState() throws {
    let (origin, other) = (Peer(1), Peer(2))
    let old = origin.log.state
    _ = try origin.append(at: start)
    let end = start + origin.log.limits.streamAge
    origin.log.expire(at: end)
    #expect(other.compare(origin, at: end) == .mustResync)
    other.log.resync(to: origin.log.summary, at: end)
    #expect(origin.compare(other, at: end) == .inStep)
    let back = Peer(1)
    back.log = ReplayableLog(me: MemberID(1), generation: 2, restoring: old, limits: origin.log.limits)
    #expect(back.compare(other, at: end) == .mustResync)
    back.log.resync(to: other.log.summary, at: end)
    #expect(back.compare(other, at: end) == .inStep)
  }

  @Test func newsAreToldAndBoundsAreKept() throws {
    var limits = LogWorld.narrow
    limits.bytesMax = 5 * 65
    let origin = Peer(1, limits: limits)
    let entries = try (0..<9).map { _ in try origin.append(at: start) }
    #expect(origin.log.count == 5 && origin.log.bytes == 5 * 65)
    let told = (0..<3).map { _ in origin.log.takeNews(budget: 60, tellings: 1) }
    let all = told.flatMap { $0 }
    #expect(all == Array(entries[4...].reversed().prefix(all.count)) && !told[0].isEmpty)
    for message in told { #expect(message.map { FactBatch.bytes(of: $0) }.reduce(0, +) <= 60) }
  }
}
