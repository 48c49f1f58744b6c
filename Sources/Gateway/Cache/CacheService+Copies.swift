// Copies of stored responses on other nodes: which node offers what to whom, what a node gives when it is asked for a copy, and what it
// does with one that it gets.
import Cache
import Proxy
import Runtime

/// Where a copy stands at the node that was offered it.
enum CopyOutcome: Int {
  case kept = 204
  /// It may be older than something that made it stale.
  case overtaken = 409
  /// It is not this node's to keep.
  case misdirected = 421
  case refused = 503
}

extension CacheService {
  /// How many nodes may keep a response of their own: the owner, its replicas, and always the one that takes over.
  var keepers: Int { max(2, 1 + copies.replicaCount) }
  /// How many nodes are told of what becomes stale, whatever others say of `replicas`.
  static let keepersMax = 3

  /// What nodes of a cluster agree on. From any thread.
  /// - Parameters:
  ///   - replicas: nodes that keep a copy of what is stored, besides the owner.
  ///   - hotCopies: whether copies of hot keys are kept for a moment.
  ///   - fills: how many fetches may be under way at once.
  ///   - definitions: a hash of all that nodes have to serve alike.
  public func set(replicas: Int, hotCopies: Bool, fills: Int, definitions: UInt64) {
    fillGate.set(most: fills)
    copies.set(replicas: replicas, hotCopies: hotCopies, definitions: definitions)
  }

  // MARK: the owner's side

  /// Offers what was just stored to the nodes that come next.
  func offer(_ key: [UInt8], variant: [UInt8] = [], edition: UInt32 = 0) { tellReplicas(.offer, key, variant, edition) }

  /// What was stored has turned out to be superseded: it goes here, and where copies of it are.
  func supersede(_ key: [UInt8]) {
    remove(key)
    tellReplicas(.stale, key, [], 0)
  }

  private func tellReplicas(_ message: PeerMessage, _ key: [UInt8], _ variant: [UInt8], _ edition: UInt32) {
    let count = copies.replicaCount
    guard count > 0, let placement else { return }
    let rank = placement.rank(key, count: 1 + count)
    // Only the owner: whoever stands in for one that it cannot reach keeps what it has for itself.
    guard let owner = rank.first, owner.endpoint == nil else { return }
    for member in rank.dropFirst() { tell(message, member, placement.me, key, variant, edition) }
  }

  @discardableResult
  func tell(
    _ message: PeerMessage, _ member: CacheMember, _ me: UInt64, _ key: [UInt8], _ variant: [UInt8] = [], _ edition: UInt32 = 0
  ) -> Bool {
    copies.sender.send(
      CopySender.Offer(
        message: message, from: me, to: member, key: key, variant: variant, edition: edition, definitions: copies.servedDefinitions))
  }

  /// What is stored under a key, as another node is to keep it; nil where there is nothing that it may.
  func record(_ key: [UInt8], variant: [UInt8], _ worker: Worker) -> CopyRecord? {
    guard purges.pulse.allows(now), let entry = peek(key + variant, worker), entry.flags & (VariantIndex.flag | CopyMark.lease) == 0,
      !entry.isMarkedStale
    else {
      return nil
    }
    var index: [UInt8] = []
    if !variant.isEmpty {
      guard let found = peek(key, worker), VariantIndex(found) != nil else { return nil }
      index = Array(found.body)
    }
    return CopyRecord(
      status: Int(entry.flags & 0xffff), edition: entry.terms.edition, terms: CacheTerms(entry.terms), now: now, head: Array(entry.head),
      index: index, body: Array(entry.body))
  }

  // MARK: the other node's side

  /// Whether this very response is kept here already.
  func has(_ key: [UInt8], edition: UInt32, _ worker: Worker) -> Bool {
    guard edition != 0, purges.pulse.allows(now), let entry = peek(key, worker), !entry.isMarkedStale else { return false }
    return entry.terms.edition == edition && entry.flags & CopyMark.lease == 0
  }

  /// Keeps what another node gave: as one's own where this node owns the key, else for the day when it does.
  /// - Parameter asked: when it was asked for, by this node's clock.
  func keep(_ record: CopyRecord, _ key: [UInt8], variant: [UInt8], askedAt asked: Int64, _ worker: Worker) -> CopyOutcome {
    guard record.body.count <= bodyBytesMax, let placement else { return .refused }
    let rank = placement.rank(key, count: keepers)
    guard let place = rank.firstIndex(where: { $0.endpoint == nil }) else { return .misdirected }
    let terms = record.terms(askedAt: asked)
    var packed = terms.packed
    packed.edition = record.edition
    var flags = UInt32(record.status) | CopyMark.variant(variant.count)
    if place > 0 {
      packed.freshUntil = .min
      flags |= CopyMark.replica
    }
    return keep(record, key, variant, packed, flags, unless: { self.isOlder(terms, than: $0, isMine: place == 0) }, worker)
  }

  /// Keeps it where nothing has overtaken it since it was fetched.
  func keep(
    _ record: CopyRecord, _ key: [UInt8], _ variant: [UInt8], _ terms: EntryTerms, _ flags: UInt32, unless isOlder: (MemoryEntry) -> Bool,
    _ worker: Worker
  ) -> CopyOutcome {
    let tags = CacheTags.hashes(HeadFields(head: record.head))
    let whole = key + variant
    // By the clock of the node that fetched it, as are purges and what is stale by those of others: a margin covers the difference.
    let fetched = record.terms.requestTime
    var isKept = false
    let isPassed = copies.pass(variant.isEmpty ? [key] : [key, whole], fetchedAt: fetched) {
      purges.gate.pass(key, tags, fetchedAt: fetched) {
        if let entry = peek(whole, worker), isOlder(entry) { return isKept = true }
        if !record.index.isEmpty { put(index: record.index, key, worker) }
        // What was read from the disk before must not come behind it.
        expireLookups(key)
        put(whole, record, terms, tags, flags)
        isKept = true
      }
    }
    return isPassed && isKept ? .kept : .overtaken
  }

  /// Whether what is here is better than a copy of the same key: this node fetched it itself, and later.
  private func isOlder(_ terms: CacheTerms, than entry: MemoryEntry, isMine: Bool) -> Bool {
    guard entry.flags & (CopyMark.any | VariantIndex.flag) == 0, !entry.isMarkedStale else { return false }
    let mine = CacheTerms(entry.terms)
    return mine.requestTime >= terms.requestTime && (isMine || mine.isFresh(now))
  }

  private func put(_ key: [UInt8], _ record: CopyRecord, _ terms: EntryTerms, _ tags: [UInt64], _ flags: UInt32) {
    key.withUnsafeBytes { key in
      record.head.withUnsafeBytes { head in
        record.body.withUnsafeBytes { body in
          _ = memory.insert(hash(key), EntryParts(key: key, head: head, body: [body], terms: terms, tags: tags, flags: flags))
        }
      }
    }
  }

  private func put(index: [UInt8], _ key: [UInt8], _ worker: Worker) {
    if let entry = peek(key, worker), entry.flags & VariantIndex.flag != 0, entry.body.elementsEqual(index) { return }
    key.withUnsafeBytes { key in
      index.withUnsafeBytes { body in
        let head = UnsafeRawBufferPointer(start: key.baseAddress, count: 0)
        _ = memory.insert(
          hash(key), EntryParts(key: key, head: head, body: [body], terms: EntryTerms(freshUntil: .min), flags: VariantIndex.flag))
      }
    }
  }

  /// Makes a copy this node's own, whose owner it has become.
  func adopt(_ entry: MemoryEntry, _ key: [UInt8]) {
    guard entry.flags & CopyMark.any == CopyMark.replica, !entry.isMarkedStale, isFirst(key) else { return }
    var terms = CacheTerms(entry.terms).packed
    terms.edition = entry.terms.edition
    memory.freshen(entry, head: entry.head, terms: terms, flags: entry.flags & ~CopyMark.any)
  }

  /// Whether this node is the first in rank.
  func isFirst(_ key: [UInt8]) -> Bool { placement?.rank(key, count: 1).first?.endpoint == nil }

  /// As `find`, and eviction learns nothing of it.
  func peek(_ key: [UInt8], _ worker: Worker) -> MemoryEntry? {
    key.withUnsafeBytes { part(of: worker).reader.peek(hash($0), $0) }
  }
}
