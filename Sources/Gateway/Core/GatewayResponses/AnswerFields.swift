// Owns the header fields by which a gateway names a request in its answer, and the error bodies of HTTP APIs (responses recorded from the
// service).

/// The identifiers of a request.
public struct RequestIdentifiers: Sendable {
  /// `$context.requestId`.
  public var request: ArraySlice<UInt8>
  /// `$context.extendedRequestId`.
  public var extended: ArraySlice<UInt8>
  /// X-Amzn-Trace-Id.
  public var trace: ArraySlice<UInt8>

  public init(request: ArraySlice<UInt8>, extended: ArraySlice<UInt8>, trace: ArraySlice<UInt8>) {
    self.request = request
    self.extended = extended
    self.trace = trace
  }
}

public enum AnswerFields {
  private static let requestID = Array("x-amzn-RequestId".utf8)[...]
  private static let extendedID = Array("x-amz-apigw-id".utf8)[...]
  private static let traceID = Array("X-Amzn-Trace-Id".utf8)[...]
  private static let httpID = Array("apigw-requestid".utf8)[...]

  /// The fields that a REST API adds to every answer; the trace only to what a backend of type HTTP, AWS or AWS_PROXY answered.
  ///
  /// - Parameter kind: of the integration that answered; nil for a gateway response.
  public static func rest(_ identifiers: RequestIdentifiers, _ kind: IntegrationKind?) -> [MessageField] {
    var fields = [
      MessageField(name: requestID, value: identifiers.request), MessageField(name: extendedID, value: identifiers.extended),
    ]
    switch kind {
    case .http, .service, .serviceProxy: fields.append(MessageField(name: traceID, value: identifiers.trace))
    case .httpProxy, .mock, nil: break
    }
    return fields
  }

  /// The field that an HTTP API adds to every answer.
  public static func http(_ identifiers: RequestIdentifiers) -> [MessageField] {
    [MessageField(name: httpID, value: identifiers.extended)]
  }
}

/// Errors that an HTTP API answers by itself; no definition changes them.
public enum HTTPAPIError: String, Hashable, Sendable, CaseIterable {
  case badRequest = "Bad Request"
  case unauthorized = "Unauthorized"
  case forbidden = "Forbidden"
  case notFound = "Not Found"
  case requestTooLarge = "Request Entity Too Large"
  case tooManyRequests = "Too Many Requests"
  case internalServerError = "Internal Server Error"
  /// Also where the integration does not answer in time.
  case serviceUnavailable = "Service Unavailable"

  public var status: Int {
    switch self {
    case .badRequest: 400
    case .unauthorized: 401
    case .forbidden: 403
    case .notFound: 404
    case .requestTooLarge: 413
    case .tooManyRequests: 429
    case .internalServerError: 500
    case .serviceUnavailable: 503
    }
  }

  /// The answer, without the request's identifier.
  public var answer: GatewayAnswer {
    GatewayAnswer(
      status: status, fields: [MessageField("Content-Type", "application/json")], body: Array(#"{"message":"\#(rawValue)"}"#.utf8))
  }
}
