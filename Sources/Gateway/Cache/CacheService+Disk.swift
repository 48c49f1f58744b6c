// Both tiers together: what is stored goes to RAM and to disk, what is found on disk comes back to RAM where it fits, and what is out of
// date goes from both.
import Cache
import Proxy
import Runtime

/// Where the disk tier lies.
public struct CacheDisk: Sendable, Equatable {
  /// The folder of its files, whose parent is there. The purges are kept beside it.
  public var folder: String
  public var bytes: UInt64

  /// The least that a disk tier can be made of.
  public static let bytesMin: UInt64 = 32 << 20

  public init(folder: String, bytes: UInt64) {
    self.folder = folder
    self.bytes = max(bytes, CacheDisk.bytesMin)
  }
}

extension CacheService {
  /// Whether a lookup on disk may find something that may be served.
  var asksDisk: Bool { disk.map { $0.isOn && isSettled } ?? false }

  /// Whether this node may have kept something over a restart.
  public var mayHaveKept: Bool { disk?.purges.isContinued ?? false }

  /// This node hears the others; often.
  public func isAmongOthers() { disk?.touch() }

  /// Writes what waits to be written. Nobody uses the cache after this.
  public func close() { disk?.tier.close() }

  // MARK: looking up

  /// Looks a key up on disk, together with all who want it now.
  /// - Parameter then: called once, on any thread.
  func lookUpOnDisk(_ key: [UInt8], of primary: [UInt8], _ then: @escaping @Sendable (DiskFound) -> Void) {
    guard let disk else { return then(.nothing) }
    guard let lookup = disk.join(key, of: primary, then) else { return }
    let position = purgePosition
    let deadline = SystemTime().monotonic().advanced(byNanoseconds: DiskCache.patience)
    disk.tier.read(DiskCache.key(key), deadline: deadline) { [self] answer in end(lookup, answer, since: position) }
  }

  /// On a thread of the tier.
  private func end(_ lookup: DiskLookup, _ answer: DiskAnswer, since position: UInt64) {
    guard let disk else { return }
    var found = DiskFound.nothing
    if case .hit(let entry) = answer { found = take(entry, lookup, since: position) }
    let (isGood, waiting) = disk.end(lookup)
    if !isGood {
      // It may have come to RAM behind whatever has made it out of date, and even in place of that.
      drop(found, lookup)
      found = .nothing
    }
    for each in waiting { each(found) }
  }

  private func take(_ entry: DiskEntry, _ lookup: DiskLookup, since position: UInt64) -> DiskFound {
    guard let disk, isSettled, purges.pulse.allows(now), let terms = DiskTerms(decoding: entry.terms) else { return .nothing }
    let noted = disk.purges.noted
    let tags = terms.flags & VariantIndex.flag != 0 ? [] : CacheTags.hashes(HeadFields(head: entry.head))
    guard let judged = disk.judge(terms, key: lookup.key, tags: tags, now: now) else {
      disk.tier.remove(DiskCache.hash(lookup.key))
      return .nothing
    }
    // A purge that stands at the gate and was not looked at here: what is to be known of it is not known yet.
    if purgePosition > noted { return .nothing }
    var found = DiskFound.nothing
    if terms.flags & VariantIndex.flag != 0 {
      found = VariantIndex(encoded: entry.first).map { .index($0) } ?? .nothing
    } else {
      let response = DiskResponse(lookup.key, entry, judged, status: Int(terms.flags & 0xffff))
      found = response.status == 206 ? .part(response) : .response(response)
    }
    var isPassed = false
    purges.gate.pass(lookup.primary, tags, since: position) {
      isPassed = true
      if !disk.isExpired(lookup) { promote(found, lookup.key, tags) }
    }
    // The members may have changed since it was judged.
    dropIfMoved(lookup.primary)
    return isPassed ? found : .nothing
  }

  private func promote(_ found: DiskFound, _ key: [UInt8], _ tags: [UInt64]) {
    switch found {
    case .nothing: break
    case .index(let index): insertIndex(index, key)
    case .response(let response): if response.rest == nil { insertInMemory(key, response, tags) }
    case .part(let part): if part.rest == nil { insertInMemory(CacheService.partKey(key), part, tags) }
    }
  }

  private func insertInMemory(_ key: [UInt8], _ response: DiskResponse, _ tags: [UInt64]) {
    key.withUnsafeBytes { key in
      response.text.withUnsafeBytes { text in
        response.first.withUnsafeBytes { body in
          _ = memory.insert(
            hash(key),
            EntryParts(key: key, head: text, body: [body], terms: response.terms.packed, tags: tags, flags: UInt32(response.status)))
        }
      }
    }
  }

  private func drop(_ found: DiskFound, _ lookup: DiskLookup) {
    switch found {
    case .nothing: break
    case .index, .response: removeFromMemory(lookup.key)
    case .part: removeFromMemory(CacheService.partKey(lookup.key))
    }
  }

  // MARK: storing and removing

  /// What lookups bring that have begun is out of date. Behind the change on disk, so that those that begin now see it, and before the one
  /// in RAM, where they may have put it.
  func expireLookups(_ key: [UInt8]) { disk?.expire(key) }

  func removeFromMemory(_ key: [UInt8]) { _ = key.withUnsafeBytes { memory.remove(hash($0), $0) } }

  func removeFromDisk(_ key: [UInt8], _ removal: DiskRemoval? = nil) {
    guard let disk else { return }
    guard let removal else { return disk.tier.remove(DiskCache.hash(key)) }
    removal.begin()
    disk.tier.remove(DiskCache.hash(key)) { removal.end() }
  }

  func storeOnDisk(_ key: [UInt8], _ head: Fill.Head, _ pieces: [FillPiece]) {
    guard let disk, let terms = terms(head.terms, flags: UInt32(head.status)) else { return removeFromDisk(key) }
    _ = disk.tier.store(
      DiskCache.key(key), terms: terms, head: head.text, body: pieces.map(\.bytes), keepUntil: CacheService.keepUntil(head.terms))
  }

  func storeOnDisk(_ index: VariantIndex, _ key: [UInt8]) {
    let never = CacheTerms(requestTime: now, responseTime: now, freshFor: 0)
    guard let disk, let terms = terms(never, flags: VariantIndex.flag) else { return removeFromDisk(key) }
    let until = UInt64(max(0, now / 1000)) + CacheService.keptStale
    _ = disk.tier.store(DiskCache.key(key), terms: terms, head: [], body: [index.encoded], keepUntil: until)
  }

  /// Gives a response on disk a new head and new terms, unless a purge has overtaken what they come from, or another has its place.
  /// - Parameter done: called once, on any thread, with whether it has them.
  func renewOnDisk(
    _ key: [UInt8], of primary: [UInt8], number: UInt64, head: [UInt8], _ terms: CacheTerms, status: Int, since position: UInt64,
    _ done: @escaping @Sendable (Bool) -> Void
  ) {
    defer { expireLookups(primary) }
    guard let disk, let packed = self.terms(terms, flags: UInt32(status)) else { return done(false) }
    var isPassed = false
    purges.gate.pass(primary, CacheTags.hashes(HeadFields(head: head)), since: position) {
      isPassed = true
      disk.tier.refresh(DiskCache.key(key), number: number, terms: packed, head: head, keepUntil: CacheService.keepUntil(terms), done)
    }
    if isPassed { return }
    removeFromDisk(key)
    done(false)
  }

  private func terms(_ terms: CacheTerms, flags: UInt32) -> [UInt8]? {
    guard let disk else { return nil }
    guard let stamp = disk.purges.stamp else {
      // On the thread that purges, which alone writes there.
      if disk.mayRetry() { purges.after { disk.purges.retry() } }
      return nil
    }
    return DiskTerms(flags: flags, history: stamp.history, position: stamp.position, terms: terms).encoded
  }

  /// Seconds for which a response is kept beyond its lifetime: with a validator it saves a body as long as it is there.
  private static let keptStale: UInt64 = 30 * 86_400

  /// Seconds since 1970 from which nobody wants it.
  private static func keepUntil(_ terms: CacheTerms) -> UInt64 {
    let isOfUse = terms.flags.contains(.hasValidator) ? Int64(keptStale) : 3_600
    let windows = max(terms.staleWhileRevalidate, terms.staleIfError, isOfUse)
    let (fresh, overflow) = (terms.responseTime / 1000).addingReportingOverflow(max(0, terms.freshFor - terms.initialAge))
    let (until, more) = fresh.addingReportingOverflow(windows)
    return overflow || more ? .max : UInt64(max(0, until))
  }
}
