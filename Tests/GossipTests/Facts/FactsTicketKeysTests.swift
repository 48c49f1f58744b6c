import Runtime
import Testing

@testable import Gossip

@Suite struct FactsTicketKeysTests {
  private let ns: UInt64 = 1_000_000
  private let start: UInt64 = 1_000_000_000
  private let hour: UInt64 = 3_600_000

  private func name(_ value: UInt8) -> [UInt8] { [UInt8](repeating: value, count: 16) }
  private func secret(_ value: UInt8) -> TicketSecret { TicketSecret([UInt8](repeating: value, count: 64))! }

  @Test func aKeyIsSpreadThenUsedThenKeptThenGone() {
    var keys = TicketKeys(me: MemberID(1))
    var clock = HybridClock()
    let first = keys.make(name: name(1), secret: secret(1), clock: &clock, now: start * ns)
    #expect(keys.current(at: start + 9_999) == nil && keys.decrypting(at: start) == [first], "it opens before it seals")
    #expect(keys.current(at: start + 10_000) == first)
    let second = keys.make(name: name(2), secret: secret(2), clock: &clock, now: (start + 8 * hour) * ns)
    #expect(keys.current(at: start + 8 * hour + 1) == first && keys.current(at: start + 8 * hour + 10_000) == second)
    #expect(keys.decrypting(at: start + 16 * hour - 1) == [second, first])
    #expect(keys.decrypting(at: start + 16 * hour) == [second])
    keys.expire(clock: clock, now: (start + 16 * hour) * ns)
    #expect(keys.keys == [second])
  }

  @Test func theFirstInRankMakesItAndTheNextIfItDoesNot() {
    let live = (1...4).map { MemberID(UInt64($0)) }
    var clock = HybridClock()
    var due: [MemberID: UInt64] = [:]
    for me in live {
      let keys = TicketKeys(me: me)
      due[me] = (0...5).map { UInt64($0) * 60_000 }.first { keys.isDue(live: live, waitingSince: start, at: start + $0) }
    }
    #expect(due.values.sorted() == [0, 60_000, 120_000, 180_000])
    let first = live.first { due[$0] == 0 }!
    var keys = TicketKeys(me: first)
    _ = keys.make(name: name(1), secret: secret(1), clock: &clock, now: start * ns)
    #expect(!keys.isDue(live: live, waitingSince: start, at: start + 8 * hour - 1))
    #expect(keys.isDue(live: live, waitingSince: start, at: start + 8 * hour))
    #expect(!keys.isDue(live: live.filter { $0 != first }, waitingSince: start, at: start + 9 * hour - 3_600_000))
  }

  @Test func makersAtOnceConvergeOnOneKeyBeforeAnyIsUsed() {
    var random = SeededRandom(seed: 6)
    for _ in 0..<200 {
      var nodes = (0..<4).map { TicketKeys(me: MemberID(UInt64($0) + 1)) }
      var clocks = (0..<4).map { _ in HybridClock() }
      for at in 0..<4 where at == 0 || random.below(2) == 0 {
        let now = (start + random.below(3)) * ns
        _ = nodes[at].make(name: name(UInt8(at)), secret: secret(UInt8(at)), clock: &clocks[at], now: now)
      }
      let before = nodes
      for to in [2, 0, 3, 1, 2, 0] {
        let order = before.shuffled(using: &random)
        for key in order.flatMap(\.keys) { _ = nodes[to].merge(key, clock: &clocks[to], now: (start + 100) * ns) }
      }
      #expect(nodes.allSatisfy { $0.keys == nodes[0].keys && $0.hash == nodes[0].hash })
      let used = Set(nodes.map { $0.current(at: start + 60_003)?.name })
      #expect(used.count == 1 && used != [nil])
    }
  }

  @Test func atMostFourAreHeldTheNewest() {
    var keys = TicketKeys(me: MemberID(9))
    var clock = HybridClock()
    var outcomes: [TicketMerge] = []
    for at in [5, 1, 7, 3, 2, 9, 3] as [UInt8] {
      let made = WriteVersion(HybridStamp(milliseconds: start + UInt64(at)), by: MemberID(1))
      outcomes.append(keys.merge(TicketKey(name: name(at), secret: secret(at), made: made)!, clock: &clock, now: start * ns))
    }
    #expect(outcomes == [.added, .added, .added, .added, .added, .added, .known])
    #expect(keys.keys.map { $0.name[0] } == [9, 7, 5, 3])
    let far = WriteVersion(HybridStamp(milliseconds: start + hour), by: MemberID(1))
    let ahead = keys.merge(TicketKey(name: name(8), secret: secret(8), made: far)!, clock: &clock, now: start * ns)
    #expect(ahead == .ahead(milliseconds: hour - HybridClock.skewMaxDefault))
    let old = WriteVersion(HybridStamp(milliseconds: start - 16 * hour), by: MemberID(1))
    #expect(keys.merge(TicketKey(name: name(8), secret: secret(8), made: old)!, clock: &clock, now: start * ns) == .refused)
  }

  @Test func aSecretIsNowhereToBeRead() {
    let secret = TicketSecret([UInt8](repeating: 0xAB, count: 48))!
    let key = TicketKey(name: name(1), secret: secret, made: WriteVersion(.zero, by: MemberID(1)))!
    var keys = TicketKeys(me: MemberID(1))
    var clock = HybridClock()
    _ = keys.make(name: name(1), secret: secret, clock: &clock, now: 1)
    var dumped = ""
    dump(keys, to: &dumped)
    dump(key, to: &dumped)
    for text in ["\(key)", "\(keys)", String(reflecting: key), String(describing: secret), dumped] {
      #expect(!text.contains("171") && !text.lowercased().contains("abab"))
      #expect(text.contains("secret"))
    }
    #expect([0, 16, 47, 63, 65].allSatisfy { TicketSecret([UInt8](repeating: 0, count: $0)) == nil })
  }
}
