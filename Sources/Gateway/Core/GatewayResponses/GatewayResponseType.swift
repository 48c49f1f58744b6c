// Owns the kinds of error that a REST API answers by itself, with their statuses, messages and names on the wire (API Gateway developer
// guide, "Gateway response types for API Gateway").

/// Why a gateway answers in a backend's stead.
public enum GatewayResponseType: String, Hashable, Sendable, CaseIterable {
  case accessDenied = "ACCESS_DENIED"
  /// A broken definition shows at run time: an unusable address, a body that is no Base64, no integration response that fits.
  case apiConfigurationError = "API_CONFIGURATION_ERROR"
  case authorizerConfigurationError = "AUTHORIZER_CONFIGURATION_ERROR"
  case authorizerFailure = "AUTHORIZER_FAILURE"
  case badRequestParameters = "BAD_REQUEST_PARAMETERS"
  case badRequestBody = "BAD_REQUEST_BODY"
  /// Not a kind of its own: what the kinds of 4XX that are not declared take their answer from.
  case default4XX = "DEFAULT_4XX"
  /// The same for 5XX.
  case default5XX = "DEFAULT_5XX"
  case expiredToken = "EXPIRED_TOKEN"
  case integrationFailure = "INTEGRATION_FAILURE"
  case integrationTimeout = "INTEGRATION_TIMEOUT"
  case invalidAPIKey = "INVALID_API_KEY"
  case invalidSignature = "INVALID_SIGNATURE"
  /// Also for a path or method that no resource has.
  case missingAuthenticationToken = "MISSING_AUTHENTICATION_TOKEN"
  case quotaExceeded = "QUOTA_EXCEEDED"
  /// A definition cannot change its answer.
  case requestTooLarge = "REQUEST_TOO_LARGE"
  case resourceNotFound = "RESOURCE_NOT_FOUND"
  case throttled = "THROTTLED"
  case unauthorized = "UNAUTHORIZED"
  case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
  case wafFiltered = "WAF_FILTERED"

  /// The status that the guide's table gives; nil for the two defaults.
  public var status: Int? {
    switch self {
    case .default4XX, .default5XX: nil
    case .badRequestParameters, .badRequestBody: 400
    case .unauthorized: 401
    case .accessDenied, .expiredToken, .invalidAPIKey, .invalidSignature, .missingAuthenticationToken, .wafFiltered: 403
    case .resourceNotFound: 404
    case .requestTooLarge: 413
    case .unsupportedMediaType: 415
    case .quotaExceeded, .throttled: 429
    case .apiConfigurationError, .authorizerConfigurationError, .authorizerFailure: 500
    case .integrationFailure, .integrationTimeout: 504
    }
  }

  /// Whether the fault is the client's, and so `DEFAULT_4XX` the type to fall back to.
  public var isClientFault: Bool {
    switch self {
    case .default4XX, .badRequestParameters, .badRequestBody, .unauthorized, .accessDenied, .expiredToken, .invalidAPIKey,
      .invalidSignature, .missingAuthenticationToken, .wafFiltered, .resourceNotFound, .requestTooLarge, .unsupportedMediaType,
      .quotaExceeded, .throttled:
      true
    case .default5XX, .apiConfigurationError, .authorizerConfigurationError, .authorizerFailure, .integrationFailure, .integrationTimeout:
      false
    }
  }

  /// The message where the cause gives no closer one.
  public var message: String {
    switch self {
    case .accessDenied: "User is not authorized to access this resource"
    case .apiConfigurationError, .authorizerConfigurationError, .authorizerFailure, .default5XX, .integrationFailure:
      "Internal server error"
    case .badRequestParameters: "Missing required request parameters"
    case .badRequestBody: "Invalid request body"
    case .default4XX: "Bad Request"
    case .expiredToken: "The security token included in the request is expired"
    case .integrationTimeout: "Endpoint request timed out"
    case .invalidAPIKey, .wafFiltered: "Forbidden"
    case .invalidSignature:
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing "
        + "method. Consult the service documentation for details."
    case .missingAuthenticationToken: "Missing Authentication Token"
    case .quotaExceeded: "Limit Exceeded"
    case .requestTooLarge: "Request Too Large"
    case .resourceNotFound: "Not Found"
    case .throttled: "Too Many Requests"
    case .unauthorized: "Unauthorized"
    case .unsupportedMediaType: "Unsupported Media Type"
    }
  }

  /// What the field x-amzn-ErrorType says.
  public var errorType: String {
    switch self {
    case .accessDenied: "AccessDeniedException"
    case .apiConfigurationError, .integrationFailure, .integrationTimeout, .default5XX: "InternalServerErrorException"
    case .authorizerConfigurationError: "AuthorizerConfigurationException"
    case .authorizerFailure: "AuthorizerFailureException"
    case .badRequestParameters, .badRequestBody, .default4XX, .unsupportedMediaType: "BadRequestException"
    case .expiredToken: "ExpiredTokenException"
    case .invalidAPIKey, .wafFiltered: "ForbiddenException"
    case .invalidSignature: "InvalidSignatureException"
    case .missingAuthenticationToken: "MissingAuthenticationTokenException"
    case .quotaExceeded: "LimitExceededException"
    case .requestTooLarge: "RequestTooLargeException"
    case .resourceNotFound: "NotFoundException"
    case .throttled: "TooManyRequestsException"
    case .unauthorized: "UnauthorizedException"
    }
  }

  public var isCustomizable: Bool { self != .requestTooLarge }
}
