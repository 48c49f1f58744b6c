import Runtime
import Testing

@testable import Gossip

@Suite struct FactsWireTests {
  private var random = SeededRandom(seed: 21)

  private mutating func bytes(_ limit: UInt64) -> [UInt8] {
    let count = random.below(limit + 1)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  private mutating func version() -> WriteVersion { WriteVersion(HybridStamp(random.next()), by: MemberID(random.next())) }

  private mutating func entry() -> RegisterEntry {
    let value: [UInt8]? = random.below(4) == 0 ? nil : bytes(800)
    var entry = RegisterEntry(name: bytes(255), value: value, version: version())
    entry.ancestors = (0..<random.below(9)).map { _ in version() }
    return entry
  }

  private mutating func logEntry() -> LogEntry {
    let stream = StreamID(origin: MemberID(random.next()), generation: random.next(), series: UInt32(truncatingIfNeeded: random.next()))
    return LogEntry(stream: stream, sequence: 1 + random.below(9_999), stamp: HybridStamp(random.next()), body: bytes(1_100))
  }

  private mutating func verdict() -> Verdict {
    Verdict(
      endpoint: EndpointID(random.next()), checker: MemberID(random.next()), generation: random.next(), stamp: HybridStamp(random.next()),
      since: random.next(), isHealthy: random.below(2) == 0)
  }

  private mutating func key() -> TicketKey {
    let secret = (0..<(random.below(2) == 0 ? 48 : 64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let name = (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return TicketKey(name: name, secret: TicketSecret(secret)!, made: version())!
  }

  private func body(_ items: [some FactItem], limit: Int = .max) -> (bytes: [UInt8], count: Int) {
    var writer = ByteWriter(limit: limit)
    let count = FactBatch.encode(items, into: &writer)
    return (writer.bytes, count)
  }

  private func decoded<Item: FactItem>(_ type: Item.Type, _ bytes: [UInt8]) throws -> [Item] {
    try bytes.withUnsafeBytes { try FactBatch.decode(type, $0) }
  }

  @Test mutating func whatIsWrittenIsRead() throws {
    for _ in 0..<100 {
      let entries = (0..<random.below(4)).map { _ in entry() }
      #expect(try decoded(RegisterEntry.self, body(entries).bytes) == entries)
      let purges = (0..<random.below(4)).map { _ in logEntry() }
      #expect(try decoded(LogEntry.self, body(purges).bytes) == purges)
      let verdicts = (0..<random.below(9)).map { _ in verdict() }
      #expect(try decoded(Verdict.self, body(verdicts).bytes) == verdicts)
      let keys = (0..<random.below(5)).map { _ in key() }
      #expect(try decoded(TicketKey.self, body(keys).bytes) == keys)
    }
  }

  @Test mutating func theGreatestItemFitsADatagramAndBodiesKeepTheirBound() throws {
    var largest = RegisterEntry(name: [UInt8](repeating: 1, count: 255), value: [UInt8](repeating: 2, count: 800), version: version())
    largest.ancestors = (0..<8).map { _ in version() }
    let purge = LogEntry(
      stream: StreamID(origin: MemberID(.max), generation: .max, series: .max), sequence: .max, stamp: HybridStamp(.max),
      body: [UInt8](repeating: 3, count: 1_100))
    // A part's kind and length take up four bytes more; the plaintext has 1,300.
    #expect(body([largest], limit: 1_250).count == 1 && body([purge], limit: 1_250).count == 1)
    #expect(body([largest]).bytes.count == 2 + FactBatch.bytes(of: largest))
    for limit in 0..<200 {
      let (bytes, count) = body([verdict(), verdict(), verdict(), verdict()], limit: limit)
      #expect(bytes.count <= limit && count <= 4)
      if !bytes.isEmpty { #expect(try decoded(Verdict.self, bytes).count == count) }
    }
  }

  @Test mutating func fieldsOfALaterVersionAreSkipped() throws {
    struct Later: FactItem {
      var verdict: Verdict
      func encode(into writer: inout ByteWriter) {
        verdict.encode(into: &writer)
        writer.write(UInt32(0xDEAD))
      }
      init(verdict: Verdict) { self.verdict = verdict }
      init(from reader: inout ByteReader) throws(ByteReadError) { verdict = try Verdict(from: &reader) }
    }
    let verdicts = (0..<3).map { _ in verdict() }
    let bytes = body(verdicts.map { Later(verdict: $0) }).bytes + [1, 2, 3]
    #expect(try decoded(Verdict.self, bytes) == verdicts)
  }

  /// A log's summary, state and digest that have something of everything.
  private func logs() -> (LogSummary, LogState, FactDigest) {
    var world = LogWorld(seed: 12, nodes: 4)
    for _ in 0..<900 { world.step() }
    let log = world.nodes.map(\.log).max {
      $0.summary.lines.count + $0.summary.horizons.count < $1.summary.lines.count + $1.summary.horizons.count
    }!
    let digest = FactDigest(
      register: Register(me: MemberID(1)), verdicts: VerdictBoard(me: MemberID(1), generation: 1), ticketKeys: TicketKeys(me: MemberID(1)),
      log: log, now: 123_456_789_000)
    return (log.summary, log.state, digest)
  }

  @Test func summariesStatesAndDigestsComeBackAsTheyWere() throws {
    let (summary, state, digest) = logs()
    #expect(summary.lines.count > 2 && !summary.horizons.isEmpty)
    var writers = [ByteWriter(), ByteWriter(), ByteWriter(), ByteWriter()]
    summary.encode(into: &writers[0])
    state.encode(into: &writers[1])
    digest.encode(into: &writers[2])
    let sums = BucketDigest(sums: (0..<64).map { UInt64($0) * 3 })
    sums.encode(into: &writers[3])
    let bytes = writers.map(\.bytes)
    #expect(try bytes[0].withUnsafeBytes { try LogSummary(decoding: $0) } == summary)
    #expect(try bytes[1].withUnsafeBytes { try LogState(decoding: $0) } == state)
    #expect(try bytes[2].withUnsafeBytes { try FactDigest(decoding: $0) } == digest)
    #expect(try bytes[3].withUnsafeBytes { try BucketDigest(decoding: $0) } == sums)
    #expect(bytes[2].count <= 64, "it rides on every probe")
  }

  @Test mutating func anyBytesAreReadOrRefused() {
    let (summary, state, digest) = logs()
    var valid: [[UInt8]] = [
      body([entry(), entry()]).bytes, body([logEntry(), logEntry()]).bytes, body([verdict(), verdict()]).bytes, body([key(), key()]).bytes,
    ]
    for encode in [summary.encode, state.encode, digest.encode] as [(inout ByteWriter) -> Void] {
      var writer = ByteWriter()
      encode(&writer)
      valid.append(writer.bytes)
    }
    var (log, clock) = (ReplayableLog(me: MemberID(1), generation: 9, isSettled: true, limits: LogWorld.narrow), HybridClock())
    var register = Register(me: MemberID(1))
    var read = 0
    for round in 0..<20_000 {
      var bytes = round % 4 == 0 ? self.bytes(80) : valid[Int(random.below(UInt64(valid.count)))]
      for _ in 0..<random.below(4) where !bytes.isEmpty {
        bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.below(3) == 0 { bytes.removeLast(Int(random.below(UInt64(bytes.count) + 1))) }
      bytes.withUnsafeBytes { raw in
        // What can be read is taken in as well: no value of a field may trap.
        for entry in (try? FactBatch.decode(RegisterEntry.self, raw)) ?? [] {
          _ = register.merge(entry, clock: &clock, now: .max); read += 1
        }
        for entry in (try? FactBatch.decode(LogEntry.self, raw)) ?? [] { _ = log.merge(entry, clock: &clock, now: 1 << 40); read += 1 }
        read += (try? FactBatch.decode(Verdict.self, raw))?.count ?? 0
        read += (try? FactBatch.decode(TicketKey.self, raw))?.count ?? 0
        if let summary = try? LogSummary(decoding: raw) {
          _ = log.compare(summary, from: MemberID(2), at: 5)
          log.resync(to: summary, at: 5)
          _ = log.missing(from: summary, budget: 900)
          read += 1
        }
        if let state = try? LogState(decoding: raw), state.position.generation < .max {
          _ = ReplayableLog(me: MemberID(1), generation: .max, restoring: state).digest
        }
        _ = try? FactDigest(decoding: raw)
        _ = try? BucketDigest(decoding: raw)
      }
      log.expire(at: UInt64(round))
      #expect(log.streamCount <= log.limits.streamsMax && log.count <= log.limits.entriesMax)
    }
    #expect(read > 1_000, "some of it is well-formed")
  }
}
