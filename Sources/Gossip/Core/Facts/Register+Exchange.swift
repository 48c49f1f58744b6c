// How two registers find what the other lacks: one hash on every probe, a hash for each bucket when those differ, then the entries of the
// buckets that differ. Who asks whom, and when, is the caller's.
import Runtime

extension Register {
  /// Equal for equal registers, and else but once in 2^64.
  public var hash: UInt64 { digest.hash }

  public var digest: BucketDigest { BucketDigest(sums: sums) }

  /// The buckets in which another register holds something else.
  public func differing(from other: BucketDigest) -> [Int] { digest.differing(from: other) }

  /// The entries of some buckets, for another to merge.
  public func entries(inBuckets wanted: [Int]) -> [RegisterEntry] { wanted.filter(sums.indices.contains).flatMap { buckets[$0] } }

  /// Whether a node that last agreed with others then must not tell them what it has: they may have forgotten deletes which it never
  /// heard of, and what it holds would bring those names back.
  /// - Parameters:
  ///   - lastAgreed: when its register was last equal to another live member's, milliseconds, kept over restarts.
  ///   - time: `HybridClock.milliseconds`, milliseconds.
  public static func mustAdopt(lastAgreed: UInt64, time: UInt64, limits: RegisterLimits) -> Bool {
    // Half the age: clocks differ, and the exchange itself takes time.
    time > lastAgreed && time - lastAgreed >= limits.tombstoneAge / 2
  }

  /// Takes another register as it is. What is not in it is gone, except for what this node has written since they last agreed and the
  /// other register cannot have forgotten.
  /// - Parameters:
  ///   - whole: every entry of the other register.
  ///   - now: the wall clock, nanoseconds.
  /// - Returns: this node's own writes that are gone; to be reported, so that an operator may write them again.
  public mutating func adopt(_ whole: [RegisterEntry], clock: inout HybridClock, now: UInt64) -> [RegisterEntry] {
    let time = clock.milliseconds(now: now)
    let before = entries
    for entry in before { removeStored(entry.name) }
    for entry in whole { _ = merge(entry, clock: &clock, now: now) }
    var lost: [RegisterEntry] = []
    for entry in before where stored(entry.name)?.version != entry.version {
      if !entry.version.stamp.isOlder(than: limits.tombstoneAge / 2, at: time) {
        _ = merge(entry, clock: &clock, now: now)
        if stored(entry.name) == entry { continue }
      }
      let winner = stored(entry.name)
      if entry.version.writer == me, !entry.isDeleted, !(winner?.descends(from: entry.version) ?? false) { lost.append(entry) }
    }
    return lost
  }
}
