// What a disk tier is set up with, and what it tells the operator. Reading a configuration is the composition root's.

/// How a disk tier is set up.
public struct DiskOptions: Sendable {
  /// The folder, which is made if it is missing; its parent must exist. Nobody else may keep files in it.
  public var path: String
  /// The bound of the folder with all that is in it, in bytes; at least 32 MiB.
  public var bytesMax: UInt64
  /// Threads that read.
  public var readers = 2
  /// Lookups that may wait for a thread; what is beyond misses.
  public var readsMax = 1024
  /// Bodies that may be read chunk by chunk at once; lookups of longer entries beyond it miss.
  public var cursorsMax = 4096
  /// Bytes of stores that may wait to be written; what is beyond is shed.
  public var pendingBytesMax = 64 << 20
  /// Bytes of a body's chunk, within `DiskLimits.chunkBytes`.
  public var chunkBytes = 128 << 10
  /// RocksDB's cache of index, filter and data blocks and of values, in bytes.
  public var blockCacheBytes = 64 << 20
  /// Entries up to this many bytes are written again when they are hit shortly before their generation goes.
  public var rescueBytesMax = 4 << 20
  /// Bytes that must stay free on the folder's device. Below twice as many the oldest entries go, below this all go and the tier is off
  /// until there is room; so it meets a full device only if another fills it within a batch.
  public var reserveBytes: UInt64
  /// Whether stores go through the write-ahead log. Without it a crash loses what has not been flushed yet, which may be hours old.
  public var logsStores = true

  public init(path: String, bytesMax: UInt64) {
    self.path = path
    self.bytesMax = bytesMax
    reserveBytes = max(64 << 20, 2 * UInt64(DiskOptions.writeBufferBytes(bytesMax)))
  }

  /// Bytes that a generation collects in memory before they become a file: small beside the limit, since they count against it twice.
  var writeBufferBytes: Int { DiskOptions.writeBufferBytes(bytesMax) }

  private static func writeBufferBytes(_ bytesMax: UInt64) -> Int { Int(clamping: min(max(bytesMax / 128, 1 << 20), 64 << 20)) }

  func check() {
    precondition(bytesMax >= 32 << 20, "a disk tier needs 32 MiB at least, not \(bytesMax) bytes")
    precondition(readers > 0 && readsMax > 0 && cursorsMax >= 0 && pendingBytesMax > 0, "a disk tier without threads or queues: \(self)")
    precondition(DiskLimits.chunkBytes.contains(chunkBytes), "chunks of \(chunkBytes) bytes are not within \(DiskLimits.chunkBytes)")
  }
}

/// What the tier tells its operator, from a thread of its own.
public enum DiskReport: Sendable, Equatable {
  /// It serves. `isEmpty` says that nothing was there or nothing could be kept.
  case on(isEmpty: Bool)
  /// It is off, requests miss, and it tries again after so many nanoseconds.
  case off(DiskFault, retryAfter: UInt64)
  /// A database that could not be used lies in `path` now.
  case setAside(path: String, DiskFault)
}
