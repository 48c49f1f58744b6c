// Owns the settings of one API and its routes.

extension Configuration {
  public struct API: Sendable, Equatable {
    public enum Flavour: String, Sendable { case http }

    public var name: String
    public var flavour: Flavour
    /// Lower case: `*`, `*.example.com` or a host; unique among all APIs.
    public var hosts: [String]
    /// In the order of the document; keys are unique.
    public var routes: [Route]
    /// Not in effect yet.
    public var throttle: Throttle?
    /// For routes that do not say their own; nil: none.
    public var cache: RouteCache?
  }

  public struct Route: Sendable, Equatable {
    /// `GET /pets/{id}`, `ANY /files/{proxy+}` or `$default`.
    public var key: String
    public var integration: Integration
    /// The whole request; nil for the upstream's own.
    public var timeout: Duration?
    /// `Host` that the upstream sees; nil for what the upstream says.
    public var host: String?
    /// nil: what the API says.
    public var cache: RouteCache?
    /// Not in effect yet.
    public var throttle: Throttle?
  }

  public enum Integration: Sendable, Equatable {
    /// The name of an upstream of this configuration.
    case upstream(String)
    case mock(Mock)
  }

  public struct Mock: Sendable, Equatable {
    /// 200...599
    public var status: Int
    /// In the order of the document.
    public var headers: [Field]
    public var body: String
  }

  public struct Field: Sendable, Equatable {
    public var name: String
    public var value: String
  }

  /// Caching of a route or an API.
  public struct RouteCache: Sendable, Equatable {
    public var isEnabled: Bool
    public var defaultTTL: Duration?
    public var maximumTTL: Duration?
    public var negativeTTL: Duration?
    public var heuristics: Bool
    public var staleWhileRevalidate: Duration
    public var staleIfError: Duration
    public var bodyBytesMax: Int
    /// Whether the host is part of the key.
    public var keyHost: Bool
    /// Query parameters of the key; nil: the whole query.
    public var keyQuery: [String]?
    /// Header fields of the key.
    public var keyHeaders: [String]
    /// Header fields of requests that go past the cache.
    public var bypass: [String]
    /// Whether clients may purge by the method PURGE.
    public var allowsPurgeMethod: Bool
  }
}
