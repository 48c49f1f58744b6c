import Runtime
import Testing

@testable import Gossip

@Suite struct HostilePacketTests {
  /// What a receiver does with a datagram, parts included.
  private func take(_ datagram: [UInt8], _ opener: Opener) -> PacketRefusal? {
    datagram.withUnsafeBytes { bytes in
      do throws(PacketRefusal) {
        var reader = PartReader(try opener.open(bytes, wall: PacketFixture.wall).plaintext)
        while try reader.next() != nil {}
        return nil
      } catch { return error }
    }
  }

  /// A datagram as an adversary without the key would make it: random, or a good one that was changed.
  private func hostile(_ good: [[UInt8]], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = good[Int(random.below(UInt64(good.count)))]
    switch random.below(5) {
    case 0: return .drawn(Int(random.below(80)), &random)
    case 1:
      // A good header before random bytes.
      return Array(bytes.prefix(40)) + .drawn(Int(random.below(60)), &random)
    case 2: bytes.removeLast(1 + Int(random.below(UInt64(bytes.count))))
    case 3:
      // A good header with another salt: what costs the receiver most.
      for at in 16..<32 { bytes[at] = UInt8(truncatingIfNeeded: random.next()) }
    default:
      for _ in 0...random.below(3) { bytes[Int(random.below(UInt64(bytes.count)))] ^= UInt8(1 << random.below(8)) }
    }
    return bytes
  }

  @Test func twoHundredThousandHostilePacketsChangeNothing() {
    var random = SeededRandom(seed: 7)
    let opener = PacketFixture.opener()
    let sealer = PacketFixture.sealer()
    var packer = PartPacker()
    packer.add(.ping) { $0.write(UInt64(1)) }
    packer.add(.rumours) { $0.write(bytes: [1, 2, 3]) }
    let good = (0..<50).map { _ in sealer.seal(packer.bytes, wall: PacketFixture.wall) }
    let bystander = take(sealer.seal(packer.bytes, wall: PacketFixture.wall), opener)
    #expect(bystander == nil && opener.senderCount == 1)
    var counts = PacketRefusalCounts()
    var opened = 0
    for _ in 0..<200_000 {
      let datagram = hostile(good, &random)
      if let refusal = take(datagram, opener) { counts.count(refusal) } else { opened += 1 }
    }
    // A change that undid itself leaves a good one; each counts once.
    #expect(opened <= good.count && counts.total == UInt64(200_000 - opened) && opener.senderCount == 1)
    for reason in [PacketRefusal.Reason.tooShort, .foreign, .futureVersion, .unknownKey, .otherCluster, .damaged] {
      #expect(counts[reason] > 0, "\(reason.label)")
    }
    #expect(counts[.malformed] == 0 && counts[.crowded] == 0)
    let after = take(sealer.seal(packer.bytes, wall: PacketFixture.wall), opener)
    let newcomer = take(PacketFixture.sealer(salt: 2).seal(packer.bytes, wall: PacketFixture.wall), opener)
    #expect(after == nil && newcomer == nil && opener.senderCount == 2)
  }

  @Test func aMemberGoneMadIsReadToTheFirstFaultAndNoFurther() {
    var random = SeededRandom(seed: 8)
    let opener = PacketFixture.opener()
    let sealer = PacketFixture.sealer()
    var malformed = 0
    for _ in 0..<20_000 {
      // Small numbers make kinds and lengths that nearly fit.
      let plaintext = (0..<random.below(60)).map { _ in UInt8(random.below(random.below(8) == 0 ? 256 : 12)) }
      switch take(sealer.seal(plaintext, wall: PacketFixture.wall), opener) {
      case nil: break
      case .malformed: malformed += 1
      case let other?: Issue.record("\(other)")
      }
    }
    #expect(malformed > 1_000 && malformed < 20_000 && opener.senderCount == 1)
  }
}
