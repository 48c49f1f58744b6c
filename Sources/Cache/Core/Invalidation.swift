// Owns: what an unsafe request makes stale (RFC 9111 §4.4). Finding the entries, on this node and the others, is the driver's.

/// A URI of the request's origin whose stored responses are no longer to be used without a validation.
public struct InvalidationTarget: Sendable, Equatable, Hashable {
  /// As in the request: host and port.
  public let authority: [UInt8]
  /// From the first slash, without the query.
  public let path: [UInt8]
  /// With its question mark, or empty: as `CacheKey` wants it.
  public let query: [UInt8]

  /// - Parameter target: path and query together.
  public init(authority: [UInt8], target: [UInt8]) {
    self.authority = authority
    path = Array(target.prefix { $0 != 0x3F })
    query = Array(target[path.count...])
  }
}

public enum Invalidation {
  /// Most bytes of a reference that is looked at.
  static let referenceBytesMax = 8192

  /// - Parameters:
  ///   - method: as sent; its case counts (RFC 9110 §9.1).
  ///   - status: of the final response.
  ///   - authority: host and port of the target URI.
  ///   - path: its path and query.
  ///   - scheme: of the target URI; nil takes http and https for the same origin.
  /// - Returns: the target URI, and those of Location and Content-Location that have its origin: another one's URIs could be made stale by
  ///   whoever wishes. Empty for safe methods and for errors.
  public static func targets(
    method: [UInt8], status: Int, authority: [UInt8], path: [UInt8], response: HeadFields, scheme: CacheScheme? = nil
  ) -> [InvalidationTarget] {
    // A method that is not known to be safe is taken for unsafe (§4.4); only 2xx and 3xx are non-error responses.
    let safe: [StaticString] = ["GET", "HEAD", "OPTIONS", "TRACE"]
    if safe.contains(where: { method.elementsEqual(UnsafeBufferPointer(start: $0.utf8Start, count: $0.utf8CodeUnitCount)) }) { return [] }
    guard 200...399 ~= status else { return [] }
    var found = [InvalidationTarget(authority: authority, target: path.isEmpty ? [0x2F] : path)]
    for reference in response.all("location") + response.all("content-location") {
      guard let resolved = resolve(reference, authority: authority, base: path, scheme: scheme) else { continue }
      let target = InvalidationTarget(authority: authority, target: resolved)
      if !found.contains(target) && found.count < 8 { found.append(target) }
    }
    return found
  }

  /// Path and query of a reference (RFC 3986 §5.2.2) if it has the same origin; else nil.
  static func resolve(_ reference: ArraySlice<UInt8>, authority: [UInt8], base: [UInt8], scheme: CacheScheme?) -> [UInt8]? {
    guard reference.count <= referenceBytesMax else { return nil }
    var rest = reference.prefix { $0 != 0x23 }
    var own = scheme
    if let colon = rest.firstIndex(where: { $0 == 0x3A || $0 == 0x2F || $0 == 0x3F }), rest[colon] == 0x3A, colon > rest.startIndex {
      guard let named = CacheScheme(rest[rest.startIndex..<colon]), scheme == nil || named == scheme else { return nil }
      own = named
      rest = rest[(colon + 1)...]
      // "http:path" has no authority and is nothing for http (RFC 9110 §4.2.1).
      if !rest.starts(with: [0x2F, 0x2F]) { return nil }
    }
    if rest.starts(with: [0x2F, 0x2F]) {
      let named = rest.dropFirst(2).prefix { $0 != 0x2F && $0 != 0x3F }
      guard isSame(named, authority[...], own) else { return nil }
      let path = rest[named.endIndex...]
      return withoutDots(path.first == 0x2F ? Array(path) : [0x2F] + path)
    }
    // A target in another form than a path is nothing to be relative to.
    guard base.isEmpty || base[0] == 0x2F || rest.first == 0x2F else { return nil }
    if rest.isEmpty { return base.isEmpty ? [0x2F] : base }
    let basePath = base.prefix { $0 != 0x3F }
    if rest.first == 0x3F { return (basePath.isEmpty ? [0x2F] : Array(basePath)) + rest }
    if rest.first == 0x2F { return withoutDots(Array(rest)) }
    let folder = basePath.lastIndex(of: 0x2F).map { Array(basePath[...$0]) } ?? [0x2F]
    return withoutDots(folder + rest)
  }

  /// Hosts without case, and a port that is the scheme's own left out (RFC 9110 §4.2.3).
  private static func isSame(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>, _ scheme: CacheScheme?) -> Bool {
    let (left, right) = (HostAndPort(a), HostAndPort(b))
    guard !left.host.isEmpty, Octets.equalsIgnoringCase(left.host, right.host) else { return false }
    func port(_ port: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
      if let scheme, port.elementsEqual(scheme.defaultPort) { return [] }
      return port
    }
    return port(left.port) == port(right.port)
  }

  /// RFC 3986 §5.2.4; the query is left alone.
  private static func withoutDots(_ reference: [UInt8]) -> [UInt8] {
    let path = reference.prefix { $0 != 0x3F }
    var kept: [ArraySlice<UInt8>] = []
    let segments = path.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false)
    for (i, segment) in segments.enumerated() {
      let isLast = i == segments.count - 1
      if segment.elementsEqual([0x2E]) || segment.elementsEqual([0x2E, 0x2E]) {
        if segment.count == 2 { _ = kept.popLast() }
        if isLast { kept.append([]) }
      } else {
        kept.append(segment)
      }
    }
    return [0x2F] + Array(kept.joined(separator: [0x2F])) + reference[path.endIndex...]
  }
}
