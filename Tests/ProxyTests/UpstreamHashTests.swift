import Testing

@testable import Proxy

@Suite struct UpstreamHashTests {
  static let weights: [[UInt16]] = [[1, 1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 1, 2, 3]]

  private func owners(_ pool: inout OneWorkerPool, keys: [UInt64]) -> [UInt64] {
    keys.map { key in
      let slot = pool.pick(key: key)
      return pool.balancer.endpoints.states[slot].id
    }
  }

  private func keys(_ count: Int, seed: UInt64 = 7) -> [UInt64] {
    var bits = UpstreamBits(seed: seed)
    return (0..<count).map { _ in bits.next() }
  }

  @Test(arguments: weights) func aKeyStaysWithItsEndpointForEveryWorker(weights: [UInt16]) {
    let keys = keys(500)
    var one = OneWorkerPool(endpointList(weights), balance(.hash), seed: 1)
    var other = OneWorkerPool(endpointList(weights).reversed(), balance(.hash), seed: 2)
    let expected = owners(&one, keys: keys)
    let again = owners(&one, keys: keys)
    let elsewhere = owners(&other, keys: keys)
    #expect(again == expected)
    #expect(elsewhere == expected)
  }

  @Test(arguments: weights) func keysFollowTheWeights(weights: [UInt16]) {
    var pool = OneWorkerPool(endpointList(weights), balance(.hash))
    let counts = pool.counts(picks: 100_000, slots: weights.count)
    let sum = weights.reduce(0) { $0 + Double($1) }
    for (slot, weight) in weights.enumerated() {
      #expect(isNear(Double(counts[slot]) / 100_000, Double(weight) / sum, within: 0.006), "slot \(slot)")
    }
  }

  @Test(arguments: weights) func onlyTheRemovedEndpointsKeysMove(weights: [UInt16]) {
    let keys = keys(5000)
    var pool = OneWorkerPool(endpointList(weights), balance(.hash))
    let before = owners(&pool, keys: keys)
    let gone: UInt64 = 4
    _ = pool.update(to: endpointList(weights).filter { $0.id != gone })
    let after = owners(&pool, keys: keys)
    var moved = Set<UInt64>()
    for (old, new) in zip(before, after) {
      if old == gone { moved.insert(new) } else { #expect(old == new) }
    }
    #expect(moved == Set((1...UInt64(weights.count)).filter { $0 != gone }), "its keys go to all the others")
    _ = pool.update(to: endpointList(weights))
    let back = owners(&pool, keys: keys)
    #expect(back == before)
  }

  @Test(arguments: weights) func onlyTheUnhealthyEndpointsKeysMove(weights: [UInt16]) {
    let keys = keys(3000)
    var pool = OneWorkerPool(endpointList(weights), balance(.hash))
    let before = owners(&pool, keys: keys)
    pool.fail([2])
    let after = owners(&pool, keys: keys)
    for (old, new) in zip(before, after) where old != 3 { #expect(old == new) }
    #expect(!after.contains(3))
  }

  @Test(arguments: weights, [100, 125, 200] as [UInt16]) func loadNeverExceedsItsBound(weights: [UInt16], percent: UInt16) {
    var pool = OneWorkerPool(endpointList(weights), balance(.hash) { $0.hashLoadPercent = percent })
    let sum = weights.reduce(0) { $0 + Int($1) }
    var running: [Int] = []
    // Few keys, so that the ranks alone would overload some endpoints.
    let keys = keys(12)
    var displaced = 0
    for _ in 0..<20_000 {
      if !running.isEmpty && (running.count >= 300 || pool.bits.below(100) < 49) {
        pool.balancer.endpoints.endRequest(Int32(running.remove(at: pool.bits.below(running.count))))
        continue
      }
      let key = keys[pool.bits.below(keys.count)]
      let slot = pool.pick(key: key)
      pool.balancer.endpoints.beginRequest(Int32(slot))
      running.append(slot)
      let load = Int(pool.balancer.endpoints.states[slot].active)
      let share = Int(percent) * running.count * Int(weights[slot])
      #expect(load <= (share + 100 * sum - 1) / (100 * sum))
      if load > 1 { displaced += 1 }
    }
    #expect(displaced > 1000, "the bound was at work")
  }

  @Test func anOverloadedEndpointsKeyGoesToTheNextInRank() {
    var pool = OneWorkerPool(endpointList([1, 1, 1, 1]), balance(.hash))
    for key in keys(100) {
      let first = pool.pick(key: key)
      var tried = TriedEndpoints()
      tried.insert(Int32(first))
      let next = pool.pick(key: key, excluding: tried)
      pool.balancer.endpoints.beginRequest(Int32(first))
      let overflow = pool.pick(key: key)
      pool.balancer.endpoints.endRequest(Int32(first))
      #expect(overflow == next)
      #expect(next != first)
    }
  }

  @Test func aKeyKeepsItsZoneWhileSharesStay() {
    var pool = OneWorkerPool(endpointList([1, 1, 1, 1, 1, 1], remote: [3, 4, 5]), balance(.hash) { $0.zoneTrafficPermille = 800 })
    let keys = keys(2000)
    let before = owners(&pool, keys: keys)
    let after = owners(&pool, keys: keys)
    #expect(before == after)
    let local = before.filter { $0 <= 3 }.count
    #expect(isNear(Double(local) / 2000, 0.625, within: 0.04))
  }
}
