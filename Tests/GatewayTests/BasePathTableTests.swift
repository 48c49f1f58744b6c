// API mappings of a custom domain, as tables from the developer guide, and the shared vectors' (vectors/aws, file 04).

import Runtime
import Testing

@testable import Gateway

extension BasePathTable {
  /// The mapping's payload and the path that is left for its API.
  func select(_ path: String) -> (Int32, String)? {
    // A byte behind the path that no match may read.
    let bytes = Array((path + "x").utf8)
    return bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, let found = match(base, buffer.count - 1) else { return nil }
      return (found.payload, String(decoding: buffer[found.rest..<(buffer.count - 1)], as: UTF8.self))
    }
  }
}

@Suite struct BasePathTableTests {
  static let mappings: [(key: String, payload: Int32)] = [
    ("", 1), ("orders/v1/items", 2), ("orders/v2/items", 3), ("orders/v2/items/categories", 4), ("a$b!*'()+", 5),
  ]

  static let paths: [(String, Int32, String)] = [
    ("/orders/v2/items/categories/5", 4, "/5"), ("/orders/v2/items/categories", 4, ""), ("/orders/v2/items/categories/", 4, "/"),
    ("/orders/v2/items/5", 3, "/5"), ("/orders/v2/items/category", 3, "/category"), ("/orders/v1/items/3", 2, "/3"),
    ("/orders/v2", 1, "/orders/v2"), ("/orders/v1/itemsy", 1, "/orders/v1/itemsy"), ("/customers", 1, "/customers"), ("/", 1, "/"),
    ("//orders/v1/items/3", 2, "/3"), ("/Orders/v1/items", 1, "/Orders/v1/items"), ("/a$b!*'()+/x", 5, "/x"),
    ("/orders/v1/items//x", 2, "//x"),
  ]

  @Test(arguments: paths)
  func theLongestMappingWins(_ path: String, _ payload: Int32, _ rest: String) throws {
    let table = try BasePathTable(Self.mappings)
    let found = try #require(table.select(path))
    #expect(found == (payload, rest))
  }

  @Test func withoutAnEmptyKeyAPathMayHaveNoMapping() throws {
    let table = try BasePathTable([("v1", 0)])
    #expect(table.select("/v2/x") == nil)
    #expect(table.select("/") == nil)
    #expect(table.select("/v1").map { $0 == (0, "") } == true)
  }

  @Test(arguments: ["/a", "a/", "a//b", "a b", "a/../b", "a/%20", String(repeating: "a", count: 301), "caf\u{E9}"])
  func whatIsNoKeyIsRefused(_ key: String) {
    let error = #expect(throws: BasePathFaults.self) { try BasePathTable([("ok", 0), (key, 1), ("ok", 2)]) }
    #expect(error?.faults.map(\.mapping) == [1, 2])
  }

  @Test(.enabled(if: AWSVectors.arePresent, "the shared vectors are absent; set TIDEGATE_VECTORS to their folder"))
  func theGuidesExampleHolds() throws {
    let file = try AWSVectors.file("04_routing_and_not_found")
    let mappings = try #require(file["definitions"]?["mappings"]?["apiMappings"]).texts
    let table = try BasePathTable(mappings.enumerated().map { ($1.0, Int32($0)) })
    let rows = try AWSVectors.cases("04_routing_and_not_found").filter { $0["expected"]?["selectedApi"] != nil }
    try #require(!rows.isEmpty)
    for row in rows {
      let path = try #require(row["request"]?["path"]?.stringValue)
      let found = try #require(table.select(path))
      #expect(mappings[Int(found.0)].1 == row["expected"]?["selectedApi"]?.stringValue, "\(row.id)")
    }
  }
}
