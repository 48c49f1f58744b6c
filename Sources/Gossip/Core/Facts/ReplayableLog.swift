// A log that every node appends to and every node applies, each entry once in a process's life: purges. What an entry does, and dropping
// what the log protects when it cannot be replayed any more, is the caller's; what is known to whom is in ReplayableLog+Exchange.
import Runtime

/// Bounds of a log.
public struct LogLimits: Sendable, Equatable {
  /// Milliseconds for which an entry can be told again, from when this node heard it.
  public var retention: UInt64 = 3_600_000
  public var entriesMax = 16_384
  public var bytesMax = 4 << 20
  /// Milliseconds after the last entry of a stream for which it is remembered that there was one. Much longer than members are apart:
  /// two that did not agree even once within it take each other for strangers.
  public var streamAge: UInt64 = 7 * 24 * 3_600_000
  public var streamsMax = LogSummary.linesMax
  /// Members of whose knowledge a part was taken over by a resync. To be above the number of members: with less, a cluster whose parts
  /// were apart for longer than `streamAge` resyncs again and again after it is whole.
  public var horizonsMax = LogSummary.horizonsMax
  /// Members whose position is remembered; above `horizonsMax`.
  public var peersMax = 4_096
  /// Milliseconds around `streamAge` in which one node may remember a stream that another has just forgotten.
  public var forgetMargin: UInt64 = 300_000
  public var newsMax = 4_096

  public init() {}
}

/// What came of an entry that was heard.
public enum LogMerge: Sendable, Equatable {
  /// New: the caller applies it, then keeps the log's state.
  case apply
  case known
  /// Not taken in, for there are too many gaps before it. It comes again.
  case gaps
  /// Of a stream that ended so long ago that nobody should still tell it.
  case tooOld
}

/// Why an entry was not appended.
public enum LogRefusal: Error, Sendable, Equatable {
  case bodyTooLong(bytes: Int)
}

/// The log as one node holds it.
public struct ReplayableLog: Sendable {
  struct Stream: Sendable, Equatable {
    var id: StreamID
    var known: SequenceSet
    var floor: UInt64
    var last: HybridStamp
    /// Where this node's knowledge stood when this stream's last grew.
    var changed: LogPosition
  }

  struct Kept: Sendable, Equatable {
    var entry: LogEntry
    /// Milliseconds, this node's time.
    var heard: UInt64
  }

  struct Horizon: Sendable, Equatable {
    var of: MemberPosition
    var changed: LogPosition
    /// Milliseconds, this node's time.
    var since: UInt64
  }

  public let me: MemberID
  public let generation: UInt64
  public let limits: LogLimits
  var streams: [Stream] = []  // in the order of their ids
  var kept: [Kept] = []  // in the order in which they were heard
  var horizons: [Horizon] = []  // in the order of members
  var synced: [MemberPosition] = []  // in the order of members
  var inStepThisLife: [MemberID] = []
  var revision: UInt64 = 0
  var forgot = LogPosition.none
  /// Whether what the log protects may be served.
  public internal(set) var isSettled: Bool
  /// Bytes of the entries that can be told.
  public private(set) var bytes = 0
  private var own: StreamID?
  private var series: UInt32 = 0
  private var news: TellQueue<EntryKey>

  private struct EntryKey: Hashable, Sendable {
    var stream: StreamID
    var sequence: UInt64
  }

  /// - Parameters:
  ///   - generation: of this start of the process; greater than that of every earlier one.
  ///   - isSettled: whether there is nothing yet that the log would protect: an empty cache has missed nothing.
  public init(me: MemberID, generation: UInt64, isSettled: Bool, limits: LogLimits = LogLimits()) {
    self.me = me
    self.generation = generation
    self.isSettled = isSettled
    self.limits = limits
    news = TellQueue(limit: limits.newsMax)
  }

  /// Where this node's knowledge stands.
  public var position: LogPosition { LogPosition(generation: generation, revision: revision) }
  /// Entries that can be told.
  public var count: Int { kept.count }
  public var streamCount: Int { streams.count }

  /// Appends an entry of this node. It counts as applied here: the caller applies it before it tells anybody.
  /// - Parameter now: the wall clock, nanoseconds.
  public mutating func append(_ body: [UInt8], clock: inout HybridClock, now: UInt64) throws(LogRefusal) -> LogEntry {
    if body.count > LogEntry.bodyBytesMax { throw .bodyTooLong(bytes: body.count) }
    let time = clock.milliseconds(now: now)
    let stream = ownStream(at: time)
    let at = streams.firstIndex { $0.id == stream }
    let sequence = (at.map { streams[$0].known.last } ?? 0) + 1
    let entry = LogEntry(stream: stream, sequence: sequence, stamp: clock.stamp(now: now), body: body)
    let outcome = take(entry, at: time)
    precondition(outcome == .apply, "\(me) could not append \(sequence) to its own stream: \(outcome)")
    return entry
  }

  /// Takes in an entry that another node told.
  /// - Parameter now: the wall clock, nanoseconds.
  /// - Returns: `apply` once in the life of this process for each entry, and after a restart for those whose taking in was not kept.
  public mutating func merge(_ entry: LogEntry, clock: inout HybridClock, now: UInt64) -> LogMerge {
    // A stamp too far ahead is counted by the clock and no more: a purge by a fast clock is a purge, and its order does not matter.
    _ = clock.observe(entry.stamp, now: now)
    return take(entry, at: clock.milliseconds(now: now))
  }

  /// The stream to append to: a new one after half the time for which streams are remembered, so that nobody has forgotten its beginning.
  private mutating func ownStream(at time: UInt64) -> StreamID {
    if let own, let stream = streams.first(where: { $0.id == own }), !stream.last.isOlder(than: limits.streamAge / 2, at: time) {
      return own
    }
    precondition(series < .max, "\(me) has begun \(series) streams in one life")
    series += 1
    let begun = StreamID(origin: me, generation: generation, series: series)
    own = begun
    return begun
  }

  private mutating func take(_ entry: LogEntry, at time: UInt64) -> LogMerge {
    var at = place(of: entry.stream)
    if at == streams.count || streams[at].id != entry.stream {
      if entry.stamp.isOlder(than: limits.streamAge, at: time) { return .tooOld }
      // A number far beyond the first is a gap like any other; the first entry always fits.
      if streams.count >= limits.streamsMax { foldLeastRecent() }
      at = place(of: entry.stream)
      streams.insert(Stream(id: entry.stream, known: SequenceSet(), floor: 0, last: entry.stamp, changed: position), at: at)
    }
    if streams[at].known.contains(entry.sequence) { return .known }
    guard streams[at].known.insert(entry.sequence) else { return .gaps }
    revision += 1
    streams[at].changed = position
    streams[at].last = max(streams[at].last, entry.stamp)
    kept.append(Kept(entry: entry, heard: time))
    bytes += weight(entry)
    news.add(EntryKey(stream: entry.stream, sequence: entry.sequence))
    trim()
    return .apply
  }

  func place(of stream: StreamID) -> Int {
    var (low, high) = (0, streams.count)
    while low < high {
      let middle = (low + high) / 2
      if streams[middle].id < stream { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func stream(_ id: StreamID) -> Stream? {
    let at = place(of: id)
    return at < streams.count && streams[at].id == id ? streams[at] : nil
  }

  private func weight(_ entry: LogEntry) -> Int { 64 + entry.body.count }

  /// Drops the entries that were heard first until the bounds hold.
  private mutating func trim() {
    var (count, rest) = (kept.count, bytes)
    var drop = 0
    while count > limits.entriesMax || rest > limits.bytesMax {
      rest -= weight(kept[drop].entry)
      count -= 1
      drop += 1
    }
    dropFirst(drop)
  }

  private mutating func dropFirst(_ count: Int) {
    if count == 0 { return }
    for gone in kept[..<count] {
      bytes -= weight(gone.entry)
      let at = place(of: gone.entry.stream)
      if at < streams.count, streams[at].id == gone.entry.stream { streams[at].floor = max(streams[at].floor, gone.entry.sequence) }
    }
    kept.removeFirst(count)
  }

  /// Drops what is older than the log reaches back, and forgets what ended long ago. To be called every second or so.
  /// - Parameter time: `HybridClock.milliseconds`, milliseconds.
  public mutating func expire(at time: UInt64) {
    // Heard times may run backwards by what the clock was set back; an entry behind a younger one then stays a little longer.
    dropFirst(kept.prefix { isPast($0.heard, limits.retention, time) }.count)
    for stream in streams where stream.last.isOlder(than: limits.streamAge, at: time) { fold(stream) }
    for horizon in horizons where horizon.of.member != me && isPast(horizon.since, limits.streamAge, time) { fold(horizon, at: time) }
  }

  private func isPast(_ start: UInt64, _ age: UInt64, _ time: UInt64) -> Bool { time >= start && time - start >= age }

  /// Forgets a stream. Who agreed with this node after it last grew knows all of it; whoever did not is told to resync (`compare`).
  private mutating func fold(_ stream: Stream) {
    let gone = kept.filter { $0.entry.stream == stream.id }
    bytes -= gone.reduce(0) { $0 + weight($1.entry) }
    kept.removeAll { $0.entry.stream == stream.id }
    streams.removeAll { $0.id == stream.id }
    raiseOwnHorizon(to: stream.changed)
  }

  private mutating func fold(_ horizon: Horizon, at time: UInt64) {
    horizons.removeAll { $0.of.member == horizon.of.member }
    raiseOwnHorizon(to: horizon.changed)
  }

  mutating func foldLeastRecent() {
    let oldest = streams.filter { $0.id != own }.min { ($0.changed, $0.id) < ($1.changed, $1.id) }
    if let oldest { fold(oldest) }
  }

  private mutating func raiseOwnHorizon(to changed: LogPosition) {
    raiseHorizon(MemberPosition(me, changed), at: 0)
  }

  /// Remembers that what a member knew by a position is contained here and can no longer be told.
  mutating func raiseHorizon(_ of: MemberPosition, at time: UInt64) {
    revision += 1
    forgot = position
    if let at = horizons.firstIndex(where: { $0.of.member == of.member }) {
      let most = max(horizons[at].of.position, of.position)
      horizons[at] = Horizon(of: MemberPosition(of.member, most), changed: position, since: time)
      return
    }
    let isFull = of.member != me && horizons.count >= limits.horizonsMax
    if isFull, let oldest = horizons.filter({ $0.of.member != me }).min(by: { $0.changed < $1.changed }) { fold(oldest, at: time) }
    let at = horizons.firstIndex { $0.of.member > of.member } ?? horizons.count
    horizons.insert(Horizon(of: of, changed: position, since: time), at: at)
  }

  /// Whether there is something to tell.
  public var hasNews: Bool { !news.isEmpty }

  /// Takes news for one message, least told first.
  public mutating func takeNews(budget: Int, tellings: Int) -> [LogEntry] {
    // Taken out meanwhile: what is told is looked up beside it.
    var queue = TellQueue<EntryKey>(limit: 1)
    swap(&queue, &news)
    defer { swap(&queue, &news) }
    let kept = kept
    func entry(_ key: EntryKey) -> LogEntry? {
      kept.last { $0.entry.stream == key.stream && $0.entry.sequence == key.sequence }?.entry
    }
    return queue.take(budget: budget, tellings: tellings) { key in entry(key).map { FactBatch.bytes(of: $0) } }.compactMap(entry)
  }

  /// Lets a restart go on from what an earlier life kept.
  mutating func restore(_ streams: [Stream], _ kept: [Kept], _ horizons: [Horizon], _ synced: [MemberPosition], _ forgot: LogPosition) {
    self.streams = streams
    self.kept = kept
    self.horizons = horizons
    self.synced = synced
    self.forgot = forgot
    bytes = kept.reduce(0) { $0 + weight($1.entry) }
  }
}
