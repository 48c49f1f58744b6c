// What two logs have of each other: who lacks what, who can still be told, and who must resync because nobody can tell any more. Sending
// the answers is the caller's.
//
// The rule that no purge is missed unsaid: after `compare(summary)` said `inStep`, all that the sender's log contained is contained here:
// either its entries were applied here, or what they protect against was dropped here after they were made (`resync`). It holds for
// streams by their numbers. A stream that ended long ago is forgotten, and then stands for it the position that the forgetting node's
// knowledge had reached when it last learned of it (its horizon): whoever agreed with that node at or after that position had all of the
// stream; to anybody else it says `mustResync`. Knowledge that came by a resync has no entries to be told of, and is handed on as the
// horizon of the member from which it came.
import Runtime

/// How this log compares with what another member says of its own.
public enum LogComparison: Sendable, Equatable {
  /// All that the other knows is known here.
  case inStep
  /// The other can tell entries that are missing here: ask by sending one's own summary.
  case lacking
  /// Entries are missing here that the other knows of and cannot tell: what the log protects is to be dropped, then `resync` called.
  case mustResync
  /// The other still remembers a stream that was forgotten here; it will forget it too. Ask again later.
  case later
}

extension ReplayableLog {
  /// Rides on probes.
  public var digest: LogDigest {
    let hash = streams.reduce(UInt64(0x706C6F67)) { StableHash.avalanche(StableHash.avalanche($0 &+ $1.id.digest) &+ $1.known.digest) }
    return LogDigest(hash: hash, position: position, forgot: forgot, isSettled: isSettled)
  }

  /// What is told to a node whose digest differs.
  public var summary: LogSummary {
    let lines = streams.map { LogSummary.Line(stream: $0.id, known: $0.known, floor: $0.floor, last: $0.last) }
    return LogSummary(position: position, isSettled: isSettled, horizons: horizons.map(\.of), lines: lines)
  }

  /// - Returns: whether this log is in step with the other's by its digest alone; if not, summaries are to be exchanged.
  public mutating func compare(_ digest: LogDigest, from member: MemberID) -> Bool {
    guard digest.hash == self.digest.hash, syncedPosition(of: member) >= digest.forgot else { return false }
    noteInStep(member, digest.position, isSettled: digest.isSettled)
    return true
  }

  /// - Parameters:
  ///   - member: whose summary it is.
  ///   - time: `HybridClock.milliseconds`, milliseconds.
  public mutating func compare(_ summary: LogSummary, from member: MemberID, at time: UInt64) -> LogComparison {
    var isLacking = false
    var isLate = false
    for horizon in summary.horizons where !isContained(horizon) { return .mustResync }
    for line in summary.lines {
      if let mine = stream(line.stream) {
        if !mine.known.holds(line.known, upTo: line.floor) { return .mustResync }
        if !mine.known.holds(line.known) { isLacking = true }
      } else if isBeingForgotten(line, at: time) {
        isLate = true
      } else if line.floor > 0 {
        return .mustResync
      } else if line.known.last > 0 {
        isLacking = true
      }
    }
    if isLacking { return .lacking }
    if isLate { return .later }
    noteInStep(member, summary.position, isSettled: summary.isSettled)
    return .inStep
  }

  /// Some nodes forget a stream a moment before others; what they hear of it in that moment is neither news nor a gap.
  private func isBeingForgotten(_ line: LogSummary.Line, at time: UInt64) -> Bool {
    let margin = min(limits.forgetMargin, limits.streamAge / 4)
    return line.last.isOlder(than: limits.streamAge - margin, at: time) && !line.last.isOlder(than: limits.streamAge + margin, at: time)
  }

  /// Takes over what another log contains and cannot tell, after the caller has dropped what the log protects. Entries that the other
  /// can tell are then lacking, and come as usual.
  /// - Parameter time: `HybridClock.milliseconds`, milliseconds.
  public mutating func resync(to summary: LogSummary, at time: UInt64) {
    for horizon in summary.horizons where !isContained(horizon) {
      note(horizon.member, at: horizon.position)
      raiseHorizon(horizon, at: time)
    }
    for line in summary.lines where line.floor > 0 {
      let at = place(of: line.stream)
      let isKnown = at < streams.count && streams[at].id == line.stream
      // Every entry up to the floor was made before the drop, those that the other has not heard of either included.
      if isKnown && streams[at].known.through >= line.floor { continue }
      revision += 1
      if isKnown {
        streams[at].known.raise(through: line.floor)
        streams[at].floor = max(streams[at].floor, line.floor)
        streams[at].last = max(streams[at].last, line.last)
        streams[at].changed = position
      } else {
        let known = SequenceSet(through: line.floor)
        addStream(Stream(id: line.stream, known: known, floor: line.floor, last: line.last, changed: position))
      }
    }
  }

  private mutating func addStream(_ stream: Stream) {
    if streams.count >= limits.streamsMax { foldLeastRecent() }
    streams.insert(stream, at: place(of: stream.id))
  }

  /// Entries that another log lacks, oldest first.
  /// - Parameter budget: bytes that they may take up together in a body.
  public func missing(from summary: LogSummary, budget: Int) -> [LogEntry] {
    var entries: [LogEntry] = []
    var room = budget
    for each in kept {
      let line = line(of: each.entry.stream, in: summary)
      if let line, line.known.contains(each.entry.sequence) { continue }
      let bytes = FactBatch.bytes(of: each.entry)
      if bytes > room { break }
      room -= bytes
      entries.append(each.entry)
    }
    return entries
  }

  private func line(of stream: StreamID, in summary: LogSummary) -> LogSummary.Line? {
    var (low, high) = (0, summary.lines.count)
    while low < high {
      let middle = (low + high) / 2
      if summary.lines[middle].stream < stream { low = middle + 1 } else { high = middle }
    }
    return low < summary.lines.count && summary.lines[low].stream == stream ? summary.lines[low] : nil
  }

  /// Whether this log contains what a member knew by a position.
  private func isContained(_ horizon: MemberPosition) -> Bool {
    // Of its own present life a node knows everything; of an earlier one, what was kept of it.
    if horizon.member == me && horizon.position.generation == generation { return true }
    return syncedPosition(of: horizon.member) >= horizon.position
  }

  func syncedPosition(of member: MemberID) -> LogPosition {
    let at = syncedPlace(of: member)
    return at < synced.count && synced[at].member == member ? synced[at].position : .none
  }

  private func syncedPlace(of member: MemberID) -> Int {
    var (low, high) = (0, synced.count)
    while low < high {
      let middle = (low + high) / 2
      if synced[middle].member < member { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func note(_ member: MemberID, at position: LogPosition) {
    let at = syncedPlace(of: member)
    if at < synced.count, synced[at].member == member {
      synced[at].position = max(synced[at].position, position)
      return
    }
    if synced.count >= limits.peersMax, let oldest = synced.indices.filter({ synced[$0].member != me }).min(by: isEarlier) {
      synced.remove(at: oldest)
    }
    synced.insert(MemberPosition(member, position), at: syncedPlace(of: member))
  }

  private func isEarlier(_ left: Int, _ right: Int) -> Bool { synced[left].position < synced[right].position }

  private mutating func noteInStep(_ member: MemberID, _ position: LogPosition, isSettled isOtherSettled: Bool) {
    note(member, at: position)
    if isOtherSettled { isSettled = true }
    if isSettled {
      inStepThisLife = []
    } else if !inStepThisLife.contains(member) && inStepThisLife.count < limits.peersMax {
      inStepThisLife.append(member)
    }
  }

  /// A cluster of which nobody is settled, because all of it has restarted, settles when its members are in step with each other.
  /// - Parameter live: the other live members; none for a cluster of one.
  /// - Returns: whether what the log protects may be served.
  public mutating func settle(live: [MemberID]) -> Bool {
    if live.allSatisfy(inStepThisLife.contains) { isSettled = true }
    return isSettled
  }
}
