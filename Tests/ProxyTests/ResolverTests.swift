import Glibc
import Runtime
import Testing

@testable import Proxy

@Suite("The resolver against a name server")
struct ResolverTests {
  static func texts(_ result: Result<Resolution, ResolveFailure>) throws -> [String] {
    try result.get().endpoints.map { "\($0.address) \($0.priority)/\($0.weight) \($0.ttlSeconds)s" }
  }

  static func kind(_ result: Result<Resolution, ResolveFailure>) -> ResolveFailureKind? {
    guard case .failure(let failure) = result else { return nil }
    return failure.kind
  }

  @Test("addresses of both families come with their own TTL, in a fixed order")
  func addresses() throws {
    let bench = try ResolverBench()
    bench.server.table["1 web.test"] = .records([.a("10.0.0.2", ttl: 30), .a("10.0.0.1", ttl: 20)])
    bench.server.table["28 web.test"] = .records([.aaaa("2001:db8::1", ttl: 25)])
    let result = try bench.ask("web.test", port: 8080)
    #expect(try Self.texts(result) == ["10.0.0.1:8080 0/1 20s", "10.0.0.2:8080 0/1 30s", "[2001:db8::1]:8080 0/1 25s"])
    #expect(try result.get().ttlSeconds == 20)
    #expect(Set(bench.server.asked) == ["1 web.test", "28 web.test"])
  }

  @Test("one family is enough")
  func oneFamily() throws {
    let bench = try ResolverBench()
    bench.server.table["1 four.test"] = .records([.a("10.0.0.1", ttl: 60)])
    bench.server.table["28 four.test"] = .records([])
    #expect(try Self.texts(bench.ask("four.test")) == ["10.0.0.1:80 0/1 60s"])
    bench.server.table["1 six.test"] = .records([])
    bench.server.table["28 six.test"] = .records([.aaaa("2001:db8::1", ttl: 60)])
    #expect(try Self.texts(bench.ask("six.test")) == ["[2001:db8::1]:80 0/1 60s"])
  }

  @Test("an alias with a shorter TTL shortens the answer's")
  func alias() throws {
    let bench = try ResolverBench()
    bench.server.table["1 alias.test"] = .records([.cname("real.test", ttl: 7), .a("10.0.0.1", ttl: 60)])
    bench.server.table["28 alias.test"] = .records([.cname("real.test", ttl: 7)])
    #expect(try Self.texts(bench.ask("alias.test")) == ["10.0.0.1:80 0/1 7s"])
  }

  @Test("a TTL is pulled into its bounds", arguments: [(0, 1), (1, 1), (300, 300), (86_400, 300)] as [(UInt32, UInt32)])
  func clamped(_ ttl: UInt32, _ expected: UInt32) throws {
    let bench = try ResolverBench()
    bench.server.table["1 ttl.test"] = .records([.a("10.0.0.1", ttl: ttl)])
    bench.server.table["28 ttl.test"] = .records([])
    #expect(try bench.ask("ttl.test").get().ttlSeconds == expected)
  }

  @Test("service records bring ports, priorities, weights, and the shortest TTL of their chain")
  func service() throws {
    let bench = try ResolverBench()
    bench.server.table["33 _http._tcp.shop.test"] = .records([
      .srv("b.shop.test", port: 9002, priority: 20, weight: 0, ttl: 40), .srv("a.shop.test", port: 9001, priority: 10, weight: 60, ttl: 15),
      .srv("b.shop.test", port: 9003, priority: 10, weight: 40, ttl: 50),
    ])
    bench.server.table["1 a.shop.test"] = .records([.a("10.0.0.1", ttl: 60)])
    bench.server.table["28 a.shop.test"] = .records([])
    bench.server.table["1 b.shop.test"] = .records([.a("10.0.0.2", ttl: 12)])
    bench.server.table["28 b.shop.test"] = .records([])
    let result = try bench.ask("_http._tcp.shop.test", port: 1, kind: .service)
    #expect(try Self.texts(result) == ["10.0.0.1:9001 10/60 15s", "10.0.0.2:9003 10/40 12s", "10.0.0.2:9002 20/0 12s"])
    #expect(try result.get().ttlSeconds == 12)
  }

  @Test("a service of which one target is missing is used, and asked for again soon")
  func partialService() throws {
    let bench = try ResolverBench()
    bench.server.table["33 _s._tcp.test"] = .records([
      .srv("up.test", port: 1, priority: 0, weight: 1, ttl: 100), .srv("gone.test", port: 2, priority: 0, weight: 1, ttl: 100),
    ])
    bench.server.table["1 up.test"] = .records([.a("10.0.0.1", ttl: 100)])
    bench.server.table["28 up.test"] = .records([])
    let resolution = try bench.ask("_s._tcp.test", kind: .service).get()
    #expect(resolution.endpoints.map(\.address.description) == ["10.0.0.1:1"])
    #expect(resolution.ttlSeconds == 5)
  }

  @Test("a service that says it is not there has no data")
  func noService() throws {
    let bench = try ResolverBench()
    bench.server.table["33 _s._tcp.test"] = .records([.srv("", port: 0, priority: 0, weight: 0, ttl: 100)])
    #expect(Self.kind(try bench.ask("_s._tcp.test", kind: .service)) == .noData)
  }

  @Test("an answer too long for a datagram is fetched over TCP")
  func truncated() throws {
    let bench = try ResolverBench()
    bench.server.table["1 long.test"] = .tooLong((1...40).map { .a("10.0.0.\($0)", ttl: 60) })
    bench.server.table["28 long.test"] = .records([])
    #expect(try bench.ask("long.test").get().endpoints.count == 40)
  }

  @Test("endpoints beyond the bound are cut")
  func bounded() throws {
    let bench = try ResolverBench { $0.endpointsMax = 3 }
    bench.server.table["1 many.test"] = .records((1...9).map { .a("10.0.0.\($0)", ttl: 60) })
    bench.server.table["28 many.test"] = .records([])
    #expect(try bench.ask("many.test").get().endpoints.count == 3)
  }

  @Test("an address is its own answer, without asking anybody")
  func literal() throws {
    let bench = try ResolverBench()
    #expect(try Self.texts(bench.ask("10.1.2.3", port: 7)) == ["10.1.2.3:7 0/1 300s"])
    #expect(try Self.texts(bench.ask("2001:db8::7", port: 7)) == ["[2001:db8::7]:7 0/1 300s"])
    #expect(bench.server.asked.isEmpty)
  }

  @Test("a failure is told by its kind")
  func failures() throws {
    let bench = try ResolverBench()
    bench.server.table["empty.test"] = .records([])
    bench.server.table["broken.test"] = .code(2)
    bench.server.table["33 _odd._tcp.test"] = .raw([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
    #expect(Self.kind(try bench.ask("nowhere.test")) == .noSuchName)
    #expect(Self.kind(try bench.ask("empty.test")) == .noData)
    #expect(Self.kind(try bench.ask("_none._tcp.test", kind: .service)) == .noSuchName)
    #expect(Self.kind(try bench.ask("")) == .badName)
    #expect(Self.kind(try bench.ask(String(repeating: "a", count: 300))) == .badName)
    #expect([.serverFailure, .unreachable].contains(Self.kind(try bench.ask("broken.test"))))
  }

  @Test("a silent name server is a timeout")
  func timeout() throws {
    let bench = try ResolverBench { $0.timeoutMilliseconds = 20 }
    bench.server.table["silent.test"] = .silence
    #expect(Self.kind(try bench.ask("silent.test")) == .timeout)
  }

  @Test("equal questions share one answer, and completions never run inside resolve")
  func shared() throws {
    let bench = try ResolverBench()
    bench.server.table["1 web.test"] = .records([.a("10.0.0.1", ttl: 60)])
    bench.server.table["28 web.test"] = .records([])
    var answers = 0
    for name in ["web.test", "web.test", "10.0.0.1", ""] {
      bench.resolver?.resolve(name, port: 80, now: 0) { _ in answers += 1 }
    }
    #expect(answers == 0)
    try bench.turn(now: 0) { answers == 4 }
    #expect(bench.server.asked.count == 2)
    #expect(bench.resolver?.nextTimeout() == nil)
  }

  @Test("a failed name rests before it is asked again, and a success clears its record")
  func resting() throws {
    let bench = try ResolverBench()
    let second = FailureMemory.first
    #expect(Self.kind(try bench.ask("late.test", now: 0)) == .noSuchName)
    let asked = bench.server.asked.count
    guard case .failure(let failure) = try bench.ask("late.test", now: second - 1) else { throw TinyNameServer.Failure() }
    #expect(failure.retryAfterNanoseconds == 1)
    #expect(bench.server.asked.count == asked)
    bench.server.table["1 late.test"] = .records([.a("10.0.0.1", ttl: 60)])
    bench.server.table["28 late.test"] = .records([])
    #expect(try bench.ask("late.test", now: second).get().endpoints.count == 1)
    #expect(try bench.ask("late.test", now: second).get().endpoints.count == 1)
  }

  @Test("questions beyond the bound are refused at once")
  func tooMany() throws {
    let bench = try ResolverBench { $0.questionsMax = 1 }
    bench.server.table["silent.test"] = .silence
    bench.resolver?.resolve("silent.test", port: 80, now: 0) { _ in }
    #expect(Self.kind(try bench.ask("other.test")) == .tooMany)
  }

  @Test("a resolver that goes away with open questions calls nobody and watches nothing")
  func tornDown() throws {
    let bench = try ResolverBench()
    bench.server.table["silent.test"] = .silence
    var called = false
    bench.resolver?.resolve("silent.test", port: 80, now: 0) { _ in called = true }
    bench.resolver?.resolve("_s._tcp.silent.test", port: 80, kind: .service, now: 0) { _ in called = true }
    #expect(bench.watchedCount > 0)
    bench.resolver = nil
    #expect(bench.watchedCount == 0)
    #expect(!called)
  }

  @Test("a completion may ask again")
  func askingAgain() throws {
    let bench = try ResolverBench()
    bench.server.table["1 web.test"] = .records([.a("10.0.0.1", ttl: 60)])
    bench.server.table["28 web.test"] = .records([])
    var rounds = 0
    func next() {
      bench.resolver?.resolve("web.test", port: 80, now: 0) { _ in
        rounds += 1
        if rounds < 3 { next() }
      }
    }
    next()
    try bench.turn(now: 0) { rounds == 3 }
    #expect(bench.server.asked.count == 6)
  }

  @Test("a server list that is none is refused")
  func badServers() {
    #expect(throws: ResolveFailure.self) { try Resolver(servers: "not an address") { _, _, _ in } }
  }
}
