// Owns what an API does for one method of one path: who may call it, what a request must have, what answers it.

extension APIDefinition {
  public struct Operation: Hashable, Sendable {
    /// OpenAPI's `operationId`.
    public var name: String?
    public var authorization = Authorization()
    public var apiKeyRequired = false
    /// Declared parameters; a mapping may only use these.
    public var requestParameters: [RequestParameter] = []
    /// Media type to the name of a model.
    public var requestModels: NamedValues<String> = [:]
    /// The name of a request validator.
    public var requestValidator: String?
    /// By status, three digits.
    public var responses: NamedValues<MethodResponse> = [:]
    /// Without one, an API cannot be deployed.
    public var integration: Integration?

    public init() {}
  }

  /// Who may call an operation.
  public struct Authorization: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
      case none = "NONE"
      case iam = "AWS_IAM"
      /// A function decides.
      case custom = "CUSTOM"
      case cognitoUserPools = "COGNITO_USER_POOLS"
      case jwt = "JWT"
    }

    public var kind = Kind.none
    /// The name of an authorizer, for the last three kinds.
    public var authorizer: String?
    public var scopes: [String] = []

    public init() {}
  }

  public struct RequestParameter: Hashable, Sendable {
    public enum Location: String, Hashable, Sendable, CaseIterable {
      case path
      case querystring
      case header
    }

    public var location: Location
    public var name: String
    /// Whether a validator refuses a request without it.
    public var isRequired: Bool

    public init(_ location: Location, _ name: String, isRequired: Bool) {
      self.location = location
      self.name = name
      self.isRequired = isRequired
    }

    /// As AWS names it, for example `method.request.querystring.page`.
    public var text: String { "method.request.\(location.rawValue).\(name)" }
  }

  /// A response that a method declares.
  public struct MethodResponse: Hashable, Sendable {
    /// Header fields that an integration response may set, and whether each is required.
    public var headers: NamedValues<Bool> = [:]
    /// Media type to the name of a model.
    public var models: NamedValues<String> = [:]

    public init() {}
  }

  /// Who decides about callers.
  public struct Authorizer: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
      case token
      case request
      case cognitoUserPools = "cognito_user_pools"
      case jwt
    }

    public var kind: Kind
    /// A free word for clients, `x-amazon-apigateway-authtype`.
    public var authType: String?
    public var uri: String?
    public var credentials: String?
    /// Mapping expressions of what is judged.
    public var identitySources: [String] = []
    /// A regular expression that a token must match.
    public var identityValidationExpression: String?
    public var resultTTLSeconds: Int?
    /// HTTP APIs: "1.0" or "2.0".
    public var payloadFormatVersion: String?
    public var enablesSimpleResponses: Bool?
    public var issuer: String?
    public var audience: [String] = []
    /// Cognito user pools.
    public var providerARNs: [String] = []

    public init(kind: Kind) { self.kind = kind }
  }
}
