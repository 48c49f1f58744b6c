// Owns: whether a response may be stored, and on which terms (RFC 9111 §3). How long it is fresh is reckoned by Freshness; whether its body
// came whole is seen by whoever reads it.

public enum StoreJudgement: Sendable, Equatable {
  case store(CacheTerms)
  case refuse(StoreRefusal)
}

/// Judges responses of the origin for a shared cache.
public enum Storing {
  /// A head that is kept must fit whoever it is sent to, with what is added to it.
  public static let headBytesMax = 96 << 10
  public static let fieldsMax = 200

  /// Whether a response may be stored.
  /// - Parameters:
  ///   - response: the head as it came.
  ///   - requestTime: when the request was sent, milliseconds since the epoch.
  ///   - responseTime: when the head arrived, milliseconds since the epoch.
  public static func judge(
    method: CacheMethod, request: HeadFields, response: HeadFields, rules: CacheRules, requestTime: Int64, responseTime: Int64
  ) -> StoreJudgement {
    judge(method, request, response, ageSource: response, rules, requestTime, responseTime)
  }

  /// The terms of a stored response after a 304 or a HEAD has updated it (§4.3.4, §4.3.5).
  /// - Parameters:
  ///   - merged: the head that `Validation.merge` made.
  ///   - update: the response that updated it: its Age counts.
  public static func judgeFreshened(
    request: HeadFields, merged: HeadFields, update: HeadFields, rules: CacheRules, requestTime: Int64, responseTime: Int64
  ) -> StoreJudgement {
    if update.isBroken { return .refuse(.brokenHead) }
    return judge(.get, request, merged, ageSource: update, rules, requestTime, responseTime)
  }

  private static func judge(
    _ method: CacheMethod, _ request: HeadFields, _ response: HeadFields, ageSource: HeadFields, _ rules: CacheRules,
    _ requestTime: Int64, _ responseTime: Int64
  ) -> StoreJudgement {
    if request.isBroken || response.isBroken { return .refuse(.brokenHead) }
    // Also of a head that updates have made longer and longer.
    if response.bytes.count > headBytesMax || response.count > fieldsMax { return .refuse(.headTooLarge) }
    if method != .get { return .refuse(.method) }
    if RequestDirectives(request).noStore { return .refuse(.requestNoStore) }
    let control = CacheControl(response, targets: rules.targets)
    if let refusal = refusal(request, response, control, rules) { return .refuse(refusal) }

    let freshness = Freshness(
      response, ageSource: ageSource, control: control, rules: rules, requestTime: requestTime, responseTime: responseTime)
    // One of: explicit freshness, `public`, a status that is heuristically cacheable (§3, last item).
    let isAllowed = freshness.source != .none || control.isPublic || StatusCaching.isHeuristic(response.status)
    if !isAllowed { return .refuse(.notExplicit) }

    let terms = CacheTerms(
      requestTime: requestTime, responseTime: responseTime, initialAge: freshness.initialAge, freshFor: freshness.lifetime,
      staleWhileRevalidate: Seconds.span(control.staleWhileRevalidate ?? rules.staleWhileRevalidate),
      staleIfError: Seconds.span(control.staleIfError ?? rules.staleIfError),
      flags: flags(request, response, control, freshness))
    return isUseful(terms) ? .store(terms) : .refuse(.useless)
  }

  private static func refusal(_ request: HeadFields, _ response: HeadFields, _ control: CacheControl, _ rules: CacheRules) -> StoreRefusal?
  {
    let status = response.status
    if status < 200 || status > 599 { return .status }
    if status == 206 { return .partial }
    if status == 304 { return .notModified }
    if control.mustUnderstand && !StatusCaching.isUnderstood(status) { return .notUnderstood }
    // `must-understand` overrides `no-store` where the status is understood (§5.2.2.3).
    if control.noStore && !control.mustUnderstand { return .noStore }
    if control.isPrivate { return .isPrivate }
    // §3.5: these three, said without fault, allow sharing what was asked for with credentials.
    let sharedExplicitly = control.isPublic || control.validSharedMaxAge
    if request.has("authorization") && !sharedExplicitly && !control.validMustRevalidate { return .authorization }
    // §7.3 leaves cookies to the origin; here the origin has to say that it meant it. A field that is withheld is not stored.
    let setsCookie = response.has("set-cookie") && !control.withheld.contains(Array("set-cookie".utf8))
    if setsCookie && !sharedExplicitly { return .setCookie }
    if Variance(response) == .any { return .varyAny }
    if let length = response.first("content-length").flatMap({ Octets.decimal($0, limit: .max) }), length > rules.bodyBytesMax {
      return .tooLarge
    }
    return nil
  }

  private static func flags(
    _ request: HeadFields, _ response: HeadFields, _ control: CacheControl, _ freshness: Freshness
  ) -> CacheFlags {
    var flags: CacheFlags = []
    // s-maxage means proxy-revalidate too (§5.2.2.10).
    if control.mustRevalidate || control.proxyRevalidate || control.sharedMaxAge != nil { flags.insert(.mustRevalidate) }
    if control.noCache { flags.insert(.alwaysValidate) }
    if freshness.source == .heuristic { flags.insert(.heuristic) }
    if freshness.source == .configured { flags.insert(.configured) }
    if control.immutable { flags.insert(.immutable) }
    if !Validation.conditions(of: response).isEmpty { flags.insert(.hasValidator) }
    if request.has("authorization") { flags.insert(.wasAuthorized) }
    if Variance(response) != .none { flags.insert(.hasVary) }
    return flags
  }

  /// What was stale on arrival is kept only where a `max-stale`, a stale window or a validation can make use of it.
  private static func isUseful(_ terms: CacheTerms) -> Bool {
    if terms.flags.contains(.hasValidator) { return true }
    if terms.flags.contains(.alwaysValidate) { return false }
    let hasWindow = !terms.flags.contains(.mustRevalidate) && (terms.staleWhileRevalidate > 0 || terms.staleIfError > 0)
    return terms.freshFor > 0 || hasWindow
  }
}
