import Testing

@testable import Cache

@Suite struct CacheStatusLineTests {
  @Test(
    "what happened, in RFC 9211's words",
    arguments: [
      (CacheStatusLine(.hit), "Tidegate; hit"), (CacheStatusLine(.hit, ttl: 30), "Tidegate; hit; ttl=30"),
      (CacheStatusLine(.hit, ttl: -5, stored: true, collapsed: true), "Tidegate; hit; ttl=-5"),
      (CacheStatusLine(.fwd(.uriMiss), fwdStatus: 200, ttl: 0, stored: true), "Tidegate; fwd=uri-miss; fwd-status=200; ttl=0; stored"),
      (CacheStatusLine(.fwd(.varyMiss), collapsed: true), "Tidegate; fwd=vary-miss; collapsed"),
      (CacheStatusLine(.fwd(.stale), fwdStatus: 304), "Tidegate; fwd=stale; fwd-status=304"),
      (CacheStatusLine(.fwd(.bypass), detail: StoreRefusal.noStore.detail), "Tidegate; fwd=bypass; detail=no-store"),
      (CacheStatusLine(.fwd(.miss), fwdStatus: 12345), "Tidegate; fwd=miss; fwd-status=999"),
      (CacheStatusLine(.hit, ttl: .min), "Tidegate; hit; ttl=-999999999999999"),
      (CacheStatusLine(.hit, ttl: .max), "Tidegate; hit; ttl=999999999999999"),
    ])
  func words(line: CacheStatusLine, expected: String) {
    var out: [UInt8] = []
    line.encode(into: &out)
    #expect(Fixture.text(out) == expected)
  }

  @Test func theLongestLineFits() {
    let detail: StaticString = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    #expect(detail.utf8CodeUnitCount == CacheStatusLine.detailMax)
    for reason in CacheStatusLine.Forward.allCases {
      var out: [UInt8] = []
      CacheStatusLine(.fwd(reason), fwdStatus: 599, ttl: .min, stored: true, collapsed: true, detail: detail).encode(into: &out)
      #expect(out.count <= CacheStatusLine.bytesMax)
    }
  }
}
