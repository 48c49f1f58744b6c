import Runtime
import Testing

@testable import Cache

@Suite struct CacheTermsTests {
  private func encoded(_ terms: CacheTerms) -> [UInt8] {
    var writer = ByteWriter()
    terms.encode(into: &writer)
    return writer.bytes
  }

  private func decoded(_ bytes: [UInt8]) -> CacheTerms? { bytes.withUnsafeBytes { CacheTerms(decoding: $0) } }

  @Test func termsComeBackAsTheyWere() {
    var random = SeededRandom(seed: 11)
    for _ in 0..<500 {
      func span() -> Int64 { Int64(random.below(2_147_483_649)) }
      let terms = CacheTerms(
        requestTime: Int64(bitPattern: random.next()), responseTime: Int64(bitPattern: random.next()), initialAge: span(), freshFor: span(),
        staleWhileRevalidate: span(), staleIfError: span(), flags: CacheFlags(rawValue: UInt32(random.below(512))))
      let bytes = encoded(terms)
      #expect(bytes.count == CacheTerms.encodedBytes)
      #expect(decoded(bytes) == terms)
      let now = Int64(bitPattern: random.next())
      #expect(terms.age(now) >= terms.initialAge)
      #expect(terms.remaining(now) <= terms.freshFor)
    }
  }

  @Test func anotherVersionUnknownFlagsAndStrangeSpansAreRefused() {
    let good = encoded(CacheTerms(requestTime: 1, responseTime: 2, freshFor: 3))
    #expect(decoded(good) != nil)
    #expect(decoded(Array(good.dropLast())) == nil)
    #expect(decoded(good + [0]) == nil)
    for (at, value) in [(0, 9), (49, 0x80), (17, 0x80), (25, 0x7F)] as [(Int, UInt8)] {
      var bad = good
      bad[at] = value
      #expect(decoded(bad) == nil, "byte \(at)")
    }
  }

  @Test func aRefusedReadLeavesTheReaderWhereItWas() {
    let bytes: [UInt8] = [1, 0, 0]
    bytes.withUnsafeBytes {
      var reader = ByteReader($0)
      let terms = CacheTerms(decoding: &reader)
      #expect(terms == nil)
      #expect(reader.position == 0)
    }
  }

  @Test func theyStayFlat() { #expect(MemoryLayout<CacheTerms>.stride <= 64) }
}
