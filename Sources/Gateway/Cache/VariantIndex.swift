// Which variants a key has: stored under the key itself, the variants under keys of their own that are made with it. Its generation is part
// of those keys, so that variants of an index that was removed are never found again.
import Cache
import Runtime

/// The sets of request fields that responses of one key vary by (RFC 9111 §4.1), the latest first.
struct VariantIndex {
  /// In the flags of an entry, where others have their status.
  static let flag: UInt32 = 1 << 31
  /// Sets that are remembered; a response that varies by others pushes the oldest out.
  static let setsMax = 4

  private let generation: UInt64
  private(set) var names: [[[UInt8]]]

  static func fresh() -> VariantIndex {
    var system = SystemRandomNumberGenerator()
    return VariantIndex(generation: system.next(), names: [])
  }

  private init(generation: UInt64, names: [[[UInt8]]]) {
    self.generation = generation
    self.names = names
  }

  /// nil where the entry is a response.
  init?(_ entry: MemoryEntry) {
    guard entry.flags & VariantIndex.flag != 0 else { return nil }
    self.init(bytes: Array(entry.body))
  }

  /// nil where the bytes are none that `encoded` made.
  init?(encoded bytes: [UInt8]) {
    guard bytes.count > 8 else { return nil }
    self.init(bytes: bytes)
    if names.isEmpty { return nil }
  }

  private init(bytes: [UInt8]) {
    generation = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    names = bytes.dropFirst(8).split(separator: 10).map { set in set.split(separator: 44).map { Array($0) } }
  }

  var encoded: [UInt8] {
    var bytes = (0..<8).map { UInt8(truncatingIfNeeded: generation >> UInt64(56 - 8 * $0)) }
    for set in names { bytes += Array(set.joined(separator: [44])) + [10] }
    return bytes
  }

  mutating func put(_ set: [[UInt8]]) {
    names.removeAll { $0 == set }
    names.insert(set, at: 0)
    if names.count > VariantIndex.setsMax { names.removeLast() }
  }

  /// The key of one variant: no other key has a zero in it.
  func key(of key: [UInt8], _ values: [UInt8]) -> [UInt8] {
    key + [0] + (0..<8).map { UInt8(truncatingIfNeeded: generation >> UInt64(56 - 8 * $0)) } + values
  }
}
