import Runtime
import Testing

@testable import Gossip

@Suite struct ConcurrencyTableTests {
  private let other = CounterMember(MemberID(2), generation: 1)
  private let third = CounterMember(MemberID(3), generation: 1)

  @Test func whatIsInFlightAnywhereCounts() {
    var table = ConcurrencyTable()
    let begun = (0..<4).map { _ in table.begin(1, limit: 3).isAllowed }
    #expect(begun == [true, true, true, false])
    table.end(1)
    table.merge(ConcurrencyShare(key: 1, begun: 9, ended: 8), from: other)
    #expect(table.inFlight(1) == 3)
    let denied = table.begin(1, limit: 3).isAllowed
    table.merge(ConcurrencyShare(key: 1, begun: 9, ended: 9), from: other)
    let allowed = table.begin(1, limit: 3).isAllowed
    #expect(!denied && allowed)
  }

  @Test func sharesInAnyOrderAndNumberGiveTheSame() {
    var random = SeededRandom(seed: 2)
    var told: [(ConcurrencyShare, CounterMember)] = []
    for member in [other, third, CounterMember(MemberID(3), generation: 2)] {
      var share = ConcurrencyShare(key: 1, begun: 0, ended: 0)
      for _ in 0..<20 {
        share.begun += random.below(4)
        share.ended += random.below(share.begun - share.ended + 1)
        told.append((share, member))
      }
    }
    func inFlight(_ order: [(ConcurrencyShare, CounterMember)]) -> UInt64 {
      var table = ConcurrencyTable()
      for (share, member) in order { table.merge(share, from: member) }
      return table.inFlight(1)
    }
    let expected = inFlight(told)
    for _ in 0..<50 { #expect(inFlight((told + told.prefix(20)).shuffled(using: &random)) == expected) }
  }

  @Test func whatANodeHadBegunEndsWithIt() {
    var table = ConcurrencyTable()
    table.merge(ConcurrencyShare(key: 1, begun: 5, ended: 0), from: other)
    table.merge(ConcurrencyShare(key: 1, begun: 2, ended: 0), from: third)
    table.setMembers([CounterMember(MemberID(1), generation: 1), third, CounterMember(MemberID(2), generation: 2)])
    #expect(table.inFlight(1) == 2, "the second life of the other has not begun anything")
  }

  @Test func changesAreTakenOnceAndComeBackFromTheWire() throws {
    var table = ConcurrencyTable()
    for key in [4, 5, 4] as [UInt64] { _ = table.begin(key, limit: 9) }
    table.end(4)
    let (first, second) = (table.takeChanged(), table.takeChanged())
    #expect(first == [4, 5] && second.isEmpty)
    let share = try #require(table.share(of: 4))
    #expect(share == ConcurrencyShare(key: 4, begun: 2, ended: 1) && table.share(of: 6) == nil)
    var writer = ByteWriter()
    share.encode(into: &writer)
    let read = try writer.bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      return try ConcurrencyShare(from: &reader)
    }
    #expect(read == share)
  }

  @Test func aFullTableCountsNothingMoreAndDeniesNothingForIt() {
    var table = ConcurrencyTable(keysMax: 2, membersMax: 1)
    for key in UInt64(1)...2 { _ = table.begin(key, limit: 1) }
    let third = table.begin(3, limit: 1)
    let full = table.merge(ConcurrencyShare(key: 9, begun: 1, ended: 0), from: other)
    #expect(third == (true, false) && !full && table.count == 2)
  }
}
