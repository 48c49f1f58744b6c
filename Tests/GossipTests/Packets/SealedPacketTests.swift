import Runtime
import Testing

@testable import Gossip

@Suite struct SealedPacketTests {
  // From an independent HKDF (Python's hmac and hashlib) and AES-GCM (Python's cryptography 38): key 00…1f, salt 0102…18, sent at
  // 1,700,000,000, plaintext "Tidegate".
  static let vectors: [(counter: UInt64, datagram: String)] = [
    (
      0,
      "746701003eccf2f7cafef00d6553f100010203040506070811121314151617180000000000000000"
        + "ed78b0b59dfa78dc95d347ea8692b3274132cb2e54610618"
    ),
    (
      1,
      "746701003eccf2f7cafef00d6553f100010203040506070811121314151617180000000000000001"
        + "0e3599f0a3f6ccfdeb417132065e3304d2cf3b2f9947b223"
    ),
    (
      1 << 28,
      "746701003eccf2f7cafef00d6553f100010203040506070811121314151617180000000010000000"
        + "897de0bd91ddad36f265f96d0da7f4af7d31aa3d2da1df6d"
    ),
  ]

  @Test("datagrams are what another implementation makes", arguments: vectors.indices)
  func vector(_ index: Int) {
    let (counter, datagram) = SealedPacketTests.vectors[index]
    let salt = PacketSalt(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)
    let sealer = Sealer(ring: KeyRing(PacketFixture.key()), cluster: PacketFixture.cluster, salt: salt, counter: counter)
    let sealed = sealer.seal(Array("Tidegate".utf8), wall: PacketFixture.wall)
    #expect(sealed == [UInt8](hex: datagram))
    let opened = PacketFixture.opener().outcome(sealed)
    #expect(opened == .success(Array("Tidegate".utf8)))
  }

  @Test func whatIsSealedOpensAtEverySize() {
    let (sealer, opener) = (PacketFixture.sealer(), PacketFixture.opener())
    var random = SeededRandom(seed: 1)
    for size in [0, 1, 15, 16, 17, 1_300, 1_344] {
      let plaintext = [UInt8].drawn(size, &random)
      let datagram = sealer.seal(plaintext, wall: PacketFixture.wall)
      let opened = opener.outcome(datagram)
      #expect(datagram.count == size + 56 && opened == .success(plaintext), "\(size) bytes")
    }
    #expect(opener.senderCount == 1)
  }

  @Test func everyBitOfADatagramIsGuarded() {
    let datagram = PacketFixture.sealer().seal([1, 2, 3], wall: PacketFixture.wall)
    var reasons: [PacketRefusal.Reason] = []
    let opener = PacketFixture.opener()
    for bit in 0..<datagram.count * 8 {
      var changed = datagram
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      guard case .failure(let refusal) = opener.outcome(changed) else {
        Issue.record("opened with bit \(bit) changed")
        continue
      }
      if !reasons.contains(refusal.reason) { reasons.append(refusal.reason) }
    }
    #expect(reasons == [.foreign, .futureVersion, .damaged, .unknownKey, .otherCluster, .untimely])
    #expect(opener.senderCount == 0, "nobody is remembered for what is not authentic")
    let opened = opener.outcome(datagram)
    #expect(opened == .success([1, 2, 3]))
  }

  @Test func everyCutIsRefused() {
    let datagram = PacketFixture.sealer().seal([UInt8](repeating: 7, count: 40), wall: PacketFixture.wall)
    let opener = PacketFixture.opener()
    for count in 0..<datagram.count {
      let outcome = opener.outcome(Array(datagram.prefix(count)))
      #expect(outcome == .failure(count < 56 ? .tooShort : .damaged), "\(count) bytes")
    }
    let longer = opener.outcome(datagram + [0])
    let tooLong = opener.outcome(datagram + [UInt8](repeating: 0, count: 1_401 - datagram.count))
    #expect(longer == .failure(.damaged) && tooLong == .failure(.tooLong))
  }

  @Test func refusalsSayWhy() {
    let opener = PacketFixture.opener(salt: 9)
    let sealed = PacketFixture.sealer().seal([1], wall: PacketFixture.wall)
    var version2 = sealed
    version2[2] = 2
    var critical = sealed
    critical[3] = 0x10
    let stranger = PacketFixture.key(99)
    let cases: [([UInt8], PacketRefusal)] = [
      (Array("GET / HTTP/1.1\r\n".utf8), .foreign),
      (version2, .futureVersion(2)),
      (Array(version2.prefix(4)), .futureVersion(2)),
      (critical, .futureVersion(1)),
      (PacketFixture.sealer(stranger).seal([1], wall: PacketFixture.wall), .unknownKey(stranger.id)),
      (PacketFixture.sealer(cluster: ClusterTag(name: "staging")).seal([1], wall: PacketFixture.wall), .otherCluster),
      (PacketFixture.sealer(salt: 9).seal([1], wall: PacketFixture.wall), .reflected),
      (PacketFixture.sealer().seal([1], wall: WallTime(secondsSinceEpoch: 1_600_000_000)), .untimely),
    ]
    var counts = PacketRefusalCounts()
    for (datagram, expected) in cases {
      let outcome = opener.outcome(datagram)
      #expect(outcome == .failure(expected))
      if case .failure(let refusal) = outcome { counts.count(refusal) }
    }
    #expect(counts.total == UInt64(cases.count) && counts[.futureVersion] == 3 && counts[.damaged] == 0)
    #expect(Set(PacketRefusal.Reason.allCases.map(\.label)).count == PacketRefusal.Reason.allCases.count)
  }

  @Test func aFlagThatIsNotCriticalIsIgnored() {
    // Only a key holder can set one, since flags are authenticated: seal a header of a later build by hand.
    let key = PacketFixture.key()
    var header = PacketHeader(
      key: key.id, cluster: PacketFixture.cluster, sentAt: 1_700_000_000, salt: PacketFixture.salt(3), counter: 0)
    header.flags = 0x05
    var datagram = [UInt8](repeating: 0, count: 58)
    let derived = DerivedKey()
    SealingKeys().packetKey(key.secret, salt: header.salt, epoch: 0, into: derived)
    let cipher = PacketCipher(.seal)
    cipher.setKey(derived)
    datagram.withUnsafeMutableBytes { bytes in
      header.write(to: bytes)
      [UInt8](arrayLiteral: 4, 2).withUnsafeBytes {
        cipher.seal(
          counter: 0, associated: UnsafeRawBufferPointer(rebasing: bytes[..<40]), plaintext: $0,
          to: UnsafeMutableRawBufferPointer(rebasing: bytes[40...]))
      }
    }
    let outcome = PacketFixture.opener().outcome(datagram)
    #expect(outcome == .success([4, 2]))
  }

  @Test func aPacketIsTakenOnceInWhateverOrder() {
    var random = SeededRandom(seed: 2)
    let (sealer, opener) = (PacketFixture.sealer(), PacketFixture.opener())
    var datagrams = (0..<300).map { number in sealer.seal([UInt8(truncatingIfNeeded: number)], wall: PacketFixture.wall) }
    datagrams.shuffle(using: &random)
    let first = datagrams.map { opener.outcome($0) }
    let second = datagrams.map { opener.outcome($0) }
    #expect(first.allSatisfy { if case .success = $0 { true } else { false } })
    #expect(second.allSatisfy { $0 == .failure(.replayed) })
  }

  @Test func keysChangeByThemselvesLongBeforeTheirLimit() {
    let sealer = PacketFixture.sealer(counter: (1 << 28) - 2)
    let datagrams = (0..<4).map { sealer.seal([UInt8($0)], wall: PacketFixture.wall) }
    let opener = PacketFixture.opener()
    // The last packet under the first key comes late.
    let opened = [0, 2, 1, 3].map { opener.outcome(datagrams[$0]) }
    #expect(opened == [.success([0]), .success([2]), .success([1]), .success([3])] && opener.senderCount == 1)
  }

  @Test func aKeyRotatesWithoutALostPacket() throws {
    let (old, new) = (PacketFixture.key(1), PacketFixture.key(2))
    var rings = [KeyRing(old), KeyRing(old), KeyRing(old)]
    let sealers = (0..<3).map { PacketFixture.sealer(old, salt: UInt64($0)) }
    let openers = (0..<3).map { PacketFixture.opener(old, salt: UInt64($0)) }
    // Every node says something to every other before, between and after any two steps on any two nodes.
    func everybodyHearsEverybody() {
      for from in 0..<3 {
        let datagram = sealers[from].seal([UInt8(from)], wall: PacketFixture.wall)
        for to in 0..<3 where to != from {
          let outcome = openers[to].outcome(datagram)
          #expect(outcome == .success([UInt8(from)]), "from \(from) to \(to)")
        }
      }
    }
    for step in 0..<3 {
      for node in [2, 0, 1] {
        everybodyHearsEverybody()
        switch step {
        case 0: try rings[node].add(new)
        case 1: try rings[node].use(new.id)
        default: try rings[node].remove(old.id)
        }
        sealers[node].use(rings[node])
        openers[node].use(rings[node])
      }
    }
    everybodyHearsEverybody()
    let late = PacketFixture.opener(new).outcome(PacketFixture.sealer(old).seal([1], wall: PacketFixture.wall))
    #expect(late == .failure(.unknownKey(old.id)))
  }

  @Test func aKeyIsDerivedOnceForEachSenderAndChange() throws {
    let (old, new) = (PacketFixture.key(1), PacketFixture.key(2))
    var ring = KeyRing(old)
    try ring.add(new)
    let opener = Opener(ring: ring, cluster: PacketFixture.cluster, ownSalt: PacketFixture.salt(6), start: PacketFixture.wall)
    let sealer = PacketFixture.sealer(old)
    let before = (0..<9).map { _ in sealer.seal([1], wall: PacketFixture.wall) }
    try ring.use(new.id)
    sealer.use(ring)
    let after = (0..<9).map { _ in sealer.seal([2], wall: PacketFixture.wall) }
    for datagram in before[..<5] + after[..<8] { _ = opener.outcome(datagram) }
    let two = opener.derivations
    // A late one under the old key costs one more, and does not make the next under the new key cost another.
    let late = [before[5], after[8]].map { opener.outcome($0) }
    #expect(two == 2 && late == [.success([1]), .success([2])] && opener.derivations == 3)
  }

  @Test func aReplayIsKnownAgainWhenItsKeyComesBack() throws {
    let (a, b) = (PacketFixture.key(1), PacketFixture.key(2))
    let opener = PacketFixture.opener(a)
    let datagram = PacketFixture.sealer(a).seal([1], wall: PacketFixture.wall)
    _ = opener.outcome(datagram)
    opener.use(KeyRing(b))
    let gone = opener.outcome(datagram)
    opener.use(KeyRing(a))
    let back = opener.outcome(datagram)
    #expect(gone == .failure(.unknownKey(a.id)) && back == .failure(.replayed))
  }
}
