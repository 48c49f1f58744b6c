import Testing

@testable import Proxy

@Suite struct UpstreamRoundRobinTests {
  @Test(arguments: [[1], [1, 1, 1], [5, 1, 1], [3, 2, 7, 1], [100, 1], [13, 7, 64, 33, 2, 2, 9]] as [[UInt16]])
  func everyPeriodGivesEachEndpointItsWeight(weights: [UInt16]) {
    var pool = OneWorkerPool(endpointList(weights), balance(.roundRobin))
    let period = weights.reduce(0) { $0 + Int($1) }
    for _ in 0..<50 {
      let counts = pool.counts(picks: period, slots: weights.count)
      #expect(counts == weights.map(Int.init))
    }
  }

  @Test func equalEndpointsTakeTurns() {
    var pool = OneWorkerPool(endpointList([2, 2, 2, 2]), balance(.roundRobin))
    let first = (0..<4).map { _ in pool.pick() }
    #expect(Set(first).count == 4)
    for turn in 0..<40 {
      let slot = pool.pick()
      #expect(slot == first[turn % 4])
    }
  }

  @Test func lightEndpointWaitsNoLongerThanTwoPeriods() {
    var pool = OneWorkerPool(endpointList([50, 1]), balance(.roundRobin))
    var wait = 0
    for _ in 0..<1000 {
      wait = pool.pick() == 1 ? 0 : wait + 1
      #expect(wait <= 102)
    }
  }

  @Test func workersDoNotWalkInStep() {
    var starts = Set<Int>()
    for seed in 1...32 {
      var pool = OneWorkerPool(endpointList([1, 1, 1, 1]), balance(.roundRobin), seed: UInt64(seed))
      starts.insert(pool.pick())
    }
    #expect(starts.count == 4)
  }

  @Test func retryGoesElsewhereAndCostsTheOthersNothing() {
    var pool = OneWorkerPool(endpointList([1, 1, 1]), balance(.roundRobin))
    for _ in 0..<100 {
      let first = pool.pick()
      var tried = TriedEndpoints()
      tried.insert(Int32(first))
      let next = pool.pick(excluding: tried)
      tried.insert(Int32(next))
      let third = pool.pick(excluding: tried)
      tried.insert(Int32(third))
      let fourth = pool.pick(excluding: tried)
      #expect(Set([first, next, third]) == [0, 1, 2])
      #expect(fourth == -1)
    }
    let counts = pool.counts(picks: 300, slots: 3)
    #expect(counts == [100, 100, 100])
  }

  @Test func virtualTimeIsRewoundWithoutLosingTurns() {
    var pool = OneWorkerPool(endpointList([3, 1]), balance(.roundRobin))
    let almost: UInt64 = (1 << 62) - (1 << 34)
    let clocks = pool.balancer.clocks
    let states = pool.balancer.endpoints.states
    clocks[0] += almost
    for slot in 0..<2 { states[slot].deadline += almost }
    var counts = [0, 0]
    for _ in 0..<400 { counts[pool.pick()] += 1 }
    #expect(counts == [300, 100])
    #expect(clocks[0] < 1 << 62)
  }

  @Test func turnsTakenByRetriesDoNotMakeANewcomerWait() {
    var pool = OneWorkerPool(endpointList([100, 1]), balance(.roundRobin))
    var tried = TriedEndpoints()
    tried.insert(0)
    for _ in 0..<50 {
      let slot = pool.pick(excluding: tried)
      #expect(slot == 1)
    }
    _ = pool.update(to: endpointList([100, 1, 100]))
    let counts = pool.counts(picks: 100, slots: 3)
    #expect(counts[2] >= 48)
  }

  @Test func weightThatGrowsCountsAtOnce() {
    var pool = OneWorkerPool(endpointList([100, 1]), balance(.roundRobin))
    while pool.pick() != 1 {}
    _ = pool.update(to: endpointList([100, 100]))
    let counts = pool.counts(picks: 20, slots: 2)
    #expect(counts[1] >= 9)
  }

  @Test func recoveredEndpointDoesNotCatchUp() {
    var pool = OneWorkerPool(endpointList([1, 1, 1, 1]), balance(.roundRobin))
    pool.fail([2])
    var counts = pool.counts(picks: 3000, slots: 4)
    #expect(counts == [1000, 1000, 0, 1000])
    pool.recover([2])
    counts = pool.counts(picks: 8, slots: 4)
    #expect(counts[2] <= 3)
  }
}

@Suite struct UpstreamLeastRequestsTests {
  static let weights: [UInt16] = [1, 2, 3, 4, 10, 1, 2, 3, 4, 10]

  @Test(arguments: [weights, [1, 1], [3, 1], [1, 1, 1, 1, 1, 1, 1]]) func idlePicksFollowTheWeights(weights: [UInt16]) {
    var pool = OneWorkerPool(endpointList(weights), balance(.leastRequests))
    let picks = 200_000
    let sum = weights.reduce(0) { $0 + Double($1) }
    let counts = pool.counts(picks: picks, slots: weights.count)
    for (slot, weight) in weights.enumerated() {
      #expect(isNear(Double(counts[slot]) / Double(picks), Double(weight) / sum, within: 0.004), "slot \(slot)")
    }
  }

  @Test func underLoadRequestsInFlightFollowTheWeights() {
    var pool = OneWorkerPool(endpointList(Self.weights), balance(.leastRequests))
    var running: [Int] = []
    var picked = [Double](repeating: 0, count: 10)
    for step in 0..<60_000 {
      if running.count == 400 {
        let over = running.remove(at: pool.bits.below(400))
        pool.balancer.endpoints.endRequest(Int32(over))
      }
      let slot = pool.pick()
      pool.balancer.endpoints.beginRequest(Int32(slot))
      running.append(slot)
      if step >= 10_000 { picked[slot] += 1 }
    }
    for (slot, weight) in Self.weights.enumerated() {
      #expect(isNear(picked[slot] / 50_000, Double(weight) / 40, within: 0.1 * Double(weight) / 40), "slot \(slot)")
      let active = Double(pool.balancer.endpoints.states[slot].active)
      #expect(isNear(active, 10 * Double(weight), within: 3 + 2 * Double(weight)), "slot \(slot)")
    }
  }

  @Test func ofTwoEndpointsTheLessLoadedIsTaken() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.leastRequests))
    pool.balancer.endpoints.beginRequest(0)
    for _ in 0..<100 {
      let slot = pool.pick()
      #expect(slot == 1)
    }
  }

  @Test func weightsOutweighRequests() {
    var pool = OneWorkerPool(endpointList([4, 1]), balance(.leastRequests))
    for _ in 0..<3 { pool.balancer.endpoints.beginRequest(0) }
    pool.balancer.endpoints.beginRequest(1)
    let slot = pool.pick()
    #expect(slot == 0)
  }

  @Test func retryTakesTheLightestOfTheRest() {
    var pool = OneWorkerPool(endpointList([1, 1, 1, 1]), balance(.leastRequests))
    for slot in [0, 0, 1, 3, 3] { pool.balancer.endpoints.beginRequest(Int32(slot)) }
    var tried = TriedEndpoints()
    tried.insert(2)
    for _ in 0..<20 {
      let slot = pool.pick(excluding: tried)
      #expect(slot == 1)
    }
  }

  @Test func anEmptyPoolGivesNone() {
    var pool = OneWorkerPool([], balance(.leastRequests))
    let slot = pool.pick()
    #expect(slot == -1)
  }
}

@Suite struct UpstreamPeakEWMATests {
  /// Open loop: one request a oneMillisecond; each endpoint answers after its own time.
  private func shares(latencies: [UInt64], seconds: Int, pool: inout OneWorkerPool) -> [Double] {
    var finishing: [UInt64: [(slot: Int, elapsed: UInt64)]] = [:]
    var counts = [Double](repeating: 0, count: latencies.count)
    for _ in 0..<(seconds * 1000) {
      pool.now += oneMillisecond
      for (slot, elapsed) in finishing.removeValue(forKey: pool.now) ?? [] {
        pool.balancer.observe(Int32(slot), elapsed: elapsed, now: pool.now)
        pool.balancer.endpoints.endRequest(Int32(slot))
      }
      let slot = pool.pick()
      pool.balancer.endpoints.beginRequest(Int32(slot))
      finishing[pool.now + latencies[slot], default: []].append((slot, latencies[slot]))
      counts[slot] += 1
    }
    return counts.map { $0 / Double(seconds * 1000) }
  }

  @Test func slowEndpointIsAvoided() {
    var pool = OneWorkerPool(endpointList([1, 1, 1, 1]), balance(.peakEWMA))
    let shares = shares(latencies: [5, 5, 5, 200].map { $0 * oneMillisecond }, seconds: 20, pool: &pool)
    #expect(shares[3] < 0.02)
    for slot in 0..<3 { #expect(shares[slot] > 0.25) }
  }

  @Test func slowEndpointIsTriedAgainAfterSilence() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.peakEWMA))
    pool.balancer.observe(0, elapsed: 500 * oneMillisecond, now: pool.now)
    pool.balancer.observe(1, elapsed: 5 * oneMillisecond, now: pool.now)
    let early = pool.pick()
    #expect(early == 1)
    pool.now += 60 * oneSecond
    pool.balancer.observe(1, elapsed: 5 * oneMillisecond, now: pool.now)
    let late = pool.pick()
    #expect(late == 0)
  }

  @Test func unmeasuredEndpointGetsOneRequestUntilItAnswers() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.peakEWMA))
    pool.balancer.observe(0, elapsed: 300 * oneMillisecond, now: pool.now)
    let first = pool.pick()
    #expect(first == 1)
    pool.balancer.endpoints.beginRequest(1)
    for _ in 0..<10 {
      let next = pool.pick()
      #expect(next == 0)
      pool.balancer.endpoints.beginRequest(0)
    }
  }

  @Test func failingFastDoesNotAttract() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.peakEWMA))
    pool.balancer.observe(0, elapsed: 50 * oneMillisecond, now: pool.now)
    pool.balancer.observe(1, elapsed: 1000, failed: true, now: pool.now)
    let slot = pool.pick()
    #expect(slot == 0)
  }

  @Test func peakCountsAtOnceAndGoesAwaySlowly() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.peakEWMA))
    let states = pool.balancer.endpoints.states
    pool.balancer.observe(0, elapsed: 10 * oneMillisecond, now: pool.now)
    pool.balancer.observe(0, elapsed: 90 * oneMillisecond, now: pool.now + oneMillisecond)
    #expect(states[0].cost == Double(90 * oneMillisecond))
    pool.balancer.observe(0, elapsed: 10 * oneMillisecond, now: pool.now + oneMillisecond + 10 * oneSecond)
    // One time constant later, 1/e of the distance is left.
    #expect(isNear(states[0].cost / Double(oneMillisecond), 10 + 80 * 0.36788, within: 0.01))
  }
}
