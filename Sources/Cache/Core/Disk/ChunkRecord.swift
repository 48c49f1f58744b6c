// One chunk of a body as it lies on disk: a flag, the bytes, a checksum seeded by the storing and the place, so that a chunk of another
// version or another place does not pass. Compression is the driver's.
import Runtime

/// A chunk record: flags (1; bit 0: an LZ4 block), bytes, XXH64 of all before it (8).
struct ChunkRecord: Equatable {
  static let fixedBytes = 9

  var isCompressed: Bool
  var bytes: [UInt8]

  private static func seed(hash: DiskHash, entry: UInt64, index: UInt32) -> UInt64 {
    StableHash.avalanche(hash.seed ^ StableHash.avalanche(entry)) &+ UInt64(index)
  }

  func encode(hash: DiskHash, entry: UInt64, index: UInt32) -> [UInt8] {
    var writer = ByteWriter(reserving: ChunkRecord.fixedBytes + bytes.count)
    writer.write(UInt8(isCompressed ? 1 : 0))
    writer.write(bytes: bytes)
    let seed = ChunkRecord.seed(hash: hash, entry: entry, index: index)
    writer.write(writer.bytes.withUnsafeBytes { StableHash.hash($0, seed: seed) })
    return writer.bytes
  }

  /// Looks at a record without copying it.
  /// - Returns: the stored bytes as a view into `record`, and whether they are compressed; nil if it is damaged or not this chunk's.
  static func open(
    _ record: UnsafeRawBufferPointer, hash: DiskHash, entry: UInt64, index: UInt32
  ) -> (bytes: UnsafeRawBufferPointer, isCompressed: Bool)? {
    guard record.count >= fixedBytes, record[0] <= 1 else { return nil }
    let covered = UnsafeRawBufferPointer(rebasing: record[..<(record.count - 8)])
    var tail = ByteReader(UnsafeRawBufferPointer(rebasing: record[(record.count - 8)...]))
    guard (try? tail.readUInt64()) == StableHash.hash(covered, seed: seed(hash: hash, entry: entry, index: index)) else { return nil }
    return (UnsafeRawBufferPointer(rebasing: covered[1...]), record[0] == 1)
  }
}
