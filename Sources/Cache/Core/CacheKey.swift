// Owns: the primary key of a stored response: which requests share one (RFC 9111 §2, §4). Which responses below one key answer which of
// them is Variance's. Normalisation is written down here and nowhere else.
import Runtime

public enum CacheScheme: UInt8, Sendable, Equatable {
  case http = 0
  case https = 1

  /// A scheme's name, in either case.
  init?(_ name: ArraySlice<UInt8>) {
    if Octets.equals(name, "http") { self = .http } else if Octets.equals(name, "https") { self = .https } else { return nil }
  }

  var text: StaticString { self == .http ? "http://" : "https://" }
  var defaultPort: [UInt8] { self == .http ? [0x38, 0x30] : [0x34, 0x34, 0x33] }
}

/// What belongs to a key besides the URI's path.
public struct CacheKeyRules: Sendable, Equatable {
  public enum Query: Sendable, Equatable {
    /// Byte for byte.
    case all
    case none
    /// Only these parameters, by the bytes of their names; sorted by this list, repeated ones in the order of the request.
    case named([String])
  }

  /// GET and HEAD apart. Not needed for correctness: HEAD is answered from what is stored for GET.
  public var method: Bool
  /// Without the host, all hosts of a route share their entries.
  public var host: Bool
  public var query: Query
  /// Request fields by their names in lower case; their values are normalised as Variance does.
  public var headers: [String]
  /// Keeps the entries of an API or a stage apart from all others.
  public var space: String

  public init(method: Bool = false, host: Bool = true, query: Query = .all, headers: [String] = [], space: String = "") {
    self.method = method
    self.host = host
    self.query = query
    self.headers = headers
    self.space = space
  }
}

/// A key's 128 bits. Entries compare the whole key beside it, so that a collision is a miss and never another's body.
public struct CacheKeyHash: Sendable, Equatable, Hashable {
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The hash of a key's bytes, the same on every node: it also places the key.
  public init(_ key: UnsafeRawBufferPointer) {
    high = StableHash.hash(key, seed: 0x7469_6465_6761_7465)
    low = StableHash.hash(key, seed: 0x6361_6368_656B_6579)
  }
}

/// The key of a request.
///
/// Normal form of the URI (RFC 3986 §6.2, RFC 9110 §4.2.3):
/// - host in lower case; a port dropped if it is empty, the scheme's own or the listener's own;
/// - percent-encoded octets of the path with upper-case digits, and letters, digits, `-`, `_` and `~` decoded, which RFC 9110 §4.2.3
///   holds to be the same URI. `%2E` stays: decoded it could become a dot segment, and those are the router's matter. A `%` before
///   anything else than two digits stays as it is; so do dot segments, doubled slashes and every other byte;
/// - the query byte for byte, its `?` included, unless parameters are chosen.
public struct CacheKey: Sendable, Equatable, Hashable {
  public let bytes: [UInt8]

  public var hash128: CacheKeyHash { bytes.withUnsafeBytes { CacheKeyHash($0) } }

  public init(
    scheme: CacheScheme, authority: [UInt8], path: [UInt8], query: [UInt8], method: CacheMethod = .get, request: HeadFields? = nil,
    rules: CacheKeyRules = CacheKeyRules(), listenerPort: UInt16? = nil
  ) {
    var out: [UInt8] = []
    authority.withUnsafeBytes { authority in
      path.withUnsafeBytes { path in
        query.withUnsafeBytes { query in
          CacheKey.write(
            into: &out, scheme: scheme, authority: authority, path: path, query: query, method: method, request: request, rules: rules,
            listenerPort: listenerPort)
        }
      }
    }
    bytes = out
  }

  static let version: UInt8 = 1
  /// Version and two lengths.
  static let prefixBytes = 9

  /// Writes a key over what `out` holds; allocates nothing once `out` has grown, if no headers or parameters are chosen.
  ///
  /// Layout: version; the lengths of the URI and of its host, four bytes each; the URI; the space; the method (0 where it does not
  /// count); how the query and the host were chosen, with the names of parameters; for each chosen header its name, whether it is there
  /// and its value. Texts have their length before them. Every part's end is known without looking at the part, and the rules are part
  /// of the key, so neither other parts nor rules that were changed meanwhile come to the same bytes.
  /// - Parameters:
  ///   - authority: host and port, as sent.
  ///   - path: of the target; empty means "/".
  ///   - query: with its question mark, or empty.
  ///   - request: needed where the rules choose headers.
  ///   - listenerPort: the port on which the request came.
  public static func write(
    into out: inout [UInt8], scheme: CacheScheme, authority: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer,
    query: UnsafeRawBufferPointer, method: CacheMethod, request: HeadFields?, rules: CacheKeyRules, listenerPort: UInt16?
  ) {
    out.removeAll(keepingCapacity: true)
    out.append(version)
    append(length: 0, to: &out)
    append(length: 0, to: &out)
    out.append(scheme.text)
    let host = out.count
    if rules.host { appendHost(authority, scheme, listenerPort, to: &out) }
    patch(length: out.count - host, at: 5, in: &out)
    if path.isEmpty { out.append(0x2F) }
    appendPath(path, to: &out)
    switch rules.query {
    case .all: out.append(contentsOf: query)
    case .none: break
    case .named(let names): appendChosen(names, query, to: &out)
    }
    patch(length: out.count - prefixBytes, at: 1, in: &out)
    append(text: rules.space, to: &out)
    out.append(rules.method ? (method == .get ? 1 : method == .head ? 2 : 3) : 0)
    appendChoice(rules, to: &out)
    for name in rules.headers {
      append(text: name, to: &out)
      precondition(request != nil, "the key's rules choose the header \(name), and there is no request to read it from")
      let name = Array(name.utf8)
      let lines = request?.all(named: name[...]) ?? []
      out.append(lines.isEmpty ? 0 : 1)
      if lines.isEmpty { continue }
      let value = Variance.normalised(name[...], lines)
      append(length: value.count, to: &out)
      out += value
    }
  }

  /// The URI in its normal form, as it stands in a key: for a purge by prefix, and to be shown.
  public static func uri(of key: [UInt8]) -> ArraySlice<UInt8>? {
    guard key.count >= prefixBytes, key[0] == version else { return nil }
    let length = Int(key[1]) << 24 | Int(key[2]) << 16 | Int(key[3]) << 8 | Int(key[4])
    return length <= key.count - prefixBytes ? key[prefixBytes..<(prefixBytes + length)] : nil
  }

  // MARK: parts

  private static func append(length: Int, to out: inout [UInt8]) {
    for shift in [24, 16, 8, 0] { out.append(UInt8(truncatingIfNeeded: length >> shift)) }
  }

  private static func append(text: String, to out: inout [UInt8]) {
    append(length: text.utf8.count, to: &out)
    out.append(contentsOf: text.utf8)
  }

  private static func appendChoice(_ rules: CacheKeyRules, to out: inout [UInt8]) {
    out.append(rules.host ? 1 : 0)
    switch rules.query {
    case .all: out.append(0)
    case .none: out.append(1)
    case .named(let names):
      out.append(2)
      append(length: names.count, to: &out)
      for name in names { append(text: name, to: &out) }
    }
  }

  private static func patch(length: Int, at: Int, in out: inout [UInt8]) {
    for (i, shift) in [24, 16, 8, 0].enumerated() { out[at + i] = UInt8(truncatingIfNeeded: length >> shift) }
  }

  private static func appendHost(_ authority: UnsafeRawBufferPointer, _ scheme: CacheScheme, _ listener: UInt16?, to out: inout [UInt8]) {
    var end = authority.count
    if let colon = authority.lastIndex(where: { !Octets.isDigit($0) }), authority[colon] == 0x3A {
      let port = authority[(colon + 1)...]
      let number = port.reduce(0) { min($0 * 10 + Int($1 &- 0x30), 1 << 20) }
      let isPlain = port.first != 0x30
      let own = scheme == .http ? 80 : 443
      if port.isEmpty || isPlain && (number == own || listener.map { Int($0) == number } ?? false) { end = colon }
    }
    for c in authority[..<end] { out.append(Octets.lower(c)) }
  }

  private static func appendPath(_ path: UnsafeRawBufferPointer, to out: inout [UInt8]) {
    var i = 0
    while i < path.count {
      guard path[i] == 0x25, i + 2 < path.count, let high = digit(path[i + 1]), let low = digit(path[i + 2]) else {
        out.append(path[i])
        i += 1
        continue
      }
      let octet = high << 4 | low
      if Octets.isAlpha(octet) || Octets.isDigit(octet) || octet == 0x2D || octet == 0x5F || octet == 0x7E {
        out.append(octet)
      } else {
        out.append(0x25)
        out.append(upper(path[i + 1]))
        out.append(upper(path[i + 2]))
      }
      i += 3
    }
  }

  private static func digit(_ c: UInt8) -> UInt8? {
    if Octets.isDigit(c) { return c &- 0x30 }
    let letter = (c | 0x20) &- 0x61
    return Octets.isAlpha(c) && letter < 6 ? letter + 10 : nil
  }

  private static func upper(_ c: UInt8) -> UInt8 { Octets.isAlpha(c) ? c & 0xDF : c }

  /// The chosen parameters as they were sent, joined by `&` behind a `?`. A parameter holds no `&`, so the bytes tell them apart.
  static func appendChosen(_ names: [String], _ query: UnsafeRawBufferPointer, to out: inout [UInt8]) {
    let pairs = query.dropFirst().split(separator: 0x26)
    var separator: UInt8 = 0x3F
    for name in names {
      for pair in pairs where pair.prefix(while: { $0 != 0x3D }).elementsEqual(name.utf8) {
        out.append(separator)
        out.append(contentsOf: pair)
        separator = 0x26
      }
    }
  }
}

/// An authority cut at the colon before its port.
struct HostAndPort {
  let host: ArraySlice<UInt8>
  /// Digits, possibly none.
  let port: ArraySlice<UInt8>

  init(_ authority: ArraySlice<UInt8>) {
    if let colon = authority.lastIndex(where: { !Octets.isDigit($0) }), authority[colon] == 0x3A {
      host = authority[authority.startIndex..<colon]
      port = authority[(colon + 1)...]
    } else {
      host = authority
      port = []
    }
  }
}
