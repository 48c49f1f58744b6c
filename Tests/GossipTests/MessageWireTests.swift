import Runtime
import Testing

@testable import Gossip

@Suite struct MessageWireTests {
  private static let record = MemberRecord(
    name: "ørsted", peer: SocketAddress(ipv4: 0x7f00_0001, port: 7946),
    client: SocketAddress(ipv6High: 0x2001_0db8_0000_0000, low: 7, port: 443), admin: SocketAddress(ipv4: 9, port: 1), zone: "eu-1a",
    weightPercent: 250, build: "0.1.0", isDraining: true, revision: .max)

  private static let rumour = Rumour(MemberID(3), MemberVersion(generation: 1 << 40, incarnation: 300), .suspect, origin: MemberID(9))

  static let messages: [Message] = [
    .ping(number: 1, from: MemberID(2), target: MemberID(3), digest: 4),
    .ping(number: .max, from: MemberID(.max), target: nil, digest: .max),
    .pingRequest(number: 5, from: MemberID(6), target: MemberID(7)), .ack(number: 8, from: MemberID(9), digest: 10),
    .nack(number: 11, from: MemberID(12)), .rumours([]),
    .rumours([rumour, Rumour(MemberID(1), rumour.version, .left, origin: MemberID(1))]),
    .statements([
      MemberStatement(rumour, record), MemberStatement(rumour, MemberRecord(name: "", peer: SocketAddress(ipv4: 1, port: 0))),
    ]),
  ]

  private func encoded(_ message: Message) -> [UInt8] {
    var writer = ByteWriter()
    message.encode(into: &writer)
    return writer.bytes
  }

  private func decoded(_ kind: UInt64, _ bytes: [UInt8]) throws(ByteReadError) -> Message? {
    // SAFETY: the message that is read holds no view into the bytes.
    let result = bytes.withUnsafeBytes { raw -> Result<Message?, ByteReadError> in
      do throws(ByteReadError) { return .success(try Message(kind: kind, raw)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  @Test("what is written is read", arguments: messages)
  func roundTrip(_ message: Message) throws {
    let bytes = encoded(message)
    #expect(try decoded(message.kind.rawValue, bytes) == message)
    #expect(message.encodedBytes == bytes.count + Message.overheadBytes)
  }

  @Test("what a later version adds is passed over", arguments: messages)
  func laterVersion(_ message: Message) throws {
    #expect(try decoded(message.kind.rawValue, encoded(message) + [1, 2, 3]) == message)
  }

  @Test func aKindOfALaterVersionIsNoMessage() throws {
    #expect(try decoded(4_711, [1, 2, 3]) == nil)
  }

  @Test("what is cut short is refused", arguments: messages)
  func cut(_ message: Message) {
    let bytes = encoded(message)
    for count in 0..<bytes.count {
      #expect(throws: ByteReadError.self) { _ = try decoded(message.kind.rawValue, Array(bytes[..<count])) }
    }
  }

  @Test func aRecordOfALaterVersionIsReadAsFarAsItIsKnown() throws {
    var body = ByteWriter()
    Self.record.encode(into: &body)
    var writer = ByteWriter()
    writer.writeVarint(1)
    Self.rumour.encode(into: &writer)
    writer.writeLengthPrefixed(body.bytes + [9, 9, 9])
    #expect(try decoded(PartKind.statements.rawValue, writer.bytes) == .statements([MemberStatement(Self.rumour, Self.record)]))
  }

  @Test func theSizesThatTheBudgetCountsAreTrue() {
    for rumour in [Self.rumour, Rumour(MemberID(1), MemberVersion(generation: 1), .dead, origin: MemberID(1))] {
      var writer = ByteWriter()
      rumour.encode(into: &writer)
      #expect(writer.count == Message.bytes(of: rumour))
    }
  }

  @Test func hostileBytesAreAnErrorAndNothingElse() {
    var random = SeededRandom(seed: 11)
    var read = 0
    for _ in 0..<20_000 {
      var bytes = encoded(Self.messages[Int(random.below(UInt64(Self.messages.count)))])
      for _ in 0...random.below(4) where !bytes.isEmpty { bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(random.below(256)) }
      if (try? decoded(1 + random.below(6), bytes)) != nil { read += 1 }
    }
    #expect(read > 0)
  }

  @Test func aNameIsCutToWhatItMayTake() {
    let record = MemberRecord(name: String(repeating: "é", count: 60), peer: SocketAddress(ipv4: 1, port: 1))
    #expect(record.name.utf8.count <= 64 && record.name.utf8.count >= 62)
  }
}
