// Owns the export of a definition: an OpenAPI 3.0 or Swagger 2.0 document, worded as AWS's GetExport words it. What was imported from an
// export with all extensions is the definition again.
import Runtime

/// What a document is to contain.
public struct DefinitionExportOptions: Sendable {
  public enum Format: Sendable {
    case oas30
    case swagger
  }

  /// As GetExport names them.
  public struct Extensions: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let integrations = Extensions(rawValue: 1)
    public static let authorizers = Extensions(rawValue: 2)
    /// Everything.
    public static let apigateway = Extensions(rawValue: 7)
  }

  /// Where the exported stage is served.
  public struct Server: Sendable {
    public var host: String
    public var stage: String

    public init(host: String, stage: String) {
      self.host = host
      self.stage = stage
    }
  }

  public var format: Format
  public var extensions: Extensions
  public var server: Server?
  /// What stands for the version of a definition that has none; AWS takes the time of the deployment.
  public var version: String?

  public init(format: Format, extensions: Extensions = .apigateway, server: Server? = nil, version: String? = nil) {
    self.format = format
    self.extensions = extensions
    self.server = server
    self.version = version
  }
}

extension APIDefinition {
  /// The definition as a document. HTTP APIs have no Swagger form, and come as OpenAPI 3.0. Swagger knows one body model an operation:
  /// of several, the first is written.
  public func exported(_ options: DefinitionExportOptions) -> JSONValue {
    var exporter = DefinitionExporter(self, options)
    return exporter.document()
  }
}

/// Members in the order in which they were added.
struct MemberList {
  private(set) var members: [JSONMember] = []

  var object: JSONValue { .object(members) }
  var isEmpty: Bool { members.isEmpty }

  mutating func add(_ name: String, _ value: JSONValue?) {
    if let value { members.append(JSONMember(name, value)) }
  }

  mutating func add(_ name: String, _ text: String?) { add(name, text.map { .string($0) }) }

  mutating func add(_ name: String, _ texts: [String]) {
    if !texts.isEmpty { add(name, .array(texts.map { .string($0) })) }
  }

  mutating func add(_ name: String, texts values: NamedValues<String>) {
    if !values.isEmpty { add(name, .object(values.map { JSONMember($0.name, .string($0.value)) })) }
  }
}

struct DefinitionExporter {
  let definition: APIDefinition
  let options: DefinitionExportOptions
  let isSwagger: Bool
  /// Names of the schemes that are no authorizers.
  let apiKeyScheme: String
  let iamScheme: String

  init(_ definition: APIDefinition, _ options: DefinitionExportOptions) {
    self.definition = definition
    self.options = options
    isSwagger = options.format == .swagger && definition.kind == .rest
    apiKeyScheme = DefinitionExporter.free("api_key", definition)
    iamScheme = DefinitionExporter.free("sigv4", definition)
  }

  /// The name, or one like it that no authorizer has.
  private static func free(_ name: String, _ definition: APIDefinition) -> String {
    var candidate = name
    while definition.authorizers.contains(name: candidate) { candidate += "_" }
    return candidate
  }

  var hasAll: Bool { options.extensions == .apigateway }

  mutating func document() -> JSONValue {
    var root = MemberList()
    root.add(isSwagger ? "swagger" : "openapi", isSwagger ? "2.0" : "3.0.1")
    root.add("info", info())
    addServer(&root)
    if !definition.tags.isEmpty, hasAll {
      root.add(
        "tags",
        .array(
          definition.tags.map { .object([JSONMember("name", .string($0.name)), JSONMember(AWSExtension.tagValue, .string($0.value))]) }))
    }
    root.add("paths", definition.kind == .rest ? resources() : routes())
    addComponents(&root)
    if hasAll { addExtensions(&root) }
    return root.object
  }

  private func info() -> JSONValue {
    var info = MemberList()
    info.add("title", definition.name)
    info.add("description", definition.description)
    info.add("version", definition.version ?? options.version)
    return info.object
  }

  private func addServer(_ root: inout MemberList) {
    let endpoint = hasAll ? endpoint() : nil
    guard let server = options.server else { return root.add(AWSExtension.endpointConfiguration, endpoint) }
    if isSwagger {
      root.add("host", server.host)
      root.add("basePath", "/" + server.stage)
      root.add("schemes", ["https"])
      return root.add(AWSExtension.endpointConfiguration, endpoint)
    }
    var entry = MemberList()
    entry.add("url", "https://\(server.host)/{basePath}")
    entry.add("variables", ["basePath": ["default": .string(server.stage)]])
    entry.add(AWSExtension.endpointConfiguration, endpoint)
    root.add("servers", .array([entry.object]))
  }

  private func endpoint() -> JSONValue? {
    let endpoint = definition.endpoint
    guard endpoint != APIDefinition.Endpoint() else { return nil }
    var members = MemberList()
    members.add("types", endpoint.scopes.map(\.rawValue))
    members.add("ipAddressType", endpoint.addressFamily?.rawValue)
    members.add("vpcEndpointIds", endpoint.vpcEndpointIDs)
    if endpoint.disablesOwnHost { members.add("disableExecuteApiEndpoint", true) }
    return members.object
  }

  // MARK: Components

  private func addComponents(_ root: inout MemberList) {
    let schemas = JSONValue.object(definition.models.map { JSONMember($0.name, schema($0.value)) })
    let schemes = securitySchemes()
    if isSwagger {
      if !schemes.isEmpty { root.add("securityDefinitions", schemes.object) }
      if !definition.models.isEmpty { root.add("definitions", schemas) }
      return
    }
    var components = MemberList()
    if !definition.models.isEmpty { components.add("schemas", schemas) }
    if !schemes.isEmpty { components.add("securitySchemes", schemes.object) }
    root.add("components", components.object)
  }

  private func schema(_ model: APIDefinition.Model) -> JSONValue {
    guard isSwagger else { return model.schema }
    return SchemaReferences.mapped(model.schema) { text in
      MappingSource.rest(text, APIDefinition.schemaPrefix).map { "#/definitions/" + $0 } ?? text
    }
  }

  /// Where a body refers to a model.
  func reference(_ model: String) -> JSONValue {
    let home = isSwagger ? ["definitions"] : ["components", "schemas"]
    return ["$ref": .string(DocumentPointer(home + [model]).fragment)]
  }

  // MARK: Extensions of the document

  private func addExtensions(_ root: inout MemberList) {
    if !definition.gatewayResponses.isEmpty {
      root.add(AWSExtension.gatewayResponses, .object(definition.gatewayResponses.map { JSONMember($0.name, gatewayResponse($0.value)) }))
    }
    if !definition.requestValidators.isEmpty {
      root.add(
        AWSExtension.requestValidators,
        .object(
          definition.requestValidators.map {
            let flags: JSONValue = [
              "validateRequestParameters": .bool($0.value.validatesParameters), "validateRequestBody": .bool($0.value.validatesBody),
            ]
            return JSONMember($0.name, flags)
          }))
    }
    root.add(AWSExtension.policy, definition.policy)
    root.add(AWSExtension.cors, definition.cors.map(cors))
    if definition.apiKeySource != .header { root.add(AWSExtension.apiKeySource, definition.apiKeySource.rawValue) }
    root.add(AWSExtension.minimumCompressionSize, definition.minimumCompressionSize.map { JSONValue($0) })
    root.add(AWSExtension.binaryMediaTypes, definition.binaryMediaTypes)
    root.add(AWSExtension.documentation, definition.documentation)
    if definition.kind == .http { root.add(AWSExtension.importExportVersion, "1.0") }
  }

  private func gatewayResponse(_ response: APIDefinition.GatewayResponse) -> JSONValue {
    var members = MemberList()
    members.add("statusCode", response.statusCode.map { JSONValue($0) })
    members.add("responseParameters", texts: response.parameters)
    members.add("responseTemplates", texts: response.templates)
    return members.object
  }

  private func cors(_ cors: APIDefinition.CORS) -> JSONValue {
    var members = MemberList()
    members.add("allowMethods", cors.allowMethods)
    members.add("maxAge", cors.maxAgeSeconds.map { JSONValue($0) })
    members.add("exposeHeaders", cors.exposeHeaders)
    members.add("allowHeaders", cors.allowHeaders)
    members.add("allowOrigins", cors.allowOrigins)
    members.add("allowCredentials", cors.allowCredentials.map { .bool($0) })
    return members.object
  }
}
