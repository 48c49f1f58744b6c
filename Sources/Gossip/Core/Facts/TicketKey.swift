// A key for TLS session tickets (RFC 8446 §4.6.1, RFC 5077 §4), and how it is kept out of what people read. Which key is used when is
// TicketKeys'.
import Runtime

/// Bytes that no description, reflection or log shows.
public struct TicketSecret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// 16 bytes of key name are not part of it: 32 for AES-256 and 16 or 32 for the HMAC.
  public static let sizes = [48, 64]

  public let bytes: [UInt8]

  /// - Returns: nil for another size.
  public init?(_ bytes: [UInt8]) {
    guard TicketSecret.sizes.contains(bytes.count) else { return nil }
    self.bytes = bytes
  }

  public var description: String { "(secret)" }
  public var debugDescription: String { "(secret)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A ticket key.
public struct TicketKey: Hashable, FactItem {
  public static let nameBytes = 16

  /// What a ticket says it was sealed under; random.
  public let name: [UInt8]
  public let secret: TicketSecret
  public let made: WriteVersion

  /// - Returns: nil if the name has not 16 bytes.
  public init?(name: [UInt8], secret: TicketSecret, made: WriteVersion) {
    guard name.count == TicketKey.nameBytes else { return nil }
    self.name = name
    self.secret = secret
    self.made = made
  }

  /// Newest first, in an order that all nodes share.
  func precedes(_ other: TicketKey) -> Bool {
    if made != other.made { return made > other.made }
    if name != other.name { return other.name.lexicographicallyPrecedes(name) }
    return other.secret.bytes.lexicographicallyPrecedes(secret.bytes)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(bytes: name)
    writer.write(made)
    writer.writeLengthPrefixed(secret.bytes)
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    name = Array(try reader.readBytes(TicketKey.nameBytes))
    made = try reader.readVersion()
    let at = reader.position
    let bytes = Array(try reader.readLengthPrefixed(limit: TicketSecret.sizes.max() ?? 0))
    guard let secret = TicketSecret(bytes) else { throw .overLimit(at: at) }
    self.secret = secret
  }
}
