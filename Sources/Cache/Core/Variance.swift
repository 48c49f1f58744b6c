// Owns: which request fields select among the responses stored under one key, and the bytes by which they do (RFC 9111 §4.1). Keeping the
// variants apart is the tiers'.
import Runtime

/// What a response's Vary says.
public enum Variance: Sendable, Equatable {
  /// One response for everybody.
  case none
  /// `*`, or a Vary that cannot be read, names what the gateway writes itself or has more names than `namesMax`: never to be reused
  /// without asking, so never stored.
  case any
  /// Names in lower case, sorted, each once; 1 to `namesMax`.
  case fields([[UInt8]])

  public static let namesMax = 16
  /// Most bytes of one name.
  public static let nameBytesMax = 128

  /// All lines of Vary taken together; `*` anywhere among them counts (RFC 9110 §12.5.5).
  public init(_ response: HeadFields) {
    let lines = response.all("vary")
    if lines.isEmpty && !response.isBroken {
      self = .none
      return
    }
    guard !response.isBroken, let names = ListSyntax.tokens(lines), !names.contains([0x2A]),
      !names.contains(where: Variance.isOfTheGateway)
    else {
      self = .any
      return
    }
    let distinct = Set(names)
    if distinct.count > Variance.namesMax || distinct.contains(where: { $0.count > Variance.nameBytesMax }) {
      self = .any
    } else {
      self = distinct.isEmpty ? .none : .fields(distinct.sorted { $0.lexicographicallyPrecedes($1) })
    }
  }

  /// Fields that the origin sees as this gateway writes them, whatever the client said: a response that varies by them varies by what no
  /// key holds.
  private static func isOfTheGateway(_ name: [UInt8]) -> Bool {
    let written: [StaticString] = [
      "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded", "via", "x-request-id", "traceparent",
    ]
    return written.contains { Octets.equals(name[...], $0) }
  }

  /// The secondary key of a request: equal for two requests exactly if each named field is absent from both or has the same normalised
  /// value in both.
  /// - Parameter names: of `.fields`.
  public static func key(_ names: [[UInt8]], _ request: HeadFields) -> [UInt8] {
    var writer = ByteWriter(reserving: 64)
    for name in names {
      writer.writeLengthPrefixed(name)
      let lines = request.all(named: name[...])
      // Absent and empty differ (§4.1).
      writer.write(UInt8(lines.isEmpty ? 0 : 1))
      if !lines.isEmpty { writer.writeLengthPrefixed(normalised(name[...], lines)) }
    }
    return writer.bytes
  }

  /// A value in the form in which it is compared. What is not certain to mean the same stays apart.
  static func normalised(_ name: ArraySlice<UInt8>, _ lines: [ArraySlice<UInt8>]) -> [UInt8] {
    // HTTP/2 and HTTP/3 cut Cookie at its semicolons (RFC 9113 §8.2.3).
    if Octets.equals(name, "cookie") { return Array(lines.joined(separator: [0x3B, 0x20])) }
    let isPlain = plain.contains { Octets.equals(name, $0) }
    if isPlain { return Array(lines.joined(separator: [0x2C, 0x20])) }
    if Octets.equals(name, "accept-encoding") { return weighed(lines, codings: true) ?? listed(lines) }
    if Octets.equals(name, "accept-language") { return weighed(lines, codings: false) ?? listed(lines) }
    return listed(lines)
  }

  /// Fields that are no lists, where a comma is text like any other.
  private static let plain: [StaticString] = [
    "authorization", "user-agent", "referer", "origin", "host", "date", "if-modified-since", "if-unmodified-since", "from",
    "proxy-authorization",
  ]

  /// Lines joined and white space around commas dropped (RFC 9110 §5.3, §5.6.1); what stands in quotes stays.
  private static func listed(_ lines: [ArraySlice<UInt8>]) -> [UInt8] {
    var elements: [ArraySlice<UInt8>] = []
    for line in lines {
      guard let found = ListSyntax.elements(line) else { return Array(lines.joined(separator: [0x2C, 0x20])) }
      elements += found
    }
    return Array(elements.joined(separator: [0x2C]))
  }

  private struct Weighed {
    var name: [UInt8]
    /// In thousandths.
    var quality: Int
  }

  /// Accept-Encoding and Accept-Language by their grammar (RFC 9110 §12.5.3, §12.5.4): names without case, weights in thousandths, the
  /// heaviest first. Codings of equal weight are put in order, since their order means nothing; languages of equal weight keep theirs,
  /// since some origins go by it. Nil where the grammar does not hold.
  private static func weighed(_ lines: [ArraySlice<UInt8>], codings: Bool) -> [UInt8]? {
    var items: [Weighed] = []
    for line in lines {
      for element in line.split(separator: 0x2C) {
        let text = Octets.trimmed(element)
        if text.isEmpty { continue }
        guard items.count < ListSyntax.elementsMax, let item = weighed(text, codings: codings) else { return nil }
        items.append(item)
      }
    }
    let order = items.indices.sorted { a, b in
      if items[a].quality != items[b].quality { return items[a].quality > items[b].quality }
      return codings && items[a].name != items[b].name ? items[a].name.lexicographicallyPrecedes(items[b].name) : a < b
    }
    var text: [UInt8] = []
    for i in order {
      if !text.isEmpty { text.append(0x2C) }
      text += items[i].name
      if items[i].quality != 1000 {
        text.append(";q=")
        text.append(decimal: items[i].quality)
      }
    }
    return text
  }

  private static func weighed(_ text: ArraySlice<UInt8>, codings: Bool) -> Weighed? {
    let parts = text.split(separator: 0x3B, omittingEmptySubsequences: false).map { Octets.trimmed($0) }
    guard let first = parts.first, parts.count <= 2, Octets.isToken(first) else { return nil }
    var name = Octets.lowered(first)
    // §8.4.1.1, §8.4.1.3: these names mean the same.
    if codings && name == Array("x-gzip".utf8) { name = Array("gzip".utf8) }
    if codings && name == Array("x-compress".utf8) { name = Array("compress".utf8) }
    guard parts.count == 2 else { return Weighed(name: name, quality: 1000) }
    return quality(parts[1]).map { Weighed(name: name, quality: $0) }
  }

  /// "q=0.8" in thousandths (RFC 9110 §12.4.2).
  private static func quality(_ text: ArraySlice<UInt8>) -> Int? {
    let value = text.dropFirst(2)
    guard Octets.equals(text.prefix(2), "q="), let unit = value.first, unit == 0x30 || unit == 0x31, value.count <= 5 else { return nil }
    let fraction = value.dropFirst(2)
    if value.count > 1 && value[value.startIndex + 1] != 0x2E { return nil }
    var thousandths = Int(unit - 0x30) * 1000
    var place = 100
    for c in fraction {
      guard Octets.isDigit(c) else { return nil }
      thousandths += Int(c - 0x30) * place
      place /= 10
    }
    return thousandths <= 1000 ? thousandths : nil
  }
}
