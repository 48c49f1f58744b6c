// Owns: the terms on which a stored response may be used, as a flat value that the tiers keep beside its head, and its fixed layout on
// disk and between nodes. Where the terms come from is Storing's, what they allow is Reuse's.
import Runtime

/// Facts about a stored response that do not need its head again.
public struct CacheFlags: OptionSet, Sendable, Equatable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Never served stale: must-revalidate, proxy-revalidate or s-maxage (RFC 9111 §4.2.4).
  public static let mustRevalidate = CacheFlags(rawValue: 1 << 0)
  /// `no-cache` without names: every use needs a validation (§5.2.2.4).
  public static let alwaysValidate = CacheFlags(rawValue: 1 << 1)
  /// The lifetime is a tenth of the age at the last change (§4.2.2).
  public static let heuristic = CacheFlags(rawValue: 1 << 2)
  /// The lifetime stems from the rules: the response said nothing.
  public static let configured = CacheFlags(rawValue: 1 << 3)
  /// RFC 8246.
  public static let immutable = CacheFlags(rawValue: 1 << 4)
  /// Has an entity tag or a Last-Modified that a validation can use.
  public static let hasValidator = CacheFlags(rawValue: 1 << 5)
  /// The request had Authorization, and the response allowed sharing (§3.5).
  public static let wasAuthorized = CacheFlags(rawValue: 1 << 6)
  /// Purged softly: stale from that moment on.
  public static let wasMarkedStale = CacheFlags(rawValue: 1 << 7)
  public static let hasVary = CacheFlags(rawValue: 1 << 8)

  static let known: UInt32 = (1 << 9) - 1
}

/// What a stored response may be used for. Wall times in milliseconds since the epoch, spans in seconds.
public struct CacheTerms: Sendable, Equatable {
  /// When the request was sent that brought the response or its last validation.
  public var requestTime: Int64
  /// When the response, or its last validation, arrived.
  public var responseTime: Int64
  /// corrected_initial_age, RFC 9111 §4.2.3.
  public var initialAge: Int64
  /// The freshness lifetime, §4.2.1 and §4.2.2, not above the rules' maximum.
  public var freshFor: Int64
  /// RFC 5861 §3; from the response, else from the rules.
  public var staleWhileRevalidate: Int64
  /// RFC 5861 §4; from the response, else from the rules.
  public var staleIfError: Int64
  public var flags: CacheFlags

  public init(
    requestTime: Int64, responseTime: Int64, initialAge: Int64 = 0, freshFor: Int64, staleWhileRevalidate: Int64 = 0,
    staleIfError: Int64 = 0, flags: CacheFlags = []
  ) {
    self.requestTime = requestTime
    self.responseTime = responseTime
    self.initialAge = initialAge
    self.freshFor = freshFor
    self.staleWhileRevalidate = staleWhileRevalidate
    self.staleIfError = staleIfError
    self.flags = flags
  }

  /// current_age in seconds (§4.2.3). What was below a second in the response's delay is carried over, so that delay and time of
  /// residence together are rounded once. A clock that was set back makes no response younger than it came.
  public func age(_ now: Int64) -> Int64 {
    let delay = Swift.max(Seconds.difference(responseTime, requestTime), 0)
    let resident = Swift.max(Seconds.difference(now, responseTime), 0)
    return Seconds.sum(initialAge, Seconds.sum(resident, delay % 1000) / 1000)
  }

  /// Seconds of freshness left; 0 or less once stale.
  public func remaining(_ now: Int64) -> Int64 { Seconds.difference(freshFor, age(now)) }

  /// Fresh while the lifetime is greater than the age (§4.2).
  public func isFresh(_ now: Int64) -> Bool { remaining(now) > 0 }

  /// Makes the response stale from `now` on, for a soft purge: its stale windows begin here, and a second purge does not move them.
  public mutating func markStale(_ now: Int64) {
    freshFor = min(freshFor, Seconds.span(age(now)))
    flags.insert(.wasMarkedStale)
  }

  // MARK: layout

  /// Bytes that `encode` writes: a version, six numbers and the flags.
  public static let encodedBytes = 53
  private static let version: UInt8 = 1

  public func encode(into writer: inout ByteWriter) {
    writer.write(CacheTerms.version)
    for number in [requestTime, responseTime, initialAge, freshFor, staleWhileRevalidate, staleIfError] {
      writer.write(UInt64(bitPattern: number))
    }
    writer.write(flags.rawValue)
  }

  /// Reads what `encode` wrote and moves the reader behind it. Nil, the reader left where it was, for another version, a flag that is
  /// not known or a span out of range.
  public init?(decoding reader: inout ByteReader) {
    var ahead = reader
    do throws(ByteReadError) {
      guard try ahead.readUInt8() == CacheTerms.version else { return nil }
      requestTime = Int64(bitPattern: try ahead.readUInt64())
      responseTime = Int64(bitPattern: try ahead.readUInt64())
      initialAge = Int64(bitPattern: try ahead.readUInt64())
      freshFor = Int64(bitPattern: try ahead.readUInt64())
      staleWhileRevalidate = Int64(bitPattern: try ahead.readUInt64())
      staleIfError = Int64(bitPattern: try ahead.readUInt64())
      flags = CacheFlags(rawValue: try ahead.readUInt32())
    } catch {
      return nil
    }
    let spans = [initialAge, freshFor, staleWhileRevalidate, staleIfError]
    guard flags.rawValue & ~CacheFlags.known == 0, spans.allSatisfy({ $0 >= 0 && $0 <= Seconds.max }) else { return nil }
    reader = ahead
  }

  /// As above for bytes that hold nothing else.
  public init?(decoding bytes: UnsafeRawBufferPointer) {
    guard bytes.count == CacheTerms.encodedBytes else { return nil }
    var reader = ByteReader(bytes)
    self.init(decoding: &reader)
  }
}
