import Runtime
import Testing

@testable import Gossip

@Suite struct CounterMergeTests {
  private static let second: UInt64 = 1_000_000_000
  private static let start: UInt64 = CounterSlice.start(CounterSlice.of(1_700_000_000_000_000_000))
  private let members = (1...4).map { CounterMember(MemberID($0), generation: 1) }
  private let bucket = CounterPolicy.bucket(1000, per: second, burst: 300)!
  private let window = CounterPolicy.slidingWindow(1000, per: second)!

  private func share(_ policy: CounterPolicy, _ newest: UInt64, _ counts: [UInt32], _ kind: CounterFact.Kind = .share) -> CounterFact {
    var fact = CounterFact(key: 5, policy: policy, kind: kind, newest: newest, count: counts.count)
    for (i, count) in counts.enumerated() { fact.cells[i] = count }
    return fact
  }

  private func table() -> CounterTable {
    var table = CounterTable()
    table.setMembers(members, me: MemberID(1), now: Self.start)
    return table
  }

  /// Facts of three members over a second, each growing from telling to telling.
  private func facts(_ policy: CounterPolicy, seed: UInt64) -> [(CounterFact, CounterMember)] {
    var random = SeededRandom(seed: seed)
    let first = CounterSlice.of(Self.start)
    var facts: [(CounterFact, CounterMember)] = []
    for member in members.dropFirst() {
      for slice in first..<first + 12 {
        let (some, more) = (UInt32(random.below(40)), UInt32(random.below(40)))
        facts.append((share(policy, slice, [some]), member))
        facts.append((share(policy, slice, [some + more]), member))
      }
      facts.append((share(policy, first + 3, [UInt32(random.below(200))], .total), member))
    }
    return facts
  }

  @Test func lateRepeatedAndReorderedFactsGiveTheSameLevel() {
    for policy in [bucket, window] {
      for seed in UInt64(1)...20 {
        var random = SeededRandom(seed: seed)
        let told = facts(policy, seed: seed)
        func level(_ order: [(CounterFact, CounterMember)], looking: Bool) -> Double? {
          var table = table()
          for (i, (fact, member)) in order.enumerated() {
            table.merge(fact, from: member, now: Self.start + UInt64(i) * 10_000)
            if looking { _ = table.level(of: 5, now: Self.start + UInt64(i) * 10_000) }
          }
          return table.level(of: 5, now: Self.start + Self.second * 9 / 10)
        }
        // Slices ahead of the clock are refused, so that all come within the time in which they are taken.
        let taken = told.filter { $0.0.newest <= CounterSlice.of(Self.start) + CounterSlice.aheadMax }
        let expected = level(taken, looking: false)
        #expect(expected != nil)
        for _ in 0..<3 {
          #expect(level((taken + taken.prefix(10)).shuffled(using: &random), looking: true) == expected)
        }
      }
    }
  }

  @Test func theLevelKeptAlongIsTheReplay() {
    // What is kept from request to request, against a table that was told the same as facts.
    var random = SeededRandom(seed: 12)
    for policy in [bucket, window] {
      var kept = CounterTable()
      var counts: [UInt64: UInt32] = [:]
      var now = Self.start
      for _ in 0..<1500 {
        now += random.below(1_200_000)
        if kept.consume(5, policy: policy, now: now).verdict == .allowed { counts[CounterSlice.of(now), default: 0] += 1 }
      }
      var replayed = table()
      for slice in counts.keys.sorted() {
        replayed.merge(share(policy, slice, [counts[slice]!]), from: members[1], now: CounterSlice.start(slice))
      }
      let later = now + 3_000_000
      let (a, b) = (kept.entries[0].arrival(now: later), replayed.entries[0].arrival(now: later))
      #expect(a == b)
      // Beside the replay a node knows its own exact times, which say more by a slice's inflow at most.
      let (known, told) = (kept.level(of: 5, now: later)!, replayed.level(of: 5, now: later)!)
      #expect(known <= told && told - known <= 68, "\(known) and \(told)")
    }
  }

  @Test func aMemberIsCountedOncePerLife() {
    var table = table()
    let slice = CounterSlice.of(Self.start)
    for _ in 0..<3 { table.merge(share(bucket, slice, [50]), from: members[1], now: Self.start) }
    let once = table.level(of: 5, now: Self.start)
    table.merge(share(bucket, slice, [50]), from: CounterMember(MemberID(2), generation: 2), now: Self.start)
    let twice = table.level(of: 5, now: Self.start)
    #expect(once == 250 && twice == 200, "a new life consumes beside the old one")
  }

  @Test func aTotalAndSharesOfTheSameAreNotAdded() {
    var table = table()
    let slice = CounterSlice.of(Self.start)
    table.merge(share(bucket, slice, [50]), from: members[1], now: Self.start)
    table.merge(share(bucket, slice, [80], .total), from: members[2], now: Self.start)
    #expect(table.level(of: 5, now: Self.start) == 220)
  }

  @Test func whatIsTooLateOrTooEarlyIsCountedAndDropped() {
    var table = table()
    let slice = CounterSlice.of(Self.start)
    let results = [slice, slice - 15, slice - 16, slice + 4, slice + 5].map {
      table.merge(share(bucket, $0, [1]), from: members[1], now: Self.start)
    }
    // The slice four ahead moves the rings on: what was sixteen back before is not taken any more.
    #expect(results == [.merged, .merged, .late, .merged, .ahead])
    #expect(table.statistics.late == 1 && table.statistics.ahead == 1)
  }

  @Test func debtIsRepaidAndBounded() {
    var table = table()
    let slice = CounterSlice.of(Self.start)
    table.merge(share(bucket, slice, [700]), from: members[1], now: Self.start)
    let debt = table.level(of: 5, now: Self.start)!
    let early = table.consume(5, policy: bucket, now: Self.start + 380_000_000, mode: .local)
    let late = table.consume(5, policy: bucket, now: Self.start + 402_000_000, mode: .local)
    #expect(debt <= -398 && early.verdict == .denied && late.verdict == .allowed)
    table.merge(share(bucket, slice, [.max]), from: members[2], now: Self.start + 402_000_000)
    let healed = table.consume(5, policy: bucket, now: Self.start + 3 * Self.second, mode: .local)
    #expect(healed.verdict == .allowed, "one wrong count does not close a limit for ever")
  }

  @Test func whoComesHearsAllOfWhatIsOld() {
    // Exhausted for a minute, then told whole to a table that has never heard of it.
    let slow = CounterPolicy.bucket(60, per: 60 * Self.second, burst: 60)!
    var old = table()
    for _ in 0..<60 { _ = old.consume(5, policy: slow, now: Self.start, mode: .local) }
    let now = Self.start + 5 * Self.second
    old.setMembers(members + [CounterMember(MemberID(9), generation: 1)], me: MemberID(1), now: now)
    var fresh = CounterTable()
    fresh.setMembers(members + [CounterMember(MemberID(9), generation: 1)], me: MemberID(9), now: now)
    var budget = 1 << 20
    old.collect(now: now + 10_000_000, budget: &budget) { peer, fact in
      if peer == 4 { fresh.merge(copy fact, from: members[0], now: now + 11_000_000) }
      return 10
    }
    let (a, b) = (old.level(of: 5, now: now + 20_000_000), fresh.level(of: 5, now: now + 20_000_000))
    #expect(a == b && a == 5)
  }

  @Test func whoSmallLimitsAreAskedOfIsTheirOwnerUntilNothingIsLeft() {
    var table = table()
    let small = CounterPolicy.bucket(5, per: Self.second, burst: 5)!
    let foreign = (UInt64(1)...50).first { table.owners(of: $0)[0] != MemberID(1) }!
    let own = (UInt64(1)...50).first { table.owners(of: $0)[0] == MemberID(1) }!
    let asked = (0..<8).map { _ in table.consume(foreign, policy: small, now: Self.start).verdict }
    let owner = table.owners(of: foreign)[0]
    #expect(asked == Array(repeating: .ask(owner), count: 5) + Array(repeating: .denied, count: 3), "not more than there could be")
    let mine = table.consume(own, policy: small, now: Self.start).verdict
    #expect(mine == .allowed)
    let denial = CounterDecision(verdict: .denied, remaining: 0, reset: 400_000_000, retryAfter: 200_000_000)
    table.noteAnswer(foreign, denial, now: Self.start)
    let flood = (0..<50).map { table.consume(foreign, policy: small, now: Self.start + UInt64($0) * 3_000_000).verdict }
    #expect(flood.allSatisfy { $0 == .denied })
    let after = table.consume(foreign, policy: small, now: Self.start + 1_200_000_000).verdict
    #expect(after == .ask(owner))
    table.setReady(owner, false)
    let standIn = table.owners(of: foreign)[1]
    let other = table.consume(foreign, policy: small, now: Self.start + 1_300_000_000).verdict
    #expect(other == (standIn == MemberID(1) ? .allowed : .ask(standIn)))
  }

  @Test func tablesThatKnowTheSameHaveEqualDigestsAndEntriesMakeThemSo() {
    let slow = CounterPolicy.bucket(60, per: 60 * Self.second, burst: 60)!
    let wide = CounterPolicy.slidingWindow(100, per: 60 * Self.second)!
    var (a, b) = (table(), CounterTable())
    b.setMembers(members, me: MemberID(2), now: Self.start)
    var random = SeededRandom(seed: 3)
    for i in 0..<400 {
      let key = random.below(50) << 58 | random.below(4)
      let now = Self.start + UInt64(i) * 10_000_000
      _ = a.consume(key, policy: key % 2 == 0 ? slow : wide, now: now, mode: .local)
    }
    let now = Self.start + 8 * Self.second
    let (before, empty) = (a.digests(ranges: 16, now: now), b.digests(ranges: 16, now: now))
    #expect(before != empty && empty == Array(repeating: 0, count: 16))
    for range in 0..<16 where before[range] != 0 {
      var next: Int? = 0
      while let from = next {
        let (facts, rest) = a.entries(inRange: range, of: 16, for: members[1], from: from, most: 3, now: now)
        for fact in facts { b.merge(fact, from: members[0], now: now) }
        next = rest
      }
    }
    let (told, heard) = (a.digests(ranges: 16, now: now), b.digests(ranges: 16, now: now))
    #expect(told == heard && told == before)
  }
}
