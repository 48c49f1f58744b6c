import Runtime
import Testing

@testable import Gossip

@Suite struct ConcurrencyExchangeTests {
  private let ms: UInt64 = 1_000_000
  private func member(_ id: UInt64, generation: UInt64 = 1) -> CounterMember { CounterMember(MemberID(id), generation: generation) }

  private func shares(_ bodies: [[UInt8]]) -> [ConcurrencyShare] {
    bodies.flatMap { body in
      body.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        var shares: [ConcurrencyShare] = []
        while !reader.isAtEnd { shares.append(try! ConcurrencyShare(from: &reader)) }
        return shares
      }
    }
  }

  @Test func aChangeIsToldAtOnceAndTwiceMoreThenRests() {
    var exchange = ConcurrencyExchange()
    exchange.setMembers([member(2)])
    _ = exchange.begin(7, limit: 9)
    #expect(exchange.nextDeadline == 0)
    var told: [UInt64] = []
    for step in 0..<20 {
      let now = 1 + UInt64(step) * 10 * ms
      if !exchange.advance(now: now).isEmpty { told.append(UInt64(step) * 10) }
    }
    #expect(told == [0, 50, 100] && exchange.nextDeadline > 1_000 * ms)
  }

  @Test func aloneNothingIsToldAndWhoComesHearsAll() {
    var exchange = ConcurrencyExchange()
    for key in 0..<500 { _ = exchange.begin(UInt64(key), limit: 9) }
    #expect(exchange.advance(now: ms).isEmpty && exchange.nextDeadline == .max)
    exchange.setMembers([member(2)])
    let bodies = exchange.advance(now: 2 * ms)
    #expect(shares(bodies).map(\.key).sorted() == Array(0..<500))
    #expect(bodies.allSatisfy { $0.count <= ConcurrencyExchange.bodyBytesMax })
  }

  @Test func whatIsInFlightForLongIsToldAgain() {
    var exchange = ConcurrencyExchange()
    exchange.setMembers([member(2)])
    _ = exchange.begin(1, limit: 9)
    _ = exchange.begin(2, limit: 9)
    exchange.end(2)
    for step in 0..<10 { _ = exchange.advance(now: 1 + UInt64(step) * 100 * ms) }
    let again = exchange.advance(now: 6_000 * ms)
    #expect(shares(again).map(\.key) == [1])
  }

  @Test("under loss all come to know the same", arguments: 1...10)
  func loss(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let members = (1...5).map { member(UInt64($0)) }
    var nodes = members.map { _ in ConcurrencyExchange() }
    for i in nodes.indices { nodes[i].setMembers(members.filter { $0 != members[i] }) }
    var own = Array(repeating: 0, count: nodes.count)
    var now = ms
    func tell(losing: UInt64) throws {
      for i in nodes.indices {
        for body in nodes[i].advance(now: now) {
          for other in nodes.indices where other != i && random.below(100) >= losing {
            try body.withUnsafeBytes { try nodes[other].receive($0, from: members[i]) }
          }
        }
      }
    }
    for _ in 0..<400 {
      now += 7 * ms
      let i = Int(random.below(5))
      if random.below(2) == 0 {
        if nodes[i].begin(1, limit: 20).isAllowed { own[i] += 1 }
      } else if own[i] > 0 {
        nodes[i].end(1)
        own[i] -= 1
      }
      try tell(losing: 30)
    }
    for _ in 0..<200 {
      now += 50 * ms
      try tell(losing: 30)
    }
    #expect(nodes.allSatisfy { $0.table.inFlight(1) == UInt64(own.reduce(0, +)) })
  }

  @Test func rubbishIsCountedNowhere() {
    var exchange = ConcurrencyExchange()
    exchange.setMembers([member(2)])
    #expect(throws: ByteReadError.self) { try ([1, 2, 3] as [UInt8]).withUnsafeBytes { try exchange.receive($0, from: member(2)) } }
    #expect(exchange.table.count == 0)
  }
}
