// What the tier's threads have in common, and the counts they keep.
import Runtime
import Synchronization

final class DiskCounters: Sendable {
  let hits = Atomic<UInt64>(0)
  let misses = Atomic<UInt64>(0)
  let late = Atomic<UInt64>(0)
  let damaged = Atomic<UInt64>(0)
  let stores = Atomic<UInt64>(0)
  let shed = Atomic<UInt64>(0)
  let rescues = Atomic<UInt64>(0)
  let dropped = Atomic<UInt64>(0)
  let broken = Atomic<UInt64>(0)
  let faults = Atomic<UInt64>(0)
  let bytes = Atomic<UInt64>(0)
  let records = Atomic<UInt64>(0)
  let generations = Atomic<Int>(0)
}

extension Atomic where Value == UInt64 {
  func count() { wrappingAdd(1, ordering: .relaxed) }
}

final class DiskShared: Sendable {
  let options: DiskOptions
  let queue: DiskQueue
  let gate = DiskGate()
  let counters = DiskCounters()
  let time: any TimeSource
  let report: @Sendable (DiskReport) -> Void
  /// The number that the next storing bears.
  let nextNumber = Atomic<UInt64>(0)
  /// Bodies that are being read chunk by chunk.
  let cursors = Atomic<Int>(0)

  init(_ options: DiskOptions, time: any TimeSource, report: @escaping @Sendable (DiskReport) -> Void) {
    self.options = options
    self.time = time
    self.report = report
    queue = DiskQueue(options)
  }

  /// Seconds since 1970.
  var now: UInt64 { time.wall().secondsSinceEpoch }

  func drawNumber() -> UInt64 { nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue }
}
