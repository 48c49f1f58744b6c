import Runtime
import Testing

@testable import Gateway

@Suite struct StageDefinitionTests {
  private func definition() throws -> APIDefinition {
    try Sample.definition(Sample.openAPI(#""/pets":{"get":{\#(Sample.mock)},"x-amazon-apigateway-any-method":{\#(Sample.mock)}}"#))
  }

  @Test func aSoundStageHasNoFaults() throws {
    var stage = StageDefinition(name: "prod-1")
    stage.variables = ["host": "a.test:80/x?y=z"]
    stage.canary = .init(percentTraffic: 12.5)
    stage.methodSettings = ["GET /pets": .init(), "ANY /pets": .init()]
    #expect(stage.faults(for: try definition()) == [])
  }

  @Test func eachFaultIsToldWithItsWay() throws {
    var stage = StageDefinition(name: "a b")
    stage.variables = ["a-b": "c", "d": "e f"]
    stage.canary = .init(percentTraffic: 101)
    stage.canary?.variableOverrides = ["": "x"]
    stage.defaultSettings.throttlingRate = -1
    stage.defaultSettings.throttlingBurst = -1
    var settings = StageDefinition.MethodSettings()
    settings.cacheTTLSeconds = 3601
    stage.methodSettings = ["GET /pet": settings]
    let faults = stage.faults(for: try definition())
    #expect(
      faults.map(\.path) == [
        "name", "variables/a-b", "variables/d", "canary/percentTraffic", "canary/variables/", "settings/throttlingRate",
        "settings/throttlingBurst", "methods/GET /pet", "methods/GET /pet/cacheTtl",
      ])
    #expect(faults[7].reason.contains("did you mean \"GET /pets\"?"))
  }

  @Test func theDefaultStageIsAnHTTPAPIsOwn() throws {
    let http = try Sample.definition(Sample.openAPI(""), .http)
    #expect(StageDefinition(name: "$default").faults(for: http) == [])
    #expect(StageDefinition(name: "$default").faults(for: try definition()).count == 1)
  }

  @Test func narrowSettingsFillUpFromWideOnes() {
    var stage = StageDefinition(name: "a")
    stage.defaultSettings.metricsEnabled = true
    stage.defaultSettings.throttlingRate = 5
    var settings = StageDefinition.MethodSettings()
    settings.throttlingRate = 1
    stage.methodSettings = ["GET /a": settings]
    #expect(stage.settings(of: "GET /a").metricsEnabled == true && stage.settings(of: "GET /a").throttlingRate == 1)
    #expect(stage.settings(of: "GET /b") == stage.defaultSettings)
  }

  @Test func aCanaryOverridesVariables() {
    var stage = StageDefinition(name: "a")
    stage.variables = ["x": "1", "y": "2"]
    stage.canary = .init(percentTraffic: 10)
    stage.canary?.variableOverrides = ["y": "3", "z": "4"]
    #expect(stage.variables(inCanary: false) == ["x": "1", "y": "2"])
    #expect(stage.variables(inCanary: true) == ["x": "1", "y": "3", "z": "4"])
  }

  @Test(arguments: [
    ("api.example.com", "", 0), ("*.example.com", "orders/v1", 0), ("a.*.com", "", 1), ("example", "", 1), ("-a.test", "", 1),
    ("a..test", "", 1),
    ("a.test", "/x", 1), ("a.test", "x//y", 1), ("a.test", "x y", 1), ("a_b.test", "", 1),
  ])
  func domainsAndTheirMappingsAreChecked(_ name: String, _ path: String, _ count: Int) {
    var domain = DomainDefinition(name: name)
    domain.mappings = [.init(path: path, api: "petstore", stage: "prod")]
    #expect(domain.faults().count == count)
  }

  @Test func twoMappingsOfAPathAreAFault() {
    var domain = DomainDefinition(name: "a.test")
    domain.mappings = [.init(path: "x", api: "a", stage: nil), .init(path: "x", api: "", stage: nil)]
    #expect(domain.faults().map(\.path) == ["mappings/1", "mappings/1"])
  }
}
