import Testing

@testable import Gossip

@Suite struct KeyRingTests {
  private static let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
  private static let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

  @Test func bothFormsGiveTheSameKey() throws {
    let keys = try [KeyRingTests.hex, KeyRingTests.hex.uppercased(), KeyRingTests.base64].map { try ClusterKey(text: $0) }
    #expect(keys.allSatisfy { $0 == PacketFixture.key() })
    // HKDF by Python's hmac and hashlib.
    #expect(keys[0].id == KeyID(0x3ecc_f2f7) && keys[0].id.description == "3eccf2f7" && KeyID("3eccf2f7") == keys[0].id)
    #expect([KeyID("3eccf2f"), KeyID("+eccf2f7"), KeyID("")] == [nil, nil, nil])
  }

  private static let badTexts: [(text: String, fault: KeyTextFault)] = [
    ("", .length(characters: 0)),
    ("secret", .length(characters: 6)),
    ("\(hex)0", .length(characters: 65)),
    ("\(hex.dropLast())", .length(characters: 63)),
    ("x\(hex.dropFirst())", .character(column: 1)),
    ("\(hex.dropLast())g", .character(column: 64)),
    ("\(base64.dropLast())A", .character(column: 44)),
    ("-\(base64.dropFirst())", .character(column: 1)),
    ("\(base64.dropLast(2))9=", .leftoverBits),
    (String(repeating: "a", count: 64), .predictable),
    ("\(String(repeating: "A", count: 43))=", .predictable),
    (String(repeating: "é", count: 32), .character(column: 1)),
  ]

  @Test("text that is no key says what is wrong with it", arguments: badTexts.indices)
  func badText(_ index: Int) {
    let (text, fault) = KeyRingTests.badTexts[index]
    #expect(throws: fault) { try ClusterKey(text: text) }
  }

  @Test func aSecretIsNeverShown() throws {
    let ring = try KeyRing(text: KeyRingTests.hex)
    var dumped = ""
    dump(ring, to: &dumped)
    for text in ["\(ring)", String(reflecting: ring), dumped, "\(KeyRingFault.collision(ring.inUse.id))"] {
      #expect(!text.contains("0405") && !text.contains("4, 5") && !text.contains("AAEC") && !text.contains("memory"))
    }
    let secret = String(KeyRingTests.hex.dropLast()) + "?"
    let fault = #expect(throws: KeyRingFault.self) { try KeyRing(text: secret) }
    let message = fault.map { "\($0)" } ?? ""
    #expect(message == "line 1: column 64 is no digit of a key in hexadecimal or base64")
  }

  @Test func aFileHoldsAKeyALineTheFirstInUse() throws {
    let second = String(KeyRingTests.hex.reversed())
    let ring = try KeyRing(text: "# made in May\n\n  \(KeyRingTests.base64)\t\r\n\(second)\n")
    #expect(ring.keys.count == 2 && ring.inUse == PacketFixture.key() && ring.keys[0] == ring.inUse)
    #expect(throws: KeyRingFault.empty) { try KeyRing(text: "# none\n") }
    #expect(throws: KeyRingFault.text(line: 3, .length(characters: 4))) { try KeyRing(text: "#\n\(second)\noops") }
    #expect(throws: KeyRingFault.duplicate(ring.inUse.id)) { try KeyRing(text: "\(KeyRingTests.hex)\n\(KeyRingTests.base64)") }
    #expect(throws: KeyRingFault.textTooLong(bytes: 5_000)) { try KeyRing(text: String(repeating: "#", count: 5_000)) }
  }

  @Test func changesAreRefusedWithAReason() throws {
    let (a, b) = (PacketFixture.key(1), PacketFixture.key(2))
    var ring = KeyRing(a)
    #expect(throws: KeyRingFault.inUse(a.id)) { try ring.remove(a.id) }
    #expect(throws: KeyRingFault.unknown(b.id)) { try ring.use(b.id) }
    #expect(throws: KeyRingFault.unknown(b.id)) { try ring.remove(b.id) }
    #expect(throws: KeyRingFault.duplicate(a.id)) { try ring.add(a) }
    let impostor = ClusterKey(id: a.id, secret: b.secret)
    #expect(throws: KeyRingFault.collision(a.id)) { try ring.add(impostor) }
    try ring.add(b)
    try ring.use(b.id)
    try ring.remove(a.id)
    #expect(ring == KeyRing(b))
    for fill in UInt8(10)..<17 { try ring.add(PacketFixture.key(fill)) }
    #expect(throws: KeyRingFault.full) { try ring.add(PacketFixture.key(99)) }
  }
}
