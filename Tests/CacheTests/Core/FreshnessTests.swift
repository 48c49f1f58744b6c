import Testing

@testable import Cache

/// What a response with these fields is worth on arrival.
struct FreshnessRow: CustomTestStringConvertible, Sendable {
  let clause: String
  let fields: [(String, String)]
  let freshFor: Int64
  let age: Int64
  let rules: CacheRules

  init(_ clause: String, _ fields: [(String, String)], freshFor: Int64, age: Int64 = 0, rules: CacheRules = CacheRules()) {
    self.clause = clause
    self.fields = [("ETag", "\"v\"")] + fields
    self.freshFor = freshFor
    self.age = age
    self.rules = rules
  }

  var testDescription: String { "\(clause): \(fields.map { "\($0.0): \($0.1)" }.joined(separator: " | "))" }
}

@Suite struct FreshnessTests {
  static let rows: [FreshnessRow] = [
    FreshnessRow("9111 §4.2.1 max-age", [("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow("9111 §4.2.1 s-maxage first", [("Cache-Control", "max-age=60, s-maxage=30")], freshFor: 30),
    FreshnessRow("9111 §4.2.1 s-maxage first, longer too", [("Cache-Control", "s-maxage=90, max-age=60")], freshFor: 90),
    FreshnessRow("9111 §5.3 max-age over Expires", [("Cache-Control", "max-age=60"), ("Expires", "{10}")], freshFor: 60),
    FreshnessRow("9111 §5.3 max-age=0 over Expires", [("Cache-Control", "max-age=0"), ("Expires", "{1000}")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 Expires - Date", [("Date", "{-10}"), ("Expires", "{50}")], freshFor: 60, age: 10),
    FreshnessRow("9111 §4.2.1 Expires with a Date ahead", [("Date", "{30}"), ("Expires", "{50}")], freshFor: 20),
    FreshnessRow("9110 §6.6.1 Expires, no Date", [("Expires", "{50}")], freshFor: 50),
    FreshnessRow("9110 §6.6.1 Expires, Date not readable", [("Date", "yesterday"), ("Expires", "{50}")], freshFor: 50),
    FreshnessRow("9111 §5.3 Expires: 0", [("Expires", "0")], freshFor: 0),
    FreshnessRow("9111 §5.3 Expires: -1", [("Expires", "-1")], freshFor: 0),
    FreshnessRow("9111 §5.3 Expires not a date", [("Expires", "in an hour")], freshFor: 0),
    FreshnessRow("9111 §5.3 Expires empty", [("Expires", "")], freshFor: 0),
    FreshnessRow("9111 §4.2 Expires in another zone", [("Expires", "Fri, 01 Jan 2027 00:00:00 UTC")], freshFor: 0),
    FreshnessRow("9111 §4.2 Expires in lower case", [("Expires", "thu, 01 jan 2026 00:01:00 gmt")], freshFor: 60),
    FreshnessRow("9110 §5.6.7 Expires as RFC 850", [("Expires", "Thursday, 01-Jan-26 00:01:00 GMT")], freshFor: 60),
    FreshnessRow("9110 §5.6.7 Expires as asctime", [("Expires", "Thu Jan  1 00:01:00 2026")], freshFor: 60),
    FreshnessRow("9111 §4.2.1 Expires in the past", [("Expires", "{-50}")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 the earliest of two Expires", [("Expires", "{500}"), ("Expires", "{50}")], freshFor: 50),
    FreshnessRow("9111 §4.2.1 two Expires, one not a date", [("Expires", "{500}"), ("Expires", "x")], freshFor: 0),
    FreshnessRow("9110 §5.3 two Expires in a line", [("Expires", "{500}, {600}")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 two max-age", [("Cache-Control", "max-age=60, max-age=20")], freshFor: 20),
    FreshnessRow("9111 §4.2.1 two max-age in two lines", [("Cache-Control", "max-age=20"), ("Cache-Control", "max-age=60")], freshFor: 20),
    FreshnessRow("9111 §4.2.1 two max-age, one invalid", [("Cache-Control", "max-age=60, max-age=x")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age not a number", [("Cache-Control", "max-age=abc")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age negative", [("Cache-Control", "max-age=-60")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age with a sign", [("Cache-Control", "max-age=+60")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age decimal", [("Cache-Control", "max-age=60.5")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age and letters", [("Cache-Control", "max-age=60s")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age without a value", [("Cache-Control", "max-age")], freshFor: 0),
    FreshnessRow("9111 §4.2.1 max-age with nothing behind =", [("Cache-Control", "max-age=")], freshFor: 0),
    FreshnessRow("9111 §5.2 space before =", [("Cache-Control", "max-age =60")], freshFor: 0),
    FreshnessRow("9111 §5.2 space behind =", [("Cache-Control", "max-age= 60")], freshFor: 0),
    FreshnessRow("9111 §5.2 semicolon", [("Cache-Control", "max-age=60; public")], freshFor: 0),
    FreshnessRow("9111 §5.2 quoted seconds", [("Cache-Control", "max-age=\"60\"")], freshFor: 60),
    FreshnessRow("9111 §5.2 single quotes", [("Cache-Control", "max-age='60'")], freshFor: 0),
    FreshnessRow("9111 §5.2 case of a directive", [("Cache-Control", "MaX-AgE=60")], freshFor: 60),
    FreshnessRow("9110 §5.1 case of a field's name", [("CACHE-CONTROL", "max-age=60")], freshFor: 60),
    FreshnessRow("9111 §5.2 empty elements", [("Cache-Control", " , ,max-age=60,,")], freshFor: 60),
    FreshnessRow("9111 §5.2.3 unknown directives", [("Cache-Control", "max-age=60, x-fast, y=\"a,b\", z=1")], freshFor: 60),
    FreshnessRow("9111 §5.2.3 a directive within quotes", [("Cache-Control", "x=\"max-age=9, no-store\", max-age=60")], freshFor: 60),
    FreshnessRow("9110 §5.6.4 an escaped quote", [("Cache-Control", "x=\"a\\\", max-age=9\", max-age=60")], freshFor: 60),
    FreshnessRow("9111 §1.2.2 overflow", [("Cache-Control", "max-age=99999999999999999999")], freshFor: 2_147_483_648),
    FreshnessRow("9111 §1.2.2 beyond 31 bits", [("Cache-Control", "max-age=4294967296")], freshFor: 2_147_483_648),
    FreshnessRow("9111 §1.2.2 leading zeros", [("Cache-Control", "max-age=0060")], freshFor: 60),
    FreshnessRow("9111 §5.4 Pragma says nothing in a response", [("Pragma", "no-cache"), ("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow("9111 §4.2.2 a tenth", [("Last-Modified", "{-1000}")], freshFor: 100),
    FreshnessRow("9111 §4.2.2 from Date", [("Date", "{-500}"), ("Last-Modified", "{-1000}")], freshFor: 50, age: 500),
    FreshnessRow("9111 §4.2.2 a day at most", [("Last-Modified", "{-100000000}")], freshFor: 86_400),
    FreshnessRow("9111 §4.2.2 changed after Date", [("Date", "{-10}"), ("Last-Modified", "{-5}")], freshFor: 0, age: 10),
    FreshnessRow("9111 §4.2.2 not when explicit", [("Last-Modified", "{-1000}"), ("Cache-Control", "max-age=5")], freshFor: 5),
    FreshnessRow("9111 §4.2.2 not when Expires is invalid", [("Last-Modified", "{-1000}"), ("Expires", "0")], freshFor: 0),
    FreshnessRow("9111 §4.2.2 Last-Modified not a date", [("Last-Modified", "long ago")], freshFor: 0),
    FreshnessRow("9111 §4.2.2 switched off", [("Last-Modified", "{-1000}")], freshFor: 0, rules: CacheRules(heuristics: false)),
    FreshnessRow("rules: default", [], freshFor: 30, rules: CacheRules(defaultTTL: 30)),
    FreshnessRow("rules: default before heuristics", [("Last-Modified", "{-1000}")], freshFor: 30, rules: CacheRules(defaultTTL: 30)),
    FreshnessRow("rules: default not over explicit", [("Cache-Control", "max-age=0")], freshFor: 0, rules: CacheRules(defaultTTL: 30)),
    FreshnessRow("rules: default not over an invalid one", [("Expires", "x")], freshFor: 0, rules: CacheRules(defaultTTL: 30)),
    FreshnessRow("rules: maximum", [("Cache-Control", "max-age=60")], freshFor: 10, rules: CacheRules(maximumTTL: 10)),
    FreshnessRow("rules: maximum over s-maxage", [("Cache-Control", "s-maxage=60")], freshFor: 10, rules: CacheRules(maximumTTL: 10)),
    FreshnessRow("rules: a negative default is none", [], freshFor: 0, rules: CacheRules(defaultTTL: -5)),
    FreshnessRow("9111 §5.1 Age", [("Age", "20"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 20),
    FreshnessRow("9111 §5.1 the first of a list", [("Age", "20, 0"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 20),
    FreshnessRow(
      "9111 §5.1 the first of two lines", [("Age", "20"), ("Age", "0"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 20),
    FreshnessRow(
      "9111 §5.1 a line before it that is none", [("Age", "x"), ("Age", "20"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 20),
    FreshnessRow("9111 §5.1 negative", [("Age", "-20"), ("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow("9111 §5.1 decimal", [("Age", "20.0"), ("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow("9111 §5.1 letters", [("Age", "abc"), ("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow("9111 §5.1 quoted", [("Age", "\"20\""), ("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow(
      "9111 §1.2.2 Age overflows", [("Age", "99999999999999999999"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 2_147_483_648),
    FreshnessRow("9111 §4.2.3 apparent age", [("Date", "{-15}"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 15),
    FreshnessRow(
      "9111 §4.2.3 the greater one, Age", [("Date", "{-15}"), ("Age", "20"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 20),
    FreshnessRow(
      "9111 §4.2.3 the greater one, Date", [("Date", "{-25}"), ("Age", "20"), ("Cache-Control", "max-age=60")], freshFor: 60, age: 25),
    FreshnessRow("9111 §4.2.3 a Date ahead", [("Date", "{25}"), ("Cache-Control", "max-age=60")], freshFor: 60),
    FreshnessRow("two Dates count for the older", [("Date", "{-25}"), ("Date", "{0}"), ("Expires", "{60}")], freshFor: 60, age: 25),
  ]

  @Test("a response is as fresh as its fields say", arguments: rows)
  func table(row: FreshnessRow) throws {
    let terms = try #require(Fixture.terms(Fixture.judge(row.fields, rules: row.rules)))
    #expect(terms.freshFor == row.freshFor)
    #expect(terms.initialAge == row.age)
  }

  @Test func delayOfTheResponseCounts() throws {
    let head = Fixture.response([("Cache-Control", "max-age=60"), ("Age", "5")])
    let judgement = Storing.judge(
      method: .get, request: Fixture.request(), response: head, rules: CacheRules(), requestTime: Fixture.arrival - 2900,
      responseTime: Fixture.arrival)
    let terms = try #require(Fixture.terms(judgement))
    #expect(terms.initialAge == 7)
    #expect(terms.age(Fixture.arrival) == 7)
    #expect(terms.age(Fixture.arrival + 100) == 8, "2.9 s of delay and 0.1 s of residence are 3 s")
  }

  @Test func freshnessEndsWhenTheAgeReachesTheLifetime() {
    let terms = CacheTerms(requestTime: 1000, responseTime: 1000, initialAge: 4, freshFor: 10)
    #expect(terms.remaining(6999) == 1)
    #expect(terms.isFresh(6999))
    #expect(!terms.isFresh(7000), "RFC 9111 §4.2: the lifetime has to be greater")
    #expect(terms.age(0) == 4, "a clock that went back")
  }
}
