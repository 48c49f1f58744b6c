// Definitions of HTTP APIs: what compiles, and that every fault of every definition is reported at once.

import Testing

@testable import Gateway

@Suite struct HTTPAPITests {
  static let catalog = Integration.upstream(name: "catalog", timeoutNanoseconds: nil)

  @Test func definitionsCompileToTables() throws {
    let hello = Integration.mock(status: 200, fields: [("content-type", "text/plain")], body: Array("hello".utf8))
    let set = try HTTPAPISet.compile(
      [
        HTTPAPIDefinition(name: "shop", hosts: ["shop.example.com"], routes: [("$default", Self.catalog), ("GET /hello", hello)]),
        HTTPAPIDefinition(name: "rest", hosts: ["*"], routes: [("GET /{id}", Self.catalog)]),
      ], upstreams: ["catalog"])
    #expect(set.apis.map(\.name) == ["shop", "rest"])
    let host = Array("SHOP.example.com:80".utf8)
    #expect(set.hosts.match(host, host.count) == 0)
    #expect(set.hosts.match(host, 4) == 1)
    let shop = set.apis[0]
    #expect(shop.integrations[Int(shop.routes.select("GET", "/hello").payload)] == hello)
    #expect(shop.integrations[Int(shop.routes.select("PUT", "/hello").payload)] == Self.catalog)
    #expect(set.apis[1].routes.select("PUT", "/hello") == .none)
  }

  @Test func everyFaultIsReportedAtOnce() throws {
    let fields = [
      ("Content-Length", "1"), ("a b", "x"), ("ok", "fine"), ("x", "line\r\nbreak"), ("y", " padded"), ("", "z"), ("z", ""),
    ]
    let definitions = [
      HTTPAPIDefinition(
        name: "one", hosts: ["a.com", "b.com:80", "A.com"],
        routes: [
          ("GET /a/{x}", Self.catalog),
          ("get /b", .upstream(name: "nowhere", timeoutNanoseconds: 0)),
          ("GET /a/{y}", .mock(status: 204, fields: fields, body: [1])),
          ("GET /c/", .mock(status: 100, fields: [], body: [])),
        ]),
      HTTPAPIDefinition(name: "one", hosts: [], routes: []),
      HTTPAPIDefinition(name: "", hosts: ["a.com"], routes: [("$default", Self.catalog)]),
    ]
    let error = #expect(throws: HTTPAPIFaults.self) { try HTTPAPISet.compile(definitions, upstreams: ["catalog"]) }
    let places: [(Int, HTTPAPIFault.Place)] = [
      (0, .host(1)), (0, .routeKey(1)), (0, .routeKey(3)), (0, .routeKey(2)), (0, .upstream(route: 1)), (0, .timeout(route: 1)),
      (0, .mockBody(route: 2)), (0, .mockField(route: 2, field: 0)), (0, .mockField(route: 2, field: 1)),
      (0, .mockField(route: 2, field: 3)), (0, .mockField(route: 2, field: 4)), (0, .mockField(route: 2, field: 5)),
      (0, .mockStatus(route: 3)), (1, .name), (1, .hosts), (1, .routes), (2, .name), (0, .host(2)), (2, .host(0)),
    ]
    #expect(error?.faults.map(\.api) == places.map(\.0))
    #expect(error?.faults.map(\.place) == places.map(\.1))
    let clash = try #require(error?.faults.first { $0.place == .routeKey(2) })
    #expect(clash.message.contains("GET /a/{x}") && clash.message.contains("GET /a/{y}"))
    #expect(error?.faults.last?.message.contains("\"one\"") == true)
  }

  @Test func theLimitsHold() {
    var limits = HTTPAPILimits()
    limits.apisMax = 1
    limits.hostsMax = 1
    limits.mockBodyBytesMax = 2
    limits.routes.routesMax = 1
    let mock = Integration.mock(status: 200, fields: [], body: [1, 2, 3])
    let definitions = [
      HTTPAPIDefinition(name: "one", hosts: ["a.com", "b.com"], routes: [("$default", Self.catalog), ("GET /a", mock)]),
      HTTPAPIDefinition(name: "two", hosts: ["c.com"], routes: [("$default", Self.catalog)]),
    ]
    let error = #expect(throws: HTTPAPIFaults.self) {
      try HTTPAPISet.compile(definitions, upstreams: ["catalog"], limits: limits)
    }
    #expect(error?.faults.map(\.place) == [.hosts, .routes, .mockBody(route: 1), .name])
  }
}
