// Owns: the cases of what nodes tell each other of copies, and of who gets which.
import Cache
import Runtime
import Testing

@testable import Gateway

@Suite struct CopyRecordTests {
  private let terms = CacheTerms(
    requestTime: 1_000, responseTime: 1_250, initialAge: 3, freshFor: 60, staleWhileRevalidate: 5, staleIfError: 7, flags: .hasValidator)

  private func record(_ head: String = "HTTP/1.1 200 OK\r\nDate: now\r\n", status: Int = 200) -> CopyRecord {
    CopyRecord(
      status: status, edition: 77, terms: terms, now: 21_250, head: Array(head.utf8), index: [1, 2, 3], body: Array("body".utf8))
  }

  @Test func isReadAsItWasWritten() {
    let record = record()
    #expect(CopyRecord(record.encodeHead() + record.body) == record)
  }

  @Test func whatIsCutOrNoResponseIsNone() {
    let whole = record().encodeHead()
    for count in 0..<whole.count { #expect(CopyRecord(Array(whole[..<count])) == nil) }
    #expect(CopyRecord(record(status: 206).encodeHead()) == nil)
    #expect(CopyRecord(record(status: 404).encodeHead()) == nil, "the head says 200")
    #expect(CopyRecord(record("HTTP/1.1 200 OK\r\nno field\r\n").encodeHead()) == nil)
    #expect(CopyRecord([2] + whole.dropFirst()) == nil)
  }

  @Test func isAsOldThereAsItWasHereWhateverTheClocksSay() {
    let record = record()
    for asked: Int64 in [-5_000, 0, 21_250, 90_000_000] {
      let there = record.terms(askedAt: asked)
      #expect(there.age(asked) == terms.age(record.now))
      #expect(there.age(asked + 10_000) == terms.age(record.now) + 10)
      #expect(there.remaining(asked) == terms.remaining(record.now))
    }
  }

  @Test func anEditionStandsBesideTheFlags() {
    var packed = terms.packed
    packed.edition = .max
    #expect(CacheTerms(packed) == terms && packed.edition == .max)
  }

  @Test func flagsSayHowMuchOfAKeyIsItsVariants() {
    for count in [0, 1, 9, 0x1ffe] { #expect(CopyMark.variantBytes(200 | CopyMark.any | CopyMark.variant(count)) == count) }
    #expect(CopyMark.variantBytes(CopyMark.variant(0x2000)) == nil)
    #expect(CopyMark.variant(0x1ffe) & (CopyMark.any | VariantIndex.flag | 0xffff) == 0)
  }
}

@Suite struct CopyMovesTests {
  private func placement(_ names: [Int], leaving: [Int] = [], me: Int) -> CachePlacement {
    func member(_ i: Int) -> CacheMember {
      CacheMember(name: "n\(i)", node: StableHash.avalanche(UInt64(i + 1)), weight: 1, endpoint: i == me ? nil : UInt64(i + 1))
    }
    return CachePlacement(names.map(member), leaving: leaving.map(member), me: StableHash.avalanche(UInt64(me + 1)))
  }

  private func key(_ i: Int) -> [UInt8] { Array("http://a.test/\(i)".utf8) }

  /// Which node is offered a key by how many others.
  private func offers(_ i: Int, _ before: [Int], _ after: [Int], leaving: [Int] = [], count: Int) -> [String: Int] {
    var offers: [String: Int] = [:]
    for me in Set(before).intersection(after + leaving) {
      let moves = CopyMoves(before: placement(before, me: me), after: placement(after, leaving: leaving, me: me), count: count)
      for target in moves.targets(key(i)) { offers[target.name, default: 0] += 1 }
    }
    return offers
  }

  @Test(arguments: [1, 2, 3]) func eachNodeThatHasANewPartIsOfferedItOnce(_ count: Int) {
    for (before, after, leaving) in [
      ([0, 1, 2], [0, 1, 2, 3], []), ([0, 1, 2, 3], [0, 1, 3], []), ([0, 1, 2, 3], [0, 1, 3], [2]), ([0, 1], [0, 1, 2, 3, 4], []),
    ] {
      for i in 0..<300 {
        let had = Set(placement(before, me: 9).rank(key(i), count: count).map(\.name))
        let has = Set(placement(after, me: 9).rank(key(i), count: count).map(\.name))
        let isLost = had.isDisjoint(with: (after + leaving).map { "n\($0)" })
        let offers = offers(i, before, after, leaving: leaving, count: count)
        #expect(Set(offers.keys) == (isLost ? [] : has.subtracting(had)))
        #expect(offers.values.allSatisfy { $0 == 1 || !leaving.isEmpty && $0 == 2 })
      }
    }
  }

  @Test func whereNothingChangesNothingIsOffered() {
    for i in 0..<300 { #expect(offers(i, [0, 1, 2], [2, 1, 0], count: 2).isEmpty) }
  }
}

@Suite struct PeerMessageTests {
  @Test func bytesAreReadAsTheyWereWritten() {
    let key = Array(UInt8.min...UInt8.max)
    let question = PeerQuestion(to: 1, definitions: 2, client: SocketAddress(ipv4: 0x7f00_0001, port: 1), isSecure: false, listenerPort: 3)
    let head = PeerMessage.offer.head(question, key: key, [(PeerMessage.editionField, PeerMessage.digits(UInt64.max))])
    let fields = HeadFields(head: head)
    #expect(PeerMessage.bytes(fields, PeerMessage.keyField) == key)
    #expect(PeerMessage.number(fields, PeerMessage.editionField) == .max)
    #expect(PeerQuestion(fields) == question)
  }

  @Test(arguments: ["", "0", "0g", "0A", "00 "]) func whatAreNoDigitsAreNoBytes(_ text: String) {
    let fields = HeadFields(startLine: "TIDEGATE-STALE / HTTP/1.1", [("Tidegate-Key", text)])
    #expect(PeerMessage.bytes(fields, PeerMessage.keyField) == (text == "00 " ? [0] : nil))
  }

  @Test func aQuestionForWhatIsStoredIsReadAsItWasWritten() {
    var question = PeerQuestion(to: 1, definitions: 2, client: SocketAddress(ipv4: 0x7f00_0001, port: 1), isSecure: true, listenerPort: 3)
    question.kind = .stored
    #expect(PeerQuestion(HeadFields(head: PeerMessage.copy.head(question, key: [1]))) == question)
  }
}
