// Owns: how old a response was when it came and how long it stays fresh (RFC 9111 §4.2). Whether it may be stored is Storing's.

/// Ages and lifetimes of one response. Spans in seconds.
struct Freshness: Equatable {
  enum Source: Equatable {
    /// s-maxage, max-age or Expires.
    case explicit
    /// The rules' default or negative lifetime.
    case configured
    case heuristic
    /// Nothing says how long.
    case none
  }

  let lifetime: Int64
  let source: Source
  let initialAge: Int64

  /// A day: a cache that guesses should not guess for longer (§4.2.2 leaves the bound to us).
  static let heuristicMax: Int64 = 86_400

  /// - Parameters:
  ///   - response: the head that lifetimes are read from.
  ///   - ageSource: the head that came over the wire: its Age counts, which a stored head does not keep.
  ///   - requestTime: milliseconds since the epoch, as `responseTime`.
  init(
    _ response: HeadFields, ageSource: HeadFields, control: CacheControl, rules: CacheRules, requestTime: Int64, responseTime: Int64
  ) {
    let arrival = Seconds.whole(responseTime)
    let dates = response.all("date").compactMap { HTTPDate.parse($0, now: arrival) }
    // Without a Date, or with one that cannot be read, the time of arrival stands for it (RFC 9110 §6.6.1). Of two, the one that
    // makes the response older.
    let apparent = Seconds.difference(arrival, dates.min() ?? arrival)
    let delay = max(Seconds.difference(responseTime, requestTime), 0) / 1000
    let corrected = Seconds.sum(Freshness.age(ageSource), delay)
    initialAge = Seconds.span(max(apparent, corrected))

    let found = Freshness.find(response, control, rules, date: dates.max() ?? arrival, arrival: arrival)
    lifetime = Seconds.span(min(found.0, rules.maximumTTL ?? .max))
    source = found.1
  }

  /// Age: of a list the first member; what is no number is ignored (§5.1), and does not hide a line behind it that is one.
  private static func age(_ response: HeadFields) -> Int64 {
    let ages = response.all("age").lazy.compactMap { Octets.deltaSeconds(Octets.trimmed($0.prefix { $0 != 0x2C })) }
    return ages.first ?? 0
  }

  /// The first of these that is there (§4.2.1).
  private static func find(
    _ response: HeadFields, _ control: CacheControl, _ rules: CacheRules, date: Int64, arrival: Int64
  ) -> (Int64, Source) {
    if let shared = control.sharedMaxAge { return (shared, .explicit) }
    if let maxAge = control.maxAge { return (maxAge, .explicit) }
    if !control.isTargeted && response.has("expires") { return (untilExpiry(response, date: date, arrival: arrival), .explicit) }
    let status = response.status
    if status >= 400, let ttl = rules.negativeTTL, StatusCaching.isHeuristic(status) { return (ttl, .configured) }
    guard StatusCaching.isHeuristic(status) || control.isPublic else { return (0, .none) }
    if status < 400, let ttl = rules.defaultTTL { return (ttl, .configured) }
    if rules.heuristics, let value = response.single("last-modified"), let changed = HTTPDate.parse(value, now: arrival), changed <= date {
      // Query or not: the rule of RFC 2616 against guessing for URIs with a query has been dropped (§4.2.2).
      return (min(Seconds.difference(date, changed) / 10, heuristicMax), .heuristic)
    }
    return (0, .none)
  }

  /// Expires - Date (§4.2.1). What cannot be read is in the past (§5.3), and of several the earliest counts.
  private static func untilExpiry(_ response: HeadFields, date: Int64, arrival: Int64) -> Int64 {
    var earliest = Int64.max
    for value in response.all("expires") {
      guard let moment = HTTPDate.parse(value, now: arrival) else { return 0 }
      earliest = min(earliest, moment)
    }
    return Seconds.difference(earliest, date)
  }
}

/// What RFC 9110 §15 says of statuses and caches.
enum StatusCaching {
  /// Heuristically cacheable (§15.1), 206 aside, which is not stored as it is.
  static func isHeuristic(_ status: Int) -> Bool {
    switch status {
    case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501: true
    default: false
    }
  }

  /// Statuses whose caching requirements this cache knows and obeys, for `must-understand` (RFC 9111 §5.2.2.3).
  static func isUnderstood(_ status: Int) -> Bool {
    switch status {
    case 200...205, 300...303, 305, 307, 308, 400...417, 421, 422, 426, 500...505: true
    default: false
    }
  }
}
