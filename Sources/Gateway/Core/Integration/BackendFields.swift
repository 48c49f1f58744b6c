// Owns the header fields of the request that goes to a REST API's HTTP backend: the client's, the mapped ones, and the gateway's own
// (requests recorded from the service). Framing, Host and hop-by-hop fields are the engine's.

/// What the gateway says of itself to a backend.
public struct GatewayIdentity: Sendable {
  public var apiID: ArraySlice<UInt8>
  /// The value of X-Amzn-Trace-Id.
  public var traceID: ArraySlice<UInt8>

  public init(apiID: ArraySlice<UInt8>, traceID: ArraySlice<UInt8>) {
    self.apiID = apiID
    self.traceID = traceID
  }
}

/// The fields of a request to an HTTP backend.
public enum BackendFields {
  private static let accept = MessageField("Accept", "application/json")
  private static let contentType = Array("Content-Type".utf8)[...]
  private static let userAgent = Array("User-Agent".utf8)[...]
  private static let agentPrefix = Array("AmazonAPIGateway_".utf8)
  private static let apiIdentifier = Array("X-Amzn-Apigateway-Api-Id".utf8)[...]
  private static let traceIdentifier = Array("X-Amzn-Trace-Id".utf8)[...]

  /// The fields for a backend of types HTTP and HTTP_PROXY.
  ///
  /// HTTP_PROXY passes the client's fields on, and a mapped one replaces the client's of that name; HTTP sends only what is mapped. Both
  /// add Accept and User-Agent where there is none. HTTP adds the client's Content-Type where the method has a body.
  ///
  /// - Parameters:
  ///   - client: the client's fields, without those of `IntegrationHeaders.isDroppedAtIngress`.
  ///   - mapped: from `integration.request.header.NAME` and from a template's overrides.
  ///   - hasBody: false for GET, HEAD and OPTIONS of the client.
  public static func request(
    _ kind: IntegrationKind, client: [MessageField], mapped: [MessageField], hasBody: Bool, _ gateway: GatewayIdentity
  ) -> [MessageField] {
    var fields = kind.isProxy ? client.filter { passes($0.name, mapped) } : []
    fields += mapped
    fields.removeAll { IntegrationHeaders.isDroppedToBackend($0.name, kind) }
    func adds(_ field: MessageField) {
      if !fields.contains(where: { $0.isNamed(field.name) }) { fields.append(field) }
    }
    adds(accept)
    adds(MessageField(name: userAgent, value: (agentPrefix + gateway.apiID)[...]))
    if hasBody, let type = client.first(where: { $0.isNamed(contentType) }) { adds(type) }
    fields.removeAll { $0.isNamed(apiIdentifier) || $0.isNamed(traceIdentifier) }
    fields.append(MessageField(name: apiIdentifier, value: gateway.apiID))
    fields.append(MessageField(name: traceIdentifier, value: gateway.traceID))
    return fields
  }

  private static func passes(_ name: ArraySlice<UInt8>, _ mapped: [MessageField]) -> Bool {
    if IntegrationHeaders.rules(name).contains(.notPassedOn) { return false }
    return !mapped.contains { $0.isNamed(name) }
  }
}
