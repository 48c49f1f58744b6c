// The balancing policies, each choosing among the candidates of one group. All run in the request's path: flat memory, no allocation.

import Glibc

// MARK: Round robin

extension Balancer {
  /// Earliest deadline first: each endpoint's turns are `stride` apart in virtual time, so that one unit of it holds exactly as many
  /// turns of an endpoint as its weight; a heap keeps the next turn on top.
  mutating func pickByTurn(_ group: UnsafeMutablePointer<EndpointGroup>, tried: TriedEndpoints) -> Int32 {
    let heap = candidates + Int(group.pointee.start)
    let count = Int(group.pointee.count)
    var position = 0
    if !tried.isEmpty {
      position = -1
      for index in 0..<count where !tried.contains(heap[index]) {
        if position < 0 || isBefore(heap[index], heap[position]) { position = index }
      }
      guard position >= 0 else { return -1 }
    }
    let slot = heap[position]
    let state = endpoints.states + Int(slot)
    let clock = clocks + Int(group.pointee.track)
    // A turn taken out of order for a retry does not move the time of those that still wait for theirs.
    clock.pointee = max(clock.pointee, min(state.pointee.deadline, endpoints.states[Int(heap[0])].deadline))
    state.pointee.deadline &+= state.pointee.stride
    sink(heap, position, count)
    if clock.pointee > 1 << 62 { rewind(group) }
    return slot
  }

  func orderByDeadline(_ group: UnsafeMutablePointer<EndpointGroup>) {
    let count = Int(group.pointee.count)
    for position in stride(from: count / 2 - 1, through: 0, by: -1) {
      sink(candidates + Int(group.pointee.start), position, count)
    }
  }

  /// Before virtual time overflows (days of picks), everything moves back by the same distance.
  @inline(never)
  private func rewind(_ group: UnsafeMutablePointer<EndpointGroup>) {
    let clock = clocks + Int(group.pointee.track)
    for position in 0..<Int(group.pointee.count) {
      let state = endpoints.states + Int(candidates[Int(group.pointee.start) + position])
      // A candidate that retries excluded may be behind the clock by a turn; it is next in any case.
      state.pointee.deadline = state.pointee.deadline > clock.pointee ? state.pointee.deadline - clock.pointee : 0
    }
    clock.pointee = 0
  }

  @inline(__always)
  private func isBefore(_ one: Int32, _ other: Int32) -> Bool {
    let a = endpoints.states[Int(one)].deadline
    let b = endpoints.states[Int(other)].deadline
    return a < b || (a == b && one < other)
  }

  @inline(__always)
  private func sink(_ heap: UnsafeMutablePointer<Int32>, _ start: Int, _ count: Int) {
    var position = start
    let moving = heap[start]
    while true {
      var child = position &* 2 &+ 1
      if child >= count { break }
      if child &+ 1 < count && isBefore(heap[child &+ 1], heap[child]) { child &+= 1 }
      if !isBefore(heap[child], moving) { break }
      heap[position] = heap[child]
      position = child
    }
    heap[position] = moving
  }
}

// MARK: Power of two choices

extension Balancer {
  /// Draws two endpoints by weight and takes the one with less load per weight; the first when they are equal.
  ///
  /// Load is the requests in flight, without Envoy's `+ 1`: the draws already follow the weights, and counting the request to come
  /// would let the heavier of two idle endpoints win every time on top of being drawn more often.
  mutating func pickOfTwo(
    _ group: UnsafeMutablePointer<EndpointGroup>, now: UInt64, random: UInt64, tried: TriedEndpoints
  ) -> Int32 {
    let start = Int(group.pointee.start)
    let count = Int(group.pointee.count)
    if !tried.isEmpty { return pickLightest(group, now: now, random: random, tried: tried) }
    if count == 1 { return candidates[start] }
    let one = position(group, draw: random)
    var other = position(group, draw: random << 32)
    if other == one {
      // Any of the others, so that two are always compared; from fresh bits, because those that led here say where.
      other = one &+ 1 &+ Int(Rendezvous.mix(random).multipliedFullWidth(by: UInt64(count &- 1)).high)
      if other >= count { other &-= count }
    }
    let first = candidates[start &+ one]
    let second = candidates[start &+ other]
    return isLighter(second, than: first, now: now) ? second : first
  }

  /// A retry compares all that are left: it is rare, and a second miss costs more than a scan.
  @inline(never)
  private func pickLightest(
    _ group: UnsafeMutablePointer<EndpointGroup>, now: UInt64, random: UInt64, tried: TriedEndpoints
  ) -> Int32 {
    let start = Int(group.pointee.start)
    let count = Int(group.pointee.count)
    var best: Int32 = -1
    // Scanning from a drawn place keeps the retries of many requests from meeting at the same idle endpoint.
    var index = position(group, draw: random)
    for _ in 0..<count {
      let slot = candidates[start &+ index]
      if !tried.contains(slot) && (best < 0 || isLighter(slot, than: best, now: now)) { best = slot }
      index = index &+ 1 == count ? 0 : index &+ 1
    }
    return best
  }

  /// - Parameter draw: its upper half decides.
  /// - Returns: a position within the group, each with the probability of its weight.
  @inline(__always)
  private func position(_ group: UnsafeMutablePointer<EndpointGroup>, draw: UInt64) -> Int {
    let count = Int(group.pointee.count)
    if group.pointee.isUniform { return Int(draw.multipliedFullWidth(by: UInt64(count)).high) }
    let target = draw.multipliedFullWidth(by: group.pointee.weight).high
    let running = runningWeights + Int(group.pointee.start)
    var low = 0
    var high = count &- 1
    while low < high {
      let middle = (low &+ high) >> 1
      if running[middle] > target { high = middle } else { low = middle &+ 1 }
    }
    return low
  }

  @inline(__always)
  private func isLighter(_ one: Int32, than other: Int32, now: UInt64) -> Bool {
    let a = endpoints.states + Int(one)
    let b = endpoints.states + Int(other)
    if settings.policy == .peakEWMA {
      return load(a, now: now) * Double(b.pointee.weight) < load(b, now: now) * Double(a.pointee.weight)
    }
    return Int64(a.pointee.active) &* Int64(b.pointee.weight) < Int64(b.pointee.active) &* Int64(a.pointee.weight)
  }
}

// MARK: Peak EWMA (twitter/finagle, finagle-core loadbalancer/PeakEwma.scala; tower's load::PeakEwma)

extension Balancer {
  /// Load of an endpoint that has requests in flight but no measured one: more than any measured, so that it gets no second request
  /// before its first has come back.
  private static let unmeasured = 0x1p47

  /// A response's head arrived, or the attempt failed.
  /// - Parameters:
  ///   - elapsed: nanoseconds from sending the request to the first byte of the response, or to the failure.
  ///   - failed: counts as at least `ewmaFailureCost`.
  public mutating func observe(_ slot: Int32, elapsed: UInt64, failed: Bool = false, now: UInt64) {
    let state = endpoints.states + Int(slot)
    let sample = Double(max(failed ? max(elapsed, settings.ewmaFailureCost) : elapsed, 1))
    let keep = decay(since: state.pointee.costAt, now: now)
    // A peak counts at once; what is better than the average is believed with time only.
    state.pointee.cost = sample > state.pointee.cost ? sample : state.pointee.cost * keep + sample * (1 - keep)
    state.pointee.costAt = now
  }

  @inline(__always)
  private func load(_ state: UnsafeMutablePointer<EndpointState>, now: UInt64) -> Double {
    let active = Double(state.pointee.active)
    if state.pointee.cost == 0 { return active == 0 ? 0 : Self.unmeasured + active }
    // Silence decays the cost towards 0, so that an endpoint that was slow is tried again.
    return state.pointee.cost * decay(since: state.pointee.costAt, now: now) * (active + 1)
  }

  @inline(__always)
  private func decay(since: UInt64, now: UInt64) -> Double {
    now > since ? exp(-Double(now &- since) / Double(settings.ewmaDecay)) : 1
  }
}

// MARK: Hash

extension Balancer {
  /// The first in the key's rank order that is below its bound (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded
  /// Loads", SODA 2018, on rendezvous ranks): with m requests in flight after this one, an endpoint takes at most
  /// ⌈c × m × weight / sum of weights⌉ of them. m and the sum are those of the endpoints that this request has not tried, so that
  /// somebody among them always has room.
  func pickByRank(_ group: UnsafeMutablePointer<EndpointGroup>, key: UInt64, tried: TriedEndpoints) -> Int32 {
    let run = candidates + Int(group.pointee.start)
    let count = Int(group.pointee.count)
    var active: UInt64 = 1
    var weight = group.pointee.weight
    for index in 0..<count {
      let state = endpoints.states + Int(run[index])
      if tried.contains(run[index]) {
        weight &-= UInt64(state.pointee.weight)
      } else {
        active &+= UInt64(state.pointee.active)
      }
    }
    let allowed = UInt64(settings.hashLoadPercent) &* active
    let fair = 100 &* weight
    var best: Int32 = -1
    var bestDraw: UInt64 = 0
    var bestDistance = Double.infinity
    for index in 0..<count where !tried.contains(run[index]) {
      let state = endpoints.states + Int(run[index])
      // active + 1 <= ⌈x / fair⌉ without dividing: active × fair < x.
      if UInt64(state.pointee.active) &* fair >= allowed &* UInt64(state.pointee.weight) { continue }
      let draw = Rendezvous.draw(key: key, seed: state.pointee.seed)
      if group.pointee.isUniform {
        if best < 0 || draw > bestDraw { (best, bestDraw) = (run[index], draw) }
      } else {
        let unit = Rendezvous.unit(draw: draw)
        let weight = Double(state.pointee.weight)
        guard Rendezvous.canBeNearer(unit: unit, weight: weight, than: bestDistance) else { continue }
        let distance = Rendezvous.distance(unit: unit, weight: weight)
        if distance < bestDistance { (best, bestDistance) = (run[index], distance) }
      }
    }
    return best
  }
}
