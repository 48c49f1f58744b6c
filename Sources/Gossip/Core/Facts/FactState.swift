// What of the shared facts survives a restart. Writing it to a disk is the driver's. Ticket keys never leave memory, and verdicts are
// found again sooner than read.
import Runtime

/// A node's shared facts as they are kept.
public struct FactState: Sendable, Equatable {
  public var clock: HybridStamp
  /// Milliseconds.
  public var lastAgreed: UInt64
  /// See `SharedFacts.birth`.
  public var birth: UInt64
  public var entries: [RegisterEntry]
  public var log: LogState
}

extension SharedFacts {
  public var state: FactState {
    FactState(clock: clock.last, lastAgreed: lastAgreed, birth: birth, entries: register.entries, log: log.state)
  }

  /// What changed so far is being kept.
  public mutating func takeState() -> FactState {
    isDirty = false
    return state
  }
}

extension FactState {
  private static var magic: UInt32 { 0x7467_6631 }  // "tgf1"

  /// Everything, with a hash at the end: a file that was cut or damaged is refused as a whole.
  public var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.write(FactState.magic)
    writer.write(clock)
    writer.writeVarint(lastAgreed)
    writer.write(birth)
    writer.writeVarint(UInt64(entries.count))
    var item = ByteWriter()
    for entry in entries {
      item.removeAll()
      entry.encode(into: &item)
      writer.writeLengthPrefixed(item.bytes)
    }
    log.encode(into: &writer)
    let content = writer.bytes
    // SAFETY: the array outlives the call, which reads within its bounds.
    writer.write(content.withUnsafeBytes { StableHash.hash($0) })
    return writer.bytes
  }

  /// - Throws: when the bytes are not a whole state of this version.
  public init(_ bytes: [UInt8]) throws(ByteReadError) {
    guard bytes.count >= 8 else { throw .overLimit(at: 0) }
    self = try reading(bytes) { (all) throws(ByteReadError) in
      try FactState(content: UnsafeRawBufferPointer(rebasing: all.dropLast(8)), hash: UnsafeRawBufferPointer(rebasing: all.suffix(8)))
    }
  }

  private init(content: UnsafeRawBufferPointer, hash: UnsafeRawBufferPointer) throws(ByteReadError) {
    var end = ByteReader(hash)
    guard try end.readUInt64() == StableHash.hash(content) else { throw .overLimit(at: content.count) }
    var reader = ByteReader(content)
    guard try reader.readUInt32() == FactState.magic else { throw .overLimit(at: 0) }
    clock = try reader.readStamp()
    lastAgreed = try reader.readVarint()
    birth = try reader.readUInt64()
    entries = []
    for _ in 0..<(try reader.readCount(limit: 1 << 20, bytes: 2)) {
      var item = ByteReader(try reader.readLengthPrefixed(limit: FactBatch.itemBytesMax))
      entries.append(try RegisterEntry(from: &item))
    }
    log = try LogState(decoding: try reader.readBytes(reader.remaining))
  }
}
