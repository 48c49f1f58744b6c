import Runtime
import Testing

@testable import Gateway

@Suite struct DefinitionExportTests {
  @Test(arguments: [
    (Sample.rest, APIDefinition.Kind.rest, DefinitionExportOptions.Format.oas30), (Sample.rest, .rest, .swagger),
    (Sample.http, .http, .oas30),
  ])
  func anExportIsImportedAsWhatItWas(_ text: String, _ kind: APIDefinition.Kind, _ format: DefinitionExportOptions.Format) throws {
    let definition = try Sample.definition(text, kind)
    for server in [nil, DefinitionExportOptions.Server(host: "a.execute-api.test", stage: "prod")] {
      let exported = definition.exported(DefinitionExportOptions(format: format, server: server))
      var again = try Sample.definition(exported.text(), kind)
      if format == .swagger {
        // Swagger's headers say nothing about being required.
        again = again.changingHeaders(like: definition)
      }
      #expect(again == definition, "\(exported.text(.pretty))")
      let twice = again.exported(DefinitionExportOptions(format: format, server: server))
      #expect(format == .swagger || twice == exported)
    }
  }

  @Test func withoutExtensionsAnExportSaysNothingOfAWS() throws {
    let definition = try Sample.definition(Sample.rest)
    let text = definition.exported(DefinitionExportOptions(format: .oas30, extensions: [])).text()
    let parts = text.split(separator: "x-amazon-apigateway-").dropFirst().map { $0.prefix { $0 != "\"" } }
    #expect(Set(parts) == ["any-method"])
    #expect(try Sample.import(text).errors.isEmpty)
  }

  @Test func someExtensionsAreWrittenWithoutTheOthers() throws {
    let definition = try Sample.definition(Sample.rest)
    let integrations = definition.exported(DefinitionExportOptions(format: .oas30, extensions: .integrations)).text()
    #expect(integrations.contains(AWSExtension.integration) && !integrations.contains(AWSExtension.authorizer))
    let authorizers = definition.exported(DefinitionExportOptions(format: .oas30, extensions: .authorizers)).text()
    #expect(!authorizers.contains("\"\(AWSExtension.integration)\"") && authorizers.contains(AWSExtension.authorizer))
    #expect(!authorizers.contains(AWSExtension.policy))
  }

  @Test func anExportIsWordedAsTheServiceWordsIt() throws {
    let definition = try Sample.definition(
      Sample.openAPI(
        #"""
        "/":{"get":{"responses":{"200":{}},\#(Sample.mock)}},
        "/a/{b}":{"get":{"responses":{"200":{"headers":{"H":{}}}},\#(Sample.mock)}}
        """#
      ))
    let server = DefinitionExportOptions.Server(host: "id.execute-api.test", stage: "local")
    let exported = definition.exported(DefinitionExportOptions(format: .oas30, extensions: .integrations, server: server))
    let expected = #"""
      {"openapi":"3.0.1","info":{"title":"T","version":"1"},
      "servers":[{"url":"https://id.execute-api.test/{basePath}","variables":{"basePath":{"default":"local"}}}],
      "paths":{"/a/{b}":{"get":{"parameters":[{"name":"b","in":"path","required":true,"schema":{"type":"string"}}],
        "responses":{"200":{"description":"200 response","headers":{"H":{"schema":{"type":"string"}}},"content":{}}},
        "x-amazon-apigateway-integration":{"type":"mock","passthroughBehavior":"when_no_match"}}},
      "/":{"get":{"responses":{"200":{"description":"200 response","content":{}}},
        "x-amazon-apigateway-integration":{"type":"mock","passthroughBehavior":"when_no_match"}}}},"components":{}}
      """#
    #expect(exported == (try JSONValue.parse(expected)))
  }

  @Test func swaggerHasAPlaceForEachThing() throws {
    let definition = try Sample.definition(Sample.rest)
    let server = DefinitionExportOptions.Server(host: "id.execute-api.test", stage: "prod")
    let exported = definition.exported(DefinitionExportOptions(format: .swagger, server: server))
    #expect(exported["host"] == "id.execute-api.test" && exported["basePath"] == "/prod" && exported["schemes"] == ["https"])
    #expect(exported["definitions"]?["A"]?["properties"]?["b"] == ["$ref": "#/definitions/B"])
    #expect(exported["securityDefinitions"]?["fn"]?["name"] == "Tok")
    #expect(exported["paths"]?["/pets"]?["get"]?["consumes"] == ["application/json"])
  }

  @Test func aVersionIsWrittenWhereThereIsNone() throws {
    let definition = try Sample.definition(#"{"openapi":"3.0.1","info":{"title":"T"},"paths":{}}"#)
    #expect(definition.exported(.init(format: .oas30, version: "now"))["info"]?["version"] == "now")
    #expect(definition.exported(.init(format: .oas30))["info"]?["version"] == nil)
  }
}

extension APIDefinition {
  /// The same, with `required` at headers of responses as another has it.
  fileprivate func changingHeaders(like other: APIDefinition) -> APIDefinition {
    var result = self
    for (index, resource) in other.resources.enumerated() {
      for (number, method) in resource.methods.enumerated() {
        for response in method.operation.responses {
          result.resources[index].methods[number].operation.responses[response.name]?.headers = response.value.headers
        }
      }
    }
    return result
  }
}
