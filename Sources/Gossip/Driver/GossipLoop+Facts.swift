// The shared facts on the wire: their parts go into datagrams that say who sends to whom, their digest rides on probes and answers, and
// what differs is asked for over a stream. What is told, believed and asked is SharedFacts'.
import COpenSSL
import Runtime

extension FactPart {
  /// The part of a datagram or of a record that carries it.
  var kind: PartKind {
    switch self {
    case .verdicts: .verdicts
    case .registerEntries: .registerEntries
    case .purges: .purges
    case .ticketKeys: .keys
    case .digest: .factDigest
    case .registerDigest: .registerSums
    case .logSummary: .logSummary
    case .verdictDigest: .verdictSums
    case .question: .factQuestion
    case .answer: .factAnswer
    case .receipts: .receipts
    }
  }
}

/// How a write to the register went.
public typealias WriteResult = Result<RegisterEntry, WriteRefusal>

extension GossipLoop {
  // MARK: on the loop's thread

  /// What the register holds of a name.
  public func registered(_ name: [UInt8]) -> RegisterEntry? { facts.register.entry(name) }

  /// Writes a name of the register that all nodes share, or deletes it with nil; the others hear of it within a moment.
  public func write(_ name: [UInt8], _ value: [UInt8]?, if expected: WriteExpectation = .anything) -> WriteResult {
    do throws(WriteRefusal) {
      return .success(try facts.write(name, value, if: expected, now: factTime))
    } catch { return .failure(error) }
  }

  /// Appends to the log that all nodes apply what this one has applied already.
  public func append(_ body: [UInt8]) throws(LogRefusal) -> LogEntry { try facts.append(body, now: factTime) }

  /// Waits until all live nodes have applied an entry that this one appended; `onFact(.acknowledged)` says what came of it.
  /// - Parameter nanoseconds: for how long.
  public func awaitReceipts(of entry: LogEntry, within nanoseconds: UInt64) {
    perform(facts.awaitReceipts(of: entry, within: nanoseconds, now: factTime))
  }

  /// An entry of `onFact(.apply)`, or one that this node appended, has been applied.
  public func applied(_ id: LogEntryID) { perform(facts.applied(id, now: factTime)) }

  /// The endpoints that this node wants checked; `onFact(.standings)` says who checks them and what is found.
  public func watch(_ endpoints: [EndpointWatch]) { perform(facts.watch(endpoints, now: factTime)) }

  /// What this node found when it checked an endpoint.
  public func found(_ endpoint: EndpointID, isHealthy: Bool) {
    perform(facts.found(endpoint, isHealthy: isHealthy, now: factTime))
  }

  var factTime: FactTime { FactTime(monotonic: now, wall: time.wall().nanoseconds) }

  func envelope(to member: MemberID) -> Envelope {
    Envelope(from: membership.me, generation: membership.version.generation, to: member)
  }

  /// Whether it was sent by a member in its present life: what a life that is over still says is nobody's.
  func isFromMember(_ envelope: Envelope) -> Bool {
    guard let member = membership[envelope.from], member.isPresent else { return false }
    return member.version.generation == envelope.generation
  }

  /// The members have changed, or what this node says of itself.
  func tellFacts() {
    let others = fellows.map {
      FactMember($0.id, generation: $0.version.generation, zone: $0.record.zone, isDraining: $0.record.isDraining)
    }
    let record = membership.record
    perform(facts.setMembers(others, zone: record.zone, isDraining: record.isDraining, now: factTime))
  }

  func advanceFacts() {
    if now >= facts.nextDeadline { perform(facts.tick(now: factTime)) }
    if facts.isDirty, let onKeep, now >= factsKeptAt {
      factsKeptAt = now &+ 1_000_000_000
      onKeep(facts.takeState())
    }
  }

  /// What is to survive a restart, when the loop ends.
  public func keepFacts() { if facts.isDirty { onKeep?(facts.takeState()) } }

  /// Probes and their answers say as well how this node's facts stand.
  func addDigest(to packer: inout PartPacker, beside messages: [Message]) {
    let isProbe = messages.contains {
      switch $0 {
      case .ping, .ack: true
      case .pingRequest, .nack, .rumours, .statements: false
      }
    }
    let body = envelope(to: Envelope.anybody)
    guard isProbe, packer.add(.envelope, { body.encode(into: &$0) }) else { return }
    let digest = facts.digest(now: factTime)
    packer.add(.factDigest) { digest.encode(into: &$0) }
  }

  /// What the log protects is in doubt: `onFact(.undoubted)` says that this node knows again what all others do.
  public func doubt(_ number: UInt64) {
    doubtedAt = membership.nextNumber
    perform(facts.doubt(number, now: factTime))
  }

  /// Whether messages of a datagram answer what was asked after the last doubt began. Its sender is then who says how its facts stand.
  private func isFresh(_ messages: [Message]) -> Bool {
    messages.contains {
      if case .ack(let number, _, _) = $0 { return Int32(bitPattern: number &- doubtedAt) > 0 }
      return false
    }
  }

  func receiveFacts(_ part: FactPart, _ body: UnsafeRawBufferPointer, _ envelope: Envelope?, beside messages: [Message]) {
    guard let envelope, isFromMember(envelope) else { return }
    guard envelope.to == membership.me || part == .digest && envelope.to == Envelope.anybody else { return }
    perform(facts.receive(part, body, from: envelope.from, isFresh: isFresh(messages), now: factTime))
  }

  /// What to answer to whoever asks over a stream; nil for nothing.
  func answer(_ question: [FactRecord], of envelope: Envelope) -> [FactRecord]? {
    guard envelope.to == membership.me, isFromMember(envelope) else { return nil }
    let answering = streams.values.count { $0.talk.side == .answerer && $0.talk.output.count > 1 << 20 }
    return answering < limits.factAnswersMax ? facts.answer(question, now: factTime) : nil
  }

  func perform(_ effects: [FactEffect]) {
    for effect in effects {
      switch effect {
      case .send(let to, let records): tell(to, records)
      case .exchange(let member):
        if let member = membership[member], member.isPresent {
          openStream(asking: member, facts.question(now: factTime))
        } else {
          facts.exchangeFailed(with: member)
        }
      case .probe(let members): perform(membership.ask(members, now: now))
      case .makeTicketKey: perform(makeTicketKey())
      case .drop(let summary):
        onFact?(effect)
        facts.dropped(summary, now: factTime)
      case .apply(let entry) where onFact == nil: perform(facts.applied(entry.id, now: factTime))
      case .written, .writeLost, .apply, .acknowledged, .settled, .undoubted, .standings, .ticketKeys, .clock: onFact?(effect)
      }
    }
  }

  private func tell(_ to: MemberID, _ records: [FactRecord]) {
    guard let member = membership[to] else { return }
    var packer = PartPacker()
    let envelope = envelope(to: to)
    packer.add(.envelope) { envelope.encode(into: &$0) }
    for record in records { packer.add(record.part.kind) { $0.write(bytes: record.body) } }
    sendPlaintext(packer.bytes, to: member.record.peer)
  }

  private func makeTicketKey() -> [FactEffect] {
    let bytes = [UInt8](unsafeUninitializedCapacity: 80) { memory, count in
      precondition(RAND_priv_bytes(memory.baseAddress!, 80) == 1, "no randomness for a ticket key")
      count = 80
    }
    guard let secret = TicketSecret(Array(bytes[16...])) else { preconditionFailure("a secret of \(bytes.count - 16) bytes") }
    return facts.makeTicketKey(name: Array(bytes[..<16]), secret: secret, now: factTime)
  }

  var factStatus: FactStatus {
    var status = FactStatus()
    status.counts = facts.counts
    status.registerEntries = facts.register.count
    status.registerHash = facts.register.hash
    status.logEntries = facts.log.count
    status.isSettled = facts.log.isSettled
    status.verdicts = facts.verdicts.count
    status.ticketKeys = facts.ticketKeys.keys.count
    status.stampsRefused = facts.clock.refusals
    status.clock = facts.clock.standing
    return status
  }
}
