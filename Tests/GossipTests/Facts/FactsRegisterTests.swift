import Runtime
import Testing

@testable import Gossip

@Suite struct FactsRegisterTests {
  private let ns: UInt64 = 1_000_000
  private let name: [UInt8] = [7]

  @Test func aConditionalWriteHoldsOnlyOverWhatItExpects() throws {
    var clock = HybridClock()
    var register = Register(me: MemberID(1))
    let first = try register.write(name, [1], if: .absent, clock: &clock, now: 1_000 * ns)
    #expect(throws: WriteRefusal.conflict(first)) { try register.write(name, [2], if: .absent, clock: &clock, now: 1_000 * ns) }
    let second = try register.write(name, [2], if: .version(first.version), clock: &clock, now: 1_000 * ns)
    #expect(throws: WriteRefusal.conflict(second)) {
      try register.write(name, [3], if: .version(first.version), clock: &clock, now: 1_000 * ns)
    }
    let gone = try register.write(name, nil, if: .version(second.version), clock: &clock, now: 1_000 * ns)
    #expect(register.entry(name) == nil && register.stored(name) == gone)
    let again = try register.write(name, [4], if: .absent, clock: &clock, now: 1_000 * ns)
    #expect(register.entry(name) == again)
  }

  @Test func ofTwoWritesAtOnceTheLoserIsToldAndTheWinnerNot() throws {
    var clocks = [HybridClock(), HybridClock()]
    var registers = [Register(me: MemberID(1)), Register(me: MemberID(2))]
    let base = try registers[0].write(name, [0], clock: &clocks[0], now: 1_000 * ns)
    #expect(registers[1].merge(base, clock: &clocks[1], now: 1_000 * ns) == .changed)
    let left = try registers[0].write(name, [1], if: .version(base.version), clock: &clocks[0], now: 1_001 * ns)
    let right = try registers[1].write(name, [2], if: .version(base.version), clock: &clocks[1], now: 1_002 * ns)
    let atLeft = registers[0].merge(right, clock: &clocks[0], now: 1_003 * ns)
    let atRight = registers[1].merge(left, clock: &clocks[1], now: 1_003 * ns)
    #expect(atLeft == .lost(mine: left, winner: right) && atRight == .known)
    // A write that has seen the other replaces it without a word.
    let next = try registers[0].write(name, [3], clock: &clocks[0], now: 1_004 * ns)
    #expect(registers[1].merge(next, clock: &clocks[1], now: 1_005 * ns) == .changed)
  }

  @Test func boundsAreKeptAndMergingHasAQuarterMore() throws {
    var limits = RegisterLimits()
    limits.entriesMax = 8
    var clock = HybridClock()
    var register = Register(me: MemberID(1), limits: limits)
    for at in UInt8(0)..<8 { _ = try register.write([at], [at], clock: &clock, now: ns) }
    #expect(throws: WriteRefusal.full) { try register.write([99], [1], clock: &clock, now: ns) }
    _ = try register.write([3], [9], clock: &clock, now: ns)
    let outcomes = (UInt8(20)..<24).map { at in
      let version = WriteVersion(HybridStamp(milliseconds: 1), by: MemberID(2))
      return register.merge(RegisterEntry(name: [at], value: [1], version: version), clock: &clock, now: ns)
    }
    #expect(outcomes == [.changed, .changed, .full, .full] && register.count == 10)
    let long = [UInt8](repeating: 1, count: 801)
    #expect(throws: WriteRefusal.valueTooLong(bytes: 801)) { try register.write([1], long, clock: &clock, now: ns) }
    #expect(throws: WriteRefusal.nameTooLong(bytes: 256)) {
      try register.write(Array(long[..<256]), [], clock: &clock, now: ns)
    }
  }

  @Test func aDeleteIsForgottenAfterItsAgeAndDoesNotComeBack() throws {
    var limits = RegisterLimits()
    limits.tombstoneAge = 10_000
    var clock = HybridClock()
    var register = Register(me: MemberID(1), limits: limits)
    let written = try register.write(name, [1], clock: &clock, now: 1_000 * ns)
    let gone = try register.write(name, nil, clock: &clock, now: 2_000 * ns)
    #expect(register.expire(at: 11_999) == [])
    #expect(register.expire(at: 12_000) == [name] && register.count == 0)
    #expect(register.hash == Register(me: MemberID(9)).hash, "nothing is left of it")
    var late = Register(me: MemberID(2), limits: limits)
    var lateClock = HybridClock()
    let outcomes = [gone, written, gone, gone].map { late.merge($0, clock: &lateClock, now: 12_000 * ns) }
    #expect(outcomes == [.expired, .changed, .changed, .expired] && late.count == 0, "it still deletes what it was meant for")
  }

  @Test func whoWasAwayForLongTakesTheOthersRegisterAndKeepsItsOwnRecentWrites() throws {
    var limits = RegisterLimits()
    limits.tombstoneAge = 10_000
    #expect(!Register.mustAdopt(lastAgreed: 1_000, time: 5_999, limits: limits))
    #expect(Register.mustAdopt(lastAgreed: 1_000, time: 6_000, limits: limits))
    #expect(!Register.mustAdopt(lastAgreed: 9_000, time: 1_000, limits: limits), "a clock that was set back")
    var (clock, otherClock) = (HybridClock(), HybridClock())
    var (away, other) = (Register(me: MemberID(1), limits: limits), Register(me: MemberID(2), limits: limits))
    _ = try other.write([1], [1], clock: &otherClock, now: 1_000 * ns)
    for entry in other.entries { _ = away.merge(entry, clock: &clock, now: 1_000 * ns) }
    let old = try away.write([2], [2], clock: &clock, now: 2_000 * ns)
    _ = try other.write([1], nil, clock: &otherClock, now: 3_000 * ns)
    _ = other.expire(at: 20_000)
    let recent = try away.write([3], [3], clock: &clock, now: 19_000 * ns)
    let lost = away.adopt(other.entries, clock: &clock, now: 20_000 * ns)
    #expect(lost == [old])
    #expect(away.entries == [recent], "the deleted name does not come back")
  }

  private struct Write {
    var at: Int
    var entry: RegisterEntry
  }

  @Test("copies converge, and no write is lost unsaid", arguments: UInt64(1)...30)
  func convergence(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let count = 4
    var registers = (0..<count).map { Register(me: MemberID(UInt64($0) + 1)) }
    var clocks = (0..<count).map { _ in HybridClock() }
    var (writes, lost, flight): ([Write], [RegisterEntry], [(Int, RegisterEntry)]) = ([], [], [])
    var now: UInt64 = 1_000_000
    func receive(_ to: Int, _ entry: RegisterEntry) {
      let outcome = registers[to].merge(entry, clock: &clocks[to], now: now * ns + UInt64(to) * 30 * ns)
      if case .lost(let mine, let winner) = outcome {
        #expect(mine.version.writer == registers[to].me && !winner.descends(from: mine.version))
        lost.append(mine)
      }
    }
    for _ in 0..<600 {
      now += random.below(5)
      let at = Int(random.below(UInt64(count)))
      if random.below(3) == 0 {
        let name = [UInt8(random.below(5))]
        let value: [UInt8]? = random.below(6) == 0 ? nil : [UInt8(random.below(200))]
        let expected: WriteExpectation =
          random.below(2) == 0 ? .anything : registers[at].stored(name).map { .version($0.version) } ?? .absent
        let entry = try registers[at].write(name, value, if: expected, clock: &clocks[at], now: now * ns + UInt64(at) * 30 * ns)
        writes.append(Write(at: at, entry: entry))
      }
      for entry in registers[at].takeNews(budget: 120, tellings: 3) { flight.append((Int(random.below(UInt64(count))), entry)) }
      while flight.count > 6 {
        let message = flight.remove(at: Int(random.below(UInt64(flight.count))))
        if random.below(4) == 0 { continue }
        receive(message.0, message.1)
        if random.below(5) == 0 { flight.append(message) }
      }
    }
    for _ in 0..<3 {
      for from in 0..<count {
        for to in 0..<count where from != to {
          for entry in registers[from].entries(inBuckets: registers[from].differing(from: registers[to].digest)) { receive(to, entry) }
        }
      }
    }
    for register in registers {
      #expect(register.entries == registers[0].entries && register.hash == registers[0].hash)
      #expect(register.bytes == register.entries.reduce(0) { $0 + $1.bytes } && register.count == register.entries.count)
    }
    for write in writes where !write.entry.isDeleted {
      let isReplacedKnowingly = writes.contains {
        $0.entry.name == write.entry.name && $0.entry.version != write.entry.version && $0.entry.descends(from: write.entry.version)
      }
      let holds = registers[0].stored(write.entry.name) == write.entry
      let isSaid = lost.contains(write.entry)
      #expect(holds || isReplacedKnowingly || isSaid, "\(write.entry.version)")
      #expect(!(holds && isSaid))
      #expect(lost.filter { $0 == write.entry }.count <= 1)
    }
  }
}
