// Owns the guess at what was meant: the known word nearest to an unknown one.

public enum NearMiss {
  /// Candidates beyond this many are not looked at, so that a hostile document costs a bounded time.
  public static let candidatesMax = 500
  /// Longer words are not compared.
  public static let wordMax = 64

  /// The candidate nearest to `word`, or nil when none is near enough to be what was meant.
  ///
  /// Near enough is a Damerau-Levenshtein distance (optimal string alignment) of at most a third of the word's length,
  /// never more than 3; words that differ only in case, `-` and `_` are always near.
  public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(word.utf8)
    guard !wanted.isEmpty, wanted.count <= wordMax else { return nil }
    let bound = min(3, max(1, wanted.count / 3))
    var best: (word: String, distance: Int)?
    for candidate in candidates.prefix(candidatesMax) where candidate != word {
      let other = Array(candidate.utf8)
      guard !other.isEmpty, other.count <= wordMax else { continue }
      if folded(wanted) == folded(other) { return candidate }
      guard abs(other.count - wanted.count) <= bound else { continue }
      let distance = distance(wanted, other)
      if distance <= bound, distance < (best?.distance ?? .max) { best = (candidate, distance) }
    }
    return best?.word
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, each byte touched once.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      row.reserveCapacity(b.count + 1)
      for j in 0..<b.count {
        var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }

  private static func folded(_ word: [UInt8]) -> [UInt8] {
    word.compactMap { byte in
      switch byte {
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: " "): nil
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
      default: byte
      }
    }
  }
}
