// A stored response on its way from one node to another: what its entry consists of, as bytes. Who asks for it and who keeps it is
// CacheService's.
import Cache
import Runtime

/// A stored response as another node is given it.
struct CopyRecord: Equatable {
  var status: Int
  var edition: UInt32
  /// By the clock of the node that gives it.
  var terms: CacheTerms
  var now: Int64
  /// Status line and field lines, without framing and without the blank line.
  var head: [UInt8]
  /// The index under the key, where the response is one of its variants; else empty.
  var index: [UInt8]
  var body: [UInt8]

  private static let version: UInt8 = 1
  private static let headBytesMax = 1 << 17
  private static let indexBytesMax = 1 << 16

  /// Everything before the body.
  func encodeHead() -> [UInt8] {
    var writer = ByteWriter(reserving: 128 + head.count + index.count)
    writer.write(CopyRecord.version)
    writer.write(UInt16(truncatingIfNeeded: status))
    writer.write(edition)
    writer.write(UInt64(bitPattern: now))
    terms.encode(into: &writer)
    writer.writeLengthPrefixed(head)
    writer.writeLengthPrefixed(index)
    return writer.bytes
  }

  init(status: Int, edition: UInt32, terms: CacheTerms, now: Int64, head: [UInt8], index: [UInt8], body: [UInt8]) {
    self.status = status
    self.edition = edition
    self.terms = terms
    self.now = now
    self.head = head
    self.index = index
    self.body = body
  }

  /// nil for what is none.
  init?(_ bytes: [UInt8]) {
    let record: CopyRecord? = bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      do throws(ByteReadError) {
        guard try reader.readUInt8() == CopyRecord.version else { return nil }
        let status = Int(try reader.readUInt16())
        let edition = try reader.readUInt32()
        let now = Int64(bitPattern: try reader.readUInt64())
        guard let terms = CacheTerms(decoding: &reader) else { return nil }
        let head = Array(try reader.readLengthPrefixed(limit: CopyRecord.headBytesMax))
        let index = Array(try reader.readLengthPrefixed(limit: CopyRecord.indexBytesMax))
        let body = Array(try reader.readBytes(reader.remaining))
        return CopyRecord(status: status, edition: edition, terms: terms, now: now, head: head, index: index, body: body)
      } catch { return nil }
    }
    guard let record, (200...599).contains(record.status), record.status != 206, record.status != 304 else { return nil }
    let fields = HeadFields(head: record.head)
    guard !fields.isBroken, fields.status == record.status else { return nil }
    self = record
  }

  /// The terms by another clock: the response is as old there, at a moment before it was given, as it was here when it was given.
  /// - Parameter asked: when it was asked for, by that clock.
  func terms(askedAt asked: Int64) -> CacheTerms {
    var moved = terms
    let shift = asked &- now
    moved.requestTime = moved.requestTime &+ shift
    moved.responseTime = moved.responseTime &+ shift
    return moved
  }
}

/// What an entry's flags say of it besides the status.
enum CopyMark {
  /// Kept in case its owner is lost. It is served by nobody who has not asked whether it may be.
  static let replica: UInt32 = 1 << 30
  /// Kept for a moment, as long as its owner knows of it.
  static let lease: UInt32 = 1 << 29
  static let any = replica | lease

  /// The bits above the status say how many bytes of the key are a variant's own.
  static func variant(_ count: Int) -> UInt32 { UInt32(min(count, 0x1fff)) << 16 }

  /// nil where they are too many to be said.
  static func variantBytes(_ flags: UInt32) -> Int? {
    let count = Int(flags >> 16 & 0x1fff)
    return count == 0x1fff ? nil : count
  }
}

extension EntryTerms {
  /// Drawn when a response is stored and kept by its copies; 0: unknown.
  var edition: UInt32 {
    get { UInt32(truncatingIfNeeded: word7 >> 32) }
    set { word7 = word7 & 0xffff_ffff | UInt64(newValue) << 32 }
  }
}
