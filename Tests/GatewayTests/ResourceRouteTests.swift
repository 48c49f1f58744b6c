// Route selection by the rules of REST APIs: tables, the naive matcher over seeded random sets, and the work of a match among 10,000.

import Testing

@testable import Gateway

@Suite struct ResourceRouteTests {
  typealias Case = RouteTableTests.Case

  func check(_ row: Case, _ keys: [String]) throws {
    let selected = try RouteTable.compile(keys: keys, rules: .rest).select(row.method, row.path)
    #expect(selected.key == row.key)
    #expect(selected.captures == row.captures)
  }

  static let priorities: [Case] = [
    Case("GET", "/part1", "GET /part1"),
    Case("GET", "/part1/fixed", "GET /part1/fixed"),
    Case("GET", "/part1/other", "GET /part1/{id}", "id=other"),
    Case("GET", "/part1/other/more", "GET /{proxy+}", "proxy=part1/other/more"),
    Case("POST", "/part1/fixed", "ANY /part1/fixed"),
    Case("POST", "/part1", "POST /{proxy+}", "proxy=part1"),
    Case("PUT", "/part1", nil),
    Case("GET", "/", nil),
  ]

  @Test(arguments: priorities)
  func literalGoesBeforeParameterBeforeGreedy(_ row: Case) throws {
    try check(
      row, ["GET /{proxy+}", "POST /{proxy+}", "GET /part1", "GET /part1/fixed", "ANY /part1/fixed", "GET /part1/{id}"])
  }

  static let fallThrough: [Case] = [
    Case("OPTIONS", "/test", "OPTIONS /{proxy+}", "proxy=test"),
    Case("POST", "/test", "POST /test"),
    Case("GET", "/test", nil),
    Case("GET", "/test/any", "ANY /test/any"),
    Case("PROPFIND", "/test/any", "ANY /test/any"),
    Case("OPTIONS", "/test/any", "ANY /test/any"),
    Case("DELETE", "/users/me", "DELETE /users/{id}", "id=me"),
    Case("OPTIONS", "/users/me", "OPTIONS /{proxy+}", "proxy=users/me"),
  ]

  @Test(arguments: fallThrough)
  func aResourceWithoutTheMethodIsPassedOver(_ row: Case) throws {
    try check(row, ["POST /test", "ANY /test/any", "OPTIONS /{proxy+}", "GET /users/me", "DELETE /users/{id}"])
  }

  static let nested: [Case] = [
    // The more specific resource at each level, unlike HTTP APIs, where the longer prefix and the full match win.
    Case("GET", "/a/b/k/m", "GET /a/b/{p+}", "p=k/m"),
    Case("GET", "/a/c/k/m", "GET /a/{x}/{p+}", "x=c", "p=k/m"),
    Case("GET", "/z/b/k/m", "GET /{y}/b/k/{p+}", "y=z", "p=m"),
    Case("GET", "/z/b/m", "GET /{p+}", "p=z/b/m"),
    Case("GET", "/full/1", "GET /full/{p+}", "p=1"),
    Case("GET", "/full", "GET /{p+}", "p=full"),
    Case("GET", "/empty/1", "GET /{x}/{y}", "x=empty", "y=1"),
    // The deepest greedy of the branch that failed.
    Case("POST", "/a/b/k/m", "POST /a/{p+}", "p=b/k/m"),
  ]

  @Test(arguments: nested)
  func theMoreSpecificBranchWinsEvenIfItEndsGreedy(_ row: Case) throws {
    try check(
      row,
      [
        "GET /{p+}", "GET /a/{x}/{p+}", "GET /a/b/{p+}", "GET /{y}/b/k/{p+}", "GET /{x}/{y}", "GET /full/{p+}", "POST /a/{p+}",
        "POST /a/b/k/n", "POST /{p+}",
      ])
  }

  static let paths: [Case] = [
    Case("GET", "/", "GET /"),
    Case("GET", "//", "GET /"),
    Case("POST", "/", nil),
    Case("GET", "//pets", "GET /pets"),
    Case("GET", "/pets/", "GET /pets"),
    Case("GET", "/pets//", "GET /pets"),
    Case("GET", "/pets/dog/", "GET /pets/{rest+}", "rest=dog"),
    Case("GET", "/pets/dog/1//", "GET /pets/{rest+}", "rest=dog/1"),
    Case("GET", "/pets//dog", "GET /pets/{rest+}", "rest=/dog"),
    Case("GET", "/item/a%2Fb/", "GET /item/{id}", "id=a%2Fb"),
    Case("GET", "/item/test%2Balias", "GET /item/{id}", "id=test%2Balias"),
    Case("GET", "/item/", nil),
    Case("GET", "/item//", nil),
    Case("GET", "/%70ets", "GET /pets"),
    Case("GET", "/Pets", nil),
    Case("OPTIONS", "*", nil),
    Case("GET", "", nil),
    Case("GET", "pets", nil),
  ]

  @Test(arguments: paths)
  func slashesAndEscapesCountAsStated(_ row: Case) throws {
    try check(row, ["GET /", "GET /pets", "GET /pets/{rest+}", "GET /item/{id}"])
  }

  @Test func theDefaultRouteIsRefused() throws {
    let error = #expect(throws: RouteSetFaults.self) { try RouteTable.compile(keys: ["GET /", "$default"], rules: .rest) }
    #expect(error?.faults.map(\.reason) == [.defaultRoute])
    #expect(error?.faults.map(\.route) == [1])
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func theCompiledTableAgreesWithTheNaiveMatcher(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var found = 0
    for round in 0..<60 {
      let keys = try RouteTablePropertyTests.randomKeys(&random).filter { !$0.isDefault }
      let table = try RouteTable.compile(keys.enumerated().map { ($1, Int32($0)) }, rules: .rest)
      let naive = NaiveResourceTable(keys: keys)
      for _ in 0..<80 {
        let method = try #require(["GET", "POST", "DELETE", "PUT", "BREW"].randomElement(using: &random))
        let path = RouteTablePropertyTests.randomPath(&random) + (Bool.random(using: &random) ? "" : "/")
        var visits = 0
        let selected = table.select(method, path, visits: &visits)
        let expected = naive.select(method, path)
        #expect(selected == expected, "seed \(seed), round \(round): \(method) \(path) among \(keys)")
        #expect(visits <= table.visitsMax, "seed \(seed), round \(round): \(method) \(path) among \(keys)")
        found += selected.key == nil ? 0 : 1
      }
    }
    #expect(found > 1000, "the random paths hardly ever match, so that they test little")
  }

  /// The work of a match depends on the depth of the path, not on how many routes there are.
  @Test func amongTenThousandRoutesAMatchLooksAtAFewNodes() throws {
    let keys = (0..<10_000).map { index in
      switch index % 5 {
      case 0: "GET /service\(index)/items"
      case 1: "GET /tenants/{tenant}/kind\(index)/{id}"
      case 2: "ANY /wide/child\(index)/{rest+}"
      case 3: "POST /deep/d\(index / 500)/e\(index / 50)/f\(index)"
      default: "PUT /{any}/leaf\(index)"
      }
    }
    let table = try RouteTable.compile(keys: keys, rules: .rest)
    #expect(table.visitsMax < 20)
    for (index, key) in keys.enumerated() {
      let requests = [
        ("GET", "/service\(index)/items", []),
        ("GET", "/tenants/t1/kind\(index)/9/", ["tenant=t1", "id=9"]),
        ("HEAD", "/wide/child\(index)/x/y", ["rest=x/y"]),
        ("POST", "//deep/d\(index / 500)/e\(index / 50)/f\(index)", []),
        ("PUT", "/tenants/leaf\(index)", ["any=tenants"]),
      ]
      let (method, path, captures) = requests[index % 5]
      var visits = 0
      #expect(table.select(method, path, visits: &visits) == Selected(key: key, payload: Int32(index), captures: captures))
      #expect(visits <= 5)
    }
  }
}
