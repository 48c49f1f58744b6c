// Owns what a REST API does with single header fields on their way in, to the backend and back: which are left out, which may not be
// mapped, and which come back under another name (requests and responses recorded from the service; API Gateway developer guide,
// "Amazon API Gateway important notes for REST APIs").

/// What the rules say of one field name.
struct HeaderRules: OptionSet, Sendable {
  let rawValue: UInt16

  /// Neither mappings nor templates nor the backend get to see it.
  static let droppedAtIngress = HeaderRules(rawValue: 1 << 0)
  /// HTTP_PROXY does not pass the client's on; a mapping may still set it.
  static let notPassedOn = HeaderRules(rawValue: 1 << 1)
  /// A mapping to it fails the request: 500.
  static let refusedTarget = HeaderRules(rawValue: 1 << 2)
  /// The same, for AWS and AWS_PROXY only.
  static let refusedServiceTarget = HeaderRules(rawValue: 1 << 3)
  /// Left out of the request to the backend even where a mapping or template has set it.
  static let droppedToBackend = HeaderRules(rawValue: 1 << 4)
  static let droppedToHTTP = HeaderRules(rawValue: 1 << 5)
  static let droppedToServices = HeaderRules(rawValue: 1 << 6)
  /// Left out of the response.
  static let droppedInResponse = HeaderRules(rawValue: 1 << 7)
  /// Comes back as `x-amzn-Remapped-NAME`.
  static let remapped = HeaderRules(rawValue: 1 << 8)
  /// The same, for HTTP_PROXY only.
  static let remappedByHTTPProxy = HeaderRules(rawValue: 1 << 9)
}

/// The rules of all field names that have some.
public enum IntegrationHeaders {
  static let remappedPrefix = Array("x-amzn-Remapped-".utf8)

  private static let table = ByteTable<HeaderRules>([
    ("Authorization", [.refusedServiceTarget, .remapped]),
    ("Connection", [.droppedAtIngress, .refusedServiceTarget, .droppedToBackend, .remapped]),
    ("Content-Encoding", [.notPassedOn]),
    ("Content-Length", [.droppedAtIngress, .refusedTarget, .remapped]),
    ("Content-MD5", [.droppedAtIngress, .remapped]),
    ("Date", [.remapped]),
    ("Expect", [.droppedAtIngress, .refusedServiceTarget, .droppedToBackend, .remapped]),
    ("Host", [.notPassedOn, .remapped]),
    ("Max-Forwards", [.droppedAtIngress, .remapped]),
    ("Proxy-Authenticate", [.droppedAtIngress, .refusedServiceTarget, .droppedToBackend, .remapped]),
    ("Referer", [.droppedToServices]),
    ("Server", [.droppedAtIngress, .remapped]),
    ("TE", [.droppedAtIngress, .refusedServiceTarget, .droppedToBackend]),
    ("Trailer", [.droppedAtIngress, .remapped]),
    ("Transfer-Encoding", [.droppedAtIngress, .refusedTarget, .droppedInResponse]),
    ("Upgrade", [.droppedAtIngress, .remapped]),
    ("User-Agent", [.remapped]),
    ("Via", [.droppedToHTTP]),
    ("WWW-Authenticate", [.droppedAtIngress, .remapped]),
    ("X-Amzn-Apigateway-Api-Id", [.refusedTarget]),
    ("X-Amzn-RequestId", [.remappedByHTTPProxy]),
    ("X-Amzn-Trace-Id", [.refusedTarget]),
  ])

  static func rules(_ name: ArraySlice<UInt8>) -> HeaderRules { table[name] ?? [] }

  /// Whether the gateway keeps a client's field to itself: nobody behind it, mappings and templates included, sees it.
  public static func isDroppedAtIngress(_ name: ArraySlice<UInt8>) -> Bool { rules(name).contains(.droppedAtIngress) }

  /// Whether a value mapped to `integration.request.header.NAME` fails the request with 500, API_CONFIGURATION_ERROR. AWS_PROXY, which
  /// takes no mappings, fails just so.
  public static func isRefusedTarget(_ name: ArraySlice<UInt8>, _ kind: IntegrationKind) -> Bool {
    let rules = rules(name)
    return rules.contains(.refusedTarget) || (kind.isService && rules.contains(.refusedServiceTarget))
  }

  static func isDroppedToBackend(_ name: ArraySlice<UInt8>, _ kind: IntegrationKind) -> Bool {
    let rules = rules(name)
    return rules.contains(.droppedToBackend) || rules.contains(kind.isService ? .droppedToServices : .droppedToHTTP)
  }

  /// What becomes of a field of the method response, mapped, set by a template, or passed by a proxy integration: nil if it is left out.
  ///
  /// - Parameter remaps: false where the definition turns the renaming off, which AWS has no way to.
  public static func response(_ field: MessageField, _ kind: IntegrationKind, remaps: Bool = true) -> MessageField? {
    let rules = rules(field.name)
    if rules.contains(.droppedInResponse) { return nil }
    let isRemapped = rules.contains(.remapped) || (kind == .httpProxy && rules.contains(.remappedByHTTPProxy))
    if !isRemapped || !remaps { return field }
    return MessageField(name: (remappedPrefix + field.name)[...], value: field.value)
  }
}
