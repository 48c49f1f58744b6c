// The cache's side of purging: what is asked of the service, and what it shows of itself. Sweeping is PurgeQueue's.
import Cache
import Proxy
import Runtime

extension CacheService {
  /// Applies a purge to this node alone.
  /// - Parameter done: called on the thread that purges.
  public func apply(_ purge: Purge, done: @escaping @Sendable () -> Void = {}) { purges.apply(purge, done: done) }

  /// Whether what survived a restart may be served.
  public var isSettled: Bool { purges.isSettled }

  /// The position that a fetch begins at (`PurgeGate`).
  var purgePosition: UInt64 { purges.gate.position }

  public var report: CacheReport {
    CacheReport(
      memory: memory.statistics(), memoryBytesMax: memory.limits.bytesMax, fills: fills.count, purges: purges.statistics,
      isSettled: isSettled, disk: disk?.report, copiesWaiting: copies.sender.count + copies.walkCount)
  }
}

/// What this node's cache holds and does at a moment. What became of requests is in its metrics.
public struct CacheReport: Sendable, Equatable {
  public var memory: MemoryStatistics
  public var memoryBytesMax: Int
  /// Fetches under way that others may follow.
  public var fills: Int
  public var purges: PurgeCounts
  public var isSettled: Bool
  /// nil where nothing is kept on disk.
  public var disk: DiskStanding?
  /// Offers of copies to other nodes that wait or are under way; more than 0 while such are looked for.
  public var copiesWaiting: Int

  public init(
    memory: MemoryStatistics = MemoryStatistics(), memoryBytesMax: Int = 0, fills: Int = 0, purges: PurgeCounts = PurgeCounts(),
    isSettled: Bool = true, disk: DiskStanding? = nil, copiesWaiting: Int = 0
  ) {
    self.disk = disk
    self.memory = memory
    self.memoryBytesMax = memoryBytesMax
    self.fills = fills
    self.purges = purges
    self.isSettled = isSettled
    self.copiesWaiting = copiesWaiting
  }
}
