import Runtime
import Testing

@testable import Gossip

@Suite struct PackingTests {
  private func pack(_ bytes: [UInt8]) -> [UInt8]? { bytes.withUnsafeBytes { Packing.pack($0) } }

  private func unpack(_ bytes: [UInt8], bytesMax: Int = 100_000) -> Result<[UInt8], PackingFault> {
    bytes.withUnsafeBytes { view in
      do throws(PackingFault) { return .success(try Packing.unpack(view, bytesMax: bytesMax)) } catch { return .failure(error) }
    }
  }

  @Test func whatRepeatsGetsSmallerAndComesBack() {
    var random = SeededRandom(seed: 3)
    for count in [100, 4_000, 65_000] {
      let plain = (0..<count).map { _ in UInt8(random.below(3)) }
      let packed = pack(plain)
      let back = packed.map { unpack($0, bytesMax: count) }
      #expect((packed?.count ?? .max) < count && back == .success(plain))
    }
  }

  @Test func whatDoesNotGetSmallerIsNotPacked() {
    var random = SeededRandom(seed: 4)
    #expect(pack([]) == nil && pack([1]) == nil && pack([1, 2, 3]) == nil)
    for count in [64, 1_000, 60_000] { #expect(pack(.drawn(count, &random)) == nil) }
  }

  @Test func sizesAreCheckedBeforeMemoryIsTaken() throws {
    let packed = try #require(pack([UInt8](repeating: 1, count: 1_000)))
    #expect(unpack(packed, bytesMax: 999) == .failure(.overLimit))
    // 2^62 claimed by three bytes, and 100,000 claimed by three bytes under a limit that allows it.
    for claim in [UInt64(1) << 62, .max, 100_000] {
      var writer = ByteWriter()
      writer.writeVarint(claim)
      writer.write(bytes: [0x1f, 0, 1])
      #expect(unpack(writer.bytes) == .failure(.overLimit))
    }
    #expect(unpack([]) == .failure(.damaged) && unpack([0]) == .failure(.damaged) && unpack([0, 0]) == .failure(.damaged))
    #expect(unpack([0x80]) == .failure(.damaged) && unpack([5, 0x50, 1, 2]) == .failure(.damaged))
  }

  @Test func damagedBytesAreAnAnswer() throws {
    var random = SeededRandom(seed: 5)
    let plain = (0..<5_000).map { _ in UInt8(random.below(4)) }
    let packed = try #require(pack(plain))
    var refused = 0
    for _ in 0..<3_000 {
      var changed = packed
      for _ in 0...random.below(4) { changed[Int(random.below(UInt64(changed.count)))] = UInt8(truncatingIfNeeded: random.next()) }
      if random.below(3) == 0 { changed.removeLast(Int(random.below(UInt64(changed.count)))) }
      switch unpack(changed, bytesMax: 6_000) {
      case .success(let bytes): #expect(bytes.count <= 6_000)
      case .failure: refused += 1
      }
    }
    #expect(refused > 1_000)
  }
}
