// Owns the reading of the status that a MOCK integration's rendered template gives (API Gateway developer guide, "Mock integrations for
// REST APIs"). The service reads it with a parser more lenient than JSON: texts may stand in single quotes or in none, commas may be
// useless, and nothing behind the object counts. The grammar here is the permissive one of json-smart, by its documentation and by the
// texts that others tried on the service; unlike it, nesting has a limit.

public enum MockStatus {
  /// The integer under `statusCode`.
  ///
  /// - Parameter text: the rendered template.
  /// - Returns: nil where there is no object, no such member, or something else than an integer under it (a text of digits included): the
  ///   caller answers 500, API_CONFIGURATION_ERROR.
  public static func read(_ text: ArraySlice<UInt8>) -> Int? {
    var reader = LenientReader(text)
    return reader.readStatus()
  }
}

private struct LenientReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private static let depthMax = 64
  private static let name = Array("statusCode".utf8)

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  private var peeked: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

  private mutating func skipBlanks() {
    while let byte = peeked, ASCII.isBlank(byte) { position += 1 }
  }

  mutating func readStatus() -> Int? {
    skipBlanks()
    guard peeked == UInt8(ascii: "{") else { return nil }
    var status: Int?
    let isComplete = readObject(depth: 0) { name, value in
      if name.elementsEqual(LenientReader.name) { status = value.flatMap(ASCII.integer) }
    }
    return isComplete ? status : nil
  }

  /// Reads from "{" to its "}"; hands over each member, of a bare value the text.
  private mutating func readObject(depth: Int, member: (ArraySlice<UInt8>, ArraySlice<UInt8>?) -> Void) -> Bool {
    position += 1
    while true {
      skipBlanks()
      guard let byte = peeked else { return false }
      switch byte {
      case UInt8(ascii: "}"):
        position += 1
        return true
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"): return false
      default:
        guard let name = readName() else { return false }
        guard let (isRead, value) = readValue(depth: depth, end: UInt8(ascii: "}")), isRead else { return false }
        member(name, value)
        skipBlanks()
        guard peeked == UInt8(ascii: ",") || peeked == UInt8(ascii: "}") else { return false }
      }
    }
  }

  /// A name, which without quotes goes to the colon, and the colon behind it.
  private mutating func readName() -> ArraySlice<UInt8>? {
    let name: ArraySlice<UInt8>
    if let quote = peeked, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      guard let text = readQuoted(quote) else { return nil }
      name = text
    } else {
      name = readBare { $0 == UInt8(ascii: ":") }
    }
    skipBlanks()
    guard peeked == UInt8(ascii: ":") else { return nil }
    position += 1
    return name
  }

  /// - Returns: whether there is a value, and the text of a bare one; nil where the depth ends.
  private mutating func readValue(depth: Int, end: UInt8) -> (Bool, ArraySlice<UInt8>?)? {
    skipBlanks()
    guard let byte = peeked, depth < LenientReader.depthMax else { return nil }
    switch byte {
    case UInt8(ascii: "{"): return (readObject(depth: depth + 1) { _, _ in }, nil)
    case UInt8(ascii: "["): return (readArray(depth: depth + 1), nil)
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return (readQuoted(byte) != nil, nil)
    case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: ","): return (false, nil)
    default: return (true, readBare { $0 == UInt8(ascii: ",") || $0 == end })
    }
  }

  private mutating func readArray(depth: Int) -> Bool {
    position += 1
    while true {
      skipBlanks()
      switch peeked {
      case nil: return false
      case UInt8(ascii: "]"):
        position += 1
        return true
      case UInt8(ascii: ","): position += 1
      default:
        guard let (isRead, _) = readValue(depth: depth, end: UInt8(ascii: "]")), isRead else { return false }
        skipBlanks()
        guard peeked == UInt8(ascii: ",") || peeked == UInt8(ascii: "]") else { return false }
      }
    }
  }

  /// The text between quotes, with its escapes as they stand.
  private mutating func readQuoted(_ quote: UInt8) -> ArraySlice<UInt8>? {
    position += 1
    let start = position
    while let byte = peeked {
      position += 1
      if byte == quote { return bytes[start..<(position - 1)] }
      if byte == UInt8(ascii: "\\") && position < bytes.endIndex { position += 1 }
    }
    return nil
  }

  private mutating func readBare(until isEnd: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    let start = position
    while let byte = peeked, !isEnd(byte) { position += 1 }
    return ASCII.trimmed(bytes[start..<position])
  }
}
