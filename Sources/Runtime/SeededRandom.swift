// The house's one source of randomness: a generator whose whole future follows from a seed, so that whatever drew from it can be
// run again. Not for keys or tokens: those come from libssl.

/// xoshiro256** 1.0 (D. Blackman, S. Vigna), its state filled from a 64-bit seed by SplitMix64, as its authors advise.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var s0: UInt64
  private var s1: UInt64
  private var s2: UInt64
  private var s3: UInt64

  public init(seed: UInt64) {
    var expander = SplitMix64(seed: seed)
    // Four successive outputs of SplitMix64 are distinct, so the state is never all zero, the one state xoshiro cannot leave.
    self.init(state: expander.next(), expander.next(), expander.next(), expander.next())
  }

  /// Continues from a whole state.
  /// - Precondition: not all four words are zero.
  public init(state s0: UInt64, _ s1: UInt64, _ s2: UInt64, _ s3: UInt64) {
    precondition(s0 | s1 | s2 | s3 != 0, "xoshiro256** cannot start from a state of zeros")
    self.s0 = s0
    self.s1 = s1
    self.s2 = s2
    self.s3 = s3
  }

  /// A generator that nobody can predict, from the system's entropy: for real runs, where drivers inject it into hearts.
  public static func fromSystem() -> SeededRandom {
    var system = SystemRandomNumberGenerator()
    return SeededRandom(seed: system.next())
  }

  public mutating func next() -> UInt64 {
    let result = rotated(s1 &* 5, 7) &* 9
    let shifted = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = rotated(s3, 45)
    return result
  }

  /// A whole number from 0 to `bound` - 1, each equally likely (D. Lemire, "Fast random integer generation in an interval", 2019).
  /// - Parameter bound: how many outcomes; 0 gives 0, so that choosing from an empty list is the caller's check and not a trap.
  public mutating func below(_ bound: UInt64) -> UInt64 {
    if bound == 0 { return 0 }
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return product.high
  }

  /// A number from 0 up to but not including 1, one of 2^53 evenly spaced ones.
  public mutating func unitInterval() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// SplitMix64 (S. Vigna's splitmix64.c): expands one word into many; too small a state to be the generator itself.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@inline(__always)
private func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 { (value &<< count) | (value &>> (64 &- count)) }
