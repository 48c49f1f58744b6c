// Owns: what a request asks of caches (RFC 9111 §5.2.1, §5.4; stale-if-error of RFC 5861 §4). Whether a stored response satisfies it is
// Reuse's.

/// Directives of a request, settled to the strict side: what cannot be read asks for more freshness, never for less.
public struct RequestDirectives: Sendable, Equatable {
  /// Answer from the cache or with 504 (§5.2.1.7).
  public private(set) var onlyIfCached = false
  /// Not without successful validation (§5.2.1.4).
  public private(set) var noCache = false
  /// Do not store the answer (§5.2.1.5). What is stored already may be used.
  public private(set) var noStore = false
  /// Seconds; 0 where the argument cannot be read.
  public private(set) var maxAge: Int64?
  /// Seconds; 2^31 where the argument cannot be read.
  public private(set) var minFresh: Int64?
  /// Seconds, `.max` where the directive has no argument.
  public private(set) var maxStale: Int64?
  /// Seconds that a response may be stale when the origin fails.
  public private(set) var staleIfError: Int64?

  public init(_ request: HeadFields) {
    if request.isBroken {
      noCache = true
      noStore = true
      return
    }
    let lines = request.all("cache-control")
    for line in lines {
      guard let elements = ListSyntax.elements(line) else {
        noCache = true
        noStore = true
        return
      }
      for element in elements { take(Directive(element)) }
    }
    // Pragma counts only where there is no Cache-Control (§5.4).
    if lines.isEmpty {
      for line in request.all("pragma") {
        let elements = ListSyntax.elements(line)
        if elements == nil || elements!.contains(where: { Directive($0).named("no-cache") }) { noCache = true }
      }
    }
  }

  private mutating func take(_ directive: Directive) {
    if directive.named("only-if-cached") { onlyIfCached = true }
    if directive.named("no-cache") { noCache = true }
    if directive.named("no-store") { noStore = true }
    if directive.named("max-age") { maxAge = min(directive.seconds, maxAge ?? .max) }
    if directive.named("min-fresh") { minFresh = max(directive.validSeconds ?? Seconds.max, minFresh ?? 0) }
    if directive.named("max-stale") {
      let allowed = directive.argument == .none ? Int64.max : directive.seconds
      maxStale = min(allowed, maxStale ?? .max)
    }
    if directive.named("stale-if-error") { staleIfError = min(directive.seconds, staleIfError ?? .max) }
  }
}
