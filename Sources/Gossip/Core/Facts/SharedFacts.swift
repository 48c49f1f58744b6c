// One node's shared facts together: verdicts, the register, the log and ticket keys on one clock. A value: what came, the time and the
// node's own writes go in, effects come out. What a fact means and how it merges is its own; sockets, sealing and disks are the driver's.
import Runtime

/// The moment of a call on shared facts.
public struct FactTime: Sendable, Equatable {
  /// Nanoseconds that only ever grow.
  public var monotonic: UInt64
  /// Nanoseconds since 1970.
  public var wall: UInt64

  public init(monotonic: UInt64, wall: UInt64) {
    self.monotonic = monotonic
    self.wall = wall
  }
}

/// Another member as shared facts see it: alive or suspect.
public struct FactMember: Sendable, Equatable {
  public var id: MemberID
  public var generation: UInt64
  public var zone: String
  public var isDraining: Bool

  public init(_ id: MemberID, generation: UInt64, zone: String = "", isDraining: Bool = false) {
    self.id = id
    self.generation = generation
    self.zone = zone
    self.isDraining = isDraining
  }
}

/// A part and what is in it: of a datagram, or of a record of a stream.
public struct FactRecord: Sendable, Equatable {
  public var part: FactPart
  public var body: [UInt8]

  public init(_ part: FactPart, _ body: [UInt8]) {
    self.part = part
    self.body = body
  }
}

/// What the driver is to do.
public enum FactEffect: Sendable, Equatable {
  /// Tell a member, in one datagram.
  case send(MemberID, [FactRecord])
  /// Ask a member over a stream (`question`, `answer`, `answered`); `exchangeFailed` if nothing comes of it.
  case exchange(MemberID)
  /// A name has a new value, or is gone.
  case written(RegisterEntry)
  /// A write of this node was replaced by one that had not seen it.
  case writeLost(mine: RegisterEntry, winner: RegisterEntry)
  /// To be applied: an entry of the log that another node appended. Then `applied` is to be called.
  case apply(LogEntry)
  /// To be dropped: all that the log protects. Then `dropped` is to be called with this.
  case drop(LogSummary)
  /// What came of `awaitReceipts`.
  case acknowledged(LogReceipt)
  /// What the log protects may be served from now on.
  case settled
  /// Ask these members how their facts stand: what they answer counts against a doubt.
  case probe([MemberID])
  /// The doubt of this number is over: all that was appended before it has come, by `apply` or `drop`.
  case undoubted(UInt64)
  /// Endpoints whose standing has changed.
  case standings([EndpointStanding])
  /// The ticket keys in force have changed.
  case ticketKeys(TicketKeysInForce)
  /// A ticket key is to be made, with `makeTicketKey`.
  case makeTicketKey
  /// What a majority of the members say of this node's clock has changed.
  case clock(ClockStanding)
}

/// The keys that seal and open tickets at a moment.
public struct TicketKeysInForce: Sendable, Equatable {
  /// Nil until the first key is known everywhere.
  public var sealing: TicketKey?
  /// Newest first, `sealing` among them.
  public var opening: [TicketKey] = []

  public init(sealing: TicketKey? = nil, opening: [TicketKey] = []) {
    self.sealing = sealing
    self.opening = opening
  }
}

/// Bounds and times of shared facts; those of the wire are equal on all nodes of a cluster.
public struct FactLimits: Sendable, Equatable {
  public var register = RegisterLimits()
  public var log = LogLimits()
  public var verdicts = VerdictLimits()
  public var tickets = TicketLimits()
  /// Nanoseconds between two tellings of news.
  public var gossipInterval: UInt64 = 50_000_000
  /// Members that are told at a time.
  public var fanOut = 3
  /// Nanoseconds for which nodes may differ, and nothing new comes, before one asks another: news on their way take less.
  public var patience: UInt64 = 400_000_000
  /// Nanoseconds after which a difference is asked about whatever comes meanwhile.
  public var patienceMost: UInt64 = 2_000_000_000
  /// Nanoseconds after the start before a node that has met nobody takes itself for a cluster of one.
  public var lonelyAfter: UInt64 = 3_000_000_000

  public init() {}
}

/// For how long this node and others have differed.
struct Difference: Sendable {
  /// Whether anybody has been compared with; until then a difference is more than news on their way.
  var isFirst = true
  /// The first and the last of the digests that differed, without a long pause between them.
  var began: UInt64?
  var last: UInt64 = 0
  /// Answers in a row that brought nothing, since something changed here last: it is the other side that lacks something.
  var vain = 0
  var changedAt: UInt64 = 0
}

/// What shared facts count.
public struct FactCounts: Sendable, Equatable {
  public var exchanges = 0
  public var exchangesFailed = 0
  public var malformed = 0
  public var writesLost = 0
  public var resyncs = 0

  public init() {}
}

/// One node's shared facts.
public struct SharedFacts: Sendable {
  public let me: MemberID
  public let generation: UInt64
  public let limits: FactLimits
  public internal(set) var clock: HybridClock
  public internal(set) var register: Register
  public internal(set) var log: ReplayableLog
  public internal(set) var verdicts: VerdictBoard
  public internal(set) var ticketKeys: TicketKeys
  public internal(set) var counts = FactCounts()
  /// Whether something has changed that is to survive a restart: see `state`.
  public internal(set) var isDirty = false
  /// When the register last agreed with another's, milliseconds by the hybrid clock.
  public internal(set) var lastAgreed: UInt64
  /// The register has not agreed with another's for so long, or never, that it may hold names which the others have deleted and
  /// forgotten: it is not told, and replaced by the first that can be had of the same birth.
  public internal(set) var isStale = true
  /// When the register began: the least of all whose registers have been merged. Only one of the same birth may replace another.
  var birth: UInt64
  var zone: String
  var isDraining = false
  /// In the order of identities.
  var members: [FactMember] = []
  var random: SeededRandom
  var watched: [WatchedEndpoint] = []
  var inForce = TicketKeysInForce()
  var areStandingsDue = false
  var areRanksDue = false
  var blind: [MemberID] = []
  var wasSettled: Bool
  var receipts: LogReceipts
  /// Entries that are being applied, and whether their author waits to hear of it. For look-ups only.
  var unapplied: [LogEntryID: Bool] = [:]
  private var gossipAt: UInt64 = 0
  private var secondAt: UInt64 = 0
  private let startedAt: UInt64
  /// When something was merged or written last.
  var changedAt: UInt64
  var difference = Difference()
  var exchanging: MemberID?
  var doubt: Doubt?
  private var ticketsWaitingSince: UInt64?
  private var haveTicketsAgreed = false

  /// - Parameters:
  ///   - isSettled: whether there is nothing yet that the log would protect.
  ///   - state: what an earlier life of this node kept; nil for none.
  ///   - seed: of the node's own generator.
  public init(
    me: MemberID, generation: UInt64, zone: String = "", isSettled: Bool, restoring state: FactState? = nil,
    limits: FactLimits = FactLimits(), seed: UInt64, now: FactTime
  ) {
    self.me = me
    self.generation = generation
    self.limits = limits
    self.zone = zone
    receipts = LogReceipts(me: me)
    random = SeededRandom(seed: seed)
    // Stamps of the last second before the state was kept may be missing in it.
    let kept = state.map { HybridStamp(milliseconds: $0.clock.milliseconds &+ 1_000) } ?? .zero
    clock = HybridClock(notBefore: kept)
    if clock.excess(kept, now: now.wall) != nil { _ = clock.stepBack(now: now.wall) }
    register = Register(me: me, limits: limits.register)
    if let log = state?.log, log.position.generation < generation {
      self.log = ReplayableLog(me: me, generation: generation, restoring: log, limits: limits.log)
    } else {
      log = ReplayableLog(me: me, generation: generation, isSettled: isSettled, limits: limits.log)
    }
    verdicts = VerdictBoard(me: me, generation: generation, limits: limits.verdicts)
    ticketKeys = TicketKeys(me: me, limits: limits.tickets)
    wasSettled = log.isSettled
    startedAt = now.monotonic
    changedAt = now.monotonic
    let time = now.wall / 1_000_000
    lastAgreed = state?.lastAgreed ?? 0
    let drawn = random.next() & 0xFFFF
    birth = state?.birth ?? HybridStamp(milliseconds: time).value | drawn
    for entry in state?.entries ?? [] { _ = register.merge(entry, clock: &clock, now: now.wall) }
    _ = register.expire(at: time)
    // What was kept is no news.
    while !register.takeNews(budget: .max, tellings: 1).isEmpty {}
    isStale = Register.mustAdopt(lastAgreed: lastAgreed, time: time, limits: limits.register)
  }

  /// The hybrid clock's time, milliseconds.
  func milliseconds(_ now: FactTime) -> UInt64 { clock.milliseconds(now: now.wall) }

  // MARK: members

  /// The others that are alive or suspect, in any order, and what this node says of itself.
  public mutating func setMembers(_ others: [FactMember], zone: String, isDraining: Bool, now: FactTime) -> [FactEffect] {
    let next = others.sorted { $0.id < $1.id }
    if next == members && zone == self.zone && isDraining == self.isDraining { return [] }
    receipts.keep(next.map(\.id))
    for gone in members where !next.contains(where: { $0.id == gone.id }) { clock.forget(gone.id) }
    if let exchanging, !next.contains(where: { $0.id == exchanging }) { self.exchanging = nil }
    (members, self.zone, self.isDraining) = (next, zone, isDraining)
    areRanksDue = true
    return tick(now: now)
  }

  func member(_ id: MemberID) -> FactMember? { members.first { $0.id == id } }

  // MARK: time

  /// The earliest time, monotonic nanoseconds, at which `tick` has something to do.
  public var nextDeadline: UInt64 {
    if areStandingsDue || areRanksDue { return 0 }
    let next = min(secondAt, receipts.nextDeadline, doubt?.askAt ?? .max)
    return hasNews && !members.isEmpty ? min(gossipAt, next) : next
  }

  var hasNews: Bool { (!isStale && register.hasNews) || log.hasNews || verdicts.hasNews || ticketKeys.hasNews }

  public mutating func tick(now: FactTime) -> [FactEffect] {
    var effects: [FactEffect] = []
    if now.monotonic >= secondAt {
      secondAt = now.monotonic &+ 1_000_000_000
      everySecond(now, &effects)
    }
    if areRanksDue || areStandingsDue { judge(now, &effects) }
    if now.monotonic >= receipts.nextDeadline { confirm(now, &effects) }
    advanceDoubt(now, &effects)
    if hasNews && !members.isEmpty && now.monotonic >= gossipAt {
      gossipAt = now.monotonic &+ limits.gossipInterval
      gossip(&effects)
    }
    return effects
  }

  private mutating func everySecond(_ now: FactTime, _ effects: inout [FactEffect]) {
    if clock.review(members: members.count + 1) { effects.append(.clock(clock.standing)) }
    if clock.stepBack(now: now.wall) {
      for entry in register.restamp(clock: &clock, now: now.wall) { effects.append(.written(entry)) }
      isDirty = true
    }
    let time = milliseconds(now)
    if !register.expire(at: time).isEmpty { isDirty = true }
    log.expire(at: time)
    verdicts.expire(at: time)
    ticketKeys.expire(clock: clock, now: now.wall)
    let isLonely = members.isEmpty && now.monotonic &- startedAt >= limits.lonelyAfter
    if isLonely || !members.isEmpty { _ = log.settle(live: members.map(\.id)) }
    if Register.mustAdopt(lastAgreed: lastAgreed, time: time, limits: limits.register) { isStale = true }
    turnTicketKeys(isLonely, time, &effects)
    noteSettled(&effects)
    sayAgain(now)
    areStandingsDue = true
  }

  mutating func noteSettled(_ effects: inout [FactEffect]) {
    if log.isSettled && !wasSettled { effects.append(.settled) }
    wasSettled = log.isSettled
  }

  // MARK: ticket keys

  private mutating func turnTicketKeys(_ isLonely: Bool, _ time: UInt64, _ effects: inout [FactEffect]) {
    // Whoever has met nobody yet may only not have heard of the keys.
    let mayKnow = isLonely || haveTicketsAgreed && !members.isEmpty
    ticketsWaitingSince = mayKnow ? ticketsWaitingSince ?? time : nil
    if let since = ticketsWaitingSince, ticketKeys.isDue(live: members.map(\.id) + [me], waitingSince: since, at: time) {
      effects.append(.makeTicketKey)
    }
    showTicketKeys(time, &effects)
  }

  mutating func noteTicketsAgree() { haveTicketsAgreed = true }

  mutating func showTicketKeys(_ time: UInt64, _ effects: inout [FactEffect]) {
    let next = TicketKeysInForce(sealing: ticketKeys.current(at: time), opening: ticketKeys.decrypting(at: time))
    if next == inForce { return }
    inForce = next
    effects.append(.ticketKeys(next))
  }

  // MARK: news

  private mutating func gossip(_ effects: inout [FactEffect]) {
    let tellings = RumourQueue.tellings(factor: 3, members: members.count + 1)
    var rest = members.map(\.id)
    for _ in 0..<min(limits.fanOut, members.count) {
      let chosen = rest.remove(at: Int(random.below(UInt64(rest.count))))
      let records = takeNews(tellings: tellings)
      if records.isEmpty { return }
      effects.append(.send(chosen, records))
    }
  }

  /// News for one datagram.
  private mutating func takeNews(tellings: Int) -> [FactRecord] {
    var records: [FactRecord] = []
    var room = PacketLimits.plaintextBytesMax - Envelope.bytesMax
    func add(_ part: FactPart, _ items: [some FactItem], _ records: inout [FactRecord], _ room: inout Int) {
      if items.isEmpty { return }
      var writer = ByteWriter(limit: room)
      _ = FactBatch.encode(items, into: &writer)
      room -= writer.count + Message.overheadBytes
      records.append(FactRecord(part, writer.bytes))
    }
    // The count in front of the items, and kind and length of the part.
    func budget(_ room: Int) -> Int { max(room - 2 - Message.overheadBytes, 0) }
    add(.ticketKeys, ticketKeys.takeNews(budget: budget(room), tellings: tellings), &records, &room)
    add(.purges, log.takeNews(budget: budget(room), tellings: tellings), &records, &room)
    if !isStale { add(.registerEntries, register.takeNews(budget: budget(room), tellings: tellings), &records, &room) }
    add(.verdicts, verdicts.takeNews(budget: budget(room), tellings: tellings), &records, &room)
    return records
  }
}
