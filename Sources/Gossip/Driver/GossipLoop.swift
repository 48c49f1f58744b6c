// The driver of gossip: one thread, one epoll, one UDP socket, streams beside it. It reads the clock, opens and seals, hands messages to
// Membership and does what comes back. What is believed of whom is decided there, not here.
import CEpoll
import Glibc
import Runtime

/// Runs a node's part in gossip.
///
/// SAFETY: (@unchecked Sendable) all is confined to the thread that calls `run`, but for `post`, `stop` and `status`, which lock; the
/// callbacks are set before `run`.
public final class GossipLoop: @unchecked Sendable {
  enum Token {
    static let mailbox: UInt64 = 0
    static let datagrams: UInt64 = 1
    static let listener: UInt64 = 2
    static let firstStream: UInt64 = 16
  }

  public let address: SocketAddress
  var membership: Membership
  let limits: GossipLimits
  let clusterTag: ClusterTag
  var ring: KeyRing
  let loop: EventLoop
  let listener: Int32
  var now: UInt64
  var streams: [UInt64: GossipStream] = [:]
  var nextStream = Token.firstStream
  var firstJoin: FirstJoin?
  var refusalsTold = 0
  var refusalsSince: UInt64 = 0
  var streamsFailed = 0
  var streamsRefused = 0
  let counters: SharedCounters
  let concurrency: SharedConcurrency
  var concurrencyAt: UInt64 = 0
  /// Who waits for the decision on a question.
  var questions: [UInt64: @Sendable (CounterDecision) -> Void] = [:]
  var countersAt: UInt64 = 0
  var facts: SharedFacts
  /// Answers to pings of greater numbers were asked for after the last doubt began.
  var doubtedAt: UInt32 = 0
  var factsKeptAt: UInt64 = 0
  var sweepAt: UInt64 = 0
  let time = SystemTime()
  private let socket: DatagramSocket
  private let sealer: Sealer
  private let opener: Opener
  private let mailbox: Mailbox<@Sendable (GossipLoop) -> Void>
  private var refusals = PacketRefusalCounts()
  private var waitingToBeTold: [@Sendable () -> Void] = []
  private var isStarved = false
  /// The view has changed since it was last shown; counts alone are shown a few times a second.
  private var hasChanged = false
  private var publishAt: UInt64 = 0
  private static let publishInterval: UInt64 = 50_000_000
  private var isStopped = false
  private let published = Locked(GossipStatus())

  /// Called with every change of the view, on the loop's thread.
  public var onChange: (@Sendable (MemberChange, MemberStatus?) -> Void)?
  /// Called once, when the first attempts to join have ended.
  public var onJoin: (@Sendable (JoinOutcome) -> Void)?
  /// Called at the end of each turn, when `status` says what it brought: for tests that wait.
  var onTurn: (@Sendable () -> Void)?
  /// Called on the loop's thread with what shared facts have come to: all effects that concern others than the loop. Has to return soon.
  /// What the log protects may be dropped, and an entry applied, later and elsewhere, in the order in which they came; what is kept
  /// (`onKeep`) and that all is settled then take effect behind them, and `applied` is called when an entry is applied.
  public var onFact: (@Sendable (FactEffect) -> Void)?
  /// Called on the loop's thread, at most once a second, with what is to survive a restart.
  public var onKeep: (@Sendable (FactState) -> Void)?
  /// Called on the loop's thread with what `status` shows from now on, some twenty times a second at most.
  public var onView: (@Sendable (GossipStatus) -> Void)?
  /// Takes connections to the peer port that speak TLS, on the loop's thread: the descriptor is the callee's from there on.
  public var onPeerLink: (@Sendable (Int32, SocketAddress) -> Void)?
  /// Called on the loop's thread at the beginning of each turn, before anything is looked at that has come, with monotonic nanoseconds:
  /// every `GossipLimits.pulseInterval` at least, as long as the process runs.
  public var onPulse: (@Sendable (UInt64) -> Void)?
  /// Called on the loop's thread when this node may have missed what others appended to the log.
  public var onApart: (@Sendable () -> Void)?
  /// Called when something happens that an operator should know, on the loop's thread.
  public var onNotice: (@Sendable (GossipNotice) -> Void)?

  /// Binds the sockets. Nothing is sent before `run`.
  /// - Throws: `SystemFault` of what could not be bound.
  public init(_ options: GossipOptions) throws {
    limits = options.limits
    ring = options.keys
    clusterTag = ClusterTag(name: options.cluster)
    (socket, listener) = try GossipLoop.bind(options.bind)
    address = socket.address
    loop = try EventLoop()
    let mailbox = try Mailbox<@Sendable (GossipLoop) -> Void>()
    self.mailbox = mailbox
    counters = SharedCounters(options.me, limits: options.counters) { mailbox.post { $0.countersAt = 0 } }
    concurrency = SharedConcurrency { mailbox.post { $0.concurrencyAt = 0 } }
    now = time.monotonic().nanoseconds
    let salt = PacketSalt.fromSystem()
    sealer = Sealer(ring: options.keys, cluster: clusterTag, salt: salt)
    opener = Opener(ring: options.keys, cluster: clusterTag, ownSalt: salt, start: time.wall())
    var record = options.record
    if record.peer.port == 0 { record.peer = record.peer.withPort(address.port) }
    membership = Membership(
      me: options.me, generation: options.generation, record: record, options: options.membership, seed: options.seed, now: now)
    facts = SharedFacts(
      me: options.me, generation: options.generation, zone: record.zone, isSettled: options.isSettled, restoring: options.state,
      limits: options.facts, seed: options.seed &+ 1, now: FactTime(monotonic: now, wall: time.wall().nanoseconds))
    loop.add(mailbox.descriptor, events: EventLoop.readable, token: Token.mailbox)
    loop.add(socket.descriptor, events: EventLoop.readable | EventLoop.writable | EventLoop.edgeTriggered, token: Token.datagrams)
    loop.add(listener, events: EventLoop.readable, token: Token.listener)
    tellCounters()
    publish()
  }

  deinit {
    for stream in streams.values { close(stream.descriptor) }
    close(listener)
    loop.close()
  }

  // MARK: from any thread

  /// Runs `work` on the loop's thread, soon.
  public func post(_ work: @escaping @Sendable (GossipLoop) -> Void) { mailbox.post(work) }

  /// Ends `run`; nothing is told to anybody (see `leave`).
  public func stop() { post { $0.isStopped = true } }

  /// What the node sees.
  public var status: GossipStatus { published.withLock { $0 } }

  // MARK: on the loop's thread

  /// Where to look for others; the first call's outcome goes to `onJoin`.
  public func seek(_ seeds: [SocketAddress]) {
    if firstJoin == nil { firstJoin = FirstJoin(waitingFor: seeds.filter { $0 != membership.record.peer }) }
    perform(membership.setSeeds(seeds, now: now))
    noteJoined()
    settleFirstJoin()
  }

  /// Others may have come to this node before its own attempts did anything: then it has joined as well.
  private func noteJoined() {
    guard onJoin != nil, firstJoin != nil, !isAlone else { return }
    firstJoin?.isJoined = true
    settleFirstJoin()
  }

  /// Whether no other node is known to be there.
  public var isAlone: Bool { membership.isAlone }

  /// Says something new of this node to all.
  public func update(_ change: (inout MemberRecord) -> Void) {
    var record = membership.record
    change(&record)
    perform(membership.update(record, now: now))
    tellFacts()
  }

  /// Says goodbye to all; `onNotice(.left)` follows. From now on this node counts and checks for itself.
  public func leave() {
    perform(membership.leave(now: now))
    tellCounters()
    tellFacts()
  }

  /// The others with whom this node shares counters and facts: those that are there, until it has left.
  var fellows: [Member] { membership.isLeaving ? [] : membership.members.filter(\.isPresent) }

  /// Calls `done` once what there is to tell has been told to some.
  public func whenTold(_ done: @escaping @Sendable () -> Void) {
    if isAlone || membership.isSpread { return done() }
    waitingToBeTold.append(done)
  }

  /// Takes over a changed key ring.
  public func use(_ ring: KeyRing) {
    self.ring = ring
    sealer.use(ring)
    opener.use(ring)
  }

  /// Serves until `stop`.
  public func run() {
    while !isStopped {
      let n = loop.wait(milliseconds: millisecondsToNext())
      now = time.monotonic().nanoseconds
      onPulse?(now)
      for i in 0..<n {
        let (token, ready) = loop.event(i)
        switch token {
        case Token.mailbox: for work in mailbox.take() { work(self) }
        case Token.datagrams: receive()
        case Token.listener: acceptStreams()
        case let stream: streamReady(stream, ready)
        }
      }
      // What waited in the socket was taken in first: only then is a silence a silence.
      now = time.monotonic().nanoseconds
      if now >= membership.nextDeadline { perform(membership.tick(now: now)) }
      if now >= countersAt { advanceCounters() }
      if now >= concurrencyAt { advanceConcurrency() }
      advanceFacts()
      endLateStreams()
      if !waitingToBeTold.isEmpty && (membership.isSpread || isAlone) {
        for done in waitingToBeTold { done() }
        waitingToBeTold = []
      }
      isStarved = socket.flush() == .starved
      if hasChanged || now >= publishAt { publish() }
      onTurn?()
    }
  }

  private func millisecondsToNext() -> Int32 {
    var next = min(membership.nextDeadline, countersAt, concurrencyAt, facts.nextDeadline)
    for stream in streams.values { next = min(next, stream.deadline) }
    if onPulse != nil { next = min(next, now &+ limits.pulseInterval) }
    // A device without memory will not say when it has some again.
    if isStarved { next = min(next, now + 5_000_000) }
    let current = time.monotonic().nanoseconds
    return next <= current ? 0 : Int32(clamping: (next - current + 999_999) / 1_000_000)
  }

  private func receive() {
    let wall = time.wall()
    for _ in 0..<limits.batchesPerTurn {
      let came = socket.receive { bytes, sender in
        do throws(PacketRefusal) {
          let packet = try opener.open(UnsafeRawBufferPointer(bytes), wall: wall)
          try take(packet.plaintext, from: sender)
        } catch { refusals.count(error) }
      }
      if came == 0 { return }
    }
    // More than a turn's worth: the rest comes with the next, since the edge is not reported again.
    post { $0.receive() }
  }

  private func take(_ plaintext: UnsafeRawBufferPointer, from sender: SocketAddress) throws(PacketRefusal) {
    var parts = PartReader(plaintext)
    var messages: [Message] = []
    var envelope: Envelope?
    while let part = try parts.next() {
      do throws(ByteReadError) {
        if part.kind == .envelope { envelope = try Envelope(decoding: part.body) }
        if let counter = CounterPart(part.kind) { receiveCounters(counter, part.body, envelope) }
        if part.kind == .concurrency { try receiveConcurrency(part.body, envelope) }
        if let fact = FactPart(rawValue: part.kind.rawValue) { receiveFacts(fact, part.body, envelope, beside: messages) }
        if let message = try Message(kind: part.kind.rawValue, part.body) { messages.append(message) }
      } catch { throw .malformed }
    }
    if !messages.isEmpty { perform(membership.received(messages, from: sender, now: now)) }
  }

  // MARK: effects

  func perform(_ effects: [MembershipEffect]) {
    for effect in effects {
      switch effect {
      case .send(let outgoing): send(outgoing)
      case .exchange(let address): openStream(to: address)
      case .changed(let change):
        hasChanged = true
        tellCounters()
        tellFacts()
        noteJoined()
        onChange?(change, membership[change.member].map(status(of:)))
      case .wasApart: onApart?()
      case .identityTaken(let address): onNotice?(.identityTaken(address))
      case .refused(let reason, let address): onNotice?(.refused(reason.explanation, address))
      case .leftCluster: onNotice?(.left)
      }
    }
  }

  private func send(_ outgoing: Outgoing) {
    var packer = PartPacker()
    for message in outgoing.messages { packer.add(message.kind) { message.encode(into: &$0) } }
    addDigest(to: &packer, beside: outgoing.messages)
    sendPlaintext(packer.bytes, to: outgoing.address)
  }

  func sendPlaintext(_ bytes: [UInt8], to address: SocketAddress) {
    let wall = time.wall()
    // SAFETY: the plaintext is sealed into the socket's slot within the call.
    bytes.withUnsafeBytes { plaintext in
      _ = socket.send(to: address) { sealer.seal(plaintext, wall: wall, to: $0) }
    }
  }

  // MARK: what others see

  private func status(of member: Member) -> MemberStatus {
    MemberStatus(
      id: member.id, record: member.record, state: member.state, version: member.version, stateAge: now &- min(member.since, now),
      roundTrip: member.roundTrip.isKnown ? member.roundTrip.smoothed : nil, isSelf: false)
  }

  private func publish() {
    hasChanged = false
    publishAt = now &+ GossipLoop.publishInterval
    let own = membership.own
    var status = GossipStatus()
    status.members = membership.members.map(status(of:))
    status.members.append(
      MemberStatus(
        id: own.member, record: membership.record, state: own.state, version: own.version, stateAge: nil, roundTrip: nil, isSelf: true))
    status.counts = membership.counts
    status.healthScore = membership.health.score
    status.refusals = refusals
    status.datagrams = socket.counts
    status.counters = counters.statistics
    status.facts = factStatus
    status.streamsFailed = streamsFailed
    status.streamsRefused = streamsRefused
    let fresh = status
    published.withLock { $0 = fresh }
    onView?(fresh)
  }
}

/// Something that an operator should know.
public enum GossipNotice: Sendable, Equatable {
  /// Another process runs under this node's identity.
  case identityTaken(SocketAddress)
  /// A node refused this one, or was refused, with the reason as a sentence.
  case refused(String, SocketAddress)
  /// The goodbye has been told.
  case left
}
