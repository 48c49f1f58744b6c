import Runtime
import Testing

@testable import Gossip

@Suite struct CounterExchangeTests {
  private static let start: UInt64 = CounterSlice.start(CounterSlice.of(1_700_000_000_000_000_000))
  private let policy = CounterPolicy.bucket(1_000, per: 1_000_000_000, burst: 1_000)!
  private let members = (1...2).map { CounterMember(MemberID($0), generation: 1) }

  private struct Side {
    var table = CounterTable()
    var exchange: CounterExchange

    init(_ me: MemberID, _ members: [CounterMember]) {
      exchange = CounterExchange(me)
      exchange.setMembers(members, &table, now: start)
      _ = exchange.advance(&table, now: start + 1_000_000_000)
    }

    mutating func advance(_ now: UInt64) -> [CounterEffect] { exchange.advance(&table, now: now) }
    mutating func take(_ effect: CounterEffect, from sender: CounterMember, _ now: UInt64) -> [CounterEffect] {
      guard case .send(_, let part, let body) = effect else { return [] }
      // SAFETY: the buffer lives as long as the call, and nothing keeps it.
      return body.withUnsafeBytes { exchange.receive(part, $0, from: sender, &table, now: now) }
    }
  }

  @Test func aLostBatchIsToldAgainUntilItIsAcknowledged() {
    var (one, other) = (Side(MemberID(1), members), Side(MemberID(2), members))
    let now = Self.start + 1_500_000_000
    for _ in 0..<100 { _ = one.table.consume(7, policy: policy, now: now) }
    let first = one.advance(now + 50_000_000)
    let quiet = one.advance(now + 90_000_000)
    let second = one.advance(now + 100_000_000)
    #expect(first.count == 1 && quiet.isEmpty && second == first, "the same body under the same number")
    _ = other.take(second[0], from: members[0], now + 101_000_000)
    #expect(other.table.level(of: 7, now: now + 101_000_000)! <= 1_000)
    #expect(other.table.entries.count == 1 && !other.table.entries[0].direct.isZero)
    let acknowledgement = other.advance(now + 112_000_000)
    #expect(acknowledgement.count == 1)
    _ = one.take(acknowledgement[0], from: members[1], now + 113_000_000)
    let after = one.advance(now + 900_000_000)
    #expect(after.isEmpty && one.exchange.statistics.batchesRepeated == 1)
  }

  @Test func whatNobodyAcknowledgesIsGivenUp() {
    var one = Side(MemberID(1), members)
    let now = Self.start + 1_500_000_000
    _ = one.table.consume(7, policy: policy, now: now)
    var sent = 0
    for step in UInt64(0)..<3_000 { sent += one.advance(now + step * 1_000_000).count }
    #expect(sent >= 4 && sent <= 8 && one.exchange.statistics.batchesGivenUp == 1)
    #expect(one.exchange.nextDeadline(one.table) == .max)
  }

  @Test func aQuestionThatComesAgainIsAnsweredAgainAndConsumedOnce() {
    var owner = Side(MemberID(2), members)
    let now = Self.start + 1_500_000_000
    var writer = ByteWriter()
    CounterQuestion(id: 4, key: 9, cost: 10, policy: policy).encode(into: &writer)
    let question = CounterEffect.send(to: MemberID(2), .question, writer.bytes)
    let answers = (0..<3).map { owner.take(question, from: members[0], now + $0 * 1_000) }
    #expect(answers[0].count == 1 && answers[1] == answers[0] && answers[2] == answers[0])
    #expect(owner.table.level(of: 9, now: now + 3_000)! == 990)
  }

  @Test func whatAnOwnerGrantedItsStandInAnswersAndDoesNotConsume() throws {
    let three = (1...3).map { CounterMember(MemberID($0), generation: 1) }
    let now = Self.start + 1_500_000_000
    var sides = three.map { Side($0.id, three) }
    _ = sides[0].table.consume(9, policy: policy, now: now)
    let ranked = sides[0].table.owners(of: 9)
    let (owner, second) = (try #require(ranked.first), ranked[1])
    let asker = try #require(three.first { $0.id != owner && $0.id != second })
    var writer = ByteWriter()
    CounterQuestion(id: 4, key: 9, cost: 10, policy: policy).encode(into: &writer)
    let ownerSide = Int(owner.value) - 1
    let secondSide = Int(second.value) - 1
    let granted = sides[ownerSide].take(.send(to: owner, .question, writer.bytes), from: asker, now)
    let told = try #require(granted.first { if case .send(second, .grant, _) = $0 { true } else { false } })
    let nothing = sides[secondSide].take(told, from: three[ownerSide], now)
    #expect(nothing.isEmpty)
    let again = sides[secondSide].take(.send(to: second, .question, writer.bytes), from: asker, now)
    #expect(again.count == 1 && again[0] == granted.first { if case .send(asker.id, .answer, _) = $0 { true } else { false } })
    #expect(sides[secondSide].table.level(of: 9, now: now) == nil, "nothing was consumed there")
  }

  @Test func whoGetsNoAnswerDecidesByItsOwnEstimate() {
    var one = Side(MemberID(1), members)
    let now = Self.start + 1_500_000_000
    let (id, effects) = one.exchange.ask(
      MemberID(2), 9, cost: 1, policy: policy, patience: 20_000_000, &one.table, now: now)
    let again = one.advance(now + 6_000_000)
    let waiting = one.advance(now + 19_000_000)
    let decided = one.advance(now + 20_000_000)
    #expect(effects.count == 1 && again == effects && waiting.isEmpty)
    guard case .decided(id, let decision)? = decided.first else {
      Issue.record("\(decided)")
      return
    }
    #expect(decision.verdict == .allowed && one.exchange.statistics.questionsUnanswered == 1)
  }
}
