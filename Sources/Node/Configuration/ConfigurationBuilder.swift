// Owns the last step of a load: from a checked document without faults to Configuration values. It judges nothing any more;
// a value that is missing here is a slip between ConfigurationTable and this file, and traps.
import Runtime

struct ConfigurationBuilder {
  let file: String
  let processors: Int

  func configuration(_ root: ConfigurationSection) -> Configuration {
    Configuration(
      file: file,
      node: node(root.child("node")),
      cluster: root.section("cluster").map(cluster),
      listeners: root.sections("listeners").map(listener),
      admin: admin(root.child("admin")),
      upstreams: (root["upstreams"]?.map ?? []).map { UpstreamBuilder(name: $0.key, section: $0.value.mustBeSection).upstream() },
      apis: root.sections("apis").map(api),
      cache: cache(root.child("cache")),
      throttle: root.section("throttle").map(throttle),
      log: .init(
        access: root.child("log").needText("access") == "off" ? nil : root.child("log").needText("access"),
        level: root.child("log").word("level")),
      limits: limits(root.child("limits")),
      forwarding: forwarding(root.child("forwarding")),
      redacted: EffectiveConfiguration.json(root),
      definitions: StableHash.hash(EffectiveConfiguration.json(root, only: ["upstreams", "apis", "limits", "forwarding"])))
  }

  private func node(_ section: ConfigurationSection) -> Configuration.LocalNode {
    let workers = section.needInteger("workers")
    let zone = section.needText("zone")
    return .init(
      name: section.needText("name"), zone: zone.isEmpty ? nil : zone, data: section.needText("data"),
      workers: workers == 0 ? max(1, processors) : workers, drain: section.needDuration("drain"))
  }

  private func cluster(_ section: ConfigurationSection) -> Configuration.Cluster {
    .init(
      name: section.needText("name"), listen: section.address("listen"),
      advertise: section.text("advertise") == nil ? nil : section.address("advertise"),
      peer: section.text("peer") == nil ? nil : section.address("peer"),
      seeds: section.texts("seeds"), keys: section.texts("keys"))
  }

  private func listener(_ section: ConfigurationSection) -> Configuration.Listener {
    .init(
      address: section.address("address"), tls: section.section("tls").map(serverTLS),
      proxyProtocol: section.needFlag("proxy_protocol"), http2: section.needFlag("http2"))
  }

  private func admin(_ section: ConfigurationSection) -> Configuration.Admin {
    .init(listen: section.address("listen"), token: section.text("token"), tls: section.section("tls").map(serverTLS))
  }

  private func serverTLS(_ section: ConfigurationSection) -> Configuration.ServerTLS {
    let client = section.section("client")
    return .init(
      certificates: section.sections("certificates").map {
        .init(certificate: $0.needText("certificate"), key: $0.needText("key"))
      },
      clientMode: client?.word("mode") ?? .off, clientTrust: client?.text("trust"),
      minVersion: section.word("min_version"), alpn: section.texts("alpn"), ticketKeys: section.texts("ticket_keys"))
  }

  private func api(_ section: ConfigurationSection) -> Configuration.API {
    .init(
      name: section.needText("name"), flavour: section.word("protocol"),
      hosts: section.texts("hosts").map { $0.lowercased() },
      routes: (section["routes"]?.map ?? []).map { route($0.key, $0.value.mustBeSection) },
      throttle: section.section("throttle").map(throttle), cache: section.section("cache").map(routeCache))
  }

  private func route(_ key: String, _ section: ConfigurationSection) -> Configuration.Route {
    let integration: Configuration.Integration =
      if let name = section.text("upstream") {
        .upstream(name)
      } else if let status = section["mock"]?.integer {
        .mock(.init(status: status, headers: [], body: ""))
      } else {
        .mock(mock(section.child("mock")))
      }
    return .init(
      key: key, integration: integration, timeout: section["timeout"]?.duration, host: section.text("host"),
      cache: section.section("cache").map(routeCache), throttle: section.section("throttle").map(throttle))
  }

  private func mock(_ section: ConfigurationSection) -> Configuration.Mock {
    .init(
      status: section.needInteger("status"),
      headers: (section["headers"]?.map ?? []).map { .init(name: $0.key, value: $0.value.text ?? "") },
      body: section.needText("body"))
  }

  private func routeCache(_ section: ConfigurationSection) -> Configuration.RouteCache {
    let key = section.child("key")
    return .init(
      isEnabled: section.needFlag("enabled"), defaultTTL: section["default_ttl"]?.duration, maximumTTL: section["maximum_ttl"]?.duration,
      negativeTTL: section["negative_ttl"]?.duration, heuristics: section.needFlag("heuristics"),
      staleWhileRevalidate: section["stale_while_revalidate"]?.duration ?? .zero,
      staleIfError: section["stale_if_error"]?.duration ?? .zero, bodyBytesMax: section["body_max"]?.size ?? 0,
      keyHost: key.needFlag("host"), keyQuery: key["query"].map { _ in key.texts("query") }, keyHeaders: key.texts("headers"),
      bypass: section.texts("bypass"), allowsPurgeMethod: section.needFlag("purge_method"))
  }

  private func cache(_ section: ConfigurationSection) -> Configuration.CacheSizes {
    .init(
      ramBytes: section["ram"]?.size ?? 0, diskBytes: section["disk"]?.size, replicas: section.needInteger("replicas"),
      hotCopies: section.needFlag("hot_copies"), fills: section.needInteger("fills"))
  }

  private func throttle(_ section: ConfigurationSection) -> Configuration.Throttle {
    .init(rate: section.needNumber("rate"), burst: section["burst"]?.integer)
  }

  private func forwarding(_ section: ConfigurationSection) -> Configuration.Forwarding {
    .init(
      trusted: section.texts("trusted").compactMap { AddressRange($0) }, hops: section.needInteger("hops"),
      mode: section.word("mode"), forwarded: section.needFlag("forwarded"), via: section.needFlag("via"))
  }

  private func limits(_ section: ConfigurationSection) -> Configuration.Limits {
    let http2 = section.child("http2")
    return .init(
      targetBytes: section.needSize("target"), headerBytes: section.needSize("header_bytes"),
      headerCount: section.needInteger("header_count"), bodyBytes: section.needSize("body"),
      headTimeout: section.needDuration("head_timeout"), bodyTimeout: section.needDuration("body_timeout"),
      idleTimeout: section.needDuration("idle_timeout"), tunnelTimeout: section.needDuration("tunnel_timeout"),
      connections: section.needInteger("connections"),
      http2: .init(
        maxStreams: http2.needInteger("max_streams"), controlFrames: http2.needInteger("control_frames"),
        streamBufferBytes: http2.needSize("stream_buffer")))
  }
}

/// Values that a checked document without faults always has.
extension ConfigurationSection {
  private func must<Value>(_ key: String, _ value: Value?) -> Value {
    guard let value else { preconditionFailure("`\(path).\(key)` passed the check without a value of its type") }
    return value
  }

  func child(_ key: String) -> ConfigurationSection { must(key, self[key]?.section) }
  func needText(_ key: String) -> String { must(key, self[key]?.text) }
  func needInteger(_ key: String) -> Int { must(key, self[key]?.integer) }
  func needNumber(_ key: String) -> Double { must(key, self[key]?.number) }
  func needFlag(_ key: String) -> Bool { must(key, self[key]?.flag) }
  func needDuration(_ key: String) -> Duration { must(key, self[key]?.duration) }
  func needSize(_ key: String) -> Int { must(key, self[key]?.size) }
  func address(_ key: String) -> HostPort { must(key, self[key]?.text.flatMap { try? HostPort.parse($0, portMin: 0) }) }
  func word<Word: RawRepresentable<String>>(_ key: String) -> Word { must(key, self[key]?.text.flatMap(Word.init(rawValue:))) }
}

extension CheckedValue {
  var mustBeSection: ConfigurationSection {
    guard let section else { preconditionFailure("`\(path)` passed the check without being a mapping") }
    return section
  }
}
