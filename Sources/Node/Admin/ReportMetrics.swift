// Owns: the metrics that are made from the workers' reports when somebody asks, instead of being counted in cells: what is there now,
// and what is known by endpoint.
import Proxy
import Runtime

enum ReportMetrics {
  static func families(_ report: WorkerReport, _ identity: AdminIdentity, _ uptimeSeconds: UInt64) -> [MetricFamily] {
    func gauge(_ name: String, _ help: String, _ value: Int, _ labels: MetricLabels = .none) -> MetricFamily {
      MetricFamily(name: name, help: help, kind: .gauge(.sum), series: [MetricSeries(labels: labels, value: .gauge(Int64(value)))])
    }
    return [
      gauge("tidegate_build_info", "1; the labels say what runs.", 1, ["version": identity.version, "node": identity.name]),
      gauge("tidegate_uptime_seconds", "Time since the serving process began.", Int(clamping: uptimeSeconds)),
      gauge("tidegate_workers", "Workers that answered.", report.workers),
      gauge("tidegate_configuration_revision", "Revision of the configuration in effect.", Int(clamping: report.revision)),
      gauge("tidegate_connections_open", "Downstream connections.", report.connections),
      gauge("tidegate_requests_in_flight", "Requests under way.", report.exchanges),
      gauge("tidegate_buffer_bytes", "Bytes that requests and connections hold in buffers.", report.bufferBytes),
    ] + endpoints(report.upstreams) + upstreams(report.upstreams)
  }

  private static func endpoints(_ upstreams: [UpstreamReport]) -> [MetricFamily] {
    func family(_ name: String, _ help: String, _ kind: MetricKind, _ value: (EndpointReport) -> MetricValue) -> MetricFamily {
      let series = upstreams.flatMap { upstream in
        upstream.endpoints.map { endpoint in
          MetricSeries(
            labels: ["upstream": upstream.name, "endpoint": endpoint.address.description, "host": endpoint.host], value: value(endpoint))
        }
      }
      return MetricFamily(name: name, help: help, kind: kind, series: series)
    }
    let now = MetricKind.gauge(.sum)
    return [
      family("tidegate_endpoint_healthy", "1 while the endpoint may take traffic.", now) { .gauge($0.isHealthy ? 1 : 0) },
      family("tidegate_endpoint_ejected", "1 while the endpoint is ejected.", now) { .gauge($0.isEjected ? 1 : 0) },
      family("tidegate_endpoint_requests_in_flight", "Requests under way at the endpoint.", now) { .gauge(Int64($0.active)) },
      family("tidegate_endpoint_connections", "Connections to the endpoint.", now) { .gauge(Int64($0.connections)) },
      family("tidegate_endpoint_requests_total", "Attempts sent to the endpoint.", .counter) { .counter($0.requests) },
      family("tidegate_endpoint_failures_total", "Attempts that failed at the endpoint.", .counter) { .counter($0.failures) },
    ]
  }

  private static func upstreams(_ upstreams: [UpstreamReport]) -> [MetricFamily] {
    func family(_ name: String, _ help: String, _ kind: MetricKind, _ value: (UpstreamReport) -> MetricValue) -> MetricFamily {
      let series = upstreams.map { MetricSeries(labels: ["upstream": $0.name], value: value($0)) }
      return MetricFamily(name: name, help: help, kind: kind, series: series)
    }
    let refusals = upstreams.flatMap { upstream in
      [
        ("request", upstream.requestsRefused), ("waiting", upstream.pendingRefused), ("connection", upstream.connectionsRefused),
      ].map { MetricSeries(labels: ["upstream": upstream.name, "limit": $0.0], value: .counter($0.1)) }
    }
    return [
      family("tidegate_upstream_requests_waiting", "Requests that wait for a connection.", .gauge(.sum)) { .gauge(Int64($0.pending)) },
      family("tidegate_upstream_panic_picks_total", "Picks that ignored health because too few endpoints had it.", .counter) {
        .counter($0.panicPicks)
      },
      MetricFamily(
        name: "tidegate_upstream_refusals_total", help: "Requests and connections refused by the upstream's limits.", kind: .counter,
        series: refusals),
    ]
  }
}
