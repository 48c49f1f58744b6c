// What an entry is found by on disk: a 128-bit hash that places it and the whole key that confirms it. How a request becomes a key is
// the semantic heart's.
import Runtime

/// 128 bits of a key, under which the database files its entry.
public struct DiskHash: Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Mixed into checksums, so that a record found under another key does not pass for that key's.
  var seed: UInt64 { high ^ (low << 1 | low >> 63) }

  /// Bytes of a head record's key.
  static let headKeyBytes = 17
  /// Bytes of a chunk record's key.
  static let chunkKeyBytes = 29
  /// Heads lie together, apart from chunks, so that a walk over heads reads no bodies.
  static let headPrefix: UInt8 = 0x68
  static let chunkPrefix: UInt8 = 0x63

  /// The database key of the head record.
  var headKey: [UInt8] {
    var writer = ByteWriter(reserving: DiskHash.headKeyBytes)
    writer.write(DiskHash.headPrefix)
    writer.write(high)
    writer.write(low)
    return writer.bytes
  }

  /// The database key of a body's chunk. The entry's number stands in it, so that chunks of two versions never meet.
  func chunkKey(entry: UInt64, index: UInt32) -> [UInt8] {
    var writer = ByteWriter(reserving: DiskHash.chunkKeyBytes)
    writer.write(DiskHash.chunkPrefix)
    writer.write(high)
    writer.write(low)
    writer.write(entry)
    writer.write(index)
    return writer.bytes
  }

  /// Reads a head record's key back; nil for any other bytes.
  init?(headKey bytes: UnsafeRawBufferPointer) {
    guard bytes.count == DiskHash.headKeyBytes, bytes[0] == DiskHash.headPrefix else { return nil }
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[1...]))
    guard let high = try? reader.readUInt64(), let low = try? reader.readUInt64() else { return nil }
    self.init(high: high, low: low)
  }
}

/// A key whole: two keys that share a hash are still two keys.
public struct DiskKey: Hashable, Sendable {
  public var hash: DiskHash
  /// The unambiguous bytes of the key, 1 to `DiskLimits.keyBytes`.
  public var bytes: [UInt8]

  public init(hash: DiskHash, bytes: [UInt8]) {
    self.hash = hash
    self.bytes = bytes
  }
}

/// Bounds of one entry's parts.
public enum DiskLimits {
  /// Terms, in bytes.
  public static let termsBytes = 128
  /// A key, in bytes.
  public static let keyBytes = 64 << 10
  /// A head, in bytes.
  public static let headBytes = 256 << 10
  /// What the bytes of a body's chunk may be set to.
  public static let chunkBytes = (16 << 10)...(256 << 10)
}
