// A datagram's plaintext for the simulation: the parts that a driver would seal.
import Gossip
import Runtime

enum Datagram {
  static func write(_ messages: [Message]) -> [UInt8] {
    var writer = ByteWriter(reserving: 256)
    for message in messages {
      var body = ByteWriter(reserving: 256)
      message.encode(into: &body)
      writer.writeVarint(message.kind.rawValue)
      writer.writeLengthPrefixed(body.bytes)
    }
    return writer.bytes
  }

  /// What the digest of shared facts and the envelope in front of it add to probes and answers: counted, for they take up a link, and not
  /// carried, for no facts are simulated here.
  static func digestBytes(beside messages: [Message]) -> Int {
    let isProbe = messages.contains {
      switch $0 {
      case .ping, .ack: true
      case .pingRequest, .nack, .rumours, .statements: false
      }
    }
    return isProbe ? 76 : 0
  }

  /// nil when it cannot be read.
  static func read(_ bytes: [UInt8]) -> [Message]? {
    // SAFETY: the reader and the views from it are used within the closure only.
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      var messages: [Message] = []
      do {
        while !reader.isAtEnd {
          let kind = try reader.readVarint()
          let body = try reader.readLengthPrefixed(limit: 1_400)
          if let message = try Message(kind: kind, body) { messages.append(message) }
        }
      } catch { return nil }
      return messages
    }
  }
}
