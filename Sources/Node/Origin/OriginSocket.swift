// `/ws`: a WebSocket that sends every message back. Reading and writing frames is Proxy's.
import Proxy
import Runtime

/// One connection. The reply holds it by what it calls with received bytes; it does not hold the reply.
final class OriginSocket {
  private enum State {
    /// Echoes; then `closing`, or over.
    case open
    /// Our Close was sent after a failure: waits for the client's, or its end, so that what it still sends does not make the kernel
    /// reset the connection before the client has read why.
    case closing
  }

  /// How long a client may take to answer a Close.
  private static let closeTimeout: UInt64 = 1_000_000_000

  private weak var reply: LocalReply?
  private var receiver: WebSocketReceiver
  private var state = State.open

  init(_ reply: LocalReply, _ limits: WebSocketLimits = WebSocketLimits()) {
    self.reply = reply
    receiver = WebSocketReceiver(role: .server, limits: limits)
  }

  /// Takes what the client sent; nothing: it has ended.
  func receive(_ bytes: [UInt8]) {
    guard let reply, !bytes.isEmpty else { return }
    switch state {
    case .open:
      bytes.withUnsafeBufferPointer { all in
        var rest = all
        while !rest.isEmpty && reply.isOpen {
          let (used, event) = receiver.read(rest)
          rest = UnsafeBufferPointer(rebasing: rest[used...])
          if let event { answer(event, reply) }
        }
      }
    case .closing:
      // A client that heard us sends a Close and nothing else; what it had sent before is passed over.
      if bytes[0] == 0x80 | WebSocketOpcode.close.rawValue { reply.finish() }
    }
  }

  private func answer(_ event: WebSocketEvent, _ reply: LocalReply) {
    switch event {
    case .text(let message): reply.write(WebSocketFrame.bytes(.text, message))
    case .binary(let message): reply.write(WebSocketFrame.bytes(.binary, message))
    case .ping(let payload): reply.write(WebSocketFrame.bytes(.pong, payload))
    case .pong: break
    case .close(let code, _):
      // The server closes the connection first (RFC 6455 §7.1.1).
      reply.write(WebSocketFrame.close(code))
      reply.finish()
    case .failure(let code, let reason):
      state = .closing
      reply.write(WebSocketFrame.close(code, reason))
      reply.after(OriginSocket.closeTimeout) { [weak reply] in reply?.finish() }
    }
  }
}
