// What a node still has to tell of a kind of fact: by name only, so that what is told is always the newest. The rule is RumourQueue's
// (SWIM §4.1): least told first, the newest among them, each so many times. What was not heard all the same is found by comparing digests.

/// Names of facts that wait to be told.
struct TellQueue<Item: Hashable & Sendable>: Sendable {
  private struct Ticket: Sendable {
    var item: Item
    /// A ticket whose number is not the item's current one has been superseded.
    var number: UInt64
  }

  /// The most that may wait. The longest told goes when another comes: digests find it where it is missing.
  let limit: Int
  // By how often they have been told; in each the newest last.
  private var levels: [[Ticket]] = []
  // Lookup only, never iterated: its order differs from process to process.
  private var current: [Item: UInt64] = [:]
  private var next: UInt64 = 0

  /// Items that do not fit are passed over for smaller ones, up to so many.
  private static var misfitsMax: Int { 8 }

  init(limit: Int) { self.limit = max(limit, 1) }

  var count: Int { current.count }
  var isEmpty: Bool { current.isEmpty }

  func contains(_ item: Item) -> Bool { current[item] != nil }

  /// An item to be told from the beginning.
  mutating func add(_ item: Item) {
    if current[item] == nil && current.count >= limit { dropMostTold() }
    next += 1
    current[item] = next
    if levels.isEmpty { levels.append([]) }
    levels[0].append(Ticket(item: item, number: next))
    compactIfNeeded()
  }

  mutating func remove(_ item: Item) { current[item] = nil }

  /// Takes items for one message and counts them as told.
  /// - Parameters:
  ///   - budget: bytes that they may take up together.
  ///   - tellings: how often one is told; after that it is forgotten.
  ///   - size: bytes of one; nil if there is nothing to tell any more.
  mutating func take(budget: Int, tellings: Int, size: (Item) -> Int?) -> [Item] {
    var taken: [(ticket: Ticket, told: Int)] = []
    var room = budget
    var misfits = 0
    var level = 0
    while level < levels.count && room > 0 && misfits < Self.misfitsMax {
      var aside: [Ticket] = []
      while let ticket = levels[level].popLast() {
        guard current[ticket.item] == ticket.number else { continue }
        guard let bytes = size(ticket.item) else {
          current[ticket.item] = nil
          continue
        }
        if bytes <= room {
          room -= bytes
          taken.append((ticket, level + 1))
          continue
        }
        aside.append(ticket)
        misfits += 1
        if misfits >= Self.misfitsMax || room <= 0 { break }
      }
      levels[level].append(contentsOf: aside.reversed())
      level += 1
    }
    for (ticket, told) in taken.reversed() { settle(ticket, told: told, tellings: tellings) }
    return taken.map(\.ticket.item)
  }

  private mutating func settle(_ ticket: Ticket, told: Int, tellings: Int) {
    if told >= tellings {
      current[ticket.item] = nil
      return
    }
    while levels.count <= told { levels.append([]) }
    levels[told].append(ticket)
  }

  private mutating func dropMostTold() {
    for level in levels.indices.reversed() {
      while let oldest = levels[level].first {
        levels[level].removeFirst()
        if current[oldest.item] == oldest.number {
          current[oldest.item] = nil
          return
        }
      }
    }
  }

  /// Superseded tickets are swept when they outnumber the others, so that memory stays in proportion to `limit`.
  private mutating func compactIfNeeded() {
    let tickets = levels.reduce(0) { $0 + $1.count }
    guard tickets > 64, tickets > 2 * current.count else { return }
    for level in levels.indices { levels[level].removeAll { current[$0.item] != $0.number } }
  }
}
