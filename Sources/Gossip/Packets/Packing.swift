// Owns: the calls into liblz4, for state that is larger than a datagram. What is worth packing is the caller's: never secrets beside
// what others may choose, since the packed size tells of both.
import CLZ4
import Runtime

/// Why packed bytes cannot be unpacked. Always the sender's fault.
public enum PackingFault: Error, Equatable, Sendable {
  /// The size that they claim is above the limit, or more than so few bytes can make.
  case overLimit
  /// They are no LZ4 block of the size that they claim.
  case damaged
}

/// A varint of the unpacked size and an LZ4 block (lz4_Block_format.md of the LZ4 project).
public enum Packing {
  /// - Returns: the packed bytes; nil when they would not be fewer, or when there are more than liblz4 takes (2 GB).
  public static func pack(_ plain: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let start = plain.baseAddress, plain.count <= Int(LZ4_MAX_INPUT_SIZE) else { return nil }
    var head = ByteWriter(limit: 10)
    head.writeVarint(UInt64(plain.count))
    let room = plain.count - head.count
    guard room > 0 else { return nil }
    let packed = [UInt8](unsafeUninitializedCapacity: plain.count) { target, count in
      for (at, byte) in head.bytes.enumerated() { target[at] = byte }
      // SAFETY: liblz4 writes at most `room` bytes behind the head, and gives 0 when the block would be longer.
      let out = UnsafeMutableRawPointer(target.baseAddress! + head.count).assumingMemoryBound(to: CChar.self)
      let made = LZ4_compress_default(start.assumingMemoryBound(to: CChar.self), out, Int32(plain.count), Int32(room))
      count = made > 0 ? head.count + Int(made) : 0
    }
    return packed.isEmpty || packed.count >= plain.count ? nil : packed
  }

  /// - Parameters:
  ///   - packed: any bytes at all.
  ///   - bytesMax: the greatest unpacked size; checked before anything is allocated.
  public static func unpack(_ packed: UnsafeRawBufferPointer, bytesMax: Int) throws(PackingFault) -> [UInt8] {
    var reader = ByteReader(packed)
    let claimed: UInt64
    do throws(ByteReadError) { claimed = try reader.readVarint() } catch { throw .damaged }
    // A byte of an LZ4 block makes 255 bytes at most: a length that goes on.
    guard claimed <= UInt64(max(bytesMax, 0)), claimed <= UInt64(LZ4_MAX_INPUT_SIZE), claimed <= UInt64(reader.remaining) * 256 else {
      throw .overLimit
    }
    let block = UnsafeRawBufferPointer(rebasing: packed[reader.position...])
    guard let start = block.baseAddress, claimed > 0, block.count <= Int(LZ4_MAX_INPUT_SIZE) else { throw .damaged }
    let size = Int(claimed)
    let plain = [UInt8](unsafeUninitializedCapacity: size) { target, count in
      // SAFETY: liblz4's safe decoder reads within the block and writes within `size` bytes, whatever the block says.
      let out = UnsafeMutableRawPointer(target.baseAddress!).assumingMemoryBound(to: CChar.self)
      let made = LZ4_decompress_safe(start.assumingMemoryBound(to: CChar.self), out, Int32(block.count), Int32(size))
      count = Int(made) == size ? size : 0
    }
    if plain.isEmpty { throw .damaged }
    return plain
  }
}
