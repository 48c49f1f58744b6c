// Bodies that are made piece by piece while they are sent, no faster than the client takes them.
import Proxy
import Runtime

/// Bytes that a client can compute for itself.
enum OriginBytes {
  static let pieceBytes = 65536

  /// Byte i is the exclusive or of the four bytes of i.
  static func byte(at i: Int) -> UInt8 { UInt8(truncatingIfNeeded: i ^ i >> 8 ^ i >> 16 ^ i >> 24) }

  /// - Parameter start: a multiple of `pieceBytes`.
  static func piece(at start: Int, _ count: Int) -> [UInt8] {
    // The upper half of the offset is the same for the whole piece.
    let upper = byte(at: start)
    return first[..<count].map { $0 ^ upper }
  }

  private static let first = (0..<pieceBytes).map(byte(at:))
}

/// Sends a body whose pieces are made when they are wanted.
///
/// The reply holds it (by what it calls when it can take more), and lets it go with the client.
final class OriginBody {
  /// Pieces, or bytes, after which others of this loop get their turn though the client could take more.
  private static let piecesPerTurn = 1024
  private static let bytesPerTurn = 4 << 20

  /// The next piece; nil when the body is complete.
  private let next: () -> [UInt8]?

  init(_ next: @escaping () -> [UInt8]?) { self.next = next }

  func send(_ reply: LocalReply) {
    var bytes = 0
    for _ in 0..<OriginBody.piecesPerTurn where bytes < OriginBody.bytesPerTurn {
      guard reply.isOpen else { return }
      if reply.isBlocked {
        return reply.whenWritable { [weak reply] in if let reply { self.send(reply) } }
      }
      guard let piece = next() else { return reply.finish() }
      reply.write(piece)
      bytes += piece.count
    }
    reply.after(0) { self.send(reply) }
  }

  /// `count` bytes of OriginBytes.
  static func bytes(_ count: Int) -> OriginBody {
    var sent = 0
    return OriginBody {
      guard sent < count else { return nil }
      defer { sent += OriginBytes.pieceBytes }
      return OriginBytes.piece(at: sent, min(OriginBytes.pieceBytes, count - sent))
    }
  }

  /// `count` lines of JSON, each a piece: the request, numbered by `id`.
  static func lines(_ count: Int, _ request: JSONValue) -> OriginBody {
    var sent = 0
    let rest = request.objectValue ?? []
    return OriginBody {
      guard sent < count else { return nil }
      defer { sent += 1 }
      return JSONValue.object([JSONMember("id", JSONValue(sent))] + rest).serialized() + [0x0a]
    }
  }
}
