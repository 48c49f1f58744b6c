import Testing

@testable import Cache

@Suite struct HeadFieldsTests {
  private func head(_ text: String) -> HeadFields { HeadFields(head: Array(text: text)) }

  @Test func linesAreFoundWithOrWithoutTheBlankOne() {
    for end in ["", "\r\n", "\r\n\r\n", "\r\n\r\nX-Body: no"] {
      let fields = head("HTTP/1.1 404 Not Found\r\nA:  1 \r\nb: 2\r\nA:" + end)
      #expect(fields.status == 404)
      #expect(fields.count == 3)
      #expect(fields.all("a").map { Fixture.text($0) } == ["1", ""])
      #expect(fields.first("b").map { Fixture.text($0) } == "2")
      #expect(fields.has("b") && !fields.has("x-body") && !fields.isBroken)
    }
  }

  @Test(
    "statuses",
    arguments: [
      ("HTTP/1.1 200 OK", 200), ("HTTP/1.1 200", 200), ("HTTP/2.0 599 ", 599), ("HTTP/1.1 2000 OK", 0), ("HTTP/1.1 20 OK", 0),
      ("GET / HTTP/1.1", 0),
      ("", 0), ("HTTP/1.1 2x0 OK", 0),
    ])
  func statuses(line: String, expected: Int) { #expect(head(line + "\r\n").status == expected) }

  @Test("heads that are not to be trusted", arguments: ["A : 1", " A: 1", "A", ": 1", "A: 1\r\n folded", "A: 1\rB: 2", "A: \0"])
  func broken(text: String) { #expect(head("HTTP/1.1 200 OK\r\n" + text + "\r\n\r\n").isBroken) }

  @Test func bounds() {
    #expect(HeadFields(startLine: "x", (0..<512).map { ("A\($0)", "") }).count == 512)
    #expect(HeadFields(startLine: "x", (0..<513).map { ("A\($0)", "") }).isBroken)
    #expect(HeadFields(startLine: String(repeating: "x", count: HeadFields.bytesMax), []).isBroken)
    #expect(HeadFields(head: UnsafeRawBufferPointer(start: nil, count: 0)).count == 0)
  }
}
