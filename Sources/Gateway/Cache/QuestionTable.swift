// Which keys other nodes are being asked for, and who wants the same: those who come while a question is on its way wait for it, or for a
// moment, and then ask together. So a question is always sent after all whom it is for have come, and its answer is no older than any of
// them may have: what was made stale before somebody came is not in it. Pure.

/// The questions of one worker.
struct QuestionTable<Asker> {
  /// What tells questions apart.
  struct Key: Hashable {
    let key: [UInt8]
    /// Of the definitions by which the key was made.
    let definitions: UInt64
    /// Of the key, with a seed that nobody outside knows.
    let keyHash: UInt64

    func hash(into hasher: inout Hasher) { hasher.combine(keyHash) }
    static func == (left: Key, right: Key) -> Bool {
      left.keyHash == right.keyHash && left.definitions == right.definitions && left.key == right.key
    }
  }

  private struct Entry {
    /// Of the question that was sent last.
    var number: UInt64
    var waiting: [Asker] = []
  }

  // For look-ups only.
  private var entries: [Key: Entry] = [:]
  private var last: UInt64 = 0

  var count: Int { entries.count }

  /// Somebody wants to ask.
  /// - Returns: the number of the question that it is to send by itself; nil where it waits for others.
  mutating func enter(_ key: Key, _ asker: Asker) -> UInt64? {
    if entries[key] == nil { return begin(key) }
    entries[key]!.waiting.append(asker)
    return nil
  }

  /// Whether anybody waits for a question to end.
  func isAwaited(_ key: Key, _ number: UInt64) -> Bool { entries[key].map { $0.number == number && !$0.waiting.isEmpty } ?? false }

  /// A question has been answered, has failed, or has been under way for long enough: who waited is to ask now.
  /// - Returns: who asks, together, and by which number; nil where nobody does, or where another question has been sent since.
  mutating func release(_ key: Key, _ number: UInt64) -> (askers: [Asker], number: UInt64)? {
    guard let entry = entries[key], entry.number == number else { return nil }
    if entry.waiting.isEmpty {
      entries[key] = nil
      return nil
    }
    return (entry.waiting, begin(key))
  }

  private mutating func begin(_ key: Key) -> UInt64 {
    last += 1
    entries[key] = Entry(number: last)
    return last
  }
}
