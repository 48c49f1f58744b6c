// Owns the choice among the APIs behind one custom domain by the first parts of the path (API Gateway developer guide, "API mappings for
// REST APIs": the longest mapping whose parts all match, else the mapping without a key). The walk is RouteTable's: a mapping is a
// literal path and the same path with a greedy rest.

/// A mapping's key that cannot be compiled.
public struct BasePathFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The index of the mapping.
  public let mapping: Int
  public let key: String
  public let message: String

  public var description: String { "API mapping \"\(key)\": \(message)" }
}

public struct BasePathFaults: Error, Equatable, Sendable {
  public let faults: [BasePathFault]
}

/// The API mappings of a domain.
public struct BasePathTable: Sendable {
  private let table: RouteTable
  /// The longest key, in bytes (the service's limit).
  static let keyBytesMax = 300

  /// - Parameter mappings: keys, without slashes around them, and what `match` returns for each; the empty key takes every path.
  /// - Throws: every fault at once.
  public init(_ mappings: [(key: String, payload: Int32)], limits: RouteLimits = RouteLimits()) throws(BasePathFaults) {
    var faults: [BasePathFault] = []
    var routes: [(key: RouteKey, payload: Int32)] = []
    var seen: Set<String> = []
    for (index, (key, payload)) in mappings.enumerated() {
      func fail(_ message: String) { faults.append(BasePathFault(mapping: index, key: key, message: message)) }
      if !seen.insert(key).inserted { fail("it stands twice") }
      if key.isEmpty {
        routes.append((RouteKey(text: "", segments: [], isDefault: true), payload))
        continue
      }
      let parts = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      if key.utf8.count > BasePathTable.keyBytesMax { fail("a key has at most \(BasePathTable.keyBytesMax) bytes") }
      if parts.count >= limits.segmentsMax { fail("a key has fewer than \(limits.segmentsMax) parts") }
      if parts.contains(where: \.isEmpty) { fail("a key has no empty parts and no slash before or behind it") }
      if parts.contains(".") || parts.contains("..") { fail("\".\" and \"..\" cannot be parts, since clients remove them from a path") }
      if !key.utf8.allSatisfy(BasePathTable.isKeyByte) { fail("a key is made of letters, digits and $-_.+!*'()/") }
      let literals = parts.map(RouteKey.Segment.literal)
      routes.append((RouteKey(text: key, segments: literals, isDefault: false), payload))
      routes.append((RouteKey(text: key + "/", segments: literals + [.greedy("rest")], isDefault: false), payload))
    }
    if !faults.isEmpty { throw BasePathFaults(faults: faults) }
    do throws(RouteSetFaults) { table = try RouteTable.compile(routes, limits: limits) } catch {
      throw BasePathFaults(faults: error.faults.map { BasePathFault(mapping: 0, key: $0.keys.first ?? "", message: $0.description) })
    }
  }

  private static func isKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "$-_.+!*'()/".utf8.contains(byte)
    }
  }

  /// The mapping for a path.
  ///
  /// - Returns: the mapping's payload and where its API's path begins, at a slash, or at the path's end for its root; nil for none.
  // SAFETY: reads only path[0..<count]; the caller keeps it alive and unchanged during the call. The table's routes have at most one
  // capture, for which there is room.
  public func match(_ path: UnsafePointer<UInt8>, _ count: Int) -> (payload: Int32, rest: Int)? {
    var rest = PathCapture()
    var method: UInt8 = 0
    let found = withUnsafeMutablePointer(to: &rest) { table.match(method: &method, methodCount: 0, path: path, pathCount: count, into: $0) }
    if !found.isFound { return nil }
    if table.keys[Int(found.route)].isDefault { return (found.payload, 0) }
    return (found.payload, found.captureCount > 0 ? Int(rest.offset) - 1 : count)
  }
}
