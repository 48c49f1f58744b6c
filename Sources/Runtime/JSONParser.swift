// Strict RFC 8259 text to JSONValue, within limits, with the place of the first fault. Bytes may come from anybody.

extension JSONValue {
  /// Reads one JSON text.
  /// - Parameters:
  ///   - bytes: the whole text, read only during the call.
  ///   - surrogates: what to do with unpaired surrogate escapes.
  /// - Throws: the first fault.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits(), surrogates: JSONSurrogatePolicy = .refuse
  ) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes: bytes, limits: limits, surrogates: surrogates)
    do {
      return try parser.parseDocument()
    } catch {
      throw JSONError(error, in: bytes)
    }
  }

  public static func parse(
    _ bytes: [UInt8], limits: JSONLimits = JSONLimits(), surrogates: JSONSurrogatePolicy = .refuse
  ) throws(JSONError) -> JSONValue {
    try bytes.withUnsafeBytes { view -> Result<JSONValue, JSONError> in
      Result { () throws(JSONError) in try parse(view, limits: limits, surrogates: surrogates) }
    }.get()
  }

  public static func parse(
    _ text: String, limits: JSONLimits = JSONLimits(), surrogates: JSONSurrogatePolicy = .refuse
  ) throws(JSONError) -> JSONValue {
    try parse(Array(text.utf8), limits: limits, surrogates: surrogates)
  }
}

/// A fault before anybody counted lines.
private struct Fault: Error {
  let kind: JSONError.Kind
  let offset: Int
}

extension JSONError {
  fileprivate init(_ fault: Fault, in bytes: UnsafeRawBufferPointer) {
    var line = 1
    var column = 1
    for byte in bytes.prefix(fault.offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    self.init(kind: fault.kind, offset: fault.offset, line: line, column: column)
  }
}

private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  let limits: JSONLimits
  let surrogates: JSONSurrogatePolicy
  var position = 0
  var values = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer, limits: JSONLimits, surrogates: JSONSurrogatePolicy) {
    self.bytes = bytes
    self.limits = limits
    self.surrogates = surrogates
  }

  private var peeked: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func fault(_ kind: JSONError.Kind, at offset: Int) -> Fault { Fault(kind: kind, offset: offset) }

  private func unexpected() -> Fault {
    guard let byte = peeked else { return fault(.unexpectedEnd, at: bytes.count) }
    return fault(.unexpectedByte(byte), at: position)
  }

  mutating func parseDocument() throws(Fault) -> JSONValue {
    if bytes.count > limits.bytesMax { throw fault(.tooManyBytes(limit: limits.bytesMax), at: limits.bytesMax) }
    // RFC 8259 §8.1 lets a reader ignore a byte order mark; a gateway that does would read what the service behind it refuses.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw fault(.byteOrderMark, at: 0) }
    let value = try parseValue()
    skipSpace()
    if position < bytes.count { throw fault(.trailingBytes, at: position) }
    return value
  }

  private mutating func skipSpace() {
    while let byte = peeked, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func parseValue() throws(Fault) -> JSONValue {
    skipSpace()
    values += 1
    if values > limits.valuesMax { throw fault(.tooManyValues(limit: limits.valuesMax), at: position) }
    guard let first = peeked else { throw fault(.unexpectedEnd, at: position) }
    switch first {
    case UInt8(ascii: "{"): return try nested { parser throws(Fault) in try parser.parseObject() }
    case UInt8(ascii: "["): return try nested { parser throws(Fault) in try parser.parseArray() }
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): return try parseWord()
    default: throw unexpected()
    }
  }

  private mutating func nested(_ body: (inout JSONParser) throws(Fault) -> JSONValue) throws(Fault) -> JSONValue {
    let limit = min(limits.depthMax, JSONLimits.depthCeiling)
    if depth >= limit { throw fault(.tooDeep(limit: limit), at: position) }
    depth += 1
    position += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func parseArray() throws(Fault) -> JSONValue {
    var elements: [JSONValue] = []
    if try closes(UInt8(ascii: "]")) { return .array(elements) }
    repeat { elements.append(try parseValue()) } while try continues(until: UInt8(ascii: "]"))
    return .array(elements)
  }

  private mutating func parseObject() throws(Fault) -> JSONValue {
    var members: [JSONMember] = []
    if try closes(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard peeked == UInt8(ascii: "\"") else { throw unexpected() }
      let name = try parseString()
      skipSpace()
      guard peeked == UInt8(ascii: ":") else { throw unexpected() }
      position += 1
      members.append(JSONMember(name, try parseValue()))
    } while try continues(until: UInt8(ascii: "}"))
    return .object(members)
  }

  /// Consumes the closing byte of an empty array or object.
  private mutating func closes(_ end: UInt8) throws(Fault) -> Bool {
    skipSpace()
    guard let byte = peeked else { throw unexpected() }
    if byte == end { position += 1 }
    return byte == end
  }

  /// Consumes a comma (true) or the closing byte (false).
  private mutating func continues(until end: UInt8) throws(Fault) -> Bool {
    skipSpace()
    guard let byte = peeked, byte == end || byte == UInt8(ascii: ",") else { throw unexpected() }
    position += 1
    return byte != end
  }

  private mutating func parseWord() throws(Fault) -> JSONValue {
    let start = position
    while let byte = peeked, (byte | 0x20) >= UInt8(ascii: "a"), (byte | 0x20) <= UInt8(ascii: "z") { position += 1 }
    let word = bytes[start..<position]
    if word.elementsEqual("true".utf8) { return .bool(true) }
    if word.elementsEqual("false".utf8) { return .bool(false) }
    if word.elementsEqual("null".utf8) { return .null }
    throw fault(.invalidLiteral, at: start)
  }

  private mutating func parseNumber() throws(Fault) -> JSONValue {
    let start = position
    guard let end = JSONGrammar.numberEnd(in: bytes, from: start, fault: &position) else {
      throw fault(position < bytes.count ? .invalidNumber : .unexpectedEnd, at: position)
    }
    position = end
    return .number(String(decoding: bytes[start..<end], as: UTF8.self))
  }

  private mutating func parseString() throws(Fault) -> String {
    position += 1
    let start = position
    try skipPlain()
    if peeked == UInt8(ascii: "\"") {
      position += 1
      return String(decoding: bytes[start..<position - 1], as: UTF8.self)
    }
    var decoded = Array(bytes[start..<position])
    while let byte = peeked, byte == UInt8(ascii: "\\") {
      try parseEscape(into: &decoded)
      let plain = position
      try skipPlain()
      decoded.append(contentsOf: bytes[plain..<position])
    }
    guard peeked != nil else { throw unexpected() }
    position += 1
    return String(decoding: decoded, as: UTF8.self)
  }

  /// Goes to the next quote, backslash or end of text; what it passes is checked UTF-8.
  private mutating func skipPlain() throws(Fault) {
    while let byte = peeked {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
      if byte < 0x20 { throw fault(.controlCharacter, at: position) }
      if byte < 0x80 {
        position += 1
      } else {
        let width = JSONGrammar.scalarBytes(in: bytes, at: position)
        if width == 0 { throw fault(.invalidUTF8, at: position) }
        position += width
      }
    }
  }

  private mutating func parseEscape(into decoded: inout [UInt8]) throws(Fault) {
    let start = position
    guard position + 1 < bytes.count else { throw fault(.unexpectedEnd, at: bytes.count) }
    let code = bytes[position + 1]
    position += 2
    switch code {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(code)
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"): decoded.append(contentsOf: Unicode.UTF8.encode(try parseScalar(from: start))!)
    default: throw fault(.invalidEscape, at: start)
    }
  }

  /// The scalar of a `\u` escape whose digits come next, together with its second half where it has one (RFC 8259 §7).
  private mutating func parseScalar(from start: Int) throws(Fault) -> Unicode.Scalar {
    let unit = try parseHex()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    let leads = unit < 0xDC00
    if leads, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u") {
      let second = position
      position += 2
      let low = try parseHex()
      if (0xDC00...0xDFFF).contains(low), let scalar = Unicode.Scalar(0x1_0000 + (unit - 0xD800) << 10 + (low - 0xDC00)) {
        return scalar
      }
      position = second
    }
    switch surrogates {
    case .refuse: throw fault(.unpairedSurrogate, at: start)
    case .replace: return "\u{FFFD}"
    }
  }

  private mutating func parseHex() throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peeked else { throw unexpected() }
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
      default: throw fault(.invalidEscape, at: position)
      }
      position += 1
    }
    return value
  }
}
