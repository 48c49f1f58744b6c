// What others tell of shared facts: news, and digests that show where two nodes differ. Asking for what is missing is in
// SharedFacts+Exchange.
import Runtime

extension SharedFacts {
  /// What rides on probes and their answers.
  public func digest(now: FactTime) -> FactDigest {
    var digest = FactDigest(register: register, verdicts: verdicts, ticketKeys: ticketKeys, log: log, now: now.wall)
    digest.register ^= StableHash.avalanche(birth)
    if isInDoubt { digest.log.isSettled = false }
    return digest
  }

  /// A part of a datagram from a member.
  /// - Parameter isFresh: whether it answers what was asked after the present doubt began.
  public mutating func receive(
    _ part: FactPart, _ body: UnsafeRawBufferPointer, from sender: MemberID, isFresh: Bool = false, now: FactTime
  ) -> [FactEffect] {
    guard member(sender) != nil else { return [] }
    var effects: [FactEffect] = []
    do throws(ByteReadError) {
      if part == .digest {
        let digest = try FactDigest(decoding: body)
        if isFresh { note(sender, knows: digest.log.position) }
        compare(digest, with: sender, now, &effects)
        advanceDoubt(now, &effects)
      } else {
        try merge(part, body, from: sender, now, &effects)
      }
    } catch {
      counts.malformed += 1
    }
    return effects
  }

  /// Takes in facts, wherever they came from.
  /// - Parameter sender: of a datagram; nil for what was asked for.
  mutating func merge(
    _ part: FactPart, _ body: UnsafeRawBufferPointer, from sender: MemberID? = nil, _ now: FactTime, _ effects: inout [FactEffect]
  ) throws(ByteReadError) {
    switch part {
    case .verdicts: for verdict in try FactBatch.decode(Verdict.self, body) { take(verdict, now) }
    case .registerEntries: for entry in try FactBatch.decode(RegisterEntry.self, body) { take(entry, now, &effects) }
    case .purges: for entry in try FactBatch.decode(LogEntry.self, body) { take(entry, from: sender, now, &effects) }
    case .ticketKeys: for key in try FactBatch.decode(TicketKey.self, body) { take(key, now, &effects) }
    case .receipts:
      guard let sender else { return }
      for id in try FactBatch.decode(LogEntryID.self, body) { receipts.note(id, by: sender) }
      confirm(now, &effects)
    case .digest, .registerDigest, .logSummary, .verdictDigest, .question, .answer: break
    }
  }

  private mutating func take(_ verdict: Verdict, _ now: FactTime) {
    switch verdicts.merge(verdict, clock: &clock, now: now.wall) {
    case .changed:
      changedAt = now.monotonic
      areStandingsDue = true
    case .known, .refreshed, .expired, .ahead, .full: break
    }
  }

  mutating func take(_ entry: RegisterEntry, _ now: FactTime, _ effects: inout [FactEffect]) {
    switch register.merge(entry, clock: &clock, now: now.wall) {
    case .changed: noteWritten(entry, now, &effects)
    case .lost(let mine, let winner):
      counts.writesLost += 1
      noteWritten(entry, now, &effects)
      effects.append(.writeLost(mine: mine, winner: winner))
    case .known, .ahead, .full, .expired: break
    }
  }

  mutating func noteWritten(_ entry: RegisterEntry, _ now: FactTime, _ effects: inout [FactEffect]) {
    changedAt = now.monotonic
    isDirty = true
    effects.append(.written(entry))
  }

  private mutating func take(_ entry: LogEntry, from sender: MemberID?, _ now: FactTime, _ effects: inout [FactEffect]) {
    // It comes again: no entry is lost for being told too early.
    if unapplied.count >= SharedFacts.unappliedMax { return }
    switch log.merge(entry, clock: &clock, now: now.wall) {
    case .apply:
      changedAt = now.monotonic
      isDirty = true
      unapplied[entry.id] = sender == entry.stream.origin
      effects.append(.apply(entry))
    case .known: noteKnown(entry.id, from: sender, &effects)
    case .gaps, .tooOld: break
    }
  }

  private mutating func take(_ key: TicketKey, _ now: FactTime, _ effects: inout [FactEffect]) {
    guard ticketKeys.merge(key, clock: &clock, now: now.wall) == .added else { return }
    changedAt = now.monotonic
    showTicketKeys(milliseconds(now), &effects)
  }

  // MARK: digests

  private mutating func compare(_ theirs: FactDigest, with sender: MemberID, _ now: FactTime, _ effects: inout [FactEffect]) {
    clock.note(sender, theirs: theirs.clock, now: now.wall)
    let mine = digest(now: now)
    let difference = mine.difference(from: theirs)
    let isLogInStep = log.compare(theirs.log, from: sender)
    noteSettled(&effects)
    if !difference.register { noteRegisterAgrees(now) }
    if !difference.ticketKeys { noteTicketsAgree() }
    if isLogInStep && !difference.register && !difference.verdicts && !difference.ticketKeys {
      self.difference.isFirst = false
      return
    }
    guard exchanging == nil, isWorthAsking(now) else { return }
    exchanging = sender
    counts.exchanges += 1
    effects.append(.exchange(sender))
  }

  /// News that are on their way make nodes differ for a moment; who has been compared with nobody yet has missed more than news.
  private mutating func isWorthAsking(_ now: FactTime) -> Bool {
    if difference.isFirst || isInDoubt { return true }
    let isNew = difference.began == nil || now.monotonic &- difference.last > limits.patienceMost
    let began = isNew ? now.monotonic : difference.began ?? now.monotonic
    (difference.began, difference.last) = (began, now.monotonic)
    let vain = difference.changedAt == changedAt ? difference.vain : 0
    let patience = limits.patience << UInt64(min(vain, 5))
    return now.monotonic &- max(changedAt, began) >= patience || now.monotonic &- began >= max(limits.patienceMost, patience)
  }

  mutating func noteRegisterAgrees(_ now: FactTime) {
    let time = milliseconds(now)
    // Worth keeping now and then, not every second.
    if time > lastAgreed &+ 600_000 { isDirty = true }
    lastAgreed = max(lastAgreed, time)
    isStale = false
  }
}
