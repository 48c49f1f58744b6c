// Owns: what opens a sealed stream in clear: one hello each way, or a refusal. The records after it are StreamFrame's and StreamSealer's;
// how often a node refuses is the driver's.
import Runtime

/// Why a node does not take part in a stream. Told in clear, since no common key may exist; whoever is in between can forge it, so that
/// it decides nothing but what a first join reports.
public enum StreamRefusal: UInt8, Error, CaseIterable, Sendable {
  case unknownKey = 1
  case otherCluster = 2
  case futureVersion = 3
  /// Too many streams at a time; to be tried again later.
  case busy = 4

  /// The value of the metric label `reason`; stays the same from version to version.
  public var label: String {
    switch self {
    case .unknownKey: "unknown_key"
    case .otherCluster: "other_cluster"
    case .futureVersion: "future_version"
    case .busy: "busy"
    }
  }

  /// For whoever was refused.
  public var explanation: String {
    switch self {
    case .unknownKey: "unknown key id: the peer does not hold the key that this node sends with; add it there first"
    case .otherCluster: "other cluster: the peer belongs to a cluster of another name"
    case .futureVersion: "the peer's build is older than this node's protocol"
    case .busy: "the peer serves as many streams as it may; trying again later"
    }
  }

  public static let byteCount = 8

  /// The eight bytes that say so.
  public func encode(into writer: inout ByteWriter) {
    writer.write(StreamHello.magic)
    writer.write(StreamHello.version)
    writer.write(StreamHello.refusalMark)
    writer.write(rawValue)
    writer.write(bytes: [0, 0, 0])
  }
}

/// How a side of a stream introduces itself: whoever connected first, then the other, under the same key.
///
///     0 magic (2)   2 version (1)   3 kind (1)   4 key id (4)   8 cluster (4)   12 zero (4)   16 salt (16)
///
/// Both salts are drawn for this stream and both hellos go into its keys, so that a recording of one side opens nothing.
public struct StreamHello: Equatable, Sendable {
  /// "ts".
  public static let magic: UInt16 = 0x7473
  public static let version: UInt8 = 1
  public static let byteCount = 32
  static let helloMark: UInt8 = 0
  static let refusalMark: UInt8 = 1

  public var key: KeyID
  public var cluster: ClusterTag
  public var salt: PacketSalt

  public init(key: KeyID, cluster: ClusterTag, salt: PacketSalt) {
    self.key = key
    self.cluster = cluster
    self.salt = salt
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(StreamHello.magic)
    writer.write(StreamHello.version)
    writer.write(StreamHello.helloMark)
    writer.write(key.value)
    writer.write(cluster.value)
    writer.write(UInt32(0))
    writer.write(salt.high)
    writer.write(salt.low)
  }

  public var bytes: [UInt8] {
    var writer = ByteWriter(limit: StreamHello.byteCount, reserving: StreamHello.byteCount)
    encode(into: &writer)
    return writer.bytes
  }

  /// What the beginning of a stream says.
  public enum Opening: Equatable, Sendable {
    /// Too few bytes to tell; no more than `byteCount` are ever needed.
    case incomplete
    /// A hello of `byteCount` bytes.
    case hello(StreamHello)
    /// A refusal of `StreamRefusal.byteCount` bytes.
    case refused(StreamRefusal)
    /// A hello of a later version; its length is not known.
    case futureVersion(UInt8)
    /// Not this protocol.
    case foreign
  }

  /// Reads the beginning of a stream.
  /// - Parameter bytes: all that has come so far; any bytes at all. What follows the hello is left alone.
  public static func read(_ bytes: UnsafeRawBufferPointer) -> Opening {
    // A foreign beginning is told from its first byte, so that nobody keeps a stream waiting with it.
    if bytes.count >= 1 && bytes[0] != UInt8(magic >> 8) { return .foreign }
    if bytes.count >= 2 && bytes[1] != UInt8(truncatingIfNeeded: magic) { return .foreign }
    var reader = ByteReader(bytes)
    do throws(ByteReadError) {
      try reader.skip(2)
      let version = try reader.readUInt8()
      if version == 0 { return .foreign }
      if version > StreamHello.version { return .futureVersion(version) }
      switch try reader.readUInt8() {
      case helloMark:
        let key = KeyID(try reader.readUInt32())
        let cluster = ClusterTag(try reader.readUInt32())
        try reader.skip(4)
        let salt = PacketSalt(high: try reader.readUInt64(), low: try reader.readUInt64())
        return .hello(StreamHello(key: key, cluster: cluster, salt: salt))
      case refusalMark:
        let code = try reader.readUInt8()
        try reader.skip(3)
        return StreamRefusal(rawValue: code).map { .refused($0) } ?? .foreign
      default: return .foreign
      }
    } catch {
      return .incomplete
    }
  }

  /// Whether this hello answers that of the side that connected: under the same key, of the same cluster.
  public func answers(_ client: StreamHello) -> Bool { key == client.key && cluster == client.cluster }

  /// Whether a node that holds these keys goes on with whoever says this hello.
  /// - Returns: nil, or what to answer before closing.
  public func refusal(ring: KeyRing, cluster own: ClusterTag) -> StreamRefusal? {
    if cluster != own { return .otherCluster }
    return ring.key(key) == nil ? .unknownKey : nil
  }
}
