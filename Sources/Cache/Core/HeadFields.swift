// Owns: one message head as bytes and a table of its field lines. It does not judge fields: the engine has checked the text already, and
// what it could not have let through marks the head as broken, which every judge here takes for the strictest answer.

/// Field lines of one message head: a copy of its bytes, parsed once. Offsets, so that names and values are views.
public struct HeadFields: Sendable {
  public let bytes: [UInt8]
  /// A line that is no field line, more lines than `fieldsMax`, or more bytes than `bytesMax`: nothing may be concluded from a field's
  /// absence. Such a head is never stored from and never answered from.
  public let isBroken: Bool
  private let lines: [Line]
  private let startLineEnd: Int

  /// Most field lines that are looked at; above what the engine lets in.
  public static let fieldsMax = 512
  /// Most bytes of a head.
  public static let bytesMax = 1 << 20

  private struct Line: Sendable {
    var name: Int32
    var nameEnd: Int32
    var value: Int32
    var valueEnd: Int32
  }

  /// - Parameter head: a whole HTTP/1 head: start line, field lines, with or without the closing blank line.
  public init(head: UnsafeRawBufferPointer) {
    let fits = head.count <= HeadFields.bytesMax
    self.init(bytes: fits ? Array(head) : [], cut: !fits)
  }

  public init(head: [UInt8]) { self.init(bytes: head.count > HeadFields.bytesMax ? [] : head, cut: head.count > HeadFields.bytesMax) }

  /// Lays a head down from its parts, for callers off the hot path. Line ends within a part become spaces, so that a part stays one.
  public init(startLine: String, _ fields: [(String, String)]) {
    var text: [UInt8] = []
    func add(_ part: String) { text += part.utf8.map { $0 == 10 || $0 == 13 || $0 == 0 ? 0x20 : $0 } }
    add(startLine)
    text += [13, 10]
    for (name, value) in fields {
      add(name)
      text += [0x3A, 0x20]
      add(value)
      text += [13, 10]
    }
    self.init(head: text)
  }

  private init(bytes: [UInt8], cut: Bool) {
    self.bytes = bytes
    var broken = cut
    var lines: [Line] = []
    lines.reserveCapacity(24)
    startLineEnd = bytes.withUnsafeBufferPointer { text in
      var at = HeadFields.lineEnd(text, 0)
      let end = HeadFields.textEnd(text, 0, at)
      at += 1
      while at < text.count {
        let feed = HeadFields.lineEnd(text, at)
        let end = HeadFields.textEnd(text, at, feed)
        if at == end { break }
        if lines.count == HeadFields.fieldsMax {
          broken = true
          break
        }
        if let line = HeadFields.line(text, at, end) { lines.append(line) } else { broken = true }
        at = feed + 1
      }
      return end
    }
    self.lines = lines
    isBroken = broken
  }

  private typealias Text = UnsafeBufferPointer<UInt8>

  // SAFETY: every index is between `start` and `text.count`, as its condition says.
  private static func lineEnd(_ text: Text, _ start: Int) -> Int {
    var at = start
    while at < text.count && text[at] != 10 { at += 1 }
    return at
  }

  private static func textEnd(_ text: Text, _ start: Int, _ feed: Int) -> Int {
    feed > start && text[feed - 1] == 13 ? feed - 1 : feed
  }

  private static func line(_ text: Text, _ start: Int, _ end: Int) -> Line? {
    var colon = start
    while colon < end && Octets.isToken(text[colon]) { colon += 1 }
    guard colon > start, colon < end, text[colon] == 0x3A else { return nil }
    var (value, valueEnd) = (colon + 1, end)
    while value < valueEnd && Octets.isBlank(text[value]) { value += 1 }
    while valueEnd > value && Octets.isBlank(text[valueEnd - 1]) { valueEnd -= 1 }
    // Written out again, these could be read as a line's end (RFC 9110 §5.5).
    for at in value..<valueEnd where text[at] == 13 || text[at] == 0 { return nil }
    return Line(name: Int32(start), nameEnd: Int32(colon), value: Int32(value), valueEnd: Int32(valueEnd))
  }

  /// The first line without its line end.
  public var startLine: ArraySlice<UInt8> { bytes[0..<startLineEnd] }

  /// The status of a response; 0 for a request and for what is no status line (RFC 9112 §4).
  public var status: Int {
    let line = startLine
    guard line.count >= 12, Octets.equals(line[0..<5], "http/"), line[8] == 0x20, line.count == 12 || line[12] == 0x20 else { return 0 }
    return Octets.decimal(line[9..<12], limit: 999).map(Int.init) ?? 0
  }

  /// How many field lines there are.
  public var count: Int { lines.count }

  /// - Precondition: `i` is below `count`.
  public func name(_ i: Int) -> ArraySlice<UInt8> { bytes[Int(lines[i].name)..<Int(lines[i].nameEnd)] }

  /// A line's value, without the white space around it.
  /// - Precondition: `i` is below `count`.
  public func value(_ i: Int) -> ArraySlice<UInt8> { bytes[Int(lines[i].value)..<Int(lines[i].valueEnd)] }

  /// - Parameter name: in lower case; names compare without case (RFC 9110 §5.1).
  public func has(_ name: StaticString) -> Bool { lines.indices.contains { isNamed($0, name) } }

  /// Lengths first: most names differ in them.
  @inline(__always)
  private func isNamed(_ i: Int, _ name: StaticString) -> Bool {
    Int(lines[i].nameEnd &- lines[i].name) == name.utf8CodeUnitCount && Octets.equals(self.name(i), name)
  }

  /// The value of the first line of that name.
  public func first(_ name: StaticString) -> ArraySlice<UInt8>? {
    lines.indices.first { isNamed($0, name) }.map { value($0) }
  }

  /// The values of all lines of that name, in their order.
  public func all(_ name: StaticString) -> [ArraySlice<UInt8>] {
    lines.indices.filter { isNamed($0, name) }.map { value($0) }
  }

  /// As above for a name that is known only at run time.
  public func all(named name: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    lines.indices.filter { Octets.equalsIgnoringCase(self.name($0), name) }.map { value($0) }
  }

  public func has(named name: ArraySlice<UInt8>) -> Bool { lines.indices.contains { Octets.equalsIgnoringCase(self.name($0), name) } }

  /// The value of a field that may occur once only; nil where it is missing or said in two ways.
  func single(_ name: StaticString) -> ArraySlice<UInt8>? {
    let values = all(name)
    guard let first = values.first, values.dropFirst().allSatisfy({ $0 == first }) else { return nil }
    return first
  }
}
