// Whether a failed attempt may be made again: conditions, method, body, what the client has already seen, number of attempts.
// Whether there is room for it is RetryBudget.swift; where it goes is Balancer.swift (with the tried endpoints excluded).

/// How an attempt at an upstream failed.
public enum FailureKind: Sendable, Equatable {
  /// No connection (refused, unreachable, TLS handshake failed): no byte of the request was sent.
  case connectFailed
  /// No connection in time: no byte of the request was sent.
  case connectTimeout
  /// The connection ended before a response began; the request may have been processed.
  case resetBeforeResponse
  /// HTTP/2 REFUSED_STREAM, or above GOAWAY's last stream: the request was not processed (RFC 9113 section 8.7).
  case refusedStream
  /// No response began in time; the request may be being processed.
  case firstByteTimeout
  /// A response with a status that counts as failure.
  case responseStatus(UInt16)
  /// The connection ended within a response.
  case resetMidResponse

  /// It is certain that the upstream processed nothing of the request.
  public var isUnprocessed: Bool {
    switch self {
    case .connectFailed, .connectTimeout, .refusedStream: true
    case .resetBeforeResponse, .firstByteTimeout, .responseStatus, .resetMidResponse: false
    }
  }
}

/// The failures a pool or route wants retried.
public struct RetryConditions: OptionSet, Sendable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// `connectFailed` and `connectTimeout`.
  public static let connect = RetryConditions(rawValue: 1)
  public static let resetBeforeResponse = RetryConditions(rawValue: 2)
  public static let refusedStream = RetryConditions(rawValue: 4)
  public static let firstByteTimeout = RetryConditions(rawValue: 8)
  /// `responseStatus` with a status of `RetryPolicy.statuses`.
  public static let status = RetryConditions(rawValue: 16)
  public static let resetMidResponse = RetryConditions(rawValue: 32)
  /// Also methods that are not idempotent, after failures that may have been processed.
  public static let unsafeMethods = RetryConditions(rawValue: 64)
}

/// Status codes 400 to 599, as a set.
public struct RetryStatuses: Sendable, Equatable {
  private var bits = SIMD4<UInt64>.zero

  public init(_ statuses: [UInt16] = []) {
    for status in statuses {
      precondition((400...599).contains(status), "status \(status) is no failure")
      bits[Int(status - 400) >> 6] |= 1 << UInt64((status - 400) & 63)
    }
  }

  @inline(__always)
  public func contains(_ status: UInt16) -> Bool {
    guard status >= 400 && status <= 599 else { return false }
    return bits[Int(status &- 400) >> 6] >> UInt64((status &- 400) & 63) & 1 == 1
  }
}

/// What a request is and how far it has come, as far as a retry depends on it.
public struct RetrySituation: BitwiseCopyable, Sendable {
  /// See `RetryPolicy.isIdempotent`.
  public var isIdempotent: Bool
  /// Bytes of the request body have gone to an upstream and are not kept: they cannot be sent again.
  public var isBodyConsumed: Bool
  /// The response head, or part of it, has gone to the client.
  public var isHeadForwarded: Bool
  /// Attempts made so far, the failed one included.
  public var attempts: UInt8

  public init(isIdempotent: Bool, isBodyConsumed: Bool, isHeadForwarded: Bool, attempts: UInt8) {
    self.isIdempotent = isIdempotent
    self.isBodyConsumed = isBodyConsumed
    self.isHeadForwarded = isHeadForwarded
    self.attempts = attempts
  }
}

public enum RetryVerdict: UInt8, Sendable {
  case retry
  /// The client has seen the response's beginning.
  case headForwarded
  case bodyConsumed
  case attemptsSpent
  /// The pool does not ask for it.
  case conditionOff
  /// RFC 9110 section 9.2.2: a proxy must not automatically retry non-idempotent requests.
  case unsafeMethod
}

public struct RetryPolicy: Sendable {
  public var conditions: RetryConditions
  public var statuses: RetryStatuses
  /// Attempts in all, the first included; 1 never retries.
  public var attemptsMax: UInt8

  public init(
    conditions: RetryConditions = [.connect, .resetBeforeResponse, .refusedStream], statuses: RetryStatuses = RetryStatuses(),
    attemptsMax: UInt8 = 3
  ) {
    self.conditions = conditions
    self.statuses = statuses
    self.attemptsMax = attemptsMax
  }

  /// Whether the attempt may be made again; the budget is asked after that.
  public func mayRetry(_ failure: FailureKind, _ situation: RetrySituation) -> Bool {
    verdict(failure, situation) == .retry
  }

  /// As `mayRetry`, with the reason; what no setting can allow comes first.
  public func verdict(_ failure: FailureKind, _ situation: RetrySituation) -> RetryVerdict {
    if situation.isHeadForwarded { return .headForwarded }
    if situation.isBodyConsumed { return .bodyConsumed }
    if situation.attempts >= attemptsMax { return .attemptsSpent }
    guard wants(failure) else { return .conditionOff }
    guard situation.isIdempotent || failure.isUnprocessed || conditions.contains(.unsafeMethods) else { return .unsafeMethod }
    return .retry
  }

  private func wants(_ failure: FailureKind) -> Bool {
    switch failure {
    case .connectFailed, .connectTimeout: conditions.contains(.connect)
    case .resetBeforeResponse: conditions.contains(.resetBeforeResponse)
    case .refusedStream: conditions.contains(.refusedStream)
    case .firstByteTimeout: conditions.contains(.firstByteTimeout)
    case .responseStatus(let status): conditions.contains(.status) && statuses.contains(status)
    case .resetMidResponse: conditions.contains(.resetMidResponse)
    }
  }

  /// Whether a method is idempotent (RFC 9110 section 9.2.2): PUT, DELETE and the safe methods GET, HEAD, OPTIONS and TRACE. Methods
  /// unknown here are not.
  public static func isIdempotent(_ method: UnsafeRawBufferPointer) -> Bool {
    switch method.count {
    case 3: matches(method, "GET") || matches(method, "PUT")
    case 4: matches(method, "HEAD")
    case 5: matches(method, "TRACE")
    case 6: matches(method, "DELETE")
    case 7: matches(method, "OPTIONS")
    default: false
    }
  }

  @inline(__always)
  private static func matches(_ method: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    for index in 0..<name.utf8CodeUnitCount where method[index] != name.utf8Start[index] { return false }
    return true
  }
}
