import Runtime
import Testing

@testable import Proxy

/// One header block of an HTTP/2 connection that has neither a session nor a worker: the block uses neither.
private final class Block {
  let session: HTTP2Ref
  private let pool = BufferPool()
  private let limits: HeadLimits

  init(limits: HeadLimits = HeadLimits()) {
    self.limits = limits
    session = .allocate(capacity: 1)
    // SAFETY: addresses that nobody follows; `add` and `write…` touch the block alone.
    let nobody = UnsafeMutableRawPointer(bitPattern: 64)!
    session.initialize(
      to: HTTP2Session(
        session: OpaquePointer(nobody), isServer: true, worker: .fromOpaque(nobody),
        connection: nobody.assumingMemoryBound(to: Connection.self)))
  }

  deinit {
    session.pointee.clearBlock(pool)
    session.deallocate()
  }

  @discardableResult
  func add(_ name: String, _ value: String) -> Bool {
    withBytes(name) { n, nameCount in withBytes(value) { v, count in session.add(n, nameCount, v, count, limits, pool) } }
  }

  func clear() { session.pointee.clearBlock(pool) }

  var request: String { written { session.writeRequest($0) } }
  var response: String { written { session.writeResponse($0) } }
}

@Suite("HTTP/2 header block as HTTP/1 text")
struct HTTP2BlockTests {
  @Test(
    "pseudo fields make the request line and Host, in whatever order they come",
    arguments: [
      [":method", ":scheme", ":authority", ":path"], [":path", ":authority", ":method", ":scheme"],
      [":authority", ":path", ":scheme", ":method"],
    ])
  func pseudoOrder(order: [String]) {
    let values = [":method": "POST", ":scheme": "https", ":authority": "a.test:8443", ":path": "/p?q=1"]
    let block = Block()
    for name in order { #expect(block.add(name, values[name]!)) }
    block.add("x-one", "1")
    block.add("accept", "*/*")
    #expect(block.request == "POST /p?q=1 HTTP/1.1\r\nHost: a.test:8443\r\nx-one: 1\r\naccept: */*\r\n\r\n")
  }

  @Test("Host gives way to :authority, and stands in for it")
  func host() {
    let both = Block()
    both.add(":method", "GET")
    both.add(":path", "/")
    both.add(":authority", "a.test")
    both.add("host", "b.test")
    #expect(both.request == "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    let alone = Block()
    alone.add(":method", "GET")
    alone.add(":path", "/")
    alone.add("host", "b.test")
    #expect(alone.request == "GET / HTTP/1.1\r\nhost: b.test\r\n\r\n")
    let neither = Block()
    neither.add(":method", "GET")
    neither.add(":path", "/")
    #expect(neither.request == "GET / HTTP/1.1\r\nHost: \r\n\r\n")
  }

  @Test("cookie crumbs become one field at the end (RFC 9113 §8.2.3)")
  func cookies() {
    let block = Block()
    for (name, value) in [
      (":method", "GET"), (":path", "/"), (":authority", "a"), ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3"),
    ] {
      block.add(name, value)
    }
    #expect(block.request == "GET / HTTP/1.1\r\nHost: a\r\nx: y\r\nCookie: a=1; b=2; c=3\r\n\r\n")
  }

  @Test("CONNECT has its authority for a target")
  func connect() {
    let block = Block()
    block.add(":method", "CONNECT")
    block.add(":authority", "a.test:443")
    #expect(block.request == "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
  }

  @Test("extended CONNECT is noted, and :scheme is not needed")
  func extendedConnect() {
    let block = Block()
    block.add(":protocol", "websocket")
    #expect(block.session.pointee.isExtendedConnect)
    block.clear()
    #expect(!block.session.pointee.isExtendedConnect)
  }

  @Test("a block that can be no request gives nothing")
  func noRequest() {
    let empty = Block()
    #expect(empty.request == "")
    let noTarget = Block()
    noTarget.add(":method", "GET")
    #expect(noTarget.request == "")
    let emptyPath = Block()
    emptyPath.add(":method", "GET")
    emptyPath.add(":path", "")
    emptyPath.add(":authority", "a")
    #expect(emptyPath.request == "")
  }

  @Test("values are carried as they are: the head parser is the judge")
  func judged() {
    let block = Block()
    block.add(":method", "GET")
    block.add(":path", "/a b")
    block.add(":authority", "a.test")
    #expect(ParsedHead(request: block.request).fault == .malformed)
  }

  @Test("responses")
  func response() {
    let block = Block()
    #expect(block.add(":status", "404"))
    block.add("content-type", "text/plain")
    let parsed = ParsedHead(response: block.response)
    #expect(parsed.head.status == 404 && parsed.fields.map(\.name) == ["content-type"])
    #expect(ParsedHead(response: "HTTP/1.1 404 \r\ncontent-type: text/plain\r\n\r\n").head.status == 404)
  }

  @Test("a status that is none belongs to no message", arguments: ["", "20", "2000", "099", "abc", "/00"])
  func badStatus(text: String) {
    let block = Block()
    #expect(!block.add(":status", text))
  }

  @Test("a block beyond its bytes or its fields is oversized, and takes no more memory")
  func oversized() {
    let limits = HeadLimits(targetBytesMax: 20, headBytesMax: 100, fieldsMax: 5)
    let long = Block(limits: limits)
    #expect(long.add("x", String(repeating: "v", count: 115)) && !long.session.pointee.isOversized)
    #expect(long.add("y", "") && long.session.pointee.isOversized)
    #expect(long.session.pointee.lines.count == 120)
    let many = Block(limits: limits)
    for _ in 0..<5 { many.add("x", "") }
    #expect(!many.session.pointee.isOversized)
    many.add("x", "")
    #expect(many.session.pointee.isOversized && many.session.pointee.lines.count == 25)
    many.clear()
    #expect(!many.session.pointee.isOversized && many.session.pointee.lines.isEmpty && many.session.pointee.blockBytes == 0)
  }

  @Test("nuisances count within a second, and are forgotten after it")
  func nuisances() {
    let block = Block()
    let start: UInt64 = 5_000_000_000
    for _ in 0..<3 { #expect(block.session.countNuisance(now: start, limit: 3)) }
    #expect(!block.session.countNuisance(now: start + 999_999_999, limit: 3))
    for _ in 0..<3 { #expect(block.session.countNuisance(now: start + 1_000_000_001, limit: 3)) }
    #expect(!block.session.countNuisance(now: start + 1_000_000_001, limit: 3))
  }
}
