import Testing

@testable import Proxy

@Suite struct UpstreamSharesTests {
  struct LevelCase: Sendable, CustomTestStringConvertible {
    var healthy: [Int]
    var traffic: [Double]
    var panics: [Bool]
    var testDescription: String { "\(healthy) percent healthy" }
  }

  /// Two or three levels of equal size, Envoy's overprovisioning of 1.4 and panic threshold of 50 %.
  static let levels: [LevelCase] = [
    LevelCase(healthy: [100, 100], traffic: [1, 0], panics: [false, false]),
    LevelCase(healthy: [72, 72], traffic: [1, 0], panics: [false, false]),
    LevelCase(healthy: [71, 71], traffic: [0.994, 0.006], panics: [false, false]),
    LevelCase(healthy: [50, 100], traffic: [0.7, 0.3], panics: [false, false]),
    LevelCase(healthy: [25, 100], traffic: [0.35, 0.65], panics: [false, false]),
    LevelCase(healthy: [0, 100], traffic: [0, 1], panics: [false, false]),
    LevelCase(healthy: [25, 25], traffic: [0.5, 0.5], panics: [true, true]),
    LevelCase(healthy: [5, 65], traffic: [0.07 / 0.98, 0.91 / 0.98], panics: [true, false]),
    LevelCase(healthy: [0, 0], traffic: [1, 0], panics: [true, true]),
    LevelCase(healthy: [20, 20, 100], traffic: [0.28, 0.28, 0.44], panics: [false, false, false]),
  ]

  private func divide(_ tallies: [LevelTally], _ settings: BalanceSettings) -> [LevelShare] {
    let padded = tallies + [LevelTally](repeating: LevelTally(), count: UpstreamLimits.prioritiesMax - tallies.count)
    return [LevelShare](unsafeUninitializedCapacity: UpstreamLimits.prioritiesMax) { buffer, count in
      padded.withUnsafeBufferPointer { TrafficShares.divide($0.baseAddress!, into: buffer.baseAddress!, settings: settings) }
      count = UpstreamLimits.prioritiesMax
    }
  }

  @Test(arguments: levels) func levelsShareAsTheirHealthAllows(level: LevelCase) {
    let tallies = level.healthy.map { LevelTally(own: ZoneTally(total: 100, available: Double($0))) }
    let shares = divide(tallies, balance(.leastRequests))
    for index in level.healthy.indices {
      #expect(isNear(shares[index].traffic, level.traffic[index], within: 1e-9))
      #expect(shares[index].isPanicking == level.panics[index])
    }
    #expect(isNear(shares.reduce(0) { $0 + $1.traffic }, 1, within: 1e-9))
  }

  @Test(
    arguments: [
      // local available of 10, remote available of 20, traffic entering here, local share
      (10, 20, 0, 1.0), (8, 20, 0, 1.0), (5, 20, 0, 0.7), (1, 20, 0, 0.14), (0, 20, 0, 0.0), (10, 0, 0, 1.0), (4, 0, 0, 1.0),
      (10, 20, 333, 1.0), (10, 20, 500, 2.0 / 3), (10, 20, 1000, 1.0 / 3),
    ] as [(Double, Double, UInt16, Double)])
  func ownZoneKeepsWhatItCanCarry(local: Double, remote: Double, enters: UInt16, expected: Double) {
    let tally = LevelTally(own: ZoneTally(total: 10, available: local), others: ZoneTally(total: 20, available: remote))
    let shares = divide(
      [tally],
      balance(.leastRequests) {
        $0.zoneTrafficPermille = enters; $0.panicThresholdPercent = 0
      })
    #expect(isNear(shares[0].local, expected, within: 1e-9))
  }

  @Test(arguments: [BalancePolicy.roundRobin, .leastRequests, .peakEWMA, .hash])
  func picksFollowLevelsAndZones(policy: BalancePolicy) {
    // Level 0: own zone 4 of which 2 are well, other zone 4; level 1: 2.
    let list = endpointList([UInt16](repeating: 1, count: 10), remote: [4, 5, 6, 7], priorities: [0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    var pool = OneWorkerPool(list, balance(policy))
    var counts = pool.counts(picks: 10_000, slots: 10)
    #expect(counts[0..<4].reduce(0, +) == 10_000)
    pool.fail([0, 1])
    counts = pool.counts(picks: 40_000, slots: 10)
    #expect(counts[0] == 0 && counts[1] == 0 && counts[8] == 0 && counts[9] == 0)
    #expect(isNear(Double(counts[2] + counts[3]) / 40_000, 0.7, within: 0.02))
    pool.fail([4, 5, 6])
    // Three of eight: level 0 carries 0.375 × 1.4, the rest spills to level 1.
    counts = pool.counts(picks: 40_000, slots: 10)
    #expect(isNear(Double(counts[8] + counts[9]) / 40_000, 0.475, within: 0.02))
    #expect(pool.balancer.panicPicks == 0)
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>) func everyDrawHasAGroupWhateverIsHealthy(seed: UInt64) {
    var bits = UpstreamBits(seed: seed)
    for _ in 0..<200 {
      let count = 1 + bits.below(24)
      let list = (1...count).map {
        EndpointDescription(id: UInt64($0), weight: UInt16(1 + bits.below(9)), sameZone: bits.below(2) == 0, priority: UInt8(bits.below(4)))
      }
      var pool = OneWorkerPool(list, balance(.leastRequests) { $0.zoneTrafficPermille = UInt16(bits.below(3) * 400) }, seed: seed)
      pool.fail((0..<count).filter { _ in bits.below(2) == 0 })
      let slot = pool.balancer.pick(now: pool.now, random: .max)
      #expect(slot >= 0)
      var end: UInt64 = 0
      for index in 0..<pool.balancer.groupCount {
        #expect(pool.balancer.groups[index].shareEnd >= end)
        end = pool.balancer.groups[index].shareEnd
      }
      #expect(end == 1 << 32)
    }
  }

  @Test func panicIgnoresHealthAndIsCounted() {
    var pool = OneWorkerPool(endpointList([1, 1, 1, 1]), balance(.roundRobin))
    pool.fail([0, 1])
    var counts = pool.counts(picks: 100, slots: 4)
    #expect(counts == [0, 0, 50, 50])
    #expect(pool.balancer.panicPicks == 0)
    pool.fail([2])
    counts = pool.counts(picks: 100, slots: 4)
    #expect(counts == [25, 25, 25, 25])
    #expect(pool.balancer.panicPicks == 100)
    pool.recover([1])
    counts = pool.counts(picks: 100, slots: 4)
    #expect(counts == [0, 50, 0, 50])
    #expect(pool.balancer.panicPicks == 100)
  }

  @Test func withoutPanicAPoolWithoutHealthGivesNone() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.leastRequests) { $0.panicThresholdPercent = 0 })
    pool.fail([0])
    var slot = pool.pick()
    #expect(slot == 1)
    pool.fail([1])
    slot = pool.pick()
    #expect(slot == -1)
    pool.recover([0])
    slot = pool.pick()
    #expect(slot == 0)
  }

  @Test(arguments: [BalancePolicy.roundRobin, .leastRequests, .hash])
  func retryLeavesItsGroupWhenAllOfItWereTried(policy: BalancePolicy) {
    var pool = OneWorkerPool(endpointList([1, 1, 1], remote: [1], priorities: [0, 0, 1]), balance(policy))
    var tried = TriedEndpoints()
    var order: [Int] = []
    for _ in 0..<4 {
      let slot = pool.pick(key: 5, excluding: tried)
      order.append(slot)
      if slot >= 0 { tried.insert(Int32(slot)) }
    }
    #expect(order == [0, 1, 2, -1])
  }

  @Test func endpointOfWeightZeroTakesNothing() {
    var pool = OneWorkerPool(endpointList([1, 0, 3]), balance(.leastRequests))
    let counts = pool.counts(picks: 1000, slots: 3)
    #expect(counts[1] == 0 && counts[0] > 0 && counts[2] > 0)
  }
}

@Suite struct UpstreamSlowStartTests {
  @Test(arguments: [BalancePolicy.roundRobin, .leastRequests])
  func addedEndpointRampsLinearlyFromATenth(policy: BalancePolicy) {
    var pool = OneWorkerPool(endpointList([4]), balance(policy) { $0.slowStart = 64 * oneSecond })
    _ = pool.update(to: endpointList([4, 4]))
    for (elapsed, weight) in [(0, 0.1), (16, 0.325), (32, 0.55), (48, 0.775), (64, 1.0), (100, 1.0)] as [(UInt64, Double)] {
      pool.now = (100 + elapsed) * oneSecond
      let counts = pool.counts(picks: 20_000, slots: 2)
      #expect(isNear(Double(counts[1]) / 20_000, weight / (1 + weight), within: 0.015), "after \(elapsed) s")
    }
  }

  @Test func recoveredEndpointRampsAndTheFirstListDoesNot() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin) { $0.slowStart = 10 * oneSecond })
    var counts = pool.counts(picks: 1000, slots: 2)
    #expect(counts == [500, 500])
    pool.fail([1])
    counts = pool.counts(picks: 10, slots: 2)
    #expect(counts == [10, 0])
    pool.recover([1])
    counts = pool.counts(picks: 1100, slots: 2)
    #expect(isNear(Double(counts[1]), 100, within: 3))
    pool.now += 10 * oneSecond
    counts = pool.counts(picks: 1000, slots: 2)
    #expect(isNear(Double(counts[1]), 500, within: 2))
  }

  @Test func endpointRampsAfterItsEjectionEnds() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin) { $0.slowStart = 10 * oneSecond })
    let ejection = Ejection(settings: EjectionSettings())
    let states = pool.balancer.endpoints.states
    for _ in 0..<5 { _ = ejection.record(.failure, on: states + 1, pool: pool.balancer.endpoints.pool, now: pool.now) }
    var counts = pool.counts(picks: 10, slots: 2)
    #expect(counts == [10, 0])
    pool.now += 30 * oneSecond
    counts = pool.counts(picks: 1100, slots: 2)
    #expect(isNear(Double(counts[1]), 100, within: 3))
    let readmitted = pool.balancer.readmitNext(now: pool.now)
    #expect(readmitted == 1)
    counts = pool.counts(picks: 1100, slots: 2)
    #expect(isNear(Double(counts[1]), 100, within: 3))
  }
}
