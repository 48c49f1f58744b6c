// Owns the writing of security: the schemes of a document and what each operation requires.
import Runtime

extension DefinitionExporter {
  private var hasAuthorizers: Bool { options.extensions.contains(.authorizers) }

  private var operations: [APIDefinition.Operation] {
    definition.resources.flatMap { $0.methods.map(\.operation) } + definition.routes.map(\.operation)
  }

  func addSecurity(_ operation: APIDefinition.Operation, _ members: inout MemberList) {
    var requirements: [JSONValue] = []
    let scopes = JSONValue.array(operation.authorization.scopes.map { .string($0) })
    switch operation.authorization.kind {
    case .none: break
    case .iam: if hasAuthorizers { requirements.append(.object([JSONMember(iamScheme, [])])) }
    case .custom, .cognitoUserPools, .jwt:
      if hasAuthorizers, let name = operation.authorization.authorizer { requirements.append(.object([JSONMember(name, scopes)])) }
    }
    if operation.apiKeyRequired { requirements.append(.object([JSONMember(apiKeyScheme, [])])) }
    if !requirements.isEmpty { members.add("security", .array(requirements)) }
  }

  /// The schemes that the operations name, and every authorizer.
  func securitySchemes() -> MemberList {
    var schemes = MemberList()
    if operations.contains(where: \.apiKeyRequired) {
      schemes.add(apiKeyScheme, ["type": "apiKey", "name": "x-api-key", "in": "header"])
    }
    guard hasAuthorizers else { return schemes }
    if operations.contains(where: { $0.authorization.kind == .iam }) {
      schemes.add(
        iamScheme, ["type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"])
    }
    for entry in definition.authorizers { schemes.add(entry.name, scheme(entry.value)) }
    return schemes
  }

  private func scheme(_ authorizer: APIDefinition.Authorizer) -> JSONValue {
    var members = MemberList()
    if authorizer.kind == .jwt {
      members.add("type", "oauth2")
    } else {
      let (place, name) = DefinitionExporter.place(authorizer)
      members.add("type", "apiKey")
      members.add("name", name)
      members.add("in", place)
    }
    members.add(AWSExtension.authType, authorizer.authType)
    members.add(AWSExtension.authorizer, details(of: authorizer))
    return members.object
  }

  /// The one parameter that is looked at; AWS writes "Unused" where there are several, or where it is no parameter.
  private static func place(_ authorizer: APIDefinition.Authorizer) -> (place: String, name: String) {
    guard authorizer.identitySources.count == 1, let source = authorizer.identitySources.first else { return ("header", "Unused") }
    if let name = MappingSource.rest(source, "method.request.header.") ?? MappingSource.rest(source, "$request.header.") {
      return ("header", name)
    }
    if authorizer.kind == .request, let name = MappingSource.rest(source, "method.request.querystring.") { return ("query", name) }
    return ("header", "Unused")
  }

  private func details(of authorizer: APIDefinition.Authorizer) -> JSONValue {
    var members = MemberList()
    members.add("type", authorizer.kind.rawValue)
    members.add("authorizerUri", authorizer.uri)
    members.add("authorizerCredentials", authorizer.credentials)
    members.add("providerARNs", authorizer.providerARNs)
    switch authorizer.kind {
    case .request, .jwt:
      if !authorizer.identitySources.isEmpty { members.add("identitySource", authorizer.identitySources.joined(separator: ", ")) }
    case .token, .cognitoUserPools: break
    }
    members.add("identityValidationExpression", authorizer.identityValidationExpression)
    members.add("authorizerResultTtlInSeconds", authorizer.resultTTLSeconds.map { JSONValue($0) })
    members.add("authorizerPayloadFormatVersion", authorizer.payloadFormatVersion)
    members.add("enableSimpleResponses", authorizer.enablesSimpleResponses.map { .bool($0) })
    if authorizer.issuer != nil || !authorizer.audience.isEmpty {
      var jwt = MemberList()
      jwt.add("issuer", authorizer.issuer)
      jwt.add("audience", authorizer.audience)
      members.add("jwtConfiguration", jwt.object)
    }
    return members.object
  }
}
