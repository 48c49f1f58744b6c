// A hash that means the same in every process, build and node (Swift's own is seeded per process), and the weighted rendezvous
// score built on it. Not a defence: whoever knows the seed can make collisions, so tables over hostile keys need a secret seed.
import Glibc

/// XXH64 (Y. Collet, "XXH64 algorithm description", xxHash specification 0.1.1).
public enum StableHash {
  /// The hash of `count` bytes.
  /// - Parameters:
  ///   - bytes: the first byte; need not be aligned.
  ///   - count: how many bytes may be read, 0 or more.
  ///   - seed: another seed is another hash function.
  // SAFETY: every load is preceded by a check that its whole width lies before `end`; loads are unaligned ones.
  public static func hash(_ bytes: UnsafeRawPointer, count: Int, seed: UInt64 = 0) -> UInt64 {
    var cursor = bytes
    let end = bytes + count
    var hash: UInt64
    if count >= 32 {
      var lane1 = seed &+ prime1 &+ prime2
      var lane2 = seed &+ prime2
      var lane3 = seed
      var lane4 = seed &- prime1
      repeat {
        lane1 = round(lane1, word64(cursor))
        lane2 = round(lane2, word64(cursor + 8))
        lane3 = round(lane3, word64(cursor + 16))
        lane4 = round(lane4, word64(cursor + 24))
        cursor += 32
      } while end - cursor >= 32
      hash = rotated(lane1, 1) &+ rotated(lane2, 7) &+ rotated(lane3, 12) &+ rotated(lane4, 18)
      hash = merged(hash, lane1)
      hash = merged(hash, lane2)
      hash = merged(hash, lane3)
      hash = merged(hash, lane4)
    } else {
      hash = seed &+ prime5
    }
    hash &+= UInt64(truncatingIfNeeded: count)
    while end - cursor >= 8 {
      hash = rotated(hash ^ round(0, word64(cursor)), 27) &* prime1 &+ prime4
      cursor += 8
    }
    if end - cursor >= 4 {
      let word = UInt64(UInt32(littleEndian: cursor.loadUnaligned(as: UInt32.self)))
      hash = rotated(hash ^ (word &* prime1), 23) &* prime2 &+ prime3
      cursor += 4
    }
    while cursor < end {
      hash = rotated(hash ^ (UInt64(cursor.load(as: UInt8.self)) &* prime5), 11) &* prime1
      cursor += 1
    }
    return avalanche(hash)
  }

  /// The hash of a buffer, empty ones included.
  public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    guard let base = bytes.baseAddress else { return avalanche(seed &+ prime5) }
    return hash(base, count: bytes.count, seed: seed)
  }

  /// The hash of a text's UTF-8, for names that are hashed when a configuration is compiled.
  public static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 {
    var text = text
    return text.withUTF8 { hash(UnsafeRawBufferPointer($0), seed: seed) }
  }

  /// Spreads a word's entropy over all its bits; a bijection (XXH64's last step).
  @inlinable @inline(__always)
  public static func avalanche(_ word: UInt64) -> UInt64 {
    var mixed = word
    mixed = (mixed ^ (mixed &>> 33)) &* 0xC2B2_AE3D_27D4_EB4F
    mixed = (mixed ^ (mixed &>> 29)) &* 0x1656_67B1_9E37_79F9
    return mixed ^ (mixed &>> 32)
  }
}

/// The score by which nodes are ranked for a key: the highest owns it, the next is its replica. Each node is first with a
/// probability in proportion to its weight, and a change of one node's weight moves only keys to or from that node
/// (weighted rendezvous hashing: C. Schindelhauer, G. Schomaker, SPAA 2005; the logarithmic method).
///
/// Two C libraries may round `log` differently in the last bit. Nodes then disagree about a key whose two best scores lie within
/// 2^-50 of each other, which costs one detour and no correctness.
/// - Parameters:
///   - key: a `StableHash` of the key.
///   - node: a `StableHash` of the node's name.
///   - weight: more than 0; with 0, less or NaN the score is 0, below every score of a node with a weight.
public func rendezvousScore(key: UInt64, node: UInt64, weight: Double) -> Double {
  guard weight > 0 else { return 0 }
  let mixed = StableHash.avalanche(key &+ StableHash.avalanche(node ^ prime4))
  // 52 bits and a half keep the number strictly between 0 and 1 without rounding, so that the logarithm is finite and not 0.
  let unit = (Double(mixed >> 12) + 0.5) * 0x1p-52
  return -weight / log(unit)
}

private let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
private let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
private let prime3: UInt64 = 0x1656_67B1_9E37_79F9
private let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
private let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

@inline(__always)
private func word64(_ pointer: UnsafeRawPointer) -> UInt64 { UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self)) }

@inline(__always)
private func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 { (value &<< count) | (value &>> (64 &- count)) }

@inline(__always)
private func round(_ lane: UInt64, _ word: UInt64) -> UInt64 { rotated(lane &+ word &* prime2, 31) &* prime1 }

@inline(__always)
private func merged(_ hash: UInt64, _ lane: UInt64) -> UInt64 { (hash ^ round(0, lane)) &* prime1 &+ prime4 }
