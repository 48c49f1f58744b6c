import Testing

@testable import Proxy

@Suite struct UpstreamCircuitTests {
  @Test(arguments: CircuitKind.allCases) func eachKindHasItsOwnLimit(kind: CircuitKind) {
    var circuit = Circuit(limits: CircuitLimits(connectionsMax: 2, pendingMax: 3, requestsMax: 4))
    let limit: Int
    switch kind {
    case .connection: limit = 2
    case .pending: limit = 3
    case .request: limit = 4
    }
    var answers: [Bool] = []
    for _ in 0..<6 { answers.append(circuit.admit(kind)) }
    #expect(answers == (0..<6).map { $0 < limit })
    circuit.release(kind)
    let again = circuit.admit(kind)
    #expect(again)
    let refusals = [circuit.connectionsRefused, circuit.pendingRefused, circuit.requestsRefused]
    #expect(refusals.reduce(0, +) == UInt64(6 - limit))
    #expect(refusals.filter { $0 > 0 }.count == 1)
  }

  @Test func lowerLimitsLetFinishWhatRuns() {
    var circuit = Circuit(limits: CircuitLimits(connectionsMax: 1, pendingMax: 1, requestsMax: 3))
    for _ in 0..<3 { _ = circuit.admit(.request) }
    circuit.update(limits: CircuitLimits(connectionsMax: 1, pendingMax: 1, requestsMax: 1))
    circuit.release(.request)
    circuit.release(.request)
    let full = circuit.admit(.request)
    #expect(!full)
    circuit.release(.request)
    let free = circuit.admit(.request)
    #expect(free)
  }

  @Test(arguments: [(10, 3, [4, 3, 3]), (2, 4, [1, 1, 1, 1]), (0, 2, [0, 0]), (1024, 2, [512, 512])] as [(UInt32, Int, [UInt32])])
  func workersShareTheNodesLimits(limit: UInt32, workers: Int, parts: [UInt32]) {
    let limits = CircuitLimits(connectionsMax: limit, pendingMax: limit, requestsMax: limit)
    for worker in 0..<workers {
      let part = limits.part(worker: worker, of: workers)
      let expected = parts[worker]
      #expect(part == CircuitLimits(connectionsMax: expected, pendingMax: expected, requestsMax: expected))
    }
  }
}

@Suite struct UpstreamRetryBudgetTests {
  private func granted(_ budget: inout RetryBudget, asking: Int, now: UInt64) -> Int {
    var granted = 0
    for _ in 0..<asking where budget.withdraw(now: now) { granted += 1 }
    return granted
  }

  @Test func minimumIsThereWithoutTraffic() {
    var budget = RetryBudget(settings: RetryBudgetSettings(ratioPercent: 20, minimumPerSecond: 3))
    var retries = granted(&budget, asking: 100, now: 0)
    #expect(retries == 30)
    retries = granted(&budget, asking: 100, now: 9 * oneSecond)
    #expect(retries == 0)
    retries = granted(&budget, asking: 100, now: 10 * oneSecond)
    #expect(retries == 30)
    #expect(budget.refused == 240)
  }

  @Test func ratioOfTheWindowsRequestsComesOnTop() {
    var budget = RetryBudget(settings: RetryBudgetSettings(ratioPercent: 20, minimumPerSecond: 1))
    for _ in 0..<1000 { budget.deposit(now: 5 * oneSecond) }
    var retries = granted(&budget, asking: 1000, now: 6 * oneSecond)
    #expect(retries == 210)
    for _ in 0..<100 { budget.deposit(now: 7 * oneSecond) }
    retries = granted(&budget, asking: 1000, now: 8 * oneSecond)
    #expect(retries == 20)
    // Second 5 leaves the window with its requests, second 6 with its retries.
    retries = granted(&budget, asking: 1000, now: 15 * oneSecond)
    #expect(retries == 0)
    retries = granted(&budget, asking: 1000, now: 16 * oneSecond)
    #expect(retries == 10)
  }

  @Test func withoutRatioAndMinimumNothingIsRetried() {
    var budget = RetryBudget(settings: RetryBudgetSettings(ratioPercent: 0, minimumPerSecond: 0))
    for _ in 0..<1000 { budget.deposit(now: 0) }
    let retries = granted(&budget, asking: 10, now: 0)
    #expect(retries == 0)
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>) func windowIsThatOfAPlainList(seed: UInt64) {
    let settings = RetryBudgetSettings(ratioPercent: 15, minimumPerSecond: 2)
    var budget = RetryBudget(settings: settings)
    var bits = UpstreamBits(seed: seed)
    var requests: [UInt64] = []
    var retries: [UInt64] = []
    var now: UInt64 = 0
    var refused = 0
    for _ in 0..<5000 {
      now += bits.below(400) == 0 ? UInt64(bits.below(30)) * oneSecond : UInt64(bits.below(Int(oneSecond / 10)))
      let from = now / oneSecond
      requests.removeAll { $0 + RetryBudget.windowSeconds <= from }
      retries.removeAll { $0 + RetryBudget.windowSeconds <= from }
      if bits.below(3) > 0 {
        budget.deposit(now: now)
        requests.append(from)
      } else {
        let expected = retries.count < requests.count * 15 / 100 + 20
        let isGranted = budget.withdraw(now: now)
        #expect(isGranted == expected)
        if isGranted { retries.append(from) } else { refused += 1 }
      }
    }
    #expect(refused > 100 && UInt64(refused) == budget.refused)
  }
}
