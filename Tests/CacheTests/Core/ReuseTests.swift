import Testing

@testable import Cache

struct ReuseRow: CustomTestStringConvertible, Sendable {
  let clause: String
  let request: String
  let age: Int64
  let terms: CacheTerms
  let expected: ReuseJudgement

  /// A response that is fresh for 60 seconds, so many seconds after it came.
  init(
    _ clause: String, _ request: String, age: Int64, window: Int64 = 0, flags: CacheFlags = [], _ expected: ReuseJudgement
  ) {
    self.clause = clause
    self.request = request
    self.age = age
    terms = CacheTerms(requestTime: 0, responseTime: 0, freshFor: 60, staleWhileRevalidate: window, flags: flags)
    self.expected = expected
  }

  var testDescription: String { "\(clause): '\(request)' at \(age) s" }
}

@Suite struct ReuseTests {
  static let rows: [ReuseRow] = [
    ReuseRow("9111 §4.2 fresh", "", age: 59, .fresh),
    ReuseRow("9111 §4.2 stale", "", age: 60, .validate(reason: .stale)),
    ReuseRow("9111 §5.2.2.4 no-cache", "", age: 0, flags: .alwaysValidate, .validate(reason: .noCache)),
    ReuseRow("9111 §5.2.2.2 must-revalidate, fresh", "", age: 59, flags: .mustRevalidate, .fresh),
    ReuseRow("9111 §5.2.2.2 must-revalidate, stale", "", age: 60, flags: .mustRevalidate, .validate(reason: .mustRevalidate)),
    ReuseRow("9111 §4.2.4 over max-stale", "max-stale", age: 70, flags: .mustRevalidate, .validate(reason: .mustRevalidate)),
    ReuseRow("9111 §4.2.4 over the window", "", age: 61, window: 9, flags: .mustRevalidate, .validate(reason: .mustRevalidate)),
    ReuseRow("9111 §5.2.1.4 no-cache", "no-cache", age: 0, .validate(reason: .requestNoCache)),
    ReuseRow("9111 §5.2.1.4 No-Cache=x", "No-Cache=x", age: 0, .validate(reason: .requestNoCache)),
    ReuseRow("9111 §5.2.1.1 max-age=0", "max-age=0", age: 0, .validate(reason: .requestNoCache)),
    ReuseRow("9111 §5.2.1.1 just old enough", "max-age=30", age: 30, .fresh),
    ReuseRow("9111 §5.2.1.1 older", "max-age=30", age: 31, .validate(reason: .requestMaxAge)),
    ReuseRow("9111 §5.2.1.1 quoted", "max-age=\"30\"", age: 31, .validate(reason: .requestMaxAge)),
    ReuseRow("9111 §5.2.1.1 the stricter of two", "max-age=30, max-age=99", age: 31, .validate(reason: .requestMaxAge)),
    ReuseRow("9111 §5.2.1.1 not readable", "max-age=x", age: 0, .validate(reason: .requestNoCache)),
    ReuseRow("9111 §5.2.1.1 longer than the lifetime", "max-age=99", age: 60, .validate(reason: .stale)),
    ReuseRow("9111 §5.2.1.1 no stale answer with max-age", "max-age=99", age: 61, window: 9, .validate(reason: .stale)),
    ReuseRow("9111 §5.2.1.1 and max-stale", "max-age=99, max-stale=9", age: 61, .stale),
    ReuseRow("9111 §5.2.1.1 max-age holds beside max-stale", "max-age=60, max-stale=9", age: 61, .validate(reason: .requestMaxAge)),
    ReuseRow("9111 §5.2.1.3 min-fresh met", "min-fresh=10", age: 50, .fresh),
    ReuseRow("9111 §5.2.1.3 min-fresh not met", "min-fresh=10", age: 51, .validate(reason: .requestMinFresh)),
    ReuseRow("9111 §5.2.1.3 not readable", "min-fresh=x", age: 0, .validate(reason: .requestMinFresh)),
    ReuseRow("9111 §5.2.1.3 the stricter of two", "min-fresh=1, min-fresh=20", age: 50, .validate(reason: .requestMinFresh)),
    ReuseRow("9111 §5.2.1.2 max-stale met", "max-stale=10", age: 70, .stale),
    ReuseRow("9111 §5.2.1.2 max-stale not met", "max-stale=10", age: 71, .validate(reason: .stale)),
    ReuseRow("9111 §5.2.1.2 without an argument", "max-stale", age: 5000, .stale),
    ReuseRow("9111 §5.2.1.2 not readable", "max-stale=x", age: 60, .validate(reason: .stale)),
    ReuseRow("9111 §5.2.1.2 zero allows nothing", "max-stale=0", age: 60, .validate(reason: .stale)),
    ReuseRow("9111 §5.2.1.5 no-store forbids no reuse", "no-store", age: 1, .fresh),
    ReuseRow("9111 §5.2.1.7 only-if-cached is the caller's", "only-if-cached", age: 1, .fresh),
    ReuseRow("9111 §5.2.3 unknown directives", "x-y, stale", age: 1, .fresh),
    ReuseRow("9110 §5.6.4 quotes without an end", "x=\"a, no-cache", age: 1, .validate(reason: .requestNoCache)),
    ReuseRow("5861 §3 at the window's begin", "", age: 60, window: 10, .staleWhileRevalidate),
    ReuseRow("5861 §3 at its end", "", age: 69, window: 10, .staleWhileRevalidate),
    ReuseRow("5861 §3 beyond", "", age: 70, window: 10, .validate(reason: .stale)),
    ReuseRow("5861 §3 before max-stale", "max-stale=99", age: 61, window: 10, .staleWhileRevalidate),
    ReuseRow("5861 §3 min-fresh wants it fresh", "min-fresh=1", age: 61, window: 10, .validate(reason: .requestMinFresh)),
  ]

  @Test("a stored response is used as far as both sides allow", arguments: rows)
  func table(row: ReuseRow) {
    let fields = row.request.isEmpty ? [] : [("Cache-Control", row.request)]
    #expect(Reuse.judge(row.terms, RequestDirectives(Fixture.request(fields)), now: row.age * 1000) == row.expected)
  }

  @Test(
    "Pragma counts where there is no Cache-Control (RFC 9111 §5.4)",
    arguments: [
      ([("Pragma", "no-cache")], true), ([("Pragma", "No-Cache, x")], true), ([("Pragma", "x")], false),
      ([("Pragma", "no-cache"), ("Cache-Control", "max-stale")], false), ([("Pragma", "\"x")], true),
    ] as [([(String, String)], Bool)])
  func pragma(fields: [(String, String)], noCache: Bool) {
    #expect(RequestDirectives(Fixture.request(fields)).noCache == noCache)
  }

  @Test(
    "an error is covered within the windows (RFC 5861 §4)",
    arguments: [
      ("", 61, [], true), ("", 69, [], true), ("", 70, [], false), ("stale-if-error=30", 89, [], true),
      ("stale-if-error=30", 90, [], false),
      ("stale-if-error=x", 75, [], false), ("no-cache", 61, [], false), ("", 61, .mustRevalidate, false), ("", 59, .mustRevalidate, true),
      ("", 1, .alwaysValidate, false), ("max-age=5", 61, [], false), ("max-age=5, stale-if-error=9", 61, [], true),
      ("max-stale=50", 100, [], true),
    ] as [(String, Int64, CacheFlags, Bool)])
  func onError(request: String, age: Int64, flags: CacheFlags, expected: Bool) {
    let terms = CacheTerms(requestTime: 0, responseTime: 0, freshFor: 60, staleIfError: 10, flags: flags)
    let directives = RequestDirectives(Fixture.request(request.isEmpty ? [] : [("Cache-Control", request)]))
    #expect(Reuse.mayServeOnError(terms, directives, now: age * 1000) == expected)
  }

  @Test func aDisconnectedCacheMayServeStaleForADay() {
    let terms = CacheTerms(requestTime: 0, responseTime: 0, freshFor: 60)
    let none = RequestDirectives(Fixture.request())
    #expect(!Reuse.mayServeOnError(terms, none, now: 61_000))
    #expect(Reuse.mayServeOnError(terms, none, now: 61_000, disconnected: true), "RFC 9111 §4.2.4")
    #expect(!Reuse.mayServeOnError(terms, none, now: 87_000_000, disconnected: true))
    var forbidden = terms
    forbidden.flags = .mustRevalidate
    #expect(!Reuse.mayServeOnError(forbidden, none, now: 61_000, disconnected: true))
  }

  @Test func aSoftPurgeMakesStaleOnceAndStartsTheWindows() {
    var terms = CacheTerms(requestTime: 0, responseTime: 0, freshFor: 600, staleWhileRevalidate: 10)
    let none = RequestDirectives(Fixture.request())
    terms.markStale(100_000)
    #expect(terms.flags.contains(.wasMarkedStale))
    #expect(Reuse.judge(terms, none, now: 100_000) == .staleWhileRevalidate)
    terms.markStale(105_000)
    #expect(Reuse.judge(terms, none, now: 110_000) == .validate(reason: .stale), "the second purge did not move the window")
  }

  @Test func onlyFourStatusesAreErrors() { #expect((100...599).filter { Reuse.isError($0) } == [500, 502, 503, 504], "RFC 5861 §4") }
}
