// Which members have applied what this node appended to the log, where somebody waits to hear it. The members that are awaited are told
// directly and again until they have said so; that all others hear of an entry, and that nobody misses it, is the log's.
import Runtime

/// An entry of the log by its name.
public struct LogEntryID: Hashable, FactItem {
  public var stream: StreamID
  public var sequence: UInt64

  public init(stream: StreamID, sequence: UInt64) {
    self.stream = stream
    self.sequence = sequence
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(stream)
    writer.writeVarint(sequence)
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    stream = try reader.readStream()
    sequence = try reader.readVarint()
  }
}

extension LogEntry {
  public var id: LogEntryID { LogEntryID(stream: stream, sequence: sequence) }
}

/// What came of waiting for an entry.
public struct LogReceipt: Sendable, Equatable {
  public var id: LogEntryID
  /// Who has applied it, in the order in which they said so.
  public var applied: [MemberID]
  /// Who has not said so in time. Members that were taken for dead meanwhile are not among them.
  public var awaited: [MemberID]
}

/// The entries that are waited for.
struct LogReceipts: Sendable {
  /// Entries waited for at once; further ones are spread as usual, and nobody is waited for.
  static let openMax = 256
  /// Members told of an entry in one turn; in a larger cluster the others' turn comes with the next telling.
  static let toldAtOnce = 64
  /// Nanoseconds between the first two tellings; doubled after each.
  static let repeatInterval: UInt64 = 50_000_000
  static let repeatIntervalMost: UInt64 = 400_000_000

  private struct Open: Sendable {
    var entry: LogEntry
    var awaited: [MemberID]
    var applied: [MemberID] = []
    /// Nanoseconds on the monotonic clock, as `tellAt`.
    var until: UInt64
    var tellAt: UInt64
    var interval = LogReceipts.repeatInterval
  }

  let me: MemberID
  private var open: [Open] = []

  init(me: MemberID) { self.me = me }

  var isFull: Bool { open.count >= LogReceipts.openMax }

  /// When there is something to tell or to give up.
  var nextDeadline: UInt64 { open.reduce(.max) { min($0, $1.until, $1.tellAt) } }

  /// Waits for members, this node among them.
  mutating func wait(for entry: LogEntry, _ members: [MemberID], until: UInt64, now: UInt64) {
    open.append(Open(entry: entry, awaited: members, until: until, tellAt: now))
  }

  mutating func note(_ id: LogEntryID, by member: MemberID) {
    guard let at = open.firstIndex(where: { $0.entry.id == id }), open[at].awaited.contains(member) else { return }
    open[at].awaited.removeAll { $0 == member }
    open[at].applied.append(member)
  }

  /// Nobody waits for who has gone.
  mutating func keep(_ members: [MemberID]) {
    for at in open.indices { open[at].awaited.removeAll { $0 != me && !members.contains($0) } }
  }

  /// Whom to tell of what now.
  mutating func takeDue(now: UInt64) -> [(member: MemberID, entries: [LogEntry])] {
    var due: [(member: MemberID, entries: [LogEntry])] = []
    for at in open.indices where open[at].tellAt <= now {
      let others = open[at].awaited.filter { $0 != me }
      for member in others.prefix(LogReceipts.toldAtOnce) {
        if let place = due.firstIndex(where: { $0.member == member }) {
          due[place].entries.append(open[at].entry)
        } else {
          due.append((member, [open[at].entry]))
        }
      }
      if others.count > LogReceipts.toldAtOnce {
        open[at].awaited = open[at].awaited.filter { $0 == me } + others[LogReceipts.toldAtOnce...] + others[..<LogReceipts.toldAtOnce]
      }
      let (next, overflow) = now.addingReportingOverflow(open[at].interval)
      open[at].tellAt = overflow ? .max : next
      open[at].interval = min(open[at].interval * 2, LogReceipts.repeatIntervalMost)
    }
    return due
  }

  /// Those for which nobody is awaited any more, or whose time is up.
  mutating func takeEnded(now: UInt64) -> [LogReceipt] {
    let ended = open.filter { $0.awaited.isEmpty || $0.until <= now }
    if ended.isEmpty { return [] }
    open.removeAll { $0.awaited.isEmpty || $0.until <= now }
    return ended.map { LogReceipt(id: $0.entry.id, applied: $0.applied, awaited: $0.awaited) }
  }
}
