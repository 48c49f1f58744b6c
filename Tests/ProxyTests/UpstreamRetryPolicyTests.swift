import Testing

@testable import Proxy

@Suite struct UpstreamRetryPolicyTests {
  static let failures: [FailureKind] = [
    .connectFailed, .connectTimeout, .resetBeforeResponse, .refusedStream, .firstByteTimeout, .responseStatus(503), .resetMidResponse,
  ]
  static let everything: RetryConditions = [
    .connect, .resetBeforeResponse, .refusedStream, .firstByteTimeout, .status, .resetMidResponse,
  ]

  private func policy(_ conditions: RetryConditions) -> RetryPolicy {
    RetryPolicy(conditions: conditions, statuses: RetryStatuses([502, 503]), attemptsMax: 3)
  }

  private func situation(
    isIdempotent: Bool = true, isBodyConsumed: Bool = false, isHeadForwarded: Bool = false, attempts: UInt8 = 1
  ) -> RetrySituation {
    RetrySituation(
      isIdempotent: isIdempotent, isBodyConsumed: isBodyConsumed, isHeadForwarded: isHeadForwarded, attempts: attempts)
  }

  @Test(arguments: failures) func idempotentRequestIsRetriedOnlyOnItsCondition(failure: FailureKind) {
    #expect(policy(Self.everything).mayRetry(failure, situation()))
    #expect(policy([]).verdict(failure, situation()) == .conditionOff)
    let condition: RetryConditions
    switch failure {
    case .connectFailed, .connectTimeout: condition = .connect
    case .resetBeforeResponse: condition = .resetBeforeResponse
    case .refusedStream: condition = .refusedStream
    case .firstByteTimeout: condition = .firstByteTimeout
    case .responseStatus: condition = .status
    case .resetMidResponse: condition = .resetMidResponse
    }
    #expect(policy(condition).mayRetry(failure, situation()))
    #expect(policy(Self.everything.subtracting(condition)).verdict(failure, situation()) == .conditionOff)
  }

  @Test(arguments: failures) func unsafeMethodIsRetriedOnlyIfNothingWasProcessedOrAskedFor(failure: FailureKind) {
    let isCertain = [.connectFailed, .connectTimeout, .refusedStream].contains(failure)
    #expect(policy(Self.everything).verdict(failure, situation(isIdempotent: false)) == (isCertain ? .retry : .unsafeMethod))
    #expect(policy(Self.everything.union(.unsafeMethods)).mayRetry(failure, situation(isIdempotent: false)))
  }

  @Test(arguments: failures, [true, false]) func noSettingRetriesWhatCannotBeUndone(failure: FailureKind, isIdempotent: Bool) {
    let policy = policy(Self.everything.union(.unsafeMethods))
    #expect(policy.verdict(failure, situation(isIdempotent: isIdempotent, isBodyConsumed: true)) == .bodyConsumed)
    #expect(policy.verdict(failure, situation(isIdempotent: isIdempotent, isHeadForwarded: true)) == .headForwarded)
  }

  @Test(arguments: failures) func attemptsAreBounded(failure: FailureKind) {
    #expect(policy(Self.everything).mayRetry(failure, situation(attempts: 2)))
    #expect(policy(Self.everything).verdict(failure, situation(attempts: 3)) == .attemptsSpent)
    var once = policy(Self.everything)
    once.attemptsMax = 1
    #expect(once.verdict(failure, situation()) == .attemptsSpent)
  }

  @Test func onlyNamedStatusesAreRetried() {
    let policy = policy(Self.everything)
    for status in 100...999 as ClosedRange<UInt16> {
      #expect(policy.mayRetry(.responseStatus(status), situation()) == [502, 503].contains(status))
    }
    let all = RetryStatuses(Array(400...599))
    for status in 0...1200 as ClosedRange<UInt16> { #expect(all.contains(status) == (400...599).contains(status)) }
  }

  @Test func idempotentMethodsAreThoseOfTheStandard() {
    let methods: [(String, Bool)] = [
      ("GET", true), ("HEAD", true), ("OPTIONS", true), ("TRACE", true), ("PUT", true), ("DELETE", true),
      ("POST", false), ("PATCH", false), ("CONNECT", false), ("get", false), ("", false), ("GETX", false), ("PROPFIND", false),
    ]
    for (method, expected) in methods {
      let isIdempotent = Array(method.utf8).withUnsafeBytes { RetryPolicy.isIdempotent($0) }
      #expect(isIdempotent == expected, "\(method)")
    }
  }
}
