// Owns: a purge as bytes: in an entry of the cluster's log, so between nodes and on disk. When it was made is said beside it, by the entry.
import Runtime

extension Purge {
  private enum Kind: UInt8 {
    case url = 1
    case path = 2
    case prefix = 3
    case tag = 4
    case all = 5
    case key = 6
    case away = 7
  }

  /// Version, kind, whether it is soft; then a tag, or scheme (0 for both), host, path and query, each behind its length.
  public var encoded: [UInt8] {
    var writer = ByteWriter(limit: Purge.encodedBytesMax)
    writer.write(Purge.version)
    func head(_ kind: Kind) {
      writer.write(kind.rawValue)
      writer.write(UInt8(isSoft ? 1 : 0))
    }
    func write(_ kind: Kind, _ target: Target) {
      head(kind)
      writer.write(target.scheme.map { $0.rawValue + 1 } ?? 0)
      for part in [target.host, target.path, target.query] { writer.writeLengthPrefixed(part) }
    }
    switch meaning {
    case .url(let target): write(.url, target)
    case .path(let target): write(.path, target)
    case .prefix(let target): write(.prefix, target)
    case .tag(let tag):
      head(.tag)
      writer.writeLengthPrefixed(tag)
    case .key(let key):
      head(.key)
      writer.writeLengthPrefixed(key)
    case .all: head(.all)
    case .away: head(.away)
    }
    precondition(!writer.isOverflowed, "a purge of more than \(Purge.encodedBytesMax) bytes: \(description)")
    return writer.bytes
  }

  /// - Parameters:
  ///   - bytes: any bytes at all.
  ///   - stamp: when it was made, milliseconds since the epoch.
  /// - Returns: nil for what this version does not know. Whoever has to obey it all the same purges everything.
  public init?(decoding bytes: [UInt8], stamp: Int64) {
    // SAFETY: the array outlives the call; what is read is copied out of it.
    let read = bytes.withUnsafeBytes { try? Purge.read($0) }
    guard let (meaning, isSoft) = read else { return nil }
    self.init(meaning, isSoft: isSoft, stamp: stamp)
  }

  private static func read(_ bytes: UnsafeRawBufferPointer) throws(ByteReadError) -> (Meaning, Bool) {
    var reader = ByteReader(bytes)
    guard bytes.count <= encodedBytesMax, try reader.readUInt8() == version else { throw .overLimit(at: 0) }
    guard let kind = Kind(rawValue: try reader.readUInt8()) else { throw .overLimit(at: 1) }
    let soft = try reader.readUInt8()
    if soft > 1 { throw .overLimit(at: 2) }
    let meaning: Meaning
    switch kind {
    case .url: meaning = .url(try target(&reader))
    case .path: meaning = .path(try target(&reader))
    case .prefix: meaning = .prefix(try target(&reader))
    case .tag:
      let at = reader.position
      let tag = Array(try reader.readLengthPrefixed(limit: CacheTags.bytesMax))
      if tag.isEmpty { throw .overLimit(at: at) }
      meaning = .tag(tag)
    case .key:
      let at = reader.position
      let key = Array(try reader.readLengthPrefixed(limit: keyBytesMax))
      if key.isEmpty { throw .overLimit(at: at) }
      meaning = .key(key)
    case .all: meaning = .all
    case .away: meaning = .away
    }
    try reader.expectEnd()
    return (meaning, soft == 1)
  }

  private static func target(_ reader: inout ByteReader) throws(ByteReadError) -> Target {
    let at = reader.position
    let scheme: CacheScheme?
    switch try reader.readUInt8() {
    case 0: scheme = nil
    case 1: scheme = .http
    case 2: scheme = .https
    case _: throw .overLimit(at: at)
    }
    let host = Array(try reader.readLengthPrefixed(limit: hostBytesMax))
    let path = Array(try reader.readLengthPrefixed(limit: encodedBytesMax))
    return Target(scheme: scheme, host: host, path: path, query: Array(try reader.readLengthPrefixed(limit: encodedBytesMax)))
  }
}
