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
    /// Not in effect yet.
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
    /// Not in effect yet.
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

  /// Not in effect yet.
  public struct RouteCache: Sendable, Equatable {
    public var defaultTTL: Duration?
  }
}
