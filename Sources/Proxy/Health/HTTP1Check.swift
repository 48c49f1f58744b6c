// A check over HTTP/1.1: one GET, read with the engine's own parser and held to the same rules as traffic.
import Glibc
import Runtime

final class HTTP1Check: HealthConversation {
  private static let limits = HeadLimits()

  private var output: [UInt8]
  /// A head that is not complete yet.
  private var input: [UInt8] = []
  private var head = MessageHead()
  private var body = BodyReader()
  private var isReadingBody = false
  private var expected: ExpectedResponse

  init(_ target: HealthTarget) {
    expected = ExpectedResponse(target.check)
    let text = """
      GET \(target.check.path) HTTP/1.1\r
      Host: \(target.authority)\r
      User-Agent: \(HealthConversations.userAgent)\r
      Accept: */*\r
      Connection: close\r
      \r

      """
    output = Array(text.utf8)
  }

  // SAFETY: `head` is this object's own; what is parsed is copied into an array first, and offsets stay within it.
  deinit { head.deallocate() }

  func takeOutput() -> [UInt8] {
    defer { output = [] }
    return output
  }

  func receive(_ p: Bytes, _ n: Int) -> HealthOutcome? {
    if isReadingBody { return readBody(p, n) }
    input.append(contentsOf: UnsafeBufferPointer(start: p, count: n))
    var waiting = input
    input = []
    return waiting.withUnsafeMutableBufferPointer { readHead($0.baseAddress!, $0.count) }
  }

  private func readHead(_ start: Bytes, _ count: Int) -> HealthOutcome? {
    var p = start
    var n = count
    while true {
      let k = head.parseResponse(p, n, Self.limits)
      // The parser bounds the field lines; a status line that does not end is bounded here.
      if k == HeadFault.fieldsTooLarge.rawValue || k == 0 && n > Self.limits.headBytesMax + 1024 {
        return .failed("the response head is too large")
      }
      if k < 0 { return .failed("the answer is no HTTP response") }
      if k == 0 {
        input.append(contentsOf: UnsafeBufferPointer(start: p, count: n))
        return nil
      }
      p += k
      n -= k
      // Interim responses come before the one that counts (RFC 9110 §15.2); nobody asked to switch protocols.
      if head.status >= 200 || head.status == 101 { break }
    }
    isReadingBody = true
    body.begin(head.responseFraming(toHead: false), length: head.contentLength)
    return expected.take(status: head.status) ?? readBody(p, n)
  }

  private func readBody(_ start: Bytes, _ count: Int) -> HealthOutcome? {
    var p = start
    var n = count
    while n > 0 && !isComplete {
      let got = body.read(p, n)
      if got.payload > 0, let outcome = expected.take(p, got.payload) { return outcome }
      if body.isFailed { return .failed("the response body is malformed") }
      p += got.consumed
      n -= got.consumed
    }
    return isComplete ? expected.end() : nil
  }

  /// Trailers say nothing about health.
  private var isComplete: Bool { body.isDone || body.isAtTrailers }

  func ended() -> HealthOutcome {
    if !isReadingBody { return .failed("the connection closed before the response head was complete") }
    if body.framing == .untilClose { return expected.end() }
    return .failed("the connection closed before the response body was complete")
  }
}
