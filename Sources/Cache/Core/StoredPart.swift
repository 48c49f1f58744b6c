// Owns: parts of responses (206) as a cache keeps them: which bytes they are of, what their head is as one of the whole, and how two of the
// same representation become one (RFC 9111 §3.3, §3.4). Where they are kept is the tiers'.

/// Which bytes of a representation a 206 carries.
public struct StoredPart: Sendable, Equatable {
  public var range: Range<Int>
  public var completeLength: Int

  public init(range: Range<Int>, completeLength: Int) {
    self.range = range
    self.completeLength = completeLength
  }

  /// nil where the response is not a 206 with one range of a length that it knows (RFC 9110 §14.4): others are not kept.
  public init?(_ response: HeadFields) {
    let lines = response.all("content-range")
    guard response.status == 206, !response.isBroken, lines.count == 1, let value = lines.first else { return nil }
    guard value.count > 6, Octets.equals(value.prefix(6), "bytes ") else { return nil }
    let words = value.dropFirst(6).split(separator: 0x2f, omittingEmptySubsequences: false)
    guard words.count == 2 else { return nil }
    let ends = words[0].split(separator: 0x2d, omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Octets.decimal(ends[0], limit: StoredPart.lengthMax),
      let last = Octets.decimal(ends[1], limit: StoredPart.lengthMax), let length = Octets.decimal(words[1], limit: StoredPart.lengthMax),
      first <= last, last < length
    else { return nil }
    self.init(range: Int(first)..<Int(last + 1), completeLength: Int(length))
  }

  private static let lengthMax: Int64 = 1 << 48

  public var isWhole: Bool { range == 0..<completeLength }

  /// The head of a part as the whole's: by it the part is judged, and selected from.
  public static func headOfWhole(_ part: HeadFields) -> [UInt8] {
    var head = Array("HTTP/1.1 200 OK\r\n".utf8)
    for i in 0..<part.count where !Octets.equals(part.name(i), "content-range") { head.append(field: part.name(i), part.value(i)) }
    return head
  }

  /// Whether two parts are of one representation: the same strong tag (RFC 9111 §3.4).
  public static func areOfOne(_ a: HeadFields, _ b: HeadFields) -> Bool {
    guard let one = EntityTag.of(a), let other = EntityTag.of(b) else { return false }
    return one.matchesStrongly(other)
  }

  /// Another part of the same representation put to this one: nil where they neither overlap nor touch.
  /// - Returns: what both are together, and which bytes of `other` go in front of and behind this one's.
  public func joined(with other: StoredPart) -> (part: StoredPart, before: Range<Int>, after: Range<Int>)? {
    guard other.completeLength == completeLength, other.range.lowerBound <= range.upperBound, range.lowerBound <= other.range.upperBound
    else { return nil }
    let before = 0..<max(0, range.lowerBound - other.range.lowerBound)
    let behind = max(0, other.range.upperBound - range.upperBound)
    let count = other.range.count
    let union = min(range.lowerBound, other.range.lowerBound)..<max(range.upperBound, other.range.upperBound)
    return (StoredPart(range: union, completeLength: completeLength), before, (count - behind)..<count)
  }
}
