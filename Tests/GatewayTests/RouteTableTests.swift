// Route selection as tables of routes, request and expected route.

import Testing

@testable import Gateway

@Suite struct RouteTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let method: String
    let path: String
    let key: String?
    let captures: [String]

    init(_ method: String, _ path: String, _ key: String?, _ captures: String...) {
      self.method = method
      self.path = path
      self.key = key
      self.captures = captures
    }

    var testDescription: String { "\(method) \(path)" }
  }

  func check(_ row: Case, _ keys: [String]) throws {
    let table = try RouteTable.compile(keys: keys)
    let selected = table.select(row.method, row.path)
    #expect(selected.key == row.key)
    #expect(selected.captures == row.captures)
    #expect(selected.payload == Int32(keys.firstIndex { $0 == row.key } ?? 0))
  }

  /// The routes and requests of the developer guide's example (Routing API requests).
  static let guide: [Case] = [
    Case("GET", "/pets/dog/1", "GET /pets/dog/1"),
    Case("GET", "/pets/dog/2", "GET /pets/dog/{id}", "id=2"),
    Case("GET", "/pets/cat/1", "GET /pets/{proxy+}", "proxy=cat/1"),
    Case("POST", "/test/5", "ANY /{proxy+}", "proxy=test/5"),
    Case("POST", "/pets/dog/1", "ANY /{proxy+}", "proxy=pets/dog/1"),
    Case("GET", "*", "$default"),
  ]

  @Test(arguments: guide)
  func theGuidesExampleHolds(_ row: Case) throws {
    try check(row, ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"])
  }

  static let methods: [Case] = [
    Case("GET", "/a", "GET /a"),
    Case("POST", "/a", "ANY /a"),
    Case("PROPFIND", "/a", "ANY /a"),
    Case("get", "/a", "ANY /a"),
    Case("GET", "/b", "GET /{x}", "x=b"),
    Case("POST", "/b", "POST /b"),
    Case("PUT", "/b", "PUT /{rest+}", "rest=b"),
    Case("DELETE", "/b", nil),
    Case("PROPFIND", "/b", nil),
    Case("GETS", "/b", nil),
    Case("", "/b", nil),
    Case("HEAD", "/c", "ANY /c"),
    Case("OPTIONS", "/c", "ANY /c"),
    Case("PATCH", "/c", "ANY /c"),
    Case("DELETE", "/c", "ANY /c"),
    // ANY of the more specific path goes before GET of the less specific one.
    Case("GET", "/c", "ANY /c"),
  ]

  @Test(arguments: methods)
  func aRouteNeedsPathAndMethod(_ row: Case) throws {
    try check(row, ["ANY /a", "GET /a", "GET /{x}", "POST /b", "PUT /{rest+}", "ANY /c"])
  }

  static let backtracking: [Case] = [
    Case("GET", "/a/b/c", "GET /a/b/c"),
    Case("GET", "/a/b/d", "GET /a/{y}/d", "y=b"),
    Case("GET", "/a/b/e", "GET /{x}/b/e", "x=a"),
    Case("GET", "/a/b/f", "GET /{x}/{y}/{z}", "x=a", "y=b", "z=f"),
    Case("POST", "/a/b/c", "POST /{x}/b/{z}", "x=a", "z=c"),
    Case("POST", "/a/c/c", nil),
    Case("GET", "/a/b", nil),
    Case("GET", "/a/b/c/d", nil),
  ]

  @Test(arguments: backtracking)
  func theSearchGoesBackFromDeadEnds(_ row: Case) throws {
    try check(row, ["GET /a/b/c", "GET /a/{y}/d", "GET /{x}/b/e", "GET /{x}/{y}/{z}", "POST /{x}/b/{z}"])
  }

  static let greedy: [Case] = [
    Case("GET", "/a/b/c", "GET /a/b/{p+}", "p=c"),
    Case("GET", "/a/x/c", "GET /a/{x}/{p+}", "x=x", "p=c"),
    Case("GET", "/z/b/c", "GET /{y}/b/{p+}", "y=z", "p=c"),
    Case("GET", "/z/b/k/m", "GET /{y}/b/k/{p+}", "y=z", "p=m"),
    // The longer prefix goes before the one that begins with a literal.
    Case("GET", "/a/b/k/m", "GET /{y}/b/k/{p+}", "y=a", "p=m"),
    Case("GET", "/q/r/s", "GET /{p+}", "p=q/r/s"),
    // A full match goes before any greedy one, even with a parameter where the greedy one has a literal.
    Case("GET", "/full/1", "GET /{x}/{y}", "x=full", "y=1"),
    Case("GET", "/full/1/2", "GET /full/{p+}", "p=1/2"),
    Case("POST", "/full/1", nil),
  ]

  @Test(arguments: greedy)
  func theLongestGreedyPrefixWins(_ row: Case) throws {
    let keys = [
      "GET /{p+}", "GET /a/{x}/{p+}", "GET /a/b/{p+}", "GET /{y}/b/{p+}", "GET /{y}/b/k/{p+}", "GET /{x}/{y}", "GET /full/{p+}",
    ]
    try check(row, keys)
  }

  static let paths: [Case] = [
    Case("GET", "/", "GET /"),
    Case("GET", "//", "GET /"),
    Case("POST", "/", "ANY /{all+}", "all="),
    Case("GET", "/pets", "GET /pets"),
    Case("GET", "///pets", "GET /pets"),
    Case("GET", "/pets/", "GET /pets/{rest+}", "rest="),
    Case("GET", "/pets//", "GET /pets/{rest+}", "rest=/"),
    Case("GET", "/pets//dog", "GET /pets/{rest+}", "rest=/dog"),
    Case("GET", "/pets/dog/", "GET /pets/{rest+}", "rest=dog/"),
    Case("GET", "/Pets", "ANY /{all+}", "all=Pets"),
    Case("GET", "/item/%20x", "GET /item/{id}", "id=%20x"),
    Case("GET", "/item/a%2Fb", "GET /item/{id}", "id=a%2Fb"),
    Case("GET", "/item/", "ANY /{all+}", "all=item/"),
    Case("GET", "/%70ets", "GET /pets"),
    Case("GET", "/p%65%74s/", "GET /pets/{rest+}", "rest="),
    Case("GET", "/v%3a1", "GET /v:1"),
    Case("GET", "/pets%2F", "ANY /{all+}", "all=pets%2F"),
    Case("GET", "/pet%7", "ANY /{all+}", "all=pet%7"),
    Case("GET", "/pet%", "ANY /{all+}", "all=pet%"),
    Case("GET", "/pet%zz", "ANY /{all+}", "all=pet%zz"),
    Case("GET", "/%2570ets", "ANY /{all+}", "all=%2570ets"),
    Case("GET", "/pets%00", "ANY /{all+}", "all=pets%00"),
    Case("OPTIONS", "*", nil),
    Case("GET", "", nil),
    Case("GET", "pets", nil),
  ]

  @Test(arguments: paths)
  func slashesAndEscapesCountAsStated(_ row: Case) throws {
    try check(row, ["GET /", "GET /pets", "GET /pets/{rest+}", "GET /item/{id}", "GET /v:1", "ANY /{all+}"])
  }

  @Test func payloadsAreReturnedAsGiven() throws {
    let table = try RouteTable.compile([(RouteKey("GET /a"), -5), (RouteKey("$default"), .max)])
    #expect(table.select("GET", "/a").payload == -5)
    #expect(table.select("GET", "/b").payload == .max)
  }

  @Test func anEmptySetMatchesNothing() throws {
    let table = try RouteTable.compile(keys: [])
    #expect(table.select("GET", "/") == .none)
    #expect(table.select("GET", "/a/b") == .none)
    #expect(table.capturesMax == 0)
  }

  @Test func everyClashIsNamedWithBothKeys() throws {
    let keys = [
      "GET /a/{x}", "GET /a/{y}", "POST /a/{y}", "GET /a/{z}/b", "ANY /a/{w}", "GET /a/{x+}", "GET /a/{y+}", "$default", "GET /a/{x}",
      "$default",
    ]
    let error = #expect(throws: RouteSetFaults.self) { try RouteTable.compile(keys: keys) }
    let found = error?.faults.map { "\($0.route) \($0.reason) \($0.keys)" }
    #expect(
      found == [
        #"1 sameShape ["GET /a/{x}", "GET /a/{y}"]"#,
        #"6 sameShape ["GET /a/{x+}", "GET /a/{y+}"]"#,
        #"8 duplicate ["GET /a/{x}", "GET /a/{x}"]"#,
        #"9 duplicate ["$default", "$default"]"#,
      ])
  }

  @Test func tooManyRoutesAreRefused() throws {
    var limits = RouteLimits()
    limits.routesMax = 1
    let routes = [(key: try RouteKey("GET /a"), payload: Int32(0)), (key: try RouteKey("GET /b"), payload: 1)]
    let error = #expect(throws: RouteSetFaults.self) { try RouteTable.compile(routes, limits: limits) }
    #expect(error?.faults.map(\.reason) == [.tooManyRoutes(max: 1)])
  }
}
