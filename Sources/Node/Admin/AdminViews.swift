// Owns: how the admin listener shows things: the JSON shapes, and the plain text made from them. Pure: values in, response out.
import Proxy
import Runtime

enum AdminViews {
  // MARK: forms

  static func response(_ value: JSONValue, _ format: AdminFormat = .json, status: Int = 200) -> LocalResponse {
    switch format {
    case .json: LocalResponse(status: status, json: value.text(.pretty) + "\n")
    case .text: LocalResponse(status: status, text: text(value))
    }
  }

  /// One line a value: its path with dots, a space, the value.
  static func text(_ value: JSONValue) -> String {
    var lines = ""
    func walk(_ value: JSONValue, _ path: String) {
      switch value {
      case .object(let members):
        for member in members { walk(member.value, path.isEmpty ? member.name : "\(path).\(member.name)") }
      case .array(let elements):
        for (i, element) in elements.enumerated() { walk(element, "\(path).\(i)") }
      case .null: lines += "\(path) -\n"
      case .bool(let flag): lines += "\(path) \(flag)\n"
      case .number(let text): lines += "\(path) \(text)\n"
      case .string(let text): lines += "\(path) \(text)\n"
      }
    }
    walk(value, "")
    return lines
  }

  // MARK: pages

  static func index(_ identity: AdminIdentity, _ format: AdminFormat) -> LocalResponse {
    switch format {
    case .text:
      let lines = AdminPath.allCases.map { path in
        let start = (path.changes ? "POST " : "GET  ") + path.rawValue
        return start + String(repeating: " ", count: max(18 - start.count, 1)) + path.summary + "\n"
      }
      return LocalResponse(text: "tidegate \(identity.version), node \(identity.name)\n\n" + lines.joined())
    case .json:
      let paths = AdminPath.allCases.map { path in
        JSONValue.object([
          JSONMember("path", .string(path.rawValue)), JSONMember("methods", .string(path.methods)),
          JSONMember("summary", .string(path.summary)),
        ])
      }
      return response(.object([JSONMember("paths", .array(paths))]))
    }
  }

  static func readiness(_ reasons: [String], _ format: AdminFormat) -> LocalResponse {
    let status = reasons.isEmpty ? 200 : 503
    switch format {
    case .text: return LocalResponse(status: status, text: reasons.isEmpty ? "ready\n" : reasons.map { $0 + "\n" }.joined())
    case .json:
      let list = JSONValue.array(reasons.map { .string($0) })
      return response(.object([JSONMember("ready", .bool(reasons.isEmpty)), JSONMember("reasons", list)]), status: status)
    }
  }

  static func metrics(_ families: [MetricFamily]) -> LocalResponse {
    var writer = PrometheusWriter()
    writer.write(families)
    return LocalResponse(status: 200, fields: [("Content-Type", PrometheusWriter.contentType)], body: writer.bytes)
  }

  @Sendable static func reload(_ outcome: ReloadOutcome) -> LocalResponse {
    switch outcome {
    case .applied(let revision, let warnings):
      response(.object([JSONMember("revision", JSONValue(revision)), JSONMember("warnings", .array(warnings.map { .string($0) }))]))
    case .refused(let faults):
      response(
        .object([
          JSONMember("message", "The configuration is refused; the one in effect stays."),
          JSONMember("faults", .array(faults.map { .string($0) })),
        ]), status: 422)
    case .unavailable(let reason):
      .message(409, reason)
    }
  }

  static func statistics(
    _ identity: AdminIdentity, _ uptimeSeconds: UInt64, _ traffic: TrafficNumbers, _ report: WorkerReport
  ) -> JSONValue {
    var node = [
      JSONMember("name", .string(identity.name)), JSONMember("version", .string(identity.version)),
      JSONMember("uptime_seconds", JSONValue(uptimeSeconds)), JSONMember("workers", JSONValue(identity.workers)),
      JSONMember("revision", JSONValue(report.revision)),
    ]
    // Their connections and requests are missing from the numbers below.
    if report.workers < identity.workers { node.append(JSONMember("workers_silent", JSONValue(identity.workers - report.workers))) }
    let requests = [
      JSONMember("total", JSONValue(traffic.total)),
      JSONMember("by_class", .object(traffic.byClass.map { JSONMember($0.name, JSONValue($0.count)) })),
      JSONMember("in_flight", JSONValue(report.exchanges)), JSONMember("errors", JSONValue(traffic.errors)),
    ]
    return .object([
      JSONMember("node", .object(node)), JSONMember("requests", .object(requests)),
      JSONMember("connections", .object([JSONMember("open", JSONValue(report.connections))])),
      JSONMember("latency_us", latency(traffic.latency)), JSONMember("latency_us_recent", latency(traffic.recent)),
      JSONMember("upstreams", .object(report.upstreams.map { JSONMember($0.name, .array($0.endpoints.map(glance))) })),
    ])
  }

  private static func latency(_ summary: LatencySummary?) -> JSONValue {
    func value(_ number: UInt64?) -> JSONValue { number.map { JSONValue($0) } ?? .null }
    return .object([
      JSONMember("p50", value(summary?.p50)), JSONMember("p90", value(summary?.p90)), JSONMember("p99", value(summary?.p99)),
      JSONMember("max", value(summary?.max)),
    ])
  }

  private static func glance(_ endpoint: EndpointReport) -> JSONValue {
    .object([
      JSONMember("address", .string(endpoint.address.description)), JSONMember("healthy", .bool(endpoint.isHealthy)),
      JSONMember("ejected", .bool(endpoint.isEjected)), JSONMember("active", JSONValue(endpoint.active)),
      JSONMember("requests", JSONValue(endpoint.requests)), JSONMember("failures", JSONValue(endpoint.failures)),
    ])
  }

  static func upstreams(_ report: WorkerReport) -> JSONValue {
    let upstreams = report.upstreams.map { upstream in
      JSONValue.object([
        JSONMember("name", .string(upstream.name)), JSONMember("requests_in_flight", JSONValue(upstream.requests)),
        JSONMember("requests_waiting", JSONValue(upstream.pending)), JSONMember("connections", JSONValue(upstream.connections)),
        JSONMember(
          "refused",
          .object([
            JSONMember("requests", JSONValue(upstream.requestsRefused)), JSONMember("waiting", JSONValue(upstream.pendingRefused)),
            JSONMember("connections", JSONValue(upstream.connectionsRefused)),
          ])),
        JSONMember("panic_picks", JSONValue(upstream.panicPicks)), JSONMember("endpoints", .array(upstream.endpoints.map(detail))),
      ])
    }
    return .object([JSONMember("revision", JSONValue(report.revision)), JSONMember("upstreams", .array(upstreams))])
  }

  private static func detail(_ endpoint: EndpointReport) -> JSONValue {
    .object([
      JSONMember("address", .string(endpoint.address.description)), JSONMember("host", .string(endpoint.host)),
      JSONMember("healthy", .bool(endpoint.isHealthy)), JSONMember("ejected", .bool(endpoint.isEjected)),
      JSONMember("ejected_for_ms", JSONValue(endpoint.ejectedFor / 1_000_000)),
      JSONMember("held_by", .array(holds(endpoint.holds).map { .string($0) })), JSONMember("weight", JSONValue(endpoint.weight)),
      JSONMember("same_zone", .bool(endpoint.isSameZone)), JSONMember("priority", JSONValue(endpoint.priority)),
      JSONMember("active", JSONValue(endpoint.active)), JSONMember("connections", JSONValue(endpoint.connections)),
      JSONMember("idle", JSONValue(endpoint.idle)), JSONMember("requests", JSONValue(endpoint.requests)),
      JSONMember("failures", JSONValue(endpoint.failures)),
    ])
  }

  private static func holds(_ holds: EndpointHolds) -> [String] {
    let words: [(EndpointHolds, String)] = [
      (.failedCheck, "failed_check"), (.clusterVerdict, "cluster_verdict"), (.unchecked, "unchecked"), (.operatorHold, "operator"),
    ]
    return words.filter { holds.contains($0.0) }.map(\.1)
  }
}
