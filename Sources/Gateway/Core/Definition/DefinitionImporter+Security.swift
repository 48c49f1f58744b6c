// Owns the reading of security schemes, and of what each operation requires: an authorizer, IAM, an API key. What is required is also
// listed as a protection, so that nobody serves it open who cannot enforce it.
import Runtime

extension DefinitionImporter {
  /// What a security scheme comes to at API Gateway.
  enum SecurityScheme {
    case authorizer(APIDefinition.Authorizer.Kind)
    /// Signature Version 4.
    case iam
    /// A key in the header `x-api-key`.
    case apiKey
    /// A scheme that API Gateway does not enforce.
    case none
  }

  mutating func readSecuritySchemes(_ node: DocumentNode?) {
    guard let node else { return }
    for (name, element) in members(node, "the security schemes") {
      guard let scheme = resolved(element, "security scheme"), let fields = fields(scheme, .securityScheme) else { continue }
      schemes[name] = readScheme(name, fields)
    }
  }

  private mutating func readScheme(_ name: String, _ fields: Fields) -> SecurityScheme {
    let type = string(fields["type"], "the type of a security scheme")
    let authType = string(fields[AWSExtension.authType], "the authorization type")
    if let node = fields[AWSExtension.authorizer] {
      guard let authorizer = readAuthorizer(node, fields, authType) else { return .none }
      definition.authorizers[name] = authorizer
      return .authorizer(authorizer.kind)
    }
    // "awsSigv4" is reserved for IAM, in any spelling of case (API Gateway developer guide, "x-amazon-apigateway-authtype property").
    if authType?.lowercased() == "awssigv4" { return .iam }
    if let authType, authType.lowercased().hasPrefix("aws"), let node = fields[AWSExtension.authType] {
      fail(node, "words that begin with aws are reserved, and \"\(Shown.text(authType))\" is none of them", suggestion: "awsSigv4")
    }
    let header = string(fields["name"], "the name of a header")?.lowercased()
    if type == "apiKey", header == "x-api-key", string(fields["in"], "the place of a key") == "header" { return .apiKey }
    return .none
  }

  /// API Gateway developer guide, "x-amazon-apigateway-authorizer object".
  private mutating func readAuthorizer(_ node: DocumentNode, _ scheme: Fields, _ authType: String?) -> APIDefinition.Authorizer? {
    guard let fields = fields(node, .authorizer) else { return nil }
    guard let kind = word(fields["type"], "the type of an authorizer", as: APIDefinition.Authorizer.Kind.self) else {
      if fields["type"] == nil { fail(node, "the authorizer has no type: token, request, cognito_user_pools or jwt") }
      return nil
    }
    var authorizer = APIDefinition.Authorizer(kind: kind)
    authorizer.authType = authType
    authorizer.uri = string(fields["authorizerUri"], "authorizerUri")
    authorizer.credentials = string(fields["authorizerCredentials"], "authorizerCredentials")
    authorizer.identityValidationExpression = string(fields["identityValidationExpression"], "identityValidationExpression")
    authorizer.resultTTLSeconds = integer(fields["authorizerResultTtlInSeconds"], "authorizerResultTtlInSeconds", 0...3600)
    authorizer.payloadFormatVersion = text(fields["authorizerPayloadFormatVersion"], "authorizerPayloadFormatVersion")
    authorizer.enablesSimpleResponses = flag(fields["enableSimpleResponses"], "enableSimpleResponses")
    authorizer.providerARNs = strings(fields["providerARNs"], "providerARNs")
    if let jwt = fields["jwtConfiguration"], let parts = self.fields(jwt, .jwt) {
      authorizer.issuer = string(parts["issuer"], "the issuer")
      authorizer.audience = strings(parts["audience"], "the audience")
    }
    readIdentity(fields, scheme, &authorizer)
    check(authorizer, node, scheme)
    return authorizer
  }

  /// A token stands in one header; the others say what they look at.
  private mutating func readIdentity(_ fields: Fields, _ scheme: Fields, _ authorizer: inout APIDefinition.Authorizer) {
    let name = string(scheme["name"], "the name of a header")
    let sources = string(fields["identitySource"], "identitySource")?.split(separator: ",").map(DefinitionImporter.trimmed) ?? []
    switch authorizer.kind {
    case .token, .cognitoUserPools:
      if let place = string(scheme["in"], "the place of a token"), place != "header" {
        fail(scheme.node, "a token is in a header, not in \(Shown.text(place))")
      }
      if let name, !MappingAction.isToken(name) { fail(scheme.node, "\"\(Shown.text(name))\" is no header name") }
      authorizer.identitySources = name.map { ["method.request.header.\($0)"] } ?? sources
    case .request, .jwt:
      authorizer.identitySources = sources
      if let url = scheme["openIdConnectUrl"], let text = string(url, "openIdConnectUrl"), authorizer.issuer == nil {
        let tail = "/.well-known/openid-configuration"
        authorizer.issuer = text.hasSuffix(tail) ? String(text.dropLast(tail.count)) : text
      }
    }
    guard let node = fields["identitySource"] else { return }
    for source in sources where !isIdentity(source) {
      fail(node, "\"\(Shown.text(source))\" is no identity source of \(definition.kind == .rest ? "a REST" : "an HTTP") API")
    }
  }

  private func isIdentity(_ source: String) -> Bool {
    switch definition.kind {
    case .rest:
      switch MappingSource(source) {
      case .methodRequest(let location, _, _)?: location != .path
      case .context?, .stageVariable?: true
      case .methodRequestBody?, .integrationResponseHeader?, .integrationResponseBody?, .constant?, nil: false
      }
    case .http: source.hasPrefix("$") && (try? MappingValue(source, on: .request))?.pieces.count == 1
    }
  }

  private mutating func check(_ authorizer: APIDefinition.Authorizer, _ node: DocumentNode, _ scheme: Fields) {
    switch authorizer.kind {
    case .token, .request:
      if authorizer.uri == nil { fail(node, "an authorizer of type \(authorizer.kind.rawValue) names its function in authorizerUri") }
      if authorizer.kind == .token, definition.kind == .http { fail(node, "HTTP APIs have authorizers of type request and jwt") }
      // Same page: results are kept under the identity; without one all callers would be the same.
      if authorizer.kind == .request, authorizer.identitySources.isEmpty, authorizer.resultTTLSeconds != 0, definition.kind == .rest {
        fail(
          node, "an authorizer of type request whose results are kept names its identitySource; or set authorizerResultTtlInSeconds to 0")
      }
    case .cognitoUserPools:
      if authorizer.providerARNs.isEmpty { fail(node, "an authorizer of type cognito_user_pools lists its pools in providerARNs") }
      if definition.kind == .http { fail(node, "HTTP APIs have authorizers of type request and jwt") }
    case .jwt:
      if definition.kind == .rest { fail(node, "REST APIs have authorizers of type token, request and cognito_user_pools") }
      if authorizer.issuer == nil { fail(node, "an authorizer of type jwt names its issuer in jwtConfiguration") }
    }
    if let version = authorizer.payloadFormatVersion, version != "1.0", version != "2.0" {
      fail(node, "authorizerPayloadFormatVersion is 1.0 or 2.0, not \(Shown.text(version))")
    }
    if authorizer.kind == .token || authorizer.kind == .cognitoUserPools {
      let isHeader = authorizer.identitySources.count == 1 && authorizer.identitySources[0].hasPrefix("method.request.header.")
      if !isHeader { fail(scheme.node, "the scheme does not name the one header that holds the token") }
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  // MARK: Operations

  /// What an operation says, else what the document says. Of the latter AWS takes authorizers over; a key it demands only where the
  /// operation itself does.
  mutating func readSecurity(_ fields: Fields, _ place: OperationPlace, _ operation: inout APIDefinition.Operation) {
    enum Kind: String, CaseIterable { case none = "NONE", iam = "AWS_IAM" }
    var kind: Kind?
    if let node = fields[AWSExtension.auth], let auth = self.fields(node, .auth) {
      kind = word(auth["type"], "the authorization type", as: Kind.self)
      if auth["type"] == nil { fail(node, "the authorization type is missing: NONE or AWS_IAM") }
      if kind == .iam { demand(.iam, nil, [], node, place, &operation) }
    }
    // NONE opens the operation, whatever the document says as a whole.
    let isOwn = fields["security"] != nil
    guard let node = fields["security"] ?? (kind == Kind.none ? nil : rootSecurity) else { return }
    for element in elements(node, "security") {
      for (name, scopes) in members(element, "a security requirement") {
        require(name, scopes, isOwn: isOwn, place, &operation)
      }
    }
  }

  private mutating func require(
    _ name: String, _ node: DocumentNode, isOwn: Bool, _ place: OperationPlace, _ operation: inout APIDefinition.Operation
  ) {
    let scopes = strings(node, "the scopes")
    guard let scheme = schemes[name] else {
      // AWS SAM writes it where an operation shall be open although the API has an authorizer.
      if name == "NONE", isOwn { return note(node, "the operation asks for no authorization") }
      let near = nearest(name) { $0.schemes.keys.sorted() }
      return fail(node, "there is no security scheme \"\(Shown.text(name))\"", suggestion: near)
    }
    switch scheme {
    case .authorizer(let kind):
      let authorization: APIDefinition.Authorization.Kind =
        switch kind {
        case .token, .request: .custom
        case .cognitoUserPools: .cognitoUserPools
        case .jwt: .jwt
        }
      demand(authorization, name, scopes, node, place, &operation)
    case .iam: demand(.iam, nil, [], node, place, &operation)
    case .apiKey:
      guard isOwn || definition.kind == .http else {
        return warn(node, "AWS demands no API key by the document's security; say so at each operation")
      }
      operation.apiKeyRequired = true
      protections.append((.apiKey, place.text, node.pointer))
    case .none:
      warn(node, "API Gateway enforces no scheme as \"\(Shown.text(name))\"; the operation is open unless its backend protects it")
    }
  }

  private mutating func demand(
    _ kind: APIDefinition.Authorization.Kind, _ authorizer: String?, _ scopes: [String], _ node: DocumentNode, _ place: OperationPlace,
    _ operation: inout APIDefinition.Operation
  ) {
    let current = operation.authorization
    guard current.kind == .none || (current.kind == kind && current.authorizer == authorizer) else {
      return fail(node, "an operation has one authorization; \(place.text) names two")
    }
    operation.authorization.kind = kind
    operation.authorization.authorizer = authorizer
    for scope in scopes where !operation.authorization.scopes.contains(scope) { operation.authorization.scopes.append(scope) }
    if let authorizer, let found = definition.authorizers[authorizer] {
      protections.append((.authorizer(authorizer, found.kind), place.text, node.pointer))
    } else {
      protections.append((.iam, place.text, node.pointer))
    }
  }
}
