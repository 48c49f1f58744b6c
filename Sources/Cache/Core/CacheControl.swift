// Owns: the response directives of Cache-Control and of the targeted fields that replace it (RFC 9111 §5.2.2, RFC 9213), settled to the
// strict side. What follows from them is Storing's and Reuse's.

/// What a response's directives say, all lines taken together.
struct CacheControl: Equatable {
  private(set) var noStore = false
  /// `no-cache` for the whole response.
  private(set) var noCache = false
  /// `private` for the whole response.
  private(set) var isPrivate = false
  /// Fields that `no-cache="…"` or `private="…"` name, in lower case.
  private(set) var withheld: [[UInt8]] = []
  private(set) var isPublic = false
  private(set) var mustRevalidate = false
  private(set) var proxyRevalidate = false
  private(set) var mustUnderstand = false
  private(set) var immutable = false
  private(set) var maxAge: Int64?
  private(set) var sharedMaxAge: Int64?
  private(set) var staleWhileRevalidate: Int64?
  private(set) var staleIfError: Int64?
  /// `s-maxage` or `must-revalidate` said without fault, so that they may also permit something (RFC 9111 §3.5).
  private(set) var validSharedMaxAge = false
  private(set) var validMustRevalidate = false
  /// The values stem from a targeted field: Expires has no say (RFC 9213 §2.2).
  private(set) var isTargeted = false

  /// The directives in force for a response.
  /// - Parameter targets: names of targeted fields in lower case, the most specific first: the first valid one replaces Cache-Control
  ///   (RFC 9213 §2.2).
  init(_ response: HeadFields, targets: [String]) {
    for target in targets {
      let lines = response.all(named: Array(target.utf8)[...])
      if !lines.isEmpty, let members = StructuredDictionary.directives(lines) {
        isTargeted = true
        for member in members { take(member) }
        return
      }
    }
    take(lines: response.all("cache-control"))
  }

  /// Cache-Control's own directives.
  init(lines: [ArraySlice<UInt8>]) { take(lines: lines) }

  private mutating func take(lines: [ArraySlice<UInt8>]) {
    for line in lines {
      guard let elements = ListSyntax.elements(line) else {
        // A quoted string without an end may hide any directive, `no-store` too.
        noStore = true
        mustUnderstand = false
        return
      }
      for element in elements { take(Directive(element)) }
    }
  }

  /// Restrictions hold whatever stands behind them; permissions only as the grammar has them; of two lifetimes the shorter counts
  /// (RFC 9111 §4.2.1). Unknown directives are ignored (§5.2.3).
  private mutating func take(_ directive: Directive) {
    if directive.named("no-store") { noStore = true }
    if directive.named("no-cache") { restrict(directive) { $0.noCache = true } }
    if directive.named("private") { restrict(directive) { $0.isPrivate = true } }
    if directive.named("public") && directive.argument == .none { isPublic = true }
    if directive.named("must-revalidate") {
      mustRevalidate = true
      if directive.argument == .none { validMustRevalidate = true }
    }
    if directive.named("proxy-revalidate") { proxyRevalidate = true }
    if directive.named("must-understand") && directive.argument == .none { mustUnderstand = true }
    if directive.named("immutable") && directive.argument == .none { immutable = true }
    if directive.named("max-age") { maxAge = min(directive.seconds, maxAge ?? .max) }
    if directive.named("s-maxage") {
      sharedMaxAge = min(directive.seconds, sharedMaxAge ?? .max)
      if directive.validSeconds != nil { validSharedMaxAge = true }
    }
    if directive.named("stale-while-revalidate") { staleWhileRevalidate = min(directive.seconds, staleWhileRevalidate ?? .max) }
    if directive.named("stale-if-error") { staleIfError = min(directive.seconds, staleIfError ?? .max) }
  }

  /// With names only those fields are meant (§5.2.2.4, §5.2.2.7); names that cannot be read mean the whole response.
  private mutating func restrict(_ directive: Directive, whole: (inout CacheControl) -> Void) {
    if let names = directive.fieldNames, withheld.count + names.count <= ListSyntax.elementsMax {
      withheld += names
    } else {
      whole(&self)
    }
  }
}
