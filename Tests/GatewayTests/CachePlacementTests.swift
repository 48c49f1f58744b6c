import Cache
import Runtime
import Testing

@testable import Gateway

@Suite struct CachePlacementTests {
  private func members(_ count: Int) -> [CacheMember] {
    (0..<count).map { i in
      CacheMember(
        name: "n\(i)", node: StableHash.avalanche(UInt64(i + 1)), weight: 1, endpoint: i == 0 ? nil : UInt64(i))
    }
  }

  private func key(_ i: Int) -> [UInt8] { Array("http://a.test/\(i)".utf8) }

  @Test func keysSpreadEvenly() {
    for count in [3, 5, 10] {
      let placement = CachePlacement(members(count), me: 0)
      var owned: [String: Int] = [:]
      let keys = 40_000
      for i in 0..<keys { owned[placement.rank(key(i), count: 1)[0].name, default: 0] += 1 }
      let peak = Double(owned.values.max()!) * Double(count) / Double(keys)
      // Of so few keys the peak is higher than of millions: 4 standard deviations of a binomial count.
      #expect(owned.count == count && peak < 1 + 4 * (Double(count) / Double(keys)).squareRoot(), "\(count) nodes: \(peak)")
    }
  }

  @Test func aNodeThatGoesMovesItsOwnKeysToTheNextInRank() {
    let all = members(5)
    let before = CachePlacement(all, me: 0)
    let after = CachePlacement(all.filter { $0.name != "n3" }, me: 0)
    var moved = 0
    for i in 0..<5_000 {
      let rank = before.rank(key(i), count: 2)
      let now = after.rank(key(i), count: 1)[0]
      if rank[0].name == "n3" { moved += 1 }
      #expect(now.name == (rank[0].name == "n3" ? rank[1].name : rank[0].name))
    }
    #expect(moved > 800 && moved < 1_200)
  }

  @Test func allNodesAgreeWhateverTheOrderOfTheirMembers() {
    let all = members(7)
    let (one, other) = (CachePlacement(all, me: 1), CachePlacement(all.reversed(), me: 2))
    for i in 0..<1_000 { #expect(one.rank(key(i), count: 3).map(\.name) == other.rank(key(i), count: 3).map(\.name)) }
  }

  @Test func aQuestionIsReadAsItWasWritten() throws {
    for client in ["127.0.0.1:80", "[::1]:65535"] {
      let question = PeerQuestion(to: .max, definitions: 7, client: try #require(SocketAddress(client)), isSecure: true, listenerPort: 8443)
      #expect(PeerQuestion(HeadFields(head: Array("GET / HTTP/1.1\r\n".utf8) + question.lines)) == question)
    }
  }

  private func read(_ line: String, _ client: String = "127.0.0.1:1") -> PeerQuestion? {
    PeerQuestion(HeadFields(startLine: "GET / HTTP/1.1", [("Tidegate-Peer", line), ("Tidegate-Client", client)]))
  }

  @Test(arguments: [
    "", "1", "1 ff 1 p", "4 ff 1 p 50", "1 xx 1 p 50", "1 ff xx p 50", "1 FF 1 p 50", "1 ff 1 f 50", "1 ff 1 http 50", "1 ff 1 p 10000",
    "1 ff 1 p 50 more", "1  1 p 50", "1 1ffffffffffffffff 1 p 50", "12 ff 1 p 50",
  ])
  func whatIsNoQuestionIsRefused(_ line: String) {
    #expect(read("1 ff 1 s 1f90")?.listenerPort == 8080)
    #expect(read(line) == nil)
  }

  @Test(arguments: ["", "nowhere", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:1 more"]) func aClientThatCannotBeReadIsRefused(
    _ client: String
  ) {
    #expect(read("1 ff 1 p 50", client) == nil)
  }

  @Test func twoQuestionsAreNone() {
    let (line, client) = (("Tidegate-Peer", "1 ff 1 p 50"), ("Tidegate-Client", "127.0.0.1:1"))
    #expect(PeerQuestion(HeadFields(startLine: "GET / HTTP/1.1", [line, client])) != nil)
    for fields in [[line, line, client], [line, client, client], [line], [client]] {
      #expect(PeerQuestion(HeadFields(startLine: "GET / HTTP/1.1", fields)) == nil)
    }
  }
}
