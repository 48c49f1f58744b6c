// What of a log survives a restart. Where it is kept, and that an entry is applied before it is kept as known, is the caller's.
import Runtime

/// A log's state on disk.
public struct LogState: Sendable, Equatable {
  /// Of the life that wrote it.
  public var position: LogPosition
  public var forgot: LogPosition
  var streams: [ReplayableLog.Stream]
  var kept: [ReplayableLog.Kept]
  var horizons: [ReplayableLog.Horizon]
  var synced: [MemberPosition]
}

extension ReplayableLog {
  public var state: LogState {
    LogState(position: position, forgot: forgot, streams: streams, kept: kept, horizons: horizons, synced: synced)
  }

  /// A node's log after a restart. It is not settled before it is in step with a live member.
  /// - Parameters:
  ///   - generation: greater than that of the life that wrote the state.
  ///   - state: an older one than the last is safe: entries applied since are applied again.
  public init(me: MemberID, generation: UInt64, restoring state: LogState, limits: LogLimits = LogLimits()) {
    precondition(generation > state.position.generation, "generation \(generation) does not follow \(state.position.generation)")
    self.init(me: me, generation: generation, isSettled: false, limits: limits)
    // What this node itself told of its knowledge, as far as it was kept.
    let others = state.synced.filter { $0.member != me }
    let at = others.firstIndex { $0.member > me } ?? others.count
    var synced = others
    synced.insert(MemberPosition(me, state.position), at: at)
    restore(state.streams, state.kept, state.horizons, synced, state.forgot)
  }
}

extension LogState {
  /// The format of the bytes; another is refused, and the log then starts as a stranger's: everything it protects is dropped.
  private static var version: UInt8 { 1 }
  private static var countMax: Int { 1 << 20 }

  public func encode(into writer: inout ByteWriter) {
    writer.write(LogState.version)
    writer.write(position)
    writer.write(forgot)
    writer.writeVarint(UInt64(streams.count))
    for stream in streams {
      writer.write(stream.id)
      stream.known.encode(into: &writer)
      writer.writeVarint(stream.floor)
      writer.write(stream.last)
      writer.write(stream.changed)
    }
    writer.writeVarint(UInt64(kept.count))
    for each in kept {
      each.entry.encode(into: &writer)
      writer.writeVarint(each.heard)
    }
    writer.writeVarint(UInt64(horizons.count))
    for horizon in horizons {
      writer.write(horizon.of)
      writer.write(horizon.changed)
      writer.writeVarint(horizon.since)
    }
    writer.writeVarint(UInt64(synced.count))
    for each in synced { writer.write(each) }
  }

  public init(decoding bytes: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(bytes)
    guard try reader.readUInt8() == LogState.version else { throw .overLimit(at: 0) }
    position = try reader.readPosition()
    forgot = try reader.readPosition()
    (streams, kept, horizons, synced) = ([], [], [], [])
    for _ in 0..<(try reader.readCount(limit: LogState.countMax, bytes: 23)) {
      let id = try reader.readStream()
      if let before = streams.last, before.id >= id { throw .overLimit(at: reader.position) }
      let known = try SequenceSet(from: &reader)
      let floor = try reader.readVarint()
      let last = try reader.readStamp()
      streams.append(.init(id: id, known: known, floor: floor, last: last, changed: try reader.readPosition()))
    }
    for _ in 0..<(try reader.readCount(limit: LogState.countMax, bytes: 21)) {
      let entry = try LogEntry(from: &reader)
      kept.append(.init(entry: entry, heard: try reader.readVarint()))
    }
    for _ in 0..<(try reader.readCount(limit: LogState.countMax, bytes: 13)) {
      let of = try reader.readMemberPosition()
      if let before = horizons.last, before.of.member >= of.member { throw .overLimit(at: reader.position) }
      let changed = try reader.readPosition()
      horizons.append(.init(of: of, changed: changed, since: try reader.readVarint()))
    }
    for _ in 0..<(try reader.readCount(limit: LogState.countMax, bytes: 10)) {
      let each = try reader.readMemberPosition()
      if let before = synced.last, before.member >= each.member { throw .overLimit(at: reader.position) }
      synced.append(each)
    }
    try reader.expectEnd()
  }
}

extension ByteWriter {
  fileprivate mutating func write(_ position: LogPosition) {
    writeVarint(position.generation)
    writeVarint(position.revision)
  }

  fileprivate mutating func write(_ each: MemberPosition) {
    write(each.member)
    write(each.position)
  }
}

extension ByteReader {
  fileprivate mutating func readMemberPosition() throws(ByteReadError) -> MemberPosition {
    let member = try readMember()
    return MemberPosition(member, try readPosition())
  }
}
