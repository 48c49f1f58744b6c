// Remembers which objects were evicted on trial, without the objects: 31 bits of fingerprint and the moment, in a table of fixed size
// (S3-FIFO §4.2). Time is counted in bytes evicted, so that the memory reaches back as far as the main queue is large.

/// A bounded memory of fingerprints. May forget, and may take one object for another: both cost hits, never correctness.
struct GhostTable: Sendable {
  /// Fingerprints that share a place; when all are in use, the oldest goes.
  private static var ways: Int { 4 }
  /// log2 of the bytes in one tick of the clock. 2^32 ticks are 4 TiB; a fingerprint as old as that may look young once.
  private static var tickShift: Int { 10 }

  /// Fingerprint in the upper half, tick in the lower; 0 is empty, for a fingerprint is odd.
  private var cells: [UInt64]
  private let mask: Int
  private let window: UInt32
  /// Bytes evicted since the beginning; wraps.
  private var clock: UInt64 = 0

  /// - Parameters:
  ///   - cellsWanted: how many fingerprints, rounded up to a power of two, at least 16.
  ///   - windowBytes: after so many evicted bytes a fingerprint is forgotten.
  init(cellsWanted: Int, windowBytes: Int) {
    let count = GhostTable.cellCount(cellsWanted)
    cells = Array(repeating: 0, count: count)
    mask = count / GhostTable.ways - 1
    window = UInt32(clamping: max(1, windowBytes >> GhostTable.tickShift))
  }

  static func cellCount(_ wanted: Int) -> Int {
    var count = 16
    while count < wanted && count < 1 << 30 { count *= 2 }
    return count
  }

  /// The memory that a table of so many fingerprints takes.
  static func byteCount(cellsWanted: Int) -> Int { cellCount(cellsWanted) * MemoryLayout<UInt64>.stride }

  private var tick: UInt32 { UInt32(truncatingIfNeeded: clock >> UInt64(GhostTable.tickShift)) }

  private func place(_ fingerprint: UInt64) -> (first: Int, name: UInt32) {
    let first = (Int(truncatingIfNeeded: fingerprint) & mask) * GhostTable.ways
    return (first, UInt32(truncatingIfNeeded: fingerprint >> 32) | 1)
  }

  private func age(_ cell: UInt64) -> UInt32 { tick &- UInt32(truncatingIfNeeded: cell) }

  /// Notes that an object of `bytes` bytes was evicted.
  mutating func remember(_ fingerprint: UInt64, bytes: Int) {
    clock &+= UInt64(max(0, bytes))
    let (first, name) = place(fingerprint)
    var victim = first
    for at in first..<first + GhostTable.ways {
      let cell = cells[at]
      if cell == 0 || UInt32(truncatingIfNeeded: cell >> 32) == name {
        victim = at
        break
      }
      if age(cell) > age(cells[victim]) { victim = at }
    }
    cells[victim] = UInt64(name) << 32 | UInt64(tick)
  }

  /// Whether the object was evicted within the window. Asked once: the answer forgets it.
  mutating func take(_ fingerprint: UInt64) -> Bool {
    let (first, name) = place(fingerprint)
    for at in first..<first + GhostTable.ways where cells[at] != 0 && UInt32(truncatingIfNeeded: cells[at] >> 32) == name {
      let isRecent = age(cells[at]) <= window
      cells[at] = 0
      return isRecent
    }
    return false
  }
}
