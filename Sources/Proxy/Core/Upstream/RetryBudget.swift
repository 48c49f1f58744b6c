// Bounds retries by what was asked for lately, so that an upstream in trouble gets a little more load and not a multiple (Finagle's
// RetryBudget, after "Retry Budgets", 2016). A ratio of the requests of a window, and not of those in flight as in Envoy, because a
// worker has few in flight and a ratio of few is none. One per pool and worker; whether a failure may be retried at all is
// RetryPolicy.swift.

public struct RetryBudgetSettings: Sendable, Equatable {
  /// Retries per request of the window, in percent.
  public var ratioPercent: UInt32 = 20
  /// Retries a second that are always allowed, so that a pool with little traffic can retry; for this worker.
  public var minimumPerSecond: UInt32 = 10

  public init(ratioPercent: UInt32 = 20, minimumPerSecond: UInt32 = 10) {
    self.ratioPercent = ratioPercent
    self.minimumPerSecond = minimumPerSecond
  }
}

public struct RetryBudget: Sendable {
  /// Seconds that the window reaches back, the current one included.
  public static let windowSeconds: UInt64 = 10
  private static let second: UInt64 = 1_000_000_000

  public let settings: RetryBudgetSettings
  /// Counts by second, at the second modulo 16; those outside the window are 0.
  private var requests = InlineArray<16, UInt32>(repeating: 0)
  private var retries = InlineArray<16, UInt32>(repeating: 0)
  private var requestsSum: UInt64 = 0
  private var retriesSum: UInt64 = 0
  private var current: UInt64 = 0
  /// Retries refused since the start.
  public private(set) var refused: UInt64 = 0

  public init(settings: RetryBudgetSettings) {
    self.settings = settings
  }

  /// A request begins (its first attempt).
  /// - Parameter now: monotonic nanoseconds.
  @inline(__always)
  public mutating func deposit(now: UInt64) {
    advance(to: now / Self.second)
    requests[Int(current & 15)] &+= 1
    requestsSum &+= 1
  }

  /// Asks for one retry.
  public mutating func withdraw(now: UInt64) -> Bool {
    advance(to: now / Self.second)
    let minimum = UInt64(settings.minimumPerSecond) * Self.windowSeconds
    guard retriesSum < requestsSum * UInt64(settings.ratioPercent) / 100 + minimum else {
      refused &+= 1
      return false
    }
    retries[Int(current & 15)] &+= 1
    retriesSum &+= 1
    return true
  }

  @inline(__always)
  private mutating func advance(to second: UInt64) {
    if second > current { expire(upTo: second) }
  }

  @inline(never)
  private mutating func expire(upTo second: UInt64) {
    // The second that leaves is `windowSeconds` behind the one that enters; a longer silence empties the window.
    var entering = max(current + 1, second > Self.windowSeconds ? second - Self.windowSeconds + 1 : 0)
    if entering > current + 1 {
      requests = InlineArray(repeating: 0)
      retries = InlineArray(repeating: 0)
      (requestsSum, retriesSum) = (0, 0)
    }
    while entering <= second {
      let leaving = Int((entering &+ 16 &- Self.windowSeconds) & 15)
      requestsSum &-= UInt64(requests[leaving])
      retriesSum &-= UInt64(retries[leaving])
      requests[leaving] = 0
      retries[leaving] = 0
      entering += 1
    }
    current = second
  }
}
