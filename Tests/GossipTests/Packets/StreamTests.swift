import Runtime
import Testing

@testable import Gossip

@Suite struct StreamTests {
  private static let key = PacketFixture.key()
  private static let client = StreamHello(
    key: key.id, cluster: PacketFixture.cluster, salt: PacketSalt(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718))
  private static let server = StreamHello(
    key: key.id, cluster: PacketFixture.cluster, salt: PacketSalt(high: 0x1817_1615_1413_1211, low: 0x0807_0605_0403_0201))

  private func sealer(_ role: StreamRole = .client, client: StreamHello = client, server: StreamHello = server) -> StreamSealer {
    StreamSealer(key: StreamTests.key, client: client, server: server, role: role)
  }

  private func opener(
    _ role: StreamRole = .client, client: StreamHello = client, server: StreamHello = server, bytesMax: Int = 1 << 20
  ) -> StreamOpener {
    StreamOpener(key: StreamTests.key, client: client, server: server, from: role, bytesMax: bytesMax)
  }

  /// A sealed stream of these records with its end record, and where each record begins.
  private func stream(_ records: [[UInt8]], packing: Bool = false) throws -> (bytes: [UInt8], starts: [Int]) {
    let sealer = sealer()
    var (bytes, starts): ([UInt8], [Int]) = ([], [])
    for record in records {
      starts.append(bytes.count)
      try record.withUnsafeBytes { try sealer.seal($0, packing: packing, into: &bytes) }
    }
    starts.append(bytes.count)
    try sealer.end(into: &bytes)
    return (bytes, starts)
  }

  private struct Outcome: Equatable {
    var records: [[UInt8]] = []
    var fault: StreamFault?
  }

  /// Reads a stream in pieces, to its end.
  private func read(_ bytes: [UInt8], by opener: StreamOpener, piece: () -> Int = { 1 << 20 }) -> Outcome {
    var outcome = Outcome()
    var rest = bytes[...]
    do throws(StreamFault) {
      while !rest.isEmpty {
        let some = Array(rest.prefix(piece()))
        rest = rest.dropFirst(some.count)
        let result: Result<Void, StreamFault> = some.withUnsafeBytes { view in
          do throws(StreamFault) { return .success(try opener.receive(view) { outcome.records.append(Array($0)) }) } catch {
            return .failure(error)
          }
        }
        try result.get()
      }
      try opener.finish()
    } catch { outcome.fault = error }
    return outcome
  }

  @Test func recordsAreWhatAnotherImplementationMakes() throws {
    // As in SealedPacketTests: HKDF over both hellos, by Python.
    let bytes = try stream([Array("Tidegate".utf8)]).bytes
    #expect(bytes == [UInt8](hex: "000000185f1d54a6ade9f867c111e2e984035acf5a02df6c40c7e550" + "02000010660974918d46eea750c8b9f1aa3ebcb3"))
  }

  @Test("records come whole and in order, in whatever pieces", arguments: UInt64(0)..<8)
  func pieces(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let records = [0, 1, 65_516, 300, 20_000].map { count in
      random.below(2) == 0 ? [UInt8].drawn(count, &random) : [UInt8](repeating: UInt8(truncatingIfNeeded: seed), count: count)
    }
    let bytes = try stream(records, packing: seed % 2 == 0).bytes
    let most = [1_000, 1 << 17, 70_000][Int(seed % 3)]
    let outcome = read(bytes, by: opener()) { 1 + Int(random.below(UInt64(most))) }
    #expect(outcome == Outcome(records: records))
  }

  @Test func packingMakesRecordsSmallerWhereItHelps() throws {
    let record = [UInt8](repeating: 7, count: 60_000)
    let (plain, packed) = (try stream([record]).bytes.count, try stream([record], packing: true).bytes.count)
    #expect(plain > 60_000 && packed < 1_000)
  }

  @Test func whatIsCutOrChangedOrMovedIsNoticed() throws {
    let records: [[UInt8]] = [[1, 2, 3], [4, 5], [6, 7]]
    let (bytes, starts) = try stream(records)
    for count in 0..<bytes.count {
      let outcome = read(Array(bytes.prefix(count)), by: opener())
      #expect(outcome.fault == .truncated && outcome.records == Array(records.prefix(starts.filter { $0 <= count }.count - 1)))
    }
    for at in bytes.indices {
      var changed = bytes
      changed[at] ^= 0x81
      let outcome = read(changed, by: opener())
      #expect(outcome.fault != nil && outcome.records == Array(records.prefix(starts.filter { $0 <= at }.count - 1)), "byte \(at)")
    }
    let (first, second, last) = (Array(bytes[..<starts[1]]), Array(bytes[starts[1]..<starts[2]]), Array(bytes[starts[2]...]))
    let swapped = read(second + first + last, by: opener())
    let repeated = read(first + bytes, by: opener())
    let leftOut = read(first + last, by: opener())
    let trailing = read(bytes + [0], by: opener())
    #expect([swapped, repeated, leftOut, trailing].map(\.fault) == [.damaged, .damaged, .damaged, .trailing])
  }

  @Test func aStreamBelongsToItsHellosAndItsDirection() throws {
    let bytes = try stream([[1]]).bytes
    var other = StreamTests.server
    other.salt = PacketSalt(high: 1, low: 1)
    let faults = [
      read(bytes, by: opener(.server)), read(bytes, by: opener(server: other)), read(bytes, by: opener(client: other)),
      read(bytes, by: opener(client: StreamTests.server, server: StreamTests.client)),
    ].map(\.fault)
    #expect(faults == [.damaged, .damaged, .damaged, .damaged])
  }

  @Test func arbitraryBytesDeliverNothing() {
    var random = SeededRandom(seed: 9)
    let (client, server) = (StreamTests.client, StreamTests.server)
    for _ in 0..<2_000 {
      var bytes = [UInt8].drawn(Int(random.below(80)), &random)
      // Headers that ask for a short record, or for a long one that never comes.
      for (at, byte) in [UInt8(random.below(4)), 0, UInt8(random.below(2)), UInt8(random.below(64))].enumerated() where at < bytes.count {
        bytes[at] = byte
      }
      let outcome = read(bytes, by: opener(client: client, server: server)) { 1 + Int(random.below(30)) }
      #expect(outcome.records.isEmpty && outcome.fault != nil)
    }
  }

  @Test func aFaultLasts() throws {
    let bytes = try stream([[1]]).bytes
    let opener = opener()
    let first = read([9, 9, 9, 9, 9], by: opener)
    let second = read(bytes, by: opener)
    #expect(first.fault == .malformed && second == Outcome(fault: .malformed))
  }

  @Test func moreThanTheReaderWantsIsRefused() throws {
    let record = [UInt8](repeating: 1, count: 1_000)
    for packing in [false, true] {
      let bytes = try stream([record, record, record], packing: packing).bytes
      let outcome = read(bytes, by: opener(bytesMax: 2_500))
      #expect(outcome == Outcome(records: [record, record], fault: .tooLong))
    }
  }

  @Test(
    "headers are judged before their record is kept",
    arguments: [
      ([0, 0, 0], true, nil), ([0, 0, 0, 16], true, 16), ([0, 0, 0, 15], false, nil), ([1, 0, 0xff, 0xfc], true, 65_532),
      ([0, 0, 0xff, 0xfd], false, nil), ([0, 1, 0, 0], false, nil), ([3, 0, 0, 16], false, nil), ([2, 0, 0, 16], true, 16),
      ([2, 0, 0, 17], false, nil),
    ] as [([UInt8], Bool, Int?)])
  func frames(bytes: [UInt8], isGood: Bool, sealed: Int?) {
    let result: Result<StreamFrame?, StreamFault> = bytes.withUnsafeBytes { view in
      do throws(StreamFault) { return .success(try StreamFrame.read(view)) } catch { return .failure(error) }
    }
    switch result {
    case .success(let frame): #expect(isGood && frame?.sealedBytes == sealed)
    case .failure(let fault): #expect(!isGood && fault == .malformed)
    }
  }
}
