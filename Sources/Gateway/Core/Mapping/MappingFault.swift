// Owns the reasons for which a mapping is refused when it is compiled, and those for which it fails a request.

/// An entry of a mapping that cannot be compiled.
public struct MappingFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The entry's key, which is its place in the definition.
  public let key: String
  /// What is wrong and what to do.
  public let message: String

  public var description: String { "\"\(key)\": \(message)" }
}

/// All the faults of a mapping, in its order.
public struct MappingFaults: Error, Equatable, Sendable {
  public let faults: [MappingFault]
}

/// Why a mapping fails a request.
public enum MappingFailure: Error, Equatable, Sendable {
  /// A body that a value comes from begins like JSON and is none. In a request 400 with the message "Invalid JSON in request body",
  /// in a response 500.
  case invalidJSON
  /// A value for a header that no mapping may set: 500, API_CONFIGURATION_ERROR.
  case refusedHeader(String)
  /// The values together are longer than `MappingLimits.valueBytesMax`: 500, API_CONFIGURATION_ERROR.
  case tooLong
  /// `overwrite:statuscode` has no status for a value: 500.
  case invalidStatus
}

/// The bounds of a mapping.
public struct MappingLimits: Sendable, Equatable {
  /// The most entries of one mapping.
  public var entriesMax = 512
  /// The longest key or value, in bytes.
  public var textBytesMax = 4096
  /// The most bytes that the values of one mapping have together. AWS ends at 10,240 bytes of headers.
  public var valueBytesMax = 65_536

  public init() {}

  /// HTTP APIs look for JSON paths in this many bytes of a body (API Gateway developer guide, "Transform API requests and responses for
  /// HTTP APIs": "truncates the request body at 100 KB").
  static let selectedBodyBytesMax = 102_400
}
