// Owns the grammar of a route key ("GET /pets/{id}", "ANY /files/{proxy+}", "$default") and the reasons to refuse one.
// How several keys live together is RouteTable's business.

/// The method half of a route key. The raw value is the column of a method in the compiled tables.
public enum RouteMethod: UInt8, Sendable, CaseIterable {
  case get, head, post, put, patch, delete, options, any

  /// The method as a route key spells it.
  public var text: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .patch: "PATCH"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .any: "ANY"
    }
  }
}

/// A parsed route key of an HTTP API.
///
/// The grammar is that of the service (API Gateway developer guide, "Create routes for HTTP APIs"): a method and a path with one
/// space between, or `$default`. Each path part satisfies `^(\{[\w.:-]+\+?\}|[a-zA-Z0-9.:_-]+)$`, the expression that the service
/// quotes when it refuses one; a path other than "/" does not end in a slash. Two things are refused here that the service is not
/// known to refuse: a parameter name used twice in a key, whose value would be ambiguous, and the literals "." and "..", which
/// RFC 3986 section 5.2.4 removes from paths, so that no request could reach them.
public struct RouteKey: Hashable, Sendable, CustomStringConvertible {
  /// One part of the path.
  public enum Segment: Hashable, Sendable {
    /// Matches itself, case-sensitively (RFC 3986 section 6.2.2.1).
    case literal(String)
    /// Matches one non-empty segment.
    case parameter(String)
    /// Matches the rest of the path after the slash before it, even an empty rest; always the last segment.
    case greedy(String)
  }

  /// The key as written.
  public let text: String
  /// The method; `.any` for `$default`.
  public let method: RouteMethod
  /// The path; empty for "/" and for `$default`.
  public let segments: [Segment]
  /// Whether this is `$default`, the route for what no other matches.
  public let isDefault: Bool

  public var description: String { text }

  /// Whether the last segment takes the rest of the path.
  public var isGreedy: Bool {
    if case .greedy? = segments.last { true } else { false }
  }

  /// Parses a route key.
  ///
  /// - Parameters:
  ///   - text: the key, for example `GET /pets/{id}`.
  ///   - limits: the longest and deepest key to accept.
  /// - Throws: `RouteKeyError` with the reason and the byte offset of the first fault.
  public init(_ text: String, limits: RouteLimits = RouteLimits()) throws(RouteKeyError) {
    var parser = RouteKeyParser(key: text, limits: limits)
    (method, segments, isDefault) = try parser.parse()
    self.text = text
  }

  /// A key whose parts were checked by other rules.
  init(text: String, segments: [Segment], isDefault: Bool) {
    self.text = text
    self.segments = segments
    self.isDefault = isDefault
    method = .any
  }
}

/// Why a route key was refused, and where.
public struct RouteKeyError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Equatable, Sendable {
    case empty
    case tooLong(bytesMax: Int)
    case unknownMethod(String)
    case unknownSelector(String)
    case missingPath
    case pathWithoutSlash
    case emptySegment
    case trailingSlash
    case tooManySegments(max: Int)
    case dotSegment
    case invalidCharacter(UInt8)
    case partialParameter
    case unclosedParameter
    case emptyParameterName
    case greedyNotLast
    case repeatedParameter(String)
  }

  public let reason: Reason
  /// The byte offset in the key at which the fault begins, counted from 0.
  public let position: Int
  /// The key as written.
  public let key: String

  public var description: String { "route key \"\(key)\", byte \(position): \(explanation)" }

  private var explanation: String {
    switch reason {
    case .empty: "the key is empty; write a method and a path, such as \"GET /pets/{id}\", or \"$default\""
    case .tooLong(let max): "the key is longer than \(max) bytes"
    case .unknownMethod(let method):
      "\"\(method)\" is no route method; use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or ANY, in capitals"
    case .unknownSelector(let selector): "\"\(selector)\" is no route of an HTTP API; the only key with a dollar sign is \"$default\""
    case .missingPath: "the path is missing; write one space and a path after the method, such as \"GET /pets\""
    case .pathWithoutSlash: "the path must begin with \"/\", after exactly one space"
    case .emptySegment: "a path segment is empty; write one slash between segments"
    case .trailingSlash: "a path other than \"/\" may not end in a slash; \"{proxy+}\" as last segment also takes an empty rest"
    case .tooManySegments(let max): "the path has more than \(max) segments"
    case .dotSegment: "\".\" and \"..\" cannot be path segments, since clients remove them from a path"
    case .invalidCharacter(let byte):
      "\(Self.name(byte)) cannot stand here; literals and parameter names are made of A-Z a-z 0-9 . _ : and -"
    case .partialParameter: "a parameter takes a whole segment, such as \"/{id}\"; it cannot share one with other text"
    case .unclosedParameter: "\"{\" has no \"}\" in its segment"
    case .emptyParameterName: "the parameter has no name"
    case .greedyNotLast: "a greedy parameter takes the rest of the path, so it must be the last segment"
    case .repeatedParameter(let name): "the parameter \"\(name)\" already stands in this path; give each its own name"
    }
  }

  private static func name(_ byte: UInt8) -> String {
    let hex = String(byte, radix: 16, uppercase: true)
    return byte > 0x20 && byte < 0x7F ? "\"\(Character(UnicodeScalar(byte)))\"" : "byte 0x\(byte < 16 ? "0" : "")\(hex)"
  }
}

/// One pass over the bytes of a key.
private struct RouteKeyParser {
  let key: String
  let limits: RouteLimits
  let bytes: [UInt8]

  init(key: String, limits: RouteLimits) {
    precondition(limits.segmentsMax <= 64, "RouteLimits.segmentsMax is \(limits.segmentsMax), above 64")
    self.key = key
    self.limits = limits
    bytes = Array(key.utf8)
  }

  func fail(_ reason: RouteKeyError.Reason, at position: Int) -> RouteKeyError {
    RouteKeyError(reason: reason, position: position, key: key)
  }

  mutating func parse() throws(RouteKeyError) -> (RouteMethod, [RouteKey.Segment], Bool) {
    if bytes.isEmpty { throw fail(.empty, at: 0) }
    if bytes.count > limits.keyBytesMax { throw fail(.tooLong(bytesMax: limits.keyBytesMax), at: limits.keyBytesMax) }
    if bytes[0] == UInt8(ascii: "$") {
      if key == "$default" { return (.any, [], true) }
      throw fail(.unknownSelector(key), at: 0)
    }
    let space = bytes.firstIndex(of: UInt8(ascii: " ")) ?? bytes.count
    let word = String(decoding: bytes[..<space], as: UTF8.self)
    guard let method = RouteMethod.allCases.first(where: { $0.text == word }) else { throw fail(.unknownMethod(word), at: 0) }
    let pathStart = space + 1
    if pathStart >= bytes.count { throw fail(.missingPath, at: bytes.count) }
    if bytes[pathStart] != UInt8(ascii: "/") { throw fail(.pathWithoutSlash, at: pathStart) }
    return (method, try parsePath(from: pathStart), false)
  }

  func parsePath(from pathStart: Int) throws(RouteKeyError) -> [RouteKey.Segment] {
    var segments: [RouteKey.Segment] = []
    var names: Set<String> = []
    var start = pathStart + 1
    if start == bytes.count { return [] }
    while true {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.count
      if start == bytes.count { throw fail(.trailingSlash, at: start - 1) }
      if start == end { throw fail(.emptySegment, at: start) }
      if segments.count == limits.segmentsMax { throw fail(.tooManySegments(max: limits.segmentsMax), at: start) }
      let segment = try parseSegment(start, end)
      switch segment {
      case .literal: break
      case .parameter(let name), .greedy(let name):
        if !names.insert(name).inserted { throw fail(.repeatedParameter(name), at: start + 1) }
      }
      segments.append(segment)
      if end == bytes.count { return segments }
      if case .greedy = segment { throw fail(.greedyNotLast, at: start) }
      start = end + 1
    }
  }

  func parseSegment(_ start: Int, _ end: Int) throws(RouteKeyError) -> RouteKey.Segment {
    guard bytes[start] == UInt8(ascii: "{") else { return .literal(try parseLiteral(start, end)) }
    guard let close = bytes[start..<end].firstIndex(of: UInt8(ascii: "}")) else { throw fail(.unclosedParameter, at: start) }
    if close + 1 != end { throw fail(.partialParameter, at: close + 1) }
    let greedy = bytes[close - 1] == UInt8(ascii: "+")
    let nameEnd = greedy ? close - 1 : close
    if start + 1 == nameEnd { throw fail(.emptyParameterName, at: start) }
    for index in start + 1..<nameEnd where !RouteKeyParser.isNameByte(bytes[index]) {
      throw fail(.invalidCharacter(bytes[index]), at: index)
    }
    let name = String(decoding: bytes[start + 1..<nameEnd], as: UTF8.self)
    return greedy ? .greedy(name) : .parameter(name)
  }

  func parseLiteral(_ start: Int, _ end: Int) throws(RouteKeyError) -> String {
    for index in start..<end where !RouteKeyParser.isNameByte(bytes[index]) {
      let brace = bytes[index] == UInt8(ascii: "{") || bytes[index] == UInt8(ascii: "}")
      throw fail(brace ? .partialParameter : .invalidCharacter(bytes[index]), at: index)
    }
    let literal = String(decoding: bytes[start..<end], as: UTF8.self)
    if literal == "." || literal == ".." { throw fail(.dotSegment, at: start) }
    return literal
  }

  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "-"): true
    default: false
    }
  }
}
