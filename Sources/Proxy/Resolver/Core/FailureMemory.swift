// Owns: which questions failed lately, so that a broken name is not asked again at once, and how long it rests. A pure value.

/// What was asked.
struct ResolveKey: Hashable, Sendable {
  let name: String
  let port: UInt16
  let kind: ResolveKind
}

/// Failures by question, each resting twice as long as the one before. Bounded.
struct FailureMemory: Sendable {
  /// The first rest and the longest. Nanoseconds.
  static let first: UInt64 = 1_000_000_000
  static let longest: UInt64 = 30_000_000_000

  private struct Entry {
    var kind: ResolveFailureKind
    var inARow: Int
    var until: UInt64
  }

  private let namesMax: Int
  private var entries: [ResolveKey: Entry] = [:]

  init(namesMax: Int) {
    self.namesMax = namesMax
  }

  var count: Int { entries.count }

  /// - Parameter now: monotonic nanoseconds.
  /// - Returns: the failure to answer with while the question rests; nil when it may be asked.
  func resting(_ key: ResolveKey, now: UInt64) -> ResolveFailure? {
    guard let entry = entries[key], now < entry.until else { return nil }
    return ResolveFailure(kind: entry.kind, name: key.name, retryAfterNanoseconds: entry.until - now)
  }

  /// Notes a failure and gives it with its rest.
  mutating func failed(_ key: ResolveKey, _ kind: ResolveFailureKind, now: UInt64) -> ResolveFailure {
    let inARow = min(entries[key]?.inARow ?? 0, 5)
    let rest = min(FailureMemory.first << UInt64(inARow), FailureMemory.longest)
    if entries[key] == nil && entries.count >= namesMax { forgetOne() }
    entries[key] = Entry(kind: kind, inARow: inARow + 1, until: now + rest)
    return ResolveFailure(kind: kind, name: key.name, retryAfterNanoseconds: rest)
  }

  mutating func succeeded(_ key: ResolveKey) {
    entries[key] = nil
  }

  /// The one whose rest ends first is the least loss; equal ones by name, so that the choice does not hang on hashing.
  private mutating func forgetOne() {
    let least = entries.min { a, b in
      a.value.until != b.value.until
        ? a.value.until < b.value.until : (a.key.name, a.key.port) < (b.key.name, b.key.port)
    }
    if let least { entries[least.key] = nil }
  }
}
