// Owns: conditional requests answered from a stored response (RFC 9111 §4.3.2, RFC 9110 §13). Range requests that are conditional
// (If-Range) are ByteRanges'.

public enum PreconditionJudgement: Sendable, Equatable {
  /// Answer with the stored response.
  case serve
  /// Answer 304 with `Preconditions.notModifiedHead`.
  case notModified
  /// If-Match or If-Unmodified-Since: they are meant for the origin, and a cache must not evaluate them (RFC 9111 §4.3.2). Send the
  /// request on; the answer, 412 too, is the origin's.
  case forward
}

public enum Preconditions {
  /// - Parameter response: the stored head, of a response that may be used now.
  public static func judge(method: CacheMethod, request: HeadFields, response: HeadFields) -> PreconditionJudgement {
    if request.has("if-match") || request.has("if-unmodified-since") { return .forward }
    guard method != .other else { return .forward }
    // Ignored where the answer would not be a 2xx without them (RFC 9110 §13.2.1).
    guard 200...299 ~= response.status else { return .serve }

    // If-None-Match wins over If-Modified-Since, also where it cannot be read (§13.1.3, §13.2.2).
    let wanted = request.all("if-none-match")
    if !wanted.isEmpty { return noneMatches(wanted, response) ? .serve : .notModified }
    guard let since = request.single("if-modified-since") else { return .serve }
    return isModified(since: since, response) ? .serve : .notModified
  }

  /// Weak comparison (§13.1.2). A list that cannot be read matches nothing, which sends more than needed and nothing wrong.
  private static func noneMatches(_ lines: [ArraySlice<UInt8>], _ response: HeadFields) -> Bool {
    if lines.count == 1 && lines[0].elementsEqual([0x2A]) { return false }
    guard let tags = EntityTag.list(lines), let stored = EntityTag.of(response) else { return true }
    return !tags.contains { $0.matchesWeakly(stored) }
  }

  /// Compared with Last-Modified, else with Date (RFC 9111 §4.3.2). `StoredHead` has given every stored response a Date.
  private static func isModified(since value: ArraySlice<UInt8>, _ response: HeadFields) -> Bool {
    let received = response.single("date").flatMap { HTTPDate.parse($0, now: 0) }
    let now = received ?? 0
    guard let since = HTTPDate.parse(value, now: now) else { return true }
    if let text = response.first("last-modified") {
      guard let changed = HTTPDate.parse(text, now: now) else { return true }
      return changed > since
    }
    guard let received else { return true }
    return received > since
  }

  /// The head of the 304 for a stored response, without Age, Cache-Status and blank line: all of it that RFC 9110 §15.4.5 wants, and no
  /// other metadata of the representation.
  public static func notModifiedHead(_ stored: HeadFields) -> [UInt8] {
    var head: [UInt8] = []
    head.append("HTTP/1.1 304 Not Modified\r\n")
    for i in 0..<stored.count {
      let name = stored.name(i)
      if !isLeftOut(Octets.lowered(name), hasTag: stored.has("etag")) { head.append(field: name, stored.value(i)) }
    }
    return head
  }

  private static func isLeftOut(_ name: [UInt8], hasTag: Bool) -> Bool {
    if Octets.equals(name[...], "last-modified") { return hasTag }
    if Octets.equals(name[...], "content-location") || name.starts(with: Array("content-security-policy".utf8)) { return false }
    return name.starts(with: Array("content-".utf8))
  }
}

extension Array where Element == UInt8 {
  /// A field line.
  mutating func append(field name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
    self += name
    append(": ")
    self += value
    append("\r\n")
  }
}
