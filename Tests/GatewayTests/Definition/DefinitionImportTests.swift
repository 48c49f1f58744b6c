import Runtime
import Testing

@testable import Gateway

@Suite struct DefinitionImportTests {
  // MARK: Paths

  @Test func resourcesAreATreeInTheOrderOfPaths() throws {
    let item = #"{"get":{\#(Sample.mock)}}"#
    let definition = try Sample.definition(
      Sample.openAPI(#""/b/{id}/c":\#(item),"/a":\#(item),"/b":{"post":{\#(Sample.mock)},"get":{\#(Sample.mock)}}"#))
    #expect(definition.resources.map(\.path) == ["/", "/a", "/b", "/b/{id}", "/b/{id}/c"])
    #expect(definition.resources.map(\.parent) == [nil, 0, 0, 2, 3])
    #expect(definition.resources[2].methods.map(\.method) == [.get, .post])
    #expect(definition.resources[3].methods.isEmpty)
  }

  @Test(arguments: [
    (DefinitionImportOptions.BasePath.ignore, ["/", "/e"]), (.prepend, ["/", "/a", "/a/b", "/a/b/c", "/a/b/c/e"]),
    (.split, ["/", "/b", "/b/c", "/b/c/e"]),
  ])
  func aBasePathIsIgnoredPrependedOrSplit(_ mode: DefinitionImportOptions.BasePath, _ expected: [String]) throws {
    let documents = [
      Sample.swagger(#""/e":{}"#, #""basePath":"/a/b/c""#),
      Sample.openAPI(#""/e":{}"#, #""servers":[{"url":"https://api.test/a/b/c/?x#y"}]"#),
      Sample.openAPI(#""/e":{}"#, #""servers":[{"url":"https://api.test/"},{"url":"/{v}/b/c","variables":{"v":{"default":"a"}}}]"#),
      Sample.openAPI(#""/e":{}"#, #""servers":[{"url":"https://api.test","variables":{"basePath":{"default":"/a/b/c"}}}]"#),
    ]
    for text in documents {
      let definition = try Sample.definition(text) { $0.basePath = mode }
      #expect(definition.resources.map(\.path) == expected)
    }
  }

  @Test func theRootTakesTheBasePathAsItsOwn() throws {
    let definition = try Sample.definition(Sample.swagger(#""/":{"get":{\#(Sample.mock)}}"#, #""basePath":"/v1""#)) {
      $0.basePath = .prepend
    }
    #expect(definition.resources.map(\.path) == ["/", "/v1"])
    #expect(definition.resources[1][.get] != nil)
  }

  @Test func routesOfAnHTTPAPIHaveKeysAndADefault() throws {
    let any = #"{"x-amazon-apigateway-any-method":{\#(Sample.proxy)}}"#
    let definition = try Sample.definition(
      Sample.openAPI(
        #"""
        "/$default":\#(any),"/pets/{id}":{"get":{\#(Sample.proxy)},"delete":{\#(Sample.proxy)}},"/{proxy+}":\#(any)
        """#), .http
    )
    #expect(definition.routes.map(\.key.text) == ["GET /pets/{id}", "DELETE /pets/{id}", "ANY /{proxy+}", "$default"])
    #expect(definition.resources.isEmpty)
  }

  @Test func theDefaultRouteIsAlsoToldByItsMark() throws {
    let definition = try Sample.definition(
      Sample.openAPI(#""/any":{"x-amazon-apigateway-any-method":{"isDefaultRoute":true,\#(Sample.proxy)}}"#), .http
    ) { $0.basePath = .prepend }
    #expect(definition.routes.map(\.key.text) == ["$default"])
  }

  // MARK: Operations

  @Test func parametersOfAPathHoldForItsOperationsUnlessTheySayOtherwise() throws {
    let definition = try Sample.definition(
      Sample.openAPI(
        ##"""
        "/pets/{id}":{"parameters":[{"name":"a","in":"query"},{"$ref":"#/components/parameters/b"}],
        "get":{"parameters":[{"name":"a","in":"query","required":true},{"name":"H","in":"header"}],\##(Sample.mock)}}
        """##,
        #""components":{"parameters":{"b":{"name":"b","in":"query"}}}"#))
    let parameters = try #require(definition.resources.last?[.get]).operation.requestParameters
    #expect(
      parameters == [
        .init(.querystring, "a", isRequired: true), .init(.querystring, "b", isRequired: false), .init(.header, "H", isRequired: false),
        .init(.path, "id", isRequired: true),
      ])
  }

  @Test func bodiesHaveModelsByMediaType() throws {
    let schemas = ##""A":{"type":"object"},"B":{"properties":{"a":{"$ref":"#/HOME/A"}}}"##
    let openAPI = Sample.get(
      ##"""
      "requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/B"}},"text/plain":{}}},
      "responses":{"200":{"content":{"application/xml":{"schema":{"$ref":"#/components/schemas/A"}}}}},\##(Sample.mock)
      """##,
      #""components":{"schemas":{\#(schemas.replacing("HOME", with: "components/schemas"))}}"#)
    let swagger = Sample.swagger(
      ##"""
      "/pets":{"get":{"produces":["application/xml"],
      "parameters":[{"in":"body","name":"x","schema":{"$ref":"#/definitions/B"}}],
      "responses":{"200":{"schema":{"$ref":"#/definitions/A"}}},\##(Sample.mock)}}
      """##,
      #""definitions":{\#(schemas.replacing("HOME", with: "definitions"))}"#)
    for text in [openAPI, swagger] {
      let definition = try Sample.definition(text)
      let operation = try #require(definition.resources.last?[.get]).operation
      #expect(operation.requestModels == ["application/json": "B"])
      #expect(operation.responses["200"]?.models == ["application/xml": "A"])
      #expect(definition.models.names == ["A", "B"])
      #expect(definition.models["B"]?.schema["properties"]?["a"] == ["$ref": "#/components/schemas/A"])
    }
  }

  @Test func aSchemaWithoutANameGetsOneThatStays() throws {
    let body = #""requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}"#
    let definition = try Sample.definition(
      Sample.openAPI(#""/a":{"get":{\#(body),\#(Sample.mock)},"put":{\#(body),\#(Sample.mock)}}"#))
    #expect(definition.models.count == 1)
    let name = try #require(definition.models.first?.name)
    #expect(name.hasPrefix("MODEL") && name.utf8.count == 15)
    #expect(definition.resources[1].methods.map(\.operation.requestModels) == [["application/json": name], ["application/json": name]])
  }

  @Test func aSchemaOfOpenAPI31SaysItsDialect() throws {
    let text = Sample.openAPI("", #""components":{"schemas":{"A":{"type":"object"},"B":{"$schema":"x"},"C":true}}"#)
      .replacing("3.0.1", with: "3.1.0")
    let models = try Sample.definition(text).models
    #expect(models["A"]?.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema")
    #expect(models["B"]?.schema == ["$schema": "x"])
    #expect(models["C"]?.schema == true)
  }

  @Test func whatLooksLikeAReferenceInDataIsData() throws {
    let schema =
      ##"""
      {"enum":[{"$ref":"#/nowhere"}],"properties":{"$ref":{"type":"string"}},"definitions":{"x":{}},
      "items":{"$ref":"#/definitions/x"}}
      """##
    let definition = try Sample.definition(Sample.openAPI("", #""components":{"schemas":{"A":\#(schema)}}"#))
    #expect(definition.models["A"]?.schema == (try JSONValue.parse(schema)))
  }

  // MARK: Integrations

  @Test func anIntegrationIsReadWhole() throws {
    let definition = try Sample.definition(
      Sample.get(
        #"""
        "responses":{"200":{"headers":{"Location":{}}},"404":{}},"parameters":[{"name":"q","in":"query"}],
        "x-amazon-apigateway-integration":{"type":"HTTP","httpMethod":"post","uri":"https://${stageVariables.host}/x",
        "connectionType":"VPC_LINK","connectionId":"${stageVariables.link}","credentials":"arn:role",
        "passthroughBehavior":"NEVER",
        "contentHandling":"convert_to_binary","timeoutInMillis":120000,"cacheNamespace":"n",
        "cacheKeyParameters":["method.request.querystring.q"],
        "tlsConfig":{"serverNameToVerify":"b.test"},"responseTransferMode":"STREAM","integrationTarget":"t",
        "requestParameters":{"integration.request.header.Q":"method.request.querystring.q"},
        "requestTemplates":{"text/plain":"x","application/json":"y"},
        "responses":{"default":{"statusCode":200,
        "responseParameters":{"method.response.header.Location":"integration.response.body.a[0].b"}},
        "4\\d{2}":{"statusCode":"404","responseTemplates":{"text/html":"z"},"contentHandling":"CONVERT_TO_TEXT"}}}
        """#))
    let integration = try #require(definition.resources.last?[.get]?.operation.integration)
    #expect(integration.kind == .http && integration.httpMethod == "POST" && integration.connection == .vpcLink("${stageVariables.link}"))
    #expect(
      integration.passthrough == .never && integration.contentHandling == .convertToBinary && integration.timeoutMilliseconds == 120_000)
    #expect(integration.cacheNamespace == "n" && integration.cacheKeyParameters == ["method.request.querystring.q"])
    #expect(integration.tls?.serverNameToVerify == "b.test" && integration.transferMode == .stream && integration.target == "t")
    #expect(integration.requestTemplates.names == ["text/plain", "application/json"])
    #expect(integration.responses.map(\.selectionPattern) == ["4\\d{2}", nil])
    #expect(integration.responses.map(\.statusCode) == ["404", "200"])
  }

  @Test func integrationsOfTheComponentsAreShared() throws {
    let reference = ##""x-amazon-apigateway-integration":{"$ref":"#/components/x-amazon-apigateway-integrations/one"}"##
    let definition = try Sample.definition(
      Sample.openAPI(
        #""/a":{"get":{\#(reference)}},"/b":{"get":{\#(reference)}}"#,
        #"""
        "components":{"x-amazon-apigateway-integrations":{"one":{"type":"http_proxy","httpMethod":"ANY","uri":"http://a",
        "payloadFormatVersion":1.0}}}
        """#
      ),
      .http)
    #expect(definition.routes.map(\.operation.integration?.payloadFormatVersion) == ["1.0", "1.0"])
  }

  @Test func mappingsOfAnHTTPAPIChangeRequestsAndResponses() throws {
    let definition = try Sample.definition(
      Sample.get(
        #"""
        "x-amazon-apigateway-integration":{"type":"http_proxy","httpMethod":"GET","uri":"http://a",
        "requestParameters":{"append:header.a":"x-${context.requestId}","overwrite:path":"/v2$request.path","remove:querystring.b":"''"},
        "responseParameters":{"500":{"overwrite:statuscode":"403","append:header.e":"$stageVariables.env"}}}
        """#), .http)
    let integration = try #require(definition.routes.first?.operation.integration)
    #expect(integration.requestParameters.names == ["append:header.a", "overwrite:path", "remove:querystring.b"])
    #expect(integration.responseParameters["500"]?["overwrite:statuscode"] == "403")
  }

  // MARK: Security

  @Test func whatProtectsAnOperationIsToldWithItsPlace() throws {
    let schemes = #"""
      "components":{"securitySchemes":{"key":{"type":"apiKey","name":"X-API-Key","in":"header"},
      "sig":{"type":"apiKey","name":"Authorization","in":"header","x-amazon-apigateway-authtype":"awsSigv4"},
      "fn":{"type":"apiKey","name":"Authorization","in":"header",
      "x-amazon-apigateway-authorizer":{"type":"token","authorizerUri":"arn:x"}}}},
      "x-amazon-apigateway-policy":{"Version":"2012-10-17","Statement":[]}
      """#
    let operations = #"""
      "/a":{"get":{"security":[{"key":[]},{"fn":["s"]}],MOCK},"put":{"x-amazon-apigateway-auth":{"type":"aws_iam"},MOCK},
      "post":{"security":[{"sig":[]}],MOCK},"delete":{"security":[],MOCK}}
      """#
    let result = try Sample.import(Sample.openAPI(operations.replacing("MOCK", with: Sample.mock), schemes))
    let definition = try #require(result.definition, "\(result.findings)")
    let methods = definition.resources[1].methods
    #expect(methods.map(\.operation.authorization.kind) == [.custom, .iam, .iam, .none])
    #expect(methods[0].operation.authorization.scopes == ["s"] && methods[0].operation.apiKeyRequired)
    #expect(
      result.protections.map(\.kind) == [.apiKey, .authorizer("fn", .token), .iam, .iam, .resourcePolicy])
    #expect(result.protections.map(\.operation) == ["GET /a", "GET /a", "POST /a", "PUT /a", ""])
    #expect(result.protections[1].pointer.description == "/paths/~1a/get/security/1/fn" && result.protections[1].position?.line == 1)
  }

  @Test func theDocumentsAuthorizerHoldsForAllThatNameNone() throws {
    let schemes =
      #"""
      "components":{"securitySchemes":{"fn":{"type":"apiKey","name":"A","in":"header","x-amazon-apigateway-authorizer":
      {"type":"token","authorizerUri":"arn:x"}},"key":{"type":"apiKey","name":"x-api-key","in":"header"}}},
      "security":[{"fn":[]},{"key":[]}]
      """#
    let result = try Sample.import(
      Sample.openAPI(#""/a":{"get":{\#(Sample.mock)},"put":{"x-amazon-apigateway-auth":{"type":"NONE"},\#(Sample.mock)}}"#, schemes))
    let methods = try #require(result.definition).resources[1].methods
    #expect(methods.map(\.operation.authorization.kind) == [.custom, .none])
    #expect(methods.map(\.operation.apiKeyRequired) == [false, false])
    #expect(result.protections.map(\.operation) == ["GET /a"])
    #expect(result.warnings.map(\.pointer.description) == ["/security/1/key"])
  }

  @Test func anOperationIsOpenedByAnEmptySecurityOrNone() throws {
    let schemes = #"""
      "security":[{"fn":[]}],"components":{"securitySchemes":{"fn":{"type":"apiKey","name":"A","in":"header",
      "x-amazon-apigateway-authorizer":{"type":"token","authorizerUri":"arn:x"}}}}
      """#
    let operations = #""/a":{"get":{MOCK},"post":{"security":[],MOCK},"put":{"security":[{"NONE":[]}],MOCK}}"#
    let result = try Sample.import(Sample.openAPI(operations.replacing("MOCK", with: Sample.mock), schemes))
    let methods = try #require(result.definition, "\(result.findings)").resources[1].methods
    #expect(methods.map(\.operation.authorization.kind) == [.custom, .none, .none])
    #expect(result.protections.map(\.operation) == ["GET /a"] && result.warnings.isEmpty)
  }

  @Test(arguments: [("http", "http://a", "PUT"), ("aws_proxy", "arn:f", "POST")])
  func aMethodThatIsMissingIsToldAndTaken(_ type: String, _ uri: String, _ method: String) throws {
    let integration = #""x-amazon-apigateway-integration":{"type":"\#(type)","uri":"\#(uri)"}"#
    let result = try Sample.import(Sample.openAPI(#""/a":{"put":{\#(integration)}}"#))
    #expect(result.definition?.resources[1][.put]?.operation.integration?.httpMethod == method)
    #expect(result.warnings.count == 1)
  }

  @Test func aJWTAuthorizerFindsItsIssuer() throws {
    let definition = try Sample.definition(
      Sample.openAPI(
        "",
        #"""
        "components":{"securitySchemes":{"a":{"type":"openIdConnect",
        "openIdConnectUrl":"https://id.test/p/.well-known/openid-configuration","x-amazon-apigateway-authorizer":
        {"type":"jwt","identitySource":"$request.header.Authorization","jwtConfiguration":{"audience":["x"]}}}}}
        """#
      ),
      .http)
    let authorizer = try #require(definition.authorizers["a"])
    #expect(authorizer.issuer == "https://id.test/p" && authorizer.audience == ["x"])
    #expect(authorizer.identitySources == ["$request.header.Authorization"])
  }

  // MARK: Update

  @Test func mergingReplacesWhatHasTheSameNameAndKeepsTheRest() throws {
    let old = try Sample.definition(
      Sample.openAPI(
        #""/a":{"get":{"operationId":"old",\#(Sample.mock)},"post":{\#(Sample.mock)}}"#,
        #""x-amazon-apigateway-binary-media-types":["image/heif"],"components":{"schemas":{"M":{"type":"object"},"N":{}}}"#))
    let merged = try Sample.definition(
      Sample.openAPI(
        #""/a":{"get":{"operationId":"new",\#(Sample.mock)}},"/b":{}"#,
        #""x-amazon-apigateway-binary-media-types":["image/png","image/heif"],"components":{"schemas":{"M":{"type":"array"}}}"#
      )
      .replacing("\"T\"", with: "\"U\"")
    ) { $0.mode = .merge(into: old) }
    #expect(merged.name == "U" && merged.binaryMediaTypes == ["image/heif", "image/png"])
    #expect(merged.resources.map(\.path) == ["/", "/a", "/b"])
    #expect(merged.resources[1].methods.map(\.operation.name) == ["new", nil])
    #expect(merged.models["M"]?.schema == ["type": "array"] && merged.models.contains(name: "N"))
  }

  @Test func mergingIsRefusedWhereTheTreesContradict() throws {
    let old = try Sample.definition(Sample.openAPI(#""/a/{x}":{}"#))
    let result = try Sample.import(Sample.openAPI(#""/a/{y}":{}"#)) { $0.mode = .merge(into: old) }
    #expect(result.definition == nil)
    #expect(result.errors.first?.message.contains("A sibling") == true)
  }

  @Test func mergingKeepsTheOrderOfRoutes() throws {
    let old = try Sample.definition(Sample.openAPI(#""/a":{"get":{\#(Sample.proxy)}},"/{x}":{"get":{\#(Sample.proxy)}}"#), .http)
    let merged = try Sample.definition(Sample.openAPI(#""/{y}":{"get":{"operationId":"n",\#(Sample.proxy)}}"#), .http) {
      $0.mode = .merge(into: old)
    }
    #expect(merged.routes.map(\.key.text) == ["GET /a", "GET /{y}"])
  }
}
