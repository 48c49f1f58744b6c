import Runtime
import Testing

@testable import Cache

@Suite struct HTTPDateTests {
  static let moment: Int64 = 784_111_777

  @Test(
    "the three formats, and what is none of them (RFC 9110 §5.6.7, RFC 9111 §4.2)",
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", moment), ("Sunday, 06-Nov-94 08:49:37 GMT", moment), ("Sun Nov  6 08:49:37 1994", moment),
      ("sun, 06 nov 1994 08:49:37 gmt", moment), ("Sun Nov 06 08:49:37 1994", moment), ("Mon, 06 Nov 1994 08:49:37 GMT", moment),
      ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 31 Dec 1969 23:59:59 GMT", -1), ("Sat, 29 Feb 2020 00:00:00 GMT", 1_582_934_400),
      ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Sun, 06 Nov 1994 08:49:60 GMT", moment + 23),
      ("", nil), ("0", nil), ("-1", nil), ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Nov 1994 08:49:37 UTC", nil),
      ("Sun, 06 Nov 1994 08:49:37 GMT+1", nil), ("Sun, 06 Nov 1994 08:49:37 +0000", nil), ("Sun, 6 Nov 1994 08:49:37 GMT", nil),
      ("Sun, 06 Nov 94 08:49:37 GMT", nil), ("Sun, 06 Nov 1994  08:49:37 GMT", nil), ("Sun, 06 Nov 1994 8:49:37 GMT", nil),
      ("Sun, 31 Feb 1994 08:49:37 GMT", nil), ("Sun, 29 Feb 1900 08:49:37 GMT", nil), ("Sun, 00 Nov 1994 08:49:37 GMT", nil),
      ("Sun, 06 Foo 1994 08:49:37 GMT", nil), ("Foo, 06 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 24:00:00 GMT", nil),
      ("Sun, 06 Nov 1994 08:60:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:61 GMT", nil), ("Sun, 06-Nov-1994 08:49:37 GMT", nil),
      ("Sun 06 Nov 1994 08:49:37 GMT", nil), ("1994-11-06T08:49:37Z", nil), ("Sun, 06 Nov 1994 08.49.37 GMT", nil),
      ("Sunday, 06-Nov-94 08:49:37 EST", nil), ("Sun, 06 Nov 0000 08:49:37 GMT", nil),
    ] as [(String, Int64?)])
  func table(text: String, expected: Int64?) { #expect(HTTPDate.parse(ArraySlice(text), now: Fixture.epoch) == expected) }

  @Test func yearsOfTwoDigitsLieAtMostFiftyYearsAhead() {
    #expect(HTTPDate.parse(ArraySlice("Monday, 06-Nov-75 08:49:37 GMT"), now: Fixture.epoch).map { $0 > Fixture.epoch } == true)
    #expect(HTTPDate.parse(ArraySlice("Monday, 06-Nov-77 08:49:37 GMT"), now: Fixture.epoch).map { $0 < Fixture.epoch } == true)
  }

  @Test func whatRuntimeWritesIsReadBack() {
    var random = SeededRandom(seed: 7)
    for _ in 0..<2000 {
      let seconds = random.below(15_000_000_000)
      #expect(HTTPDate.parse(ArraySlice(WallTime(secondsSinceEpoch: seconds).imfFixdate), now: 0) == Int64(seconds))
    }
  }
}
