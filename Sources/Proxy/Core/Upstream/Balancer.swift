// Chooses the endpoint of a request: one worker's compiled view of a pool. Owns the worker's EndpointSet and the candidates compiled
// from it (Balancer+Refresh.swift); the policies are in Balancer+Policies.swift. It looks at health only when a verdict changed, so
// that a pick touches no more than the candidates it compares. Retries, circuits and ejection are decided elsewhere.

public enum BalancePolicy: UInt8, Sendable {
  /// Weighted round robin: earliest deadline first, exact over every period of turns.
  case roundRobin
  /// Power of two choices (Mitzenmacher, 2001) by requests in flight per weight.
  case leastRequests
  /// Power of two choices by the peak-sensitive moving average of response times (Finagle's PeakEwma).
  case peakEWMA
  /// Weighted rendezvous hashing with bounded load.
  case hash
}

public struct BalanceSettings: Sendable {
  public var policy: BalancePolicy = .leastRequests
  /// Nanoseconds over which an endpoint that joined or recovered comes to its full weight, linearly from 10 %; 0 for at once.
  /// Not for `hash`, where a moving weight would move keys twice.
  public var slowStart: UInt64 = 0
  /// Below this healthy percentage a level ignores health; 0 never does, and a pool without a healthy endpoint gives none.
  public var panicThresholdPercent: UInt8 = 50
  /// A level or zone counts as whole while its healthy percentage × this / 100 is at least 100.
  public var overprovisioningPercent: UInt16 = 140
  public var prefersSameZone = true
  /// How much of the cluster's traffic enters in this zone, in 1/1000; 0 when unknown: the own zone then takes all it can.
  public var zoneTrafficPermille: UInt16 = 0
  /// Time constant of the moving average in nanoseconds (10 s in Finagle and linkerd).
  public var ewmaDecay: UInt64 = 10_000_000_000
  /// Response time that a failed attempt counts as at least, in nanoseconds, so that failing fast does not attract traffic.
  public var ewmaFailureCost: UInt64 = 1_000_000_000
  /// Bound of an endpoint's load, in percent of its fair share; at least 100.
  public var hashLoadPercent: UInt16 = 125

  public init() {}
}

/// A run of candidates within which a policy chooses: one zone of one priority level.
struct EndpointGroup: BitwiseCopyable {
  var start: Int32
  var count: Int32
  /// Sum of the candidates' weights in force.
  var weight: UInt64
  /// The group gets draws in 0..<2³² from the end of the group before to here.
  var shareEnd: UInt64
  /// Priority × 2 + zone; index of the group's virtual clock.
  var track: Int8
  var isUniform: Bool
  var isPanicking: Bool
}

public struct Balancer: ~Copyable {
  static let tracks = UpstreamLimits.prioritiesMax * 2

  public let settings: BalanceSettings
  public internal(set) var endpoints: EndpointSet
  /// Picks made in a level that ignored health.
  public internal(set) var panicPicks: UInt64 = 0
  /// When time alone next changes the candidates (an ejection ends, a slow start goes on), monotonic nanoseconds.
  public internal(set) var nextChangeAt: UInt64 = 0

  // SAFETY: `candidates` and `runningWeights` have room for `endpoints.capacity` elements, `groups`, `clocks` for `tracks`, `tallies`
  // and `shares` for `prioritiesMax`; all trivial and initialised at allocation; positions come from `groups`, which refresh fills
  // with runs within `candidates`; only this worker touches them.
  var candidates: UnsafeMutablePointer<Int32>
  /// Sum of the weights up to and including the candidate at the same position, within its group (power of two choices).
  var runningWeights: UnsafeMutablePointer<UInt64>
  let groups: UnsafeMutablePointer<EndpointGroup>
  var groupCount = 0
  /// Virtual time of the last turn (round robin).
  let clocks: UnsafeMutablePointer<UInt64>
  let tallies: UnsafeMutablePointer<LevelTally>
  let shares: UnsafeMutablePointer<LevelShare>
  private var candidateCapacity: Int
  var seenVersion: UInt64 = 0
  let workerSeed: UInt64

  /// - Parameters:
  ///   - workerSeed: differs between workers and nodes, so that their round robins do not walk in step.
  ///   - now: monotonic nanoseconds.
  public init(settings: BalanceSettings, listing: EndpointListing, workerSeed: UInt64, now: UInt64) {
    precondition(settings.hashLoadPercent >= 100, "hashLoadPercent is \(settings.hashLoadPercent), below a fair share")
    precondition(settings.overprovisioningPercent >= 100, "overprovisioningPercent is \(settings.overprovisioningPercent), below 100")
    precondition(settings.ewmaDecay > 0, "ewmaDecay is 0")
    self.settings = settings
    self.workerSeed = Rendezvous.mix(workerSeed)
    endpoints = EndpointSet(pool: listing.pool, capacity: listing.entries.count)
    candidateCapacity = endpoints.capacity
    candidates = .allocate(capacity: candidateCapacity)
    runningWeights = .allocate(capacity: candidateCapacity)
    candidates.initialize(repeating: -1, count: candidateCapacity)
    runningWeights.initialize(repeating: 0, count: candidateCapacity)
    groups = .allocate(capacity: Self.tracks)
    groups.initialize(
      repeating: EndpointGroup(start: 0, count: 0, weight: 0, shareEnd: 0, track: 0, isUniform: true, isPanicking: false),
      count: Self.tracks)
    clocks = .allocate(capacity: Self.tracks)
    clocks.initialize(repeating: 0, count: Self.tracks)
    tallies = .allocate(capacity: UpstreamLimits.prioritiesMax)
    tallies.initialize(repeating: LevelTally(), count: UpstreamLimits.prioritiesMax)
    shares = .allocate(capacity: UpstreamLimits.prioritiesMax)
    shares.initialize(repeating: LevelShare(), count: UpstreamLimits.prioritiesMax)
    _ = update(to: listing, now: now)
  }

  deinit {
    candidates.deallocate()
    runningWeights.deallocate()
    groups.deallocate()
    clocks.deallocate()
    tallies.deallocate()
    shares.deallocate()
  }

  /// Takes a new list over (names resolved again, reload), keeping the state of the endpoints that stay.
  public mutating func update(to listing: EndpointListing, now: UInt64) -> EndpointChanges {
    let changes = endpoints.update(to: listing)
    if endpoints.capacity > candidateCapacity {
      candidates.deallocate()
      runningWeights.deallocate()
      candidateCapacity = endpoints.capacity
      candidates = .allocate(capacity: candidateCapacity)
      runningWeights = .allocate(capacity: candidateCapacity)
      candidates.initialize(repeating: -1, count: candidateCapacity)
      runningWeights.initialize(repeating: 0, count: candidateCapacity)
    }
    refresh(now: now)
    return changes
  }

  /// Chooses an endpoint. The caller says `endpoints.beginRequest` when the request goes there.
  /// - Parameters:
  ///   - now: monotonic nanoseconds.
  ///   - random: 64 fresh random bits.
  ///   - key: stable hash of what the pool hashes on; only `hash` reads it.
  ///   - tried: endpoints this request must not go to again.
  /// - Returns: a slot of `endpoints`, or -1 when no candidate is left.
  public mutating func pick(
    now: UInt64, random: UInt64, key: UInt64 = 0, excluding tried: TriedEndpoints = TriedEndpoints()
  ) -> Int32 {
    if endpoints.pool.pointee.version != seenVersion || now >= nextChangeAt { refresh(now: now) }
    guard groupCount > 0 else { return -1 }
    // A key keeps its group as long as the shares stay as they are: the draw comes from the key, not from chance.
    var draw = settings.policy == .hash ? Rendezvous.mix(~key) : random
    var chosen = 0
    if groupCount > 1 {
      while draw >> 32 >= groups[chosen].shareEnd { chosen &+= 1 }
      draw = Rendezvous.mix(draw)
    }
    let slot = pick(in: chosen, now: now, random: draw, key: key, tried: tried)
    if slot >= 0 || tried.isEmpty { return slot }
    return pickElsewhere(than: chosen, now: now, random: draw, key: key, tried: tried)
  }

  /// Every endpoint of the group was tried: any other group, in order of priority, those that respect health first.
  private mutating func pickElsewhere(than chosen: Int, now: UInt64, random: UInt64, key: UInt64, tried: TriedEndpoints) -> Int32 {
    for pass in 0..<2 {
      for index in 0..<groupCount where index != chosen && groups[index].isPanicking == (pass == 1) {
        let slot = pick(in: index, now: now, random: random, key: key, tried: tried)
        if slot >= 0 { return slot }
      }
    }
    return -1
  }

  @inline(__always)
  private mutating func pick(in index: Int, now: UInt64, random: UInt64, key: UInt64, tried: TriedEndpoints) -> Int32 {
    let group = groups + index
    let slot: Int32
    switch settings.policy {
    case .roundRobin: slot = pickByTurn(group, tried: tried)
    case .leastRequests, .peakEWMA: slot = pickOfTwo(group, now: now, random: random, tried: tried)
    case .hash: slot = pickByRank(group, key: key, tried: tried)
    }
    if slot >= 0 && group.pointee.isPanicking { panicPicks &+= 1 }
    return slot
  }

  /// Readmits one endpoint whose ejection is over, for the driver to report; call until -1, whenever `nextChangeAt` has come.
  /// - Returns: its slot, to one of the workers that ask.
  public mutating func readmitNext(now: UInt64) -> Int32 {
    for slot in 0..<endpoints.slots where endpoints.states[slot].presence == .listed {
      if endpoints.states[slot].shared.pointee.readmit(now: now, pool: endpoints.pool.pointee) { return Int32(slot) }
    }
    return -1
  }
}
