// Owns: the layout of a datagram's clear header, and reading it from arbitrary bytes without any key. What the sealed part holds is
// PartReader's, who may open it Opener's.
import Runtime

/// Sizes of the wire that both sides hold to.
public enum PacketLimits {
  /// The greatest datagram sent or looked at: fits an Ethernet frame with room for tunnels.
  public static let datagramBytesMax = 1_400
  /// The greatest plaintext that senders fill. Readers take whatever a datagram can hold, so that this may grow.
  public static let plaintextBytesMax = 1_300
  /// Parts in a datagram: more is nobody's message, and each costs the reader a turn.
  public static let partsMax = 128
}

/// The name of a sending key's salt: 128 random bits that a node draws at each start. Two starts never share one, so that a nonce counter
/// that begins at 0 again begins under another key.
public struct PacketSalt: Hashable, Sendable {
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A salt from a generator: for simulations and tests. Real ones come from libcrypto.
  public init(using random: inout SeededRandom) { self.init(high: random.next(), low: random.next()) }
}

/// 32 bits of a cluster's name, in clear in each header: tells packets of another cluster that shares the key. Not a secret.
public struct ClusterTag: Hashable, Sendable {
  public let value: UInt32

  public init(_ value: UInt32) { self.value = value }

  public init(name: String) { self.init(UInt32(truncatingIfNeeded: StableHash.hash(name))) }
}

/// What stands in clear before the sealed part, authenticated with it. Integers are big-endian.
///
///     0 magic (2)   2 version (1)   3 flags (1)   4 key id (4)   8 cluster (4)   12 sent at (4)   16 salt (16)   32 counter (8)
///     40 sealed parts   end - 16 tag (16)
public struct PacketHeader: Equatable, Sendable {
  /// "tg".
  public static let magic: UInt16 = 0x7467
  public static let version: UInt8 = 1
  public static let byteCount = 40
  public static let tagBytes = 16
  /// Bytes that sealing adds to a plaintext.
  public static let overhead = byteCount + tagBytes
  /// Flags that a reader must know: with one of them set, a datagram means something that this version would misread. The lower four
  /// may be ignored.
  public static let criticalFlags: UInt8 = 0xF0

  public var flags: UInt8 = 0
  public var key: KeyID
  public var cluster: ClusterTag
  /// Seconds since 1970 by the sender's wall clock (to 2106). A receiver compares it with its own when the salt is new to it.
  public var sentAt: UInt32
  public var salt: PacketSalt
  public var counter: UInt64

  public init(key: KeyID, cluster: ClusterTag, sentAt: UInt32, salt: PacketSalt, counter: UInt64) {
    self.key = key
    self.cluster = cluster
    self.sentAt = sentAt
    self.salt = salt
    self.counter = counter
  }

  /// Reads a datagram's header.
  /// - Parameter datagram: the whole datagram; any bytes at all.
  /// - Throws: `tooShort`, `tooLong`, `foreign` or `futureVersion`.
  public init(decoding datagram: UnsafeRawBufferPointer) throws(PacketRefusal) {
    guard datagram.count <= PacketLimits.datagramBytesMax else { throw .tooLong }
    var reader = ByteReader(datagram)
    let magic: UInt16
    let version: UInt8
    let flags: UInt8
    do throws(ByteReadError) {
      magic = try reader.readUInt16()
      version = try reader.readUInt8()
      flags = try reader.readUInt8()
    } catch { throw .tooShort }
    guard magic == PacketHeader.magic, version != 0 else { throw .foreign }
    // The version comes before the length: another version's packets may be shorter.
    guard version == PacketHeader.version, flags & PacketHeader.criticalFlags == 0 else { throw .futureVersion(version) }
    guard datagram.count >= PacketHeader.overhead else { throw .tooShort }
    do throws(ByteReadError) {
      key = KeyID(try reader.readUInt32())
      cluster = ClusterTag(try reader.readUInt32())
      sentAt = try reader.readUInt32()
      salt = PacketSalt(high: try reader.readUInt64(), low: try reader.readUInt64())
      counter = try reader.readUInt64()
    } catch { throw .tooShort }
    self.flags = flags
  }

  /// Writes the header over the first `byteCount` bytes.
  /// - Precondition: `target` is that long.
  public func write(to target: UnsafeMutableRawBufferPointer) {
    precondition(target.count >= PacketHeader.byteCount, "a header of \(PacketHeader.byteCount) bytes into \(target.count)")
    target.storeBytes(of: PacketHeader.magic.bigEndian, as: UInt16.self)
    target[2] = PacketHeader.version
    target[3] = flags
    target.storeBytes(of: key.value.bigEndian, toByteOffset: 4, as: UInt32.self)
    target.storeBytes(of: cluster.value.bigEndian, toByteOffset: 8, as: UInt32.self)
    target.storeBytes(of: sentAt.bigEndian, toByteOffset: 12, as: UInt32.self)
    target.storeBytes(of: salt.high.bigEndian, toByteOffset: 16, as: UInt64.self)
    target.storeBytes(of: salt.low.bigEndian, toByteOffset: 24, as: UInt64.self)
    target.storeBytes(of: counter.bigEndian, toByteOffset: 32, as: UInt64.self)
  }
}
