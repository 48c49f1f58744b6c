import Runtime
import Testing

@testable import Gossip

@Suite struct PacketPartsTests {
  private struct Read: Equatable {
    var parts: [String] = []
    var skipped = 0
    var isWhole = true
  }

  private func read(_ plaintext: [UInt8], partsMax: Int = PacketLimits.partsMax) -> Read {
    plaintext.withUnsafeBytes { bytes in
      var result = Read()
      var reader = PartReader(bytes, partsMax: partsMax)
      do throws(PacketRefusal) {
        while let part = try reader.next() { result.parts.append("\(part.kind) \(Array(part.body))") }
      } catch { result.isWhole = false }
      result.skipped = reader.skipped
      return result
    }
  }

  @Test func partsComeBackInOrder() {
    var packer = PartPacker()
    let added = [
      packer.add(.ping) { $0.write(UInt16(258)) }, packer.add(.rumours) { $0.write(bytes: [9]) }, packer.add(.keys) { _ in },
    ]
    #expect(added == [true, true, true] && packer.bytes == [1, 2, 1, 2, 5, 1, 9, 27, 0])
    #expect(read(packer.bytes) == Read(parts: ["ping [1, 2]", "rumours [9]", "keys []"]))
  }

  @Test func numbersOfKindsAreForGood() {
    #expect(
      PartKind.allCases.map(\.rawValue) == [1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34])
  }

  @Test(
    "what a reader does not know it skips, what it cannot read it refuses",
    arguments: [
      ([], [], 0, true), ([200, 1, 2, 7, 7, 3, 0], ["ack []"], 1, true), ([99, 0, 4, 1, 5], ["nack [5]"], 1, true),
      ([1], [], 0, false), ([1, 1], [], 0, false), ([1, 1, 0, 2, 9, 0], ["ping [0]"], 0, false), ([0x80], [], 0, false),
      ([0x81, 0x00, 0], [], 0, false), ([1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [], 0, false),
    ] as [([UInt8], [String], Int, Bool)])
  func reading(plaintext: [UInt8], parts: [String], skipped: Int, isWhole: Bool) {
    #expect(read(plaintext) == Read(parts: parts, skipped: skipped, isWhole: isWhole))
  }

  @Test func tooManyPartsAreRefusedKnownOrNot() {
    let known = [[UInt8]](repeating: [3, 0], count: 6).flatMap(\.self)
    let unknown = [[UInt8]](repeating: [99, 0], count: 6).flatMap(\.self)
    #expect(read(known, partsMax: 6).isWhole && !read(known, partsMax: 5).isWhole)
    #expect(read(unknown, partsMax: 6).skipped == 6 && !read(unknown, partsMax: 5).isWhole)
  }

  @Test func aPartGoesInWholeOrNotAtAll() {
    var packer = PartPacker(limit: 10, partsMax: 3)
    let first = packer.add(.ping) { $0.write(bytes: [1, 2, 3]) }
    let room = packer.room(.ack)
    let tooLarge = packer.add(.ack) { $0.write(bytes: [1, 2, 3, 4]) }
    let before = packer.bytes
    let fits = packer.add(.ack) { $0.write(bytes: [1, 2, 3]) }
    let full = packer.add(.nack) { _ in }
    #expect(first && room == 3 && !tooLarge && before == [1, 3, 1, 2, 3] && fits && !full && packer.count == 10)
    packer.removeAll()
    let many = (0..<4).map { _ in packer.add(.nack) { _ in } }
    #expect(many == [true, true, true, false] && packer.room(.nack) == 0)
  }

  @Test func theRoomIsWhatFits() {
    for limit in 0...300 {
      for used in [0, 1, 60] {
        var packer = PartPacker(limit: limit)
        if used > 0 { packer.add(.ping) { $0.write(bytes: [UInt8](repeating: 0, count: used)) } }
        let room = packer.room(.counters)
        var copy = packer
        let fits = copy.add(.counters) { $0.write(bytes: [UInt8](repeating: 0, count: room)) }
        // A body as long as the writer's room says fits as well.
        var filled = 0
        packer.add(.counters) { writer in
          filled = writer.room
          writer.write(bytes: [UInt8](repeating: 0, count: writer.room))
        }
        #expect((fits || room == 0) && filled == room && packer.bytes == copy.bytes, "\(limit), \(used)")
      }
    }
  }

  @Test("parts fill datagrams in order", arguments: UInt64(0)..<10)
  func datagrams(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let parts = (0..<200).map { _ in
      (
        kind: PartKind.allCases[Int(random.below(UInt64(PartKind.allCases.count)))],
        body: [UInt8].drawn(Int(random.below(random.below(4) == 0 ? 1_298 : 60)), &random)
      )
    }
    let (plaintexts, taken) = PartPacker.plaintexts(parts, plaintextsMax: 1_000)
    #expect(taken == 200 && plaintexts.allSatisfy { $0.count <= 1_300 && !$0.isEmpty })
    #expect(plaintexts.flatMap { read($0).parts } == parts.map { "\($0.kind) \($0.body)" })
    // No datagram had room for the part that begins the next.
    var at = 0
    for plaintext in plaintexts.dropLast() {
      at += read(plaintext).parts.count
      let next = parts[at].body.count
      #expect(plaintext.count + 1 + ByteWriter.varintBytes(UInt64(next)) + next > 1_300)
    }
    let (few, some) = PartPacker.plaintexts(parts, plaintextsMax: 3)
    #expect(few == Array(plaintexts.prefix(3)) && few.map { read($0).parts.count }.reduce(0, +) == some)
  }

  @Test func aPartThatNeverFitsStopsThePacking() {
    let large = [UInt8](repeating: 0, count: 1_298)
    let (plaintexts, taken) = PartPacker.plaintexts([(.ping, [1]), (.counters, large), (.ack, [])], plaintextsMax: 9)
    #expect(plaintexts == [[1, 1, 1]] && taken == 1)
  }
}
