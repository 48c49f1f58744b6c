// Owns the building of one upstream's settings from its checked section.

struct UpstreamBuilder {
  let name: String
  let section: ConfigurationSection

  func upstream() -> Configuration.Upstream {
    let limits = section.child("limits")
    let timeouts = section.child("timeouts")
    let keepalive = section.child("keepalive")
    return .init(
      name: name,
      endpoints: (section["endpoints"]?.list ?? []).compactMap(endpoint),
      protocol: section.word("protocol"),
      tls: section.section("tls").map(tls),
      balance: balance(),
      health: section.section("health").map(health),
      ejection: ejection(section.child("ejection")),
      panicThreshold: section.needNumber("panic_threshold"),
      limits: .init(
        connections: limits.needInteger("connections"), pending: limits.needInteger("pending"),
        requests: limits.needInteger("requests")),
      retries: retries(section.child("retries")),
      timeouts: .init(
        connect: timeouts.needDuration("connect"), firstByte: timeouts.needDuration("first_byte"),
        idle: timeouts.needDuration("idle"), request: timeouts.needDuration("request")),
      slowStart: section.needDuration("slow_start"),
      keepalive: .init(connections: keepalive.needInteger("connections"), idle: keepalive.needDuration("idle")),
      zoneAware: section.needFlag("zone_aware"),
      host: section.word("host"))
  }

  private func endpoint(_ value: CheckedValue) -> Configuration.Endpoint? {
    if let text = value.text, let address = try? EndpointAddress.parse(text) {
      return .init(address: address, weight: 1, zone: nil, priority: 0)
    }
    guard let section = value.section, let address = try? EndpointAddress.parse(section.needText("address")) else { return nil }
    let zone = section.needText("zone")
    return .init(
      address: address, weight: section.needInteger("weight"), zone: zone.isEmpty ? nil : zone,
      priority: section.needInteger("priority"))
  }

  private func tls(_ section: ConfigurationSection) -> Configuration.UpstreamTLS {
    let pair: Configuration.Certificate? =
      if let certificate = section.text("certificate"), let key = section.text("key") {
        .init(certificate: certificate, key: key)
      } else {
        nil
      }
    return .init(
      verify: section.needFlag("verify"), serverName: section.text("server_name"), trust: section.text("trust"),
      clientCertificate: pair)
  }

  private func balance() -> Configuration.Balance {
    let long = section.section("balance")
    switch long?.text("policy") ?? section.text("balance") {
    case "round_robin": return .roundRobin
    case "least_requests": return .leastRequests
    case "peak_ewma": return .peakEWMA
    case "hash":
      let name = long?.text("name") ?? ""
      let key: Configuration.HashKey =
        switch long?.text("on") {
        case "header": .header(name)
        case "cookie": .cookie(name)
        case "path": .path
        default: .client
        }
      return .hash(on: key, loadBound: long?["load_bound"]?.number ?? 1.25)
    case let other: preconditionFailure("`\(section.path).balance` passed the check as \(other ?? "nothing")")
    }
  }

  private func health(_ section: ConfigurationSection) -> Configuration.Health {
    let expect = section.section("expect")
    let check: Configuration.Health.Check =
      switch section.needText("type") {
      case "tcp": .tcp
      case "grpc": .grpc(service: section.text("service") ?? "")
      default:
        .http(
          path: section.text("path") ?? "/",
          statuses: StatusSet(expect?.texts("status").compactMap { try? StatusSet.codes($0) } ?? [200...299]),
          body: expect?.text("body"))
      }
    return .init(
      check: check, host: section.text("host"), interval: section.needDuration("interval"),
      timeout: section.needDuration("timeout"), jitter: section.needNumber("jitter"),
      healthy: section.needInteger("healthy"), unhealthy: section.needInteger("unhealthy"))
  }

  private func ejection(_ section: ConfigurationSection) -> Configuration.Ejection {
    .init(
      consecutive: section.needInteger("consecutive"), failureRatio: section.needNumber("failure_ratio"),
      minRequests: section.needInteger("min_requests"), interval: section.needDuration("interval"),
      baseTime: section.needDuration("base_time"), maxTime: section.needDuration("max_time"),
      maxShare: section.needNumber("max_share"))
  }

  private func retries(_ section: ConfigurationSection) -> Configuration.Retries {
    let on = section.texts("on")
    let budget = section.child("budget")
    return .init(
      onConnectFailure: on.contains("connect_failure"), onReset: on.contains("reset"), onTimeout: on.contains("timeout"),
      onRefusedStream: on.contains("refused_stream"),
      onStatuses: StatusSet(
        on.compactMap { try? StatusSet.codes($0) } + (on.contains("gateway_error") ? [502...504] : [])),
      attempts: section.needInteger("attempts"), budgetRatio: budget.needNumber("ratio"),
      budgetMinPerSecond: budget.needInteger("min_per_second"), unsafeMethods: section.needFlag("unsafe_methods"))
  }
}
