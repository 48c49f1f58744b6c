// The conversation of one node's counters with its peers: batches with numbers, acknowledgements, what is told again, the budget of bytes,
// and who does not answer. What is in the batches is the tables'; sealing and sockets are the driver's.
import Runtime

/// Where an exchange finds the counters: one table, or many behind locks.
public protocol CounterStore {
  mutating func setMembers(_ list: [CounterMember], me: MemberID, now: UInt64) -> [Int]
  mutating func setReady(_ id: MemberID, _ isReady: Bool)
  mutating func merge(_ fact: CounterFact, from sender: CounterMember, now: UInt64) -> CounterMerge
  mutating func collect(now: UInt64, budget: inout Int, emit: (Int, borrowing CounterFact) -> Int)
  mutating func consume(_ key: UInt64, cost: UInt32, policy: CounterPolicy, now: UInt64, mode: CounterMode) -> CounterDecision
  mutating func noteAnswer(_ key: UInt64, _ decision: CounterDecision?, now: UInt64)
  mutating func noteInterest(_ key: UInt64, of sender: CounterMember)
  mutating func standIn(for silent: MemberID, _ key: UInt64) -> CounterStandIn
  mutating func setStarting(_ isStarting: Bool)
  var nextFlush: UInt64 { get }
  /// Whether no key is held.
  var isEmpty: Bool { get }
}

extension CounterTable: CounterStore {}

/// What an exchange wants done.
public enum CounterEffect: Equatable, Sendable {
  /// One part of a datagram to a member. Parts to one member follow each other and may share a datagram.
  case send(to: MemberID, CounterPart, [UInt8])
  /// A question of this node is decided.
  case decided(id: UInt64, CounterDecision)
}

/// Counts for metrics.
public struct CounterExchangeStatistics: Sendable, Equatable {
  public var batchesSent: UInt64 = 0
  public var batchesRepeated: UInt64 = 0
  public var batchesGivenUp: UInt64 = 0
  public var questionsSent: UInt64 = 0
  public var questionsUnanswered: UInt64 = 0
  /// Questions of others that came faster than answers may be sent; who asked decides by its own estimate.
  public var questionsRefused: UInt64 = 0
  /// Bodies that could not be read.
  public var malformed: UInt64 = 0
}

/// A peer as the exchange sees it.
struct CounterPeer: Sendable {
  struct Flight: Sendable {
    var sequence: UInt64
    var body: [UInt8]
    var firstSent: UInt64
    var nextTelling: UInt64
    var wait: UInt64
  }

  var member: CounterMember
  var open: CounterBatchWriter?
  var nextSequence: UInt64 = 1
  /// Oldest first.
  var flights: [Flight] = []
  /// Batches that came and have not been acknowledged.
  var received: [UInt64] = []
  var acknowledgeAt: UInt64 = .max
  var lastHeard: UInt64 = 0
  /// From a batch to its acknowledgement, smoothed (RFC 6298 §2, alpha = 1/8), nanoseconds.
  var roundTrip: UInt64 = 0
  /// From a question to its answer, smoothed alike, and when the last one was put.
  var answerTrip: UInt64 = 0
  var askedAt: UInt64 = 0
  var isReady = true
  /// Not before this time: a member that has just come is first told what it owns.
  var readyAt: UInt64 = 0
}

/// One node's side of the conversation.
public struct CounterExchange: Sendable {
  let me: MemberID
  let limits: CounterLimits
  public internal(set) var statistics = CounterExchangeStatistics()
  /// Sorted by identity, this node among them, as the tables number them.
  var peers: [CounterPeer] = []
  var questions = CounterQuestions()
  /// Until then this node has only just started; 0 when it has not.
  private var startedUntil: UInt64 = 0
  /// Bytes that may be sent now; below 0 when what cannot wait was sent.
  var tokens: Int
  /// Bytes of answers that may be sent now: askers are many, and their flood must not silence what this node tells.
  var answerTokens: Int
  private var refilled: UInt64 = 0
  /// Not after the next time at which something is due at a peer: with a thousand of them looking at each is for then only.
  private var peersAt: UInt64 = 0

  /// Nanoseconds that acknowledgements wait for a batch to ride on.
  static let acknowledgeWithin: UInt64 = 10_000_000
  /// The least time until a batch is told again.
  static let repeatAfter: UInt64 = 50_000_000
  /// The least time between two looks at all peers.
  static let lookAgainAfter: UInt64 = 500_000
  /// Batches are told again for as long as their slices are merged.
  static let giveUpAfter: UInt64 = 1_000_000_000
  /// A member too far to be asked is tried again after this.
  static let askAgainAfter: UInt64 = 60_000_000_000
  /// Nanoseconds for which a new member is stood in for.
  static let settleFor: UInt64 = 250_000_000
  /// Nanoseconds for which a node that starts beside others asks rather than decides.
  static let startFor: UInt64 = 1_000_000_000
  /// Batches to one peer that wait for acknowledgement; beyond, the oldest are given up.
  static let flightsMax = 512

  public init(_ me: MemberID, limits: CounterLimits = CounterLimits()) {
    self.me = me
    self.limits = limits
    tokens = Int(limits.bytesPerSecond / 10)
    answerTokens = tokens / 5
  }

  /// Takes a new list of live members, this node among them, and gives it to the tables.
  public mutating func setMembers(_ list: [CounterMember], _ store: inout some CounterStore, now: UInt64) {
    // Who has been alone and holds no key has yet to meet those that know more: a driver starts before it has joined.
    let isFirst = peers.isEmpty || (peers.count == 1 && store.isEmpty)
    let added = store.setMembers(list, me: me, now: now)
    let before = peers
    peersAt = 0
    peers = []
    for member in list.sorted(by: { $0.id < $1.id }) where peers.last?.member.id != member.id {
      if var old = before.first(where: { $0.member.id == member.id && $0.member.generation == member.generation }) {
        old.member = member
        peers.append(old)
      } else {
        peers.append(CounterPeer(member: member, lastHeard: now))
      }
    }
    if isFirst {
      if peers.count > 1 {
        startedUntil = now + CounterExchange.startFor
        store.setStarting(true)
      }
      return
    }
    for peer in added where peer < peers.count && peers[peer].member.id != me && peers[peer].lastHeard == now {
      settleAgain(peer, &store, now)
    }
  }

  /// Stands in for a peer for a while.
  mutating func settleAgain(_ peer: Int, _ store: inout some CounterStore, _ now: UInt64) {
    peers[peer].readyAt = now + CounterExchange.settleFor
    noteDue(peers[peer].readyAt)
    setReady(peer, false, &store)
  }

  mutating func setReady(_ peer: Int, _ isReady: Bool, _ store: inout some CounterStore) {
    if peers[peer].isReady == isReady { return }
    peers[peer].isReady = isReady
    store.setReady(peers[peer].member.id, isReady)
  }

  func peer(_ id: MemberID) -> Int? {
    var (low, high) = (0, peers.count)
    while low < high {
      let middle = (low + high) / 2
      if peers[middle].member.id < id { low = middle + 1 } else { high = middle }
    }
    return low < peers.count && peers[low].member.id == id ? low : nil
  }

  /// When `advance` has something to do, wall nanoseconds.
  public func nextDeadline(_ store: some CounterStore) -> UInt64 {
    let next = min(store.nextFlush, questions.nextDeadline, peersAt)
    return startedUntil > 0 ? min(next, startedUntil) : next
  }

  mutating func noteDue(_ time: UInt64) { peersAt = min(peersAt, time) }

  private func nextOfPeers() -> UInt64 {
    var next = UInt64.max
    for peer in peers.indices where peers[peer].member.id != me {
      next = min(next, peers[peer].acknowledgeAt)
      if peers[peer].readyAt > 0 { next = min(next, peers[peer].readyAt) }
      guard let oldest = peers[peer].flights.first else { continue }
      next = min(next, oldest.firstSent + CounterExchange.giveUpAfter)
      if peers[peer].isReady { next = min(next, doubtAt(peers[peer], oldest)) }
      for flight in peers[peer].flights.indices { next = min(next, peers[peer].flights[flight].nextTelling) }
    }
    return next
  }

  /// When a peer that has acknowledged nothing since is no longer counted on.
  private func doubtAt(_ peer: borrowing CounterPeer, _ oldest: borrowing CounterPeer.Flight) -> UInt64 {
    let patience = max(CounterExchange.repeatAfter + CounterExchange.acknowledgeWithin, 3 * peer.roundTrip)
    return max(oldest.firstSent, peer.lastHeard) + patience
  }

  // MARK: Sending

  /// Does what is due: flushes, repeats, acknowledges, gives up waiting.
  public mutating func advance(_ store: inout some CounterStore, now: UInt64) -> [CounterEffect] {
    var effects: [CounterEffect] = []
    refill(now)
    if startedUntil > 0, startedUntil <= now {
      startedUntil = 0
      store.setStarting(false)
    }
    let isDue = peersAt <= now
    if isDue { settle(&store, now) }
    advanceQuestions(&store, now, &effects)
    if isDue { repeatLost(now, &effects) }
    if store.nextFlush <= now { flush(&store, now, &effects) }
    if isDue {
      for peer in peers.indices where peers[peer].acknowledgeAt <= now { acknowledge(peer, &effects) }
      // What is overdue for want of bytes is looked at again soon.
      peersAt = max(nextOfPeers(), now + CounterExchange.lookAgainAfter)
    }
    return effects
  }

  private mutating func refill(_ now: UInt64) {
    let passed = min(now - min(refilled, now), 100_000_000)
    refilled = max(refilled, now)
    let most = Int(limits.bytesPerSecond / 10)
    let fresh = Int(limits.bytesPerSecond * passed / 1_000_000_000)
    tokens = min(most, tokens + fresh)
    answerTokens = min(most / 5, answerTokens + fresh / 5)
  }

  /// Members that have come long enough ago are ready; those that leave batches unacknowledged are not.
  private mutating func settle(_ store: inout some CounterStore, _ now: UInt64) {
    for peer in peers.indices where peers[peer].member.id != me {
      if peers[peer].readyAt > 0 {
        if now < peers[peer].readyAt { continue }
        peers[peer].readyAt = 0
        peers[peer].lastHeard = now
        setReady(peer, true, &store)
      }
      guard let oldest = peers[peer].flights.first else { continue }
      if doubtAt(peers[peer], oldest) <= now { setReady(peer, false, &store) }
    }
  }

  private mutating func flush(_ store: inout some CounterStore, _ now: UInt64, _ effects: inout [CounterEffect]) {
    let before = tokens
    var budget = before
    let slice = CounterSlice.of(now)
    var full: [CounterEffect] = []
    store.collect(now: now, budget: &budget) { peer, fact in
      if peer >= peers.count { return 0 }
      return append(fact, to: peer, slice, now, &full)
    }
    effects += full
    for peer in peers.indices { close(peer, now, &effects) }
    tokens -= before - budget
  }

  /// - Returns: about the bytes that it takes.
  private mutating func append(
    _ fact: borrowing CounterFact, to peer: Int, _ slice: UInt64, _ now: UInt64, _ effects: inout [CounterEffect]
  ) -> Int {
    let bytes = 10 + fact.count * 2 + (fact.base == nil ? 0 : 12)
    if peers[peer].open != nil, peers[peer].open!.append(fact) { return bytes }
    close(peer, now, &effects)
    var fresh = CounterBatchWriter(sequence: peers[peer].nextSequence, slice: slice, bytesMax: limits.bodyBytesMax)
    peers[peer].nextSequence += 1
    _ = fresh.append(fact)
    peers[peer].open = fresh
    return bytes + limits.datagramOverhead
  }

  private mutating func close(_ peer: Int, _ now: UInt64, _ effects: inout [CounterEffect]) {
    guard var batch = peers[peer].open else { return }
    peers[peer].open = nil
    if !peers[peer].received.isEmpty { acknowledge(peer, &effects) }
    let body = batch.finish()
    let wait = max(CounterExchange.repeatAfter, 2 * peers[peer].roundTrip)
    if peers[peer].flights.count >= CounterExchange.flightsMax {
      peers[peer].flights.removeFirst()
      statistics.batchesGivenUp &+= 1
    }
    peers[peer].flights.append(
      CounterPeer.Flight(sequence: batch.sequence, body: body, firstSent: now, nextTelling: now + wait, wait: wait))
    noteDue(min(now + wait, doubtAt(peers[peer], peers[peer].flights[0])))
    statistics.batchesSent &+= 1
    effects.append(.send(to: peers[peer].member.id, .batch, body))
  }

  private mutating func repeatLost(_ now: UInt64, _ effects: inout [CounterEffect]) {
    for peer in peers.indices where !peers[peer].flights.isEmpty {
      let before = peers[peer].flights.count
      peers[peer].flights.removeAll { $0.firstSent + CounterExchange.giveUpAfter <= now }
      statistics.batchesGivenUp &+= UInt64(before - peers[peer].flights.count)
      for flight in peers[peer].flights.indices where peers[peer].flights[flight].nextTelling <= now && tokens > 0 {
        let body = peers[peer].flights[flight].body
        peers[peer].flights[flight].wait *= 2
        peers[peer].flights[flight].nextTelling = now + peers[peer].flights[flight].wait
        tokens -= body.count + limits.datagramOverhead
        statistics.batchesRepeated &+= 1
        effects.append(.send(to: peers[peer].member.id, .batch, body))
      }
    }
  }

  private mutating func acknowledge(_ peer: Int, _ effects: inout [CounterEffect]) {
    var writer = ByteWriter(limit: limits.bodyBytesMax)
    CounterAcknowledgement(peers[peer].received).encode(into: &writer)
    peers[peer].received.removeAll(keepingCapacity: true)
    peers[peer].acknowledgeAt = .max
    tokens -= writer.count + limits.datagramOverhead
    effects.append(.send(to: peers[peer].member.id, .acknowledgement, writer.bytes))
  }

  // MARK: Receiving

  /// Takes a part that a member sent. What cannot be read is counted and dropped.
  /// - Parameters:
  ///   - sender: whose seal the datagram bears, in which life.
  ///   - now: wall nanoseconds.
  public mutating func receive(
    _ part: CounterPart, _ body: UnsafeRawBufferPointer, from sender: CounterMember, _ store: inout some CounterStore, now: UInt64
  ) -> [CounterEffect] {
    var effects: [CounterEffect] = []
    do throws(CounterWireError) {
      switch part {
      case .batch: try receiveBatch(body, sender, &store, now, &effects)
      case .acknowledgement: try receiveAcknowledgement(body, sender, &store, now)
      case .question: answer(try CounterQuestion(decoding: body), sender, &store, now, &effects)
      case .answer: try receiveAnswer(body, sender, &store, now, &effects)
      case .grant: try receiveGrant(body)
      }
    } catch { statistics.malformed &+= 1 }
    return effects
  }

  private mutating func receiveBatch(
    _ body: UnsafeRawBufferPointer, _ sender: CounterMember, _ store: inout some CounterStore, _ now: UInt64,
    _ effects: inout [CounterEffect]
  ) throws(CounterWireError) {
    var batch = try CounterBatchReader(body)
    while let fact = try batch.next() { _ = store.merge(fact, from: sender, now: now) }
    guard let peer = peer(sender.id), peers[peer].member.generation == sender.generation else { return }
    peers[peer].received.append(batch.sequence)
    if peers[peer].received.count >= CounterAcknowledgement.sequencesMax { acknowledge(peer, &effects) }
    if !peers[peer].received.isEmpty {
      peers[peer].acknowledgeAt = min(peers[peer].acknowledgeAt, now + CounterExchange.acknowledgeWithin)
      noteDue(peers[peer].acknowledgeAt)
    }
  }

  private mutating func receiveAcknowledgement(
    _ body: UnsafeRawBufferPointer, _ sender: CounterMember, _ store: inout some CounterStore, _ now: UInt64
  ) throws(CounterWireError) {
    let acknowledgement: CounterAcknowledgement
    do throws(ByteReadError) { acknowledgement = try CounterAcknowledgement(decoding: body) } catch { throw .bytes(error) }
    guard let peer = peer(sender.id), peers[peer].member.generation == sender.generation else { return }
    for sequence in acknowledgement.sequences {
      guard let at = peers[peer].flights.firstIndex(where: { $0.sequence == sequence }) else { continue }
      let flight = peers[peer].flights.remove(at: at)
      // Karn's rule (RFC 6298 §3): a batch that was told twice says nothing of the round trip.
      let isFirstTelling = flight.nextTelling == flight.firstSent + flight.wait
      if isFirstTelling {
        let sample = now - min(flight.firstSent, now)
        peers[peer].roundTrip = peers[peer].roundTrip == 0 ? sample : (peers[peer].roundTrip * 7 + sample) / 8
      }
    }
    peers[peer].lastHeard = max(peers[peer].lastHeard, now)
    if peers[peer].readyAt == 0 { setReady(peer, true, &store) }
  }
}
