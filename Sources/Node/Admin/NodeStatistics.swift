// Owns: the node's numbers as sums over all cells: for /stats, /metrics and the status line of `make run`. What workers must be asked
// for is in their reports.
import Proxy
import Runtime

/// Sums of what was counted for requests.
struct TrafficNumbers: Equatable {
  /// Requests begun, malformed ones included.
  var total: UInt64
  /// Responses, "1xx" to "5xx".
  var byClass: [ClassCount]
  var errors: UInt64
  /// Nil when there was no request.
  var latency: LatencySummary?
  /// Of about the last second.
  var recent: LatencySummary?

  struct ClassCount: Equatable {
    var name: String
    var count: UInt64
  }
}

/// Collects from the cells of everybody who counts. Any thread may ask; the time it takes is that of `MetricRegistry.collect`.
public final class NodeStatistics: Sendable {
  private let registry: MetricRegistry
  private let cells: [MetricCells]
  private let engine: EngineMetrics
  private let metrics: TrafficMetrics
  private let time: any TimeSource
  private let window = Locked(LatencyWindow())

  /// - Parameter cells: of all workers, of the access log, and of whoever else counts.
  public init(
    _ registry: MetricRegistry, cells: [MetricCells], engine: EngineMetrics, traffic: TrafficMetrics, time: any TimeSource = SystemTime()
  ) {
    self.registry = registry
    self.cells = cells
    self.engine = engine
    metrics = traffic
    self.time = time
  }

  /// Takes a snapshot of the latencies now and ever so often. Once a process, on the thread of the worker that is to do it.
  public func start(on worker: Worker) {
    tick()
    worker.after(LatencyWindow.interval) { [self, unowned worker] in start(on: worker) }
  }

  func tick() {
    let snapshot = registry.snapshot(metrics.duration, cells)
    let now = time.monotonic()
    window.withLock { $0.add(snapshot, at: now) }
  }

  func traffic() -> TrafficNumbers {
    let durations = registry.snapshot(metrics.duration, cells)
    let now = time.monotonic()
    let recent = window.withLock { $0.recent(durations, at: now) }
    let classes = TrafficMetrics.classNames.enumerated().map { i, name in
      TrafficNumbers.ClassCount(name: name, count: registry.total(metrics.responses(class: i + 1), cells))
    }
    return TrafficNumbers(
      total: registry.total(engine.requests, cells), byClass: classes, errors: registry.total(metrics.errors, cells),
      latency: LatencySummary(durations), recent: LatencySummary(recent))
  }

  func total(_ counter: CounterHandle) -> UInt64 { registry.total(counter, cells) }

  func families() -> [MetricFamily] { registry.collect(cells) }
}
