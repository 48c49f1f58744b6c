// Owns an error of the gateway as a value, from its cause to the response table.
import Runtime

/// What went wrong with a request to a REST API.
public struct GatewayError: Error, Equatable, Sendable {
  public var type: GatewayResponseType
  /// Nil for the type's own message.
  public var message: String?
  /// What request validation found, for `$context.error.validationErrorString`.
  public var validationErrors: String?
  /// The status where the service deviates from the type's, as for an integration that cannot be called: 500 and not 504.
  public var status: Int?

  public init(_ type: GatewayResponseType, message: String? = nil, validationErrors: String? = nil, status: Int? = nil) {
    self.type = type
    self.message = message
    self.validationErrors = validationErrors
    self.status = status
  }

  /// The error of a mapping that failed; `inRequest` where the client's message was at fault and not the backend's.
  public init(_ failure: MappingFailure, inRequest: Bool) {
    switch failure {
    case .invalidJSON where inRequest: self.init(.default4XX, message: "Invalid JSON in request body", status: 400)
    case .invalidJSON: self.init(.default5XX, status: 500)
    case .refusedHeader, .tooLong, .invalidStatus: self.init(.apiConfigurationError)
    }
  }
}

/// A request and what went wrong with it: the scope of gateway responses.
struct ErrorScope<Base: MappingScope>: MappingScope {
  let base: Base
  let error: GatewayError

  var fields: [MessageField] { base.fields }
  var query: [MessageField] { base.query }
  var pathParameters: [MessageField] { base.pathParameters }
  var path: ArraySlice<UInt8> { base.path }
  var body: ArraySlice<UInt8> { base.body }

  /// `error.messageString` is the message in the quotes and escapes of JSON.
  func context(_ variable: ContextVariable) -> ArraySlice<UInt8>? {
    switch variable.name {
    case "error.message": Array((error.message ?? error.type.message).utf8)[...]
    case "error.messageString": JSONValue.string(error.message ?? error.type.message).serialized()[...]
    case "error.responseType": Array(error.type.rawValue.utf8)[...]
    case "error.validationErrorString": error.validationErrors.map { Array($0.utf8)[...] }
    default: base.context(variable)
    }
  }

  func stageVariable(_ name: String) -> ArraySlice<UInt8>? { base.stageVariable(name) }
}
