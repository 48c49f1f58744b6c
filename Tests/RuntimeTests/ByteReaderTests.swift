import Runtime
import Testing

@Suite("Byte reader and writer")
struct ByteReaderTests {
  @discardableResult
  private func reading<T>(_ bytes: [UInt8], _ body: (inout ByteReader) throws -> T) rethrows -> T {
    try bytes.withUnsafeBytes { view in
      var reader = ByteReader(view)
      return try body(&reader)
    }
  }

  @Test("integers are big-endian on the wire")
  func bigEndian() throws {
    var writer = ByteWriter()
    writer.write(UInt8(1))
    writer.write(UInt16(0x0203))
    writer.write(UInt32(0x0405_0607))
    writer.write(UInt64(0x0809_0A0B_0C0D_0E0F))
    #expect(writer.bytes == Array(1...15))
    try reading(writer.bytes) { reader in
      #expect(try reader.readUInt8() == 1)
      #expect(try reader.readUInt16() == 0x0203)
      #expect(try reader.readUInt32() == 0x0405_0607)
      #expect(try reader.readUInt64() == 0x0809_0A0B_0C0D_0E0F)
      try reader.expectEnd()
    }
  }

  @Test(
    "varints have the lengths of LEB128",
    arguments: [
      (UInt64(0), [UInt8(0)]), (127, [0x7F]), (128, [0x80, 0x01]), (300, [0xAC, 0x02]), (16_383, [0xFF, 0x7F]),
      (1 << 63, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
      (.max, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
    ] as [(UInt64, [UInt8])])
  func varint(value: UInt64, bytes: [UInt8]) throws {
    var writer = ByteWriter()
    writer.writeVarint(value)
    #expect(writer.bytes == bytes)
    #expect(ByteWriter.varintBytes(value) == bytes.count)
    #expect(try reading(bytes) { try $0.readVarint() } == value)
  }

  @Test(
    "varints that are too long or not in shortest form are refused, and the position stays",
    arguments: [
      [0x80, 0x00], [0xFF, 0x80, 0x00], [UInt8](repeating: 0x80, count: 9) + [0x02], [UInt8](repeating: 0xFF, count: 10) + [0x01],
      [UInt8](repeating: 0x80, count: 9) + [0x00],
    ])
  func malformedVarint(bytes: [UInt8]) {
    reading(bytes) { reader in
      #expect(throws: ByteReadError.malformedVarint(at: 0)) { try reader.readVarint() }
      #expect(reader.position == 0)
    }
  }

  private enum Item: Equatable {
    case u8(UInt8), u16(UInt16), u32(UInt32), u64(UInt64), double(UInt64), varint(UInt64), signed(Int64), bytes([UInt8]), text(String)
  }

  private func randomItem(_ random: inout SeededRandom) -> Item {
    let word = random.next() >> random.below(64)
    switch random.below(9) {
    case 0: return .u8(UInt8(truncatingIfNeeded: word))
    case 1: return .u16(UInt16(truncatingIfNeeded: word))
    case 2: return .u32(UInt32(truncatingIfNeeded: word))
    case 3: return .u64(word)
    case 4: return .double(random.next())
    case 5: return .varint(word)
    case 6: return .signed(Int64(bitPattern: random.below(2) == 0 ? word : ~word))
    case 7: return .bytes((0..<random.below(300)).map { UInt8(truncatingIfNeeded: $0) })
    default: return .text(String(repeating: "aé€𝄞", count: Int(random.below(5))))
    }
  }

  private func write(_ item: Item, to writer: inout ByteWriter) {
    switch item {
    case .u8(let value): writer.write(value)
    case .u16(let value): writer.write(value)
    case .u32(let value): writer.write(value)
    case .u64(let value): writer.write(value)
    case .double(let bits): writer.write(Double(bitPattern: bits))
    case .varint(let value): writer.writeVarint(value)
    case .signed(let value): writer.writeSignedVarint(value)
    case .bytes(let value): writer.writeLengthPrefixed(value)
    case .text(let value): writer.write(string: value)
    }
  }

  private func read(like item: Item, from reader: inout ByteReader) throws(ByteReadError) -> Item {
    switch item {
    case .u8: .u8(try reader.readUInt8())
    case .u16: .u16(try reader.readUInt16())
    case .u32: .u32(try reader.readUInt32())
    case .u64: .u64(try reader.readUInt64())
    case .double: .double(try reader.readDouble().bitPattern)
    case .varint: .varint(try reader.readVarint())
    case .signed: .signed(try reader.readSignedVarint())
    case .bytes: .bytes(Array(try reader.readLengthPrefixed(limit: 300)))
    case .text: .text(try reader.readString(limit: 100))
    }
  }

  @Test("what is written is read back, and every truncation is refused without moving or trapping", arguments: 1...20)
  func roundTripAndTruncation(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let items = (0..<40).map { _ in randomItem(&random) }
    var writer = ByteWriter()
    for item in items { write(item, to: &writer) }
    for length in 0...writer.count {
      reading(Array(writer.bytes[..<length])) { reader in
        var whole = 0
        while whole < items.count {
          let before = reader.position
          do throws(ByteReadError) {
            #expect(try read(like: items[whole], from: &reader) == items[whole])
          } catch {
            #expect(error == .truncated(at: before) && reader.position == before)
            break
          }
          whole += 1
        }
        #expect((whole == items.count) == (length == writer.count))
      }
    }
  }

  @Test("reading noise never traps", arguments: 1...50)
  func noise(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let bytes = (0..<200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    reading(bytes) { reader in
      for _ in 0..<100 {
        let before = reader.position
        if (try? read(like: randomItem(&random), from: &reader)) == nil { #expect(reader.position == before) }
        #expect(reader.position <= bytes.count)
      }
    }
  }

  @Test("lengths beyond the limit, negative counts, bad UTF-8 and left-over bytes are errors")
  func errors() {
    reading([5, 1, 2, 3, 4, 5]) { reader in
      #expect(throws: ByteReadError.overLimit(at: 0)) { try reader.readLengthPrefixed(limit: 4) }
      #expect(throws: ByteReadError.truncated(at: 0)) { try reader.readBytes(-1) }
      #expect(throws: ByteReadError.truncated(at: 0)) { try reader.readBytes(.max) }
      #expect(throws: ByteReadError.trailingBytes(at: 0)) { try reader.expectEnd() }
    }
    reading([2, 0xC3, 0x28]) { reader in
      #expect(throws: ByteReadError.invalidUTF8(at: 0)) { try reader.readString(limit: 9) }
      #expect(reader.position == 0)
    }
    reading([UInt8](repeating: 0xFF, count: 9) + [0x01]) { reader in
      #expect(throws: ByteReadError.overLimit(at: 0)) { try reader.readLengthPrefixed(limit: .max) }
    }
    reading([UInt8](repeating: 0xFF, count: 8) + [0x7F]) { reader in
      #expect(throws: ByteReadError.truncated(at: 0)) { try reader.readLengthPrefixed(limit: .max) }
    }
  }

  @Test("a writer refuses whole what passes its limit, stays overflowed, and recovers by rewinding")
  func limit() {
    var writer = ByteWriter(limit: 8)
    writer.write(UInt32(1))
    let mark = writer.count
    writer.write(UInt16(2))
    writer.writeLengthPrefixed([1, 2])
    #expect(writer.isOverflowed && writer.count == 6)
    writer.write(UInt8(3))
    #expect(writer.count == 6)
    writer.rewind(to: mark)
    #expect(!writer.isOverflowed && writer.room == 4)
    writer.writeLengthPrefixed([7, 8, 9])
    #expect(!writer.isOverflowed && writer.bytes == [0, 0, 0, 1, 3, 7, 8, 9])
    writer.patch(UInt16(0xABCD), at: 2)
    #expect(writer.bytes == [0, 0, 0xAB, 0xCD, 3, 7, 8, 9])
  }
}
