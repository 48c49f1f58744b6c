import Testing

@testable import Node

@Suite struct ConfigurationFaultTests {
  @Test(arguments: ConfigurationVectors.faultCases)
  func aBadDocumentIsRefusedWithEveryFaultAtItsPlace(_ vector: ConfigurationFaultCase) {
    let result = ConfigurationVectors.load(vector.document)
    #expect(result.configuration == nil)
    #expect(!vector.faults.isEmpty)
    #expect(result.faults.map { "\($0.line):\($0.column) \($0.path)" } == vector.faults.map { "\($0.place) \($0.path)" })
    for (fault, expected) in zip(result.faults, vector.faults) {
      #expect(fault.description.contains(expected.text), "\(fault)")
      #expect(!fault.description.contains("hunter2"), "a secret is shown")
    }
  }

  @Test func theTableOfBadDocumentsIsLargeEnoughToTrust() {
    #expect(ConfigurationVectors.faultCases.count >= 80)
    let names = ConfigurationVectors.faultCases.map(\.name)
    #expect(Set(names).count == names.count)
  }

  @Test func aFaultReadsAsFilePlacePathReasonAndSuggestion() {
    let document = "listeners: [{ address: 127.0.0.1:80 }]\nupstreams:\n  catalog:\n    endpoints: [127.0.0.1:1]\n    balanse: hash\n"
    #expect(
      ConfigurationVectors.load(document).faults.map(\.description) == [
        "tidegate.yaml:5:5: upstreams.catalog.balanse: unknown key; did you mean `balance`?"
      ])
  }

  @Test func aDocumentFullOfFaultsReportsABoundedNumber() {
    let document = "listeners: [{ address: 127.0.0.1:80 }]\n" + (0..<1000).map { "zebra\($0): 1\n" }.joined()
    let faults = ConfigurationVectors.load(document).faults
    #expect(faults.count == ConfigurationResult.faultsMax + 1)
    #expect(faults.last?.reason == "has more than 100 faults; the others are not shown")
    #expect(faults.first?.line == 2)
  }

  @Test func hostileTextAppearsInAMessageBoundedAndOnOneLine() throws {
    let document = "listeners: [{ address: 127.0.0.1:80 }]\n\"a\\n\\e[31m\(String(repeating: "x", count: 500))\": 1\n"
    let fault = try #require(ConfigurationVectors.load(document).faults.first)
    #expect(fault.description.utf8.count < 400)
    #expect(fault.description.utf8.allSatisfy { $0 >= 0x20 })
  }

  @Test func whatHasNoEffectIsAWarningAtItsPlace() {
    let result = ConfigurationVectors.load(ConfigurationVectors.good("contract"))
    #expect(
      result.warnings.map(\.description) == [
        "tidegate.yaml:2:37: cluster.peer: not in effect yet"
      ])
  }

  @Test(arguments: [
    ("upstreams: { a: { endpoints: [127.0.0.1:1] } }", "upstreams.a: no route uses this upstream"),
    ("admin: { listen: 127.0.0.1:1, token: short }", "admin.token: is shorter than 16 characters and can be guessed"),
    ("admin: { listen: 10.0.0.1:1, token: a-token-of-some-length }", "admin.listen: the token travels in clear text"),
    (
      "upstreams: { a: { endpoints: [127.0.0.1:1], tls: { verify: false } } }\napis: [{ name: b, routes: { $default: { upstream: a } } }]",
      "upstreams.a.tls.verify: whoever stands between"
    ),
  ])
  func whatDeservesASecondLookIsAWarning(_ lines: String, _ expected: String) {
    let result = ConfigurationVectors.load("listeners: [{ address: 127.0.0.1:80 }]\n" + lines + "\n")
    #expect(result.configuration != nil)
    #expect(result.warnings.count == 1)
    #expect(result.warnings.first?.description.contains(expected) == true)
  }

  @Test func theCheckOfRouteKeysIsTheCallers() {
    let document = "listeners: [{ address: 127.0.0.1:80 }]\napis: [{ name: a, routes: { GET /a: { mock: 200 }, GET /b: { mock: 200 } } }]\n"
    let result = Configuration.load(text: document, file: "t.yaml", checkFiles: false) { keys in
      keys == ["GET /a", "GET /b"] ? [(index: 1, reason: "is not liked"), (index: 7, reason: "is out of range")] : []
    }
    #expect(result.faults.map(\.description) == ["t.yaml:2:52: apis[0].routes.\"GET /b\": is not liked"])
  }
}
