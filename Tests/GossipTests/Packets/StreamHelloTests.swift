import Runtime
import Testing

@testable import Gossip

@Suite struct StreamHelloTests {
  private let hello = StreamHello(key: KeyID(0x0102_0304), cluster: PacketFixture.cluster, salt: PacketSalt(high: 5, low: 6))

  private func read(_ bytes: [UInt8]) -> StreamHello.Opening { bytes.withUnsafeBytes { StreamHello.read($0) } }

  @Test func aHelloComesBackAndItsBeginningIsWaitedFor() {
    #expect(hello.bytes.count == 32 && read(hello.bytes) == .hello(hello) && read(hello.bytes + [1, 2, 3]) == .hello(hello))
    for count in 0..<32 { #expect(read(Array(hello.bytes.prefix(count))) == .incomplete) }
  }

  @Test("a refusal comes back", arguments: StreamRefusal.allCases)
  func refusal(_ refusal: StreamRefusal) {
    var writer = ByteWriter()
    refusal.encode(into: &writer)
    #expect(writer.count == StreamRefusal.byteCount && read(writer.bytes) == .refused(refusal))
    for count in 0..<8 { #expect(read(Array(writer.bytes.prefix(count))) == .incomplete) }
  }

  @Test(
    "what is no hello is told at once",
    arguments: [
      (Array("G".utf8), .foreign), ([0x74, 0x67], .foreign), ([0x74, 0x73, 0], .foreign), ([0x74, 0x73, 2], .futureVersion(2)),
      ([0x74, 0x73, 1, 7], .foreign), ([0x74, 0x73, 1, 1, 99, 0, 0, 0], .foreign), ([0x74, 0x73], .incomplete),
    ] as [([UInt8], StreamHello.Opening)])
  func foreign(bytes: [UInt8], opening: StreamHello.Opening) {
    #expect(read(bytes) == opening)
  }

  @Test func whoIsRefusedIsToldWhy() {
    let ring = KeyRing(ClusterKey(id: KeyID(0x0102_0304), secret: PacketFixture.secret()))
    let stranger = KeyRing(PacketFixture.key(1))
    #expect(hello.refusal(ring: ring, cluster: PacketFixture.cluster) == nil)
    #expect(hello.refusal(ring: stranger, cluster: PacketFixture.cluster) == .unknownKey)
    #expect(hello.refusal(ring: stranger, cluster: ClusterTag(name: "staging")) == .otherCluster)
    var answer = hello
    answer.salt = PacketSalt(high: 1, low: 2)
    #expect(answer.answers(hello))
    answer.key = KeyID(1)
    #expect(!answer.answers(hello))
  }

  @Test func arbitraryBytesAreAnAnswer() {
    var random = SeededRandom(seed: 6)
    for _ in 0..<20_000 {
      var bytes = [UInt8].drawn(Int(random.below(40)), &random)
      for (at, byte) in hello.bytes.prefix(Int(random.below(6))).enumerated() where at < bytes.count { bytes[at] = byte }
      if case .incomplete = read(bytes) { #expect(bytes.count < StreamHello.byteCount) }
    }
  }
}
