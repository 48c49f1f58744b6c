import Testing

@testable import Cache

/// Whether a response is stored: nil for yes.
struct StoringRow: CustomTestStringConvertible, Sendable {
  let clause: String
  let status: Int
  let asked: [(String, String)]
  let fields: [(String, String)]
  let refusal: StoreRefusal?
  let rules: CacheRules

  init(
    _ clause: String, _ fields: [(String, String)], _ refusal: StoreRefusal? = nil, status: Int = 200, asked: [(String, String)] = [],
    rules: CacheRules = CacheRules()
  ) {
    self.clause = clause
    self.status = status
    self.asked = asked
    self.fields = fields
    self.refusal = refusal
    self.rules = rules
  }

  var testDescription: String { "\(clause): \(status) \(fields.map { "\($0.0): \($0.1)" }.joined(separator: " | "))" }
}

@Suite struct StoringTests {
  static let fresh = ("Cache-Control", "max-age=60")
  static let authorized = [("Authorization", "Basic Zm9v")]

  static let rows: [StoringRow] = [
    StoringRow("9111 §3 explicit freshness", [fresh]),
    StoringRow("9111 §3 Expires", [("Expires", "{60}")]),
    StoringRow("9111 §3 nothing to go by", [], .useless),
    StoringRow("9111 §3 a validator alone", [("ETag", "\"a\"")]),
    StoringRow("9111 §3 a date alone", [("Last-Modified", "{0}")]),
    StoringRow("9110 §8.8.3 a tag without quotes is none", [("ETag", "abc")], .useless),
    StoringRow("9111 §3 public alone, no use", [("Cache-Control", "public")], .useless),
    StoringRow("9111 §3 stale on arrival, not to be validated", [("Cache-Control", "max-age=0")], .useless),
    StoringRow("9111 §5.2.1.2 stale on arrival, for max-stale", [fresh, ("Age", "90")]),
    StoringRow("5861 §3 stale on arrival, with a window", [("Cache-Control", "max-age=0, stale-while-revalidate=9")]),
    StoringRow("5861 §4 stale on arrival, with a window", [("Cache-Control", "max-age=0, stale-if-error=9")]),
    StoringRow("9111 §5.2.2.5 no-store", [("Cache-Control", "no-store, max-age=60")], .noStore),
    StoringRow("9111 §5.2.2.5 no-store in a second line", [fresh, ("Cache-Control", "no-store")], .noStore),
    StoringRow("9111 §5.2.2.5 No-Store", [("Cache-Control", "max-age=60, No-Store")], .noStore),
    StoringRow("9111 §5.2.2.5 no-store with an argument", [("Cache-Control", "max-age=60, no-store=1")], .noStore),
    StoringRow("9111 §5.2.2.5 no-store and rubbish", [("Cache-Control", "max-age=60, no-store;")], .noStore),
    StoringRow("9110 §5.6.4 quotes without an end", [("Cache-Control", "max-age=60, x=\"a, no-store")], .noStore),
    StoringRow("9111 §5.2.3 no-store in quotes is text", [("Cache-Control", "max-age=60, x=\"no-store\"")]),
    StoringRow("9111 §5.2.3 a longer name is another one", [("Cache-Control", "max-age=60, no-storex")]),
    StoringRow("9111 §5.2.2.7 private", [("Cache-Control", "private, max-age=60")], .isPrivate),
    StoringRow("9111 §5.2.2.7 private and public", [("Cache-Control", "private, public, max-age=60")], .isPrivate),
    StoringRow("9111 §5.2.2.7 private and s-maxage", [("Cache-Control", "private, s-maxage=60")], .isPrivate),
    StoringRow("9111 §5.2.2.7 private with names", [("Cache-Control", "private=\"x-user\", max-age=60")]),
    StoringRow("9111 §5.2.2.7 private with no names", [("Cache-Control", "private=\"\", max-age=60")], .isPrivate),
    StoringRow("9111 §5.2.2.7 private with a token", [("Cache-Control", "private=x-user, max-age=60")], .isPrivate),
    StoringRow("9111 §5.2.2.7 private with bad names", [("Cache-Control", "private=\"x user\", max-age=60")], .isPrivate),
    StoringRow("9111 §5.2.2.4 no-cache with a validator", [("Cache-Control", "no-cache, max-age=60"), ("ETag", "\"a\"")]),
    StoringRow("9111 §5.2.2.4 no-cache without one", [("Cache-Control", "no-cache, max-age=60")], .useless),
    StoringRow("9111 §5.2.2.4 no-cache with names", [("Cache-Control", "no-cache=\"x-a\", max-age=60")]),
    StoringRow("9111 §5.2.1.5 the request's no-store", [fresh], .requestNoStore, asked: [("Cache-Control", "no-store")]),
    StoringRow("9111 §5.2.1.4 the request's no-cache", [fresh], asked: [("Cache-Control", "no-cache")]),
    StoringRow("9111 §3.5 Authorization", [fresh], .authorization, asked: authorized),
    StoringRow("9111 §3.5 and public", [("Cache-Control", "max-age=60, public")], asked: authorized),
    StoringRow("9111 §3.5 and s-maxage", [("Cache-Control", "s-maxage=60")], asked: authorized),
    StoringRow("9111 §3.5 and must-revalidate", [("Cache-Control", "max-age=60, must-revalidate")], asked: authorized),
    StoringRow(
      "9111 §3.5 proxy-revalidate is not enough", [("Cache-Control", "max-age=60, proxy-revalidate")], .authorization, asked: authorized),
    StoringRow("9111 §3.5 Expires is not enough", [("Expires", "{60}")], .authorization, asked: authorized),
    StoringRow(
      "9111 §3.5 an invalid s-maxage permits nothing", [("Cache-Control", "s-maxage=x"), ("ETag", "\"a\"")], .authorization,
      asked: authorized),
    StoringRow("9111 §3.5 public=1 permits nothing", [("Cache-Control", "public=1, max-age=60")], .authorization, asked: authorized),
    StoringRow(
      "9111 §3.5 must-revalidate=1 permits nothing", [("Cache-Control", "must-revalidate=1, max-age=60")], .authorization, asked: authorized
    ),
    StoringRow("9111 §7.3 Set-Cookie", [fresh, ("Set-Cookie", "a=b")], .setCookie),
    StoringRow("9111 §7.3 and public", [("Cache-Control", "max-age=60, public"), ("Set-Cookie", "a=b")]),
    StoringRow("9111 §7.3 and s-maxage", [("Cache-Control", "s-maxage=60"), ("Set-Cookie", "a=b")]),
    StoringRow(
      "9111 §5.2.2.4 a cookie that is withheld", [("Cache-Control", "max-age=60, no-cache=\"Set-Cookie\""), ("Set-Cookie", "a=b")]),
    StoringRow("9111 §5.2.2.7 a cookie that is private", [("Cache-Control", "max-age=60, private=\"set-cookie\""), ("Set-Cookie", "a=b")]),
    StoringRow("9111 §4.1 Vary: *", [fresh, ("Vary", "*")], .varyAny),
    StoringRow("9111 §4.1 * among names", [fresh, ("Vary", "Accept, *")], .varyAny),
    StoringRow("9111 §4.1 * in a second line", [fresh, ("Vary", "Accept"), ("Vary", "*")], .varyAny),
    StoringRow("9111 §4.1 names", [fresh, ("Vary", "Accept, Accept-Encoding")]),
    StoringRow("9110 §12.5.5 Vary that is no list of names", [fresh, ("Vary", "Accept; Foo")], .varyAny),
    StoringRow("9111 §3 an interim status", [fresh], .status, status: 103),
    StoringRow("9110 §15 no status", [fresh], .status, status: 600),
    StoringRow("9111 §3.3 a part", [fresh], .partial, status: 206),
    StoringRow("9111 §4.3.4 a 304", [fresh], .notModified, status: 304),
    StoringRow("9111 §3 302 with explicit freshness", [fresh], status: 302),
    StoringRow("9111 §3 302 without", [("ETag", "\"a\"")], .notExplicit, status: 302),
    StoringRow("9111 §3 307 with Last-Modified alone", [("Last-Modified", "{-999}")], .notExplicit, status: 307),
    StoringRow("9111 §4.2.2 302 public", [("Cache-Control", "public"), ("Last-Modified", "{-999}")], status: 302),
    StoringRow("9110 §15.1 301", [("Last-Modified", "{-999}")], status: 301),
    StoringRow("9110 §15.1 308", [("Last-Modified", "{-999}")], status: 308),
    StoringRow("9110 §15.1 203", [("Last-Modified", "{-999}")], status: 203),
    StoringRow("9110 §15.1 204", [("Last-Modified", "{-999}")], status: 204),
    StoringRow("9110 §15.1 300", [("Last-Modified", "{-999}")], status: 300),
    StoringRow("9110 §15.1 404", [("Last-Modified", "{-999}")], status: 404),
    StoringRow("9110 §15.1 405", [("Last-Modified", "{-999}")], status: 405),
    StoringRow("9110 §15.1 410", [("Last-Modified", "{-999}")], status: 410),
    StoringRow("9110 §15.1 414", [("Last-Modified", "{-999}")], status: 414),
    StoringRow("9110 §15.1 501", [("Last-Modified", "{-999}")], status: 501),
    StoringRow("9110 §15.1 500 is not", [("Last-Modified", "{-999}")], .notExplicit, status: 500),
    StoringRow("9110 §15.1 403 is not", [("Last-Modified", "{-999}")], .notExplicit, status: 403),
    StoringRow("9110 §15.1 201 is not", [("Last-Modified", "{-999}")], .notExplicit, status: 201),
    StoringRow("9111 §3 500 with explicit freshness", [fresh], status: 500),
    StoringRow("9111 §3 an unknown status with explicit freshness", [fresh], status: 299),
    StoringRow("9111 §3 an unknown status without", [("ETag", "\"a\"")], .notExplicit, status: 299),
    StoringRow("9111 §5.2.2.3 must-understand, known", [("Cache-Control", "must-understand, no-store, max-age=60")]),
    StoringRow("9111 §5.2.2.3 must-understand, unknown", [("Cache-Control", "must-understand, max-age=60")], .notUnderstood, status: 299),
    StoringRow(
      "9111 §5.2.2.3 with no-store, unknown", [("Cache-Control", "must-understand, no-store, max-age=60")], .notUnderstood, status: 499),
    StoringRow("9111 §5.2.2.3 with an argument", [("Cache-Control", "must-understand=1, no-store, max-age=60")], .noStore),
    StoringRow("9111 §5.2.2.3 and private", [("Cache-Control", "must-understand, no-store, private, max-age=60")], .isPrivate),
    StoringRow("rules: default for 200", [], rules: CacheRules(defaultTTL: 9)),
    StoringRow("rules: default not for 302", [], .notExplicit, status: 302, rules: CacheRules(defaultTTL: 9)),
    StoringRow("rules: default not for 404", [], .useless, status: 404, rules: CacheRules(defaultTTL: 9)),
    StoringRow("rules: default not for 500", [], .notExplicit, status: 500, rules: CacheRules(defaultTTL: 9)),
    StoringRow("rules: negative for 404", [], status: 404, rules: CacheRules(negativeTTL: 9)),
    StoringRow("rules: negative for 410", [], status: 410, rules: CacheRules(negativeTTL: 9)),
    StoringRow("rules: negative not for 200", [], .useless, rules: CacheRules(negativeTTL: 9)),
    StoringRow("rules: negative not for 503", [], .notExplicit, status: 503, rules: CacheRules(negativeTTL: 9)),
    StoringRow("rules: default shares no cookie", [("Set-Cookie", "a=b")], .setCookie, rules: CacheRules(defaultTTL: 9)),
    StoringRow("rules: default shares nothing authorized", [], .authorization, asked: authorized, rules: CacheRules(defaultTTL: 9)),
    StoringRow("rules: too large", [fresh, ("Content-Length", "11")], .tooLarge, rules: CacheRules(bodyBytesMax: 10)),
    StoringRow("rules: just not too large", [fresh, ("Content-Length", "10")], rules: CacheRules(bodyBytesMax: 10)),
    StoringRow("9112 §5.1 a line that is none", [fresh, ("No Name", "x")], .brokenHead),
    StoringRow("9213 §2.2 over Cache-Control", [("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "no-store")]),
    StoringRow("9213 §2.2 no-store over Cache-Control", [("CDN-Cache-Control", "no-store"), fresh], .noStore),
    StoringRow("9213 §2.2 the more specific one", [("CDN-Cache-Control", "no-store"), ("Tidegate-CDN-Cache-Control", "max-age=60")]),
    StoringRow("9213 §2.1 not a dictionary", [("CDN-Cache-Control", "max-age=60, &"), ("Cache-Control", "no-store")], .noStore),
    StoringRow("9213 §2.1 empty", [("CDN-Cache-Control", ""), ("Cache-Control", "no-store")], .noStore),
    StoringRow(
      "9213 §2.1 keys in upper case do not parse", [("CDN-Cache-Control", "Max-Age=60"), ("Cache-Control", "no-store")], .noStore),
    StoringRow("8941 §4.2.2 a comma at the end", [("CDN-Cache-Control", "max-age=60,"), ("Cache-Control", "no-store")], .noStore),
    StoringRow(
      "9213 §2.1 a second, invalid one is passed over", [("Tidegate-CDN-Cache-Control", "=1"), ("CDN-Cache-Control", "no-store"), fresh],
      .noStore),
    StoringRow("9213 private", [("CDN-Cache-Control", "private, max-age=60")], .isPrivate),
    StoringRow("9213 a target that is not ours", [("Other-Cache-Control", "max-age=60"), ("Cache-Control", "no-store")], .noStore),
  ]

  @Test("a shared cache stores what it may and can use", arguments: rows)
  func table(row: StoringRow) {
    let judgement = Fixture.judge(row.fields, status: row.status, asked: row.asked, rules: row.rules)
    switch (judgement, row.refusal) {
    case (.store, nil): break
    case (.refuse(let found), let wanted?): #expect(found == wanted)
    case (.store(let terms), let wanted?): Issue.record("stored as \(terms), not refused as \(wanted)")
    case (.refuse(let found), nil): Issue.record("refused: \(found)")
    }
  }

  @Test(
    "targeted lifetimes",
    arguments: [
      ("max-age=60", 60), ("max-age=60;x=1", 60), ("a=1, max-age=60", 60), ("max-age=60, max-age=7", 7), ("max-age=7.5", 0),
      ("max-age=\"60\"", 0), ("max-age", 0), ("max-age=-1", 0), ("max-age=sixty", 0), ("max-age=?0", 0), ("max-age=(1 2)", 0),
      ("max-age=:AA==:", 0), ("s-maxage=5, max-age=60", 5), ("public", 0), ("max-age=999999999999999", 2_147_483_648),
      ("x=\"a, b\", max-age=60", 60), ("x=(a \"b\");q=1, max-age=60", 60), ("\tmax-age=60", 60),
    ] as [(String, Int64)])
  func targeted(value: String, expected: Int64) throws {
    let fields = [("CDN-Cache-Control", value), ("Cache-Control", "max-age=1"), ("Expires", "{500}"), ("ETag", "\"a\"")]
    #expect(try #require(Fixture.terms(Fixture.judge(fields))).freshFor == expected, "RFC 9213 §2.1, RFC 8941 §4.2")
  }

  @Test func onlyGetIsStored() {
    #expect(Fixture.judge([Self.fresh], method: .head) == .refuse(.method))
    #expect(Fixture.judge([Self.fresh], method: .other) == .refuse(.method))
  }

  @Test(
    "flags say what reuse must know",
    arguments: [
      ("max-age=9, must-revalidate", [.mustRevalidate]), ("max-age=9, proxy-revalidate", [.mustRevalidate]),
      ("s-maxage=9", [.mustRevalidate]),
      ("s-maxage=x", [.mustRevalidate]), ("max-age=9, must-revalidate=x", [.mustRevalidate]), ("max-age=9, no-cache", [.alwaysValidate]),
      ("max-age=9, no-cache=x", [.alwaysValidate]), ("max-age=9, no-cache=\"x\"", []), ("max-age=9, immutable", [.immutable]),
      ("max-age=9, immutable=1", []),
    ] as [(String, CacheFlags)])
  func flags(control: String, expected: CacheFlags) throws {
    let terms = try #require(Fixture.terms(Fixture.judge([("Cache-Control", control), ("ETag", "W/\"a\"")])))
    #expect(terms.flags == expected.union(.hasValidator))
  }

  @Test func theResponsesOwnWindowsWinOverTheRules() throws {
    let rules = CacheRules(staleWhileRevalidate: 100, staleIfError: 200)
    let silent = try #require(Fixture.terms(Fixture.judge([Self.fresh], rules: rules)))
    #expect((silent.staleWhileRevalidate, silent.staleIfError) == (100, 200))
    let field = ("Cache-Control", "max-age=9, stale-while-revalidate=5, stale-if-error=x")
    let own = try #require(Fixture.terms(Fixture.judge([field], rules: rules)))
    #expect((own.staleWhileRevalidate, own.staleIfError) == (5, 0))
  }

  @Test func everyRefusalHasATokenOfItsOwn() {
    let words = StoreRefusal.allCases.map(\.description)
    #expect(Set(words).count == words.count)
    #expect(words.allSatisfy { Octets.isToken(ArraySlice($0)) && $0.utf8.count <= CacheStatusLine.detailMax })
  }
}
