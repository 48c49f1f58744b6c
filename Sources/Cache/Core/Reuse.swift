// Owns: whether a stored response that the key and the variance have selected answers a request (RFC 9111 §4, RFC 5861). Selecting it is
// the tiers' and Variance's.

/// Why a stored response needs a validation first.
public enum ValidateReason: Sendable, Equatable {
  /// The request said `no-cache`, or `max-age=0` (§5.2.1.1, §5.2.1.4).
  case requestNoCache
  /// Older than the request's `max-age` (§5.2.1.1).
  case requestMaxAge
  /// Not fresh for as long as the request's `min-fresh` wants (§5.2.1.3).
  case requestMinFresh
  /// The response said `no-cache` (§5.2.2.4).
  case noCache
  /// Stale, and nothing allows it to be served so.
  case stale
  /// Stale, and the response forbids it to be served so (§4.2.4).
  case mustRevalidate

  /// What Cache-Status calls it (RFC 9211 §2.2).
  public var forward: CacheStatusLine.Forward {
    switch self {
    case .requestNoCache, .requestMaxAge, .requestMinFresh: .request
    case .noCache, .stale, .mustRevalidate: .stale
    }
  }
}

public enum ReuseJudgement: Sendable, Equatable {
  case fresh
  /// Stale, within the request's `max-stale`.
  case stale
  /// Stale, within the window in which a validation may follow the answer (RFC 5861 §3).
  case staleWhileRevalidate
  /// Not without a validation; with `only-if-cached`, 504 (RFC 9111 §5.2.1.7).
  case validate(reason: ValidateReason)
}

public enum Reuse {
  /// - Parameter now: milliseconds since the epoch.
  public static func judge(_ terms: CacheTerms, _ directives: RequestDirectives, now: Int64) -> ReuseJudgement {
    if directives.noCache || directives.maxAge == 0 { return .validate(reason: .requestNoCache) }
    if terms.flags.contains(.alwaysValidate) { return .validate(reason: .noCache) }
    if let maxAge = directives.maxAge, terms.age(now) > maxAge { return .validate(reason: .requestMaxAge) }
    let remaining = terms.remaining(now)
    if let minFresh = directives.minFresh, remaining < minFresh { return .validate(reason: .requestMinFresh) }
    if remaining > 0 { return .fresh }

    // §4.2.4: an explicit prohibition stands above whatever allows stale answers.
    if terms.flags.contains(.mustRevalidate) { return .validate(reason: .mustRevalidate) }
    let staleness = Seconds.difference(0, remaining)
    // Ages are rounded down, so a staleness that equals the window may be beyond it already.
    let isWithinWindow = staleness < terms.staleWhileRevalidate
    // A client that sets `max-age` and no `max-stale` does not want a stale answer (§5.2.1.1).
    if isWithinWindow && (directives.maxAge == nil || directives.maxStale != nil) { return .staleWhileRevalidate }
    if let maxStale = directives.maxStale, maxStale > 0, staleness <= maxStale { return .stale }
    return .validate(reason: .stale)
  }

  /// Whether a stored response may answer in place of an error: the origin said 500, 502, 503 or 504, or could not be reached
  /// (RFC 5861 §4).
  /// - Parameters:
  ///   - now: milliseconds since the epoch.
  ///   - disconnected: no response came at all, and the caller wants what §4.2.4 allows then: a stale response without any window that
  ///     says so. The age is then bounded by `disconnectedStaleMax`.
  public static func mayServeOnError(_ terms: CacheTerms, _ directives: RequestDirectives, now: Int64, disconnected: Bool = false) -> Bool {
    if directives.noCache || terms.flags.contains(.alwaysValidate) { return false }
    let remaining = terms.remaining(now)
    if remaining <= 0 && terms.flags.contains(.mustRevalidate) { return false }
    // The client's own limit on the age is only lifted by the client's own word for this case.
    if let maxAge = directives.maxAge, terms.age(now) > maxAge, directives.staleIfError == nil { return false }
    if remaining > 0 { return true }
    let staleness = Seconds.difference(0, remaining)
    if staleness < max(terms.staleIfError, directives.staleIfError ?? 0) { return true }
    if let maxStale = directives.maxStale, maxStale > 0, staleness <= maxStale { return true }
    return disconnected && staleness < disconnectedStaleMax
  }

  /// Seconds of staleness after which even a cache that has lost its origin keeps silent: a day.
  public static let disconnectedStaleMax: Int64 = 86_400

  /// Statuses that count as errors for `stale-if-error` (RFC 5861 §4).
  public static func isError(_ status: Int) -> Bool { status == 500 || status == 502 || status == 503 || status == 504 }
}
