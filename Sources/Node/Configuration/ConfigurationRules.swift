// Owns what must hold between keys: references, addresses used twice, options that exclude each other.
// It works on whatever part of the document was sound, so that one load reports these faults beside all others.
import Gossip
import Runtime

/// Judges the route keys of one API together.
///
/// - Returns: the index of each refused key, and why.
public typealias RouteKeyCheck = (_ keys: [String]) -> [(index: Int, reason: String)]

struct ConfigurationRules {
  let root: ConfigurationSection
  let checkRouteKeys: RouteKeyCheck

  func apply(to checker: inout ConfigurationChecker) {
    listeners(&checker)
    admin(&checker)
    for member in root["upstreams"]?.map ?? [] { if let upstream = member.value.section { self.upstream(upstream, &checker) } }
    clusterKeys(&checker)
    apis(&checker)
    limits(&checker)
    disk(&checker)
    unusedUpstreams(&checker)
  }

  // MARK: Cluster

  /// Keys that are keys by their form may still be none to rely on, or stand there twice.
  private func clusterKeys(_ checker: inout ConfigurationChecker) {
    var ring: KeyRing?
    for key in root.section("cluster")?["keys"]?.list ?? [] {
      guard let text = key.text else { continue }
      do {
        let made = try ClusterKey(text: text)
        if ring == nil { ring = KeyRing(made) } else { try ring?.add(made) }
      } catch {
        checker.fault(key.mark, key.path, "\(error)")
      }
    }
  }

  // MARK: Cache

  private func disk(_ checker: inout ConfigurationChecker) {
    guard let disk = root.section("cache")?["disk"], let bytes = disk.size, bytes > 0, bytes < 32 << 20 else { return }
    checker.fault(disk.mark, disk.path, "a cache on disk needs 32MiB at least; 0 is none")
  }

  // MARK: Listeners

  private func listeners(_ checker: inout ConfigurationChecker) {
    var taken: [String: String] = [:]
    var addresses: [CheckedValue] = root.sections("listeners").compactMap { $0["address"] }
    if let admin = root.section("admin")?["listen"] { addresses.append(admin) }
    if let peer = root.section("cluster")?["peer"] { addresses.append(peer) }
    for value in addresses {
      guard let text = value.text, let address = try? HostPort.parse(text, portMin: 0), address.port != 0 else { continue }
      if let other = taken[address.description] {
        checker.fault(value.mark, value.path, "`\(address)` is taken by `\(other)` already")
      } else {
        taken[address.description] = value.path
      }
    }
    for listener in root.sections("listeners") { serverTLS(listener.section("tls"), &checker) }
  }

  private func serverTLS(_ tls: ConfigurationSection?, _ checker: inout ConfigurationChecker) {
    guard let tls else { return }
    repeated(tls["alpn"], &checker)
    atMost(16, of: tls["ticket_keys"], &checker)
    guard let client = tls.section("client"), let mode = client["mode"], let word = mode.text else { return }
    if word != "off", client["trust"] == nil {
      checker.fault(
        mode.mark, client.path + ".trust", "is required when `mode` is `\(word)`: the authorities that client certificates must come from")
    }
  }

  private func admin(_ checker: inout ConfigurationChecker) {
    guard let admin = root.section("admin") else { return }
    serverTLS(admin.section("tls"), &checker)
    guard let listen = admin["listen"], let text = listen.text, let address = try? HostPort.parse(text, portMin: 0) else { return }
    let token = admin["token"]
    if let token, let text = token.text, text.utf8.count < 16 {
      checker.warn(token.mark, token.path, "is shorter than 16 characters and can be guessed")
    }
    guard !address.isLoopback else { return }
    let wantsCertificate = admin.section("tls")?.section("client")?.text("mode") == "required"
    if token == nil, !wantsCertificate {
      checker.fault(
        listen.mark, listen.path,
        "`\(address)` is reached from beyond this machine; set `admin.token`, or `admin.tls.client` with `mode: required`")
    } else if admin["tls"] == nil {
      checker.warn(listen.mark, listen.path, "the token travels in clear text beyond this machine; set `admin.tls`")
    }
  }

  // MARK: Upstreams

  private func upstream(_ upstream: ConfigurationSection, _ checker: inout ConfigurationChecker) {
    // Proxy keeps at most 1,024 endpoints of a pool; a list beyond that would be cut silently.
    atMost(1024, of: upstream["endpoints"], &checker)
    var seen: Set<String> = []
    for value in upstream["endpoints"]?.list ?? [] {
      guard let place = value.text != nil ? value : value.section?["address"], let text = place.text,
        let address = try? EndpointAddress.parse(text)
      else { continue }
      if !seen.insert(address.description).inserted {
        checker.fault(place.mark, place.path, "`\(address)` is listed twice; give it a `weight` instead")
      }
    }
    if let balance = upstream.section("balance") { self.balance(balance, &checker) }
    if let health = upstream.section("health") { self.health(health, of: upstream, &checker) }
    if let ejection = upstream.section("ejection"), let base = ejection["base_time"]?.duration, let most = ejection["max_time"],
      let longest = most.duration, longest < base
    {
      checker.fault(most.mark, most.path, "is shorter than `base_time` (\(Quantities.written(base)))")
    }
    if let retries = upstream.section("retries") { repeated(retries["on"], &checker) }
    guard let tls = upstream.section("tls") else { return }
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
      if let value = tls[one], tls[other] == nil {
        checker.fault(value.mark, "\(tls.path).\(other)", "is required beside `\(one)`")
      }
    }
    if let verify = tls["verify"], verify.flag == false {
      checker.warn(verify.mark, verify.path, "whoever stands between here and the endpoints can read and change everything")
      if let trust = tls["trust"] { checker.fault(trust.mark, trust.path, "has no effect while `verify` is `false`") }
    }
  }

  private func balance(_ balance: ConfigurationSection, _ checker: inout ConfigurationChecker) {
    guard let policy = balance.text("policy") else { return }
    if policy != "hash" {
      for key in ["on", "name", "load_bound"] {
        if let value = balance[key] { checker.fault(value.mark, value.path, "belongs to `policy: hash`, and the policy is `\(policy)`") }
      }
      return
    }
    let on = balance["on"]
    guard on == nil || on?.text != nil else { return }
    let word = on?.text ?? "client"
    if word == "header" || word == "cookie" {
      if balance["name"] == nil { checker.fault(on?.mark ?? balance.mark, balance.path + ".name", "is required: the name of the \(word)") }
    } else if let name = balance["name"] {
      checker.fault(name.mark, name.path, "has no effect with `on: \(word)`; it names a header or a cookie")
    }
  }

  private func health(_ health: ConfigurationSection, of upstream: ConfigurationSection, _ checker: inout ConfigurationChecker) {
    guard let type = health["type"], let word = type.text else { return }
    let owners = ["path": ["http"], "expect": ["http"], "service": ["grpc"], "host": ["http", "grpc"]]
    for key in ["path", "expect", "service", "host"] {
      guard let value = health[key], let types = owners[key], !types.contains(word) else { continue }
      checker.fault(value.mark, value.path, "has no effect with `type: \(word)`; it belongs to \(ConfigurationChecker.listed(types))")
    }
    if word == "grpc", upstream.text("protocol") == "http1" {
      checker.fault(type.mark, type.path, "gRPC needs `protocol: http2` of the upstream")
    }
  }

  private func atMost(_ count: Int, of list: CheckedValue?, _ checker: inout ConfigurationChecker) {
    guard let list, let items = list.list, items.count > count else { return }
    checker.fault(items[count].mark, list.path, "holds \(items.count) entries; at most \(count) are allowed")
  }

  private func repeated(_ list: CheckedValue?, _ checker: inout ConfigurationChecker) {
    var seen: Set<String> = []
    for value in list?.list ?? [] {
      guard let text = value.text, !seen.insert(text).inserted else { continue }
      checker.fault(value.mark, value.path, "`\(Shown.text(text))` is listed twice")
    }
  }

  // MARK: APIs

  private func apis(_ checker: inout ConfigurationChecker) {
    var names: [String: String] = [:]
    var hosts: [String: String] = [:]
    let upstreams = (root["upstreams"]?.map ?? []).map(\.key)
    let known = Set(upstreams)
    for value in root["apis"]?.list ?? [] {
      guard let api = value.section else { continue }
      if let name = api["name"], let text = name.text {
        if let other = names[text] { checker.fault(name.mark, name.path, "`\(text)` is the name of `\(other)` already") }
        names[text] = names[text] ?? api.path
      }
      // Without a name an API is refused already; its default host would only repeat that.
      for host in api.text("name") == nil ? [] : api["hosts"]?.list ?? [] {
        guard let text = host.text?.lowercased() else { continue }
        if let other = hosts[text] {
          checker.fault(host.mark, host.path, "`\(text)` is served by `\(other)` already\(host.given ? "" : "; `hosts` is `*` by default")")
        }
        hosts[text] = hosts[text] ?? api.path
      }
      let routes = api["routes"]?.map ?? []
      for (index, reason) in checkRouteKeys(routes.map(\.key)) where routes.indices.contains(index) {
        checker.fault(routes[index].mark, routes[index].value.path, reason)
      }
      for member in routes { if let route = member.value.section { self.route(route, upstreams, known, &checker) } }
    }
  }

  private func route(
    _ route: ConfigurationSection, _ upstreams: [String], _ known: Set<String>, _ checker: inout ConfigurationChecker
  ) {
    switch (route["upstream"], route["mock"]) {
    case (nil, nil): checker.fault(route.mark, route.path, "needs an answer: `upstream` or `mock`")
    case (_?, let mock?): checker.fault(mock.mark, mock.path, "stands beside `upstream`; one of them answers, not both")
    case (nil, let mock?):
      for key in ["timeout", "host"] {
        if let value = route[key] { checker.fault(value.mark, value.path, "has no effect on a mock") }
      }
      for member in mock.section?["headers"]?.map ?? [] where Self.ownFields.contains(member.key.lowercased()) {
        checker.fault(member.mark, member.value.path, "is the gateway's own; remove it")
      }
    case (let upstream?, nil):
      guard let name = upstream.text, !known.contains(name) else { return }
      checker.fault(
        upstream.mark, upstream.path, "`\(Shown.text(name))` is no upstream of this file",
        suggestion: NearMiss.nearest(to: name, among: upstreams))
    }
  }

  /// Framing and hop-by-hop fields (RFC 9110 §7.6.1, RFC 9112 §6), which only the engine can set rightly.
  private static let ownFields: Set<String> = [
    "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  private func limits(_ checker: inout ConfigurationChecker) {
    guard let limits = root.section("limits") else { return }
    let bounds: [(value: CheckedValue?, range: ClosedRange<Int>)] = [
      (limits["target"], 16...128 << 10), (limits["header_bytes"], 256...256 << 10),
      (limits.section("http2")?["stream_buffer"], 16 << 10...1 << 30),
    ]
    for (value, range) in bounds {
      guard let value, let bytes = value.size, !range.contains(bytes) else { continue }
      checker.fault(
        value.mark, value.path,
        "must lie between \(Quantities.written(range.lowerBound)) and \(Quantities.written(range.upperBound))")
    }
  }

  private func unusedUpstreams(_ checker: inout ConfigurationChecker) {
    var used: Set<String> = []
    for api in root.sections("apis") {
      for member in api["routes"]?.map ?? [] { if let name = member.value.section?.text("upstream") { used.insert(name) } }
    }
    for member in root["upstreams"]?.map ?? [] where !used.contains(member.key) {
      checker.warn(member.mark, member.value.path, "no route uses this upstream")
    }
  }

  /// The least that holds for any route key: `$default`, or a method and a path (AWS HTTP API developer guide, "Create routes").
  static func basicRouteKeyCheck(_ keys: [String]) -> [(index: Int, reason: String)] {
    keys.enumerated().compactMap { index, key in
      if key == "$default" { return nil }
      let parts = key.split(separator: " ", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[1].utf8.first == UInt8(ascii: "/") else {
        return (index, "is no route key; write `METHOD /path`, `ANY /path` or `$default`")
      }
      guard !parts[0].isEmpty, parts[0].utf8.allSatisfy({ $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") || $0 == 0x2D }) else {
        return (index, "`\(Shown.text(String(parts[0])))` is no method; write it in capitals, or `ANY`")
      }
      return nil
    }
  }
}
