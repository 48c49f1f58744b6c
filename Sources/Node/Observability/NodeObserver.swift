// Owns: what is done for every exchange that has ended, on its worker's thread: counting, and the access log's line where it is on.
// Counting by route joins here, where exchange and application are both at hand.
import Proxy
import Runtime

/// Accounts for exchanges. Made once for each publication that changes the access log; the counters are the same ones.
///
/// SAFETY: (@unchecked Sendable) nothing is changed after `init` but metric cells and lanes, each of one worker and touched on its
/// thread alone; `lanes` live as long as `accessLog`.
public final class NodeObserver: ExchangeObserver, @unchecked Sendable {
  public let metrics: TrafficMetrics
  public let accessLog: AccessLog?
  private let lanes: UnsafeMutablePointer<AccessLogLane>?
  private let laneCount: Int

  /// - Parameter accessLog: nil for none; made for as many workers as there are.
  public init(_ registry: MetricRegistry, accessLog: AccessLog? = nil) {
    metrics = TrafficMetrics(registry)
    self.accessLog = accessLog
    lanes = accessLog?.core.lanes
    laneCount = accessLog?.core.laneCount ?? 0
    super.init()
  }

  public override func exchangeEnded(_ exchange: ExchangeRef, _ worker: Worker, _ application: Application) {
    metrics.count(exchange, worker.cells)
    guard let lanes, worker.index < laneCount else { return }
    var route = application.routeName(exchange.pointee.route)
    let fits = route.withUTF8 { lanes[worker.index].log(exchange, route: $0) }
    if !fits, let accessLog { worker.cells.add(accessLog.core.metrics.dropped) }
  }
}
