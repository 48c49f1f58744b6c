// A response that caches may keep: its representation depends on the URL alone, so every origin answers a revalidation alike.
import Proxy
import Runtime

enum OriginCache {
  /// The representation never changes, hence a date that never does.
  static let lastModified = WallTime(secondsSinceEpoch: 1_767_225_600).imfFixdate  // 1 January 2026

  /// The answer to `/cache/{seconds}`. A 304 is given the body too: what is not sent still has its length told (RFC 9110 §8.6).
  static func response(_ request: LocalRequest, seconds: Int) -> LocalResponse {
    let told: JSONValue = [
      "args": OriginEcho.arguments(request.query), "seconds": JSONValue(seconds), "url": .string(OriginEcho.url(request)),
    ]
    let body = told.serialized(.pretty) + [0x0a]
    let tag = "\"" + String(StableHash.hash(body), radix: 16) + "\""
    let fresh = isFresh(request, tag: tag)
    var response = LocalResponse(status: fresh ? 304 : 200, body: body)
    response.fields = [
      ("Content-Type", "application/json"), ("Cache-Control", "public, max-age=\(seconds)"), ("ETag", tag),
      ("Last-Modified", lastModified),
    ]
    return response
  }

  /// Whether the client holds the representation already (RFC 9110 §13.1.2, §13.1.3): If-None-Match, and only without one
  /// If-Modified-Since, whose date is ours or not known to us.
  static func isFresh(_ request: LocalRequest, tag: String) -> Bool {
    let tags = request.fields.filter { $0.name.lowercased() == "if-none-match" }.map(\.value)
    return tags.isEmpty ? request.field("if-modified-since") == lastModified : tags.contains { matches($0, tag) }
  }

  /// Whether a list of entity tags holds `tag`, compared weakly (RFC 9110 §8.8.3.2).
  static func matches(_ list: String, _ tag: String) -> Bool {
    list.split(separator: ",").contains { entry in
      let entry = entry.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
      return entry == "*" || (entry.hasPrefix("W/") ? entry.dropFirst(2) : entry) == tag
    }
  }
}

extension StableHash {
  fileprivate static func hash(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { hash($0) } }
}
