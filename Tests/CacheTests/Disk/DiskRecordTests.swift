// Records of the disk tier as bytes: what is written comes back, and what is damaged or another's does not pass.
import Runtime
import Testing

@testable import Cache

@Suite struct DiskRecordTests {
  private let hash = DiskHash(high: 0x0123_4567_89AB_CDEF, low: 42)

  private func record(_ random: inout SeededRandom) -> HeadRecord {
    var record = HeadRecord(number: random.next())
    record.keepUntil = random.next()
    record.bodyGeneration = random.below(100)
    record.bodyBytes = random.below(1 << 40)
    record.chunkBytes = UInt32(16 << 10)
    record.terms = (0..<random.below(129)).map { UInt8(truncatingIfNeeded: $0) }
    record.key = (0...random.below(300)).map { UInt8(truncatingIfNeeded: $0) }
    record.headBytes = UInt32(random.below(2000))
    record.payload = [UInt8](repeating: 7, count: record.plainBytes)
    return record
  }

  @Test func aHeadComesBackAsItWasWritten() throws {
    var random = SeededRandom(seed: 1)
    for _ in 0..<200 {
      let record = record(&random)
      let decoded = try record.encode(hash: hash).withUnsafeBytes { try HeadRecord(decoding: $0, hash: hash) }
      #expect(decoded == record)
    }
  }

  @Test func aRemovalComesBackAsARemoval() throws {
    var record = HeadRecord(number: 9)
    record.isRemoval = true
    let decoded = try record.encode(hash: hash).withUnsafeBytes { try HeadRecord(decoding: $0, hash: hash) }
    #expect(decoded == record)
  }

  @Test func aHeadWithAnyBitTurnedOrAnyTailCutOffIsRefused() {
    var random = SeededRandom(seed: 2)
    var record = record(&random)
    record.bodyBytes = 100
    record.payload = [UInt8](repeating: 7, count: record.plainBytes)
    let bytes = record.encode(hash: hash)
    for _ in 0..<2000 {
      var damaged = bytes
      let at = Int(random.below(UInt64(bytes.count)))
      damaged[at] ^= 1 << UInt8(random.below(8))
      let opened = damaged.withUnsafeBytes { try? HeadRecord(decoding: $0, hash: hash) }
      #expect(opened == nil, "byte \(at)")
      let cut = damaged.prefix(at).withUnsafeBytes { try? HeadRecord(decoding: $0, hash: hash) }
      #expect(cut == nil)
    }
  }

  @Test func aHeadUnderAnotherHashIsRefused() {
    var random = SeededRandom(seed: 3)
    let bytes = record(&random).encode(hash: hash)
    let other = DiskHash(high: hash.high, low: hash.low + 1)
    let opened = bytes.withUnsafeBytes { try? HeadRecord(decoding: $0, hash: other) }
    #expect(opened == nil)
  }

  @Test func anUnknownVersionSaysSo() {
    #expect(throws: RecordFault.version(200)) {
      try [UInt8](repeating: 200, count: 90).withUnsafeBytes { try HeadRecord(decoding: $0, hash: hash) }
    }
  }

  @Test func anyBytesAreDecodedWithoutATrap() {
    var random = SeededRandom(seed: 4)
    for _ in 0..<20_000 {
      var bytes = (0..<random.below(120)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      if !bytes.isEmpty { bytes[0] = HeadRecord.version }
      // With a checksum that fits, the fields themselves are what is hostile.
      let sum = bytes.withUnsafeBytes { StableHash.hash($0, seed: hash.seed) }
      bytes += withUnsafeBytes(of: sum.bigEndian) { Array($0) }
      let record = bytes.withUnsafeBytes { try? HeadRecord(decoding: $0, hash: hash) }
      if let record, !record.isRemoval { #expect(record.payload.count <= record.plainBytes) }
      _ = LayoutNote.decode(bytes)
    }
  }

  @Test func chunksCoverTheBodyOnce() {
    for bytes in [0, 1, 16383, 16384, 16385, 32768, 1_000_000] as [UInt64] {
      var record = HeadRecord(number: 1)
      record.chunkBytes = 16384
      record.bodyBytes = bytes
      let sum = (0..<record.chunkCount).reduce(0) { $0 + record.bytes(ofChunk: $1) }
      #expect(sum == Int(bytes))
      #expect(record.bytes(ofChunk: record.chunkCount) == 0)
      #expect(record.bytes(ofChunk: .max) == 0)
    }
  }

  @Test func aChunkOfAnotherStoringPlaceOrKeyIsRefused() {
    let bytes = ChunkRecord(isCompressed: false, bytes: [1, 2, 3]).encode(hash: hash, entry: 5, index: 6)
    let rows: [(DiskHash, UInt64, UInt32, Bool)] = [
      (hash, 5, 6, true), (hash, 6, 6, false), (hash, 5, 7, false), (DiskHash(high: 1, low: 42), 5, 6, false),
    ]
    for (hash, entry, index, isRight) in rows {
      let opens = bytes.withUnsafeBytes { ChunkRecord.open($0, hash: hash, entry: entry, index: index) != nil }
      #expect(opens == isRight, "entry \(entry), index \(index)")
    }
  }

  @Test func keysOfChunksDifferWhereAnythingDiffers() {
    let keys = [
      hash.chunkKey(entry: 1, index: 1), hash.chunkKey(entry: 1, index: 2), hash.chunkKey(entry: 2, index: 1), hash.headKey,
      DiskHash(high: hash.high, low: 43).chunkKey(entry: 1, index: 1),
    ]
    #expect(Set(keys).count == keys.count)
    #expect(hash.headKey.withUnsafeBytes { DiskHash(headKey: $0) } == hash)
    #expect(hash.chunkKey(entry: 1, index: 1).withUnsafeBytes { DiskHash(headKey: $0) } == nil)
  }

  @Test func theLayoutNoteComesBack() {
    let note = LayoutNote(epoch: 7, keepUntil: [3: 100, 4: .max])
    #expect(LayoutNote.decode(note.encode()) == .note(note))
    #expect(LayoutNote.decode([9]) == .version(9))
    #expect(LayoutNote.decode(Array(note.encode().dropLast())) == .damaged)
    #expect(LayoutNote.decode([]) == .damaged)
  }

  @Test func packingSavesATenthOrIsLeftOut() {
    var random = SeededRandom(seed: 5)
    for count in [0, 100, 256, 5000, 200_000] {
      let noisy = Array(noise(words: count / 8 + 1, &random).prefix(count))
      #expect(DiskPacking.packed(noisy) == nil)
      let text = [UInt8](repeating: 65, count: count)
      guard let packed = DiskPacking.packed(text) else {
        #expect(count < 256)
        continue
      }
      #expect(packed.count * 10 <= text.count * 9)
      let plain = packed.withUnsafeBytes { DiskPacking.plain($0, isCompressed: true, count: count) }
      #expect(plain == text)
      let wrong = packed.withUnsafeBytes { DiskPacking.plain($0, isCompressed: true, count: count - 1) }
      #expect(wrong == nil)
    }
  }
}
