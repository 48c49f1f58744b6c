// Passive outlier ejection: what happened to real requests decides whether an endpoint sits out for a while. Counts are each worker's
// own (in EndpointState), the verdict is everyone's (in EndpointShared); a threshold is therefore met by what one worker saw. Events
// in, effects out; the driver logs them and counts them.

public struct EjectionSettings: Sendable {
  /// Failures in a row that eject; 0 switches this rule off.
  public var consecutiveFailures: UInt32 = 5
  /// Failures per request in 1/1000 that eject within one interval; 0 switches this rule off.
  public var failurePermille: UInt32 = 0
  /// Nanoseconds over which the ratio is taken.
  public var interval: UInt64 = 10_000_000_000
  /// Requests within the interval below which the ratio says nothing.
  public var requestsMin: UInt32 = 20
  /// Nanoseconds of a first ejection; the n-th in a row lasts n times as long. One is forgotten for every such time spent well.
  public var baseTime: UInt64 = 30_000_000_000
  /// Nanoseconds no ejection exceeds.
  public var maxTime: UInt64 = 300_000_000_000

  public init() {}
}

/// How an attempt ended, as far as the endpoint is to blame.
public enum AttemptOutcome: UInt8, Sendable {
  case success
  case failure
}

public enum EjectionCause: UInt8, Sendable {
  case consecutiveFailures
  case failureRatio
}

public enum EjectionEffect: Equatable, Sendable {
  case none
  case ejected(until: UInt64, cause: EjectionCause)
  /// The rule holds, but one more would exceed the pool's ejected share; the endpoint's next failure asks again.
  case shareSpent(cause: EjectionCause)
}

/// The rules, applied to one worker's state of an endpoint. Readmission is `Balancer.readmitNext`.
public struct Ejection: Sendable {
  public let settings: EjectionSettings

  public init(settings: EjectionSettings) {
    precondition(settings.baseTime > 0, "baseTime is 0")
    precondition(settings.maxTime >= settings.baseTime, "maxTime \(settings.maxTime) is below baseTime \(settings.baseTime)")
    self.settings = settings
  }

  /// - Parameters:
  ///   - state: the endpoint that answered or failed.
  ///   - now: monotonic nanoseconds.
  @inline(__always)
  public func record(
    _ outcome: AttemptOutcome, on state: UnsafeMutablePointer<EndpointState>, pool: UnsafeMutablePointer<PoolShared>, now: UInt64
  ) -> EjectionEffect {
    if now &- state.pointee.windowStart >= settings.interval {
      state.pointee.windowStart = now
      state.pointee.windowRequests = 0
      state.pointee.windowFailures = 0
    }
    state.pointee.windowRequests &+= 1
    switch outcome {
    case .success:
      state.pointee.consecutiveFailures = 0
      return .none
    case .failure:
      return recordFailure(state, pool: pool, now: now)
    }
  }

  @inline(never)
  private func recordFailure(
    _ state: UnsafeMutablePointer<EndpointState>, pool: UnsafeMutablePointer<PoolShared>, now: UInt64
  ) -> EjectionEffect {
    state.pointee.windowFailures &+= 1
    if state.pointee.consecutiveFailures < .max { state.pointee.consecutiveFailures &+= 1 }
    guard let cause = cause(state) else { return .none }
    let shared = state.pointee.shared
    let times = timesInRow(shared, now: now)
    let until = now + duration(times: times)
    switch shared.pointee.eject(now: now, until: until, times: times, pool: pool.pointee) {
    case .ejected:
      forgive(state, now: now)
      return .ejected(until: until, cause: cause)
    case .alreadyEjected:
      // What was under way when another worker ejected it says nothing new.
      forgive(state, now: now)
      return .none
    case .shareSpent:
      return .shareSpent(cause: cause)
    }
  }

  private func cause(_ state: UnsafeMutablePointer<EndpointState>) -> EjectionCause? {
    if settings.consecutiveFailures > 0 && state.pointee.consecutiveFailures >= settings.consecutiveFailures {
      return .consecutiveFailures
    }
    guard settings.failurePermille > 0 && state.pointee.windowRequests >= settings.requestsMin else { return nil }
    let failures = UInt64(state.pointee.windowFailures) * 1000
    return failures >= UInt64(settings.failurePermille) * UInt64(state.pointee.windowRequests) ? .failureRatio : nil
  }

  private func timesInRow(_ shared: UnsafeMutablePointer<EndpointShared>, now: UInt64) -> UInt32 {
    let end = shared.pointee.lastEjectionEnd
    let forgotten = now > end ? (now - end) / settings.baseTime : 0
    let times = UInt64(shared.pointee.timesEjected)
    return UInt32(min(times > forgotten ? times - forgotten : 0, 1 << 20)) + 1
  }

  private func duration(times: UInt32) -> UInt64 {
    let (product, overflow) = settings.baseTime.multipliedReportingOverflow(by: UInt64(times))
    return overflow ? settings.maxTime : min(product, settings.maxTime)
  }

  private func forgive(_ state: UnsafeMutablePointer<EndpointState>, now: UInt64) {
    state.pointee.consecutiveFailures = 0
    state.pointee.windowStart = now
    state.pointee.windowRequests = 0
    state.pointee.windowFailures = 0
  }
}
