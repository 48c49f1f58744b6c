import Testing

@testable import Runtime

@Suite struct NearMissTests {
  @Test func theNearestWordIsTheOneThatWasMeant() {
    let words = ["balance", "health", "host", "retries", "first_byte"]
    #expect(NearMiss.nearest(to: "balanse", among: words) == "balance")
    #expect(NearMiss.nearest(to: "blaance", among: words) == "balance")
    #expect(NearMiss.nearest(to: "FirstByte", among: words) == "first_byte")
    #expect(NearMiss.nearest(to: "hsot", among: words) == "host")
    #expect(NearMiss.nearest(to: "zebra", among: words) == nil)
    #expect(NearMiss.nearest(to: "", among: words) == nil)
    #expect(NearMiss.distance(Array("ca".utf8), Array("abc".utf8)) == 3)
    #expect(NearMiss.distance(Array("abcd".utf8), Array("acbd".utf8)) == 1)
  }
}
