import Runtime
import Testing

@testable import Node
@testable import Proxy

@Suite("How the admin listener shows the node")
struct AdminViewsTests {
  private func busy() -> AdminFixture {
    let fixture = AdminFixture()
    fixture.cells.add(fixture.engine.requests, 12)
    fixture.cells.add(fixture.traffic.responses(class: 2), 10)
    fixture.cells.add(fixture.traffic.responses(class: 5), 1)
    fixture.cells.add(fixture.traffic.errors, 1)
    for value in 1...100 { fixture.cells.record(fixture.traffic.duration, UInt64(value)) }
    let catalog = UpstreamReport.made(
      "catalog", [.made(9001, requests: 7), .made(9002, healthy: false, ejectedFor: 5_000_000, failures: 3)])
    fixture.source.reports = [
      WorkerReport(connections: 3, exchanges: 2, bufferBytes: 512, revision: 3, upstreams: [catalog]),
      WorkerReport(connections: 4, exchanges: 0, bufferBytes: 512, revision: 3, upstreams: [catalog, .made("empty", [])]),
    ]
    fixture.time.advance(by: .seconds(65))
    return fixture
  }

  @Test("statistics have their shape")
  func statistics() throws {
    let fixture = busy()
    let value = try fixture.get("/stats").json()
    #expect(value["node"] == ["name": "edge-1", "version": "1.2.3", "uptime_seconds": 65, "workers": 2, "revision": 3])
    #expect(
      value["requests"] == [
        "total": 12, "by_class": ["1xx": 0, "2xx": 10, "3xx": 0, "4xx": 0, "5xx": 1], "in_flight": 2, "errors": 1,
      ])
    #expect(value["connections"] == ["open": 7])
    #expect(value["latency_us"] == ["p50": 50, "p90": 90, "p99": 99, "max": 100])
    #expect(
      value["upstreams"] == [
        "catalog": [
          ["address": "127.0.0.1:9001", "healthy": true, "ejected": false, "active": 2, "requests": 14, "failures": 0],
          ["address": "127.0.0.1:9002", "healthy": false, "ejected": true, "active": 2, "requests": 0, "failures": 6],
        ], "empty": [],
      ])
  }

  @Test("a node that has done nothing has no latencies; workers that do not answer are told")
  func idle() throws {
    let fixture = AdminFixture()
    fixture.source.reports = [WorkerReport()]
    let value = try fixture.get("/stats").json()
    #expect(value["latency_us"] == ["p50": nil, "p90": nil, "p99": nil, "max": nil])
    #expect(value["latency_us_recent"] == value["latency_us"])
    #expect(value["node"]?["workers_silent"] == 1)
    #expect(value["upstreams"] == .object([]))
  }

  @Test("recent latencies are those of about the last second")
  func recent() throws {
    let fixture = AdminFixture()
    let recent = { try fixture.get("/stats").json()["latency_us_recent"] }
    fixture.statistics.tick()
    for _ in 0..<100 { fixture.cells.record(fixture.traffic.duration, 20) }
    #expect(try recent()?["p50"] == 20)
    for _ in 0..<3 {
      fixture.time.advance(by: .milliseconds(500))
      fixture.statistics.tick()
    }
    fixture.cells.record(fixture.traffic.duration, 100)
    #expect(try recent() == ["p50": 100, "p90": 100, "p99": 100, "max": 100])
    #expect(try fixture.get("/stats").json()["latency_us"]?["p50"] == 20)
    for _ in 0..<4 {
      fixture.time.advance(by: .milliseconds(500))
      fixture.statistics.tick()
    }
    #expect(try recent()?["p50"] == .null)
  }

  @Test("as text: one line a value")
  func text() {
    let lines = busy().get("/stats?format=text").text.split(separator: "\n")
    #expect(lines.contains("node.name edge-1"))
    #expect(lines.contains("requests.by_class.2xx 10"))
    #expect(lines.contains("upstreams.catalog.1.healthy false"))
  }

  @Test("upstreams in detail")
  func upstreams() throws {
    let value = try busy().get("/upstreams").json()
    #expect(value["revision"] == 3)
    let catalog = try #require(value["upstreams"]?[0])
    #expect(catalog["name"] == "catalog")
    #expect(catalog["requests_in_flight"] == 4 && catalog["requests_waiting"] == 2)
    #expect(catalog["refused"] == ["requests": 8, "waiting": 10, "connections": 12])
    let ill = try #require(catalog["endpoints"]?[1])
    #expect(ill["held_by"] == ["failed_check"])
    #expect(ill["ejected_for_ms"] == 5)
    #expect(ill["connections"] == 6 && ill["idle"] == 4 && ill["weight"] == 1)
  }

  @Test("metrics are of the registry and of the reports, and no family comes twice")
  func metrics() {
    let response = busy().get("/metrics")
    #expect(response.field("content-type") == PrometheusWriter.contentType)
    let lines = response.text.split(separator: "\n")
    for line in [
      "tidegate_requests_total 12", #"tidegate_responses_total{class="2xx"} 10"#, "tidegate_request_duration_seconds_count 100",
      "tidegate_connections_open 7", "tidegate_requests_in_flight 2", "tidegate_uptime_seconds 65",
      #"tidegate_endpoint_healthy{endpoint="127.0.0.1:9002",host="127.0.0.1",upstream="catalog"} 0"#,
      #"tidegate_endpoint_requests_total{endpoint="127.0.0.1:9001",host="127.0.0.1",upstream="catalog"} 14"#,
      #"tidegate_upstream_refusals_total{limit="waiting",upstream="catalog"} 10"#,
      #"tidegate_build_info{node="edge-1",version="1.2.3"} 1"#,
    ] { #expect(lines.contains(Substring(line)), "\(line)") }
    let families = lines.filter { $0.hasPrefix("# TYPE ") }.compactMap { $0.split(separator: " ").dropFirst(2).first }
    #expect(Set(families).count == families.count)
    let samples = lines.filter { !$0.hasPrefix("#") }.compactMap { $0.split(separator: " ").first }
    #expect(Set(samples).count == samples.count)
  }
}

@Suite("The window of recent latencies")
struct LatencyWindowTests {
  private func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

  @Test("reaches back one second at least and one interval more at most")
  func reach() {
    var window = LatencyWindow()
    var snapshot = HistogramSnapshot()
    for step in 0..<20 {
      window.add(snapshot, at: at(UInt64(step) * 500))
      snapshot.record(UInt64(step), count: 1)
      for later in [UInt64(0), 100, 499] {
        let count = window.recent(snapshot, at: at(UInt64(step) * 500 + later)).total
        #expect(count == UInt64(step < 2 ? step + 1 : 3), "step \(step), \(later) ms later")
      }
    }
  }

  @Test("a snapshot that comes late does not make the window longer than it must be")
  func late() {
    var window = LatencyWindow()
    var snapshot = HistogramSnapshot()
    for milliseconds in [UInt64(0), 500, 1000] {
      window.add(snapshot, at: at(milliseconds))
      snapshot.record(1)
    }
    #expect(window.recent(snapshot, at: at(1400)).total == 3)
    #expect(window.recent(snapshot, at: at(1600)).total == 2)
    #expect(window.recent(snapshot, at: at(9000)).total == 1)
  }

  @Test("before the first snapshot all counts")
  func empty() {
    var snapshot = HistogramSnapshot()
    snapshot.record(5, count: 2)
    #expect(LatencyWindow().recent(snapshot, at: at(0)).total == 2)
  }

  @Test("a difference has what was added, cell by cell")
  func difference() {
    var earlier = HistogramSnapshot()
    earlier.record(10, count: 3)
    var later = earlier
    later.record(10)
    later.record(100_000, count: 2)
    let difference = LatencyWindow.difference(later, earlier)
    #expect(difference.total == 3)
    #expect(LatencySummary(difference)?.p50 == later.layout.highestEquivalent(100_000))
    #expect(LatencySummary(LatencyWindow.difference(later, later)) == nil)
  }
}
