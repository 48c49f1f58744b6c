import Testing

@testable import Cache

@Suite struct CacheTagsTests {
  private func tags(_ fields: [(String, String)]) -> [UInt64] {
    CacheTags.hashes(HeadFields(startLine: "HTTP/1.1 200 OK", fields))
  }

  private func hashes(_ tags: String...) -> [UInt64] { tags.map { CacheTags.hash(Array($0.utf8)) } }

  @Test(
    "both fields name tags",
    arguments: [
      ([("Cache-Tag", "a, b,c d , ,a")], ["a", "b", "c d"]), ([("Surrogate-Key", " a  b\tc,d a ")], ["a", "b", "c,d"]),
      ([("cache-tag", "a"), ("CACHE-TAG", "b"), ("Surrogate-Key", "b c")], ["a", "b", "c"]), ([], []), ([("Cache-Tag", " , ")], []),
      ([("Cache-Tag", "A,a")], ["A", "a"]),
    ])
  func named(fields: [(String, String)], expected: [String]) {
    #expect(tags(fields) == expected.map { CacheTags.hash(Array($0.utf8)) })
  }

  @Test func whatDoesNotFitMayBeAnything() {
    let many = (0..<CacheTags.countMax).map { "t\($0)" }
    #expect(tags([("Surrogate-Key", many.joined(separator: " "))]).count == 64)
    for extra in [("Surrogate-Key", "more"), ("Cache-Tag", "more")] {
      let found = tags([("Surrogate-Key", many.joined(separator: " ")), extra])
      #expect(found.count == 65 && found.last == CacheTags.any)
    }
    #expect(tags([("Cache-Tag", String(repeating: "x", count: 257) + ",b")]) == hashes("b"))
    #expect(tags([("Cache-Tag", String(repeating: "x", count: 256))]).count == 1)
  }
}
