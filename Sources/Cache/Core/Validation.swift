// Owns: asking the origin whether a stored response still holds, and what its answer changes (RFC 9111 §4.3, §3.2). New terms are made by
// `Storing.judgeFreshened` from the merged head.

public enum Validation {
  /// The conditional lines of a validation request (§4.3.1): "If-None-Match: …" and "If-Modified-Since: …", each with its line end; empty
  /// where the response has no validator. The client's own conditions have to be left out of that request.
  public static func conditions(of stored: HeadFields) -> [UInt8] {
    var lines: [UInt8] = []
    if EntityTag.of(stored) != nil, let tag = stored.first("etag") { lines.append(field: Array("If-None-Match".utf8)[...], tag) }
    // The date goes back as it was written: origins compare it as text, too.
    if let date = lastModified(stored), HTTPDate.parse(date, now: 0) != nil {
      lines.append(field: Array("If-Modified-Since".utf8)[...], date)
    }
    return lines
  }

  private static func lastModified(_ head: HeadFields) -> ArraySlice<UInt8>? { head.single("last-modified") }

  /// Whether a 304 is about a stored response (§4.3.4).
  ///
  /// A 304 without any validator is taken to be: it answers a request that named the validators of `stored` alone, so there is nothing
  /// else that it can mean. One with a validator that differs is not: the stored response must then be fetched anew.
  /// - Parameter notModified: the answer to a request with `conditions(of: stored)` and no other condition.
  public static func selects(_ notModified: HeadFields, _ stored: HeadFields) -> Bool {
    if notModified.isBroken || notModified.status != 304 { return false }
    if notModified.has("etag") {
      guard let new = EntityTag.of(notModified), let old = EntityTag.of(stored) else { return false }
      // A strong validator has to match strongly; a weak one may find what it is the same as.
      return new.isWeak ? new.matchesWeakly(old) : new.matchesStrongly(old)
    }
    if notModified.has("last-modified") {
      guard let new = lastModified(notModified), let old = lastModified(stored) else { return false }
      return new == old
    }
    return true
  }

  /// The stored head after an update (§3.2): every field that the update has replaces the stored lines of that name; the rest stays.
  ///
  /// Left as they were: what describes the stored bytes themselves (Content-Encoding, Content-Range, Content-Length), what is not stored
  /// at all (§3.1), and Set-Cookie, which would reach everybody. Content-Type is updated: this cache does not process bodies, and
  /// §3.2 wants every other field replaced. A stored Date that the update does not renew goes.
  /// - Parameter receivedAt: when the update came, milliseconds since the epoch: the Date where the update has none
  ///   (RFC 9110 §6.6.1).
  public static func merge(stored: HeadFields, with update: HeadFields, receivedAt: Int64? = nil) -> [UInt8] {
    let filter = StorageFilter(update)
    let storedFilter = StorageFilter(stored)
    var written = Set<[UInt8]>()
    var head = StoredHead.statusLine(stored)
    func write(_ name: [UInt8]) {
      for k in 0..<update.count where Octets.lowered(update.name(k)) == name { head.append(field: update.name(k), update.value(k)) }
    }
    func replaces(_ name: ArraySlice<UInt8>) -> Bool {
      filter.keeps(name) && !isOfTheBytes(name) && update.has(named: name) && !(Octets.equals(name, "date") && !hasDate(update))
    }
    for i in 0..<stored.count {
      let name = stored.name(i)
      if replaces(name) {
        if written.insert(Octets.lowered(name)).inserted { write(Octets.lowered(name)) }
      } else if storedFilter.keeps(name) && !filter.withholds(name) && !Octets.equals(name, "date") {
        head.append(field: name, stored.value(i))
      }
    }
    for k in 0..<update.count where replaces(update.name(k)) {
      let name = Octets.lowered(update.name(k))
      if written.insert(name).inserted { write(name) }
    }
    if !hasDate(update), let receivedAt { StoredHead.appendDate(receivedAt, to: &head) }
    return head
  }

  private static func hasDate(_ head: HeadFields) -> Bool { StoredHead.hasDate(head) }

  private static func isOfTheBytes(_ name: ArraySlice<UInt8>) -> Bool {
    Octets.equals(name, "content-encoding") || Octets.equals(name, "content-range") || Octets.equals(name, "set-cookie")
  }

  /// Whether the answer to a HEAD is about the same representation as a stored response (§4.3.5). If so the stored head may be merged
  /// with it; if not the stored response counts as stale.
  /// - Parameter bodyBytes: the length of the stored body, which a stored head does not say.
  public static func headAgrees(stored: HeadFields, head: HeadFields, bodyBytes: Int? = nil) -> Bool {
    if head.isBroken || head.status != 200 || stored.status != 200 { return false }
    if head.has("etag") {
      guard let new = head.single("etag"), EntityTag(new) != nil, stored.single("etag") == new else { return false }
    }
    if head.has("last-modified") {
      guard let new = lastModified(head), lastModified(stored) == new else { return false }
    }
    // Another coding is another representation, whatever it forgets to say in Vary.
    if head.all("content-encoding") != stored.all("content-encoding") { return false }
    if let length = head.first("content-length") {
      let wanted = bodyBytes.map(Int64.init) ?? stored.first("content-length").flatMap { Octets.decimal($0, limit: .max) }
      if let wanted, Octets.decimal(length, limit: .max) != wanted { return false }
    }
    return true
  }
}
