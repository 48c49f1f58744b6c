// Compiles the candidates: who is available, at what weight, in which group, with which share of the traffic. Runs when a verdict, the
// list or time changed something, in one pass over some hundreds of states, and allocates nothing.

extension Balancer {
  /// Slow start moves in this many steps, so that a ramp does not recompile with every pick.
  static let rampSteps: UInt64 = 64
  /// One turn of virtual time for a weight of 1/256: 2³² for a full unit of weight.
  static let turn: UInt64 = 1 << 40

  mutating func refresh(now: UInt64) {
    // Read before the verdicts: a change in between shows as a new version at the next pick.
    seenVersion = endpoints.pool.pointee.version
    nextChangeAt = .max
    tally(now: now)
    TrafficShares.divide(tallies, into: shares, settings: settings)
    layGroups()
    fillGroups()
  }

  /// How many endpoints may take traffic, of how many listed.
  public func availability(now: UInt64) -> (available: Int, listed: Int) {
    var available = 0
    var listed = 0
    for slot in 0..<endpoints.slots where endpoints.states[slot].presence == .listed {
      listed += 1
      if endpoints.states[slot].shared.pointee.isHealthy(now: now) { available += 1 }
    }
    return (available, listed)
  }

  private mutating func tally(now: UInt64) {
    for level in 0..<UpstreamLimits.prioritiesMax { tallies[level] = LevelTally() }
    for slot in 0..<endpoints.slots {
      let state = endpoints.states + slot
      guard state.pointee.presence == .listed && state.pointee.baseWeight > 0 else { continue }
      state.pointee.isAvailable = state.pointee.shared.pointee.isHealthy(now: now)
      let ejectedUntil = state.pointee.shared.pointee.ejectedUntil
      if ejectedUntil > now { nextChangeAt = min(nextChangeAt, ejectedUntil) }
      state.pointee.weight = weight(of: state, now: now)
      // The full weight even in slow start: what ramps up is healthy, and its group only draws it less often.
      let tally = tallies + Int(state.pointee.priority)
      let weight = Double(state.pointee.baseWeight)
      if state.pointee.sameZone {
        tally.pointee.own.add(weight, isAvailable: state.pointee.isAvailable)
      } else {
        tally.pointee.others.add(weight, isAvailable: state.pointee.isAvailable)
      }
    }
  }

  private mutating func weight(of state: UnsafeMutablePointer<EndpointState>, now: UInt64) -> UInt32 {
    let full = UInt32(state.pointee.baseWeight) << 8
    let window = settings.slowStart
    guard window > 0 && settings.policy != .hash else { return full }
    let ejectedUntil = state.pointee.shared.pointee.ejectedUntil
    // An ejection that is over but not yet reported as readmitted ramps from its end.
    let since = max(state.pointee.shared.pointee.rampSince, ejectedUntil <= now ? ejectedUntil : 0)
    guard since > 0 else { return full }
    let elapsed = now > since ? now - since : 0
    guard elapsed < window else { return full }
    if state.pointee.isAvailable { nextChangeAt = min(nextChangeAt, now + max(window / Self.rampSteps, 1)) }
    let fraction = 0.1 + 0.9 * Double(elapsed) / Double(window)
    return max(1, UInt32(Double(full) * fraction))
  }

  /// Lays the groups one behind the other in `candidates`, in order of priority, own zone first.
  private mutating func layGroups() {
    var counts = InlineArray<16, Int32>(repeating: 0)
    for slot in 0..<endpoints.slots {
      let track = self.track(of: endpoints.states + slot)
      if track >= 0 { counts[Int(track)] += 1 }
    }
    groupCount = 0
    var start: Int32 = 0
    var share = 0.0
    for track in 0..<Self.tracks where counts[track] > 0 {
      let level = shares[track / 2]
      share += level.traffic * (track % 2 == 0 ? level.local : 1 - level.local)
      groups[groupCount] = EndpointGroup(
        start: start, count: 0, weight: 0, shareEnd: UInt64(min(share, 1) * 0x1p32), track: Int8(track),
        isUniform: true, isPanicking: level.isPanicking)
      groupCount += 1
      start += counts[track]
    }
    closeShares()
  }

  /// Rounding leaves a sliver below 2³² without a group; it belongs to the last group that has a share.
  private func closeShares() {
    guard groupCount > 0 else { return }
    let end = groups[groupCount - 1].shareEnd
    for index in 0..<groupCount where groups[index].shareEnd == end { groups[index].shareEnd = 1 << 32 }
  }

  private func track(of state: UnsafeMutablePointer<EndpointState>) -> Int8 {
    guard state.pointee.presence == .listed && state.pointee.baseWeight > 0 else { return -1 }
    let level = shares[Int(state.pointee.priority)]
    guard state.pointee.isAvailable || level.isPanicking else { return -1 }
    return Int8(state.pointee.priority) * 2 + (level.isSplit && !state.pointee.sameZone ? 1 : 0)
  }

  private mutating func fillGroups() {
    var groupOfTrack = InlineArray<16, Int32>(repeating: -1)
    for index in 0..<groupCount { groupOfTrack[Int(groups[index].track)] = Int32(index) }
    for slot in 0..<endpoints.slots {
      let state = endpoints.states + slot
      let track = self.track(of: state)
      if track >= 0 {
        let group = groups + Int(groupOfTrack[Int(track)])
        let position = Int(group.pointee.start &+ group.pointee.count)
        if group.pointee.count > 0 {
          let first = endpoints.states[Int(candidates[Int(group.pointee.start)])].weight
          if first != state.pointee.weight { group.pointee.isUniform = false }
        }
        candidates[position] = Int32(slot)
        group.pointee.count += 1
        group.pointee.weight += UInt64(state.pointee.weight)
        runningWeights[position] = group.pointee.weight
        if settings.policy == .roundRobin { enterRotation(state, track: track) }
      }
      state.pointee.track = track
    }
    guard settings.policy == .roundRobin else { return }
    for index in 0..<groupCount { orderByDeadline(groups + index) }
  }

  private func enterRotation(_ state: UnsafeMutablePointer<EndpointState>, track: Int8) {
    let clock = clocks[Int(track)]
    state.pointee.stride = Self.turn / UInt64(state.pointee.weight)
    if state.pointee.track == track {
      // A weight that grew (slow start) does not wait for the turn its smaller weight had earned.
      state.pointee.deadline = min(state.pointee.deadline, clock + state.pointee.stride)
    } else {
      // A newcomer enters somewhere within its first turn: any phase leaves the period exact, and phases of their own keep equal
      // weights apart and heavy ones from coming in bursts.
      let phase = Rendezvous.mix(state.pointee.seed ^ workerSeed) >> 48
      state.pointee.deadline = clock + max(1, (state.pointee.stride * (phase + 1)) >> 16)
    }
  }
}
