// How shared facts are laid out in the parts of a datagram or of a stream. What each fact holds is written beside it; sealing, parts and
// sending are the packets'.
import Runtime

/// The kinds of parts that carry shared facts.
public enum FactPart: UInt64, Sendable, CaseIterable {
  case verdicts = 24
  case registerEntries = 25
  case purges = 26
  case ticketKeys = 27
  /// One hash of each fact; rides on probes.
  case digest = 28
  case registerDigest = 29
  case logSummary = 30
  case verdictDigest = 31
  /// At the head of an exchange over a stream: who asks, and who answers, with what flags.
  case question = 32
  case answer = 33
  /// Entries of the log that the sender has applied, to who appended them.
  case receipts = 34
}

/// One of several facts in a part. A value out of its range is `ByteReadError.overLimit`.
public protocol FactItem: Sendable {
  func encode(into writer: inout ByteWriter)
  /// Reads what this version knows; what a later version wrote behind it is left unread.
  init(from reader: inout ByteReader) throws(ByteReadError)
}

/// A body of many items: a count (2 bytes), then each behind its length (varint), so that a reader passes over fields that it does
/// not know; it ignores what follows the last.
public enum FactBatch {
  /// The longest item, in bytes: with its length it fits a datagram.
  public static let itemBytesMax = 1_240

  /// Writes as many items as fit.
  /// - Returns: how many of them, from the first on.
  public static func encode<Item: FactItem>(_ items: some Sequence<Item>, into writer: inout ByteWriter) -> Int {
    let start = writer.count
    writer.write(UInt16(0))
    if writer.isOverflowed {
      writer.rewind(to: start)
      return 0
    }
    var count = 0
    var item = ByteWriter(limit: itemBytesMax)
    for next in items where count < Int(UInt16.max) {
      item.removeAll()
      next.encode(into: &item)
      let mark = writer.count
      writer.writeLengthPrefixed(item.bytes)
      if item.isOverflowed || writer.isOverflowed {
        writer.rewind(to: mark)
        break
      }
      count += 1
    }
    writer.patch(UInt16(count), at: start)
    return count
  }

  /// - Throws: where and why the body is not one; then none of it counts.
  public static func decode<Item: FactItem>(_: Item.Type, _ body: UnsafeRawBufferPointer) throws(ByteReadError) -> [Item] {
    var reader = ByteReader(body)
    let count = Int(try reader.readUInt16())
    // An item takes up a byte at least, so that a count alone makes nobody reserve memory.
    if count > reader.remaining { throw .overLimit(at: 0) }
    var items: [Item] = []
    for _ in 0..<count {
      var item = ByteReader(try reader.readLengthPrefixed(limit: itemBytesMax))
      items.append(try Item(from: &item))
    }
    return items
  }

  /// Bytes of an item in a body, its length included.
  public static func bytes(of item: some FactItem) -> Int {
    var writer = ByteWriter(limit: itemBytesMax)
    item.encode(into: &writer)
    return writer.count + ByteWriter.varintBytes(UInt64(writer.count))
  }
}

/// Reads an array's bytes. What is read has to be copied out of them.
func reading<Value>(
  _ bytes: [UInt8], _ read: (UnsafeRawBufferPointer) throws(ByteReadError) -> Value
) throws(ByteReadError) -> Value {
  // SAFETY: the array outlives the call; what is read is copied out of it.
  let result = bytes.withUnsafeBytes { body in
    Result { () throws(ByteReadError) in try read(body) }
  }
  return try result.get()
}

extension ByteWriter {
  mutating func write(_ member: MemberID) { write(member.value) }
  mutating func write(_ stamp: HybridStamp) { write(stamp.value) }
  mutating func write(_ version: WriteVersion) {
    write(version.stamp)
    write(version.writer)
  }
}

extension ByteReader {
  mutating func readMember() throws(ByteReadError) -> MemberID { MemberID(try readUInt64()) }
  mutating func readStamp() throws(ByteReadError) -> HybridStamp { HybridStamp(try readUInt64()) }
  mutating func readVersion() throws(ByteReadError) -> WriteVersion {
    let stamp = try readStamp()
    return WriteVersion(stamp, by: try readMember())
  }

  /// A count of things of which each takes up `bytes` at least.
  mutating func readCount(limit: Int, bytes: Int) throws(ByteReadError) -> Int {
    let start = position
    let count = try readVarint()
    guard count <= UInt64(limit), Int(count) * bytes <= remaining else { throw .overLimit(at: start) }
    return Int(count)
  }
}
