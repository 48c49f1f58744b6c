// The response cache of this node as requests meet it: the tiers, the fills under way, and the counts. One for the whole process; it
// outlives every snapshot, so that a reload keeps what is stored.
import Cache
import Glibc
import Proxy
import Runtime
import Synchronization

/// How much a node keeps.
public struct CacheOptions: Sendable, Equatable {
  /// All memory of the RAM tier.
  public var memoryBytes: Int
  /// The hash's seed, which nobody outside may know.
  public var seed: (UInt64, UInt64)
  /// Where responses are kept over a restart; nil for nowhere.
  public var disk: CacheDisk?
  /// Whether there may be other nodes.
  public var isInCluster = false

  public init(memoryBytes: Int, seed: (UInt64, UInt64), disk: CacheDisk? = nil, isInCluster: Bool = false) {
    self.disk = disk
    self.isInCluster = isInCluster
    self.memoryBytes = max(memoryBytes, MemoryLimits.bytesMin)
    self.seed = seed
  }

  public static func == (left: CacheOptions, right: CacheOptions) -> Bool {
    left.memoryBytes == right.memoryBytes && left.seed == right.seed && left.disk == right.disk
      && left.isInCluster == right.isInCluster
  }
}

/// SAFETY: (@unchecked Sendable) tiers and fills lock for themselves; a worker's part is touched by its thread alone, but for its counts,
/// which are metric cells.
public final class CacheService: @unchecked Sendable {
  public let memory: MemoryTier
  let disk: DiskCache?
  let fills = FillTable()
  public let purges: PurgeQueue
  /// Tells the other nodes of purges; set before the workers run.
  public weak var spreader: (any PurgeSpreader)?
  private let seed: (UInt64, UInt64)
  private let parts: [CacheWorker]
  public let metrics: CacheMetrics
  let copies: CopyState
  let fillGate = FillGate()
  private let placed = Locked<CachePlacement?>(nil)
  /// Which keys the log says for nodes that are away.
  let away = Locked(AwayKeys())
  /// How requests are sent to other nodes, whose upstream is the first of every snapshot of a node in a cluster.
  let peers: UnsafePointer<ForwardPlan>

  /// Milliseconds for which a key that gave nothing to share is not made to wait again.
  static let unsharedFor: Int64 = 10_000

  /// - Parameter report: told what becomes of the disk tier, on a thread of that.
  public init(
    _ options: CacheOptions, workers: Int, metrics: CacheMetrics, report: @escaping @Sendable (DiskReport) -> Void = { _ in }
  ) {
    memory = MemoryTier(MemoryLimits(bytesMax: options.memoryBytes, readersMax: max(workers + 8, 16)))
    let peers = UnsafeMutablePointer<ForwardPlan>.allocate(capacity: 1)
    peers.initialize(to: ForwardPlan(upstream: 0))
    self.peers = UnsafePointer(peers)
    disk = options.disk.map { DiskCache($0, isInCluster: options.isInCluster, report: report) }
    purges = PurgeQueue(memory: memory, fills: fills, disk: disk)
    seed = options.seed
    self.metrics = metrics
    copies = CopyState(CopySender(metrics, by: self.peers), memoryBytes: options.memoryBytes)
    parts = (0..<workers).map { [memory, purges] _ in CacheWorker(memory, purges.pulse) }
    purges.exactly { [weak self] in self?.remove($0) }
    // What was on its way before is neither for who asks from now on, nor to be stored.
    purges.pulse.onDoubt { [fills, disk] _ in
      fills.detachAll()
      disk?.expireAll()
    }
  }

  // SAFETY: no worker runs any more, whose fetches alone use it.
  deinit { peers.deallocate() }

  /// The nodes that keys are placed on; nil where this one is alone.
  public var placement: CachePlacement? { placed.withLock { $0 } }

  public func place(on placement: CachePlacement?) {
    // First of all: whoever sees that a node is away says anew for it what was said for others.
    if let placement, !Set(placement.away).isSubset(of: self.placement?.away ?? []) { away.withLock { $0.depart() } }
    let before = placed.withLock { placed in
      defer { placed = placement }
      return placed
    }
    guard let placement, !placement.members.isEmpty else { return }
    disk?.place(on: placement)
    purges.after { [weak self] in self?.dropWhatMoved() }
    if !copies.isHandingOver { offerWhatMoved(from: before, to: placement) }
  }

  /// What other nodes have now is dropped here: nobody would tell this one that it has become stale.
  private func dropWhatMoved() {
    guard let placement else { return }
    var cursor = MemoryCursor()
    var dropped = 0
    var goesOn = true
    while goesOn {
      goesOn = memory.sweep(&cursor, bucketsMax: 64, affected: &dropped) { entry in
        entry.flags & CopyMark.lease == 0 && isKept(Array(entry.key), on: placement) ? .keep : .remove
      }
    }
  }

  private func isKept(_ key: [UInt8], on placement: CachePlacement) -> Bool {
    // One that drains gives what it has to others first; it is told what becomes stale until it has gone.
    if placement.leaving.contains(where: { $0.endpoint == nil }) { return true }
    return placement.rank(key, count: keepers).contains { $0.endpoint == nil }
  }

  /// What was fetched while the members changed may have come behind `dropWhatMoved`: after a store, since a placement is set before it is
  /// swept by, one of the two sees the other.
  func dropIfMoved(_ key: [UInt8]) {
    if let placement, !isKept(key, on: placement) { remove(key) }
  }

  /// The largest body that any tier keeps.
  var bodyBytesMax: Int { max(memory.limits.entryBytesMax - CacheService.headBytesUsual, disk?.bodyBytesMax ?? 0) }
  /// What an entry takes besides its body, give or take.
  private static let headBytesUsual = 4096

  /// Makes a worker one that looks things up. Before it runs.
  public func attach(_ worker: Worker) {
    worker.observe(parts[worker.index])
    copies.sender.attach(worker)
  }

  func part(of worker: Worker) -> CacheWorker { parts[worker.index] }

  /// Wall milliseconds.
  var now: Int64 { Int64(SystemTime().wall().nanoseconds / 1_000_000) }

  func hash(_ key: UnsafeRawBufferPointer) -> EntryHash {
    EntryHash(high: StableHash.hash(key, seed: seed.0), low: StableHash.hash(key, seed: seed.1))
  }

  // MARK: looking up

  /// What is stored under a key: good until the turn ends. Nothing while this node is in doubt.
  func find(_ key: [UInt8], _ worker: Worker) -> MemoryEntry? {
    guard purges.pulse.allows(now) else { return nil }
    return key.withUnsafeBytes { part(of: worker).reader.find(hash($0), $0) }
  }

  /// Who waits for whom: requests for the same variant, where one is known.
  func collapseKey(_ key: [UInt8], _ fields: HeadFields, _ worker: Worker) -> [UInt8] {
    guard let entry = find(key, worker), let variants = VariantIndex(entry), let names = variants.names.first else { return key }
    return variants.key(of: key, Variance.key(names, fields))
  }

  // MARK: storing

  /// Keeps a whole response, unless a purge has overtaken it; the one before is gone in any other case.
  /// - Parameter position: `purgePosition` when its fetch began.
  func store(_ key: [UInt8], _ head: Fill.Head, _ pieces: [FillPiece], since position: UInt64) {
    let tags = CacheTags.hashes(head.text.withUnsafeBytes { HeadFields(head: $0) })
    var variant: [UInt8]?
    let edition = UInt32.random(in: 1 ... .max)
    purges.gate.pass(key, tags, since: position) { variant = put(key, head, pieces, tags, edition) }
    dropIfMoved(key)
    if let variant { offer(key, variant: variant, edition: edition) }
  }

  /// - Returns: what follows in the key under which it is stored; nil where it is not.
  private func put(_ key: [UInt8], _ head: Fill.Head, _ pieces: [FillPiece], _ tags: [UInt64], _ edition: UInt32) -> [UInt8]? {
    removeFromMemory(CacheService.partKey(key))
    switch head.variance {
    case .any:
      remove(key)
      return nil
    case .none:
      storeOnDisk(key, head, pieces)
      expireLookups(key)
      insert(key, head, pieces, tags, edition)
      return []
    case .fields(let names):
      var index = VariantIndex.fresh()
      if let reader = memory.makeReader() {
        reader.enter()
        key.withUnsafeBytes { if let entry = reader.peek(hash($0), $0), let known = VariantIndex(entry) { index = known } }
        reader.leave()
        memory.close(reader)
      }
      let isKnown = index.names.first == names
      index.put(names)
      if !isKnown { insertIndex(index, key) }
      let variantKey = index.key(of: key, head.variant)
      // Each time: the index must not go before its variants.
      storeOnDisk(index, key)
      storeOnDisk(variantKey, head, pieces)
      expireLookups(key)
      insert(variantKey, head, pieces, tags, edition, variant: variantKey.count - key.count)
      return Array(variantKey[key.count...])
    }
  }

  func insert(_ key: [UInt8], _ head: Fill.Head, _ pieces: [FillPiece], _ tags: [UInt64], _ edition: UInt32 = 0, variant: Int = 0) {
    var terms = head.terms.packed
    terms.edition = edition
    key.withUnsafeBytes { key in
      head.text.withUnsafeBytes { text in
        withBuffers(pieces[...], []) { body in
          _ = memory.insert(
            hash(key),
            EntryParts(key: key, head: text, body: body, terms: terms, tags: tags, flags: UInt32(head.status) | CopyMark.variant(variant)))
        }
      }
    }
  }

  func insertIndex(_ index: VariantIndex, _ key: [UInt8]) {
    key.withUnsafeBytes { key in
      index.encoded.withUnsafeBytes { body in
        let head = UnsafeRawBufferPointer(start: key.baseAddress, count: 0)
        _ = memory.insert(
          hash(key),
          EntryParts(key: key, head: head, body: [body], terms: EntryTerms(freshUntil: .min), flags: VariantIndex.flag))
      }
    }
  }

  /// Calls `work` with all pieces' bytes at once.
  private func withBuffers(
    _ pieces: ArraySlice<FillPiece>, _ held: [UnsafeRawBufferPointer], _ work: ([UnsafeRawBufferPointer]) -> Void
  ) {
    // In one block where there are many: nesting a call for each would be deep.
    if pieces.count > 32 {
      let joined = pieces.flatMap(\.bytes)
      return joined.withUnsafeBytes { work(held + [$0]) }
    }
    guard let first = pieces.first else { return work(held) }
    first.bytes.withUnsafeBytes { withBuffers(pieces.dropFirst(), held + [$0], work) }
  }

  /// Removes what is stored under a key, with all its variants.
  func remove(_ key: [UInt8], _ removal: DiskRemoval? = nil) {
    // From the disk first, then from what has been read there, then from where that may have come to.
    removeFromDisk(key, removal)
    expireLookups(key)
    for key in [key, CacheService.partKey(key)] { removeFromMemory(key) }
  }

  /// Removes what is stored under a key, and what is on its way there.
  func forget(_ key: [UInt8], _ removal: DiskRemoval? = nil) {
    // A copy that comes later has heard.
    copies.noteStale(key, now: now)
    // Fills first: one that is stored before it hears of this is removed below, one that is stored later has heard.
    fills.detach(key)
    remove(key, removal)
  }

  // MARK: accounts

  func noteDiskHit(_ worker: Worker) { worker.cells.add(metrics.diskHits, 1) }

  func note(_ line: CacheStatusLine, _ worker: Worker) { worker.cells.add(metrics.cell(line.outcome), 1) }

  /// A boundary that occurs in no body but by a chance of 2^-128.
  func boundary() -> [UInt8] {
    var system = SystemRandomNumberGenerator()
    return Array(("tidegate-" + String(system.next(), radix: 36) + String(system.next(), radix: 36)).utf8)
  }
}

/// One worker's part.
final class CacheWorker: TurnObserver {
  let reader: MemoryReader
  /// Where a request's key is written.
  var key: [UInt8] = []
  /// Whom this worker asks.
  var load = AskedLoad()
  var hot = HotKeys()
  /// What this worker asks other nodes, and who waits to ask the same.
  var questions = QuestionTable<CacheRequest>()
  /// Questions that keep others waiting.
  let tickets = WorkerDelay<QuestionTicket>(QuestionTicket.patience) { $0.release($1, isShared: true) }
  /// Questions whose answer is due.
  let awaited = WorkerDelay<any PeerAwaited>(CacheRequest.patience) { question, _ in question.patienceEnds() }
  /// Keys of which a copy is on its way, for a moment's use.
  var borrowing: Set<[UInt8]> = []
  static let borrowingMax = 64
  /// Where the lines of a hit are written.
  let lines: UnsafeMutablePointer<UInt8>

  /// Up to when what is stored may be used (`CachePulse.limit`).
  private let limit: UnsafeMutablePointer<Atomic<Int64>>

  init(_ memory: MemoryTier, _ pulse: CachePulse) {
    limit = pulse.limit
    guard let reader = memory.makeReader() else { preconditionFailure("more workers than the RAM tier has readers") }
    self.reader = reader
    lines = .allocate(capacity: 512)
  }

  deinit { lines.deallocate() }

  /// As `CachePulse.allows`.
  @inline(__always) func isAllowed(_ wall: Int64) -> Bool { wall < limit.pointee.load(ordering: .acquiring) }

  override func turnBegins() { reader.enter() }
  override func turnEnds() { reader.leave() }
}
