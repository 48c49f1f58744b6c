// LZ4 around values, where it saves a tenth. RocksDB would compress every value of a blob file, saving or not, and a stored picture would
// be decompressed at every hit.
import CLZ4

enum DiskPacking {
  /// Below this many bytes a block's own overhead eats what it saves.
  private static let bytesMin = 256

  /// The bytes as an LZ4 block if that is a tenth smaller, else nil.
  static func packed(_ plain: [UInt8]) -> [UInt8]? {
    guard plain.count >= bytesMin, plain.count <= Int(LZ4_MAX_INPUT_SIZE) else { return nil }
    let room = plain.count - plain.count / 10
    var written: Int32 = 0
    // SAFETY: LZ4 writes at most `room` bytes, which the array has room for, and gives up with 0 where they do not suffice.
    let block = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      plain.withUnsafeBytes { source in
        buffer.withMemoryRebound(to: CChar.self) { target in
          let bytes = source.bindMemory(to: CChar.self)
          written = LZ4_compress_default(bytes.baseAddress, target.baseAddress, Int32(bytes.count), Int32(room))
        }
      }
      count = Int(max(written, 0))
    }
    return written > 0 ? block : nil
  }

  /// The plain bytes of a stored run; nil if it does not hold exactly `count`.
  static func plain(_ stored: UnsafeRawBufferPointer, isCompressed: Bool, count: Int) -> [UInt8]? {
    if !isCompressed { return stored.count == count ? Array(stored) : nil }
    guard count > 0, count <= Int(Int32.max), stored.count <= Int(Int32.max) else { return nil }
    var written: Int32 = -1
    // SAFETY: LZ4_decompress_safe writes at most `count` bytes, which the array has room for, and reads no further than `stored`.
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      buffer.withMemoryRebound(to: CChar.self) { target in
        let source = stored.bindMemory(to: CChar.self)
        written = LZ4_decompress_safe(source.baseAddress, target.baseAddress, Int32(source.count), Int32(count))
      }
      filled = Int(max(written, 0))
    }
    return Int(written) == count ? bytes : nil
  }
}
