// Owns: what a configuration adds to a response's own words, per route and status class. Reading the configuration is Node's.

/// Rules of a route, compiled. The default lets only the response itself decide.
public struct CacheRules: Sendable, Equatable {
  /// Lifetime in seconds of a response that says nothing explicit: statuses below 400 that are heuristically cacheable, or `public`.
  public var defaultTTL: Int64?
  /// No response is fresh for longer, whatever it says.
  public var maximumTTL: Int64?
  /// Lifetime in seconds of errors that are heuristically cacheable (404, 405, 410, 414, 501) and say nothing explicit.
  public var negativeTTL: Int64?
  /// A tenth of Date - Last-Modified, a day at most (RFC 9111 §4.2.2).
  public var heuristics: Bool
  /// Seconds, for responses that do not say their own (RFC 5861).
  public var staleWhileRevalidate: Int64
  /// Seconds, for responses that do not say their own (RFC 5861).
  public var staleIfError: Int64
  /// Bytes of a body beyond which a response is not stored.
  public var bodyBytesMax: Int
  /// Targeted fields that this cache obeys, the most specific first, in lower case (RFC 9213 §2.2).
  public var targets: [String]

  public static let standardTargets = ["tidegate-cdn-cache-control", "cdn-cache-control"]

  public init(
    defaultTTL: Int64? = nil, maximumTTL: Int64? = nil, negativeTTL: Int64? = nil, heuristics: Bool = true,
    staleWhileRevalidate: Int64 = 0, staleIfError: Int64 = 0, bodyBytesMax: Int = .max, targets: [String] = CacheRules.standardTargets
  ) {
    self.defaultTTL = defaultTTL
    self.maximumTTL = maximumTTL
    self.negativeTTL = negativeTTL
    self.heuristics = heuristics
    self.staleWhileRevalidate = staleWhileRevalidate
    self.staleIfError = staleIfError
    self.bodyBytesMax = bodyBytesMax
    self.targets = targets
  }
}

/// Methods as this cache tells them apart.
public enum CacheMethod: Sendable, Equatable {
  case get, head, other
}
