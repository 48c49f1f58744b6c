// What nodes tell each other of their logs, and the entries of a log. Which of it follows what is decided in ReplayableLog.
import Runtime

/// A run of entries that one node appended, numbered from 1 without gaps. A node begins a stream with each start of its process, and
/// another after a long pause, so that a stream that has ended can be forgotten.
public struct StreamID: Hashable, Comparable, Sendable {
  public var origin: MemberID
  public var generation: UInt64
  public var series: UInt32

  public init(origin: MemberID, generation: UInt64, series: UInt32) {
    self.origin = origin
    self.generation = generation
    self.series = series
  }

  public static func < (left: StreamID, right: StreamID) -> Bool {
    (left.origin, left.generation, left.series) < (right.origin, right.generation, right.series)
  }

  var digest: UInt64 {
    StableHash.avalanche(StableHash.avalanche(StableHash.avalanche(origin.value) &+ generation) &+ UInt64(series))
  }
}

/// An entry of the log.
public struct LogEntry: Hashable, FactItem {
  public static let bodyBytesMax = 1_100

  public var stream: StreamID
  public var sequence: UInt64
  /// When it was appended.
  public var stamp: HybridStamp
  public var body: [UInt8]

  public init(stream: StreamID, sequence: UInt64, stamp: HybridStamp, body: [UInt8]) {
    self.stream = stream
    self.sequence = sequence
    self.stamp = stamp
    self.body = body
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(stream)
    writer.writeVarint(sequence)
    writer.write(stamp)
    writer.writeLengthPrefixed(body)
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    stream = try reader.readStream()
    let at = reader.position
    sequence = try reader.readVarint()
    if sequence == 0 { throw .overLimit(at: at) }
    stamp = try reader.readStamp()
    body = Array(try reader.readLengthPrefixed(limit: LogEntry.bodyBytesMax))
  }
}

/// How much a node's log knew at a moment: grows with each thing that it learns. A new life of the node is later than every earlier one.
public struct LogPosition: Hashable, Comparable, Sendable {
  public var generation: UInt64
  public var revision: UInt64

  public static let none = LogPosition(generation: 0, revision: 0)

  public init(generation: UInt64, revision: UInt64) {
    self.generation = generation
    self.revision = revision
  }

  public static func < (left: LogPosition, right: LogPosition) -> Bool {
    (left.generation, left.revision) < (right.generation, right.revision)
  }
}

/// A member, and how much its log knew.
public struct MemberPosition: Hashable, Sendable {
  public var member: MemberID
  public var position: LogPosition

  public init(_ member: MemberID, _ position: LogPosition) {
    self.member = member
    self.position = position
  }
}

/// What rides on every probe; the rest is exchanged only when it says so.
public struct LogDigest: Equatable, Sendable {
  /// Of all streams and what is known of them.
  public var hash: UInt64
  public var position: LogPosition
  /// The position at which the log last forgot a stream, or took over that another has.
  public var forgot: LogPosition
  /// Whether what the log protects may be served: it is in step with the cluster.
  public var isSettled: Bool
}

/// What a log knows and what of it it can still tell.
public struct LogSummary: Equatable, Sendable {
  public struct Line: Hashable, Sendable {
    public var stream: StreamID
    public var known: SequenceSet
    /// Entries up to this one can no longer be told.
    public var floor: UInt64
    /// The greatest stamp of the stream's entries.
    public var last: HybridStamp
  }

  public static let linesMax = 1_024
  public static let horizonsMax = 2_048

  public var position: LogPosition
  public var isSettled: Bool
  /// What of the knowledge of which members is contained in this log and can no longer be told.
  public var horizons: [MemberPosition]
  /// In the order of streams.
  public var lines: [Line]

  public func encode(into writer: inout ByteWriter) {
    writer.writeVarint(position.generation)
    writer.writeVarint(position.revision)
    writer.write(UInt8(isSettled ? 1 : 0))
    writer.writeVarint(UInt64(horizons.count))
    for horizon in horizons {
      writer.write(horizon.member)
      writer.writeVarint(horizon.position.generation)
      writer.writeVarint(horizon.position.revision)
    }
    writer.writeVarint(UInt64(lines.count))
    for line in lines {
      writer.write(line.stream)
      line.known.encode(into: &writer)
      writer.writeVarint(line.floor)
      writer.write(line.last)
    }
  }

  public init(decoding body: UnsafeRawBufferPointer) throws(ByteReadError) {
    var reader = ByteReader(body)
    position = try reader.readPosition()
    isSettled = try reader.readUInt8() & 1 != 0
    horizons = []
    for _ in 0..<(try reader.readCount(limit: LogSummary.horizonsMax, bytes: 10)) {
      let member = try reader.readMember()
      horizons.append(MemberPosition(member, try reader.readPosition()))
    }
    lines = []
    for _ in 0..<(try reader.readCount(limit: LogSummary.linesMax, bytes: 21)) {
      let at = reader.position
      let stream = try reader.readStream()
      if let before = lines.last, before.stream >= stream { throw .overLimit(at: at) }
      let known = try SequenceSet(from: &reader)
      let floor = try reader.readVarint()
      lines.append(Line(stream: stream, known: known, floor: floor, last: try reader.readStamp()))
    }
  }

  init(position: LogPosition, isSettled: Bool, horizons: [MemberPosition], lines: [Line]) {
    self.position = position
    self.isSettled = isSettled
    self.horizons = horizons
    self.lines = lines
  }
}

extension ByteWriter {
  mutating func write(_ stream: StreamID) {
    write(stream.origin)
    writeVarint(stream.generation)
    writeVarint(UInt64(stream.series))
  }
}

extension ByteReader {
  mutating func readStream() throws(ByteReadError) -> StreamID {
    let origin = try readMember()
    let generation = try readVarint()
    let at = position
    guard let series = UInt32(exactly: try readVarint()) else { throw .overLimit(at: at) }
    return StreamID(origin: origin, generation: generation, series: series)
  }

  mutating func readPosition() throws(ByteReadError) -> LogPosition {
    let generation = try readVarint()
    return LogPosition(generation: generation, revision: try readVarint())
  }
}
