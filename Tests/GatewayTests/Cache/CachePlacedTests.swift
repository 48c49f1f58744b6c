// Owns: the cases of what a node keeps by its place among the members, and of what is forgotten.
import Cache
import Runtime
import Testing

@testable import Gateway

@Suite struct CachePlacedTests {
  private let service = CacheService(
    CacheOptions(memoryBytes: 4 << 20, seed: (1, 2)), workers: 0, metrics: CacheMetrics(MetricRegistry()))
  private let key = CacheKey(scheme: .http, authority: Array("a".utf8), path: Array("/x".utf8), query: []).bytes

  private func store() {
    let now = service.now
    let head = Fill.Head(
      status: 200, text: Array("HTTP/1.1 200 OK\r\n".utf8), terms: CacheTerms(requestTime: now, responseTime: now, freshFor: 1_000),
      length: nil, variance: .none, variant: [])
    service.store(key, head, [FillPiece(Array("body".utf8))], since: service.purgePosition)
  }

  private func isThere() throws -> Bool {
    let reader = try #require(service.memory.makeReader())
    reader.enter()
    defer {
      reader.leave()
      service.memory.close(reader)
    }
    return key.withUnsafeBytes { reader.peek(service.hash($0), $0) } != nil
  }

  private func member(_ node: UInt64, isMe: Bool = false) -> CacheMember {
    CacheMember(name: "\(node)", node: node, weight: 1, endpoint: isMe ? nil : node)
  }

  @Test func whatComesWhenItsPlaceIsElsewhereIsNotKept() throws {
    store()
    #expect(try isThere())
    // This node is none of those that the key is placed on; the sweep that drops what it has had is the purges' thread's, and does not run.
    service.place(on: CachePlacement((1...3).map { member($0) }, me: 9))
    store()
    #expect(try !isThere())
    service.place(on: CachePlacement([member(1), member(9, isMe: true)], me: 9))
    store()
    #expect(try isThere())
  }

  @Test func whatIsForgottenIsNeitherThereNorOnItsWay() throws {
    store()
    guard case .lead(let fill) = service.fills.join(key, of: key) else { return #expect(Bool(false), "somebody else fills") }
    service.fills.withdraw { _ in true }
    service.forget(key)
    #expect(try !isThere() && fill.isExpired)
  }
}
