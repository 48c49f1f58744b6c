// Owns: what libcrypto derives from a cluster's key: its name, and the sending keys of packets and streams. Each use has an info of its
// own, so that no key serves two ends.
import COpenSSL
import Runtime

extension ClusterKey {
  /// A key by its secret; its name is the first four bytes of HKDF-SHA-256 with the info "tidegate gossip key id", which tell nothing of
  /// the secret.
  public init(secret: KeySecret) {
    let derived = DerivedKey()
    [UInt8](repeating: 0, count: 32).withUnsafeBytes { salt in
      ClusterKey.info("tidegate gossip key id").withUnsafeBytes { KeyDerivation().derive(secret, salt: salt, info: $0, into: derived) }
    }
    let id = UnsafeBufferPointer(start: derived.start, count: 4).reduce(UInt32(0)) { id, byte in id << 8 | UInt32(byte) }
    self.init(id: KeyID(id), secret: secret)
  }

  /// A key by its text: 64 hexadecimal digits or 44 characters of base64.
  /// - Throws: `KeyTextFault`, which never shows the text.
  public init(text: String) throws(KeyTextFault) { self.init(secret: try KeyText.secret(text[...])) }

  fileprivate static func info(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer(Array.init) }
}

extension KeyRing {
  /// A ring by the text of a key file: a key a line, the first the one in use, with empty lines and `#` comments.
  /// - Throws: a fault with the line it is in, never with its text.
  public init(text: String) throws(KeyRingFault) {
    try self.init(try KeyText.secrets(text).map { ClusterKey(secret: $0.secret) })
  }
}

extension PacketSalt {
  /// 128 bits that nobody can predict and no other start will draw.
  public static func fromSystem() -> PacketSalt {
    var words: (UInt64, UInt64) = (0, 0)
    let drawn = withUnsafeMutableBytes(of: &words) { RAND_bytes($0.baseAddress!.assumingMemoryBound(to: UInt8.self), 16) }
    // A salt that might repeat would make nonces repeat: better no node than that one.
    precondition(drawn == 1, "libcrypto has no randomness")
    return PacketSalt(high: words.0, low: words.1)
  }
}

/// Derives the keys that things are sealed under. For one thread.
///
/// SAFETY: lends the bytes of local arrays and values to libcrypto for the length of one call.
final class SealingKeys {
  private let derivation = KeyDerivation()
  private var info: [UInt8] = ClusterKey.info("tidegate gossip v1") + [UInt8](repeating: 0, count: 8)

  /// Packets under one derived key. RFC 9001 appendix B.1 lets AES-GCM protect 2^28 packets of at most 2 KiB under one.
  static let packetsPerKey: UInt64 = 1 << 28

  /// Which derived key of a salt seals a packet: after `packetsPerKey` packets both sides go on to the next by themselves.
  static func epoch(_ counter: UInt64) -> UInt64 { counter / packetsPerKey }

  /// HKDF-SHA-256(secret, salt, "tidegate gossip v1" and the epoch in 8 bytes).
  func packetKey(_ secret: KeySecret, salt: PacketSalt, epoch: UInt64, into key: borrowing DerivedKey) {
    let labelBytes = info.count - 8
    for at in 0..<8 { info[labelBytes + at] = UInt8(truncatingIfNeeded: epoch >> UInt64(56 - 8 * at)) }
    let words = (salt.high.bigEndian, salt.low.bigEndian)
    withUnsafeBytes(of: words) { salt in
      info.withUnsafeBytes { derivation.derive(secret, salt: salt, info: $0, into: key) }
    }
  }

  /// The key of one direction of a stream. Both hellos are the salt, so that it is bound to all that was said in clear and to randomness of
  /// both sides.
  func streamKey(_ secret: KeySecret, client: StreamHello, server: StreamHello, from role: StreamRole, into key: borrowing DerivedKey) {
    let info =
      switch role {
      case .client: ClusterKey.info("tidegate gossip stream v1 client")
      case .server: ClusterKey.info("tidegate gossip stream v1 server")
      }
    (client.bytes + server.bytes).withUnsafeBytes { salt in
      info.withUnsafeBytes { derivation.derive(secret, salt: salt, info: $0, into: key) }
    }
  }
}

/// A side of a stream.
public enum StreamRole: Sendable {
  /// Who connected.
  case client
  /// Who accepted.
  case server
}
