// Owns: the reasons for which a response is not stored, and their words.

/// Why a response is not stored.
public enum StoreRefusal: Sendable, Equatable, CaseIterable, CustomStringConvertible {
  /// A head with a line that is no field line: what it leaves out cannot be known.
  case brokenHead
  /// Only answers to GET are stored; one to HEAD may freshen what is (RFC 9111 §3, §4.3.5).
  case method
  /// The request said `no-store` (§5.2.1.5).
  case requestNoStore
  /// An interim response, or no status of RFC 9110 §15 at all.
  case status
  /// 206: a part is never stored as a whole (§3.3).
  case partial
  /// 304: it updates, and is not stored itself (§4.3.4).
  case notModified
  /// `must-understand` with a status whose caching this cache does not know (§5.2.2.3).
  case notUnderstood
  /// §5.2.2.5.
  case noStore
  /// §5.2.2.7.
  case isPrivate
  /// The request had Authorization, and nothing allows sharing (§3.5).
  case authorization
  /// Sets a cookie, and nothing says that it may be shared.
  case setCookie
  /// `Vary: *`, or one that cannot be read (§4.1).
  case varyAny
  /// A status that is cacheable only with explicit freshness, and there is none (§3, last item).
  case notExplicit
  /// Never fresh, not to be validated, no stale window: it could never be used.
  case useless
  /// A body beyond `CacheRules.bodyBytesMax`.
  case tooLarge
  /// Its head has more bytes or lines than are kept (`Storing.headBytesMax`, `Storing.fieldsMax`).
  case headTooLarge
  /// The body broke off (§3.3). Found by whoever reads it.
  case incomplete

  /// A token (RFC 8941 §3.3.4) for Cache-Status's `detail` and for logs.
  public var detail: StaticString {
    switch self {
    case .brokenHead: "broken-head"
    case .method: "method"
    case .requestNoStore: "request-no-store"
    case .status: "status"
    case .partial: "partial"
    case .notModified: "not-modified"
    case .notUnderstood: "not-understood"
    case .noStore: "no-store"
    case .isPrivate: "private"
    case .authorization: "authorization"
    case .setCookie: "set-cookie"
    case .varyAny: "vary-any"
    case .notExplicit: "not-explicit"
    case .useless: "useless"
    case .tooLarge: "too-large"
    case .headTooLarge: "head-too-large"
    case .incomplete: "incomplete"
    }
  }

  public var description: String { "\(detail)" }
}
