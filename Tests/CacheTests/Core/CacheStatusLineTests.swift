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

  @Test(
    "what another node reads of it",
    arguments: [
      (["Tidegate; hit; ttl=4; detail=memory"], CacheStatusLine.Outcome.hit, false),
      (["Tidegate; fwd=uri-miss; fwd-status=200; stored"], .fwd(.uriMiss), true),
      (["other; hit", "Tidegate; fwd=stale; fwd-status=304"], .fwd(.stale), false),
      (["Tidegate; detail=only-if-cached"], .none, false),
      (["tidegate;fwd=vary-miss;stored;collapsed"], .fwd(.varyMiss), true),
    ])
  func reading(values: [String], outcome: CacheStatusLine.Outcome, stored: Bool) {
    let said = CacheStatusLine.read(Fixture.response(values.map { ("Cache-Status", $0) }))
    #expect(said?.outcome == outcome)
    #expect(said?.stored == stored)
  }

  @Test(
    "what is said in its name, or by nobody, is not believed",
    arguments: [
      [], ["other; hit"], ["Tidegate; hit", "Tidegate; fwd=bypass"],
      ["other; hit, Tidegate; hit", "Tidegate; fwd=method"], ["Tidegatekeeper; hit"],
    ])
  func doubtful(values: [String]) {
    #expect(CacheStatusLine.read(Fixture.response(values.map { ("Cache-Status", $0) })) == nil)
  }

  @Test func anAnswerForSeveralSaysSoAndLosesItsFraming() {
    let answer = Fixture.response([
      ("Content-Length", "3"), ("Age", "7"), ("X-Request-Id", "one"), ("Vary", "A"), ("Cache-Status", "o; hit"),
      ("Cache-Status", "Tidegate; fwd=uri-miss; stored"),
    ])
    let both = "HTTP/1.1 200 Fine\r\nAge: 7\r\nVary: A\r\nCache-Status: o; hit\r\nCache-Status: Tidegate; fwd=uri-miss; stored"
    #expect(Fixture.text(StoredHead.shared(answer, isCollapsed: false)) == both + "\r\n")
    #expect(Fixture.text(StoredHead.shared(answer, isCollapsed: true)) == both + "; collapsed\r\n")
    let collapsed = Fixture.response([("Cache-Status", "Tidegate; fwd=uri-miss; stored; collapsed")])
    let once = "HTTP/1.1 200 Fine\r\nCache-Status: Tidegate; fwd=uri-miss; stored; collapsed\r\n"
    #expect(Fixture.text(StoredHead.shared(collapsed, isCollapsed: true)) == once)
  }
}
