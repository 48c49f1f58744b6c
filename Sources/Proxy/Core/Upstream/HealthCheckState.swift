// What an endpoint's active checks have shown and when the next is due. One per endpoint and node, owned by whoever runs the checks;
// a change is an effect, which the driver writes to the endpoint's shared cell (`EndpointHolds.failedCheck`, `.unchecked`).

public struct HealthCheckSettings: Sendable {
  /// Nanoseconds between two checks of an endpoint.
  public var interval: UInt64 = 5_000_000_000
  /// How far a check may be moved either way, in percent of the interval, so that nodes do not check in step.
  public var jitterPercent: UInt8 = 10
  /// Passed checks in a row that make an unhealthy endpoint healthy.
  public var healthyThreshold: UInt16 = 2
  /// Failed checks in a row that make a healthy endpoint unhealthy.
  public var unhealthyThreshold: UInt16 = 3

  public init() {}
}

public enum HealthVerdict: UInt8, Sendable {
  /// Not checked yet; the first result decides at once: `healthy` or `unhealthy`.
  case unknown
  /// May become `unhealthy` by `unhealthyThreshold` failures in a row.
  case healthy
  /// May become `healthy` by `healthyThreshold` successes in a row.
  case unhealthy
}

public enum HealthCheckEffect: UInt8, Sendable {
  case none
  case becameHealthy
  case becameUnhealthy
}

public struct HealthCheckState: Sendable {
  public private(set) var verdict: HealthVerdict = .unknown
  /// Results in a row that speak against the verdict.
  private(set) var contradictions: UInt16 = 0

  /// - Parameter verdict: what others have found who checked before.
  public init(_ verdict: HealthVerdict = .unknown) { self.verdict = verdict }

  /// - Parameter passed: the check came back in time and as expected.
  public mutating func record(passed: Bool, settings: HealthCheckSettings) -> HealthCheckEffect {
    switch (verdict, passed) {
    case (.unknown, _):
      return become(passed ? .healthy : .unhealthy)
    case (.healthy, true), (.unhealthy, false):
      contradictions = 0
      return .none
    case (.healthy, false):
      return contradict(threshold: settings.unhealthyThreshold)
    case (.unhealthy, true):
      return contradict(threshold: settings.healthyThreshold)
    }
  }

  private mutating func contradict(threshold: UInt16) -> HealthCheckEffect {
    contradictions += 1
    guard contradictions >= threshold else { return .none }
    return become(verdict == .healthy ? .unhealthy : .healthy)
  }

  private mutating func become(_ verdict: HealthVerdict) -> HealthCheckEffect {
    self.verdict = verdict
    contradictions = 0
    return verdict == .healthy ? .becameHealthy : .becameUnhealthy
  }

  /// When to check next: one interval from now, give or take the jitter.
  ///
  /// A first check falls somewhere in the first tenth of an interval: soon, but not all endpoints at once.
  /// - Parameters:
  ///   - now: monotonic nanoseconds.
  ///   - random: 64 fresh random bits.
  public func nextCheckAt(now: UInt64, settings: HealthCheckSettings, random: UInt64) -> UInt64 {
    if verdict == .unknown { return now + random.multipliedFullWidth(by: settings.interval / 10).high }
    let jitter = settings.interval / 100 * UInt64(min(settings.jitterPercent, 100))
    return now + settings.interval - jitter + random.multipliedFullWidth(by: 2 * jitter + 1).high
  }
}
