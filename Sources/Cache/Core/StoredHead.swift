// Owns: which part of a response's head is stored (RFC 9111 §3.1). Framing, Age, Via of this hop and our Cache-Status are written anew for
// each answer by the engine.
import Runtime

public enum StoredHead {
  /// What is kept of a response's head: the status line as HTTP/1.1 and the end-to-end fields in their order, without the blank line.
  ///
  /// Left out: hop-by-hop fields and those that Connection names, proxy authentication, Age, Content-Length and Transfer-Encoding,
  /// X-Request-Id (it names another exchange), our own members of Cache-Status, and fields that `no-cache` or `private` name. Other
  /// caches' Cache-Status and the response's Via stay: they tell its way here. A response without a Date gets the time of its arrival
  /// (RFC 9110 §6.6.1).
  public static func make(_ response: HeadFields, storing terms: CacheTerms) -> [UInt8] {
    let filter = StorageFilter(response)
    let dated = hasDate(response)
    var head = statusLine(response)
    for i in 0..<response.count {
      let name = response.name(i)
      if !filter.keeps(name) || !dated && Octets.equals(name, "date") { continue }
      if Octets.equals(name, "cache-status") {
        let rest = withoutOurs(response.value(i))
        if !rest.isEmpty { head.append(field: name, rest[...]) }
      } else {
        head.append(field: name, response.value(i))
      }
    }
    if !dated { appendDate(terms.responseTime, to: &head) }
    return head
  }

  /// The head of another node's answer, for several clients: without framing, without what is for one connection or one request alone. Its
  /// Age and its Cache-Status are that node's.
  /// - Parameter isCollapsed: Cache-Status says so (RFC 9211 §2.6).
  public static func shared(_ answer: HeadFields, isCollapsed: Bool) -> [UInt8] {
    let filter = StorageFilter(answer)
    var head = statusLine(answer)
    for i in 0..<answer.count {
      let (name, value) = (answer.name(i), answer.value(i))
      let says = isCollapsed && Octets.equals(name, "cache-status") && CacheStatusLine.isOurs(value)
      if says && !CacheStatusLine.isCollapsed(value) {
        head.append(field: name, (value + Array("; collapsed".utf8))[...])
      } else if filter.keeps(name) || Octets.equals(name, "age") {
        head.append(field: name, value)
      }
    }
    return head
  }

  static func statusLine(_ response: HeadFields) -> [UInt8] {
    var line: [UInt8] = []
    line.append("HTTP/1.1")
    line += response.startLine.dropFirst(8)
    line.append("\r\n")
    return line
  }

  static func hasDate(_ head: HeadFields) -> Bool { head.single("date").flatMap { HTTPDate.parse($0, now: 0) } != nil }

  /// - Parameter moment: milliseconds since the epoch.
  static func appendDate(_ moment: Int64, to head: inout [UInt8]) {
    let time = WallTime(secondsSinceEpoch: UInt64(max(Seconds.whole(moment), 0)))
    head.append(field: Array("Date".utf8)[...], Array(time.imfFixdate.utf8)[...])
  }

  /// Cache-Status without the members of caches of our name; nothing of a list that cannot be read.
  private static func withoutOurs(_ value: ArraySlice<UInt8>) -> [UInt8] {
    guard let members = ListSyntax.elements(value) else { return [] }
    let others = members.filter { member in
      let item = Octets.trimmed(member.prefix { $0 != 0x3B })
      let name = ListSyntax.unquoted(item) ?? Array(item)
      return !Octets.equalsIgnoringCase(name[...], Array(CacheStatusLine.cacheName.utf8)[...])
    }
    return Array(others.joined(separator: [0x2C, 0x20]))
  }
}

/// Decides field by field what of one head may be stored.
struct StorageFilter {
  private var named: Set<[UInt8]>
  private var withheld: Set<[UInt8]>

  init(_ head: HeadFields) {
    named = []
    for line in head.all("connection") {
      for option in line.split(separator: 0x2C) { named.insert(Octets.lowered(Octets.trimmed(option))) }
    }
    withheld = []
    // Names in a field that another one overrules are obeyed too: leaving out more than needed is the safe side.
    for i in 0..<head.count where StorageFilter.isControl(head.name(i)) {
      withheld.formUnion(CacheControl(lines: [head.value(i)]).withheld)
    }
  }

  /// Cache-Control or a targeted field (RFC 9213 §2: their names end so).
  private static func isControl(_ name: ArraySlice<UInt8>) -> Bool {
    name.count >= 13 && Octets.equals(name.suffix(13), "cache-control")
  }

  /// Named by `no-cache="…"` or `private="…"`.
  func withholds(_ name: ArraySlice<UInt8>) -> Bool { !withheld.isEmpty && withheld.contains(Octets.lowered(name)) }

  func keeps(_ name: ArraySlice<UInt8>) -> Bool {
    let lower = Octets.lowered(name)
    if StorageFilter.never.contains(lower) || withheld.contains(lower) { return false }
    // What the cache itself goes by cannot be named away (RFC 9110 §7.6.1 forbids the sender to).
    return !named.contains(lower) || StorageFilter.needed.contains(lower)
  }

  private static func set(_ names: [String]) -> Set<[UInt8]> { Set(names.map { Array($0.utf8) }) }

  /// RFC 9111 §3.1 with RFC 9110 §7.6.1, and what is said anew for each answer.
  private static let never = set([
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
    "proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "content-length", "age", "x-request-id",
  ])

  private static let needed = set([
    "cache-control", "cdn-cache-control", "tidegate-cdn-cache-control", "expires", "date", "vary", "etag", "last-modified",
    "content-type", "content-encoding", "content-location", "content-range", "location",
  ])
}
