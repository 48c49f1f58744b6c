// Owns what a parameter mapping asks of whoever runs it: the message that values come from, and the two things that the heart does not
// know how to find, values of the context and of JSON paths.

/// The message and its surroundings. Slices share one copy of the message; nothing is copied to ask.
public protocol MappingScope {
  /// The header fields of the client's request, without those that are dropped at ingress, or of the backend's response.
  var fields: [MessageField] { get }
  /// The parameters of the request's query string, decoded, in order.
  var query: [MessageField] { get }
  /// The parameters of the request's path, each once.
  var pathParameters: [MessageField] { get }
  /// The request's path without the stage.
  var path: ArraySlice<UInt8> { get }
  /// The body of the message.
  var body: ArraySlice<UInt8> { get }
  /// The text of a variable of the context; nil where the request has none.
  func context(_ variable: ContextVariable) -> ArraySlice<UInt8>?
  func stageVariable(_ name: String) -> ArraySlice<UInt8>?
}

/// A variable of the context, its name checked when the mapping was compiled (API Gateway developer guide, "Variables for data
/// transformations for REST APIs" and "Logging variables for HTTP APIs").
public struct ContextVariable: Hashable, Sendable {
  /// Without `$context.`: `identity.sourceIp`.
  public let name: String

  /// - Parameter name: nil is made of one whose first part the context does not have, or with an empty part.
  init?(_ name: String) {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard ContextVariable.roots.contains(String(parts[0])), !parts.contains(where: \.isEmpty),
      name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return nil }
    self.name = name
  }

  private static let roots: Set<String> = [
    "accountId", "apiId", "authenticate", "authorize", "authorizer", "awsEndpointRequestId", "awsEndpointRequestId2", "connectedAt",
    "connectionId", "customDomain", "dataProcessed", "deploymentId", "domainName", "domainPrefix", "error", "eventType",
    "extendedRequestId", "httpMethod", "identity", "integration", "integrationErrorMessage", "integrationLatency", "integrationStatus",
    "isCanaryRequest", "messageId", "path", "protocol", "requestId", "requestOverride", "requestTime", "requestTimeEpoch", "resourceId",
    "resourcePath", "responseLatency", "responseLength", "responseOverride", "routeKey", "stage", "status", "waf", "wafResponseCode",
    "webaclArn", "xrayTraceId",
  ]
}

/// Compiled JSON paths, all those of one mapping, so that a body is read once.
public protocol BodySelector: Sendable {
  /// What the paths find.
  ///
  /// - Parameter body: a text that begins with "{" or "[", so that it has to be JSON.
  func select(in body: ArraySlice<UInt8>) -> BodySelection
}

public enum BodySelection: Sendable, Equatable {
  /// The body is not JSON.
  case invalid
  /// For each path the text of a string, number or boolean, or the JSON of a list or object; nil for nothing or null.
  case values([ArraySlice<UInt8>?])
}

/// Makes the selector of the JSON paths ("$.pets[0].name") that one mapping names, which may be none: such a selector only says whether
/// a body is JSON.
public protocol BodySelectorCompiler {
  /// - Throws: which path is at fault, and why in a sentence.
  func compile(_ paths: [String]) throws(BodyPathFault) -> any BodySelector
}

public struct BodyPathFault: Error, Equatable, Sendable {
  /// The index of the path.
  public let path: Int
  public let message: String

  public init(path: Int, message: String) {
    self.path = path
    self.message = message
  }
}
