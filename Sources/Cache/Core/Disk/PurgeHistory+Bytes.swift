// A purge history as bytes: a header, then a line for each purge, appended as they are made. Files are the driver's.
import Runtime

extension PurgeHistory {
  private static let magic: UInt64 = 0x5447_5055_5247_4531
  static let headerBytes = 40
  /// Bytes of a line besides its purge.
  private static let lineBytes = 27

  /// Magic (8), id (8), position (8), floor (8), XXH64 of all before it (8).
  private var header: [UInt8] {
    var writer = ByteWriter(reserving: PurgeHistory.headerBytes)
    for word in [PurgeHistory.magic, id, position, floor] { writer.write(word) }
    writer.write(writer.bytes.withUnsafeBytes { StableHash.hash($0) })
    return writer.bytes
  }

  /// A line that can be appended: position (8), soft (1), stamp (8), length (2), purge, XXH64 of all before it, seeded by the id (8).
  func line(_ purge: Purge, at position: UInt64) -> [UInt8] {
    let bytes = purge.encoded
    var writer = ByteWriter(reserving: PurgeHistory.lineBytes + bytes.count)
    writer.write(position)
    writer.write(UInt8(purge.isSoft ? 1 : 0))
    writer.write(UInt64(bitPattern: purge.stamp))
    writer.write(UInt16(bytes.count))
    writer.write(bytes: bytes)
    writer.write(writer.bytes.withUnsafeBytes { StableHash.hash($0, seed: id) })
    return writer.bytes
  }

  /// All of it, as short as it can be.
  var encoded: [UInt8] {
    var bytes = header
    for line in lines {
      var purge = line.purge
      purge.isSoft = true
      if line.soft > 0 {
        purge.stamp = line.since
        bytes += self.line(purge, at: line.soft)
      }
      purge.isSoft = false
      if line.hard > 0 { bytes += self.line(purge, at: line.hard) }
    }
    return bytes
  }

  /// nil for anything but a history that is whole: what is behind damage cannot be known.
  init?(decoding bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= PurgeHistory.headerBytes else { return nil }
    var reader = ByteReader(bytes)
    let covered = UnsafeRawBufferPointer(rebasing: bytes[..<(PurgeHistory.headerBytes - 8)])
    do throws(ByteReadError) {
      guard try reader.readUInt64() == PurgeHistory.magic else { return nil }
      self.init(id: try reader.readUInt64(), position: try reader.readUInt64(), floor: try reader.readUInt64())
      guard try reader.readUInt64() == StableHash.hash(covered) else { return nil }
      while reader.remaining > 0 { try read(&reader, of: bytes) }
    } catch {
      return nil
    }
  }

  private mutating func read(_ reader: inout ByteReader, of bytes: UnsafeRawBufferPointer) throws(ByteReadError) {
    let start = reader.position
    let at = try reader.readUInt64()
    let isSoft = try reader.readUInt8()
    let stamp = Int64(bitPattern: try reader.readUInt64())
    let text = Array(try reader.readBytes(Int(try reader.readUInt16())))
    let covered = UnsafeRawBufferPointer(rebasing: bytes[start..<reader.position])
    guard try reader.readUInt64() == StableHash.hash(covered, seed: id), isSoft <= 1 else { throw .overLimit(at: start) }
    guard var purge = Purge(decoding: text, stamp: stamp) else { throw .overLimit(at: start) }
    purge.isSoft = isSoft == 1
    take(purge, at: at)
  }
}
