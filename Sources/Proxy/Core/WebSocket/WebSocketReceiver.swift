// Reads WebSocket frames (RFC 6455 §5) out of bytes as they come, puts messages together, and says what the peer did. What to answer is
// the caller's.

/// Bounds of what one peer may send.
public struct WebSocketLimits: Sendable, Equatable {
  /// Bytes of one message, all its fragments together (closes with 1009).
  public var messageBytesMax: Int

  public init(messageBytesMax: Int = 1 << 20) { self.messageBytesMax = messageBytesMax }
}

/// What a peer did.
public enum WebSocketEvent: Equatable, Sendable {
  case text([UInt8])
  case binary([UInt8])
  /// To be answered with a Pong of the same payload (§5.5.2).
  case ping([UInt8])
  case pong([UInt8])
  /// The peer closes: answered with a Close, unless one was sent already (§5.5.1). Nothing comes after it. Nil: it gave no code.
  case close(WebSocketCloseCode?, reason: String)
  /// The peer broke the protocol or a limit: a Close with this code ends the connection (§7.1.7). Nothing comes after it.
  case failure(WebSocketCloseCode, reason: String)
}

/// One direction of one connection.
public struct WebSocketReceiver: Sendable {
  public enum Role: Sendable {
    /// Reads what a client sends: every frame must be masked (§5.1).
    case server
    /// Reads what a server sends: no frame may be.
    case client
  }

  private enum Phase { case head, payload, over }

  private let role: Role
  private let limits: WebSocketLimits
  private var phase = Phase.head

  // The frame under way.
  private var head = InlineArray<14, UInt8>(repeating: 0)
  private var headCount = 0
  private var headWanted = 2
  private var opcode = WebSocketOpcode.continuation
  private var isFinal = true
  private var mask: UInt32 = 0
  private var taken = 0
  private var length = 0

  // The message under way: text or binary, nil between messages.
  private var kind: WebSocketOpcode?
  private var message: [UInt8] = []
  private var check = UTF8Check()
  private var control: [UInt8] = []

  public init(role: Role, limits: WebSocketLimits = WebSocketLimits()) {
    self.role = role
    self.limits = limits
  }

  /// Nothing more is read: the peer has closed or failed.
  public var isOver: Bool { phase == .over }

  /// Reads until something happened or the bytes are used up; call again with the rest. Once `isOver`, bytes are passed over.
  ///
  /// - Returns: how many bytes were used, and what happened with the last of them.
  public mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) -> (used: Int, event: WebSocketEvent?) {
    var i = 0
    while i < bytes.count {
      switch phase {
      case .over: return (bytes.count, nil)
      case .head:
        head[headCount] = bytes[i]
        headCount &+= 1
        i &+= 1
        if headCount < headWanted { continue }
        if let event = headCount == 2 ? readStart() : readLength() { return (i, event) }
      case .payload:
        let n = min(length &- taken, bytes.count &- i)
        if let event = take(UnsafeBufferPointer(rebasing: bytes[i..<(i &+ n)])) { return (i &+ n, event) }
        i &+= n
      }
      if phase == .payload && taken == length {
        phase = .head
        if let event = endFrame() { return (i, event) }
      }
    }
    return (i, nil)
  }

  // MARK: the head of a frame

  private mutating func readStart() -> WebSocketEvent? {
    let first = head[0]
    let short = Int(head[1] & 0x7f)
    if first & 0x70 != 0 { return fail(.protocolError, "a reserved bit is set and no extension was agreed on") }
    guard let opcode = WebSocketOpcode(rawValue: first & 0x0f) else { return fail(.protocolError, "unknown opcode") }
    self.opcode = opcode
    isFinal = first & 0x80 != 0
    let isMasked = head[1] & 0x80 != 0
    switch role {
    case .server where !isMasked: return fail(.protocolError, "a client's frame is not masked")
    case .client where isMasked: return fail(.protocolError, "a server's frame is masked")
    case .server, .client: break
    }
    switch opcode {
    case .close, .ping, .pong:
      if !isFinal { return fail(.protocolError, "a control frame is fragmented") }
      if short > WebSocketFrame.controlBytesMax { return fail(.protocolError, "a control frame is longer than 125 bytes") }
    case .continuation:
      if kind == nil { return fail(.protocolError, "a continuation without a message") }
    case .text, .binary:
      if kind != nil { return fail(.protocolError, "a new message inside a fragmented one") }
    }
    headWanted = 2 + (short == 126 ? 2 : short == 127 ? 8 : 0) + (isMasked ? 4 : 0)
    return headWanted == 2 ? readLength() : nil
  }

  private mutating func readLength() -> WebSocketEvent? {
    let short = Int(head[1] & 0x7f)
    let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
    var value: UInt64 = lengthBytes == 0 ? UInt64(short) : 0
    for k in 0..<lengthBytes { value = value << 8 | UInt64(head[2 + k]) }
    // §5.2: the shortest form, and the highest bit of a 64-bit length is 0.
    if lengthBytes == 2 && value < 126 || lengthBytes == 8 && value < 65536 {
      return fail(.protocolError, "a length is not in its shortest form")
    }
    if value >> 63 != 0 { return fail(.protocolError, "a length has its highest bit set") }
    if !opcode.isControl && value > UInt64(max(limits.messageBytesMax - message.count, 0)) {
      return fail(.messageTooBig, "the message is too big")
    }
    mask = 0
    if head[1] & 0x80 != 0 {
      for k in 0..<4 { mask |= UInt32(head[2 + lengthBytes + k]) << UInt32(8 * k) }
    }
    if opcode == .text || opcode == .binary {
      kind = opcode
      check = UTF8Check()
    }
    length = Int(value)
    taken = 0
    headCount = 0
    headWanted = 2
    phase = .payload
    return nil
  }

  // MARK: its payload

  private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>) -> WebSocketEvent? {
    let phaseInFrame = taken
    taken &+= bytes.count
    if opcode.isControl {
      WebSocketReceiver.append(bytes, to: &control, mask, phaseInFrame)
      return nil
    }
    let start = message.count
    WebSocketReceiver.append(bytes, to: &message, mask, phaseInFrame)
    guard kind == .text else { return nil }
    let isText = message.withUnsafeBufferPointer { check.take(UnsafeBufferPointer(rebasing: $0[start...])) }
    return isText ? nil : fail(.invalidPayload, "a text message is not UTF-8")
  }

  private static func append(_ bytes: UnsafeBufferPointer<UInt8>, to out: inout [UInt8], _ mask: UInt32, _ phase: Int) {
    let start = out.count
    out.append(contentsOf: bytes)
    if mask != 0 { out.withUnsafeMutableBytes { WebSocketMask.apply(mask, phase: phase, to: $0, from: start) } }
  }

  private mutating func endFrame() -> WebSocketEvent? {
    switch opcode {
    case .ping: return .ping(giveControl())
    case .pong: return .pong(giveControl())
    case .close: return endWithClose(giveControl())
    case .continuation, .text, .binary:
      if !isFinal { return nil }
      if kind == .text && !check.isComplete { return fail(.invalidPayload, "a text message is not UTF-8") }
      let isText = kind == .text
      let whole = message
      kind = nil
      message = []
      return isText ? .text(whole) : .binary(whole)
    }
  }

  private mutating func giveControl() -> [UInt8] {
    let payload = control
    control = []
    return payload
  }

  private mutating func endWithClose(_ payload: [UInt8]) -> WebSocketEvent {
    if payload.count == 1 { return fail(.protocolError, "a close code of one byte") }
    phase = .over
    message = []
    guard payload.count >= 2 else { return .close(nil, reason: "") }
    let code = WebSocketCloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
    if !code.maySend { return fail(.protocolError, "a close code that must not be sent") }
    guard let reason = String(validating: payload[2...], as: UTF8.self) else {
      return fail(.invalidPayload, "a close reason is not UTF-8")
    }
    return .close(code, reason: reason)
  }

  private mutating func fail(_ code: WebSocketCloseCode, _ reason: String) -> WebSocketEvent {
    phase = .over
    message = []
    control = []
    return .failure(code, reason: reason)
  }
}
