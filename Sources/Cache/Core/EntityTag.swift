// Owns: entity tags and their two comparisons (RFC 9110 §8.8.3).

/// One entity tag. A value without its quotes is none: what cannot be read validates nothing.
struct EntityTag: Equatable {
  let isWeak: Bool
  /// What stands between the quotes.
  let opaque: ArraySlice<UInt8>

  /// A field value that is exactly one tag.
  init?(_ text: ArraySlice<UInt8>) {
    guard let (tag, end) = EntityTag.read(text, text.startIndex), end == text.endIndex else { return nil }
    self = tag
  }

  private init(isWeak: Bool, opaque: ArraySlice<UInt8>) {
    self.isWeak = isWeak
    self.opaque = opaque
  }

  /// A response's tag; nil where there is none, or two.
  static func of(_ response: HeadFields) -> EntityTag? { response.single("etag").flatMap { EntityTag($0) } }

  /// A list over several lines; nil where it is empty or anything in it is no tag.
  static func list(_ lines: [ArraySlice<UInt8>]) -> [EntityTag]? {
    var tags: [EntityTag] = []
    for line in lines {
      var at = line.startIndex
      while at < line.endIndex {
        if Octets.isBlank(line[at]) || line[at] == 0x2C {
          at += 1
          continue
        }
        guard let (tag, end) = read(line, at), tags.count < ListSyntax.elementsMax else { return nil }
        tags.append(tag)
        at = end
        while at < line.endIndex && Octets.isBlank(line[at]) { at += 1 }
        if at < line.endIndex && line[at] != 0x2C { return nil }
      }
    }
    return tags.isEmpty ? nil : tags
  }

  /// Both strong and the same.
  func matchesStrongly(_ other: EntityTag) -> Bool { !isWeak && !other.isWeak && opaque == other.opaque }

  /// The same, weak or not.
  func matchesWeakly(_ other: EntityTag) -> Bool { opaque == other.opaque }

  /// `W/` has to be in this case; there are no escapes within the quotes.
  private static func read(_ text: ArraySlice<UInt8>, _ start: Int) -> (EntityTag, Int)? {
    var at = start
    let isWeak = text[at...].starts(with: [0x57, 0x2F])
    if isWeak { at += 2 }
    guard at < text.endIndex, text[at] == 0x22 else { return nil }
    at += 1
    let begin = at
    while at < text.endIndex && text[at] != 0x22 {
      if text[at] < 0x21 || text[at] == 0x7F { return nil }
      at += 1
    }
    guard at < text.endIndex else { return nil }
    return (EntityTag(isWeak: isWeak, opaque: text[begin..<at]), at + 1)
  }
}
