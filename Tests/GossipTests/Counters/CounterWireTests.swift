import Runtime
import Testing

@testable import Gossip

@Suite struct CounterWireTests {
  private let slice: UInt64 = 1_700_000_000_000_000_000 >> 26

  private func randomFact(_ random: inout SeededRandom) -> CounterFact {
    let policy =
      random.below(3) == 0
      ? CounterPolicy.slidingWindow(UInt32(1 + random.below(5)), per: 1_000_000_000)!
      : CounterPolicy.bucket(UInt32(1 + random.below(5)), per: 60_000_000_000, burst: 7)!
    var fact = CounterFact(
      key: random.next(), policy: policy, kind: random.below(2) == 0 ? .share : .total, newest: slice - random.below(30) + 4,
      count: 1 + Int(random.below(16)))
    for i in 0..<fact.count { fact.cells[i] = UInt32(truncatingIfNeeded: random.next() >> (32 + random.below(32))) }
    if random.below(3) == 0 {
      let cells = policy.kind == .bucket ? [] : (0..<16).map { _ in UInt32(random.below(1000)) }
      fact.base = CounterBase(
        slice: slice - random.below(40), arrival: policy.kind == .bucket ? random.next() >> 3 : 0,
        cell: policy.kind == .bucket ? 0 : slice, cells: cells)
    }
    return fact
  }

  private func text(_ fact: CounterFact) -> String {
    "\(fact.key) \(fact.policy) \(fact.kind) \(fact.newest) \((0..<fact.count).map { fact.cells[$0] }) \(String(describing: fact.base))"
  }

  private func read(_ body: [UInt8]) throws -> [CounterFact] {
    try body.withUnsafeBytes { bytes in
      var reader = try CounterBatchReader(bytes)
      var facts: [CounterFact] = []
      while let fact = try reader.next() { facts.append(fact) }
      return facts
    }
  }

  @Test func whatIsWrittenIsReadAndNoBodyIsTooLong() throws {
    var random = SeededRandom(seed: 1)
    for sequence in UInt64(1)...50 {
      var writer = CounterBatchWriter(sequence: sequence, slice: slice, bytesMax: 1200)
      var written: [String] = []
      while true {
        let fact = randomFact(&random)
        if !writer.append(fact) { break }
        written.append(text(fact))
      }
      // Bytes at the end belong to a later version.
      let body = writer.finish()
      #expect(body.count <= 1200 && body.count > 1000)
      #expect(try read(body).map(text) == written)
      #expect(try read(body + [1, 2, 3]).map(text) == written)
    }
  }

  @Test func oneUnitOfOneKeyTakesTwelveBytesOrLess() {
    var writer = CounterBatchWriter(sequence: 1, slice: slice, bytesMax: 1200)
    let policy = CounterPolicy.bucket(10, per: 1_000_000_000, burst: 10)!
    var count = 0
    var fact = CounterFact(key: 1, policy: policy, kind: .share, newest: slice, count: 1)
    fact.cells[0] = 3
    while writer.append(fact) { count += 1 }
    #expect(count >= 1170 / 12)
  }

  @Test func kindsOfALaterVersionArePassedOver() throws {
    var writer = ByteWriter()
    writer.write(UInt16(3))
    writer.writeVarint(9)
    writer.writeVarint(slice + 8)
    func entry(_ key: UInt64, policy: [UInt8], extended: Bool) {
      writer.write(key)
      writer.writeVarint(UInt64(extended ? 4 : 0) | 8 << 7)
      writer.writeVarint(0)
      writer.writeLengthPrefixed(policy)
      if extended { writer.writeLengthPrefixed([9, 9, 9]) }
      writer.writeVarint(6)
    }
    var known = ByteWriter()
    CounterPolicy.bucket(10, per: 1000, burst: 10)!.encode(into: &known)
    let policy = Array(known.bytes.dropFirst())
    entry(1, policy: [77, 1, 2, 3, 4, 5], extended: false)
    entry(2, policy: policy + [5, 5], extended: false)
    entry(3, policy: policy, extended: true)
    #expect(try read(writer.bytes).map(\.key) == [2, 3])
  }

  @Test func noBytesTrap() {
    var random = SeededRandom(seed: 3)
    let sender = CounterMember(MemberID(2), generation: 1)
    var table = CounterTable()
    var exchange = CounterExchange(MemberID(1))
    let now = slice << 26
    exchange.setMembers([CounterMember(MemberID(1), generation: 1), sender], &table, now: now)
    var bodies: [[UInt8]] = []
    for sequence in UInt64(1)...40 {
      var writer = CounterBatchWriter(sequence: sequence, slice: slice, bytesMax: 200)
      for _ in 0..<8 { _ = writer.append(randomFact(&random)) }
      bodies.append(writer.finish())
    }
    for round in 0..<8_000 {
      var body = round % 4 == 0 ? (0..<Int(random.below(60))).map { _ in UInt8(truncatingIfNeeded: random.next()) } : bodies[round % 40]
      for _ in 0..<random.below(4) where !body.isEmpty {
        body[Int(random.below(UInt64(body.count)))] = UInt8(truncatingIfNeeded: random.next())
      }
      body.removeLast(Int(random.below(UInt64(body.count / 2 + 1))))
      let part = CounterPart.allCases[Int(random.below(5))]
      _ = body.withUnsafeBytes { exchange.receive(part, $0, from: sender, &table, now: now + UInt64(round) * 1_000_000) }
    }
    #expect(exchange.statistics.malformed > 1_000 && table.count <= table.limits.keysMax)
  }

  @Test func smallMessagesComeBack() throws {
    let policy = CounterPolicy.bucket(10, per: 1_000_000_000, burst: 10)!
    var writer = ByteWriter()
    let question = CounterQuestion(id: 300, key: .max, cost: 7, policy: policy)
    question.encode(into: &writer)
    #expect(try writer.bytes.withUnsafeBytes { try CounterQuestion(decoding: $0) } == question)
    writer.removeAll()
    let answer = CounterAnswer(id: 300, CounterDecision(verdict: .allowed, remaining: 4, reset: 5_000, retryAfter: 0))
    answer.encode(into: &writer)
    #expect(try writer.bytes.withUnsafeBytes { try CounterAnswer(decoding: $0) } == answer)
    writer.removeAll()
    let grant = CounterGrant(asker: MemberID(7), generation: 1 << 40, answer: answer)
    grant.encode(into: &writer)
    #expect(try writer.bytes.withUnsafeBytes { try CounterGrant(decoding: $0) } == grant)
    writer.removeAll()
    CounterAcknowledgement([1, 2, 900]).encode(into: &writer)
    #expect(try writer.bytes.withUnsafeBytes { try CounterAcknowledgement(decoding: $0) }.sequences == [1, 2, 900])
  }
}
