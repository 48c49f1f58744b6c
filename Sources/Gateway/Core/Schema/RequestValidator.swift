// Owns: a REST method's request validator: whether required parameters are there, which model a body is held against, and what is said
// when it fails (API Gateway developer guide, "Request validation for REST APIs"). Where parameters come from, and what the answer looks
// like, is the caller's.
import Runtime

/// A parameter that a method declares in `requestParameters`.
public struct RequestParameter: Equatable, Sendable {
  public enum Place: String, Sendable {
    case path, querystring, header
  }

  public let place: Place
  public let name: String

  public init(place: Place, name: String) {
    self.place = place
    self.name = name
  }

  /// - Parameter key: as in `requestParameters`: `method.request.querystring.page`. A name may have dots.
  /// - Returns: nil for any other form.
  public init?(key: String) {
    let parts = key.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "method", parts[1] == "request", !parts[3].isEmpty else { return nil }
    guard let place = Place(rawValue: String(parts[2])) else { return nil }
    self.init(place: place, name: String(parts[3]))
  }

  /// The key again.
  public var key: String { "method.request.\(place.rawValue).\(name)" }
}

/// Why a request is refused.
public enum RequestFault: Equatable, Sendable {
  /// Names of required parameters that are missing or blank.
  case missingParameters([String])
  case invalidBody(SchemaFailures)

  /// The gateway response that tells it.
  public var responseType: String {
    switch self {
    case .missingParameters: "BAD_REQUEST_PARAMETERS"
    case .invalidBody: "BAD_REQUEST_BODY"
    }
  }

  /// `$context.error.message`.
  public var message: String {
    switch self {
    case .missingParameters(let names): "Missing required request parameters: [\(names.joined(separator: ", "))]"
    case .invalidBody: "Invalid request body"
    }
  }

  /// `$context.error.validationErrorString`.
  public var validationError: String {
    switch self {
    case .missingParameters: message
    case .invalidBody(let failures): failures.text
    }
  }

  /// A body that is not JSON, an empty one included, as the service says in its logs.
  public static let unreadableBody = RequestFault.invalidBody(SchemaFailures(messages: ["Unknown error parsing request body"]))
}

/// What a method asks of a request before it goes on.
public struct RequestValidator: Sendable {
  /// In the order of their keys, which is the order in which missing ones are named.
  public let required: [RequestParameter]
  private let models: [String: CompiledSchema]
  private let limits: JSONLimits

  /// - Parameters:
  ///   - required: the parameters that must be there; empty where the validator does not check parameters.
  ///   - models: the models by content type, `$default` for all others; empty where the validator does not check bodies.
  ///   - limits: of bodies.
  public init(required: [RequestParameter], models: [String: CompiledSchema], limits: JSONLimits = JSONLimits()) {
    self.required = required.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    var byMediaType: [String: CompiledSchema] = [:]
    for (contentType, model) in models { byMediaType[Self.mediaType(contentType)] = model }
    self.models = byMediaType
    self.limits = limits
  }

  /// - Parameter value: the value of a parameter as the request has it; nil: it has none. Names of headers have no case.
  /// - Returns: nil if all that is required is there and not blank.
  public func parameterFault(value: (RequestParameter) -> String?) -> RequestFault? {
    var missing: [String]?
    for parameter in required {
      let isThere = value(parameter)?.utf8.contains { $0 != 0x20 && $0 != 0x09 } ?? false
      if !isThere { missing = (missing ?? []) + [parameter.name] }
    }
    return missing.map { .missingParameters($0) }
  }

  /// The model that a body is held against: that of its media type, without regard to parameters and case, else `$default`'s; nil: the
  /// body goes unchecked.
  /// - Parameter contentType: the header as received; nil or empty: there is none, which counts as application/json.
  public func model(contentType: String?) -> CompiledSchema? {
    if models.isEmpty { return nil }
    let mediaType = Self.mediaType(contentType ?? "")
    return models[mediaType.isEmpty ? "application/json" : mediaType] ?? models["$default"]
  }

  /// - Parameter body: the bytes as received.
  /// - Returns: nil if the body is valid, or nobody asks.
  public func bodyFault(contentType: String?, body: UnsafeRawBufferPointer) -> RequestFault? {
    guard let model = model(contentType: contentType) else { return nil }
    guard let value = try? JSONValue.parse(body, limits: limits, surrogates: .replace) else { return .unreadableBody }
    return Self.bodyFault(value, model)
  }

  /// As `bodyFault(contentType:body:)`, of a body that was read already.
  public static func bodyFault(_ value: JSONValue, _ model: CompiledSchema) -> RequestFault? {
    model.failures(of: value).map { .invalidBody($0) }
  }

  private static func mediaType(_ contentType: String) -> String {
    let bytes = contentType.utf8.prefix { $0 != UInt8(ascii: ";") }
    let trimmed = bytes.drop { $0 == 0x20 || $0 == 0x09 }
    let end = trimmed.lastIndex { $0 != 0x20 && $0 != 0x09 }.map { trimmed.index(after: $0) } ?? trimmed.startIndex
    return Substring(trimmed[..<end]).lowercased()
  }
}
