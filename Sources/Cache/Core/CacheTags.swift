// Owns: the tags of a response, by which a purge reaches it wherever it is stored: the fields that name them, their bounds, their hashes.
// What a purge does with them is Purge's.
import Runtime

/// Tags, from `Cache-Tag` (separated by commas) and `Surrogate-Key` (by blanks). Both name the same things, byte for byte: case counts.
public enum CacheTags {
  /// Most tags of one response that are told apart.
  public static let countMax = 64
  /// Most bytes of a tag. A longer one cannot be purged by, and is left out.
  public static let bytesMax = 256
  /// Stands for what does not fit, or is not known yet: every purge by a tag means it, so that none misses what it ought to reach.
  public static let any: UInt64 = 0

  /// By what a tag is kept and found. Two tags of one hash are purged together.
  public static func hash(_ tag: some Collection<UInt8>) -> UInt64 {
    let bytes = Array(tag)
    // SAFETY: the array outlives the call.
    let hash = bytes.withUnsafeBytes { StableHash.hash($0, seed: 0x7461_6773) }
    return hash == any ? 1 : hash
  }

  /// The hashes of a response's tags, each once; `any` behind the first `countMax` where there are more.
  public static func hashes(_ response: HeadFields) -> [UInt64] {
    var found: [UInt64] = []
    for line in response.all("cache-tag") {
      for tag in line.split(separator: 0x2C) { if !add(Octets.trimmed(tag), to: &found) { return found } }
    }
    for line in response.all("surrogate-key") {
      for tag in line.split(whereSeparator: { Octets.isBlank($0) }) { if !add(tag, to: &found) { return found } }
    }
    return found
  }

  /// - Returns: false when there is no room for any other.
  private static func add(_ tag: ArraySlice<UInt8>, to found: inout [UInt64]) -> Bool {
    if tag.isEmpty || tag.count > bytesMax { return true }
    let hash = hash(tag)
    if found.contains(hash) { return true }
    if found.count == countMax {
      found.append(any)
      return false
    }
    found.append(hash)
    return true
  }
}
