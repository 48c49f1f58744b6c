// Owns the reading of an integration and its responses. What may be mapped is checked in DefinitionImporter+Mappings.swift.
import Runtime

extension DefinitionImporter {
  /// API Gateway developer guide, "x-amazon-apigateway-integration object".
  mutating func readIntegration(
    _ node: DocumentNode, _ place: OperationPlace, _ operation: APIDefinition.Operation
  ) -> APIDefinition.Integration? {
    guard let target = resolved(node, "integration"), let fields = fields(target, .integration) else { return nil }
    guard let kind = word(fields["type"], "the type of an integration", as: APIDefinition.Integration.Kind.self) else {
      if fields["type"] == nil { fail(target, "the integration has no type: http, http_proxy, mock, aws or aws_proxy") }
      return nil
    }
    if definition.kind == .http, !kind.isProxy {
      warn(target, "AWS knows http_proxy and aws_proxy integrations for HTTP APIs, not \(kind.rawValue)")
    }
    var integration = APIDefinition.Integration(kind: kind)
    integration.uri = string(fields["uri"], "the URI")
    integration.subtype = string(fields["integrationSubtype"], "the subtype")
    readConnection(fields, &integration)
    readMethod(fields, place, &integration)
    checkURI(fields, integration)
    integration.credentials = string(fields["credentials"], "the credentials")
    integration.passthrough =
      word(fields["passthroughBehavior"], "passthroughBehavior", as: APIDefinition.Integration.Passthrough.self) ?? .whenNoMatch
    integration.contentHandling = contentHandling(fields["contentHandling"])
    readTimeout(fields["timeoutInMillis"], &integration)
    integration.cacheNamespace = string(fields["cacheNamespace"], "cacheNamespace")
    integration.cacheKeyParameters = cacheKeys(fields["cacheKeyParameters"], place, operation)
    integration.tls = tls(fields["tlsConfig"])
    readVersion(fields["payloadFormatVersion"], &integration)
    integration.transferMode = word(
      fields["responseTransferMode"], "responseTransferMode", as: APIDefinition.Integration.TransferMode.self)
    integration.target = string(fields["integrationTarget"], "integrationTarget")
    integration.requestTemplates = templates(fields["requestTemplates"], "requestTemplates")
    readMappings(fields, place, operation, &integration)
    if let responses = fields["responses"] { readResponses(responses, place, operation, &integration) }
    return integration
  }

  /// An integration of type mock has no backend; AWS drops its method.
  private mutating func readMethod(_ fields: Fields, _ place: OperationPlace, _ integration: inout APIDefinition.Integration) {
    let method = string(fields["httpMethod"], "httpMethod")
    if integration.kind == .mock {
      if let node = fields["httpMethod"] { note(node, "a mock calls no backend; its httpMethod has no effect") }
      return
    }
    guard let method, let node = fields["httpMethod"] else {
      if integration.subtype != nil { return }
      // AWS's services take nothing else from a gateway.
      let fallback = integration.kind.isHTTP ? place.method.text : RouteMethod.post.text
      if fields["httpMethod"] == nil {
        warn(fields.node, "the integration of \(place.text) has no httpMethod, which AWS demands; \(fallback) is taken")
      }
      integration.httpMethod = fallback
      return
    }
    guard MappingAction.isToken(method) else { return fail(node, "\"\(Shown.text(method))\" is no HTTP method") }
    let upper = method.uppercased()
    if !RouteMethod.allCases.contains(where: { $0.text == upper }) {
      let near = nearest(upper, RouteMethod.allCases.map(\.text))
      return fail(node, "\"\(Shown.text(method))\" is no method of an integration", suggestion: near)
    }
    integration.httpMethod = upper
  }

  private mutating func readConnection(_ fields: Fields, _ integration: inout APIDefinition.Integration) {
    enum Kind: String, CaseIterable { case internet = "INTERNET", vpcLink = "VPC_LINK" }
    let id = string(fields["connectionId"], "connectionId")
    switch word(fields["connectionType"], "connectionType", as: Kind.self) {
    case .vpcLink?:
      guard let id, !id.isEmpty else { return fail(fields.node, "a connection of type VPC_LINK names its link in connectionId") }
      integration.connection = .vpcLink(id)
    case .internet?, nil:
      if let node = fields["connectionId"] { warn(node, "connectionId has an effect beside connectionType VPC_LINK only") }
    }
  }

  /// Whether a request could be sent there at all. What a stage variable stands for is not known yet.
  private mutating func checkURI(_ fields: Fields, _ integration: APIDefinition.Integration) {
    guard let uri = integration.uri, let node = fields["uri"] else {
      let isNeeded = integration.kind != .mock && integration.subtype == nil
      if isNeeded, fields["uri"] == nil { fail(fields.node, "an integration of type \(integration.kind.rawValue) has a uri") }
      return
    }
    if uri.contains("${") {
      checkVariables(uri, node)
      return
    }
    if uri.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) { fail(node, "the uri contains a blank or a control character") }
    let isARN = uri.hasPrefix("arn:")
    switch integration.kind {
    case .mock: break
    case .http, .httpProxy:
      let rest = MappingSource.rest(uri, "https://") ?? MappingSource.rest(uri, "http://")
      let isPrivateARN = isARN && definition.kind == .http && integration.connection != .internet
      if rest == nil && !isPrivateARN || rest?.first.map({ "/?#".contains($0) }) ?? false || rest?.isEmpty == true {
        fail(node, "Invalid HTTP endpoint specified for URI: \"\(Shown.text(uri))\"; it begins with http:// or https:// and a host")
      }
    case .aws, .awsProxy:
      if !isARN { fail(node, "the uri of an integration of type \(integration.kind.rawValue) is an ARN, not \"\(Shown.text(uri))\"") }
    }
  }

  private mutating func checkVariables(_ uri: String, _ node: DocumentNode) {
    var rest = uri[...]
    while let open = rest.firstIndex(of: "$"), rest[open...].hasPrefix("${") {
      guard let close = rest[open...].firstIndex(of: "}") else { return fail(node, "\"${\" has no \"}\" in the uri") }
      let word = String(rest[open..<close].dropFirst(2))
      if let name = MappingSource.rest(word, "stageVariables."), !MappingSource.isVariable(name) {
        fail(node, "\"\(Shown.text(name))\" is no name of a stage variable; it has letters, digits and _")
      }
      rest = rest[close...]
    }
  }

  private mutating func readTimeout(_ node: DocumentNode?, _ integration: inout APIDefinition.Integration) {
    guard let node else { return }
    guard let milliseconds = integer(node, "the timeout in milliseconds", 50...limits.timeoutMillisecondsMax) else { return }
    integration.timeoutMilliseconds = milliseconds
    let ceiling = APIDefinition.defaultTimeoutMilliseconds(definition.kind)
    if milliseconds > ceiling { note(node, "AWS ends at \(ceiling) ms by default; here the timeout holds as it is") }
  }

  private mutating func contentHandling(_ node: DocumentNode?) -> APIDefinition.Integration.ContentHandling? {
    word(node, "contentHandling", as: APIDefinition.Integration.ContentHandling.self)
  }

  private mutating func tls(_ node: DocumentNode?) -> APIDefinition.Integration.TLS? {
    guard let node, let fields = fields(node, .tls) else { return nil }
    var tls = APIDefinition.Integration.TLS()
    tls.skipsVerification = flag(fields["insecureSkipVerification"], "insecureSkipVerification") ?? false
    tls.serverNameToVerify = string(fields["serverNameToVerify"], "serverNameToVerify")
    if tls.skipsVerification { warn(node, "certificates of this backend are not verified") }
    return tls
  }

  private mutating func readVersion(_ node: DocumentNode?, _ integration: inout APIDefinition.Integration) {
    guard let node, let version = text(node, "payloadFormatVersion") else { return }
    guard definition.kind == .http else { return note(node, "payloadFormatVersion is for HTTP APIs; a REST API has one format") }
    guard ["1", "1.0", "2", "2.0"].contains(version) else {
      return fail(node, "payloadFormatVersion is 1.0 or 2.0, not \(Shown.text(version))")
    }
    integration.payloadFormatVersion = version.hasPrefix("1") ? "1.0" : "2.0"
    if version.hasPrefix("2"), integration.kind != .awsProxy { fail(node, "only an aws_proxy integration has payloadFormatVersion 2.0") }
  }

  private mutating func readResponses(
    _ node: DocumentNode, _ place: OperationPlace, _ operation: APIDefinition.Operation, _ integration: inout APIDefinition.Integration
  ) {
    var statuses: Set<String> = []
    var hasDefault = false
    for (pattern, element) in members(node, "the integration responses") {
      guard let fields = fields(element, .integrationResponse) else { continue }
      guard let status = text(fields["statusCode"], "a status code") else {
        if fields["statusCode"] == nil { fail(element, "the integration response has no statusCode") }
        continue
      }
      guard DefinitionImporter.isStatus(status) else {
        fail(element, "\"\(Shown.text(status))\" is no status code; a response has three digits, 100 to 599")
        continue
      }
      // An empty pattern is the default at AWS.
      let isDefault = pattern == "default" || pattern.isEmpty
      if isDefault, hasDefault { fail(element, "the integration has two default responses") }
      hasDefault = hasDefault || isDefault
      if !statuses.insert(status).inserted {
        note(element, "AWS keeps one integration response for each status, and would keep one of those with \(status)")
      }
      var response = APIDefinition.IntegrationResponse(selectionPattern: isDefault ? nil : pattern, statusCode: status)
      response.templates = templates(fields["responseTemplates"], "responseTemplates")
      response.contentHandling = contentHandling(fields["contentHandling"])
      response.parameters = responseMappings(fields["responseParameters"], status, place, operation)
      integration.responses.append(response)
    }
    // The default answers what no pattern takes.
    integration.responses =
      integration.responses.filter { $0.selectionPattern != nil } + integration.responses.filter { $0.selectionPattern == nil }
  }
}

extension APIDefinition {
  /// API Gateway developer guide, "Amazon API Gateway quotas": integration timeout.
  public static func defaultTimeoutMilliseconds(_ kind: Kind) -> Int {
    switch kind {
    case .rest: 29_000
    case .http: 30_000
    }
  }
}
