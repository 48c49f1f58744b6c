// Owns which members the objects of OpenAPI 3.0 and 3.1, Swagger 2.0 and AWS's extensions have. A member that is listed and that nothing
// reads describes the API to people (summaries, examples, tags) and needs no finding.

/// What may stand in one kind of object.
struct ObjectRules {
  /// With its article, for messages.
  let what: String
  /// In the order in which a near miss is looked for.
  let names: [String]
  /// Whether the object is of AWS's making.
  let isAWS: Bool
  private let known: Set<String>

  init(_ what: String, _ names: String, isAWS: Bool = false) {
    self.what = what
    self.names = names.split(separator: " ").map(String.init)
    self.isAWS = isAWS
    known = Set(self.names)
  }

  func knows(_ name: String) -> Bool { known.contains(name) }
}

/// AWS's extensions (API Gateway developer guide, "OpenAPI extensions for API Gateway").
enum AWSExtension {
  static let integration = "x-amazon-apigateway-integration"
  static let anyMethod = "x-amazon-apigateway-any-method"
  static let auth = "x-amazon-apigateway-auth"
  static let authorizer = "x-amazon-apigateway-authorizer"
  static let authType = "x-amazon-apigateway-authtype"
  static let requestValidator = "x-amazon-apigateway-request-validator"
  static let requestValidators = "x-amazon-apigateway-request-validators"
  static let gatewayResponses = "x-amazon-apigateway-gateway-responses"
  static let binaryMediaTypes = "x-amazon-apigateway-binary-media-types"
  static let apiKeySource = "x-amazon-apigateway-api-key-source"
  static let minimumCompressionSize = "x-amazon-apigateway-minimum-compression-size"
  static let policy = "x-amazon-apigateway-policy"
  static let cors = "x-amazon-apigateway-cors"
  static let documentation = "x-amazon-apigateway-documentation"
  static let endpointConfiguration = "x-amazon-apigateway-endpoint-configuration"
  static let importExportVersion = "x-amazon-apigateway-importexport-version"
  static let integrations = "x-amazon-apigateway-integrations"
  static let tagValue = "x-amazon-apigateway-tag-value"
  static let securityPolicy = "x-amazon-apigateway-security-policy"
  static let endpointAccessMode = "x-amazon-apigateway-endpoint-access-mode"

  /// Each with the object that it belongs to.
  static let homes: [String: String] = [
    integration: "an operation", anyMethod: "a path", auth: "an operation", authorizer: "a security scheme", authType: "a security scheme",
    requestValidator: "the document or an operation", requestValidators: "the document", gatewayResponses: "the document",
    binaryMediaTypes: "the document", apiKeySource: "the document", minimumCompressionSize: "the document", policy: "the document",
    cors: "the document", documentation: "the document", endpointConfiguration: "the document or a server",
    importExportVersion: "the document", integrations: "the components", tagValue: "a tag", securityPolicy: "the document",
    endpointAccessMode: "the document",
  ]

  static let names = homes.keys.sorted()

  /// Those of the document as a whole.
  static let ofRoot = homes.filter { $0.value.hasPrefix("the document") }.keys.sorted().joined(separator: " ")
}

extension ObjectRules {
  static let swagger = ObjectRules(
    "a Swagger document",
    "swagger info host basePath schemes consumes produces paths definitions parameters responses securityDefinitions security tags "
      + "externalDocs \(AWSExtension.ofRoot)")
  static let openAPI = ObjectRules(
    "an OpenAPI document",
    "openapi info jsonSchemaDialect servers paths webhooks components security tags externalDocs \(AWSExtension.ofRoot)")
  static let components = ObjectRules(
    "the components",
    "schemas responses parameters examples requestBodies headers securitySchemes links callbacks pathItems \(AWSExtension.integrations)")
  static let info = ObjectRules("the info object", "title summary description termsOfService contact license version")
  static let tag = ObjectRules("a tag", "name description externalDocs \(AWSExtension.tagValue)")
  static let server = ObjectRules("a server", "url description variables \(AWSExtension.endpointConfiguration)")
  static let serverVariable = ObjectRules("a server variable", "enum default description")
  static let path = ObjectRules(
    "a path",
    "$ref summary description servers parameters get put post delete options head patch trace \(AWSExtension.anyMethod)")
  static let operation = ObjectRules(
    "an operation",
    "tags summary description externalDocs operationId consumes produces parameters requestBody responses callbacks schemes deprecated "
      + "security servers isDefaultRoute \(AWSExtension.integration) \(AWSExtension.auth) \(AWSExtension.requestValidator)")
  static let parameter = ObjectRules(
    "a parameter",
    "$ref name in description required deprecated allowEmptyValue style explode allowReserved schema example examples content type format "
      + "items collectionFormat default maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems "
      + "uniqueItems enum multipleOf")
  static let requestBody = ObjectRules("a request body", "$ref description content required")
  static let mediaType = ObjectRules("a media type", "schema example examples encoding")
  static let response = ObjectRules("a response", "$ref description headers content links schema examples")
  static let header = ObjectRules(
    "a header",
    "$ref description required deprecated allowEmptyValue style explode allowReserved schema example examples content type format items "
      + "collectionFormat default maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems "
      + "uniqueItems enum multipleOf")
  static let securityScheme = ObjectRules(
    "a security scheme",
    "$ref type description name in scheme bearerFormat flow flows authorizationUrl tokenUrl scopes openIdConnectUrl "
      + "\(AWSExtension.authorizer) \(AWSExtension.authType)")
  static let integration = ObjectRules(
    "an integration",
    "$ref type uri httpMethod connectionType connectionId credentials requestParameters requestTemplates passthroughBehavior "
      + "contentHandling timeoutInMillis cacheNamespace cacheKeyParameters tlsConfig payloadFormatVersion integrationSubtype responses "
      + "responseParameters responseTransferMode integrationTarget",
    isAWS: true)
  static let integrationResponse = ObjectRules(
    "an integration response", "statusCode responseParameters responseTemplates contentHandling", isAWS: true)
  static let tls = ObjectRules("tlsConfig", "insecureSkipVerification serverNameToVerify", isAWS: true)
  static let authorizer = ObjectRules(
    "an authorizer",
    "type authorizerUri authorizerCredentials identitySource identityValidationExpression authorizerResultTtlInSeconds "
      + "authorizerPayloadFormatVersion enableSimpleResponses jwtConfiguration providerARNs",
    isAWS: true)
  static let jwt = ObjectRules("jwtConfiguration", "issuer audience", isAWS: true)
  static let auth = ObjectRules(AWSExtension.auth, "type", isAWS: true)
  static let requestValidator = ObjectRules("a request validator", "validateRequestBody validateRequestParameters", isAWS: true)
  static let gatewayResponse = ObjectRules("a gateway response", "statusCode responseParameters responseTemplates", isAWS: true)
  static let endpoint = ObjectRules(
    AWSExtension.endpointConfiguration, "types ipAddressType vpcEndpointIds disableExecuteApiEndpoint", isAWS: true)
  static let cors = ObjectRules(
    AWSExtension.cors, "allowOrigins allowCredentials exposeHeaders maxAge allowMethods allowHeaders", isAWS: true)
}
