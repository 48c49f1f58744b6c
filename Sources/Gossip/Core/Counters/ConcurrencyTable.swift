// Limits on requests at once: pairs of grow-only counts, begun and ended, per key and member's life, merged by maximum. A pair expires with
// its member: what a dead node had begun is over. Batches, repeats and bytes are not decided here.
import Runtime

/// What one life of a member began and ended of a key since it started; both only grow.
public struct ConcurrencyShare: Equatable, Sendable {
  public var key: UInt64
  public var begun: UInt64
  public var ended: UInt64

  public init(key: UInt64, begun: UInt64, ended: UInt64) {
    self.key = key
    self.begun = begun
    self.ended = ended
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(key)
    writer.writeVarint(begun)
    // Short while little is in flight.
    writer.writeVarint(begun - min(ended, begun))
  }

  public init(from reader: inout ByteReader) throws(ByteReadError) {
    key = try reader.readUInt64()
    begun = try reader.readVarint()
    let inFlight = try reader.readVarint()
    ended = begun - min(inFlight, begun)
  }
}

/// Requests at once, of a shard of keys. Single-threaded.
public struct ConcurrencyTable: Sendable {
  private struct Pair: Sendable {
    var id: MemberID
    var generation: UInt64
    var begun: UInt64 = 0
    var ended: UInt64 = 0

    var inFlight: UInt64 { begun - min(ended, begun) }
  }

  private struct Entry: Sendable {
    var key: UInt64
    var begun: UInt64 = 0
    var ended: UInt64 = 0
    /// Other members', at most one life each.
    var others: [Pair] = []
    var isChanged = false

    var inFlight: UInt64 { others.reduce(begun - min(ended, begun)) { $0.addingReportingOverflow($1.inFlight).0 } }
    var isIdle: Bool { begun == ended && others.allSatisfy { $0.inFlight == 0 } && !isChanged }
  }

  public let keysMax: Int
  public let membersMax: Int
  private var entries: [Entry] = []
  private var index = SlotIndex()
  private var changed: [UInt64] = []

  /// - Parameters:
  ///   - keysMax: keys at once; beyond, a new key's requests are not counted, and not denied.
  ///   - membersMax: other members per key.
  public init(keysMax: Int = 8_192, membersMax: Int = 1_024) {
    self.keysMax = keysMax
    self.membersMax = membersMax
  }

  public var count: Int { entries.count }

  /// Requests in flight over the cluster, as far as is known.
  public func inFlight(_ key: UInt64) -> UInt64 { index.find(key).map { entries[$0].inFlight } ?? 0 }

  /// Begins a request if less than `limit` are in flight.
  /// - Returns: whether it may go on, and whether it was counted: `end` is called for what was.
  public mutating func begin(_ key: UInt64, limit: UInt32) -> (isAllowed: Bool, isCounted: Bool) {
    guard let slot = slot(key) else { return (limit > 0, false) }
    if entries[slot].inFlight >= UInt64(limit) { return (false, false) }
    entries[slot].begun &+= 1
    note(slot)
    return (true, true)
  }

  /// Ends a request that was counted.
  /// - Precondition: one is in flight here.
  public mutating func end(_ key: UInt64) {
    guard let slot = index.find(key), entries[slot].ended < entries[slot].begun else {
      preconditionFailure("no request of key \(key) is in flight here")
    }
    entries[slot].ended += 1
    note(slot)
  }

  private mutating func note(_ slot: Int) {
    if entries[slot].isChanged { return }
    entries[slot].isChanged = true
    changed.append(entries[slot].key)
  }

  private mutating func slot(_ key: UInt64) -> Int? {
    if let slot = index.find(key) { return slot }
    if entries.count >= keysMax && !evict() { return nil }
    index.insert(key, entries.count)
    entries.append(Entry(key: key))
    return entries.count - 1
  }

  /// A key that nobody uses has counts all the same, which may only grow: it goes only where no member's are known, this one's included.
  private mutating func evict() -> Bool {
    guard let slot = entries.firstIndex(where: { $0.isIdle && $0.begun == 0 && $0.others.isEmpty }) else { return false }
    index.remove(entries[slot].key)
    let last = entries.count - 1
    if slot != last {
      index.remove(entries[last].key)
      entries[slot] = entries[last]
      index.insert(entries[slot].key, slot)
    }
    entries.removeLast()
    return true
  }

  /// Whether counts of this node have changed since `takeChanged`.
  public var hasChanged: Bool { !changed.isEmpty }

  /// The keys of which this node's counts changed since the last call, oldest change first.
  public mutating func takeChanged() -> [UInt64] {
    defer { changed = [] }
    for key in changed { if let slot = index.find(key) { entries[slot].isChanged = false } }
    return changed
  }

  /// This node's counts of a key.
  public func share(of key: UInt64) -> ConcurrencyShare? {
    index.find(key).map { ConcurrencyShare(key: key, begun: entries[$0].begun, ended: entries[$0].ended) }
  }

  /// All of this node's counts, for who has just come.
  public var own: [ConcurrencyShare] {
    entries.filter { $0.begun > 0 }.map { ConcurrencyShare(key: $0.key, begun: $0.begun, ended: $0.ended) }
  }

  /// Merges what a member told of itself. A later life takes the place of an earlier one, whose requests are over.
  /// - Returns: whether there was room.
  @discardableResult
  public mutating func merge(_ share: ConcurrencyShare, from sender: CounterMember) -> Bool {
    guard let slot = slot(share.key) else { return false }
    guard let at = entries[slot].others.firstIndex(where: { $0.id == sender.id }) else {
      if entries[slot].others.count >= membersMax { return false }
      entries[slot].others.append(Pair(id: sender.id, generation: sender.generation, begun: share.begun, ended: share.ended))
      return true
    }
    let known = entries[slot].others[at]
    if sender.generation < known.generation { return true }
    var pair = Pair(id: sender.id, generation: sender.generation, begun: share.begun, ended: share.ended)
    if sender.generation == known.generation { (pair.begun, pair.ended) = (max(pair.begun, known.begun), max(pair.ended, known.ended)) }
    entries[slot].others[at] = pair
    return true
  }

  /// Forgets the counts of all lives that are not among these members'.
  public mutating func setMembers(_ list: [CounterMember]) {
    let sorted = list.sorted { $0.id < $1.id }
    func isAlive(_ pair: Pair) -> Bool {
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if sorted[middle].id < pair.id { low = middle + 1 } else { high = middle }
      }
      return low < sorted.count && sorted[low].id == pair.id && sorted[low].generation == pair.generation
    }
    for slot in entries.indices { entries[slot].others.removeAll { !isAlive($0) } }
  }
}
