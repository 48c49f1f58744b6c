// Owns: the metrics of ended exchanges, registered once and counted by each worker in its own cells.
import Proxy
import Runtime

/// Handles of what is counted for every exchange.
public struct TrafficMetrics: Sendable {
  public static let classNames: [String] = ["1xx", "2xx", "3xx", "4xx", "5xx"]

  /// By the status's first digit; 0 (no response was begun) and what lies beyond 5 count nowhere.
  private let classes: InlineArray<6, CounterHandle>
  /// Microseconds from the request's head to the end of its response.
  public let duration: HistogramHandle
  /// Microseconds from the request's departure to the response's first byte.
  public let upstreamFirstByte: HistogramHandle
  public let bytesReceived: CounterHandle
  public let bytesSent: CounterHandle
  public let errors: CounterHandle

  public init(_ registry: MetricRegistry) {
    var classes = InlineArray<6, CounterHandle>(repeating: .discard)
    for (i, name) in TrafficMetrics.classNames.enumerated() {
      classes[i + 1] = made { () throws(MetricError) in
        try registry.counter("tidegate_responses_total", help: "Responses to requests, by class of status.", labels: ["class": name])
      }
    }
    self.classes = classes
    duration = made { () throws(MetricError) in
      try registry.histogram(
        "tidegate_request_duration_seconds", help: "Time from a request's head to the end of its response.", ladder: .latency)
    }
    upstreamFirstByte = made { () throws(MetricError) in
      try registry.histogram(
        "tidegate_upstream_first_byte_seconds", help: "Time from a request's departure upstream to the response's first byte.",
        ladder: .latency)
    }
    func counter(_ name: String, _ help: String) -> CounterHandle {
      made { () throws(MetricError) in try registry.counter(name, help: help) }
    }
    bytesReceived = counter("tidegate_request_bytes_total", "Bytes of requests, heads and bodies.")
    bytesSent = counter("tidegate_response_bytes_total", "Bytes of response bodies.")
    errors = counter("tidegate_request_errors_total", "Requests answered with a 5xx, or whose response the gateway had to break off.")
  }

  /// The counter of a class, 1 to 5.
  public func responses(class digit: Int) -> CounterHandle { classes[digit] }

  /// Counts an exchange that has ended, in its worker's cells.
  @inline(__always)
  func count(_ x: ExchangeRef, _ cells: MetricCells) {
    let status = x.pointee.status
    let digit = Int(status / 100)
    cells.add(classes[digit < classes.count ? digit : 0])
    cells.record(duration, (x.pointee.ended &- x.pointee.started) / 1000)
    if let elapsed = x.firstByteElapsed { cells.record(upstreamFirstByte, elapsed / 1000) }
    cells.add(bytesReceived, UInt64(truncatingIfNeeded: x.pointee.bytesReceived))
    cells.add(bytesSent, UInt64(truncatingIfNeeded: x.pointee.bytesSent))
    if status >= 500 || (x.pointee.fault != nil && !x.isComplete) { cells.add(errors) }
  }
}

/// The node's own metric names are fixed and few: a registry that refuses one is a programmer's error.
func made<Handle>(_ register: () throws(MetricError) -> Handle) -> Handle {
  do {
    return try register()
  } catch {
    preconditionFailure("a metric of the node's own was refused: \(error)")
  }
}
