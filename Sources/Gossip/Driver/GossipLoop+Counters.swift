// The shared counters on the wire: parts of theirs go into datagrams that say who sends to whom, and what comes goes back to them. What is
// counted, told and asked is SharedCounters' and its heart's.
import Glibc
import Runtime

extension CounterPart {
  /// The part of a datagram that carries it.
  var kind: PartKind {
    switch self {
    case .batch: .counters
    case .acknowledgement: .acknowledgements
    case .question: .question
    case .answer: .answer
    case .grant: .grant
    }
  }

  init?(_ kind: PartKind) {
    guard let part = CounterPart.allCases.first(where: { $0.kind == kind }) else { return nil }
    self = part
  }
}

/// Who speaks to whom: in front of the parts of a datagram that mean one member, since all members share a key.
struct Envelope: Equatable {
  /// Whoever hears it.
  static let anybody = MemberID(0)

  var from: MemberID
  var generation: UInt64
  var to: MemberID

  static let bytesMax = 8 + 10 + 8 + Message.overheadBytes

  func encode(into writer: inout ByteWriter) {
    writer.write(from.value)
    writer.writeVarint(generation)
    writer.write(to.value)
  }

  init(from: MemberID, generation: UInt64, to: MemberID) {
    self.from = from
    self.generation = generation
    self.to = to
  }

  init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    from = MemberID(try reader.readUInt64())
    generation = try reader.readVarint()
    to = MemberID(try reader.readUInt64())
  }
}

extension GossipLoop {
  /// Consumes from a limit of the whole cluster. Any thread; costs a hundred nanoseconds or so.
  /// - Returns: the decision; where it says `ask`, `ask` asks.
  public func consume(_ key: UInt64, cost: UInt32 = 1, policy: CounterPolicy) -> CounterDecision {
    counters.consume(key, cost: cost, policy: policy, now: time.wall().nanoseconds)
  }

  /// Asks the owner of a key, as `consume` said to. Any thread.
  /// - Parameters:
  ///   - patience: nanoseconds after which the local estimate decides.
  ///   - completion: called once with the decision, on the loop's thread.
  public func ask(
    _ owner: MemberID, _ key: UInt64, cost: UInt32 = 1, policy: CounterPolicy, patience: UInt64 = 20_000_000,
    completion: @escaping @Sendable (CounterDecision) -> Void
  ) {
    post { loop in
      let (id, effects) = loop.counters.ask(
        owner, key, cost: cost, policy: policy, patience: patience, now: loop.time.wall().nanoseconds)
      loop.questions[id] = completion
      loop.perform(effects)
      // A question has deadlines of its own, which come due also when nothing else does.
      loop.countersAt = min(loop.countersAt, loop.now)
    }
  }

  /// The members have changed: who owns what may have changed with them.
  func tellCounters() {
    var list = [CounterMember(membership.me, generation: membership.version.generation, weight: weight(membership.record))]
    for member in fellows {
      list.append(CounterMember(member.id, generation: member.version.generation, weight: weight(member.record)))
    }
    counters.setMembers(list, now: time.wall().nanoseconds)
    concurrency.setMembers(Array(list.dropFirst()))
    concurrencyAt = min(concurrencyAt, now)
    // There may be something to tell to who has come, and a time at which to stop asking.
    countersAt = min(countersAt, now)
  }

  private func weight(_ record: MemberRecord) -> Double { Double(max(record.weightPercent, 1)) / 100 }

  /// Does what the counters have due.
  func advanceCounters() {
    let wall = time.wall().nanoseconds
    let (effects, next) = counters.advance(now: wall)
    perform(effects)
    countersAt = next == .max ? .max : now &+ (next > wall ? next - wall : 0)
    if now >= sweepAt {
      sweepAt = now &+ 1_000_000_000
      counters.sweep(visits: 64, now: wall)
    }
  }

  /// A part of the counters has come.
  func receiveCounters(_ part: CounterPart, _ body: UnsafeRawBufferPointer, _ envelope: Envelope?) {
    // What another was meant to hear, or what says not who sent it, is nobody's.
    guard let envelope, envelope.to == membership.me, isFromMember(envelope), let member = membership[envelope.from] else { return }
    let sender = CounterMember(member.id, generation: envelope.generation, weight: weight(member.record))
    perform(counters.receive(part, Array(body), from: sender, now: time.wall().nanoseconds))
    countersAt = min(countersAt, now)
  }

  // MARK: requests at once

  /// Begins a request if less than `limit` of its key are in flight over the cluster, as far as is known here. Any thread.
  /// - Returns: whether it may go on, and whether it was counted: then `end` is to be called when it is over.
  public func begin(_ key: UInt64, limit: UInt32) -> (isAllowed: Bool, isCounted: Bool) { concurrency.begin(key, limit: limit) }

  /// Ends a request that was counted. Any thread.
  public func end(_ key: UInt64) { concurrency.end(key) }

  /// Requests of a key in flight over the cluster, as far as is known here. Any thread.
  public func inFlight(_ key: UInt64) -> UInt64 { concurrency.inFlight(key) }

  func advanceConcurrency() {
    let (bodies, next) = concurrency.advance(now: now)
    concurrencyAt = next
    if bodies.isEmpty { return }
    for member in fellows {
      let envelope = envelope(to: member.id)
      for body in bodies {
        var packer = PartPacker()
        packer.add(.envelope) { envelope.encode(into: &$0) }
        packer.add(.concurrency) { $0.write(bytes: body) }
        sendPlaintext(packer.bytes, to: member.record.peer)
      }
    }
  }

  func receiveConcurrency(_ body: UnsafeRawBufferPointer, _ envelope: Envelope?) throws(ByteReadError) {
    guard let envelope, envelope.to == membership.me, isFromMember(envelope) else { return }
    try concurrency.receive(body, from: CounterMember(envelope.from, generation: envelope.generation, weight: 1))
  }

  private func perform(_ effects: [CounterEffect]) {
    // Parts to one member follow each other and share a datagram where they fit.
    var packer = PartPacker()
    var receiver: MemberID?
    func flush() {
      if let receiver, let member = membership[receiver], !packer.isEmpty { sendPlaintext(packer.bytes, to: member.record.peer) }
      packer.removeAll()
    }
    for effect in effects {
      switch effect {
      case .decided(let id, let decision): questions.removeValue(forKey: id)?(decision)
      case .send(let to, let part, let body):
        if receiver != to || packer.room(part.kind) < body.count {
          flush()
          receiver = to
          let envelope = envelope(to: to)
          packer.add(.envelope) { envelope.encode(into: &$0) }
        }
        packer.add(part.kind) { $0.write(bytes: body) }
      }
    }
    flush()
  }
}
