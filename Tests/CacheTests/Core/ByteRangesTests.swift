import Testing

@testable import Cache

@Suite struct ByteRangesTests {
  static let stored = Fixture.response([("Date", "{0}"), ("ETag", "\"a\""), ("Last-Modified", "{-100}"), ("Content-Type", "text/plain")])

  @Test(
    "ranges of 100 bytes (RFC 9110 §14.1.2, §14.2)",
    arguments: [
      ("bytes=0-9", .one(0..<10)), ("bytes=90-", .one(90..<100)), ("bytes=-10", .one(90..<100)), ("bytes=-1000", .one(0..<100)),
      ("bytes=0-1000", .one(0..<100)), ("Bytes=5-5", .one(5..<6)), ("bytes=0-0,99-99", .many([0..<1, 99..<100])),
      ("bytes= 0-0 , 99-99", .many([0..<1, 99..<100])), ("bytes=99-99,0-0", .many([99..<100, 0..<1])), ("bytes=0-9,10-19", .one(0..<20)),
      ("bytes=0-50,40-60", .one(0..<61)), ("bytes=50-60,0-9,5-20", .many([50..<61, 0..<21])), ("bytes=0-9,200-300", .one(0..<10)),
      ("bytes=100-", .unsatisfiable), ("bytes=100-200,300-", .unsatisfiable), ("bytes=-0", .unsatisfiable), ("bytes=9-5", .whole),
      ("bytes=0-9,9-5", .whole), ("bytes=", .whole), ("bytes", .whole), ("bytes=a-b", .whole), ("bytes=--5", .whole), ("bytes=5", .whole),
      ("items=0-9", .whole), ("bytes=0-9,x", .whole), ("bytes=1 - 2", .whole), ("bytes=-", .whole), ("", .whole),
      ("bytes=,0-9", .one(0..<10)),
      ("bytes=0-99999999999999999999999", .one(0..<100)), ("bytes=99999999999999999999-", .unsatisfiable),
      ("bytes=-99999999999999999999", .one(0..<100)),
      ("bytes=+1-2", .whole), ("bytes=0x1-2", .whole),
    ] as [(String, RangeSelection)])
  func table(range: String, expected: RangeSelection) {
    let found = ByteRanges.select(request: Fixture.request([("Range", range)]), response: Self.stored, completeLength: 100)
    #expect(found == expected)
  }

  @Test(
    "If-Range (RFC 9110 §13.1.5)",
    arguments: [
      ("\"a\"", true), ("\"b\"", false), ("W/\"a\"", false), ("a", false), ("{-100}", true), ("{-99}", false), ("{0}", false), ("", false),
      ("\"a\", \"b\"", false),
    ])
  func ifRange(condition: String, holds: Bool) {
    let request = Fixture.request([("Range", "bytes=0-9"), ("If-Range", Fixture.expanded(condition))])
    #expect(ByteRanges.select(request: request, response: Self.stored, completeLength: 100) == (holds ? .one(0..<10) : .whole))
  }

  @Test func aWeakTagAndADateOfTheSameSecondSelectNothing() {
    let weak = Fixture.response([("ETag", "W/\"a\""), ("Date", "{0}"), ("Last-Modified", "{0}")])
    for condition in ["W/\"a\"", "\"a\"", Fixture.date(0)] {
      let request = Fixture.request([("Range", "bytes=0-9"), ("If-Range", condition)])
      #expect(ByteRanges.select(request: request, response: weak, completeLength: 100) == .whole, "RFC 9110 §8.8.2.2")
    }
  }

  @Test func onlyAGetOfA200IsCut() {
    let range = [("Range", "bytes=0-9")]
    #expect(ByteRanges.select(request: Fixture.request(range, method: "HEAD"), response: Self.stored, completeLength: 100) == .whole)
    let missing = Fixture.response([], status: 404)
    #expect(ByteRanges.select(request: Fixture.request(range), response: missing, completeLength: 100) == .whole)
    #expect(ByteRanges.select(request: Fixture.request(range + range), response: Self.stored, completeLength: 100) == .whole)
  }

  @Test func anEmptyBodyHasNoRange() {
    func ask(_ range: String) -> RangeSelection {
      ByteRanges.select(request: Fixture.request([("Range", range)]), response: Self.stored, completeLength: 0)
    }
    #expect(ask("bytes=0-") == .unsatisfiable)
    #expect(ask("bytes=-5") == .whole)
  }

  @Test func manyRangesAreABurdenAndIgnored() {
    func ask(_ count: Int, step: Int) -> RangeSelection {
      let list = (0..<count).map { "\($0 * step)-\($0 * step)" }.joined(separator: ",")
      return ByteRanges.select(request: Fixture.request([("Range", "bytes=\(list)")]), response: Self.stored, completeLength: 1000)
    }
    #expect(ask(16, step: 2) == .many((0..<16).map { $0 * 2..<$0 * 2 + 1 }))
    #expect(ask(17, step: 2) == .whole)
    #expect(ask(64, step: 1) == .one(0..<64))
    #expect(ask(65, step: 1) == .whole)
  }

  @Test func headsOfParts() {
    let stored = Fixture.response([
      ("Content-Type", "a/b"), ("ETag", "\"a\""), ("Content-MD5", "x"), ("Cache-Control", "max-age=1"), ("Vary", "B"),
    ])
    let one = Fixture.text(ByteRanges.partialHead(stored, 5..<10, completeLength: 20))
    let common = "ETag: \"a\"\r\nCache-Control: max-age=1\r\nVary: B\r\n"
    #expect(one == "HTTP/1.1 206 Partial Content\r\nContent-Type: a/b\r\n\(common)Content-Range: bytes 5-9/20\r\n", "RFC 9110 §15.3.7.1")
    let boundary = Array("xyz".utf8)
    let many = Fixture.text(ByteRanges.multipartHead(stored, boundary: boundary))
    #expect(many == "HTTP/1.1 206 Partial Content\r\n\(common)Content-Type: multipart/byteranges; boundary=xyz\r\n", "RFC 9110 §15.3.7.2")
    let none = Fixture.text(ByteRanges.unsatisfiableHead(stored, completeLength: 20))
    #expect(none == "HTTP/1.1 416 Range Not Satisfiable\r\nVary: B\r\nContent-Range: bytes */20\r\n", "RFC 9110 §15.5.17")

    let ranges = [0..<2, 5..<10]
    var body: [UInt8] = []
    for (i, range) in ranges.enumerated() {
      body += ByteRanges.partHead(stored, range, completeLength: 20, boundary: boundary, isFirst: i == 0)
      body += [UInt8](repeating: 0x2E, count: range.count)
    }
    body += ByteRanges.multipartEnd(boundary: boundary)
    let part = "Content-Type: a/b\r\nContent-Range: bytes"
    #expect(
      Fixture.text(body) == "--xyz\r\n\(part) 0-1/20\r\n\r\n..\r\n--xyz\r\n\(part) 5-9/20\r\n\r\n.....\r\n--xyz--\r\n", "RFC 9110 §14.6")
    #expect(ByteRanges.multipartBytes(stored, ranges, completeLength: 20, boundary: boundary) == body.count)
  }
}
