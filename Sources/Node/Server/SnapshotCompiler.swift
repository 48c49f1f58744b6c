// Owns the way from a configuration to what the engine serves by: certificates loaded, routes compiled, options in the engine's words.
// Publishing it is Server's.
import Gateway
import Proxy
import Runtime

/// A compiled configuration that is not published yet.
struct CompiledConfiguration {
  let configuration: Configuration
  let apis: HTTPAPISet
  let upstreams: [UpstreamOptions]
  let listeners: [ListenerOptions]
  let admin: ListenerOptions
  let limits: Limits
  let forwarding: ForwardingOptions

  /// - Parameter peers: the other nodes: their upstream comes first, their listener last.
  func snapshot(observer: ExchangeObserver, cache: CacheService, peers: ClusterPeers?, revision: UInt64) -> Snapshot {
    let upstreams = (peers.map { [$0.upstreamOptions] } ?? []) + self.upstreams
    let listeners = self.listeners + (peers.map { [$0.listenerOptions] } ?? [])
    let application = GatewayApplication(
      apis, upstreams: upstreams.map(\.name), observer: observer, cache: cache, peerListener: peers == nil ? -1 : listeners.count - 1,
      definitions: configuration.definitions)
    return Snapshot(
      application: application, upstreams: upstreams, listeners: listeners, limits: limits, forwarding: forwarding, revision: revision)
  }
}

/// What only shows when files are opened and routes compiled.
struct CompileFault: Error, CustomStringConvertible {
  let description: String
}

/// Compiles configurations one after the other; ticket keys that nobody configured live on from one to the next, so that a reload keeps
/// clients' sessions good.
final class SnapshotCompiler {
  private var rings: [String: TLSTicketKeyRing] = [:]
  /// The keys of all listeners of a node in a cluster, so that a session resumes on any node: its own until the cluster has some.
  let clusterTickets = TLSTicketKeyRing()
  private var isClustered = false
  /// Contexts by settings and contents of the files that they name: an upstream that did not change keeps its connections.
  private var clients: [String: TLSClientContext] = [:]

  /// Judges the route keys of one API as the configuration loader asks.
  static func checkRouteKeys(_ keys: [String]) -> [(index: Int, reason: String)] {
    var faults: [(index: Int, reason: String)] = []
    let routes = keys.map { (key: $0, integration: Integration.mock(status: 200, fields: [], body: [])) }
    do throws(HTTPAPIFaults) {
      _ = try HTTPAPISet.compile([HTTPAPIDefinition(name: "api", hosts: ["*"], routes: routes)], upstreams: [])
    } catch {
      for fault in error.faults {
        if case .routeKey(let index) = fault.place { faults.append((index, fault.message)) }
      }
    }
    return faults
  }

  func compile(_ configuration: Configuration) throws(CompileFault) -> CompiledConfiguration {
    let zone = configuration.node.zone
    var upstreams: [UpstreamOptions] = []
    for upstream in configuration.upstreams {
      upstreams.append(UpstreamOptions(upstream, zone: zone, tls: try clientContext(upstream)))
    }
    isClustered = configuration.cluster != nil
    var listeners: [ListenerOptions] = []
    for listener in configuration.listeners { listeners.append(try compile(listener)) }
    let admin = ListenerOptions(
      address: configuration.admin.listen.description, port: configuration.admin.listen.port,
      tls: try compile(configuration.admin.tls, "admin"))
    return CompiledConfiguration(
      configuration: configuration, apis: try compile(configuration.apis, upstreams.map(\.name)), upstreams: upstreams,
      listeners: listeners, admin: admin, limits: Limits(configuration.limits),
      forwarding: ForwardingOptions(configuration.forwarding))
  }

  private func compile(_ listener: Configuration.Listener) throws(CompileFault) -> ListenerOptions {
    ListenerOptions(
      address: listener.address.description, port: listener.address.port,
      tls: try compile(listener.tls, listener.address.description), proxyProtocol: listener.proxyProtocol, http2: listener.http2)
  }

  private func compile(_ tls: Configuration.ServerTLS?, _ place: String) throws(CompileFault) -> TLSServerContext? {
    guard let tls else { return nil }
    let mode: TLSServerOptions.ClientMode
    switch tls.clientMode {
    case .off: mode = .off
    case .optional: mode = .optional
    case .required: mode = .required
    }
    let keys = try tls.ticketKeys.map { path throws(CompileFault) in
      guard let bytes = try? NamedFile.read(path, bytesMax: 4096).get(), let key = TicketKey(bytes: bytes) else {
        throw CompileFault(description: "\(path): a ticket key is a file of 80 bytes")
      }
      return key
    }
    let options = TLSServerOptions(
      certificates: tls.certificates.map { TLSCertificateFiles(certificatePath: $0.certificate, keyPath: $0.key) },
      clientMode: mode, clientTrustPath: tls.clientTrust, minVersion: tls.minVersion == .tls13 ? .tls13 : .tls12, alpn: tls.alpn,
      ticketKeys: keys)
    do throws(TLSFault) {
      if !keys.isEmpty { return try TLSServerContext(options) }
      let ring = isClustered ? clusterTickets : rings[place] ?? TLSTicketKeyRing()
      rings[place] = ring
      return try TLSServerContext(options, tickets: ring)
    } catch {
      throw CompileFault(description: "\(place): \(error)")
    }
  }

  private func clientContext(_ upstream: Configuration.Upstream) throws(CompileFault) -> TLSClientContext? {
    guard let settings = upstream.tls else { return nil }
    let paths = [settings.trust, settings.clientCertificate?.certificate, settings.clientCertificate?.key].compactMap { $0 }
    let contents = paths.map { path in
      (try? NamedFile.read(path, bytesMax: 4 << 20).get()).map { $0.withUnsafeBytes { StableHash.hash($0) } } ?? 0
    }
    let key = "\(settings) \(upstream.protocol) \(contents)"
    if let known = clients[key] { return known }
    do throws(TLSFault) {
      let context = try TLSClientContext(
        TLSClientOptions(
          verify: settings.verify, trustPath: settings.trust,
          certificate: settings.clientCertificate.map { TLSCertificateFiles(certificatePath: $0.certificate, keyPath: $0.key) },
          alpn: upstream.protocol == .http2 ? ["h2"] : ["http/1.1"]))
      clients[key] = context
      return context
    } catch {
      throw CompileFault(description: "upstreams.\(upstream.name).tls: \(error)")
    }
  }

  private func compile(_ apis: [Configuration.API], _ upstreams: [String]) throws(CompileFault) -> HTTPAPISet {
    let definitions = apis.map { api in
      HTTPAPIDefinition(
        name: api.name, hosts: api.hosts,
        routes: api.routes.map { route in
          switch route.integration {
          case .upstream(let name):
            (
              route.key,
              .upstream(
                name: name, timeoutNanoseconds: route.timeout?.wholeNanoseconds, host: route.host,
                caching: RouteCaching(route.cache ?? api.cache, api: api.name))
            )
          case .mock(let mock):
            (route.key, .mock(status: mock.status, fields: mock.headers.map { ($0.name, $0.value) }, body: Array(mock.body.utf8)))
          }
        })
    }
    do throws(HTTPAPIFaults) {
      return try HTTPAPISet.compile(definitions, upstreams: Set(upstreams))
    } catch {
      throw CompileFault(description: error.faults.map(\.description).joined(separator: "\n"))
    }
  }
}
