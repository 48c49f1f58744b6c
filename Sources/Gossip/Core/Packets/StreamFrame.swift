// Owns: cutting a stream of arbitrary bytes into records, with a bound on each. Opening them is StreamOpener's.

/// Bounds of a sealed stream.
public enum StreamLimits {
  /// A whole record: its header, ciphertext and tag.
  public static let recordBytesMax = 65_536
  /// What one record can carry.
  public static let plaintextBytesMax = recordBytesMax - StreamFrame.headerBytes - PacketHeader.tagBytes
  /// Records under one key: RFC 9001 §6.6 allows AES-GCM 2^23.
  public static let recordsMax: UInt64 = 1 << 23
}

/// Why a stream cannot be read on. It is closed then; whatever was delivered before is authentic and in order.
public enum StreamFault: Error, Equatable, Sendable {
  /// A record that is longer than allowed, too short for its tag, or of a kind that this version does not know.
  case malformed
  /// Authentication failed: changed, reordered, repeated, left out, or sealed for another stream.
  case damaged
  /// A packed record that does not unpack within its bound.
  case inflated
  /// More plaintext than the reader allows in all.
  case tooLong
  /// The stream ended without its end record.
  case truncated
  /// Bytes behind the end record.
  case trailing
  /// More records than one key may seal.
  case exhausted

  /// The value of the metric label `reason`; stays the same from version to version.
  public var label: String {
    switch self {
    case .malformed: "malformed"
    case .damaged: "damaged"
    case .inflated: "inflated"
    case .tooLong: "too_long"
    case .truncated: "truncated"
    case .trailing: "trailing"
    case .exhausted: "exhausted"
    }
  }
}

/// A record's header: kind (1), count of the bytes that follow (3, big-endian). It is authenticated with the record.
public struct StreamFrame: Equatable, Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// Plaintext as it is.
    case plain = 0
    /// Plaintext packed by `Packing`.
    case packed = 1
    /// Nothing, and nothing follows.
    case end = 2
  }

  public static let headerBytes = 4

  public let kind: Kind
  /// Bytes of ciphertext and tag.
  public let sealedBytes: Int

  /// - Precondition: the record is within its bounds.
  public init(_ kind: Kind, plaintextBytes: Int) {
    precondition(plaintextBytes >= 0 && plaintextBytes <= StreamLimits.plaintextBytesMax, "a record of \(plaintextBytes) bytes")
    self.kind = kind
    sealedBytes = plaintextBytes + PacketHeader.tagBytes
  }

  /// Reads a header.
  /// - Parameter bytes: any bytes at all.
  /// - Returns: nil when they are too few to tell.
  /// - Throws: `malformed`, before anything is kept of the record.
  public static func read(_ bytes: UnsafeRawBufferPointer) throws(StreamFault) -> StreamFrame? {
    guard bytes.count >= headerBytes else { return nil }
    let sealed = Int(bytes[1]) << 16 | Int(bytes[2]) << 8 | Int(bytes[3])
    guard let kind = Kind(rawValue: bytes[0]), sealed >= PacketHeader.tagBytes, sealed <= StreamLimits.recordBytesMax - headerBytes else {
      throw .malformed
    }
    guard kind != .end || sealed == PacketHeader.tagBytes else { throw .malformed }
    return StreamFrame(kind, plaintextBytes: sealed - PacketHeader.tagBytes)
  }

  public func write(to target: UnsafeMutableRawBufferPointer) {
    target[0] = kind.rawValue
    target[1] = UInt8(truncatingIfNeeded: sealedBytes >> 16)
    target[2] = UInt8(truncatingIfNeeded: sealedBytes >> 8)
    target[3] = UInt8(truncatingIfNeeded: sealedBytes)
  }
}
