// How a pool's traffic is divided between its priority levels, and a level's between the own zone and the others, from how much of
// each is healthy. Pure arithmetic, run when a verdict changes; Balancer+Refresh.swift applies it.

/// Weights found in one zone of a priority level.
struct ZoneTally: BitwiseCopyable {
  var total = 0.0
  var available = 0.0

  @inline(__always)
  mutating func add(_ weight: Double, isAvailable: Bool) {
    total += weight
    if isAvailable { available += weight }
  }
}

struct LevelTally: BitwiseCopyable {
  var own = ZoneTally()
  var others = ZoneTally()

  var total: Double { own.total + others.total }
  var available: Double { own.available + others.available }
}

struct LevelShare: BitwiseCopyable {
  /// Of the pool's traffic, 0...1.
  var traffic = 0.0
  /// Of the level's traffic, what stays in the own zone, 0...1.
  var local = 1.0
  /// So little is healthy that health is ignored in this level.
  var isPanicking = false
  /// Own zone and others are told apart.
  var isSplit = false
}

enum TrafficShares {
  /// Divides as Envoy does ("Priority levels", "Panic threshold", "Locality weighted load balancing" in its architecture overview),
  /// except that health is counted by weight and not by endpoints, because the weight is what says how much an endpoint can carry.
  ///
  /// A level's health is its healthy share × overprovisioning, at most 1; levels are filled in order until all traffic has a place.
  /// Panic is declared only when the levels together do not reach 1, and only in levels below the threshold.
  static func divide(
    _ tallies: UnsafePointer<LevelTally>, into shares: UnsafeMutablePointer<LevelShare>, settings: borrowing BalanceSettings
  ) {
    let overprovisioning = Double(settings.overprovisioningPercent) / 100
    let threshold = Double(settings.panicThresholdPercent) / 100
    var healthSum = 0.0
    var firstLevel = -1
    for level in 0..<UpstreamLimits.prioritiesMax {
      let total = tallies[level].total
      guard total > 0 else { continue }
      if firstLevel < 0 { firstLevel = level }
      healthSum += min(1, tallies[level].available / total * overprovisioning)
    }
    let scale = min(1, healthSum)
    var rest = 1.0
    for level in 0..<UpstreamLimits.prioritiesMax {
      var share = LevelShare()
      let total = tallies[level].total
      if total > 0 {
        let healthy = tallies[level].available / total
        share.isPanicking = healthSum < 1 && healthy < threshold
        // With nobody healthy anywhere, the first level panics for all.
        let wanted = scale > 0 ? min(1, healthy * overprovisioning) / scale : (level == firstLevel ? 1 : 0)
        share.traffic = min(wanted, rest)
        rest -= share.traffic
        divideZones(tallies[level], share: &share, overprovisioning: overprovisioning, settings: settings)
      }
      shares[level] = share
    }
  }

  /// The own zone keeps what its healthy share (× overprovisioning) can carry; where it is known how much of the cluster's traffic
  /// enters in this zone, also no more than its part of the endpoints (Envoy's "Zone aware routing").
  private static func divideZones(
    _ tally: LevelTally, share: inout LevelShare, overprovisioning: Double, settings: borrowing BalanceSettings
  ) {
    guard settings.prefersSameZone, tally.own.total > 0, tally.others.total > 0 else { return }
    share.isSplit = true
    let own = share.isPanicking ? tally.own.total : tally.own.available
    let others = share.isPanicking ? tally.others.total : tally.others.available
    guard own > 0 else { return share.local = 0 }
    guard others > 0 else { return share.local = 1 }
    share.local = min(1, own / tally.own.total * overprovisioning)
    if settings.zoneTrafficPermille > 0 {
      share.local = min(share.local, own / (own + others) * 1000 / Double(settings.zoneTrafficPermille))
    }
  }
}
