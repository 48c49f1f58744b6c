// JSONValue, and single strings of doubtful origin, to JSON text. What it writes is always well-formed, whatever it is given.

/// Appends JSON text to bytes that are kept from one use to the next.
public struct JSONWriter: Sendable {
  public enum Style: Sendable {
    /// Without white space.
    case compact
    /// Two spaces a level, one member or element a line.
    case pretty
  }

  public private(set) var bytes: [UInt8] = []
  public let style: Style

  public init(style: Style = .compact) { self.style = style }

  /// Empties the writer and keeps its memory.
  public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Appends a value. Strings are escaped only where RFC 8259 §7 demands it. Number text that is not a JSON number (a program can
  /// make such a value, the parser cannot) is written as a string.
  public mutating func write(_ value: JSONValue) { write(value, level: 0) }

  /// Appends raw text that is JSON already, such as a comma between values written singly.
  public mutating func write(raw text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a string.
  public mutating func write(quoted text: String) {
    var text = text
    text.withUTF8 { write(quoted: UnsafeRawBufferPointer($0)) }
  }

  /// Appends bytes as a string; what is not UTF-8 becomes U+FFFD, one a byte. For logs of what clients send.
  public mutating func write(quoted source: UnsafeRawBufferPointer) {
    bytes.append(UInt8(ascii: "\""))
    var plain = 0
    var cursor = 0
    while cursor < source.count {
      let byte = source[cursor]
      let width = byte < 0x80 ? 1 : JSONGrammar.scalarBytes(in: source, at: cursor)
      if width > 0 && byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
        cursor += width
        continue
      }
      bytes.append(contentsOf: source[plain..<cursor])
      if width == 0 { bytes.append(contentsOf: [0xEF, 0xBF, 0xBD]) } else { writeEscape(byte) }
      cursor += 1
      plain = cursor
    }
    bytes.append(contentsOf: source[plain..<cursor])
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func writeEscape(_ byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    default:
      bytes.append(contentsOf: [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), UInt8(ascii: "0") + byte >> 4])
      let low = byte & 0x0F
      bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    }
  }

  private mutating func write(_ value: JSONValue, level: Int) {
    switch value {
    case .null: write(raw: "null")
    case .bool(let flag): write(raw: flag ? "true" : "false")
    case .number(let text): write(number: text)
    case .string(let text): write(quoted: text)
    case .array(let elements):
      writeList(elements, open: UInt8(ascii: "["), close: UInt8(ascii: "]"), level: level) { $0.write($1, level: level + 1) }
    case .object(let members):
      writeList(members, open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), level: level) { writer, member in
        writer.write(quoted: member.name)
        writer.write(raw: writer.style == .pretty ? ": " : ":")
        writer.write(member.value, level: level + 1)
      }
    }
  }

  private mutating func write(number text: String) {
    var text = text
    let isNumber = text.withUTF8 { utf8 in
      var fault = 0
      return JSONGrammar.numberEnd(in: UnsafeRawBufferPointer(utf8), from: 0, fault: &fault) == utf8.count
    }
    if isNumber { bytes.append(contentsOf: text.utf8) } else { write(quoted: text) }
  }

  private mutating func writeList<Item>(
    _ items: [Item], open: UInt8, close: UInt8, level: Int, write: (inout JSONWriter, Item) -> Void
  ) {
    bytes.append(open)
    var isFirst = true
    for item in items {
      if !isFirst { bytes.append(UInt8(ascii: ",")) }
      isFirst = false
      breakLine(level + 1)
      write(&self, item)
    }
    if !isFirst { breakLine(level) }
    bytes.append(close)
  }

  private mutating func breakLine(_ level: Int) {
    guard style == .pretty else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level * 2))
  }
}

extension JSONValue {
  /// This value as UTF-8 text.
  public func serialized(_ style: JSONWriter.Style = .compact) -> [UInt8] {
    var writer = JSONWriter(style: style)
    writer.write(self)
    return writer.bytes
  }

  /// This value as text.
  public func text(_ style: JSONWriter.Style = .compact) -> String { String(decoding: serialized(style), as: UTF8.self) }
}
