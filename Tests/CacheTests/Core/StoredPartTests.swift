import Testing

@testable import Cache

@Suite struct StoredPartTests {
  private func part(_ value: String, status: String = "206 Partial Content", tag: String = "\"a\"") -> HeadFields {
    HeadFields(startLine: "HTTP/1.1 \(status)", [("ETag", tag), ("Content-Range", value), ("Content-Type", "text/plain")])
  }

  @Test func aPartSaysItsBytes() {
    #expect(StoredPart(part("bytes 0-3/16")) == StoredPart(range: 0..<4, completeLength: 16))
    #expect(StoredPart(part("bytes 15-15/16")) == StoredPart(range: 15..<16, completeLength: 16))
  }

  /// RFC 9110 §14.4: what cannot be read, or leaves the length open, says nothing that could be used later.
  @Test(arguments: [
    "bytes 0-3/*", "bytes */16", "bytes 3-0/16", "bytes 0-16/16", "octets 0-3/16", "bytes 0-3", "bytes=0-3/16", "bytes -3/16",
    "bytes 0-/16", "bytes 0-3/16/2", "bytes 0-99999999999999999999/16", "",
  ])
  func aPartThatCannotBeReadIsNone(_ value: String) { #expect(StoredPart(part(value)) == nil) }

  @Test func onlyAPartialResponseIsAPart() { #expect(StoredPart(part("bytes 0-3/16", status: "200 OK")) == nil) }

  @Test func theHeadOfTheWholeNamesNoRange() {
    let head = HeadFields(head: StoredPart.headOfWhole(part("bytes 0-3/16")))
    #expect(head.status == 200 && !head.has("content-range") && head.has("etag"))
  }

  /// RFC 9111 §3.4: only a strong tag says that two parts are of one representation.
  @Test func partsOfOneHaveAStrongTagInCommon() {
    let one = part("bytes 0-3/16")
    #expect(StoredPart.areOfOne(one, part("bytes 4-7/16")))
    #expect(!StoredPart.areOfOne(one, part("bytes 4-7/16", tag: "\"b\"")))
    #expect(!StoredPart.areOfOne(part("bytes 0-3/16", tag: "W/\"a\""), part("bytes 4-7/16", tag: "W/\"a\"")))
  }

  /// Whatever two parts of a text are joined, the bytes are the text's.
  @Test func joinedPartsAreTheTextItself() {
    let text = Array(0..<UInt8(12))
    var joins = 0
    for a in 0..<12 {
      for b in (a + 1)...12 {
        for c in 0..<12 {
          for d in (c + 1)...12 {
            let (one, other) = (StoredPart(range: a..<b, completeLength: 12), StoredPart(range: c..<d, completeLength: 12))
            guard let joined = one.joined(with: other) else {
              #expect(d < a || b < c, "\(a)..<\(b) and \(c)..<\(d) touch")
              continue
            }
            joins += 1
            let others = Array(text[c..<d])
            #expect(others[joined.before] + text[a..<b] + others[joined.after] == text[joined.part.range])
          }
        }
      }
    }
    #expect(joins > 1000)
    #expect(StoredPart(range: 0..<4, completeLength: 12).joined(with: StoredPart(range: 4..<8, completeLength: 13)) == nil)
  }
}
