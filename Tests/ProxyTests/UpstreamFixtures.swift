// Seeded bits and a one-worker pool for the tests of the upstream hearts.

@testable import Proxy

let oneSecond: UInt64 = 1_000_000_000
let oneMillisecond: UInt64 = 1_000_000

/// SplitMix64, so that a failure is the same failure every time.
struct UpstreamBits: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Rendezvous.mix(state)
  }

  mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }
}

/// Endpoint n has id n + 1.
func endpointList(_ weights: [UInt16], remote: Set<Int> = [], priorities: [UInt8] = []) -> [EndpointDescription] {
  weights.indices.map {
    EndpointDescription(
      id: UInt64($0 + 1), weight: weights[$0], sameZone: !remote.contains($0), priority: $0 < priorities.count ? priorities[$0] : 0)
  }
}

func balance(_ policy: BalancePolicy, _ change: (inout BalanceSettings) -> Void = { _ in }) -> BalanceSettings {
  var settings = BalanceSettings()
  settings.policy = policy
  change(&settings)
  return settings
}

/// A directory with one worker's balancer. Slots of the first list equal the position in it.
struct OneWorkerPool: ~Copyable {
  var directory: EndpointDirectory
  var balancer: Balancer
  var bits: UpstreamBits
  var now: UInt64 = 100 * oneSecond

  init(_ list: [EndpointDescription], _ settings: BalanceSettings, seed: UInt64 = 1, maxEjectedPercent: Int = 50) {
    directory = EndpointDirectory(maxEjectedPercent: maxEjectedPercent)
    balancer = Balancer(settings: settings, listing: directory.update(to: list, now: now), workerSeed: seed, now: now)
    bits = UpstreamBits(seed: seed)
  }

  mutating func pick(key: UInt64 = 0, excluding tried: TriedEndpoints = TriedEndpoints()) -> Int {
    Int(balancer.pick(now: now, random: bits.next(), key: key, excluding: tried))
  }

  /// Picks, none of which is still under way at the next.
  mutating func counts(picks: Int, slots: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: slots)
    for _ in 0..<picks { counts[pick(key: bits.next())] += 1 }
    return counts
  }

  mutating func update(to list: [EndpointDescription]) -> EndpointChanges {
    balancer.update(to: directory.update(to: list, now: now), now: now)
  }

  func fail(_ slots: [Int]) {
    for slot in slots {
      balancer.endpoints.states[slot].shared.pointee.hold(.failedCheck, pool: balancer.endpoints.pool.pointee)
    }
  }

  func recover(_ slots: [Int]) {
    for slot in slots {
      balancer.endpoints.states[slot].shared.pointee.release(.failedCheck, now: now, pool: balancer.endpoints.pool.pointee)
    }
  }
}

func isNear(_ value: Double, _ expected: Double, within tolerance: Double) -> Bool {
  abs(value - expected) <= tolerance
}
