// Owns: the words of Cache-Status (RFC 9211). What happened to a request is the driver's to know.

/// This cache's member of Cache-Status: "Tidegate; fwd=stale; fwd-status=304; ttl=60".
public struct CacheStatusLine: Sendable {
  /// Why a request was sent on (RFC 9211 §2.2).
  public enum Forward: Sendable, Equatable, CaseIterable {
    /// The cache was told not to handle the request.
    case bypass
    /// The method's semantics want it.
    case method
    /// Nothing is stored for the URI.
    case uriMiss
    /// Something is stored for the URI, for requests with other fields.
    case varyMiss
    /// A miss of one of the two kinds, which is not known.
    case miss
    /// Something fresh is stored, and the request's directives do not let it be used.
    case request
    /// What is stored is stale.
    case stale
    /// What is stored is a part, or the request asks for one.
    case partial

    public var token: StaticString {
      switch self {
      case .bypass: "bypass"
      case .method: "method"
      case .uriMiss: "uri-miss"
      case .varyMiss: "vary-miss"
      case .miss: "miss"
      case .request: "request"
      case .stale: "stale"
      case .partial: "partial"
      }
    }
  }

  public enum Outcome: Sendable, Equatable {
    case hit
    case fwd(Forward)
    /// Neither: the cache answered by itself, with an error.
    case none
  }

  public var outcome: Outcome
  /// The status of the next hop's response (§2.3), 100 to 999.
  public var fwdStatus: Int?
  /// Seconds of freshness left, below 0 for a stale response (§2.4).
  public var ttl: Int64?
  /// The response was stored (§2.5). Says nothing with a hit.
  public var stored: Bool
  /// The request was collapsed with another one (§2.6). Says nothing with a hit.
  public var collapsed: Bool
  /// A token for the curious (§2.8), at most `detailMax` bytes.
  public var detail: StaticString?

  public static let cacheName = "Tidegate"
  public static let detailMax = 64
  /// Bytes that `write` writes at most.
  public static let bytesMax = 192

  public init(
    _ outcome: Outcome, fwdStatus: Int? = nil, ttl: Int64? = nil, stored: Bool = false, collapsed: Bool = false, detail: StaticString? = nil
  ) {
    self.outcome = outcome
    self.fwdStatus = fwdStatus
    self.ttl = ttl
    self.stored = stored
    self.collapsed = collapsed
    self.detail = detail
  }

  /// Appends the field's value.
  public func encode(into out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: CacheStatusLine.bytesMax) { room in
      out.append(contentsOf: UnsafeBufferPointer(rebasing: room[..<write(to: room.baseAddress!)]))
    }
  }

  /// Writes the field's value without allocating.
  /// - Parameter out: room for `bytesMax` bytes.
  /// - Returns: how many were written.
  // SAFETY: each part below is bounded: name 8, hit or fwd 15, fwd-status 17, ttl 22, stored 8, collapsed 11, detail 9 + 64; 154 in all.
  public func write(to out: UnsafeMutablePointer<UInt8>) -> Int {
    var at = CacheStatusLine.put("Tidegate", out, 0)
    switch outcome {
    case .hit:
      at = CacheStatusLine.put("; hit", out, at)
    case .fwd(let reason):
      at = CacheStatusLine.put("; fwd=", out, at)
      at = CacheStatusLine.put(reason.token, out, at)
      if let fwdStatus {
        at = CacheStatusLine.put("; fwd-status=", out, at)
        at = CacheStatusLine.put(Int64(min(max(fwdStatus, 100), 999)), out, at)
      }
    case .none: break
    }
    if let ttl {
      at = CacheStatusLine.put("; ttl=", out, at)
      at = CacheStatusLine.put(ttl, out, at)
    }
    if outcome != .hit {
      if stored { at = CacheStatusLine.put("; stored", out, at) }
      if collapsed { at = CacheStatusLine.put("; collapsed", out, at) }
    }
    if let detail {
      precondition(
        detail.utf8CodeUnitCount <= CacheStatusLine.detailMax, "a detail of more than \(CacheStatusLine.detailMax) bytes: \(detail)")
      at = CacheStatusLine.put("; detail=", out, at)
      at = CacheStatusLine.put(detail, out, at)
    }
    return at
  }

  private static func put(_ text: StaticString, _ out: UnsafeMutablePointer<UInt8>, _ at: Int) -> Int {
    (out + at).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    return at + text.utf8CodeUnitCount
  }

  /// A number of at most 15 digits, the greatest that a structured field can hold (RFC 8941 §3.3.1).
  private static func put(_ value: Int64, _ out: UnsafeMutablePointer<UInt8>, _ at: Int) -> Int {
    let greatest: Int64 = 999_999_999_999_999
    var at = at
    if value < 0 {
      out[at] = 0x2D
      at += 1
    }
    var rest = min(value.magnitude, greatest.magnitude)
    var digits = 1
    var bound: UInt64 = 10
    while rest >= bound {
      bound *= 10
      digits += 1
    }
    for k in stride(from: digits - 1, through: 0, by: -1) {
      out[at + k] = UInt8(0x30 + rest % 10)
      rest /= 10
    }
    return at + digits
  }
}
