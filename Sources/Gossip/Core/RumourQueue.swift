// What a node still has to tell. Rumours ride on probes and acknowledgements; those told least go first, and each is told so often that
// all have heard it with high probability, not more (SWIM §4.1).

/// Rumours that wait to be told, at most one of each member.
public struct RumourQueue: Sendable {
  private struct Entry: Sendable {
    var rumour: Rumour
    /// What it takes up in a message.
    var bytes: Int
    var told: Int
    /// The newest of what was told equally often goes first: old news has reached most already.
    var number: UInt64
  }

  // In the order in which they are to be told. Never a Set or a Dictionary: their order differs from process to process, and a
  // simulation has to run the same way twice.
  private var entries: [Entry] = []
  private var next: UInt64 = 0

  public init() {}

  public var count: Int { entries.count }
  public var isEmpty: Bool { entries.isEmpty }

  /// The rumour about a member that still waits.
  public func rumour(of member: MemberID) -> Rumour? { entries.first { $0.rumour.member == member }?.rumour }

  /// How often the waiting rumour about a member has been told; nil when none waits.
  public func tellings(of member: MemberID) -> Int? { entries.first { $0.rumour.member == member }?.told }

  /// How often a rumour is told in a cluster of so many members: `factor * ceil(log2(n + 1))` (SWIM §4.1; each telling reaches a random
  /// member, and after `c * ln n` of them by everybody who knows, a member is left out with probability n to the -c).
  public static func tellings(factor: Int, members: Int) -> Int {
    let bits = Int.bitWidth - max(members, 1).leadingZeroBitCount  // ceil(log2(n + 1))
    return factor * bits
  }

  /// Puts a rumour, of so many bytes, in the place of what waits about the same member, to be told from the beginning.
  public mutating func add(_ rumour: Rumour, bytes: Int) {
    entries.removeAll { $0.rumour.member == rumour.member }
    next += 1
    insert(Entry(rumour: rumour, bytes: bytes, told: 0, number: next))
  }

  public mutating func remove(_ member: MemberID) { entries.removeAll { $0.rumour.member == member } }

  private mutating func insert(_ entry: Entry) {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      let other = entries[middle]
      let isBefore = other.told != entry.told ? other.told < entry.told : other.number > entry.number
      if isBefore { low = middle + 1 } else { high = middle }
    }
    entries.insert(entry, at: low)
  }

  /// Takes rumours for one message, least told first, and counts them as told.
  ///
  /// - Parameters:
  ///   - budget: bytes that they may take up together.
  ///   - tellings: how often one is told; after that it is forgotten.
  ///   - first: the member to whom the message goes: what is said of it is told it before anything else, so that it can refute at once
  ///     (Lifeguard §IV-C, "Buddy System").
  public mutating func take(budget: Int, tellings: Int, first: MemberID? = nil) -> [Rumour] {
    var taken: [Entry] = []
    var room = budget
    if let first, let at = entries.firstIndex(where: { $0.rumour.member == first }) {
      let bytes = entries[at].bytes
      if bytes <= room {
        room -= bytes
        taken.append(entries.remove(at: at))
      }
    }
    var at = 0
    while at < entries.count && room > 0 {
      let bytes = entries[at].bytes
      if bytes <= room {
        room -= bytes
        taken.append(entries.remove(at: at))
      } else {
        at += 1  // a smaller one may still fit
      }
    }
    for var entry in taken {
      entry.told += 1
      if entry.told < tellings { insert(entry) }
    }
    return taken.map(\.rumour)
  }
}
