import Runtime
import Testing

@testable import Gossip

@Suite struct SaltTableTests {
  static let wall = PacketFixture.wall
  private func limits(_ senders: Int) -> SaltTableLimits {
    var limits = SaltTableLimits()
    limits.sendersMax = senders
    return limits
  }

  @Test(
    "a new sender is heard when its packet was sent about now, and not before this node started",
    arguments: [
      // seconds after the start, sent so many seconds after the start, heard
      (0, 0, true), (0, -10, true), (0, -12, false), (0, 300, true), (0, 301, false), (1_000, 1_000, true), (1_000, 700, true),
      (1_000, 699, false), (1_000, 1_300, true), (1_000, 1_301, false), (100, -11, true), (100, -12, false), (-3_600, -3_600, true),
      (-3_600, -3_611, true), (-3_600, -3_612, false),
    ])
  func timeliness(now: Int64, sent: Int64, isHeard: Bool) {
    let table = SaltTable(start: SaltTableTests.wall)
    let second = Int64(SaltTableTests.wall.secondsSinceEpoch)
    #expect(table.isTimely(sentAt: UInt32(second + sent), wall: SaltTableTests.wall + .seconds(now)) == isHeard)
  }

  @Test func extremesOfTheClockAreAnswers() {
    let table = SaltTable(start: .zero)
    for sentAt in [0, 1, UInt32.max] {
      _ = table.isTimely(sentAt: sentAt, wall: .zero)
      #expect(!table.isTimely(sentAt: sentAt, wall: .distantFuture))
    }
  }

  @Test func aFullTableForgetsOnlyWhomNobodyCouldPlayBack() {
    var table = SaltTable(start: SaltTableTests.wall, limits: limits(3))
    let second = UInt32(SaltTableTests.wall.secondsSinceEpoch)
    func admit(_ number: UInt64, sentAt: UInt32, after seconds: Int64) -> Int? {
      table.admit(PacketFixture.salt(number), counter: 0, sentAt: second + sentAt, wall: SaltTableTests.wall + .seconds(seconds))
    }
    let slots = (UInt64(1)...3).map { admit($0, sentAt: UInt32($0), after: Int64($0)) }
    table.mark(1, sentAt: second + 50, slot: 0)
    // A late packet with an earlier time makes nobody older.
    table.mark(2, sentAt: second, slot: 2)
    let tooSoon = admit(4, sentAt: 300, after: 302)
    let later = admit(4, sentAt: 300, after: 303)
    let next = [admit(5, sentAt: 303, after: 303), admit(5, sentAt: 304, after: 304)]
    #expect(slots == [0, 1, 2] && tooSoon == nil && later == 1 && next == [nil, 2] && table.count == 3)
    #expect(table.slot(of: PacketFixture.salt(2)) == nil && table.slot(of: PacketFixture.salt(1)) == 0)
  }

  /// Senders with clocks of their own, one receiver with a small table, and an adversary who keeps all packets and sends them again.
  @Test("nothing is ever taken twice, however small the table and however wrong the clocks", arguments: UInt64(0)..<40)
  func recordings(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let opener = PacketFixture.opener(limits: limits(4))
    var wall = SaltTableTests.wall
    var senders: [(sealer: Sealer, skew: Int64)] = []
    var recorded: [[UInt8]] = []
    var taken: Set<[UInt8]> = []
    var (heard, forgotten) = (0, 0)
    for step in 0..<1_500 {
      wall += .milliseconds(Int64(random.below(random.below(20) == 0 ? 400_000 : 2_000)))
      if senders.count < 3 || random.below(40) == 0 {
        let salt = UInt64(1_000 + step)
        if senders.count >= 3 { senders.remove(at: Int(random.below(UInt64(senders.count)))) }
        senders.append((PacketFixture.sealer(salt: salt), Int64(random.below(1_200)) - 600))
      }
      let speaker = Int(random.below(UInt64(senders.count)))
      if random.below(100) == 0 { senders[speaker].skew = Int64(random.below(3_000)) - 1_500 }
      let sender = senders[speaker]
      let said = sender.sealer.seal([UInt8(truncatingIfNeeded: step)], wall: wall + .seconds(sender.skew))
      recorded.append(said)
      let isReplay = random.below(2) == 0
      let datagram = isReplay ? recorded[Int(random.below(UInt64(recorded.count)))] : said
      if case .success = opener.outcome(datagram, wall: wall) {
        heard += 1
        #expect(taken.insert(datagram).inserted, "taken twice at step \(step)")
      } else if isReplay && taken.contains(datagram) {
        forgotten += 1
      }
    }
    #expect(heard > 300 && forgotten > 100 && opener.senderCount <= 4)
  }

  @Test func aCrowdOfSendersIsRefusedAndThoseKnownAreStillHeard() {
    let opener = PacketFixture.opener(limits: limits(2))
    let sealers = (UInt64(1)...3).map { PacketFixture.sealer(salt: $0) }
    let outcomes = sealers.map { opener.outcome($0.seal([1], wall: SaltTableTests.wall)) }
    #expect(outcomes == [.success([1]), .success([1]), .failure(.crowded)] && opener.senderCount == 2)
    let again = opener.outcome(sealers[0].seal([2], wall: SaltTableTests.wall))
    #expect(again == .success([2]))
  }

  @Test func theClockOfASenderThatIsKnownMayJump() {
    let opener = PacketFixture.opener()
    let sealer = PacketFixture.sealer()
    let outcomes = [0, 1_000_000, -11, 5].map { seconds in
      opener.outcome(sealer.seal([1], wall: SaltTableTests.wall + .seconds(seconds)), wall: SaltTableTests.wall + .seconds(100))
    }
    #expect(outcomes.allSatisfy { $0 == .success([1]) })
    // As far back as before it could have come in, nothing tells it from its own recordings.
    let tooFar = opener.outcome(sealer.seal([1], wall: SaltTableTests.wall - .seconds(12)))
    #expect(tooFar == .failure(.untimely))
  }
}
