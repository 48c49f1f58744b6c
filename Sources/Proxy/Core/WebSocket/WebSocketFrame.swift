// The words of the WebSocket protocol (RFC 6455) and the writing of its frames. Reading them is WebSocketReceiver's; who sends what and
// when is the caller's.

/// What a frame carries (RFC 6455 §5.2). The numbers in between are reserved.
public enum WebSocketOpcode: UInt8, Sendable {
  case continuation = 0
  case text = 1
  case binary = 2
  case close = 8
  case ping = 9
  case pong = 10

  /// Control frames may stand between the fragments of a message, are never fragmented and stay within 125 bytes (§5.5).
  public var isControl: Bool { rawValue >= 8 }
}

/// Why a connection is closed (RFC 6455 §7.4.1).
public struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let normal = WebSocketCloseCode(rawValue: 1000)
  public static let goingAway = WebSocketCloseCode(rawValue: 1001)
  public static let protocolError = WebSocketCloseCode(rawValue: 1002)
  public static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
  public static let invalidPayload = WebSocketCloseCode(rawValue: 1007)
  public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
  public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
  public static let internalError = WebSocketCloseCode(rawValue: 1011)

  /// Whether the code may stand in a Close frame: assigned by §7.4.1 or the IANA registry and not reserved for local use (1005, 1006,
  /// 1015), or of the range for libraries and applications.
  public var maySend: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// Writes frames.
public enum WebSocketFrame {
  /// Payload bytes of a control frame at the most (RFC 6455 §5.5).
  public static let controlBytesMax = 125
  /// Bytes in front of a payload at the most.
  public static let headBytesMax = 14

  /// Appends one frame.
  ///
  /// - Parameters:
  ///   - isFinal: false when more fragments of the message follow.
  ///   - mask: a client masks every frame with fresh random bytes, a server none (§5.1). The first byte on the wire is the lowest.
  public static func append(
    _ opcode: WebSocketOpcode, _ payload: UnsafeBufferPointer<UInt8>, isFinal: Bool = true, mask: UInt32? = nil, to out: inout [UInt8]
  ) {
    precondition(
      !opcode.isControl || isFinal && payload.count <= controlBytesMax,
      "a \(opcode) frame of \(payload.count) bytes, final: \(isFinal) (RFC 6455 §5.5)")
    let n = payload.count
    out.reserveCapacity(out.count + n + headBytesMax)
    out.append(isFinal ? 0x80 | opcode.rawValue : opcode.rawValue)
    let masked: UInt8 = mask == nil ? 0 : 0x80
    if n < 126 {
      out.append(masked | UInt8(truncatingIfNeeded: n))
    } else {
      let lengthBytes = n < 65536 ? 2 : 8
      out.append(masked | (lengthBytes == 2 ? 126 : 127))
      for k in (0..<lengthBytes).reversed() { out.append(UInt8(truncatingIfNeeded: n >> (8 * k))) }
    }
    guard let mask else { return out.append(contentsOf: payload) }
    for k in 0..<4 { out.append(UInt8(truncatingIfNeeded: mask >> UInt32(8 * k))) }
    let start = out.count
    out.append(contentsOf: payload)
    out.withUnsafeMutableBytes { WebSocketMask.apply(mask, phase: 0, to: $0, from: start) }
  }

  /// One frame.
  public static func bytes(_ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, mask: UInt32? = nil) -> [UInt8] {
    var out: [UInt8] = []
    payload.withUnsafeBufferPointer { append(opcode, $0, isFinal: isFinal, mask: mask, to: &out) }
    return out
  }

  /// A Close frame (§5.5.1). A reason that is too long is cut between two characters.
  ///
  /// - Parameter code: nil for a Close without a body, as an answer to one without a body.
  public static func close(_ code: WebSocketCloseCode?, _ reason: String = "", mask: UInt32? = nil) -> [UInt8] {
    guard let code else { return bytes(.close, [], mask: mask) }
    var payload = [UInt8(truncatingIfNeeded: code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
    for scalar in reason.unicodeScalars where payload.count <= controlBytesMax {
      let encoded = Array(String(scalar).utf8)
      if payload.count + encoded.count > controlBytesMax { break }
      payload += encoded
    }
    return bytes(.close, payload, mask: mask)
  }
}

/// The masking of RFC 6455 §5.3: byte i of a payload is combined with byte i modulo 4 of the key.
enum WebSocketMask {
  /// Masks, or unmasks, `bytes[from...]`.
  ///
  /// - Parameters:
  ///   - mask: the key, its first byte on the wire lowest.
  ///   - phase: the place of the first byte in the payload.
  static func apply(_ mask: UInt32, phase: Int, to bytes: UnsafeMutableRawBufferPointer, from start: Int) {
    let turn = UInt32(truncatingIfNeeded: phase & 3) &* 8
    let turned = turn == 0 ? mask : mask >> turn | mask << (32 &- turn)
    let wide = UInt64(turned) | UInt64(turned) << 32
    var i = start
    while i &+ 8 <= bytes.count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)) ^ wide
      bytes.storeBytes(of: word.littleEndian, toByteOffset: i, as: UInt64.self)
      i &+= 8
    }
    var shift: UInt64 = 0
    while i < bytes.count {
      bytes[i] ^= UInt8(truncatingIfNeeded: wide >> shift)
      shift &+= 8
      i &+= 1
    }
  }
}
