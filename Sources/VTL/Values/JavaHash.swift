// Owns: the order in which `java.util.HashMap` goes through its keys. Templates see it where they loop over the keys of `$context` or of a
// map that they wrote themselves.

enum JavaHash {
  /// `String.hashCode()`: over UTF-16 units.
  static func hash(_ text: ArraySlice<UInt8>) -> UInt32 {
    var hash: UInt32 = 0
    if text.allSatisfy({ $0 < 0x80 }) {
      for byte in text { hash = hash &* 31 &+ UInt32(byte) }
    } else {
      for unit in String(decoding: text, as: UTF8.self).utf16 { hash = hash &* 31 &+ UInt32(unit) }
    }
    return hash
  }

  /// Positions of keys by bucket, and within a bucket as they were put in (OpenJDK 8, `HashMap.hash`, `resize`: a table grows when it
  /// is more than three quarters full, and keeps the order within each bucket).
  static func sequence(_ names: [ArraySlice<UInt8>]) -> [Int] {
    var size = 16
    while names.count * 4 > size * 3 { size *= 2 }
    let buckets = names.map { name in
      let hash = hash(name)
      return Int((hash ^ (hash >> 16)) & UInt32(size - 1))
    }
    return names.indices.sorted { (buckets[$0], $0) < (buckets[$1], $1) }
  }
}
