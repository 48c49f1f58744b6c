// Owns the reading of a document's outermost object: its format, what it says about the API as a whole, and the order of the rest.
import Runtime

extension DefinitionImporter {
  mutating func readRoot() {
    let root = DocumentNode(value: document.root, pointer: DocumentPointer())
    guard case .object = root.value else { return mismatch(root, "a definition", "an object") }
    guard let format = readFormat(root) else { return }
    self.format = format
    if format.isSwagger, options.kind == .http {
      fail(root, "HTTP APIs are imported from OpenAPI 3 only; convert the document, or import it as a REST API")
    }
    guard let fields = fields(root, format.isSwagger ? .swagger : .openAPI) else { return }
    readInfo(fields["info"], root)
    var components: Fields?
    if let node = fields["components"] { components = self.fields(node, .components) }
    readModels(format.isSwagger ? fields["definitions"] : components?["schemas"])
    readSecuritySchemes(format.isSwagger ? fields["securityDefinitions"] : components?["securitySchemes"])
    rootSecurity = fields["security"]
    readRequestValidators(fields[AWSExtension.requestValidators])
    rootValidator = fields[AWSExtension.requestValidator]
    readExtensions(fields)
    readTags(fields["tags"])
    consumes = strings(fields["consumes"], "consumes")
    produces = strings(fields["produces"], "produces")
    if let webhooks = fields["webhooks"] { note(webhooks, "webhooks are calls that an API makes; an API gateway serves none") }
    let basePath = readBasePath(fields)
    if let paths = fields["paths"] {
      switch options.kind {
      case .rest: readResources(paths, basePath: basePath)
      case .http: readRoutes(paths, basePath: basePath)
      }
    } else if format != .openAPI31 {
      fail(root, "the document has no paths")
    }
    checkModelCycles()
    readGatewayResponses(fields[AWSExtension.gatewayResponses])
    if definition.policy != nil, let policy = fields[AWSExtension.policy] {
      protections.append((.resourcePolicy, "", policy.pointer))
    }
  }

  /// OpenAPI specification section 4.8.1 ("OpenAPI Object"), Swagger 2.0 "Swagger Object".
  private mutating func readFormat(_ root: DocumentNode) -> Format? {
    let swagger = root.value["swagger"].map { DocumentNode(value: $0, pointer: root.pointer.appending("swagger")) }
    let openAPI = root.value["openapi"].map { DocumentNode(value: $0, pointer: root.pointer.appending("openapi")) }
    switch (swagger, openAPI) {
    case (let node?, nil):
      guard let version = text(node, "swagger") else { return nil }
      if version == "2.0" || version == "2" { return .swagger2 }
      fail(node, "Swagger 2.0 and OpenAPI 3.0 and 3.1 are read, not Swagger \(Shown.text(version))")
    case (nil, let node?):
      guard let version = text(node, "openapi") else { return nil }
      if version == "3.0" || version.hasPrefix("3.0.") { return .openAPI30 }
      if version == "3.1" || version.hasPrefix("3.1.") { return .openAPI31 }
      fail(node, "OpenAPI 3.0 and 3.1 and Swagger 2.0 are read, not OpenAPI \(Shown.text(version))")
    case (let node?, _?): fail(node, "a document is either Swagger 2.0 or OpenAPI 3; this one says both")
    case (nil, nil): fail(root, "neither \"openapi\" nor \"swagger\" says which specification the document follows")
    }
    return nil
  }

  private mutating func readInfo(_ node: DocumentNode?, _ root: DocumentNode) {
    guard let node else { return fail(root, "the document has no info object, which gives the API its name") }
    guard let info = fields(node, .info) else { return }
    if info["title"] == nil { fail(node, "the info object has no title, which is the API's name") }
    if let title = text(info["title"], "the title") {
      if title.isEmpty { fail(node, "the title is empty; it is the API's name") }
      if title.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { fail(node, "the title has a control character; it is the API's name") }
      definition.name = title
    }
    definition.description = string(info["description"], "the description")
    definition.version = text(info["version"], "the version")
  }

  private mutating func readExtensions(_ fields: Fields) {
    definition.apiKeySource = word(fields[AWSExtension.apiKeySource], "the API key source", as: APIDefinition.APIKeySource.self) ?? .header
    for type in strings(fields[AWSExtension.binaryMediaTypes], "the binary media types") where !definition.binaryMediaTypes.contains(type) {
      definition.binaryMediaTypes.append(type)
    }
    definition.minimumCompressionSize = integer(fields[AWSExtension.minimumCompressionSize], "the minimum compression size", 0...10_485_760)
    definition.policy = policy(fields[AWSExtension.policy])
    definition.documentation = fields[AWSExtension.documentation]?.value
    readCORS(fields[AWSExtension.cors])
    if let node = fields[AWSExtension.endpointConfiguration] { readEndpoint(node) }
    if let node = fields[AWSExtension.importExportVersion], let version = text(node, "the import and export version"), version != "1.0" {
      fail(node, "the only version of import and export is 1.0, not \(Shown.text(version))")
    }
    for name in [AWSExtension.securityPolicy, AWSExtension.endpointAccessMode] {
      if let node = fields[name] { warn(node, "\"\(name)\" has no effect here: TLS is configured with the listener") }
    }
    guard options.kind == .http else { return }
    for name in [AWSExtension.apiKeySource, AWSExtension.binaryMediaTypes, AWSExtension.minimumCompressionSize] {
      if let node = fields[name] { note(node, "AWS knows \"\(name)\" for REST APIs only; an HTTP API here keeps it") }
    }
  }

  /// A policy is an object, or the text of one, as control planes hand it over.
  private mutating func policy(_ node: DocumentNode?) -> JSONValue? {
    guard let node else { return nil }
    var value = node.value
    if let text = value.stringValue {
      let jsonLimits = JSONLimits(depthMax: limits.schemaDepthMax, bytesMax: limits.policyBytesMax)
      do throws(JSONError) {
        value = try JSONValue.parse(text, limits: jsonLimits)
      } catch {
        fail(node, "the resource policy is no JSON: \(error.description)")
        return nil
      }
    }
    guard case .object = value else {
      mismatch(node, "the resource policy", "an object")
      return nil
    }
    guard value.serialized().count <= limits.policyBytesMax else {
      fail(node, "the resource policy is longer than \(limits.policyBytesMax) bytes")
      return nil
    }
    return value
  }

  private mutating func readCORS(_ node: DocumentNode?) {
    guard let node, let fields = fields(node, .cors) else { return }
    if options.kind == .rest { warn(node, "AWS reads \"\(AWSExtension.cors)\" for HTTP APIs only; a REST API states its OPTIONS methods") }
    var cors = APIDefinition.CORS()
    cors.allowOrigins = strings(fields["allowOrigins"], "allowOrigins")
    cors.allowMethods = strings(fields["allowMethods"], "allowMethods")
    cors.allowHeaders = strings(fields["allowHeaders"], "allowHeaders")
    cors.exposeHeaders = strings(fields["exposeHeaders"], "exposeHeaders")
    cors.allowCredentials = flag(fields["allowCredentials"], "allowCredentials")
    // Browsers cap it far lower; -1 turns caching off (Fetch standard, "Access-Control-Max-Age").
    cors.maxAgeSeconds = integer(fields["maxAge"], "maxAge", -1...86_400)
    // Fetch standard, "CORS check": a wildcard does not hold for requests with credentials.
    if cors.allowCredentials == true, cors.allowOrigins.contains("*"), let origins = fields["allowOrigins"] {
      fail(origins, "\"*\" cannot stand beside allowCredentials; name the origins")
    }
    for (index, origin) in cors.allowOrigins.enumerated() where origin != "*" && !origin.contains("://") {
      let place = DocumentPointer(node.pointer.tokens + ["allowOrigins", String(index)])
      findings.add(.error, place, "\"\(Shown.text(origin))\" is no origin; it begins with http:// or https://, or is *")
    }
    definition.cors = cors
  }

  mutating func readEndpoint(_ node: DocumentNode) {
    guard let fields = fields(node, .endpoint) else { return }
    for type in elements(fields["types"], "the endpoint types") {
      if let scope = word(type, "an endpoint type", as: APIDefinition.Endpoint.Scope.self) { definition.endpoint.scopes.append(scope) }
    }
    definition.endpoint.addressFamily = word(
      fields["ipAddressType"], "the IP address type", as: APIDefinition.Endpoint.AddressFamily.self)
    definition.endpoint.vpcEndpointIDs = strings(fields["vpcEndpointIds"], "the VPC endpoints")
    definition.endpoint.disablesOwnHost = flag(fields["disableExecuteApiEndpoint"], "disableExecuteApiEndpoint") ?? false
  }

  /// The tags of an HTTP API (API Gateway developer guide, "x-amazon-apigateway-tag-value property"). Of a REST API they group operations.
  private mutating func readTags(_ node: DocumentNode?) {
    for element in elements(node, "the tags") {
      guard let fields = fields(element, .tag), let name = string(fields["name"], "the name of a tag") else { continue }
      let value = string(fields[AWSExtension.tagValue], "the value of a tag")
      if options.kind == .http || value != nil { definition.tags[name] = value ?? "" }
    }
  }

  mutating func readRequestValidators(_ node: DocumentNode?) {
    guard let node else { return }
    for (name, element) in members(node, "the request validators") {
      guard let fields = fields(element, .requestValidator) else { continue }
      definition.requestValidators[name] = APIDefinition.RequestValidator(
        validatesBody: flag(fields["validateRequestBody"], "validateRequestBody") ?? false,
        validatesParameters: flag(fields["validateRequestParameters"], "validateRequestParameters") ?? false)
    }
  }

  mutating func readGatewayResponses(_ node: DocumentNode?) {
    guard let node else { return }
    if options.kind == .http { note(node, "AWS knows gateway responses for REST APIs only; an HTTP API here keeps them") }
    let types = APIDefinition.GatewayResponse.types
    for (type, element) in members(node, "the gateway responses") {
      guard types.contains(name: type) else {
        fail(element, "\"\(Shown.text(type))\" is no gateway response type", suggestion: nearest(type, types.names))
        continue
      }
      guard let fields = fields(element, .gatewayResponse) else { continue }
      var response = APIDefinition.GatewayResponse()
      response.statusCode = integer(fields["statusCode"], "a status code", 100...599)
      for (name, source) in members(fields["responseParameters"] ?? element.nothing, "responseParameters") {
        guard let text = string(source, "a mapping") else { continue }
        checkGatewayMapping(name, text, source)
        response.parameters[name] = text
      }
      response.templates = templates(fields["responseTemplates"], "responseTemplates")
      definition.gatewayResponses[type] = response
    }
  }

  private mutating func checkGatewayMapping(_ name: String, _ text: String, _ node: DocumentNode) {
    switch MappingTarget(gatewayResponse: name) {
    case .gatewayResponse(.header, let header)? where MappingAction.isToken(header): break
    case .gatewayResponse(.header, let header)?: fail(node, "\"\(Shown.text(header))\" is no header name")
    case .gatewayResponse?: warn(node, "\"\(Shown.text(name))\" has no effect: a response has headers only")
    case .integrationRequest?, .methodResponseHeader?, nil:
      fail(node, "\"\(Shown.text(name))\" is no target of a gateway response; it has the form gatewayresponse.header.NAME")
    }
    switch MappingSource(text) {
    case .constant?, .context?, .stageVariable?, .methodRequest(_, _, isMultivalue: _)?: break
    case .methodRequestBody?, .integrationResponseHeader?, .integrationResponseBody?, nil:
      fail(node, DefinitionImporter.badSource(text))
    }
  }

  /// As AWS words it; what may stand there instead comes after.
  static func badSource(_ text: String) -> String {
    "Invalid mapping expression specified: \(Shown.text(text)); a constant stands in single quotes"
  }

  /// Media types and their templates. An empty template is one, too.
  mutating func templates(_ node: DocumentNode?, _ what: String) -> NamedValues<String> {
    var templates: NamedValues<String> = [:]
    guard let node else { return templates }
    for (type, element) in members(node, what) {
      if element.value == .null {
        templates[type] = ""
        continue
      }
      guard let text = string(element, "a template") else { continue }
      if text.utf8.count > limits.templateBytesMax { fail(element, "the template is longer than \(limits.templateBytesMax) bytes") }
      templates[type] = text
    }
    return templates
  }
}

extension DocumentNode {
  /// An empty object at this place, for a member that is not there.
  var nothing: DocumentNode { DocumentNode(value: .object([]), pointer: pointer) }
}
