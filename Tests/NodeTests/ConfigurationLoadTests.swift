import Testing

@testable import Node

@Suite struct ConfigurationLoadTests {
  @Test func theLeastDocumentHasEveryDefault() throws {
    let configuration = try #require(ConfigurationVectors.load(ConfigurationVectors.good("minimal")).configuration)
    #expect(configuration.node.name == "tidegate")
    #expect(configuration.node.zone == nil)
    #expect(configuration.node.workers >= 1)
    #expect(configuration.node.drain == .seconds(30))
    #expect(configuration.listeners == [.init(address: .init(host: "127.0.0.1", port: 8080), tls: nil, proxyProtocol: false, http2: true)])
    #expect(configuration.admin == .init(listen: .init(host: "127.0.0.1", port: 9901), token: nil, tls: nil))
    #expect(configuration.upstreams.isEmpty && configuration.apis.isEmpty && configuration.cluster == nil)
    #expect(configuration.log == .init(access: nil, level: .info))
    #expect(configuration.limits.targetBytes == 8192)
    #expect(configuration.limits.headerBytes == 65_536)
    #expect(configuration.limits.headerCount == 128)
    #expect(configuration.limits.bodyBytes == 0)
    #expect(configuration.limits.http2 == .init(maxStreams: 128, controlFrames: 400, streamBufferBytes: 131_072))
    #expect(configuration.forwarding == .init(trusted: [], hops: 0, mode: .append, forwarded: false, via: true))
  }

  @Test func theContractOfTheKeysLoads() throws {
    let configuration = try #require(ConfigurationVectors.load(ConfigurationVectors.good("contract")).configuration)
    #expect(configuration.node == .init(name: "edge-1", zone: "a", data: "var/edge-1", workers: 2, drain: .seconds(30)))
    let tls = try #require(configuration.listeners[1].tls)
    #expect(tls.certificates == [.init(certificate: "cert.pem", key: "key.pem")])
    #expect(tls.clientMode == .optional && tls.clientTrust == "ca.pem" && tls.minVersion == .tls12 && tls.alpn == ["h2", "http/1.1"])
    let catalog = try #require(configuration.upstream(named: "catalog"))
    #expect(
      catalog.endpoints == [
        .init(address: .host(.init(host: "127.0.0.1", port: 9001)), weight: 1, zone: nil, priority: 0),
        .init(address: .host(.init(host: "127.0.0.1", port: 9002)), weight: 2, zone: "b", priority: 0),
      ])
    #expect(catalog.balance == .leastRequests)
    let health = try #require(catalog.health)
    #expect(health.check == .http(path: "/health", statuses: StatusSet([200...299]), body: nil))
    #expect(health.interval == .seconds(2) && health.timeout == .milliseconds(500) && health.healthy == 2 && health.unhealthy == 3)
    #expect(configuration.apis.count == 1)
    #expect(configuration.apis[0].routes.map(\.key) == ["GET /products/{id}", "$default"])
    #expect(configuration.apis[0].routes[0].timeout == .seconds(5))
    #expect(configuration.apis[0].routes[0].cache?.defaultTTL == .seconds(60))
    #expect(configuration.cache == .init(ramBytes: 256 << 20, diskBytes: 4 << 30, replicas: 1, hotCopies: true, fills: 1_024))
    #expect(configuration.log == .init(access: "var/access.log", level: .info))
  }

  @Test func theContractWithItsOpenAPIPartIsRefusedAtThatPartAlone() {
    let part = "  - openapi: petstore.yaml           # a later issue\n    stages: { prod: {} }\n"
    let document = ConfigurationVectors.good("contract").replacing("cache:    {", with: part + "cache:    {")
    #expect(ConfigurationVectors.load(document).faults.map(\.path) == ["apis[1].openapi", "apis[1].stages"])
  }

  @Test func everyKeyOfAnUpstreamReachesItsSetting() throws {
    let configuration = try #require(ConfigurationVectors.load(ConfigurationVectors.good("every-key")).configuration)
    let catalog = try #require(configuration.upstream(named: "catalog"))
    #expect(
      catalog.endpoints.map(\.address) == [
        .host(.init(host: "127.0.0.1", port: 9001)), .host(.init(host: "2001:db8::1", port: 9002)), .service("_http._tcp.catalog.internal"),
      ])
    #expect(catalog.endpoints[1].priority == 1)
    #expect(
      catalog.tls
        == .init(
          verify: true, serverName: "catalog.internal", trust: "ca.pem",
          clientCertificate: .init(certificate: "client.pem", key: "client.key")))
    #expect(catalog.balance == .hash(on: .header("X-Session"), loadBound: 1.5))
    #expect(
      catalog.health
        == .init(
          check: .http(path: "/health?deep=1", statuses: StatusSet([200...299, 301...301]), body: "fine"), host: "health.internal",
          interval: .seconds(2), timeout: .milliseconds(500), jitter: 0.25, healthy: 1, unhealthy: 4))
    #expect(
      catalog.ejection
        == .init(
          consecutive: 7, failureRatio: 0.4, minRequests: 9, interval: .seconds(11), baseTime: .seconds(12), maxTime: .seconds(780),
          maxShare: 0.3))
    #expect(catalog.panicThreshold == 0.2)
    #expect(catalog.limits == .init(connections: 11, pending: 0, requests: 13))
    #expect(
      catalog.retries
        == .init(
          onConnectFailure: true, onReset: false, onTimeout: true, onRefusedStream: false,
          onStatuses: StatusSet([429...429, 502...504]), attempts: 2, budgetRatio: 0.1, budgetMinPerSecond: 3, unsafeMethods: true))
    #expect(
      catalog.timeouts
        == .init(connect: .milliseconds(250), firstByte: .seconds(3), idle: .seconds(4), request: .seconds(5)))
    #expect(catalog.slowStart == .seconds(20) && catalog.keepalive == .init(connections: 5, idle: .seconds(6)))
    #expect(!catalog.zoneAware && catalog.host == .endpoint && catalog.protocol == .http1)
    let greeter = try #require(configuration.upstream(named: "greeter"))
    #expect(greeter.protocol == .http2 && greeter.balance == .peakEWMA && greeter.tls == nil)
    #expect(greeter.health?.check == .grpc(service: "greeter.Greeter"))
  }

  @Test func everyOtherKeyReachesItsSetting() throws {
    let configuration = try #require(ConfigurationVectors.load(ConfigurationVectors.good("every-key")).configuration)
    #expect(configuration.listeners[0] == .init(address: .init(host: "::", port: 8080), tls: nil, proxyProtocol: true, http2: false))
    let tls = try #require(configuration.admin.tls)
    #expect(tls == configuration.listeners[1].tls, "an alias stands for the same value")
    #expect(tls.minVersion == .tls13 && tls.clientMode == .required && tls.ticketKeys == ["tickets/new", "tickets/old"])
    #expect(tls.certificates[1] == .init(certificate: "other.pem", key: "/etc/tidegate/other.key"))
    #expect(configuration.admin.token == "a-token-that-nobody-guesses")
    #expect(configuration.apis[0].hosts == ["shop.example.com", "*.example.org"])
    let routes = configuration.apis[0].routes
    #expect(routes[0].host == "products.internal:8080" && routes[0].throttle == .init(rate: 0.5, burst: 10))
    #expect(routes[1].integration == .upstream("greeter"))
    let fields: [Configuration.Field] = [.init(name: "Content-Type", value: "text/plain"), .init(name: "X-Empty", value: "")]
    #expect(routes[2].integration == .mock(.init(status: 203, headers: fields, body: "costs $5\n")))
    #expect(routes[3].integration == .mock(.init(status: 410, headers: [], body: "")))
    #expect(configuration.limits.bodyBytes == 10_000_000 && configuration.limits.tunnelTimeout == .seconds(480))
    #expect(configuration.limits.http2 == .init(maxStreams: 50, controlFrames: 100, streamBufferBytes: 65_536))
    #expect(configuration.forwarding.trusted.map(\.description) == ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"])
    #expect(configuration.forwarding.hops == 2 && configuration.forwarding.mode == .replace)
    #expect(configuration.forwarding.forwarded && !configuration.forwarding.via)
    #expect(configuration.cluster?.listen == .init(host: "127.0.0.1", port: 7946))
    #expect(configuration.throttle == .init(rate: 1000, burst: nil))
  }

  @Test(arguments: [
    ("hash", Configuration.Balance.hash(on: .client, loadBound: 1.25)), ("round_robin", .roundRobin),
    ("{ policy: hash, on: cookie, name: sid }", .hash(on: .cookie("sid"), loadBound: 1.25)),
    ("{ policy: hash, on: path }", .hash(on: .path, loadBound: 1.25)), ("{ policy: peak_ewma }", .peakEWMA),
  ])
  func aPolicyHasAShortAndALongForm(_ text: String, _ expected: Configuration.Balance) {
    let document = "listeners: [{ address: 127.0.0.1:80 }]\nupstreams: { a: { endpoints: [127.0.0.1:1], balance: \(text) } }\n"
    #expect(ConfigurationVectors.load(document).configuration?.upstreams.first?.balance == expected)
  }

  @Test func theSameTextGivesEqualConfigurations() {
    let text = ConfigurationVectors.good("every-key")
    #expect(ConfigurationVectors.load(text) == ConfigurationVectors.load(text))
    #expect(ConfigurationVectors.load(text) != ConfigurationVectors.load(text.replacing("hops: 2", with: "hops: 3")))
  }

  @Test func theRedactedJSONShowsDefaultsAndHidesSecrets() throws {
    let text = ConfigurationVectors.good("every-key").replacing("a-token-that-nobody-guesses", with: "${SECRET}-and-more-of-it")
    let json = try #require(ConfigurationVectors.load(text).configuration).redactedJSON()
    #expect(!json.contains("hunter2") && !json.contains("AAECAwQFBgcICQoL"))
    #expect(json.contains("\"token\": \"***\"") && json.contains("\"keys\": [\"***\"]"))
    #expect(json.contains("\"first_byte\": \"30s\""), "a default of the second upstream")
    #expect(json.contains("\"body\": \"costs $5\\n\""))
  }
}
