// Owns: the way of a purge through the node: from whoever asks, or from the cluster's log, to this node's cache and to all other nodes, and
// back to who waits for them. What a purge does to the tiers is Gateway's, who knows of which entry is Gossip's.
import CEpoll
import Cache
import Dispatch
import Gateway
import Glibc
import Gossip
import Runtime
import Synchronization

/// Purges here and everywhere.
///
/// SAFETY: (@unchecked Sendable) what changes after `init` is behind locks or atomic; `thread` is the main thread's.
final class PurgeService: PurgeSpreader, @unchecked Sendable {
  private struct Waiting {
    var id: String
    var completion: @Sendable (PurgeReport?) -> Void
  }

  private let cache: CacheService
  private let node: String
  private let log: NodeLog
  private let loop = Locked<GossipLoop?>(nil)
  // For look-ups only.
  private let waiting = Locked<[LogEntryID: Waiting]>([:])
  /// Names purges of a node that is in no cluster.
  private let serial = Atomic<UInt64>(0)
  private var thread: pthread_t?

  /// - Parameter node: this node's name.
  init(_ cache: CacheService, node: String, log: NodeLog) {
    self.cache = cache
    self.node = node
    self.log = log
    cache.spreader = self
  }

  // MARK: life

  /// Starts the thread on which purges are applied.
  func start() {
    let box = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        let me = Unmanaged<PurgeService>.fromOpaque(argument!).takeRetainedValue()
        tg_name_thread("purge")
        CrashRecorder.withAlternateStack { me.cache.purges.run() }
        return nil
      }, box.toOpaque())
    precondition(result == 0, "no thread for purges: \(String(cString: strerror(result)))")
    self.thread = thread
  }

  /// Waits until all that was asked for is done.
  func stop() {
    guard let thread else { return }
    self.thread = nil
    cache.purges.stop()
    pthread_join(thread, nil)
  }

  /// From now on purges go through the cluster's log. Before the loop runs.
  func join(_ loop: GossipLoop) {
    let pulse = cache.purges.pulse
    loop.onPulse = { pulse.beat($0) }
    loop.onApart = { pulse.doubt() }
    pulse.onDoubt { [weak loop] number in loop?.post { $0.doubt(number) } }
    cache.purges.set(settled: loop.status.facts.isSettled)
    self.loop.withLock { $0 = loop }
  }

  // MARK: asked for here

  func purge(_ purge: Purge, within nanoseconds: UInt64, _ completion: @escaping @Sendable (PurgeReport?) -> Void) {
    if cache.purges.isFull { return completion(nil) }
    guard let loop = loop.withLock({ $0 }) else {
      let id = "\(purge.stamp).\(serial.wrappingAdd(1, ordering: .relaxed).newValue)"
      say(purge, id)
      return cache.apply(purge) { [node] in completion(PurgeReport(id: id, applied: [node], awaited: [])) }
    }
    loop.post { [self] in append(purge, within: nanoseconds, to: $0, completion) }
  }

  /// On the loop's thread.
  private func append(
    _ purge: Purge, within nanoseconds: UInt64, to loop: GossipLoop, _ completion: @escaping @Sendable (PurgeReport?) -> Void
  ) {
    let entry: LogEntry
    do throws(LogRefusal) { entry = try loop.append(purge.encoded) } catch { preconditionFailure("a purge is no entry: \(error)") }
    let id = PurgeService.name(entry)
    waiting.withLock { $0[entry.id] = Waiting(id: id, completion: completion) }
    // The log's stamp counts, so that all nodes mean the same moment.
    var stamped = purge
    stamped.stamp = Int64(clamping: entry.stamp.milliseconds)
    say(stamped, id)
    cache.apply(stamped) { [weak loop] in loop?.post { $0.applied(entry.id) } }
    loop.awaitReceipts(of: entry, within: nanoseconds)
  }

  func note(_ purges: [Purge], _ done: @escaping @Sendable () -> Void) {
    guard let loop = loop.withLock({ $0 }) else { return done() }
    loop.post { loop in
      for purge in purges {
        do throws(LogRefusal) { _ = try loop.append(purge.encoded) } catch { preconditionFailure("a purge is no entry: \(error)") }
      }
      done()
    }
  }

  private static func name(_ entry: LogEntry) -> String { "\(entry.stamp)-\(entry.stream.origin)" }

  private func say(_ purge: Purge, _ id: String) {
    let (kind, text) = purge.description
    // Of keys there may be many, and nobody asked for them.
    if case .key = purge.meaning { return }
    log.info("purge", ["id": .string(id), "kind": .string(kind), "what": text.map { .string($0) } ?? .null, "soft": .bool(purge.isSoft)])
  }

  // MARK: told by the cluster, on the loop's thread

  /// An entry that another node appended.
  func heard(_ entry: LogEntry, _ loop: GossipLoop) {
    let stamp = Int64(clamping: entry.stamp.milliseconds)
    let known = Purge(decoding: entry.body, stamp: stamp)
    // A later build's purge may mean anything.
    if known == nil { log.warning("a purge cannot be read; everything is purged", ["id": .string(PurgeService.name(entry))]) }
    let purge = known ?? .all(stamp: stamp)
    say(purge, PurgeService.name(entry))
    var meant = purge
    // Whoever knows what the others do was not away.
    if case .away = purge.meaning, !cache.isSettled { meant = .all(stamp: stamp) }
    cache.apply(meant) { [weak loop] in loop?.post { $0.applied(entry.id) } }
  }

  /// Purges were missed that nobody can tell any more.
  func missed() {
    log.warning("purges were missed that cannot be told any more; the cache is dropped")
    cache.apply(.all(stamp: Int64(SystemTime().wall().nanoseconds / 1_000_000)))
  }

  /// All purges that were missed are on their way.
  func settled() { cache.purges.after { [cache] in cache.purges.set(settled: true) } }

  /// All that was appended before a doubt began is on its way.
  func undoubted(_ number: UInt64) { cache.purges.after { [cache] in cache.purges.pulse.settle(number) } }

  func acknowledged(_ receipt: LogReceipt, _ members: [MemberStatus]) {
    guard let waiting = waiting.withLock({ $0.removeValue(forKey: receipt.id) }) else { return }
    func names(_ ids: [MemberID]) -> [String] {
      ids.map { id in members.first { $0.id == id }?.record.name ?? id.description }.sorted()
    }
    waiting.completion(PurgeReport(id: waiting.id, applied: names(receipt.applied), awaited: names(receipt.awaited)))
  }

  /// Does something that must not be done before what was heard so far is applied: keeping that it was heard.
  func after(_ work: @escaping @Sendable () -> Void) { cache.purges.after(work) }

  /// Whether there is something that purges may have missed while the node was down.
  var mayHaveMissed: Bool { cache.mayHaveKept }

  /// Waits until what was heard so far is applied.
  func flush() {
    let done = DispatchSemaphore(value: 0)
    cache.purges.after { done.signal() }
    done.wait()
  }
}
