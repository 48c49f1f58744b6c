// Owns: the latencies of about the last second, as the difference of two snapshots of a histogram that only grows. Pure.
import Runtime

/// Percentiles in microseconds.
struct LatencySummary: Equatable {
  var p50: UInt64
  var p90: UInt64
  var p99: UInt64
  var max: UInt64

  /// Nil when nothing was recorded.
  init?(_ snapshot: HistogramSnapshot) {
    guard let values = snapshot.percentiles([50, 90, 99, 100]) else { return nil }
    (p50, p90, p99, max) = (values[0], values[1], values[2], values[3])
  }
}

/// The last few snapshots of a histogram.
struct LatencyWindow {
  /// How far back the window reaches at least, nanoseconds; at most one interval further.
  static let span: UInt64 = 1_000_000_000
  /// How often a snapshot is to be added, nanoseconds.
  static let interval: UInt64 = 500_000_000

  private var samples: [(time: MonotonicTime, snapshot: HistogramSnapshot)] = []

  mutating func add(_ snapshot: HistogramSnapshot, at now: MonotonicTime) {
    samples.append((now, snapshot))
    // The newest that is old enough is the baseline; what is older than that is no longer needed.
    while samples.count > 1, now.nanoseconds(since: samples[1].time) >= LatencyWindow.span { samples.removeFirst() }
  }

  /// What was recorded since the baseline; all of it, before there is one.
  func recent(_ snapshot: HistogramSnapshot, at now: MonotonicTime) -> HistogramSnapshot {
    let baseline = samples.last { now.nanoseconds(since: $0.time) >= LatencyWindow.span } ?? samples.first
    return baseline.map { LatencyWindow.difference(snapshot, $0.snapshot) } ?? snapshot
  }

  /// What `later` counts beyond `earlier`, for percentiles: the sum is only as good as the layout.
  static func difference(_ later: HistogramSnapshot, _ earlier: HistogramSnapshot) -> HistogramSnapshot {
    guard later.layout == earlier.layout else { return later }
    var result = HistogramSnapshot(layout: later.layout)
    for index in later.counts.indices where later.counts[index] > earlier.counts[index] {
      result.record(later.layout.lowest(at: index), count: later.counts[index] - earlier.counts[index])
    }
    return result
  }
}
