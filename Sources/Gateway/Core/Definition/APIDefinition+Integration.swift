// Owns what answers an operation: the request that is made of the client's, and the responses that are made of the backend's.

extension APIDefinition {
  public struct Integration: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
      case http
      case httpProxy = "http_proxy"
      case mock
      case aws
      case awsProxy = "aws_proxy"

      /// Whether requests and responses pass without templates.
      public var isProxy: Bool {
        switch self {
        case .httpProxy, .awsProxy: true
        case .http, .mock, .aws: false
        }
      }

      public var isHTTP: Bool {
        switch self {
        case .http, .httpProxy: true
        case .mock, .aws, .awsProxy: false
        }
      }
    }

    public enum Passthrough: String, Hashable, Sendable, CaseIterable {
      case whenNoMatch = "when_no_match"
      case whenNoTemplates = "when_no_templates"
      case never
    }

    public enum ContentHandling: String, Hashable, Sendable, CaseIterable {
      case convertToText = "CONVERT_TO_TEXT"
      case convertToBinary = "CONVERT_TO_BINARY"
    }

    public enum TransferMode: String, Hashable, Sendable, CaseIterable {
      case buffered = "BUFFERED"
      case stream = "STREAM"
    }

    public enum Connection: Hashable, Sendable {
      case internet
      /// A VPC link at AWS, an upstream pool by its name here; may hold stage variables.
      case vpcLink(String)
    }

    public struct TLS: Hashable, Sendable {
      public var skipsVerification = false
      public var serverNameToVerify: String?

      public init() {}
    }

    public var kind: Kind
    /// May hold path parameters and stage variables.
    public var uri: String?
    /// The backend's method; "ANY" for the client's. Nil for a mock.
    public var httpMethod: String?
    public var connection = Connection.internet
    public var credentials: String?
    /// REST: `integration.request.…` and its source. HTTP: `append:header.…` and its value; of an AWS service, its own parameters.
    public var requestParameters: NamedValues<String> = [:]
    /// By media type.
    public var requestTemplates: NamedValues<String> = [:]
    public var passthrough = Passthrough.whenNoMatch
    public var contentHandling: ContentHandling?
    /// Nil for AWS's default, 29 s for REST and 30 s for HTTP APIs.
    public var timeoutMilliseconds: Int?
    /// Nil for the resource's own.
    public var cacheNamespace: String?
    public var cacheKeyParameters: [String] = []
    public var tls: TLS?
    public var payloadFormatVersion: String?
    public var subtype: String?
    public var transferMode: TransferMode?
    public var target: String?
    /// REST: tried in order against a status or an error, the default last.
    public var responses: [IntegrationResponse] = []
    /// HTTP: by the backend's status, what is mapped onto the response.
    public var responseParameters: NamedValues<NamedValues<String>> = [:]

    public init(kind: Kind) { self.kind = kind }
  }

  public struct IntegrationResponse: Hashable, Sendable {
    /// A regular expression that has to match as a whole; nil for the default.
    public var selectionPattern: String?
    public var statusCode: String
    /// `method.response.header.NAME` and its source.
    public var parameters: NamedValues<String> = [:]
    /// By media type.
    public var templates: NamedValues<String> = [:]
    public var contentHandling: Integration.ContentHandling?

    public init(selectionPattern: String?, statusCode: String) {
      self.selectionPattern = selectionPattern
      self.statusCode = statusCode
    }
  }
}
