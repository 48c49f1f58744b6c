// Owns the keys of one upstream.

extension ConfigurationTable {
  static let upstream = SectionTable(
    name: "upstreams", doc: "A pool of servers that answer alike. Every worker keeps its own connections to it.",
    keys: [
      .required(
        "endpoints", .list(.either(.text(.endpoint), endpoint), atLeast: 1),
        "Servers: `host:port`, `srv:_service._tcp.name`, or the long form. Names are resolved again when their TTL ends."),
      .init(
        "protocol", .choice(["http1", "http2"]), "http1",
        "Protocol spoken; `http2` without `tls` is spoken with prior knowledge. gRPC needs `http2`."),
      .optional("tls", .section(upstreamTLS), "Speak TLS to the endpoints; `{}` for the defaults."),
      .init(
        "balance", .either(.choice(balancePolicies), balance), "least_requests",
        "How an endpoint is chosen: a policy, or the long form."),
      .optional("health", .section(health), "Active health checks; without them only `ejection` watches."),
      .init("ejection", .section(ejection), "{}", "Passive checks: endpoints whose answers fail are left alone for a while."),
      .init(
        "panic_threshold", .number(0...1), "0.5",
        "When less than this share of the endpoints is healthy, health is ignored and all of them are used; 0 never."),
      .init("limits", .section(upstreamLimits), "{}", "Circuit breaking: beyond these a request is answered 503 at once."),
      .init("retries", .section(retries), "{}", "Second chances on another endpoint."),
      .init("timeouts", .section(timeouts), "{}", "How long an upstream may take."),
      .init(
        "slow_start", .duration(zero: "full share at once"), "0",
        "Time in which an endpoint that is new or healthy again grows to its full share."),
      .init("keepalive", .section(keepalive), "{}", "Connections kept for later requests."),
      .init("zone_aware", .flag, "true", "Prefer endpoints of the node's own zone, and spill over when they are too few."),
      .init("host", .choice(["preserve", "endpoint"]), "preserve", "`Host` that an endpoint sees: the client's, or the endpoint's own."),
    ])

  static let balancePolicies = ["round_robin", "least_requests", "peak_ewma", "hash"]

  static let endpoint = SectionTable(
    name: "endpoints[]", doc: "One server, or the servers behind one name.",
    keys: [
      .required("address", .text(.endpoint), "`host:port`, or `srv:_service._tcp.name` for SRV records."),
      .init("weight", .integer(1...10_000), "1", "Share of the traffic, relative to the other endpoints. SRV records bring their own."),
      .init("zone", .text(.any), "\"\"", "Failure domain of the endpoint."),
      .init(
        "priority", .integer(0...7), "0",
        "Endpoints of a higher number serve only when those of the lower ones are unhealthy. SRV records bring their own."),
    ])

  static let upstreamTLS = SectionTable(
    name: "tls of an upstream", doc: "TLS towards an upstream.",
    keys: [
      .init("verify", .flag, "true", "Verify the endpoint's certificate and its name."),
      .optional("server_name", .text(.hostName), "Name asked for (SNI) and verified; without it the host of the endpoint's address."),
      .optional("trust", .text(.certificate), "PEM file: the authorities to trust instead of the system's."),
      .optional("certificate", .text(.certificate), "PEM file: our client certificate, then its chain."),
      .optional("key", .text(.privateKey), "PEM file: its private key."),
    ])

  static let balance = SectionTable(
    name: "balance", doc: "How an endpoint is chosen.",
    keys: [
      .required(
        "policy", .choice(balancePolicies),
        "`round_robin` by weight; `least_requests` of two drawn at random; `peak_ewma` by latency; `hash` keeps a key on its endpoint."),
      .optional(
        "on", .choice(["header", "cookie", "path", "client"]),
        "For `hash`: what the key is; `client` (the address) by default. Without a value a request is balanced at random."),
      .optional("name", .text(.fieldName), "For `hash` on `header` or `cookie`: its name."),
      .optional(
        "load_bound", .number(1...100),
        "For `hash`: an endpoint takes at most this many times the average load (1.25 by default), then the next one in rank does."),
    ])

  static let health = SectionTable(
    name: "health", doc: "Active health checks.",
    keys: [
      .init(
        "type", .choice(["http", "tcp", "grpc"]), "http",
        "`http` asks for `path`, `tcp` connects, `grpc` calls `grpc.health.v1.Health/Check`."),
      .optional("path", .text(.urlPath), "For `http`: what is asked for; `/` by default."),
      .optional("service", .text(.nonEmpty), "For `grpc`: the service asked about; the server as a whole by default."),
      .optional("host", .text(.authority), "For `http` and `grpc`: the `Host` sent; the endpoint's own by default."),
      .init("interval", .duration(zero: nil), "5s", "Time between two checks of an endpoint."),
      .init("timeout", .duration(zero: nil), "1s", "Longest time for one check."),
      .init("jitter", .number(0...1), "0.1", "Share of the interval by which each check is moved at random."),
      .init(
        "healthy", .integer(1...100), "2",
        "Checks in a row that make an endpoint healthy again. The first check of a new endpoint decides alone."),
      .init("unhealthy", .integer(1...100), "3", "Failed checks in a row that make an endpoint unhealthy."),
      .optional("expect", .section(expectation), "For `http`: what a healthy answer looks like."),
    ])

  static let expectation = SectionTable(
    name: "expect", doc: "What a healthy answer looks like.",
    keys: [
      .init("status", .list(.text(.status), atLeast: 1), "[2xx]", "Statuses: `200`, or a class such as `2xx`."),
      .optional("body", .text(.nonEmpty), "Text that the first 64 KiB of the body must hold."),
    ])

  static let ejection = SectionTable(
    name: "ejection",
    doc: "Passive health checks. A connect failure, a reset, a timeout and the statuses 502, 503 and 504 count as failures.",
    keys: [
      .init("consecutive", .integer(0...10_000), "5", "Failures in a row that eject an endpoint; 0 never."),
      .init("failure_ratio", .number(0...1), "0", "Share of failures within `interval` that ejects an endpoint; 0 never."),
      .init("min_requests", .integer(1...1_000_000), "20", "Requests within `interval` below which `failure_ratio` does not count."),
      .init("interval", .duration(zero: nil), "10s", "Window of `failure_ratio`."),
      .init(
        "base_time", .duration(zero: nil), "30s",
        "Length of an endpoint's first ejection; each further one in a row is longer by as much again."),
      .init("max_time", .duration(zero: nil), "5m", "Length that no ejection exceeds."),
      .init("max_share", .number(0...1), "0.5", "Largest share of the endpoints that is ejected at once, rounded down."),
    ])

  static let upstreamLimits = SectionTable(
    name: "limits of an upstream", doc: "Circuit breaking, for the node: shared out among its workers.",
    keys: [
      .init("connections", .integer(1...1_000_000), "4096", "Connections to all endpoints together."),
      .init("pending", .integer(0...1_000_000), "4096", "Requests that wait for a connection."),
      .init("requests", .integer(1...1_000_000), "16384", "Requests under way at once, waiting ones included."),
    ])

  static let retries = SectionTable(
    name: "retries", doc: "Second chances. A request is never sent again once its body or the response head has been passed on.",
    keys: [
      .init(
        "on", .list(.text(.retryCondition), atLeast: 0), "[connect_failure, reset, refused_stream]",
        "What is tried again: `connect_failure`, `reset` (closed before the response head), `timeout` (no response head in time), "
          + "`refused_stream`, `gateway_error` (502, 503, 504), a status of 400 to 599 such as `503`, or a class such as `5xx`."),
      .init("attempts", .integer(1...10), "3", "Most tries of one request, the first one included; 1 never retries."),
      .init("budget", .section(retryBudget), "{}", "Bound on all retries together, so that they cannot bury a failing upstream."),
      .init(
        "unsafe_methods", .flag, "false",
        "Also retry methods that are not idempotent (RFC 9110 §9.2.2), such as POST, once they may have reached the upstream."),
    ])

  static let retryBudget = SectionTable(
    name: "budget", doc: "Bound on retries, per worker.",
    keys: [
      .init("ratio", .number(0...1), "0.2", "Retries per request, on average over ten seconds."),
      .init("min_per_second", .integer(0...100_000), "10", "Retries a second that are always allowed."),
    ])

  static let timeouts = SectionTable(
    name: "timeouts", doc: "How long an upstream may take; beyond it the client gets 504.",
    keys: [
      .init("connect", .duration(zero: nil), "2s", "TCP connection and TLS handshake."),
      .init("first_byte", .duration(zero: "no limit"), "30s", "From the request sent to the response head."),
      .init("idle", .duration(zero: "no limit"), "60s", "Longest pause within a response."),
      .init("request", .duration(zero: "no limit"), "0", "The whole request, all tries together."),
    ])

  static let keepalive = SectionTable(
    name: "keepalive", doc: "Connections kept for later requests, per worker.",
    keys: [
      .init("connections", .integer(0...100_000), "64", "Most idle connections to one endpoint; 0 keeps none."),
      .init("idle", .duration(zero: nil), "50s", "How long an idle connection is kept; shorter than what the upstream allows."),
    ])
}
