import Runtime
import Testing

@testable import Proxy

@Suite("Reading service records")
struct ResolverAnswerTests {
  /// An answer to one question for `s.test`, whose owner name stands at byte 12.
  static func message(_ count: Int, _ records: [UInt8], flags: UInt8 = 0x81) -> [UInt8] {
    [0, 7, flags, 0x80, 0, 1, 0, UInt8(count), 0, 0, 0, 0] + TinyNameServer.name("s.test") + [0, 33, 0, 1] + records
  }

  static func srv(_ target: [UInt8], ttl: UInt32 = 60, length: Int? = nil) -> [UInt8] {
    [0xc0, 12, 0, 33, 0, 1] + TinyNameServer.big(ttl) + TinyNameServer.big(UInt16(length ?? 6 + target.count)) + [0, 1, 0, 2, 0, 3] + target
  }

  static func record(_ target: String, ttl: UInt32 = 60) -> ServiceRecord {
    ServiceRecord(target: target, port: 3, priority: 1, weight: 2, ttlSeconds: ttl)
  }

  @Test("records are read in their order, others beside them are passed over")
  func order() {
    let bytes = TinyNameServer.bytes([
      .a("10.0.0.1", ttl: 1), .srv("b.test", port: 2, priority: 3, weight: 4, ttl: 5), .aaaa("::1", ttl: 1),
      .srv("a.test", port: 6, priority: 7, weight: 8, ttl: 9),
    ])
    #expect(
      ServiceAnswer.records(Self.message(4, bytes)) == [
        ServiceRecord(target: "b.test", port: 2, priority: 3, weight: 4, ttlSeconds: 5),
        ServiceRecord(target: "a.test", port: 6, priority: 7, weight: 8, ttlSeconds: 9),
      ])
  }

  @Test("an alias shortens the TTL of what it leads to")
  func alias() {
    let bytes = TinyNameServer.bytes([.cname("real.test", ttl: 4), .srv("a.test", port: 3, priority: 1, weight: 2, ttl: 60)])
    #expect(ServiceAnswer.records(Self.message(2, bytes)) == [Self.record("a.test", ttl: 4)])
  }

  @Test("targets are followed backwards through pointers, and read as host names only")
  func targets() {
    let table: [(target: [UInt8], expected: [ServiceRecord])] = [
      ([0], [Self.record("")]),
      ([1, 0x61, 0], [Self.record("a")]),
      ([0xc0, 12], [Self.record("s.test")]),
      ([1, 0x61, 0xc0, 14], [Self.record("a.test")]),
      // To itself, to a byte within its own labels, to the header, and forward.
      ([0xc0, 42], []), ([1, 0x61, 0xc0, 42], []), ([0xc0, 0], []), ([0xc0, 200], []),
      // No host bytes, an unknown label type, no end, a pointer cut in half.
      ([1, 0x20, 0], []), ([1, 0x2e, 0], []), ([1, 0, 0], []), ([0x80, 0], []), ([1, 0x61], []), ([5, 0x61], []), ([0xc0], []),
    ]
    for (target, expected) in table {
      #expect(ServiceAnswer.records(Self.message(1, Self.srv(target))) == expected, "\(target)")
    }
  }

  @Test("a name of 254 bytes is refused, one of 253 is not")
  func longNames() {
    let label: (Int) -> [UInt8] = { [UInt8($0)] + [UInt8](repeating: 0x61, count: $0) }
    let longest = label(63) + label(63) + label(63) + label(61) + [0]
    #expect(ServiceAnswer.records(Self.message(1, Self.srv(longest)))?.first?.target.utf8.count == 253)
    let longer = label(63) + label(63) + label(63) + label(62) + [0]
    #expect(ServiceAnswer.records(Self.message(1, Self.srv(longer))) == [])
  }

  @Test("a TTL with its top bit set is zero")
  func hugeTTL() {
    #expect(ServiceAnswer.records(Self.message(1, Self.srv([0], ttl: 0x8000_0000))) == [Self.record("", ttl: 0)])
    #expect(ServiceAnswer.records(Self.message(1, Self.srv([0], ttl: 0x7fff_ffff))) == [Self.record("", ttl: 0x7fff_ffff)])
  }

  @Test("no more records than the bound are read")
  func bounded() {
    let many = Self.message(200, (0..<200).flatMap { _ in Self.srv([0]) })
    #expect(ServiceAnswer.records(many)?.count == ServiceAnswer.recordsMax)
  }

  @Test("questions, and answers that end too early, are refused wherever they are cut")
  func cut() {
    let whole = Self.message(2, Self.srv([1, 0x61, 0]) + Self.srv([1, 0x62, 0xc0, 14]))
    #expect(ServiceAnswer.records(whole) == [Self.record("a"), Self.record("b.test")])
    for length in 0..<whole.count {
      #expect(ServiceAnswer.records(Array(whole[..<length])) == nil, "\(length)")
    }
    #expect(ServiceAnswer.records(Self.message(1, Self.srv([0]), flags: 0x01)) == nil)
    #expect(ServiceAnswer.records(Self.message(1, Self.srv([0], length: 8))) == nil)
  }

  @Test("any bytes are read to an end")
  func anyBytes() {
    var state: UInt64 = 1
    func next() -> UInt8 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
    let whole = Self.message(2, Self.srv([1, 0x61, 0xc0, 14]) + Self.srv([1, 0x62, 0xc0, 12]))
    var read = 0
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0...Int(next() & 3) { bytes[Int(next()) % bytes.count] = next() }
      for record in ServiceAnswer.records(bytes) ?? [] {
        read += 1
        #expect(record.target.utf8.count <= 253)
      }
    }
    #expect(read > 0)
  }
}

@Suite("Names that failed")
struct ResolverFailureMemoryTests {
  static func key(_ name: String) -> ResolveKey { ResolveKey(name: name, port: 80, kind: .address) }

  @Test("rests double up to thirty seconds, and a success clears them")
  func doubling() {
    var memory = FailureMemory(namesMax: 8)
    let rests = (0..<7).map { _ in memory.failed(Self.key("a"), .timeout, now: 0).retryAfterNanoseconds / 1_000_000_000 }
    #expect(rests == [1, 2, 4, 8, 16, 30, 30])
    memory.succeeded(Self.key("a"))
    #expect(memory.resting(Self.key("a"), now: 0) == nil)
    #expect(memory.failed(Self.key("a"), .timeout, now: 0).retryAfterNanoseconds == FailureMemory.first)
  }

  @Test("a rest is over at its very end, and belongs to one question")
  func ends() {
    var memory = FailureMemory(namesMax: 8)
    _ = memory.failed(Self.key("a"), .noData, now: 5)
    let end = 5 + FailureMemory.first
    #expect(memory.resting(Self.key("a"), now: end - 1) == ResolveFailure(kind: .noData, name: "a", retryAfterNanoseconds: 1))
    #expect(memory.resting(Self.key("a"), now: end) == nil)
    #expect(memory.resting(Self.key("b"), now: 5) == nil)
    #expect(memory.resting(ResolveKey(name: "a", port: 80, kind: .service), now: 5) == nil)
  }

  @Test("when it is full, the one that may be asked first is forgotten")
  func bounded() {
    var memory = FailureMemory(namesMax: 3)
    for (name, now) in [("b", 20), ("a", 10), ("c", 30), ("d", 40)] as [(String, UInt64)] {
      _ = memory.failed(Self.key(name), .noData, now: now)
    }
    #expect(memory.count == 3)
    #expect(memory.resting(Self.key("a"), now: 40) == nil)
    for name in ["b", "c", "d"] { #expect(memory.resting(Self.key(name), now: 40) != nil) }
  }

  @Test("endpoints are sorted and each stands once")
  func ordered() throws {
    func endpoint(_ text: String, _ priority: UInt16 = 0, _ weight: UInt16 = 1, _ ttl: UInt32 = 9) throws -> ResolvedEndpoint {
      ResolvedEndpoint(address: try #require(SocketAddress(text)), priority: priority, weight: weight, ttlSeconds: ttl)
    }
    let shuffled = try [
      endpoint("[::1]:1"), endpoint("10.0.0.2:1"), endpoint("10.0.0.1:2"), endpoint("10.0.0.1:1", 1), endpoint("10.0.0.1:2", 0, 5),
      endpoint("10.0.0.1:1"), endpoint("10.0.0.1:1", 0, 1, 4),
    ]
    let expected = try [
      endpoint("10.0.0.1:1", 0, 1, 4), endpoint("10.0.0.1:2", 0, 5), endpoint("10.0.0.2:1"), endpoint("[::1]:1"), endpoint("10.0.0.1:1", 1),
    ]
    #expect(Question.ordered(shuffled) == expected)
    #expect(Question.ordered(shuffled.reversed()) == expected)
  }
}
