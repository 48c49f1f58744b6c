// Saying and hearing who has applied an entry of the log. A member that is told of an entry by its author in a datagram says so when it has
// applied it, at once where it has already: so a receipt that is lost comes again with the next telling.
import Runtime

extension SharedFacts {
  /// Entries handed out to be applied and not yet said to be, at most; beyond, entries are taken in later.
  static let unappliedMax = 16_384

  /// Waits until all live members, this one among them, have applied an entry of this node; `acknowledged` says what came of it.
  /// - Parameter within: nanoseconds.
  public mutating func awaitReceipts(of entry: LogEntry, within: UInt64, now: FactTime) -> [FactEffect] {
    precondition(entry.stream.origin == me, "\(me) waits for an entry of \(entry.stream.origin)")
    let all = [me] + members.map(\.id)
    if receipts.isFull { return [.acknowledged(LogReceipt(id: entry.id, applied: [], awaited: all))] }
    let (end, overflow) = now.monotonic.addingReportingOverflow(within)
    receipts.wait(for: entry, all, until: overflow ? .max : end, now: now.monotonic)
    var effects: [FactEffect] = []
    confirm(now, &effects)
    return effects
  }

  /// An entry of `apply`, or one that this node appended, has been applied.
  public mutating func applied(_ id: LogEntryID, now: FactTime) -> [FactEffect] {
    var effects: [FactEffect] = []
    if id.stream.origin == me {
      receipts.note(id, by: me)
      confirm(now, &effects)
    } else if unapplied.removeValue(forKey: id) == true {
      sendReceipt(id, &effects)
    }
    return effects
  }

  /// Somebody told of an entry that was known already.
  mutating func noteKnown(_ id: LogEntryID, from sender: MemberID?, _ effects: inout [FactEffect]) {
    guard sender == id.stream.origin else { return }
    if unapplied[id] != nil { unapplied[id] = true } else { sendReceipt(id, &effects) }
  }

  private func sendReceipt(_ id: LogEntryID, _ effects: inout [FactEffect]) {
    guard member(id.stream.origin) != nil else { return }
    var writer = ByteWriter(limit: FactBatch.itemBytesMax)
    _ = FactBatch.encode([id], into: &writer)
    effects.append(.send(id.stream.origin, [FactRecord(.receipts, writer.bytes)]))
  }

  /// Tells who is awaited, and gives up waiting.
  mutating func confirm(_ now: FactTime, _ effects: inout [FactEffect]) {
    for receipt in receipts.takeEnded(now: now.monotonic) { effects.append(.acknowledged(receipt)) }
    for due in receipts.takeDue(now: now.monotonic) {
      var rest = due.entries[...]
      while !rest.isEmpty {
        var writer = ByteWriter(limit: PacketLimits.plaintextBytesMax - Envelope.bytesMax - Message.overheadBytes)
        let taken = FactBatch.encode(rest, into: &writer)
        precondition(taken > 0, "an entry of the log fits no datagram")
        rest = rest.dropFirst(taken)
        effects.append(.send(due.member, [FactRecord(.purges, writer.bytes)]))
      }
    }
  }
}
