// Owns: the list of the admin listener's paths, from which the router, the index and the documentation come.
import Foundation
import Runtime

/// The form of an answer, as `?format=` names it.
enum AdminFormat: String {
  case json, text
}

/// A path of the admin listener.
public enum AdminPath: String, CaseIterable, Sendable {
  case index = "/"
  case health = "/healthz"
  case readiness = "/readyz"
  case metrics = "/metrics"
  case statistics = "/stats"
  case upstreams = "/upstreams"
  case members = "/members"
  case ring = "/ring"
  case keys = "/keys"
  case cache = "/cache"
  case configuration = "/config"
  case reload = "/reload"
  case drain = "/drain"
  case leave = "/leave"
  case purge = "/purge"

  /// Whether it changes something; such paths know POST only, all others GET and HEAD only.
  public var changes: Bool {
    switch self {
    case .reload, .drain, .leave, .purge: true
    case .index, .health, .readiness, .metrics, .statistics, .upstreams, .members, .ring, .keys, .cache, .configuration: false
    }
  }

  /// Whether everybody may ask: balancers and schedulers that probe carry no secret.
  public var isFree: Bool {
    switch self {
    case .health, .readiness: true
    case .index, .metrics, .statistics, .upstreams, .members, .ring, .keys, .cache, .configuration, .reload, .drain, .leave, .purge: false
    }
  }

  public var summary: String {
    switch self {
    case .index: "This list."
    case .health: "200 while the process answers."
    case .readiness: "200 when the node should get traffic, else 503 with the reasons."
    case .metrics: "Metrics in the Prometheus text format."
    case .statistics: "Requests, latencies and upstreams at a glance."
    case .upstreams: "Every endpoint in detail."
    case .members: "Every node that this one knows, and how it is said to be."
    case .ring: "Which nodes own a key, in rank order: /ring?key=…"
    case .keys: "Ids of the cluster's keys, the one that seals first."
    case .cache:
      "The response cache of this node: sizes, evictions, hits and misses, purges; with ?url= or ?key=, single entries and their owner."
    case .purge:
      "Purges the cache of all nodes: {\"url\":…}, {\"prefix\":…}, {\"tag\":…} or {\"all\":true}, with \"soft\":true to mark stale."
    case .configuration: "The configuration in effect, secrets redacted."
    case .reload: "Loads the configuration again; a bad one changes nothing and is answered with its faults."
    case .leave: "Says goodbye to the cluster; the node goes on serving, alone, until it is started again."
    case .drain: "Stops accepting, finishes what runs, then ends the node."
    }
  }

  /// The methods for `Allow` (RFC 9110 §10.2.1).
  public var methods: String { changes ? "POST" : "GET, HEAD" }

  /// The forms that it can be asked for, the usual one first.
  var formats: [AdminFormat] {
    switch self {
    case .index, .health: [.text, .json]
    case .readiness, .statistics, .upstreams, .members, .ring, .keys, .cache: [.json, .text]
    case .metrics: [.text]
    case .configuration, .reload, .drain, .leave, .purge: [.json]
    }
  }

  /// The form that a query asks for; nil when there is no such form of this path.
  func format(query: String) -> AdminFormat? {
    guard let wanted = query.split(separator: "&").last(where: { $0.hasPrefix("format=") }) else { return formats[0] }
    return AdminFormat(rawValue: String(wanted.dropFirst(7))).flatMap { formats.contains($0) ? $0 : nil }
  }
}

extension AdminPath {
  /// The value of a name in a query, its percent-encoding undone (RFC 3986 §2.1); nil where the name is missing.
  static func value(of name: String, in query: String) -> String? {
    guard let pair = query.split(separator: "&").last(where: { $0.hasPrefix(name + "=") }) else { return nil }
    return String(pair.dropFirst(name.count + 1)).removingPercentEncoding
  }
}
