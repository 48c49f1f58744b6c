import Testing

@testable import Proxy

@Suite struct UpstreamEndpointSetTests {
  @Test func endpointsThatStayKeepSlotAndState() {
    var pool = OneWorkerPool(endpointList([1, 1, 1]), balance(.peakEWMA))
    pool.balancer.observe(2, elapsed: 7 * oneMillisecond, now: pool.now)
    pool.balancer.endpoints.beginRequest(2)
    pool.fail([2])
    let changes = pool.update(to: [EndpointDescription(id: 9), EndpointDescription(id: 3, weight: 5, sameZone: true, priority: 0)])
    #expect(changes == EndpointChanges(added: [0], kept: [2], retired: [0, 1]))
    let state = pool.balancer.endpoints.states[2]
    #expect(state.id == 3 && state.baseWeight == 5 && state.active == 1)
    #expect(state.cost == Double(7 * oneMillisecond))
    #expect(state.shared.pointee.holds == .failedCheck)
  }

  @Test func slotInUseIsNotGivenAway() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.leastRequests))
    pool.balancer.endpoints.beginRequest(0)
    pool.balancer.endpoints.openConnection(0)
    _ = pool.update(to: [EndpointDescription(id: 2), EndpointDescription(id: 7)])
    #expect(pool.balancer.endpoints.states[0].presence == .retired)
    #expect(pool.balancer.endpoints.states[2].id == 7)
    for _ in 0..<50 {
      let slot = pool.pick()
      #expect(slot != 0)
    }
    pool.balancer.endpoints.endRequest(0)
    #expect(pool.balancer.endpoints.states[0].presence == .retired)
    pool.balancer.endpoints.closeConnection(0)
    #expect(pool.balancer.endpoints.states[0].presence == .vacant)
    let changes = pool.update(to: [EndpointDescription(id: 2), EndpointDescription(id: 7), EndpointDescription(id: 8)])
    #expect(changes.added == [0])
  }

  @Test func endpointThatComesBackWhileItLingersIsItselfAgain() {
    var pool = OneWorkerPool(endpointList([1, 1]), balance(.leastRequests))
    pool.balancer.endpoints.beginRequest(0)
    _ = pool.update(to: [EndpointDescription(id: 2)])
    let changes = pool.update(to: endpointList([1, 1]))
    #expect(changes == EndpointChanges(added: [], kept: [0, 1], retired: []))
    #expect(pool.balancer.endpoints.states[0].active == 1)
    let isHealthy = pool.balancer.endpoints.states[0].shared.pointee.isHealthy(now: pool.now)
    #expect(isHealthy)
  }

  @Test func poolGrowsAndShrinksUnderTraffic() {
    var bits = UpstreamBits(seed: 11)
    var pool = OneWorkerPool(endpointList([1]), balance(.leastRequests))
    var running: [Int32] = []
    for _ in 0..<200 {
      let ids = Set((0..<(1 + bits.below(300))).map { _ in UInt64(1 + bits.below(400)) })
      _ = pool.update(to: ids.sorted().map { EndpointDescription(id: $0, weight: UInt16(1 + $0 % 5)) })
      for _ in 0..<50 {
        let slot = pool.pick()
        #expect(ids.contains(pool.balancer.endpoints.states[slot].id))
        pool.balancer.endpoints.beginRequest(Int32(slot))
        running.append(Int32(slot))
      }
      while running.count > 100 { pool.balancer.endpoints.endRequest(running.remove(at: bits.below(running.count))) }
    }
    for slot in running { pool.balancer.endpoints.endRequest(slot) }
    for slot in 0..<pool.balancer.endpoints.slots {
      #expect(pool.balancer.endpoints.states[slot].active == 0)
      #expect(pool.balancer.endpoints.states[slot].presence != .retired)
    }
  }

  @Test func repeatedAndExcessEndpointsAreLeftOut() {
    var directory = EndpointDirectory()
    let listing = directory.update(to: [EndpointDescription(id: 1, weight: 3), EndpointDescription(id: 1, weight: 9)], now: 0)
    #expect(listing.entries.map(\.description.weight) == [3])
    #expect(listing.dropped == 1)
    let many = directory.update(to: (0..<2000).map { EndpointDescription(id: $0) }, now: 0)
    #expect(many.entries.count == UpstreamLimits.endpointsMax)
    #expect(many.dropped == 2000 - UpstreamLimits.endpointsMax)
  }

  @Test func newEndpointWaitsForItsFirstCheckWhenAsked() {
    var directory = EndpointDirectory()
    let first = directory.update(to: endpointList([1]), now: 5, holdNew: true)
    #expect(first.entries[0].cell.isHealthy(now: 5))
    let next = directory.update(to: endpointList([1, 1]), now: 6, holdNew: true)
    #expect(!next.entries[1].cell.isHealthy(now: 6))
    let isFree = next.entries[1].cell.release(.unchecked, now: 7, pool: next.pool)
    #expect(isFree)
    #expect(next.entries[1].cell.isHealthy(now: 7))
    #expect(next.entries[1].cell.pointer.pointee.rampSince == 7)
  }

  @Test func everyReasonHoldsAlone() {
    var directory = EndpointDirectory()
    let listing = directory.update(to: endpointList([1]), now: 0)
    let cell = listing.entries[0].cell
    let pool = listing.pool
    #expect(cell.hold(.failedCheck, pool: pool))
    #expect(!cell.hold(.clusterVerdict, pool: pool))
    #expect(!cell.release(.failedCheck, now: 3, pool: pool))
    #expect(!cell.isHealthy(now: 3))
    #expect(cell.release(.clusterVerdict, now: 4, pool: pool))
    #expect(cell.isHealthy(now: 4))
  }

  @Test func triedEndpointsAreRememberedUpToTheirBound() {
    var tried = TriedEndpoints()
    #expect(tried.isEmpty && !tried.contains(0))
    for slot in 0..<Int32(8) { tried.insert(slot * 100) }
    for slot in 0..<Int32(8) { #expect(tried.contains(slot * 100)) }
    #expect(!tried.contains(50))
    tried.insert(1023)
    #expect(tried.contains(1023) && !tried.contains(0) && tried.contains(100))
    for slot in 0..<Int32(100) { tried.insert(slot) }
    #expect(!tried.isEmpty && tried.contains(99) && tried.contains(92) && !tried.contains(91))
  }
}
