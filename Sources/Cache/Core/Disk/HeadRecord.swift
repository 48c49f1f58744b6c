// The record that makes an entry valid: what the entry is, which chunks belong to it, its head and its body's first chunk, under one
// checksum. Compression and the database are the driver's.
import Runtime

/// Why a record is not taken for an entry.
enum RecordFault: Error, Equatable {
  /// A version that this build does not know.
  case version(UInt8)
  /// The checksum, a length or a count does not fit.
  case damaged
}

/// One head record.
///
/// Layout, integers big-endian: version (1), flags (1), entry number (8), keep until (8), generation of the chunks (8), body bytes (8),
/// chunk bytes (4), terms (1 + n), key (4 + n), head bytes (4), payload (4 + n), XXH64 of all before it, seeded by the hash (8).
/// The payload is the head and the first chunk, together and perhaps compressed.
struct HeadRecord: Equatable {
  static let version: UInt8 = 1
  /// Bytes besides terms, key and payload.
  static let fixedBytes = 1 + 1 + 8 + 8 + 8 + 8 + 4 + 1 + 4 + 4 + 4 + 8

  /// Which storing this is; no two storings of a database share a number.
  var number: UInt64
  /// A removed key: the record hides entries in older generations and holds nothing.
  var isRemoval = false
  /// The payload is an LZ4 block.
  var isCompressed = false
  /// Seconds since 1970 after which the entry is of no use to anybody.
  var keepUntil: UInt64 = .max
  /// The generation that holds chunks 1 and up.
  var bodyGeneration: UInt64 = 0
  var bodyBytes: UInt64 = 0
  var chunkBytes: UInt32 = 0
  var terms: [UInt8] = []
  var key: [UInt8] = []
  var headBytes: UInt32 = 0
  var payload: [UInt8] = []

  /// Bytes of the body that the payload holds.
  var firstBytes: Int { Int(min(bodyBytes, UInt64(chunkBytes))) }
  /// Bytes of the payload once it is no longer compressed.
  var plainBytes: Int { Int(headBytes) + firstBytes }
  /// Chunks of the body, the first included.
  var chunkCount: UInt64 { chunkBytes == 0 ? 0 : bodyBytes / UInt64(chunkBytes) + (bodyBytes % UInt64(chunkBytes) == 0 ? 0 : 1) }

  /// Bytes of a chunk, by its index.
  func bytes(ofChunk index: UInt64) -> Int {
    let (start, overflow) = index.multipliedReportingOverflow(by: UInt64(chunkBytes))
    guard !overflow, start < bodyBytes else { return 0 }
    return Int(min(bodyBytes - start, UInt64(chunkBytes)))
  }

  func encode(hash: DiskHash) -> [UInt8] {
    precondition(terms.count <= DiskLimits.termsBytes && key.count <= DiskLimits.keyBytes, "terms \(terms.count), key \(key.count) bytes")
    var writer = ByteWriter(reserving: HeadRecord.fixedBytes + terms.count + key.count + payload.count)
    writer.write(HeadRecord.version)
    writer.write(UInt8((isRemoval ? 1 : 0) | (isCompressed ? 2 : 0)))
    writer.write(number)
    writer.write(keepUntil)
    writer.write(bodyGeneration)
    writer.write(bodyBytes)
    writer.write(chunkBytes)
    writer.write(UInt8(terms.count))
    writer.write(bytes: terms)
    writer.write(UInt32(key.count))
    writer.write(bytes: key)
    writer.write(headBytes)
    writer.write(UInt32(payload.count))
    writer.write(bytes: payload)
    writer.write(writer.bytes.withUnsafeBytes { StableHash.hash($0, seed: hash.seed) })
    return writer.bytes
  }

  init(number: UInt64) { self.number = number }

  /// Takes a record apart and copies its payload too.
  /// - Parameter hash: the hash under which the record was found.
  init(decoding bytes: UnsafeRawBufferPointer, hash: DiskHash) throws(RecordFault) {
    let view: UnsafeRawBufferPointer
    (self, view) = try HeadRecord.open(bytes, hash: hash)
    payload = Array(view)
  }

  /// Takes a record apart.
  /// - Parameter hash: the hash under which the record was found.
  /// - Returns: the record with its payload left empty, and the payload as a view into `bytes`.
  static func open(_ bytes: UnsafeRawBufferPointer, hash: DiskHash) throws(RecordFault) -> (HeadRecord, UnsafeRawBufferPointer) {
    guard let version = bytes.first else { throw .damaged }
    guard version == HeadRecord.version else { throw .version(version) }
    guard bytes.count >= HeadRecord.fixedBytes else { throw .damaged }
    // The checksum first: lengths of a damaged record are not worth a look.
    let covered = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)])
    var tail = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - 8)...]))
    guard (try? tail.readUInt64()) == StableHash.hash(covered, seed: hash.seed) else { throw .damaged }
    var record = HeadRecord(number: 0)
    let payload: UnsafeRawBufferPointer
    do {
      payload = try record.read(covered)
    } catch {
      throw .damaged
    }
    guard record.isPlausible(payload: payload.count) else { throw .damaged }
    return (record, payload)
  }

  private func isPlausible(payload count: Int) -> Bool {
    if isRemoval { return bodyBytes == 0 && count == 0 }
    guard !key.isEmpty, headBytes <= UInt32(DiskLimits.headBytes), DiskLimits.chunkBytes.contains(Int(chunkBytes)) else { return false }
    guard chunkCount <= UInt64(UInt32.max) else { return false }
    return isCompressed ? count < plainBytes : count == plainBytes
  }

  private mutating func read(_ fields: UnsafeRawBufferPointer) throws(ByteReadError) -> UnsafeRawBufferPointer {
    var reader = ByteReader(fields)
    try reader.skip(1)
    let flags = try reader.readUInt8()
    guard flags & ~3 == 0 else { throw .notAllowed(at: 1) }
    isRemoval = flags & 1 != 0
    isCompressed = flags & 2 != 0
    number = try reader.readUInt64()
    keepUntil = try reader.readUInt64()
    bodyGeneration = try reader.readUInt64()
    bodyBytes = try reader.readUInt64()
    chunkBytes = try reader.readUInt32()
    terms = Array(try reader.readBytes(Int(try reader.readUInt8())))
    guard terms.count <= DiskLimits.termsBytes else { throw .overLimit(at: reader.position) }
    let keyBytes = try reader.readUInt32()
    guard keyBytes <= UInt32(DiskLimits.keyBytes) else { throw .overLimit(at: reader.position) }
    key = Array(try reader.readBytes(Int(keyBytes)))
    headBytes = try reader.readUInt32()
    let payload = try reader.readBytes(Int(try reader.readUInt32()))
    try reader.expectEnd()
    return payload
  }
}
