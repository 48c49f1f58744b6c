import Runtime
import Testing

/// One line of Tests/Vectors/json/documents.txt.
struct JSONDocument: Sendable, CustomTestStringConvertible {
  let verdict: String
  let offset: Int?
  let name: String
  let text: [UInt8]

  var testDescription: String { name }

  static let all: [JSONDocument] = vectorFile("json/documents.txt").split(separator: UInt8(ascii: "\n")).compactMap { line in
    if line.first == UInt8(ascii: "#") { return nil }
    let columns = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    return JSONDocument(verdict: columns[0], offset: Int(columns[1]), name: columns[2], text: decoded(columns[3]))
  }

  private static func decoded(_ column: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(column.utf8)[...]
    while let byte = rest.popFirst() {
      bytes.append(byte == UInt8(ascii: "%") ? UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)! : byte)
      if byte == UInt8(ascii: "%") { rest = rest.dropFirst(2) }
    }
    return bytes
  }
}

@Suite("JSON parser")
struct JSONParserTests {
  @Test("documents get their verdict at their byte", arguments: JSONDocument.all)
  func verdict(document: JSONDocument) {
    do throws(JSONError) {
      let value = try JSONValue.parse(document.text)
      #expect(document.verdict == "accept", "accepted as \(value.text())")
    } catch {
      let kind = "\(error.kind)".prefix { $0 != "(" }
      #expect(kind == document.verdict && error.offset == document.offset, "\(error)")
    }
  }

  @Test("accepted documents survive writing, compact and pretty", arguments: JSONDocument.all.filter { $0.verdict == "accept" })
  func survivesWriting(document: JSONDocument) throws {
    let value = try JSONValue.parse(document.text)
    #expect(try JSONValue.parse(value.serialized()) == value)
    #expect(try JSONValue.parse(value.serialized(.pretty)) == value)
  }

  @Test("the table is there")
  func table() {
    #expect(JSONDocument.all.count >= 180)
  }

  @Test("member order, duplicates and number text are kept")
  func fidelity() throws {
    let value = try JSONValue.parse(#"{"z":1.0,"a":10E+2,"z":-0,"\u00e9":"\ud83d\ude39/"}"#)
    #expect(
      value
        == .object([
          JSONMember("z", .number("1.0")), JSONMember("a", .number("10E+2")), JSONMember("z", .number("-0")),
          JSONMember("é", .string("😹/")),
        ]))
    #expect(value.text() == #"{"z":1.0,"a":10E+2,"z":-0,"é":"😹/"}"#)
  }

  @Test(
    "strings decode",
    arguments: [
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""a\u0000b""#, "a\0b"), (#""\uDBFF\uDFFF""#, "\u{10FFFF}"),
      (#""\\u0041""#, #"\u0041"#), (#""x\u20acy""#, "x€y"),
    ])
  func strings(text: String, expected: String) throws {
    #expect(try JSONValue.parse(text) == .string(expected))
  }

  @Test(
    "unpaired surrogates become U+FFFD where that is asked for",
    arguments: [
      (#""\uD800""#, "\u{FFFD}"), (#""\uDC00\uD800""#, "\u{FFFD}\u{FFFD}"), (#""\uD800\uD83D\uDE39""#, "\u{FFFD}😹"),
      (#""\uD800\u0041""#, "\u{FFFD}A"), (#""\uD800\n""#, "\u{FFFD}\n"), (#""\uD83D\uDE39""#, "😹"),
    ])
  func replacedSurrogates(text: String, expected: String) throws {
    #expect(try JSONValue.parse(text, surrogates: .replace) == .string(expected))
  }

  @Test("faults carry line and column, counted in characters")
  func place() {
    #expect(throws: JSONError(kind: .unexpectedByte(UInt8(ascii: "?")), offset: 19, line: 3, column: 6)) {
      try JSONValue.parse("{\n  \"a\":1,\n\"é€\":?}")
    }
    let error = JSONError(kind: .unexpectedByte(0), offset: 19, line: 3, column: 6)
    #expect(error.description == "line 3, column 6 (byte 19): unexpected byte 0x00")
  }

  @Test("depth, size and count of values are bounded, exactly")
  func limits() throws {
    let limits = JSONLimits(depthMax: 3, bytesMax: 20, valuesMax: 5)
    #expect(try JSONValue.parse("[[[]]]", limits: limits) == [[[]]])
    #expect(throws: JSONError(kind: .tooDeep(limit: 3), offset: 3, line: 1, column: 4)) { try JSONValue.parse("[[[[]]]]", limits: limits) }
    #expect(try JSONValue.parse("[[],[],[],[]]", limits: limits).arrayValue?.count == 4)
    #expect(throws: JSONError(kind: .tooManyValues(limit: 5), offset: 9, line: 1, column: 10)) {
      try JSONValue.parse("[1,2,3,4,5]", limits: limits)
    }
    #expect(try JSONValue.parse("\"123456789012345678\"", limits: limits).stringValue?.count == 18)
    #expect(throws: JSONError(kind: .tooManyBytes(limit: 20), offset: 20, line: 1, column: 21)) {
      try JSONValue.parse("\"1234567890123456789\"", limits: limits)
    }
  }

  @Test("a hundred thousand brackets are refused, whatever depth is asked for")
  func depthBomb() {
    for opening in ["[", "{\"a\":"] {
      let text = String(repeating: opening, count: 100_000)
      let limits = JSONLimits(depthMax: .max)
      let error = #expect(throws: JSONError.self) { try JSONValue.parse(text, limits: limits) }
      #expect(error?.kind == .tooDeep(limit: JSONLimits.depthCeiling))
    }
  }

  @Test("cut and mangled documents are refused or read, and never trap", arguments: 1...40)
  func mangled(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let source = Array(#"{"a":[1,-2.5e+3,true,null,{"b\n\u00e9\ud83d\ude39":"é€😹"}],"c":"","d":{"e":[[],{}]}}"#.utf8)
    for length in 0..<source.count { #expect(throws: JSONError.self) { try JSONValue.parse(Array(source[..<length])) } }
    for _ in 0..<200 {
      var bytes = source
      for _ in 0...random.below(3) { bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next()) }
      if let value = try? JSONValue.parse(bytes) { #expect((try? JSONValue.parse(value.serialized())) == value) }
    }
  }
}
