import Runtime
import Testing

@Suite("JSON writer and values")
struct JSONWriterTests {
  private let sample: JSONValue = ["name": "a\"b\\c\u{1}\u{1F}\u{7F}\n", "list": [1, 2.5, true, nil], "none": [], "empty": [:]]

  @Test("compact text has no white space and escapes only what must be")
  func compact() {
    #expect(sample.text() == #"{"name":"a\"b\\c\u0001\u001f"# + "\u{7F}" + #"\n","list":[1,2.5,true,null],"none":[],"empty":{}}"#)
  }

  @Test("pretty text is indented by two spaces")
  func pretty() {
    let text = """
      {
        "a": [
          1,
          {
            "b": null
          }
        ],
        "none": [],
        "empty": {}
      }
      """
    let value: JSONValue = ["a": [1, ["b": nil]], "none": [], "empty": [:]]
    #expect(value.text(.pretty) == text)
  }

  @Test("every scalar survives quoting")
  func everyScalar() throws {
    var text = ""
    for code in 0..<UInt32(0x3000) { if let scalar = Unicode.Scalar(code) { text.unicodeScalars.append(scalar) } }
    text.unicodeScalars.append(contentsOf: ["\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}"])
    let back = try JSONValue.parse(JSONValue.string(text).serialized())
    #expect(back.stringValue?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
  }

  @Test(
    "bytes that are not UTF-8 become replacement characters, so that a hostile target cannot break a log line",
    arguments: [
      ([UInt8(0x61), 0xFF, 0x62], "a\u{FFFD}b"), ([0xE2, 0x82], "\u{FFFD}\u{FFFD}"), ([0xC3, 0xA9], "é"),
      ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
      ([], ""), ([0x22, 0x0A, 0x00], "\"\n\0"),
    ])
  func doubtfulBytes(bytes: [UInt8], expected: String) throws {
    var writer = JSONWriter()
    bytes.withUnsafeBytes { writer.write(quoted: $0) }
    #expect(try JSONValue.parse(writer.bytes) == .string(expected))
  }

  @Test("number text that JSON does not know is quoted", arguments: ["", "0x10", "1e", "NaN", "01", "1 ", "1,\"admin\":true", "-"])
  func foreignNumber(text: String) {
    #expect(JSONValue.number(text).text() == JSONValue.string(text).text())
  }

  @Test("doubles are written so that they read back the same", arguments: 1...10)
  func doubles(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<1000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      #expect(try JSONValue.parse(JSONValue(value).serialized()).doubleValue == value)
    }
    #expect(JSONValue(Double.nan) == .null && JSONValue(Double.infinity) == .null)
  }

  @Test("a writer is emptied and used again")
  func reuse() {
    var writer = JSONWriter()
    writer.write(raw: "[")
    writer.write(1)
    writer.write(raw: ",")
    writer.write(quoted: "x")
    writer.write(raw: "]")
    #expect(writer.bytes == Array(#"[1,"x"]"#.utf8))
    writer.removeAll()
    writer.write(true)
    #expect(writer.bytes == Array("true".utf8))
  }

  @Test("accessors answer nil for the wrong kind")
  func accessors() throws {
    let value = try JSONValue.parse(#"{"i":-7,"d":1.5,"big":1e999,"s":"x","b":false,"n":null,"a":[10,20],"i":8}"#)
    #expect(value["i"]?.intValue == 8)
    #expect(value["d"]?.intValue == nil && value["d"]?.doubleValue == 1.5 && value["d"]?.numberText == "1.5")
    #expect(value["big"]?.doubleValue == nil && value["big"]?.numberText == "1e999")
    #expect(value["s"]?.stringValue == "x" && value["s"]?.boolValue == nil && value["s"]?.intValue == nil)
    #expect(value["b"]?.boolValue == false && value["n"]?.isNull == true)
    #expect(value["a"]?[1] == 20 && value["a"]?[2] == nil && value["a"]?[-1] == nil && value["a"]?["x"] == nil)
    #expect(value["absent"] == nil && value[0] == nil)
    #expect(value.duplicateName == "i" && value.objectValue?.count == 8)
    #expect(JSONValue(UInt64.max).text() == "18446744073709551615")
  }
}
