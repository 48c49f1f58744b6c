// Owns: the cases of purging one node's cache: what is gone, what is stale, what is not stored any more.
import Cache
import Foundation
import Runtime
import Testing

@testable import Gateway

@Suite struct PurgeQueueTests {
  private let service = CacheService(
    CacheOptions(memoryBytes: 4 << 20, seed: (1, 2)), workers: 0, metrics: CacheMetrics(MetricRegistry()))

  private func key(_ path: String) -> [UInt8] {
    CacheKey(scheme: .http, authority: Array("a".utf8), path: Array(path.utf8), query: []).bytes
  }

  private func head(_ fields: String = "", variance: Variance = .none, variant: [UInt8] = []) -> Fill.Head {
    let now = service.now
    return Fill.Head(
      status: 200, text: Array(("HTTP/1.1 200 OK\r\n" + fields).utf8),
      terms: CacheTerms(requestTime: now, responseTime: now, freshFor: 1_000, staleWhileRevalidate: 60), length: nil, variance: variance,
      variant: variant)
  }

  private func store(_ path: String, _ head: Fill.Head, since position: UInt64? = nil) {
    guard case .lead(let fill) = service.fills.join(key(path), of: key(path)) else { return }
    _ = Array("body".utf8).withUnsafeBytes { fill.append($0) }
    service.store(key(path), head, fill.pieces, since: position ?? service.purgePosition)
    service.fills.end(fill)
  }

  private func look<Result>(_ key: [UInt8], _ body: (MemoryEntry?) -> Result) throws -> Result {
    let reader = try #require(service.memory.makeReader())
    reader.enter()
    defer {
      reader.leave()
      service.memory.close(reader)
    }
    return body(key.withUnsafeBytes { reader.peek(service.hash($0), $0) })
  }

  private func has(_ path: String) throws -> Bool { try look(key(path)) { $0 != nil } }

  private func purge(_ purge: Purge) {
    service.apply(purge)
    #expect(service.purges.advance())
  }

  private func tag(_ tag: String, isSoft: Bool = false) throws -> Purge { try .tag(Array(tag.utf8), isSoft: isSoft, stamp: service.now) }
  private func url(_ url: String) throws -> Purge { try .url(Array(url.utf8), stamp: service.now) }

  @Test func whatIsMeantIsGoneAndNothingElse() throws {
    store("/x", head("Cache-Tag: one\r\n"))
    store("/y", head("Surrogate-Key: two one\r\n"))
    store("/z", head())
    purge(try url("http://a/x"))
    #expect(try !has("/x") && has("/y") && has("/z"))
    store("/x", head("Cache-Tag: one\r\n"))
    purge(try tag("one"))
    #expect(try !has("/x") && !has("/y") && has("/z"))
    purge(.all(stamp: 0))
    #expect(try !has("/z"))
    let counts = service.purges.statistics
    #expect(counts.purges == 3 && counts.removed == 4 && counts.marked == 0 && counts.waiting == 0)
  }

  @Test func aTagReachesOneVariantAndAURLAll() throws {
    let variance = Variance.fields([Array("accept".utf8)])
    for variant in ["a", "b"] { store("/v", head("Cache-Tag: \(variant)\r\n", variance: variance, variant: Array(variant.utf8))) }
    let index = try #require(try look(key("/v")) { $0.flatMap { VariantIndex($0) } })
    func has(_ variant: String) throws -> Bool { try look(index.key(of: key("/v"), Array(variant.utf8))) { $0 != nil } }
    #expect(try has("a") && has("b"))
    purge(try tag("a"))
    #expect(try !has("a") && has("b"))
    purge(try url("http://a/v"))
    #expect(try !has("b") && !self.has("/v"))
  }

  @Test func aSoftPurgeMakesStaleFromThatTimeOn() throws {
    store("/x", head("Cache-Tag: one\r\n"))
    purge(try tag("one", isSoft: true))
    let terms = try look(key("/x")) { CachedResponse($0!).terms }
    let now = service.now
    #expect(!terms.isFresh(now) && terms.flags.contains(.wasMarkedStale))
    #expect(!terms.isFresh(now - 3_600_000), "whatever becomes of the clock")
    #expect(Reuse.judge(terms, RequestDirectives(HeadFields(head: [])), now: now) == .staleWhileRevalidate)
    #expect(Reuse.judge(terms, RequestDirectives(HeadFields(head: [])), now: now + 61_000) == .validate(reason: .stale), "its windows end")
    let marked = service.purges.statistics.marked
    #expect(marked == 1)
    // A purge that another node stamped ahead of this clock.
    store("/y", head())
    purge(.all(isSoft: true, stamp: service.now + 100_000))
    let ahead = try look(key("/y")) { CachedResponse($0!).terms }
    #expect(!ahead.isFresh(service.now))
    // What replaces it is fresh.
    store("/y", head())
    let fresh = try look(key("/y")) { CachedResponse($0!).terms }
    #expect(fresh.isFresh(service.now))
  }

  @Test func whatWasFetchedBeforeIsNotStoredAfter() throws {
    let before = service.purgePosition
    purge(try tag("one"))
    store("/x", head("Cache-Tag: one\r\n"), since: before)
    store("/y", head("Cache-Tag: two\r\n"), since: before)
    #expect(try !has("/x") && has("/y"))
    #expect(service.purges.statistics.overtaken == 1)
    store("/x", head("Cache-Tag: one\r\n"))
    #expect(try has("/x"))
  }

  @Test func nobodyFollowsAFillThatAPurgeHasOvertaken() throws {
    func lead(_ path: String, _ head: Fill.Head? = nil) throws -> Fill {
      guard case .lead(let fill) = service.fills.join(key(path), of: key(path)) else { throw Unexpected() }
      if let head { fill.begin(head) }
      return fill
    }
    func isFollowed(_ path: String, _ fill: Fill) -> Bool {
      guard case .follow(let same) = service.fills.join(key(path), of: key(path)) else { return false }
      return same === fill
    }
    let (early, one, two) = (try lead("/early"), try lead("/one", head("Cache-Tag: one\r\n")), try lead("/two", head("Cache-Tag: two\r\n")))
    purge(try tag("one"))
    #expect(!isFollowed("/early", early) && !isFollowed("/one", one) && isFollowed("/two", two))
    purge(try url("http://a/two"))
    #expect(!isFollowed("/two", two))
  }

  private struct Unexpected: Error {}

  @Test func whatComesBehindAPurgeIsDoneBehindIt() throws {
    store("/x", head())
    let order = Locked<[String]>([])
    @Sendable func say(_ text: String) { order.withLock { $0.append(text) } }
    service.purges.after { say("first") }
    service.apply(.all(stamp: 0)) { say("all") }
    service.purges.after { say("kept") }
    service.apply(.all(stamp: 0)) { say("again") }
    service.purges.stop()
    let goesOn = service.purges.advance()
    #expect(!goesOn)
    #expect(order.withLock { $0 } == ["first", "all", "kept", "again"])
  }

  @Test func keysAreRemovedOneByOneWithTheirVariants() throws {
    let variance = Variance.fields([Array("accept-language".utf8)])
    for path in ["/x", "/y"] { store(path, head(variance: variance, variant: Array("de".utf8))) }
    store("/z", head())
    let position = service.purgePosition
    purge(.key(key("/x"), stamp: 0))
    #expect(try !has("/x") && has("/y") && has("/z"))
    store("/x", head(), since: position)
    #expect(try !has("/x"), "it was on its way when its key was purged")
    purge(.away(stamp: 0))
    #expect(try has("/y") && has("/z"))
    service.apply(.key(key("/y"), stamp: 0))
    purge(try url("http://a/z"))
    #expect(try !has("/y") && !has("/z"), "beside others a key is one of them")
  }

  @Test func morePurgesThanAnybodyWaitsForBecomeOneOfEverything() throws {
    store("/x", head())
    for _ in 0..<PurgeQueue.waitingMax { service.apply(try tag("none")) }
    #expect(service.purges.isFull)
    for _ in PurgeQueue.waitingMax..<PurgeQueue.overflow { service.apply(try tag("none")) }
    _ = service.purges.advance()
    #expect(try has("/x"))
    for _ in 0...PurgeQueue.overflow { service.apply(try tag("none")) }
    _ = service.purges.advance()
    #expect(try !has("/x") && !service.purges.isFull)
  }

  /// The origin's version rises, then everything is purged, while others store what they fetched from it: once a purge is applied nothing
  /// of an earlier version is found, and nothing comes back.
  @Test func storesAndPurgesAtOnceNeverBringBackWhatIsGone() throws {
    let stage = Stage()
    let ended = DispatchSemaphore(value: 0)
    for seed in 1...2 {
      Thread.detachNewThread {
        var random = SeededRandom(seed: UInt64(seed))
        while !stage.isOver.withLock({ $0 }) {
          let position = service.purgePosition
          let version = stage.origin.withLock { $0 }
          store("/\(random.next() % 16)", version, since: position)
        }
        ended.signal()
      }
    }
    var (round, wrong) = (0, 0)
    // Until purges have met stores often enough, however the threads take turns.
    while round < 200 || service.purges.statistics.removed < 200 {
      round += 1
      stage.origin.withLock { [round] in $0 = round }
      service.apply(round % 2 == 0 ? .all(stamp: 0) : try tag("t"))
      _ = service.purges.advance()
      for number in 0..<16 {
        let version = try look(key("/\(number)")) { $0.flatMap { HeadFields(head: $0.head).first("x-version").map { Array($0) } } }
        if let version, Int(String(decoding: version, as: UTF8.self))! < round { wrong += 1 }
      }
    }
    stage.isOver.withLock { $0 = true }
    for _ in 1...2 { ended.wait() }
    #expect(wrong == 0)
  }

  private func store(_ path: String, _ version: Int, since position: UInt64) {
    service.store(key(path), head("Cache-Tag: t\r\nX-Version: \(version)\r\n"), [], since: position)
  }

  private final class Stage: Sendable {
    let origin = Locked(0)
    let isOver = Locked(false)
  }
}
