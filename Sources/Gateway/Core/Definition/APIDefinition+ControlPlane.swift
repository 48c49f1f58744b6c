// Owns how a REST API looks to callers of AWS's control plane: the bodies of GetRestApi, GetResources, GetMethod and their like, as values.
// Requests, patches and identifiers that a control plane hands out are not here.
import Runtime

/// A REST API in the words of `apigateway` version 2015-07-09.
public struct ControlPlaneView {
  public let definition: APIDefinition
  public let apiID: String
  /// What stands before `/restapis/` where a model refers to another.
  public let modelBase: String

  public init(_ definition: APIDefinition, apiID: String, modelBase: String = "https://apigateway.amazonaws.com") {
    self.definition = definition
    self.apiID = apiID
    self.modelBase = modelBase
  }

  /// The same on every node and after every import, because it is made of the API's and the path.
  public func resourceID(_ resource: APIDefinition.Resource) -> String { identifier("resource", resource.path) }

  public func authorizerID(_ name: String) -> String { identifier("authorizer", name) }

  /// Ten digits of base 36, as AWS's are.
  private func identifier(_ kind: String, _ name: String) -> String {
    let digits = String(StableHash.hash("\(kind)\n\(apiID)\n\(name)") % 3_656_158_440_062_976, radix: 36)
    return String(repeating: "0", count: 10 - digits.utf8.count) + digits
  }

  public func restAPI() -> JSONValue {
    var members = MemberList()
    members.add("id", apiID)
    members.add("name", definition.name)
    members.add("description", definition.description)
    members.add("version", definition.version)
    members.add("apiKeySource", definition.apiKeySource.rawValue)
    members.add("binaryMediaTypes", definition.binaryMediaTypes)
    members.add("minimumCompressionSize", definition.minimumCompressionSize.map { JSONValue($0) })
    members.add("disableExecuteApiEndpoint", .bool(definition.endpoint.disablesOwnHost))
    members.add("endpointConfiguration", endpoint())
    members.add("policy", definition.policy.map { .string($0.text()) })
    if let root = definition.resources.first { members.add("rootResourceId", resourceID(root)) }
    if !definition.tags.isEmpty {
      members.add("tags", .object(definition.tags.map { JSONMember($0.name, .string($0.value)) }))
    }
    return members.object
  }

  private func endpoint() -> JSONValue {
    let endpoint = definition.endpoint
    let fallback: [APIDefinition.Endpoint.Scope] = endpoint.vpcEndpointIDs.isEmpty ? [.edge] : [.private]
    var members = MemberList()
    members.add("types", (endpoint.scopes.isEmpty ? fallback : endpoint.scopes).map(\.rawValue))
    members.add("ipAddressType", (endpoint.addressFamily ?? .ipv4).rawValue)
    members.add("vpcEndpointIds", endpoint.vpcEndpointIDs)
    return members.object
  }

  /// Every resource, in the order of paths.
  public func resources() -> [JSONValue] {
    definition.resources.map { resource in
      var members = MemberList()
      members.add("id", resourceID(resource))
      if let parent = resource.parent { members.add("parentId", resourceID(definition.resources[parent])) }
      members.add("pathPart", resource.segments.last?.text)
      members.add("path", resource.path)
      if !resource.methods.isEmpty {
        members.add("resourceMethods", .object(resource.methods.map { JSONMember($0.method.text, .object([])) }))
      }
      return members.object
    }
  }

  public func method(_ method: APIDefinition.Method, of resource: APIDefinition.Resource) -> JSONValue {
    let operation = method.operation
    var members = MemberList()
    members.add("httpMethod", method.method.text)
    members.add("authorizationType", operation.authorization.kind.rawValue)
    members.add("authorizerId", operation.authorization.authorizer.map(authorizerID))
    members.add("authorizationScopes", operation.authorization.scopes)
    members.add("apiKeyRequired", .bool(operation.apiKeyRequired))
    members.add("requestValidatorId", operation.requestValidator.map { identifier("validator", $0) })
    members.add("operationName", operation.name)
    if !operation.requestParameters.isEmpty {
      members.add("requestParameters", .object(operation.requestParameters.map { JSONMember($0.text, .bool($0.isRequired)) }))
    }
    members.add("requestModels", texts: operation.requestModels)
    if !operation.responses.isEmpty {
      members.add("methodResponses", .object(operation.responses.map { JSONMember($0.name, methodResponse($0.name, $0.value)) }))
    }
    members.add("methodIntegration", operation.integration.map { integration($0, of: resource) })
    return members.object
  }

  public func methodResponse(_ status: String, _ response: APIDefinition.MethodResponse) -> JSONValue {
    var members = MemberList()
    members.add("statusCode", status)
    if !response.headers.isEmpty {
      members.add(
        "responseParameters", .object(response.headers.map { JSONMember("method.response.header.\($0.name)", .bool($0.value)) }))
    }
    members.add("responseModels", texts: response.models)
    return members.object
  }

  public func integration(_ integration: APIDefinition.Integration, of resource: APIDefinition.Resource) -> JSONValue {
    var members = MemberList()
    members.add("type", integration.kind.rawValue.uppercased())
    members.add("httpMethod", integration.httpMethod)
    members.add("uri", integration.uri)
    switch integration.connection {
    case .internet: if integration.kind.isHTTP { members.add("connectionType", "INTERNET") }
    case .vpcLink(let id):
      members.add("connectionType", "VPC_LINK")
      members.add("connectionId", id)
    }
    members.add("credentials", integration.credentials)
    members.add("requestParameters", texts: integration.requestParameters)
    members.add("requestTemplates", texts: integration.requestTemplates)
    members.add("passthroughBehavior", integration.passthrough.rawValue.uppercased())
    members.add("contentHandling", integration.contentHandling?.rawValue)
    members.add("timeoutInMillis", JSONValue(integration.timeoutMilliseconds ?? APIDefinition.defaultTimeoutMilliseconds(.rest)))
    members.add("cacheNamespace", integration.cacheNamespace ?? resourceID(resource))
    members.add("cacheKeyParameters", .array(integration.cacheKeyParameters.map { .string($0) }))
    if let tls = integration.tls {
      var entry = MemberList()
      entry.add("insecureSkipVerification", .bool(tls.skipsVerification))
      entry.add("serverNameToVerify", tls.serverNameToVerify)
      members.add("tlsConfig", entry.object)
    }
    // By status, of which AWS has one response each.
    var responses: NamedValues<JSONValue> = [:]
    for response in integration.responses { responses[response.statusCode] = integrationResponse(response) }
    if !responses.isEmpty { members.add("integrationResponses", .object(responses.map { JSONMember($0.name, $0.value) })) }
    return members.object
  }

  public func integrationResponse(_ response: APIDefinition.IntegrationResponse) -> JSONValue {
    var members = MemberList()
    members.add("statusCode", response.statusCode)
    members.add("selectionPattern", response.selectionPattern)
    members.add("responseParameters", texts: response.parameters)
    members.add("responseTemplates", texts: response.templates)
    members.add("contentHandling", response.contentHandling?.rawValue)
    return members.object
  }

  /// Models by name; schemas as text, as the control plane has them.
  public func models() -> [JSONValue] {
    definition.models.sorted { $0.name < $1.name }.map { entry in
      var members = MemberList()
      members.add("id", identifier("model", entry.name))
      members.add("name", entry.name)
      members.add("description", entry.value.description)
      members.add("schema", schema(entry.value.schema).text())
      members.add("contentType", entry.value.contentType)
      return members.object
    }
  }

  /// References are URLs of this API's models; what is required is listed in the order of the alphabet.
  private func schema(_ schema: JSONValue) -> JSONValue {
    let mapped = SchemaReferences.mapped(schema) { text in
      MappingSource.rest(text, APIDefinition.schemaPrefix).map { "\(modelBase)/restapis/\(apiID)/models/\($0)" } ?? text
    }
    return SchemaReferences.sortingRequired(mapped)
  }

  public func authorizers() -> [JSONValue] {
    definition.authorizers.map { entry in
      let authorizer = entry.value
      var members = MemberList()
      members.add("id", authorizerID(entry.name))
      members.add("name", entry.name)
      members.add("type", authorizer.kind.rawValue.uppercased())
      members.add("providerARNs", authorizer.providerARNs)
      members.add("authType", authorizer.authType)
      members.add("authorizerUri", authorizer.uri)
      members.add("authorizerCredentials", authorizer.credentials)
      if !authorizer.identitySources.isEmpty { members.add("identitySource", authorizer.identitySources.joined(separator: ", ")) }
      members.add("identityValidationExpression", authorizer.identityValidationExpression)
      members.add("authorizerResultTtlInSeconds", authorizer.resultTTLSeconds.map { JSONValue($0) })
      return members.object
    }
  }
}
