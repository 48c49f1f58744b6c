import Runtime
import Testing

@testable import Proxy

@Suite("Chunked coding")
struct HTTPChunkedDecoderTests {
  private struct Outcome: Equatable {
    var payload = ""
    var consumed = 0
    var state = ChunkedDecoder.State.size
  }

  /// Decodes the text in parts of `step` bytes, each in memory of its own.
  private func decode(_ text: String, step: Int = .max) -> Outcome {
    var decoder = ChunkedDecoder()
    var outcome = Outcome()
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let part = rest.prefix(step)
      withBytes(part) { p, n in
        let got = decoder.decode(p, n)
        outcome.payload += String(decoding: UnsafeBufferPointer(start: p, count: got.payload), as: UTF8.self)
        outcome.consumed += got.consumed
      }
      rest = rest.dropFirst(part.count)
      if decoder.state == .trailers || decoder.state == .failed { break }
    }
    outcome.state = decoder.state
    return outcome
  }

  @Test(
    "bodies that end",
    arguments: [
      ("0\r\n", ""), ("5\r\nhello\r\n0\r\n", "hello"), ("1\r\na\r\n1\r\nb\r\n00\r\n", "ab"), ("A\r\n0123456789\r\n0\r\n", "0123456789"),
      ("a\r\n0123456789\r\n0\r\n", "0123456789"), ("2\r\n\r\n\r\n0\r\n", "\r\n"), ("000000000000005\r\nhello\r\n0\r\n", "hello"),
      ("5;ext\r\nhello\r\n0\r\n", "hello"), ("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n", "hello"), ("5 ;a\r\nhello\r\n0\r\n", "hello"),
      ("5\t ;a\r\nhello\r\n0\r\n", "hello"), ("5;a=\"\\\";\"\r\nhello\r\n0\r\n", "hello"), ("5;a=\"x\u{e9}\"\r\nhello\r\n0\r\n", "hello"),
    ])
  func whole(text: String, payload: String) {
    let outcome = decode(text)
    #expect(outcome == Outcome(payload: payload, consumed: text.utf8.count, state: .trailers))
    for step in 1...7 { #expect(decode(text, step: step) == outcome, "in parts of \(step)") }
    #expect(decode(text + "GET / HTTP/1.1\r\n\r\n") == outcome, "what follows belongs to others")
  }

  @Test(
    "bodies that are refused, with what came before the fault",
    arguments: [
      ("\r\n", ""), ("g\r\n", ""), ("-1\r\n", ""), ("+1\r\na", ""), ("0x1\r\na", ""), (" 1\r\na", ""), ("1 \r\na", ""), ("1\na\r\n", ""),
      ("1\ra", ""), ("1\r\r\n", ""), ("1;a\na", ""), ("1;\"a\r\nb\"\r\na", ""), ("1;a\u{7f}\r\n", ""), ("1;a\u{0}\r\n", ""),
      ("1 1\r\n", ""),
      ("1\u{b};a\r\n", ""), ("0000000000000001\r\na\r\n", ""), ("ffffffffffffffff\r\n", ""), ("1\r\nab", "a"), ("1\r\na\n0\r\n", "a"),
      ("1\r\na\r0\r\n", "a"), ("2\r\nab\r\nx\r\n", "ab"), ("3\r\nabcd\r\n", "abc"), ("1\r\na0\r\n", "a"),
    ])
  func refused(text: String, payload: String) {
    let outcome = decode(text)
    #expect(outcome.state == .failed && outcome.payload == payload)
    for step in 1...7 { #expect(decode(text, step: step) == outcome, "in parts of \(step)") }
  }

  @Test("a body that is cut short waits for more")
  func cutShort() {
    let text = "5;a=\"b\"\r\nhello\r\n1 ;c\r\n!\r\n0\r\n"
    for end in 0..<text.utf8.count {
      let outcome = decode(String(decoding: text.utf8.prefix(end), as: UTF8.self))
      #expect(outcome.consumed == end && outcome.state != .failed && outcome.state != .trailers, "after \(end) bytes")
      #expect("hello!".hasPrefix(outcome.payload))
    }
  }

  @Test("extensions have a bound in each chunk")
  func extensionBound() {
    let most = String(repeating: "e", count: ChunkedDecoder.extensionBytesMax - 1)
    #expect(
      decode("1;\(most)\r\na\r\n1;\(most)\r\nb\r\n0\r\n") == Outcome(payload: "ab", consumed: 2 * (most.count + 7) + 3, state: .trailers))
    #expect(decode("1;\(most)e\r\na\r\n0\r\n").state == .failed)
  }

  @Test("the vectors' bad bodies fail, or are refused in their trailers")
  func vectors() {
    var seen = 0
    for vector in HTTPVector.malformed where vector.stage == "body" {
      let head = ParsedHead(.request, vector.raw)
      guard head.verdict > 0, head.head.requestFraming == .chunked else { continue }
      seen += 1
      let body = vector.raw[head.verdict...]
      let outcome = decode(String(decoding: body, as: Unicode.ASCII.self))
      guard outcome.state == .trailers else {
        #expect(outcome.state == .failed, "\(vector.name): \(outcome.state)")
        continue
      }
      let section = ParsedHead(.trailers, body.dropFirst(outcome.consumed))
      let forbidden = FieldID.bit(FieldID.contentLength) | FieldID.bit(FieldID.transferEncoding) | FieldID.bit(FieldID.host)
      #expect(section.fault != nil || section.verdict > 0 && section.head.seen & forbidden != 0 || section.verdict == 0, "\(vector.name)")
    }
    #expect(seen > 50)
  }

  @Test("random chunkings decode to their payload, however they are cut", arguments: 1...20 as ClosedRange<UInt64>)
  func randomChunkings(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var payload = ""
    var text = ""
    for _ in 0..<random.below(12) {
      let size = 1 + Int(random.below(random.below(3) == 0 ? 300 : 17))
      let data = String((0..<size).map { _ in Character(Unicode.Scalar(UInt8(random.below(128)))) })
      payload += data
      let digits = String(size, radix: 16, uppercase: random.below(2) == 0)
      let zeros = String(repeating: "0", count: Int(random.below(4)))
      let ext = ["", ";a", " ;a=\"\\\"\"", ";a=b;c"][Int(random.below(4))]
      text += zeros + digits + ext + "\r\n" + data + "\r\n"
    }
    text += "0\r\n"
    for _ in 0..<8 {
      let outcome = decode(text, step: 1 + Int(random.below(UInt64(text.utf8.count))))
      #expect(Array(outcome.payload.utf8) == Array(payload.utf8) && outcome.state == .trailers && outcome.consumed == text.utf8.count)
    }
  }

  @Test("a body of a known length takes its bytes and no more")
  func length() {
    var body = BodyReader()
    body.begin(.length, length: 5)
    withBytes("hello, world") { p, n in
      let first = body.read(p, 3)
      #expect(first.consumed == 3 && first.payload == 3 && !body.isDone)
      let rest = body.read(p + 3, n - 3)
      #expect(rest.consumed == 2 && rest.payload == 2 && body.isDone && !body.isFailed)
      #expect(body.read(p, n).consumed == 0)
    }
  }

  @Test("a chunked body is done when its trailers are, and a new one begins afresh")
  func reader() {
    var body = BodyReader()
    for _ in 0..<2 {
      body.begin(.chunked, length: 0)
      withBytes("2\r\nok\r\n0\r\nX: 1\r\n\r\n") { p, n in
        let got = body.read(p, n)
        #expect(got.payload == 2 && got.consumed == n - 8 && body.isAtTrailers && !body.isDone)
        body.finishTrailers()
        #expect(body.isDone && !body.isAtTrailers)
      }
    }
    body.begin(.chunked, length: 0)
    body.fail()
    #expect(body.isFailed && !body.isDone)
    body.begin(.none, length: 0)
    #expect(body.isDone && !body.isFailed)
    body.begin(.untilClose, length: 0)
    withBytes("all") { p, n in #expect(body.read(p, n).payload == 3 && !body.isDone) }
  }
}
