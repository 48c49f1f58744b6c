import Runtime
import Testing

@testable import Gossip

@Suite struct PeerStreamTests {
  private static let ring = KeyRing(ClusterKey(secret: KeySecret([UInt8](repeating: 7, count: 32))!))
  private static let otherRing = KeyRing(ClusterKey(secret: KeySecret([UInt8](repeating: 8, count: 32))!))
  private static let cluster = ClusterTag(name: "one")

  private func view(_ count: Int) -> [MemberStatement] {
    (1...count).map { i in
      let member = MemberID(UInt64(i))
      let record = MemberRecord(name: "node-\(i)", peer: SocketAddress(ipv4: UInt32(i), port: 7), zone: "z\(i % 3)", build: "0.1.0")
      return MemberStatement(Rumour(member, MemberVersion(generation: UInt64(i)), .alive, origin: member), record)
    }
  }

  private func stream(
    _ side: PeerStream.Side, ring: KeyRing = Self.ring, cluster: ClusterTag = Self.cluster, content: StreamContent? = nil,
    bytesMax: Int = 4 << 20
  ) -> PeerStream {
    var random = SeededRandom(seed: side == .asker ? 1 : 2)
    return PeerStream(
      side, ring: ring, cluster: cluster, salt: PacketSalt(using: &random), content: content ?? (side == .asker ? .view([]) : nil),
      bytesMax: bytesMax)
  }

  /// Carries bytes both ways, in pieces, until nothing moves; what came of it on either side.
  private func talk(
    _ asker: PeerStream, _ answerer: PeerStream, pieces: Int, answer: (PeerStream, StreamContent) -> Void
  ) -> (asker: [PeerStream.Outcome], answerer: [PeerStream.Outcome]) {
    var random = SeededRandom(seed: UInt64(pieces))
    var outcomes: (asker: [PeerStream.Outcome], answerer: [PeerStream.Outcome]) = ([], [])
    var moves = true
    while moves {
      moves = false
      for toAnswerer in [true, false] {
        let (from, to) = toAnswerer ? (asker, answerer) : (answerer, asker)
        while !from.output.isEmpty {
          moves = true
          let piece = Array(from.output.prefix(1 + Int(random.below(UInt64(pieces)))))
          from.output.removeFirst(piece.count)
          guard let outcome = piece.withUnsafeBytes({ to.receive($0) }) else { continue }
          if toAnswerer { outcomes.answerer.append(outcome) } else { outcomes.asker.append(outcome) }
          if case .asked(let theirs) = outcome { answer(to, theirs) }
        }
      }
    }
    return outcomes
  }

  @Test("both sides learn the other's view, however the bytes come", arguments: [1, 100, 100_000])
  func exchange(pieces: Int) {
    let (mine, theirs) = (view(pieces == 1 ? 3 : 400), view(pieces == 1 ? 2 : 900))
    let outcomes = talk(stream(.asker, content: .view(mine)), stream(.answerer), pieces: pieces) { answerer, _ in
      answerer.answer(.view(theirs))
    }
    #expect(outcomes.answerer == [.asked(.view(mine))])
    #expect(outcomes.asker == [.answered(.view(theirs))])
  }

  @Test func aKeyThatIsNotHeldIsSaid() {
    let outcomes = talk(stream(.asker, ring: Self.otherRing, content: .view(view(1))), stream(.answerer), pieces: 9) { _, _ in }
    #expect(outcomes.answerer == [.refusing(.unknownKey)] && outcomes.asker == [.refused(.unknownKey)])
  }

  @Test func anotherClusterIsSaid() {
    let outcomes = talk(stream(.asker, cluster: ClusterTag(name: "two"), content: .view(view(1))), stream(.answerer), pieces: 9) { _, _ in }
    #expect(outcomes.answerer == [.refusing(.otherCluster)] && outcomes.asker == [.refused(.otherCluster)])
  }

  @Test func whoIsNotLetInHearsWhy() {
    let outcomes = talk(stream(.asker, content: .view(view(1))), stream(.answerer), pieces: 9) { answerer, _ in answerer.refuse(.constants)
    }
    #expect(outcomes.asker == [.notLetIn(.constants)])
  }

  @Test func moreThanTheBoundIsNotTaken() {
    let outcomes = talk(stream(.asker, content: .view(view(2_000))), stream(.answerer, bytesMax: 10_000), pieces: 4_096) { _, _ in }
    #expect(outcomes.answerer.first == .failed("too_long"))
  }

  @Test func aStreamThatIsCutOffIsNoView() {
    let (asker, answerer) = (stream(.asker, content: .view(view(2))), stream(.answerer))
    _ = asker.output.withUnsafeBytes { answerer.receive($0) }
    let outcome = answerer.ended()
    #expect(outcome == .failed("the stream was cut off"))
  }

  @Test func somethingElseIsToldFromItsFirstByte() {
    let answerer = stream(.answerer)
    let outcome = Array("GET / HTTP/1.1\r\n".utf8).withUnsafeBytes { answerer.receive($0) }
    #expect(outcome == .failed("the other side speaks something else") && answerer.output.isEmpty)
  }

  @Test func changedBytesAreNoView() {
    var random = SeededRandom(seed: 4)
    for _ in 0..<50 {
      let (asker, answerer) = (stream(.asker, content: .view(view(3))), stream(.answerer))
      let hello = Array(asker.output.prefix(StreamHello.byteCount))
      _ = hello.withUnsafeBytes { answerer.receive($0) }
      _ = answerer.output.withUnsafeBytes { asker.receive($0) }
      var rest = Array(asker.output.dropFirst(StreamHello.byteCount))
      rest[Int(random.below(UInt64(rest.count)))] ^= UInt8(1 << random.below(8))
      let outcome = rest.withUnsafeBytes { answerer.receive($0) }
      if case .asked? = outcome { Issue.record("a changed view was believed") }
    }
  }
}
