// The compiled table against the naive matcher over seeded random sets; large sets; and the bound on the work of one match.

import Testing

@testable import Gateway

@Suite struct RouteTablePropertyTests {
  static let literals = ["a", "b", "ab", "a.b", "x-1"]
  static let methods = ["GET", "POST", "DELETE", "ANY"]

  /// A set of routes without clashes; few distinct literals, so that routes overlap on every level.
  static func randomKeys(_ random: inout SeededRandom) throws -> [RouteKey] {
    var shapes: Set<String> = []
    var keys: [RouteKey] = []
    for _ in 0..<Int.random(in: 1...40, using: &random) {
      let depth = Int.random(in: 0...5, using: &random)
      var path = ""
      var shape = ""
      for level in 0..<depth {
        if Int.random(in: 0..<100, using: &random) < 40 {
          path += "/{p\(Int.random(in: 0...2, using: &random))x\(level)}"
          shape += "/{}"
        } else {
          let literal = literals.randomElement(using: &random)!
          path += "/" + literal
          shape += "/" + literal
        }
      }
      if Int.random(in: 0..<100, using: &random) < 25 {
        path += "/{rest+}"
        shape += "/{+}"
      }
      let method = methods.randomElement(using: &random)!
      if shapes.insert(method + shape).inserted { keys.append(try RouteKey(method + " " + (path.isEmpty ? "/" : path))) }
    }
    if Bool.random(using: &random) { keys.append(try RouteKey("$default")) }
    return keys.shuffled(using: &random)
  }

  /// Paths of the same literals, with other text, escapes, empty segments and slashes at either end.
  static func randomPath(_ random: inout SeededRandom) -> String {
    var path = Int.random(in: 0..<20, using: &random) == 0 ? "//" : "/"
    let parts = (0..<Int.random(in: 0...6, using: &random)).map { _ in
      switch Int.random(in: 0..<16, using: &random) {
      case 0: ""
      case 1: "%61"
      case 2: "%61%62"
      case 3: "a%2Fb"
      case 4: "%zz"
      case 5: "other"
      case 6: "a%"
      default: literals.randomElement(using: &random)!
      }
    }
    path += parts.joined(separator: "/")
    if Int.random(in: 0..<8, using: &random) == 0 { path += "/" }
    return path
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func theCompiledTableAgreesWithTheNaiveMatcher(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var found = 0
    for round in 0..<60 {
      let keys = try Self.randomKeys(&random)
      let table = try RouteTable.compile(keys.enumerated().map { ($1, Int32($0)) })
      let naive = NaiveRouteTable(keys: keys)
      for _ in 0..<80 {
        let method = ["GET", "POST", "DELETE", "PUT", "BREW"].randomElement(using: &random)!
        let path = Self.randomPath(&random)
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

  @Test func fiveThousandRoutesCompileAndMatch() throws {
    let keys = (0..<5000).map { index in
      switch index % 5 {
      case 0: "GET /service\(index)/items"
      case 1: "GET /tenants/{tenant}/kind\(index)/{id}"
      case 2: "ANY /wide/child\(index)/{rest+}"
      case 3: "POST /deep/d\(index / 500)/e\(index / 50)/f\(index)"
      default: "PUT /{any}/leaf\(index)"
      }
    }
    let table = try RouteTable.compile(keys: keys)
    #expect(table.visitsMax < 20)
    for (index, key) in keys.enumerated() {
      let requests = [
        ("GET", "/service\(index)/items", []),
        ("GET", "/tenants/t1/kind\(index)/9", ["tenant=t1", "id=9"]),
        ("HEAD", "/wide/child\(index)/x/y", ["rest=x/y"]),
        ("POST", "/deep/d\(index / 500)/e\(index / 50)/f\(index)", []),
        ("PUT", "/tenants/leaf\(index)", ["any=tenants"]),
      ]
      let (method, path, captures) = requests[index % 5]
      var visits = 0
      #expect(table.select(method, path, visits: &visits) == Selected(key: key, payload: Int32(index), captures: captures))
      #expect(visits <= table.visitsMax)
      #expect(table.select(method, path + "x/x").key == (index % 5 == 2 ? key : nil))
    }
  }

  /// Every mixture of "a" and a parameter over some levels: the most branches that a path of "a" can meet.
  static func mixtures(levels: Int, tail: String) throws -> [(key: RouteKey, payload: Int32)] {
    try (0..<1 << levels).map { mask in
      let path = (0..<levels).map { mask & 1 << $0 == 0 ? "/a" : "/{p\($0)}" }.joined()
      return (try RouteKey("GET " + path + tail), Int32(mask))
    }
  }

  @Test func theWorstRequestStaysWithinTheStatedBound() throws {
    let table = try RouteTable.compile(Self.mixtures(levels: 8, tail: "/end"))
    #expect(table.visitsMax == (1 << 10) - 1 - (1 << 8))
    var visits = 0
    let path = String(repeating: "/a", count: 8)
    #expect(table.select("GET", path + "/none", visits: &visits) == .none)
    #expect(visits == (1 << 9) - 1)
    #expect(table.select("GET", path + "/end/more", visits: &visits) == .none)
    #expect(visits == table.visitsMax)
    #expect(table.select("GET", path + "/end", visits: &visits).payload == 0)
    #expect(visits == 9)
    // A method that no route serves is known at the first step.
    #expect(table.select("POST", path + "/none", visits: &visits) == .none)
    #expect(visits == 1)
    // Length costs nothing once the routes have ended.
    #expect(table.select("GET", String(repeating: "/a", count: 100_000), visits: &visits) == .none)
    #expect(visits <= table.visitsMax)
  }

  @Test func aSetWithTooManyBranchesIsRefused() throws {
    let routes = try Self.mixtures(levels: 9, tail: "/end")
    let error = #expect(throws: RouteSetFaults.self) { try RouteTable.compile(routes) }
    #expect(error?.faults.map(\.reason) == [.tooMuchOverlap(visits: 1535, max: 1024)])
    var limits = RouteLimits()
    limits.visitsMax = 1535
    _ = try RouteTable.compile(routes, limits: limits)
  }
}
