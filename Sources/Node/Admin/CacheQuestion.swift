// Owns: what `/cache?url=` and `/cache?key=` ask for, and how what was found is shown. Pure.
import Cache
import Gateway
import Proxy
import Runtime

/// Which entries an operator wants to see.
public struct CacheQuestion: Sendable, Equatable {
  /// Keys that may be asked for at once: one for each way in which routes make them.
  static let keysMax = 64

  public var keys: [[UInt8]]

  /// - Parameters:
  ///   - url: `http://host/path?query`.
  ///   - rules: of all routes with a cache. Fields of the request that belong to a key are taken to be missing.
  ///   - ports: of the listeners, which keys leave away.
  /// - Returns: nil for what is no URL of HTTP.
  init?(url: String, rules: [CacheKeyRules], ports: [UInt16]) {
    guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else { return nil }
    let scheme: CacheScheme
    switch url[..<colon].lowercased() {
    case "http": scheme = .http
    case "https": scheme = .https
    default: return nil
    }
    let rest = url[url.index(colon, offsetBy: 3)...].prefix { $0 != "#" }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let target = rest[authority.endIndex...]
    let path = target.prefix { $0 != "?" }
    if authority.isEmpty || authority.contains("@") { return nil }
    keys = []
    for rule in rules {
      for port in ports.isEmpty ? [0] : ports {
        let key = CacheKey(
          scheme: scheme, authority: Array(authority.utf8), path: path.isEmpty ? [0x2F] : Array(path.utf8),
          query: Array(target[path.endIndex...].utf8), request: HeadFields(head: [UInt8]("GET / HTTP/1.1\r\n\r\n".utf8)), rules: rule,
          listenerPort: port)
        if !keys.contains(key.bytes) && keys.count < CacheQuestion.keysMax { keys.append(key.bytes) }
      }
    }
  }

  /// - Parameter hex: a key as an answer has shown it.
  init?(key hex: String) {
    let digits = Array(hex.utf8)
    guard !digits.isEmpty, digits.count % 2 == 0, digits.count <= 1 << 17 else { return nil }
    var key: [UInt8] = []
    for i in stride(from: 0, to: digits.count, by: 2) {
      guard let high = CacheQuestion.value(digits[i]), let low = CacheQuestion.value(digits[i + 1]) else { return nil }
      key.append(high << 4 | low)
    }
    keys = [key]
  }

  private static func value(_ c: UInt8) -> UInt8? {
    switch c {
    case 0x30...0x39: c - 0x30
    case 0x41...0x46: c - 0x37
    case 0x61...0x66: c - 0x57
    default: nil
    }
  }

  // MARK: showing

  static func show(_ inspection: CacheInspection, node: String) -> JSONValue {
    .object([
      JSONMember("node", .string(node)), JSONMember("owner", inspection.rank.first.map { .string($0) } ?? .string(node)),
      JSONMember("rank", .array(inspection.rank.map { .string($0) })),
      JSONMember("keys", .array(inspection.keys.map { .string(hex($0)) })),
      JSONMember("entries", .array(inspection.entries.map { show($0) })),
    ])
  }

  private static func show(_ entry: CacheEntryView) -> JSONValue {
    .object([
      JSONMember("tier", .string(entry.tier.rawValue)), JSONMember("key", .string(hex(entry.key))),
      JSONMember("status", JSONValue(entry.status)), JSONMember("body_bytes", JSONValue(entry.bodyBytes)),
      JSONMember("age", JSONValue(entry.age)), JSONMember("ttl", JSONValue(entry.ttl)),
      JSONMember("stale_while_revalidate", JSONValue(entry.staleWhileRevalidate)),
      JSONMember("stale_if_error", JSONValue(entry.staleIfError)), JSONMember("marked_stale", .bool(entry.isMarkedStale)),
      JSONMember("always_validated", .bool(entry.isAlwaysValidated)), JSONMember("tags", JSONValue(entry.tags)),
      JSONMember("head", .array(entry.head.split(whereSeparator: \.isNewline).map { .string(String($0)) })),
    ])
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
