// Owns the settings of one node as values, ready for use: every default filled in, every text parsed.
// `load` makes them (Configuration+Load.swift); what the keys mean is written in ConfigurationTable.
import Runtime

/// The settings of one node.
public struct Configuration: Sendable, Equatable {
  /// The file as it was named to `load`; paths inside the settings are already relative to its folder.
  public let file: String
  public let node: LocalNode
  public let cluster: Cluster?
  public let listeners: [Listener]
  public let admin: Admin
  /// In the order of the document; names are unique.
  public let upstreams: [Upstream]
  public let apis: [API]
  public let cache: CacheSizes
  /// Not in effect yet.
  public let throttle: Throttle?
  public let log: Log
  public let limits: Limits
  public let forwarding: Forwarding
  /// What `redactedJSON` gives.
  let redacted: String
  /// Of what all nodes of a cluster are to serve alike: APIs, upstreams, limits and what is forwarded; not of secrets.
  public let definitions: UInt64

  /// Every setting with its effective value as JSON, in the table's order, secrets as `"***"`.
  public func redactedJSON() -> String { redacted }

  /// The upstream of a name, or nil.
  public func upstream(named name: String) -> Upstream? { upstreams.first { $0.name == name } }

  public struct LocalNode: Sendable, Equatable {
    public var name: String
    /// Nil when the node has no zone.
    public var zone: String?
    /// Folder path.
    public var data: String
    /// At least 1; the number of processors when the document says 0 or nothing.
    public var workers: Int
    /// Zero closes at once.
    public var drain: Duration
  }

  public struct Cluster: Sendable, Equatable {
    public var name: String
    public var listen: HostPort
    public var advertise: HostPort?
    /// Not in effect yet.
    public var peer: HostPort?
    public var seeds: [String]
    /// Secrets: base64 of 32 bytes each.
    public var keys: [String]
  }

  public struct Listener: Sendable, Equatable {
    public var address: HostPort
    public var tls: ServerTLS?
    public var proxyProtocol: Bool
    /// HTTP/2 with prior knowledge on a listener without TLS.
    public var http2: Bool
  }

  public struct Certificate: Sendable, Equatable {
    /// PEM file paths.
    public var certificate: String
    public var key: String
  }

  public enum TLSVersion: String, Sendable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }

  public struct ServerTLS: Sendable, Equatable {
    public enum ClientMode: String, Sendable { case off, optional, required }

    /// At least one; the first one serves unknown names.
    public var certificates: [Certificate]
    public var clientMode: ClientMode
    /// PEM file path; never nil unless `clientMode` is `off`.
    public var clientTrust: String?
    public var minVersion: TLSVersion
    /// `h2` and `http/1.1` in order of preference.
    public var alpn: [String]
    /// Paths of 80-byte files; the first one seals.
    public var ticketKeys: [String]
  }

  public struct Admin: Sendable, Equatable {
    public var listen: HostPort
    /// A secret.
    public var token: String?
    public var tls: ServerTLS?
  }

  public struct Log: Sendable, Equatable {
    public enum Level: String, Sendable, CaseIterable { case debug, info, warning, error }

    /// File path; nil when there is no access log.
    public var access: String?
    public var level: Level
  }

  public struct Forwarding: Sendable, Equatable {
    public enum Mode: String, Sendable { case append, replace, off }

    public var trusted: [AddressRange]
    public var hops: Int
    public var mode: Mode
    /// Send `Forwarded` as well.
    public var forwarded: Bool
    public var via: Bool
  }

  /// Bytes that the tiers of the response cache may take; the disk's are nil where the document says nothing.
  public struct CacheSizes: Sendable, Equatable {
    public var ramBytes: Int
    public var diskBytes: Int?
    /// Nodes besides the owner that keep what is stored.
    public var replicas: Int
    /// Whether copies of hot keys of other nodes are kept for a moment.
    public var hotCopies: Bool
    /// Fetches for the cache under way at once.
    public var fills: Int
  }

  /// Not in effect yet.
  public struct Throttle: Sendable, Equatable {
    /// Requests a second.
    public var rate: Double
    public var burst: Int?
  }
}
