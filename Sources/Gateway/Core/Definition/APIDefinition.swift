// Owns the model of an API: what a REST or an HTTP API of AWS is, as a value. Its parts are in APIDefinition+*.swift; documents are read
// by DefinitionImporter and written by DefinitionExporter; what a request makes of it is compiled elsewhere.
import Runtime

/// A REST or HTTP API. Every list has one order for one meaning: resources and routes by path, methods as `RouteMethod` lists them, the
/// rest as the document has it, because the order of templates and mappings counts.
public struct APIDefinition: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case rest = "REST"
    case http = "HTTP"
  }

  public enum APIKeySource: String, Hashable, Sendable, CaseIterable {
    case header = "HEADER"
    case authorizer = "AUTHORIZER"
  }

  public let kind: Kind
  /// What hosts and control planes call it; no document says it.
  public var id: String?
  public var name: String
  public var description: String?
  public var version: String?
  /// AWS tags.
  public var tags: NamedValues<String> = [:]
  public var apiKeySource = APIKeySource.header
  public var binaryMediaTypes: [String] = []
  /// Bytes of body from which responses are compressed; nil never.
  public var minimumCompressionSize: Int?
  public var endpoint = Endpoint()
  /// The resource policy, as the JSON that IAM defines.
  public var policy: JSONValue?
  /// HTTP APIs only; REST APIs state their OPTIONS methods.
  public var cors: CORS?
  /// REST APIs: a tree in which each parent stands before its children, the root first.
  public var resources: [Resource] = []
  /// HTTP APIs.
  public var routes: [Route] = []
  public var models: NamedValues<Model> = [:]
  public var requestValidators: NamedValues<RequestValidator> = [:]
  public var authorizers: NamedValues<Authorizer> = [:]
  /// By type, for example `DEFAULT_4XX`.
  public var gatewayResponses: NamedValues<GatewayResponse> = [:]
  /// Documentation parts, which serve readers only.
  public var documentation: JSONValue?

  public init(kind: Kind, name: String) {
    self.kind = kind
    self.name = name
    if kind == .rest { resources = [Resource(segments: [], parent: nil)] }
  }
}

extension APIDefinition {
  /// Where clients reach the API at AWS. Here, hosts are configuration; kept so that an export gives back what was imported.
  public struct Endpoint: Hashable, Sendable {
    public enum Scope: String, Hashable, Sendable, CaseIterable {
      case edge = "EDGE"
      case regional = "REGIONAL"
      case `private` = "PRIVATE"
    }

    public enum AddressFamily: String, Hashable, Sendable, CaseIterable {
      case ipv4
      case dualstack
    }

    /// Empty where the document says nothing; AWS takes EDGE then, and PRIVATE with VPC endpoints.
    public var scopes: [Scope] = []
    public var addressFamily: AddressFamily?
    public var vpcEndpointIDs: [String] = []
    /// Whether requests by the API's own host are refused, so that only custom domains serve it.
    public var disablesOwnHost = false

    public init() {}
  }

  /// CORS that an HTTP API answers by itself (API Gateway developer guide, "Configuring CORS for an HTTP API").
  public struct CORS: Hashable, Sendable {
    public var allowOrigins: [String] = []
    public var allowMethods: [String] = []
    public var allowHeaders: [String] = []
    public var exposeHeaders: [String] = []
    public var allowCredentials: Bool?
    public var maxAgeSeconds: Int?

    public init() {}
  }

  /// A body's schema.
  public struct Model: Hashable, Sendable {
    public var contentType: String
    public var description: String?
    /// JSON Schema. References to other models of the API have the form `#/components/schemas/NAME`.
    public var schema: JSONValue

    public init(contentType: String = "application/json", description: String? = nil, schema: JSONValue) {
      self.contentType = contentType
      self.description = description
      self.schema = schema
    }
  }

  public struct RequestValidator: Hashable, Sendable {
    public var validatesBody: Bool
    public var validatesParameters: Bool

    public init(validatesBody: Bool, validatesParameters: Bool) {
      self.validatesBody = validatesBody
      self.validatesParameters = validatesParameters
    }
  }

  /// What the gateway answers by itself in one kind of case (API Gateway developer guide, "Gateway response types").
  public struct GatewayResponse: Hashable, Sendable {
    /// Nil for the default of the type.
    public var statusCode: Int?
    /// `gatewayresponse.header.NAME` and what it is mapped from.
    public var parameters: NamedValues<String> = [:]
    /// By media type.
    public var templates: NamedValues<String> = [:]

    public init() {}

    /// The types, each with its default status; nil for the two that only say what others do.
    public static let types: NamedValues<Int?> = [
      "ACCESS_DENIED": 403, "API_CONFIGURATION_ERROR": 500, "AUTHORIZER_CONFIGURATION_ERROR": 500, "AUTHORIZER_FAILURE": 500,
      "BAD_REQUEST_BODY": 400, "BAD_REQUEST_PARAMETERS": 400, "DEFAULT_4XX": nil, "DEFAULT_5XX": nil, "EXPIRED_TOKEN": 403,
      "INTEGRATION_FAILURE": 504, "INTEGRATION_TIMEOUT": 504, "INVALID_API_KEY": 403, "INVALID_SIGNATURE": 403,
      "MISSING_AUTHENTICATION_TOKEN": 403, "QUOTA_EXCEEDED": 429, "REQUEST_TOO_LARGE": 413, "RESOURCE_NOT_FOUND": 404, "THROTTLED": 429,
      "UNAUTHORIZED": 401, "UNSUPPORTED_MEDIA_TYPE": 415, "WAF_FILTERED": 403,
    ]
  }
}
