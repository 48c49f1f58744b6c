// Owns the types of a REST API's integrations, as far as the rules of headers, bodies and responses differ between them.

/// A type of integration (API Gateway developer guide, "Choose an API Gateway API integration type").
public enum IntegrationKind: String, Hashable, Sendable, CaseIterable {
  case http = "HTTP"
  case httpProxy = "HTTP_PROXY"
  case mock = "MOCK"
  case service = "AWS"
  case serviceProxy = "AWS_PROXY"

  /// Whether requests and responses pass without templates and without a choice among integration responses.
  public var isProxy: Bool {
    switch self {
    case .httpProxy, .serviceProxy: true
    case .http, .mock, .service: false
    }
  }

  /// Whether the backend is a service of AWS, with its narrower choice of headers.
  var isService: Bool {
    switch self {
    case .service, .serviceProxy: true
    case .http, .httpProxy, .mock: false
    }
  }
}
