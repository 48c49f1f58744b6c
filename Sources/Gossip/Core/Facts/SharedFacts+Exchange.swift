// Asking another member for what is missing here: its sums and its log's summary tell the other what that is. One side asks, the other
// answers; what the other lacks it asks for itself. Carrying this over a stream is the driver's.
import Runtime

/// The flags at the head of a question and of an answer.
struct ExchangeFlags: OptionSet, Sendable {
  let rawValue: UInt8
  /// The asker's register is out of date, or the answerer's is.
  static let isStale = ExchangeFlags(rawValue: 1)
  /// The whole register follows.
  static let isWhole = ExchangeFlags(rawValue: 2)
}

extension SharedFacts {
  /// Bytes of items in one record of a stream.
  private static let recordBytes = 48 << 10
  /// Bytes of the register, and of the verdicts, in one answer; the rest comes with the next question.
  private static let answerBytes = 3 << 20

  /// What to ask the member of an `exchange`.
  public func question(now: FactTime) -> [FactRecord] {
    var records = [head(.question, isStale ? .isStale : [])]
    records.append(record(.registerDigest) { register.digest.encode(into: &$0) })
    records.append(record(.verdictDigest) { verdicts.digest.encode(into: &$0) })
    return records + SharedFacts.cut(.logSummary) { summaryNow.encode(into: &$0) }
  }

  private var summaryNow: LogSummary {
    var summary = log.summary
    if isInDoubt { summary.isSettled = false }
    return summary
  }

  /// Whether records are a question.
  static func isQuestion(_ records: [FactRecord]) -> Bool { records.first?.part == .question }

  /// What to answer to a question; nil to one that cannot be read.
  public mutating func answer(_ question: [FactRecord], now: FactTime) -> [FactRecord]? {
    guard SharedFacts.isQuestion(question), let (flags, theirBirth) = SharedFacts.head(question) else { return nil }
    var sums: BucketDigest?
    var verdictSums: BucketDigest?
    var summary: LogSummary?
    do throws(ByteReadError) {
      sums = try SharedFacts.read(.registerDigest, question, BucketDigest.init(decoding:))
      verdictSums = try SharedFacts.read(.verdictDigest, question, BucketDigest.init(decoding:))
      summary = try SharedFacts.read(.logSummary, question, LogSummary.init(decoding:))
    } catch {
      counts.malformed += 1
      return nil
    }
    var mine: ExchangeFlags = isStale ? .isStale : []
    let isWhole = flags.contains(.isStale)
    if isWhole { mine.insert(.isWhole) }
    var records = [head(.answer, mine)]
    if theirBirth < birth { (birth, isDirty) = (theirBirth, true) }
    records += SharedFacts.cut(.ticketKeys, ticketKeys.keys)
    if let summary {
      records += SharedFacts.cut(.purges, log.missing(from: summary, budget: log.limits.bytesMax * 2))
    }
    records += SharedFacts.cut(.logSummary) { summaryNow.encode(into: &$0) }
    if isWhole {
      records += SharedFacts.cut(.registerEntries, register.entries)
    } else if !isStale, let sums {
      records += SharedFacts.cut(.registerEntries, some(register.differing(from: sums)) { $0.register.entries(inBuckets: [$1]) })
    }
    if let verdictSums {
      records += SharedFacts.cut(.verdicts, some(verdicts.digest.differing(from: verdictSums)) { $0.verdicts.verdicts(inBuckets: [$1]) })
    }
    return records
  }

  /// The items of some buckets, from a random one on, until an answer has enough.
  private mutating func some<Item: FactItem>(_ buckets: [Int], _ items: (SharedFacts, Int) -> [Item]) -> [Item] {
    if buckets.isEmpty { return [] }
    let start = Int(random.below(UInt64(buckets.count)))
    var chosen: [Item] = []
    var bytes = 0
    for bucket in buckets[start...] + buckets[..<start] where bytes < SharedFacts.answerBytes {
      let more = items(self, bucket)
      bytes += more.reduce(0) { $0 + FactBatch.bytes(of: $1) }
      chosen += more
    }
    return chosen
  }

  /// Takes an answer in.
  public mutating func answered(_ records: [FactRecord], by member: MemberID, now: FactTime) -> [FactEffect] {
    exchanging = nil
    let before = changedAt
    defer {
      let vain = changedAt == before ? difference.vain + 1 : 0
      difference = Difference(isFirst: false, vain: vain, changedAt: changedAt)
    }
    var effects: [FactEffect] = []
    guard records.first?.part == .answer, let (flags, theirBirth) = SharedFacts.head(records) else {
      counts.exchangesFailed += 1
      return []
    }
    do throws(ByteReadError) {
      let isReplaced = isStale && flags == .isWhole && theirBirth == birth
      if isReplaced { try replaceRegister(records, now, &effects) }
      for record in records where !(isReplaced && record.part == .registerEntries) {
        try reading(record.body) { (body) throws(ByteReadError) in try merge(record.part, body, now, &effects) }
      }
      // Where both are out of date, or of different births, neither is to be believed before the other: what both hold is merged.
      if flags.contains(.isWhole) { noteRegisterAgrees(now) }
      if theirBirth < birth { (birth, isDirty) = (theirBirth, true) }
      guard let summary = try SharedFacts.read(.logSummary, records, LogSummary.init(decoding:)) else { return effects }
      follow(summary, of: member, now, &effects)
    } catch {
      counts.malformed += 1
      counts.exchangesFailed += 1
    }
    advanceDoubt(now, &effects)
    return effects
  }

  private mutating func follow(_ summary: LogSummary, of member: MemberID, _ now: FactTime, _ effects: inout [FactEffect]) {
    switch log.compare(summary, from: member, at: milliseconds(now)) {
    case .mustResync:
      counts.resyncs += 1
      effects.append(.drop(summary))
    case .inStep: noteSettled(&effects)
    case .lacking, .later: break
    }
  }

  /// What the log protects has been dropped, as an effect asked for.
  public mutating func dropped(_ summary: LogSummary, now: FactTime) {
    log.resync(to: summary, at: milliseconds(now))
    isDirty = true
  }

  /// The member of an `exchange` could not be asked.
  public mutating func exchangeFailed(with member: MemberID) {
    guard exchanging == member else { return }
    exchanging = nil
    counts.exchangesFailed += 1
  }

  private mutating func replaceRegister(
    _ records: [FactRecord], _ now: FactTime, _ effects: inout [FactEffect]
  ) throws(ByteReadError) {
    var whole: [RegisterEntry] = []
    for record in records where record.part == .registerEntries {
      whole += try reading(record.body) { (body) throws(ByteReadError) in try FactBatch.decode(RegisterEntry.self, body) }
    }
    isDirty = true
    let before = register
    let lost = register.adopt(whole, clock: &clock, now: now.wall)
    for entry in register.entries where before.stored(entry.name) != entry { effects.append(.written(entry)) }
    for entry in before.entries where register.stored(entry.name) == nil {
      effects.append(.written(RegisterEntry(name: entry.name, value: nil, version: entry.version)))
    }
    for mine in lost {
      counts.writesLost += 1
      let none = RegisterEntry(name: mine.name, value: nil, version: mine.version)
      effects.append(.writeLost(mine: mine, winner: register.stored(mine.name) ?? none))
    }
  }

  // MARK: records

  private func record(_ part: FactPart, _ fill: (inout ByteWriter) -> Void) -> FactRecord {
    var writer = ByteWriter()
    fill(&writer)
    return FactRecord(part, writer.bytes)
  }

  /// Items in records of a bounded size.
  private static func cut(_ part: FactPart, _ items: [some FactItem]) -> [FactRecord] {
    var records: [FactRecord] = []
    var rest = items[...]
    while !rest.isEmpty {
      var writer = ByteWriter(limit: recordBytes)
      let taken = FactBatch.encode(rest, into: &writer)
      precondition(taken > 0, "an item of \(part) is larger than a record")
      rest = rest.dropFirst(taken)
      records.append(FactRecord(part, writer.bytes))
    }
    return records
  }

  /// A body in pieces of a bounded size, which `read` puts together again.
  private static func cut(_ part: FactPart, _ fill: (inout ByteWriter) -> Void) -> [FactRecord] {
    var writer = ByteWriter()
    fill(&writer)
    let bytes = writer.bytes
    return stride(from: 0, to: bytes.count, by: recordBytes).map {
      FactRecord(part, Array(bytes[$0..<min($0 + recordBytes, bytes.count)]))
    }
  }

  private static func read<Value>(
    _ part: FactPart, _ records: [FactRecord], _ decode: (UnsafeRawBufferPointer) throws(ByteReadError) -> Value
  ) throws(ByteReadError) -> Value? {
    let body = Array(records.filter { $0.part == part }.map(\.body).joined())
    if body.isEmpty { return nil }
    return try reading(body, decode)
  }

  private func head(_ part: FactPart, _ flags: ExchangeFlags) -> FactRecord {
    record(part) {
      $0.write(flags.rawValue)
      $0.write(birth)
    }
  }

  private static func head(_ records: [FactRecord]) -> (ExchangeFlags, birth: UInt64)? {
    guard let body = records.first?.body else { return nil }
    return try? reading(body) { (bytes) throws(ByteReadError) in
      var reader = ByteReader(bytes)
      let flags = ExchangeFlags(rawValue: try reader.readUInt8())
      return (flags, birth: try reader.readUInt64())
    }
  }
}
