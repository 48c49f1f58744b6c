import Runtime
import Testing

@testable import Cache

@Suite struct MalformedTests {
  private static let good: [[(String, String)]] = [
    [("Cache-Control", "max-age=60")], [("Cache-Control", "s-maxage=60, stale-while-revalidate=9")], [("Expires", "{60}")],
    [("Last-Modified", "{-9000}")], [("Cache-Control", "public, must-revalidate, max-age=5"), ("Date", "{-2}")],
    [("Age", "3"), ("Expires", "{600}")],
    [], [("Cache-Control", "no-cache"), ("ETag", "\"a\"")], [("Cache-Control", "no-store, max-age=9")],
    [("Cache-Control", "private, max-age=9")],
    [("CDN-Cache-Control", "max-age=5"), ("Cache-Control", "no-store")], [("Vary", "Accept"), ("Cache-Control", "max-age=60")],
  ]

  /// Each is malformed for its field.
  private static let bad: [(String, String)] = [
    ("Cache-Control", "max-age=x"), ("Cache-Control", "max-age=\"9"), ("Cache-Control", "s-maxage=-1"), ("Cache-Control", "max-age= 99"),
    ("Cache-Control", "public=yes"), ("Cache-Control", "must-understand=1"), ("Cache-Control", "stale-while-revalidate=x"),
    ("Cache-Control", "=9"),
    ("Cache-Control", "immutable=x"), ("Cache-Control", "max-age"), ("Cache-Control", "stale-if-error=1e9"), ("Cache-Control", "\"\\"),
    ("Cache-Control", "must-revalidate=9"), ("Cache-Control", "s-maxage=9.9, public;"), ("Expires", "x"), ("Expires", "99999999999"),
    ("Expires", "Fri, 01 Jan 2027 00:00:00 PST"), ("Date", "x"), ("Date", "{0}, {5}"), ("Age", "-5"), ("Age", "1e3"), ("Age", "x"),
    ("Last-Modified", "x"), ("Last-Modified", "Fri, 32 Jan 1990 00:00:00 GMT"), ("Vary", "a b"), ("Vary", "\""), ("ETag", "a"),
    ("ETag", "\"a"),
    ("CDN-Cache-Control", "max-age=60, =9"), ("CDN-Cache-Control", "MAX-AGE=60"), ("Tidegate-CDN-Cache-Control", "max-age=60,,"),
    ("CDN-Cache-Control", "\u{7F}"), ("Pragma", "max-age=60"),
  ]

  /// Seconds for which a stale answer is permitted.
  private static func stalePermits(_ terms: CacheTerms) -> Int64 {
    if terms.flags.contains(.mustRevalidate) || terms.flags.contains(.alwaysValidate) { return 0 }
    return max(terms.staleWhileRevalidate, terms.staleIfError)
  }

  @Test func aMalformedFieldNeverMakesAResponseFresher() {
    var random = SeededRandom(seed: 42)
    for base in Self.good {
      for bad in Self.bad {
        for asked in [[], StoringTests.authorized] {
          for rules in [CacheRules(), CacheRules(defaultTTL: 30, staleWhileRevalidate: 7, staleIfError: 8)] {
            var fields = base
            fields.insert(bad, at: Int(random.below(UInt64(base.count + 1))))
            let without = Fixture.judge(base, asked: asked, rules: rules)
            compare(Fixture.judge(fields, asked: asked, rules: rules), without, "\(bad) in \(base)")
          }
        }
      }
    }
  }

  /// Stored with it only if stored without, never with more time left, never with less restraint.
  private func compare(_ with: StoreJudgement, _ without: StoreJudgement, _ what: String) {
    guard let terms = Fixture.terms(with) else { return }
    guard let plain = Fixture.terms(without) else {
      Issue.record("stored only with \(what)")
      return
    }
    let now = Fixture.arrival + 1500
    #expect(terms.remaining(now) <= plain.remaining(now) || terms.flags.contains(.alwaysValidate), "\(what)")
    #expect(Self.stalePermits(terms) <= Self.stalePermits(plain), "\(what)")
    if plain.flags.contains(.alwaysValidate) { #expect(terms.flags.contains(.alwaysValidate), "\(what)") }
  }

  private static let alphabet = Array(" \t,;=\"\\*-:/?.&%W0123456789abcmxs{}()".utf8) + [0x00, 0x7F, 0x80, 0xFF]
  private static let scraps = [
    "max-age=", "no-store", "no-cache=\"", "private", "s-maxage=99999999999999999999", "bytes=", "0-", "-5", "\"a\"", "W/\"", "GMT",
    "Sun, 06 Nov 1994 08:49:37",
    "Sunday, 06-Nov-", "gzip;q=0.5", "*", "http://a/", "../", "?1", "stale-if-error=1", "Tidegate; hit",
  ]
  private static let names = [
    "Cache-Control", "CDN-Cache-Control", "Tidegate-CDN-Cache-Control", "Expires", "Date", "Age", "Last-Modified", "ETag", "Vary",
    "Connection",
    "Pragma", "Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding", "Accept-Language", "Location",
    "Content-Location",
    "Cache-Status", "Content-Length", "Set-Cookie", "Cookie", "Content-Range",
  ]

  private func noise(_ random: inout SeededRandom) -> [UInt8] {
    var text: [UInt8] = []
    for _ in 0..<random.below(6) {
      if random.below(2) == 0 {
        text += Array(Self.scraps[Int(random.below(UInt64(Self.scraps.count)))].utf8)
      } else {
        for _ in 0..<random.below(8) { text.append(Self.alphabet[Int(random.below(UInt64(Self.alphabet.count)))]) }
      }
    }
    return text
  }

  private func head(_ start: String, _ random: inout SeededRandom) -> HeadFields {
    var text = Array((start + "\r\n").utf8)
    for _ in 0..<random.below(8) {
      text += Array(Self.names[Int(random.below(UInt64(Self.names.count)))].utf8) + [0x3A] + noise(&random) + [13, 10]
    }
    if random.below(50) == 0 { text.insert(UInt8(random.below(256)), at: Int(random.below(UInt64(text.count)))) }
    return HeadFields(head: text)
  }

  /// Whatever comes in, every judge answers; what was stored can be read again and is as strict.
  @Test("random heads trap nothing", arguments: 1...8)
  func fuzz(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<1500 {
      let request = head("GET /x HTTP/1.1", &random)
      let status = [200, 200, 404, 206, 304, 0].map { "HTTP/1.1 \($0) Any" }[Int(random.below(6))]
      let response = head(status, &random)
      let directives = RequestDirectives(request)
      let judgement = Storing.judge(
        method: .get, request: request, response: response, rules: CacheRules(defaultTTL: 5), requestTime: Fixture.sent,
        responseTime: Fixture.arrival)
      if let terms = Fixture.terms(judgement) { checkStored(response, request, terms, directives) }
      let update = head("HTTP/1.1 304 Any", &random)
      _ = Validation.selects(update, response)
      _ = Validation.headAgrees(stored: response, head: update, bodyBytes: 5)
      let merged = HeadFields(head: Validation.merge(stored: response, with: update, receivedAt: Fixture.arrival))
      #expect(merged.isBroken == false || response.isBroken || update.isBroken)
      let targets = Invalidation.targets(
        method: noise(&random), status: 200, authority: noise(&random), path: noise(&random), response: response)
      #expect(targets.count <= 8 && targets.allSatisfy { $0.path.first == 0x2F || $0 == targets[0] })
      let key = CacheKey(
        scheme: .https, authority: noise(&random), path: noise(&random), query: noise(&random), request: request,
        rules: CacheKeyRules(query: .named(["a"]), headers: ["accept-encoding"]), listenerPort: 80)
      #expect(CacheKey.uri(of: key.bytes) != nil)
    }
  }

  private func checkStored(_ response: HeadFields, _ request: HeadFields, _ terms: CacheTerms, _ directives: RequestDirectives) {
    let stored = HeadFields(head: StoredHead.make(response, storing: terms))
    #expect(!stored.isBroken)
    #expect(stored.status == response.status)
    #expect(!stored.has("age") && !stored.has("connection") && !stored.has("content-length") && stored.has("date"))
    #expect(Variance(stored) == Variance(response))
    #expect(Validation.conditions(of: stored) == Validation.conditions(of: response))
    if case .fields(let names) = Variance(stored) { #expect(!Variance.key(names, request).isEmpty) }
    _ = Reuse.judge(terms, directives, now: Fixture.arrival)
    _ = Reuse.mayServeOnError(terms, directives, now: Fixture.arrival + 9000, disconnected: true)
    _ = Preconditions.judge(method: .get, request: request, response: stored)
    switch ByteRanges.select(request: request, response: stored, completeLength: 20) {
    case .whole, .unsatisfiable: break
    case .one(let range): #expect(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= 20)
    case .many(let ranges):
      #expect(2...ByteRanges.partsMax ~= ranges.count)
      #expect(ranges.allSatisfy { !$0.isEmpty && $0.lowerBound >= 0 && $0.upperBound <= 20 })
    }
  }
}
