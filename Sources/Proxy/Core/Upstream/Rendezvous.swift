// Rank of an endpoint for a key: highest random weight (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
// 1998), with weights by the logarithmic method (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005): the
// distance -ln(u)/weight is exponentially distributed, so that the nearest of several is each with probability weight/sum, and an
// endpoint that leaves moves no key but its own.

import Glibc

enum Rendezvous {
  /// A bijective mix of 64 bits (the finaliser of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Draw of one endpoint for one key; the highest is first among endpoints of equal weight.
  /// - Parameter seed: `mix` of the endpoint's id.
  @inline(__always)
  static func draw(key: UInt64, seed: UInt64) -> UInt64 {
    mix(key ^ seed)
  }

  /// The draw as a number in (0, 1): half a unit above the lattice, where the logarithm is finite and negative.
  @inline(__always)
  static func unit(draw: UInt64) -> Double {
    (Double(draw >> 11) + 0.5) * 0x1p-53
  }

  /// Whether an endpoint can be nearer than `distance`, without a logarithm: -ln(u) is at least 1 - u. Few of many can.
  @inline(__always)
  static func canBeNearer(unit: Double, weight: Double, than distance: Double) -> Bool {
    1 - unit < distance * weight
  }

  /// Distance of one endpoint from a key; the nearest is first. Puts endpoints of equal weight in the order of `draw`.
  @inline(__always)
  static func distance(unit: Double, weight: Double) -> Double {
    -log(unit) / weight
  }
}
