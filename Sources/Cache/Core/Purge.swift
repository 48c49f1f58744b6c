// Owns: what a purge means: its value, its form between nodes and on disk, and which keys and tags it matches. Finding the entries is the
// tiers', spreading it the node's.
import Runtime

/// Makes stored responses unusable: gone, or stale from now on.
///
/// A URL and a prefix are compared with the URI in a key, in its normal form (`CacheKey`). What only the key's own request knew is settled
/// so that rather too much is purged than too little:
/// - a port is dropped from keys if it is the listener's own, which nobody else knows. A purge with a port therefore means URIs with that
///   port and URIs without one; a purge without a port means only the latter;
/// - keys without a host are meant whatever the host;
/// - keys with chosen parameters are compared with the same choice from the purge's query.
public struct Purge: Sendable, Equatable {
  /// A URI, or the beginning of one.
  public struct Target: Sendable, Equatable {
    /// Nil for both.
    public var scheme: CacheScheme?
    /// In lower case, with a port that is not the scheme's own.
    public var host: [UInt8]
    public var path: [UInt8]
    /// With its question mark, or empty.
    public var query: [UInt8]
  }

  public enum Meaning: Sendable, Equatable {
    case url(Target)
    /// A path with any query.
    case path(Target)
    /// Whatever begins so; the host is whole.
    case prefix(Target)
    case tag([UInt8])
    /// One key, with its variants and its parts.
    case key([UInt8])
    case all
    /// All that a node has which hears of it after it was away; nothing of any other.
    case away
  }

  public let meaning: Meaning
  /// What it matches stays, stale, until it is validated or replaced.
  public var isSoft: Bool
  /// When it was made: milliseconds since the epoch.
  public var stamp: Int64

  /// Most bytes of the form between nodes, below what an entry of the cluster's log may hold.
  public static let encodedBytesMax = 1_000
  static let hostBytesMax = 300
  static let keyBytesMax = 990
  static let version: UInt8 = 1

  init(_ meaning: Meaning, isSoft: Bool, stamp: Int64) {
    self.meaning = meaning
    self.isSoft = isSoft
    self.stamp = stamp
  }

  public static func all(isSoft: Bool = false, stamp: Int64) -> Purge { Purge(.all, isSoft: isSoft, stamp: stamp) }

  /// - Parameter tag: 1 to `CacheTags.bytesMax` bytes, and none that `Cache-Tag` or `Surrogate-Key` could not hold.
  public static func tag(_ tag: [UInt8], isSoft: Bool = false, stamp: Int64) throws(PurgeRefusal) -> Purge {
    if tag.isEmpty { throw .empty }
    if tag.count > CacheTags.bytesMax { throw .tagTooLong }
    if tag.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x2C }) || Octets.trimmed(tag[...]).count < tag.count { throw .badByte }
    return Purge(.tag(tag), isSoft: isSoft, stamp: stamp)
  }

  /// - Parameter url: `http://host/path?query`, or `//host/path?query` for both schemes. One that is too long is cut: its path with any
  ///   query, or what its path begins with.
  public static func url(_ url: [UInt8], isSoft: Bool = false, stamp: Int64) throws(PurgeRefusal) -> Purge {
    let target = try Target(url)
    return Purge(
      target.fits ? .url(target) : target.pathFits ? .path(target.withoutQuery) : .prefix(target.cut), isSoft: isSoft, stamp: stamp)
  }

  /// - Parameter prefix: as a URL, whole up to the end of its host at least. One that is too long is cut.
  public static func prefix(_ prefix: [UInt8], isSoft: Bool = false, stamp: Int64) throws(PurgeRefusal) -> Purge {
    let target = try Target(prefix)
    return Purge(.prefix(target.fits ? target : target.cut), isSoft: isSoft, stamp: stamp)
  }

  /// The URL of a request, whose key is known.
  public static func url(key: CacheKey, isSoft: Bool, stamp: Int64) throws(PurgeRefusal) -> Purge {
    try url(Array(CacheKey.uri(of: key.bytes) ?? []), isSoft: isSoft, stamp: stamp)
  }

  /// What is stored under a key. One that is too long is purged by its URL.
  public static func key(_ key: [UInt8], stamp: Int64) -> Purge {
    if key.count <= keyBytesMax { return Purge(.key(key), isSoft: false, stamp: stamp) }
    // A key without a host has no URL.
    return (try? url(Array(CacheKey.uri(of: key) ?? []), stamp: stamp)) ?? .all(stamp: stamp)
  }

  /// What nodes have that were away, and cannot be told one by one what has become stale meanwhile.
  public static func away(stamp: Int64) -> Purge { Purge(.away, isSoft: false, stamp: stamp) }

  // MARK: matching

  /// Whether an entry is meant.
  /// - Parameters:
  ///   - key: of a response, an index or a variant. Bytes that are no key are meant by everything but a tag.
  ///   - tags: hashes, as `CacheTags` makes them.
  public func matches(key: UnsafeRawBufferPointer, tags: UnsafeBufferPointer<UInt64>) -> Bool {
    switch meaning {
    case .all: true
    case .away: false
    // What a key is made of says how long it is: whatever goes on behind it is of the same key, or the URI's with chosen fields besides.
    case .key(let mine): key.starts(with: mine)
    case .tag(let tag): tags.contains(CacheTags.hash(tag)) || tags.contains(CacheTags.any)
    case .url(let target): CacheKeyParts(key).map { target.isURL(of: $0) } ?? true
    case .path(let target): CacheKeyParts(key).map { target.isPath(of: $0) } ?? true
    case .prefix(let target): CacheKeyParts(key).map { target.isPrefix(of: $0) } ?? true
    }
  }

  /// For callers that hold arrays.
  public func matches(key: [UInt8], tags: [UInt64]) -> Bool {
    key.withUnsafeBytes { key in tags.withUnsafeBufferPointer { matches(key: key, tags: $0) } }
  }
}

/// Why a text is no purge.
public enum PurgeRefusal: Error, Sendable, Equatable {
  case empty
  case noScheme
  case noHost
  case userinfo
  case badByte
  case hostTooLong
  case tagTooLong

  /// For whoever asked.
  public var reason: String {
    switch self {
    case .empty: "is empty"
    case .noScheme: "has to begin with http://, https:// or // (both)"
    case .noHost: "has no host"
    case .userinfo: "has a user before its host"
    case .badByte: "has a blank, a comma in a tag, or a control character"
    case .hostTooLong: "has a host of more than \(Purge.hostBytesMax) bytes"
    case .tagTooLong: "is a tag of more than \(CacheTags.bytesMax) bytes"
    }
  }
}

extension Purge.Target {
  init(_ text: [UInt8]) throws(PurgeRefusal) {
    if text.isEmpty { throw .empty }
    if text.contains(where: { $0 <= 0x20 || $0 == 0x7F }) { throw .badByte }
    let whole = text.prefix { $0 != 0x23 }
    var rest = whole
    if !whole.starts(with: [0x2F, 0x2F]) {
      guard let colon = whole.firstIndex(of: 0x3A), let named = CacheScheme(whole[..<colon]) else { throw .noScheme }
      (scheme, rest) = (named, whole[(colon + 1)...])
      guard rest.starts(with: [0x2F, 0x2F]) else { throw .noScheme }
    } else {
      scheme = nil
    }
    let authority = rest.dropFirst(2).prefix { $0 != 0x2F && $0 != 0x3F }
    if authority.isEmpty || HostAndPort(authority).host.isEmpty { throw .noHost }
    if authority.contains(0x40) { throw .userinfo }
    if authority.count > Purge.hostBytesMax { throw .hostTooLong }
    let path = rest[authority.endIndex...].prefix { $0 != 0x3F }
    // The one normal form there is: that of a request to this URI.
    let key = CacheKey(scheme: scheme ?? .http, authority: Array(authority), path: Array(path), query: Array(rest[path.endIndex...]))
    (host, self.path, query) = key.bytes.withUnsafeBytes { bytes in
      guard let parts = CacheKeyParts(bytes) else { preconditionFailure("a key that was just made cannot be read") }
      return (Array(parts.host), Array(parts.path), Array(parts.query))
    }
  }

  // MARK: bounds

  private static var targetBytesMax: Int { Purge.encodedBytesMax - Purge.hostBytesMax - 16 }
  var fits: Bool { path.count + query.count <= Purge.Target.targetBytesMax }
  var pathFits: Bool { path.count <= Purge.Target.targetBytesMax }

  var withoutQuery: Purge.Target {
    var target = self
    target.query = []
    return target
  }

  /// The first bytes of path and query, as many as fit.
  var cut: Purge.Target {
    var target = self
    target.path = Array(path.prefix(Purge.Target.targetBytesMax))
    target.query = Array(query.prefix(Purge.Target.targetBytesMax - target.path.count))
    return target
  }

  // MARK: matching

  func isURL(of key: CacheKeyParts) -> Bool {
    guard isPath(of: key) else { return false }
    switch key.queryChoice {
    case nil, .some(.none): return true
    case .some(.all): return key.query.elementsEqual(query)
    case .some(.named(let names)):
      var chosen: [UInt8] = []
      query.withUnsafeBytes { CacheKey.appendChosen(names, $0, to: &chosen) }
      return key.query.elementsEqual(chosen)
    }
  }

  func isPath(of key: CacheKeyParts) -> Bool { isSite(of: key) && key.path.elementsEqual(path) }

  func isPrefix(of key: CacheKeyParts) -> Bool {
    guard isSite(of: key), key.target.count >= path.count + query.count else { return false }
    return key.target.prefix(path.count).elementsEqual(path) && key.target.dropFirst(path.count).prefix(query.count).elementsEqual(query)
  }

  private func isSite(of key: CacheKeyParts) -> Bool {
    if let scheme, scheme != key.scheme { return false }
    if key.host.isEmpty || key.host.elementsEqual(host) { return true }
    return key.host.elementsEqual(HostAndPort(host[...]).host)
  }
}

extension Purge {
  /// As operators read it: the kind, and the text in its normal form; nothing for `all`.
  public var description: (kind: String, text: String?) {
    func text(_ target: Target, _ end: String = "") -> String {
      let scheme = target.scheme.map { "\($0.text)" } ?? "//"
      return scheme + String(decoding: target.host + target.path + target.query, as: UTF8.self) + end
    }
    switch meaning {
    case .all: return ("all", nil)
    case .away: return ("away", nil)
    case .key(let key): return ("key", CacheKey.uri(of: key).map { String(decoding: $0, as: UTF8.self) })
    case .tag(let tag): return ("tag", String(decoding: tag, as: UTF8.self))
    case .url(let target): return ("url", text(target))
    case .path(let target): return ("url", text(target, "?*"))
    case .prefix(let target): return ("prefix", text(target))
    }
  }
}
