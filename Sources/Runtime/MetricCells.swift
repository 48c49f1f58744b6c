// One worker's counters: flat blocks of 64-bit cells that one thread writes and any thread reads. Which cell means what, and the
// sums over workers, are MetricRegistry's.
import Glibc
import Synchronization

/// A count that only grows.
public struct CounterHandle: Hashable, Sendable {
  @usableFromInline let cell: Int32

  @inlinable init(cell: Int32) { self.cell = cell }

  /// Counts into a cell that nobody reports, for where a metric is switched off or the registry is full.
  @inlinable public static var discard: CounterHandle { CounterHandle(cell: 0) }
}

/// A value that goes up and down.
public struct GaugeHandle: Hashable, Sendable {
  @usableFromInline let cell: Int32

  @inlinable init(cell: Int32) { self.cell = cell }

  /// As `CounterHandle.discard`.
  @inlinable public static var discard: GaugeHandle { GaugeHandle(cell: 0) }
}

/// A distribution of whole numbers: one cell for their sum, then the cells of the layout.
public struct HistogramHandle: Hashable, Sendable {
  @usableFromInline let cell: Int32
  @usableFromInline let layout: HistogramLayout

  @inlinable
  init(cell: Int32, layout: HistogramLayout) {
    self.cell = cell
    self.layout = layout
  }

  /// As `CounterHandle.discard`.
  @inlinable public static var discard: HistogramHandle { HistogramHandle(cell: 0, layout: MetricCells.discardLayout) }
}

/// The cells of one writing thread. A copy is the same cells. A registry's handles are good in all cells at once, at any time: blocks
/// come into being when the writer first touches them, are published to readers, and stay until `deallocate`.
// SAFETY: `directory` points to `directoryCount` initialized atomic pointers from `init` until `deallocate`, which is called when no
// thread uses the cells any more.
// SAFETY: a block is mapped memory of `blockCells` zeroed 64-bit words, which is what that many `Atomic<UInt64>(0)` are; it is never
// moved or unmapped before `deallocate`.
// SAFETY: `@unchecked Sendable`: all access after `init` goes through atomics. One thread writes, so load + store loses no update.
public struct MetricCells: @unchecked Sendable {
  @usableFromInline typealias Block = UnsafeMutablePointer<Atomic<UInt64>>

  /// Cells in a block: 256 KiB, of which the kernel provides the pages that are touched.
  @usableFromInline static var blockShift: UInt32 { 15 }
  static var blockCells: Int { 1 << Int(blockShift) }
  static var directoryCount: Int { 256 }
  /// The most cells that handles can name.
  public static var cellsMax: Int { blockCells * directoryCount }

  /// Cells from 0 that no metric gets: what discarding handles write to.
  static var discardCells: Int { 64 }
  @usableFromInline static var discardLayout: HistogramLayout { HistogramLayout(highest: 31, significantDigits: 1) }

  @usableFromInline let directory: UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>

  public init() {
    directory = .allocate(capacity: MetricCells.directoryCount)
    for index in 0..<MetricCells.directoryCount { (directory + index).initialize(to: Atomic(nil)) }
  }

  /// Gives all memory back. For tests: a worker's cells live as long as the process, so that no count is lost.
  public func deallocate() {
    for index in 0..<MetricCells.directoryCount {
      if let block = directory[index].load(ordering: .acquiring) { munmap(block, MetricCells.blockCells * 8) }
    }
    directory.deinitialize(count: MetricCells.directoryCount)
    directory.deallocate()
  }

  /// Adds to a counter. Only on the thread that owns these cells, as all that writes.
  @inlinable @inline(__always)
  public func add(_ handle: CounterHandle, _ count: UInt64 = 1) { increment(cell(handle.cell), count) }

  /// Adds to a gauge; a negative number takes away.
  @inlinable @inline(__always)
  public func add(_ handle: GaugeHandle, _ change: Int64) { increment(cell(handle.cell), UInt64(bitPattern: change)) }

  /// Sets this worker's share of a gauge.
  @inlinable @inline(__always)
  public func set(_ handle: GaugeHandle, _ value: Int64) {
    cell(handle.cell).pointee.store(UInt64(bitPattern: value), ordering: .relaxed)
  }

  /// Records a value, in the unit that the histogram was registered with.
  @inlinable @inline(__always)
  public func record(_ handle: HistogramHandle, _ value: UInt64) {
    let sum = cell(handle.cell)
    increment(sum, value)
    increment(sum + (1 &+ handle.layout.index(of: value)), 1)
  }

  /// This worker's share of a counter; any thread may ask.
  public func value(_ handle: CounterHandle) -> UInt64 { read(handle.cell, count: 1) { $0.pointee.load(ordering: .relaxed) } ?? 0 }

  /// This worker's share of a gauge; any thread may ask.
  public func value(_ handle: GaugeHandle) -> Int64 { Int64(bitPattern: value(CounterHandle(cell: handle.cell))) }

  /// Adds this worker's share of a histogram to a snapshot of the same layout; any thread may ask. While the worker records, the
  /// sum may be ahead of the counts by what was recorded meanwhile.
  func merge(_ handle: HistogramHandle, into snapshot: inout HistogramSnapshot) {
    let count = Int(handle.layout.cellCount)
    _ = read(handle.cell, count: 1 + count) { cells in
      snapshot.add(sum: cells.pointee.load(ordering: .relaxed))
      for index in 0..<count {
        let recorded = cells[1 + index].load(ordering: .relaxed)
        if recorded != 0 { snapshot.add(count: recorded, at: index) }
      }
    }
  }

  /// The cells from `first` on, if their block exists yet. Cells of one metric lie in one block.
  private func read<Result>(_ first: Int32, count: Int, _ body: (Block) -> Result) -> Result? {
    let offset = Int(first)
    let block = directory[offset / MetricCells.blockCells].load(ordering: .acquiring)
    return block.map { body($0.assumingMemoryBound(to: Atomic<UInt64>.self) + offset % MetricCells.blockCells) }
  }

  @inlinable @inline(__always)
  func increment(_ cell: Block, _ count: UInt64) {
    cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ count, ordering: .relaxed)
  }

  @inlinable @inline(__always)
  func cell(_ index: Int32) -> Block {
    // Handles are made by the registry only, which keeps them within the directory, so the index needs no check here.
    let offset = UInt32(bitPattern: index)
    let slot = Int(truncatingIfNeeded: offset &>> MetricCells.blockShift)
    let block = directory[slot].load(ordering: .relaxed) ?? publishBlock(slot)
    let inBlock = offset & ((1 &<< MetricCells.blockShift) &- 1)
    return block.assumingMemoryBound(to: Atomic<UInt64>.self) + Int(truncatingIfNeeded: inBlock)
  }

  /// Maps a block on the writer's first touch. Its zeros are in place before its address is, for readers too.
  @usableFromInline @inline(never)
  func publishBlock(_ slot: Int) -> UnsafeMutableRawPointer {
    let bytes = MetricCells.blockCells * MemoryLayout<Atomic<UInt64>>.stride
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no memory for a block of metric cells (\(bytes) bytes): errno \(errno)") }
    memory.bindMemory(to: Atomic<UInt64>.self, capacity: MetricCells.blockCells)
    directory[slot].store(memory, ordering: .releasing)
    return memory
  }
}
