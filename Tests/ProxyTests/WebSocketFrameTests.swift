import Runtime
import Testing

@testable import Proxy

/// Reads bytes in pieces of `size` and returns what happened.
private func read(
  _ bytes: [UInt8], as role: WebSocketReceiver.Role = .server, limit: Int = 1 << 20, size: Int = .max
) -> [WebSocketEvent] {
  var receiver = WebSocketReceiver(role: role, limits: WebSocketLimits(messageBytesMax: limit))
  var events: [WebSocketEvent] = []
  var start = 0
  while start < bytes.count {
    let end = size > bytes.count - start ? bytes.count : start + size
    bytes[start..<end].withUnsafeBufferPointer { piece in
      var rest = piece
      while !rest.isEmpty {
        let (used, event) = receiver.read(rest)
        rest = UnsafeBufferPointer(rebasing: rest[used...])
        if let event { events.append(event) }
      }
    }
    start = end
  }
  return events
}

private let mask: UInt32 = 0x3d21_fa37  // the key of RFC 6455 §5.7, its first byte lowest

private func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
  WebSocketFrame.bytes(opcode, payload, isFinal: isFinal, mask: mask)
}

/// A head as it stands on the wire, with a key of zeros, and then the payload.
private func raw(_ head: [UInt8], _ payload: [UInt8] = []) -> [UInt8] { head + [0, 0, 0, 0] + payload }

@Suite("WebSocket frames")
struct WebSocketFrameTests {
  static let hello = Array("Hello".utf8)

  @Test("the examples of RFC 6455 §5.7 are read")
  func examplesRead() {
    #expect(read([0x81, 0x05] + Self.hello, as: .client) == [.text(Self.hello)])
    #expect(read([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]) == [.text(Self.hello)])
    #expect(read([0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f], as: .client) == [.text(Self.hello)])
    #expect(read([0x89, 0x05] + Self.hello, as: .client) == [.ping(Self.hello)])
    #expect(read([0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]) == [.pong(Self.hello)])
    let short = [UInt8](repeating: 7, count: 256)
    #expect(read([0x82, 0x7e, 0x01, 0x00] + short, as: .client) == [.binary(short)])
    let long = [UInt8](repeating: 7, count: 65536)
    #expect(read([0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0] + long, as: .client) == [.binary(long)])
  }

  @Test("the examples of RFC 6455 §5.7 are written")
  func examplesWritten() {
    #expect(WebSocketFrame.bytes(.text, Self.hello) == [0x81, 0x05] + Self.hello)
    #expect(frame(.text, Self.hello) == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
    #expect(WebSocketFrame.bytes(.text, [0x48, 0x65, 0x6c], isFinal: false) == [0x01, 0x03, 0x48, 0x65, 0x6c])
    #expect(WebSocketFrame.bytes(.binary, [UInt8](repeating: 7, count: 256)).prefix(4) == [0x82, 0x7e, 0x01, 0x00])
    #expect(WebSocketFrame.bytes(.binary, [UInt8](repeating: 7, count: 65536)).prefix(10) == [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0])
  }

  @Test("what is written is read again, whatever its length", arguments: [0, 1, 7, 8, 9, 125, 126, 127, 1000, 65535, 65536, 70001])
  func roundTrip(_ count: Int) {
    var random = SeededRandom(seed: UInt64(count))
    let payload = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let key = UInt32(truncatingIfNeeded: random.next())
    #expect(read(WebSocketFrame.bytes(.binary, payload, mask: key)) == [.binary(payload)])
    #expect(read(WebSocketFrame.bytes(.binary, payload), as: .client) == [.binary(payload)])
  }

  @Test("it does not matter where the bytes are cut", arguments: 1...40)
  func cuts(_ size: Int) {
    let text = Array("Grüße, 世界 🌍".utf8)
    let bytes =
      frame(.text, Array(text[..<3]), isFinal: false) + frame(.ping, Self.hello) + frame(.continuation, [], isFinal: false)
      + frame(.continuation, Array(text[3...])) + frame(.pong, []) + frame(.binary, [UInt8](repeating: 9, count: 300))
      + WebSocketFrame.close(.normal, "bye", mask: mask)
    #expect(
      read(bytes, size: size) == [
        .ping(Self.hello), .text(text), .pong([]), .binary([UInt8](repeating: 9, count: 300)), .close(.normal, reason: "bye"),
      ])
  }

  @Test(
    "what breaks the protocol fails with the code for it, however it is cut",
    arguments: [
      ("a client's frame without a mask", [0x81, 0x01, 0x61], .protocolError),
      ("a reserved bit", raw([0xc1, 0x81], [0x61]), .protocolError),
      ("a reserved data opcode", raw([0x83, 0x80]), .protocolError),
      ("a reserved control opcode", raw([0x8b, 0x80]), .protocolError),
      ("a fragmented ping", raw([0x09, 0x80]), .protocolError),
      ("a ping of 126 bytes", raw([0x89, 0xfe, 0, 126], [UInt8](repeating: 0, count: 126)), .protocolError),
      ("a continuation of nothing", raw([0x80, 0x80]), .protocolError),
      ("a message inside a message", raw([0x01, 0x81], [0x61]) + raw([0x81, 0x81], [0x61]), .protocolError),
      ("a 16-bit length below 126", raw([0x82, 0xfe, 0, 125], [UInt8](repeating: 0, count: 125)), .protocolError),
      ("a 64-bit length below 65536", raw([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), .protocolError),
      ("a length with its highest bit set", raw([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), .protocolError),
      ("a length beyond the bound", raw([0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]), .messageTooBig),
      ("a text with a lone continuation byte", raw([0x81, 0x81], [0x80]), .invalidPayload),
      ("a text cut inside a character", raw([0x81, 0x81], [0xc3]), .invalidPayload),
      ("a fragmented text that is no UTF-8", raw([0x01, 0x81], [0xc3]) + raw([0x80, 0x81], [0x28]), .invalidPayload),
      ("a close code of one byte", raw([0x88, 0x81], [3]), .protocolError),
      ("a close code for local use only", raw([0x88, 0x82], [0x03, 0xed]), .protocolError),
      ("a close code that nobody assigned", raw([0x88, 0x82], [0x03, 0xf8]), .protocolError),
      ("a close reason that is no UTF-8", raw([0x88, 0x83], [0x03, 0xe8, 0xff]), .invalidPayload),
    ] as [(String, [UInt8], WebSocketCloseCode)])
  func faults(_ what: String, _ bytes: [UInt8], _ code: WebSocketCloseCode) throws {
    for size in [Int.max, 1] {
      // What follows a failure is passed over.
      let events = read(bytes + frame(.text, Self.hello), size: size)
      #expect(events.count == 1)
      guard case .failure(code, _) = try #require(events.first) else { Issue.record("\(what): \(events)"); return }
    }
  }

  @Test("a server's frame with a mask fails")
  func maskedServer() {
    guard case .failure(.protocolError, _) = read(frame(.text, Self.hello), as: .client).first else { Issue.record("was taken"); return }
  }

  @Test("a text fails at the first byte that cannot be UTF-8, before its message ends")
  func failsFast() {
    let start = raw([0x01, 0x84], [0x61, 0xf4, 0x90, 0x80])
    guard case .failure(.invalidPayload, _) = read(start).first else { Issue.record("was taken"); return }
  }

  @Test("the bound holds for all fragments together, and a message may reach it")
  func bound() {
    let nine = [UInt8](repeating: 1, count: 9)
    #expect(read(frame(.binary, nine, isFinal: false) + frame(.continuation, [2]), limit: 10) == [.binary(nine + [2])])
    let events = read(frame(.binary, nine, isFinal: false) + frame(.continuation, [2, 3]), limit: 10)
    guard events.count == 1, case .failure(.messageTooBig, _) = events[0] else { Issue.record("\(events)"); return }
    // Control frames do not count.
    #expect(read(frame(.ping, nine), limit: 1) == [.ping(nine)])
  }

  @Test("nothing is read after a Close")
  func afterClose() {
    #expect(read(WebSocketFrame.close(.goingAway, mask: mask) + frame(.text, Self.hello)) == [.close(.goingAway, reason: "")])
    #expect(read(WebSocketFrame.close(nil, mask: mask) + [0xff, 0xff, 0xff]) == [.close(nil, reason: "")])
  }

  @Test("codes that may stand in a Close frame")
  func closeCodes() {
    let may = (UInt16.min...UInt16.max).filter { WebSocketCloseCode(rawValue: $0).maySend }
    #expect(may == Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
  }

  @Test("a reason that is too long is cut between two characters")
  func longReason() {
    let reason = "x" + String(repeating: "é", count: 100)
    let bytes = WebSocketFrame.close(.policyViolation, reason)
    #expect(bytes.count == 2 + 2 + 123)
    #expect(read(bytes, as: .client) == [.close(.policyViolation, reason: "x" + String(repeating: "é", count: 61))])
  }
}

@Suite("UTF-8 in pieces")
struct UTF8CheckTests {
  private static func isText(_ bytes: [UInt8], size: Int) -> Bool {
    var check = UTF8Check()
    for start in stride(from: 0, to: bytes.count, by: size) {
      let fine = bytes[start..<min(start + size, bytes.count)].withUnsafeBufferPointer { check.take($0) }
      if !fine { return false }
    }
    return check.isComplete
  }

  @Test("every sequence of two bytes, and of a lead and the edges of its followers, is judged as the standard library does")
  func agrees() {
    let edges: [UInt8] = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
    var wrong: [[UInt8]] = []
    func judge(_ bytes: [UInt8]) {
      if Self.isText(bytes, size: 1) != (String(validating: bytes, as: UTF8.self) != nil) { wrong.append(bytes) }
    }
    for first in UInt8.min...UInt8.max {
      judge([first])
      for second in UInt8.min...UInt8.max { judge([first, second]) }
      for second in edges {
        for third in edges {
          judge([first, second, third])
          for fourth in edges { judge([first, second, third, fourth]) }
        }
      }
    }
    #expect(wrong == [])
  }

  @Test("random damage is found wherever the text is cut", arguments: 0..<200)
  func damage(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var bytes = Array(String(repeating: "aé世🌍 plain words ", count: 4).utf8)
    for _ in 0..<random.below(3) { bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next()) }
    let expected = String(validating: bytes, as: UTF8.self) != nil
    for size in [1, 3, 8, 13, bytes.count] { #expect(Self.isText(bytes, size: size) == expected) }
  }
}
