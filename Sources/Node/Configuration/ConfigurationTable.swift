// Owns the one table of every configuration key: type, default and prose. Validation, docs/reference/configuration.md and
// the JSON Schema are made from it. Leaves rules between keys to ConfigurationRules.

enum ConfigurationTable {
  static let root = SectionTable(
    name: "(top level)",
    doc: "One YAML file configures one node.",
    keys: [
      .init("node", .section(node), "{}", "This process and its machine."),
      .optional("cluster", .section(cluster), "The other nodes. Without it the node stands alone."),
      .required("listeners", .list(.section(listener), atLeast: 1), "Where clients connect."),
      .init("admin", .section(admin), "{}", "The operator's listener."),
      .init("upstreams", .map(keys: .name, .section(upstream)), "{}", "Pools of servers that requests go to, by name."),
      .init("apis", .list(.section(api), atLeast: 0), "[]", "What is served, and by which upstream."),
      .init("cache", .section(cache), "{}", "The response cache."),
      .optional("throttle", .section(throttle), status: .notYet, "The rate limit of the whole node set."),
      .init("log", .section(log), "{}", "What is written down."),
      .init("limits", .section(limits), "{}", "What one client may cost. Each limit is answered with its status when it is hit."),
      .init("forwarding", .section(forwarding), "{}", "What upstreams are told about the client."),
    ])

  static let node = SectionTable(
    name: "node", doc: "This process and its machine.",
    keys: [
      .init("name", .text(.name), "tidegate", "Name of this node, unique in its cluster; it appears in logs and metrics."),
      .init(
        "zone", .text(.any), "\"\"",
        "Failure domain (rack, availability zone). Upstreams with `zone_aware` prefer endpoints of the same zone."),
      .init("data", .text(.path), "var", "Folder for what must survive a restart."),
      .init("workers", .integer(0...1024), "0", "Threads that serve requests; 0 is one for each processor of the machine."),
      .init("drain", .duration(zero: "close at once"), "30s", "How long requests that run may take to finish after SIGTERM or SIGINT."),
    ])

  static let cluster = SectionTable(
    name: "cluster", doc: "The other nodes.",
    keys: [
      .init("name", .text(.name), "tidegate", "Name of the cluster. Nodes that give it another name are refused."),
      .required("listen", .text(.listenAddress), "Address for gossip, UDP and TCP on one port."),
      .optional(
        "advertise", .text(.listenAddress),
        "Where the other nodes reach `listen`, when that is not the address itself. For `0.0.0.0` and `[::]` it is, unless set, the "
          + "address by which this machine reaches its first seed."),
      .optional("peer", .text(.listenAddress), status: .notYet, "TCP address for traffic between nodes, which uses `listen`."),
      .init(
        "seeds", .list(.text(.seed), atLeast: 0), "[]",
        "Nodes to join: `host:port`, or `dns:name:port` for every address of a name (`dns:_service._udp.name:1`: SRV records, which bring "
          + "the port). Asked again while the node is alone."),
      KeyEntry(
        "keys", .list(.text(.base64Key), atLeast: 1), required: true, secret: true,
        "Keys that all nodes share, base64 of 32 bytes (`tidegate keys generate`): the first one seals, all of them open. To change keys "
          + "add the new one behind the old everywhere, then put it first everywhere, then take the old one out; reload after each step."),
    ])

  static let listener = SectionTable(
    name: "listeners[]", doc: "One address that clients connect to.",
    keys: [
      .required("address", .text(.listenAddress), "IP address and port, `0.0.0.0:8080` or `[::]:8080`; port 0 lets the kernel choose."),
      .optional("tls", .section(serverTLS), "Speak TLS on this listener."),
      .init(
        "proxy_protocol", .flag, "false",
        "Expect the PROXY protocol (v1 or v2) before anything else. Connections without it are closed."),
      .init("http2", .flag, "true", "On a listener without TLS, speak HTTP/2 to clients that begin with its preface (RFC 9113 §3.3)."),
    ])

  static let serverTLS = SectionTable(
    name: "tls of a listener", doc: "TLS towards clients.",
    keys: [
      .required(
        "certificates", .list(.section(certificate), atLeast: 1),
        "Certificates, chosen by the server name that the client asks for, exact before wildcard; the first one serves everybody else."),
      .optional("client", .section(clientCertificates), "Client certificates."),
      .init("min_version", .choice(["1.2", "1.3"]), "\"1.2\"", "Oldest TLS version spoken."),
      .init(
        "alpn", .list(.choice(["h2", "http/1.1"]), atLeast: 1), "[h2, http/1.1]", "Protocols offered (RFC 7301), the preferred one first."),
      .init(
        "ticket_keys", .list(.text(.ticketKey), atLeast: 0), "[]",
        "At most 16 files of 80 random bytes for session tickets: the first seals, all open. By default the cluster's, else drawn at start."
      ),
    ])

  static let certificate = SectionTable(
    name: "certificates[]", doc: "A certificate and its key.",
    keys: [
      .required("certificate", .text(.certificate), "PEM file: the certificate, then its chain."),
      .required("key", .text(.privateKey), "PEM file: the private key."),
    ])

  static let clientCertificates = SectionTable(
    name: "client", doc: "Client certificates.",
    keys: [
      .required(
        "mode", .choice(["off", "optional", "required"]),
        "`off` asks for none, `optional` verifies one if it comes, `required` refuses clients without one."),
      .optional(
        "trust", .text(.certificate), "PEM file: the authorities that client certificates must come from. Needed unless `mode` is `off`."),
    ])

  static let admin = SectionTable(
    name: "admin", doc: "The operator's listener: health, metrics, statistics.",
    keys: [
      .init(
        "listen", .text(.listenAddress), "127.0.0.1:9901",
        "IP address and port. Beyond loopback it is refused without a `token` or required client certificates."),
      .optional("token", .text(.nonEmpty), secret: true, "Bearer token that every admin request must carry; best given as `${NAME}`."),
      .optional("tls", .section(serverTLS), "Speak TLS on the admin listener."),
    ])

  static let api = SectionTable(
    name: "apis[]", doc: "One API: hosts and routes.",
    keys: [
      .required("name", .text(.name), "Name in logs and metrics, unique in the file."),
      .init("protocol", .choice(["http"], refused: ["rest", "websocket"]), "http", "Flavour of the API, as AWS API Gateway has them."),
      .init(
        "hosts", .list(.text(.hostPattern), atLeast: 1), "[\"*\"]",
        "Hosts served: a name, `*.example.com`, or `*` for any; the most exact one wins. No two APIs share one."),
      .init(
        "routes", .map(keys: .routeKey, .section(route)), "{}",
        "Routes by key, as in AWS HTTP APIs: `GET /pets/{id}`, `ANY /files/{proxy+}`, `$default`."),
      .optional("throttle", .section(throttle), status: .notYet, "Rate limit of this API."),
      .optional("cache", .section(routeCache), "Caching of this API's routes; `{}` stores what responses themselves allow."),
      .optional("openapi", .text(.path), status: .refused, "OpenAPI definition to serve."),
      .optional("stages", .map(keys: .name, .section(stage)), status: .refused, "Stages of an OpenAPI definition."),
    ])

  static let stage = SectionTable(name: "stages", doc: "A stage of an OpenAPI definition.", keys: [])

  static let route = SectionTable(
    name: "routes", doc: "What answers a route: exactly one of `upstream` and `mock`.",
    keys: [
      .optional("upstream", .text(.name), "Name of the upstream that answers."),
      .optional("mock", .either(.integer(200...599), mock), "An answer made here: a status, or the long form."),
      .optional(
        "timeout", .duration(zero: nil), "Longest time for the whole request; without it the upstream's `timeouts.request` counts."),
      .optional("host", .text(.authority), "`Host` that the upstream sees, instead of what its own `host` says."),
      .optional("cache", .section(routeCache), "Caching of this route, instead of what its API says; only with `upstream`."),
      .optional("throttle", .section(throttle), status: .notYet, "Rate limit of this route."),
    ])

  static let mock = SectionTable(
    name: "mock", doc: "An answer made by the gateway itself.",
    keys: [
      .init("status", .integer(200...599), "200", "Status code."),
      .init(
        "headers", .map(keys: .fieldName, .text(.fieldValue)), "{}",
        "Header fields. `Content-Length` and hop-by-hop fields are the gateway's own."),
      .init("body", .text(.any), "\"\"", "Body, sent as it stands here."),
    ])

  static let throttle = SectionTable(
    name: "throttle", doc: "A token bucket.",
    keys: [
      .required("rate", .number(0...1_000_000_000), "Requests a second in the long run."),
      .optional("burst", .integer(1...1_000_000_000), "Most requests at once."),
    ])

  static let log = SectionTable(
    name: "log", doc: "What is written down.",
    keys: [
      .init("access", .text(.accessLog), "\"off\"", "File for one JSON line a request, or `off`. SIGUSR1 opens it anew after a rotation."),
      .init("level", .choice(["debug", "info", "warning", "error"]), "info", "Least severity of the node's own log on standard error."),
    ])

  static let forwarding = SectionTable(
    name: "forwarding", doc: "What upstreams are told about the client, and whom we believe about it.",
    keys: [
      .init(
        "trusted", .list(.text(.network), atLeast: 0), "[]",
        "Networks of proxies in front of us. What `X-Forwarded-*` and `Forwarded` say is believed from them only and dropped otherwise."),
      .init(
        "hops", .integer(0...32), "0",
        "Proxies in front of us on every way: so many entries from the right of `X-Forwarded-For` are believed without being in `trusted`."
      ),
      .init(
        "mode", .choice(["append", "replace", "off"]), "append",
        "`append` extends what a believed proxy said, `replace` starts anew with our own peer, `off` sends no `X-Forwarded-*`."),
      .init("forwarded", .flag, "false", "Send `Forwarded` (RFC 7239) as well."),
      .init("via", .flag, "true", "Add ourselves to `Via` (RFC 9110 §7.6.3)."),
    ])
}
