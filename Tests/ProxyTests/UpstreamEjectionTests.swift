import Testing

@testable import Proxy

@Suite struct UpstreamEjectionTests {
  private func ejection(_ change: (inout EjectionSettings) -> Void = { _ in }) -> Ejection {
    var settings = EjectionSettings()
    change(&settings)
    return Ejection(settings: settings)
  }

  private func record(
    _ ejection: Ejection, _ outcome: AttemptOutcome, slot: Int, times: Int = 1, pool: borrowing OneWorkerPool
  ) -> EjectionEffect {
    var effect = EjectionEffect.none
    for _ in 0..<times {
      effect = ejection.record(outcome, on: pool.balancer.endpoints.states + slot, pool: pool.balancer.endpoints.pool, now: pool.now)
    }
    return effect
  }

  @Test func failuresInARowEjectAndASuccessStartsAnew() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection()
    #expect(record(ejection, .failure, slot: 0, times: 4, pool: pool) == .none)
    #expect(record(ejection, .success, slot: 0, pool: pool) == .none)
    #expect(record(ejection, .failure, slot: 0, times: 4, pool: pool) == .none)
    let until = pool.now + 30 * oneSecond
    #expect(record(ejection, .failure, slot: 0, pool: pool) == .ejected(until: until, cause: .consecutiveFailures))
    let counts = pool.counts(picks: 10, slots: 2)
    #expect(counts == [0, 10])
    #expect(pool.balancer.nextChangeAt == until)
  }

  @Test func ratioEjectsOnlyWithEnoughRequests() {
    let pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection {
      $0.consecutiveFailures = 0; $0.failurePermille = 500; $0.requestsMin = 20
    }
    #expect(record(ejection, .failure, slot: 0, times: 9, pool: pool) == .none)
    #expect(record(ejection, .success, slot: 0, times: 10, pool: pool) == .none)
    #expect(record(ejection, .failure, slot: 0, pool: pool) == .ejected(until: pool.now + 30 * oneSecond, cause: .failureRatio))
  }

  @Test func ratioForgetsTheIntervalBefore() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection {
      $0.consecutiveFailures = 0; $0.failurePermille = 500; $0.requestsMin = 20
    }
    #expect(record(ejection, .failure, slot: 0, times: 19, pool: pool) == .none)
    pool.now += 10 * oneSecond
    #expect(record(ejection, .failure, slot: 0, times: 19, pool: pool) == .none)
    #expect(record(ejection, .failure, slot: 0, pool: pool) != .none)
  }

  @Test func ejectionsInARowLastLongerUpToTheirCapAndAreForgottenWithTime() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection {
      $0.consecutiveFailures = 1; $0.maxTime = 100 * oneSecond
    }
    for expected in [30, 60, 90, 100, 100] as [UInt64] {
      let until = pool.now + expected * oneSecond
      #expect(record(ejection, .failure, slot: 0, pool: pool) == .ejected(until: until, cause: .consecutiveFailures))
      #expect(pool.balancer.readmitNext(now: until - 1) == -1)
      #expect(pool.balancer.readmitNext(now: until) == 0)
      #expect(pool.balancer.readmitNext(now: until) == -1)
      pool.now = until
    }
    // Five in a row; three base times spent well leave two.
    pool.now += 90 * oneSecond
    #expect(record(ejection, .failure, slot: 0, pool: pool) == .ejected(until: pool.now + 90 * oneSecond, cause: .consecutiveFailures))
  }

  @Test func anEjectionThatIsOverCanBeRenewedBeforeAnyoneReadmits() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection { $0.consecutiveFailures = 1 }
    _ = record(ejection, .failure, slot: 0, pool: pool)
    pool.now += 30 * oneSecond
    #expect(record(ejection, .failure, slot: 0, pool: pool) == .ejected(until: pool.now + 60 * oneSecond, cause: .consecutiveFailures))
    #expect(pool.directory.poolCell.ejectedCount == 1)
  }

  @Test func lateFailuresOfAnEjectedEndpointSayNothing() {
    let pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection { $0.consecutiveFailures = 1 }
    _ = record(ejection, .failure, slot: 0, pool: pool)
    #expect(record(ejection, .failure, slot: 0, times: 50, pool: pool) == .none)
    #expect(pool.balancer.endpoints.states[0].shared.pointee.ejectedUntil == pool.now + 30 * oneSecond)
  }

  @Test(arguments: [(1, 50, 0), (2, 50, 1), (3, 50, 1), (10, 30, 3), (4, 0, 0), (3, 100, 3)])
  func ejectedShareIsABound(count: Int, percent: Int, allowed: Int) {
    let list = endpointList([UInt16](repeating: 1, count: count))
    let pool = OneWorkerPool(list, balance(.roundRobin), maxEjectedPercent: percent)
    let ejection = ejection()
    for slot in 0..<count {
      let effect = record(ejection, .failure, slot: slot, times: 5, pool: pool)
      if slot < allowed {
        #expect(effect == .ejected(until: pool.now + 30 * oneSecond, cause: .consecutiveFailures))
      } else {
        #expect(effect == .shareSpent(cause: .consecutiveFailures))
      }
    }
  }

  @Test func refusedEjectionIsAskedAgainWithTheNextFailure() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.roundRobin))
    let ejection = ejection { $0.consecutiveFailures = 2 }
    _ = record(ejection, .failure, slot: 0, times: 2, pool: pool)
    #expect(record(ejection, .failure, slot: 1, times: 2, pool: pool) == .shareSpent(cause: .consecutiveFailures))
    pool.now += 30 * oneSecond
    let readmitted = pool.balancer.readmitNext(now: pool.now)
    #expect(readmitted == 0)
    #expect(record(ejection, .failure, slot: 1, pool: pool) == .ejected(until: pool.now + 30 * oneSecond, cause: .consecutiveFailures))
  }

  @Test func allWorkersSeeAnEjection() {
    var directory = EndpointDirectory()
    let listing = directory.update(to: endpointList([1, 1]), now: 0)
    let one = Balancer(settings: balance(.roundRobin), listing: listing, workerSeed: 1, now: 0)
    var other = Balancer(settings: balance(.roundRobin), listing: listing, workerSeed: 2, now: 0)
    let ejection = ejection { $0.consecutiveFailures = 1 }
    _ = ejection.record(.failure, on: one.endpoints.states, pool: one.endpoints.pool, now: 0)
    for _ in 0..<10 {
      let slot = other.pick(now: 1, random: 0)
      #expect(slot == 1)
    }
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func ejectedShareHoldsUnderRandomEventsAndUpdates(seed: UInt64) {
    let percent = 30
    var pool = OneWorkerPool(endpointList([UInt16](repeating: 1, count: 20)), balance(.roundRobin), seed: seed, maxEjectedPercent: percent)
    let ejection = ejection {
      $0.consecutiveFailures = 3
      $0.failurePermille = 600
      $0.baseTime = 5 * oneSecond
      $0.maxTime = 60 * oneSecond
    }
    var ejected = 0
    for _ in 0..<20_000 {
      pool.now += UInt64(pool.bits.below(Int(oneSecond / 20)))
      switch pool.bits.below(200) {
      case 0:
        let ids = (1...40 as ClosedRange<UInt64>).filter { _ in pool.bits.below(2) == 0 }
        _ = pool.update(to: ids.map { EndpointDescription(id: $0) })
      case 1..<40:
        _ = pool.balancer.readmitNext(now: pool.now)
      default:
        let slot = pool.bits.below(pool.balancer.endpoints.slots)
        guard pool.balancer.endpoints.states[slot].presence == .listed else { continue }
        let outcome: AttemptOutcome = pool.bits.below(10) < 6 ? .failure : .success
        if case .ejected = record(ejection, outcome, slot: slot, pool: pool) { ejected += 1 }
      }
      var listed = 0
      var out = 0
      for slot in 0..<pool.balancer.endpoints.slots where pool.balancer.endpoints.states[slot].presence == .listed {
        listed += 1
        if pool.balancer.endpoints.states[slot].shared.pointee.ejectedUntil > pool.now { out += 1 }
      }
      #expect(out <= listed * percent / 100)
      #expect(pool.directory.poolCell.ejectedCount >= out)
      #expect(pool.directory.poolCell.ejectedCount <= listed * percent / 100)
    }
    #expect(ejected > 50, "the events did eject")
  }

  @Test func ejectedShareHoldsBetweenThreads() async {
    var directory = EndpointDirectory(maxEjectedPercent: 40)
    let listing = directory.update(to: endpointList([UInt16](repeating: 1, count: 10)), now: 0)
    let exceeded = await withTaskGroup(of: Int.self) { group in
      for worker in 0..<4 {
        group.addTask {
          var bits = UpstreamBits(seed: UInt64(worker))
          var exceeded = 0
          for step in 0..<20_000 as Range<UInt64> {
            let cell = listing.entries[bits.below(10)].cell
            let pool = listing.pool
            if bits.below(2) == 0 {
              _ = cell.pointer.pointee.eject(now: step, until: step + 5, times: 1, pool: pool.pointer.pointee)
            } else {
              _ = cell.readmit(now: step, pool: pool)
            }
            if pool.ejectedCount > 4 { exceeded += 1 }
          }
          return exceeded
        }
      }
      return await group.reduce(0, +)
    }
    #expect(exceeded == 0)
    let held = listing.entries.filter { $0.cell.ejectedUntil != 0 }.count
    #expect(listing.pool.ejectedCount == held)
  }
}
