// What the engine can be told: listeners, limits, forwarding, upstreams. Plain values; the Node room makes them from the
// configuration and documents the keys.
import Runtime

/// Bounds of the engine, each answered with its own status when it is hit.
public struct Limits: Sendable, Equatable {
  /// Longest request target in bytes (414).
  public var targetBytesMax = 8192
  /// Largest field section in bytes (431); at most 256 KiB.
  public var headBytesMax = 65536
  /// Most field lines (431); at most 256.
  public var fieldsMax = 128
  /// Largest request body in bytes (413); 0: any size.
  public var bodyBytesMax = 0
  /// A request head must be complete this long after its first byte, nanoseconds (408).
  public var headTimeout: UInt64 = 10_000_000_000
  /// Longest pause between two parts of a request body, or of a client taking a response, nanoseconds (408 or close).
  public var bodyTimeout: UInt64 = 30_000_000_000
  /// How long a connection may be idle between requests, nanoseconds.
  public var idleTimeout: UInt64 = 75_000_000_000
  /// How long a tunnel (Upgrade) may be silent, nanoseconds.
  public var tunnelTimeout: UInt64 = 3_600_000_000_000
  /// Downstream connections per worker; beyond, the oldest rule holds: not accepted until one closes.
  public var connectionsMax = 65536
  /// Streams that one HTTP/2 client may have open.
  public var http2StreamsMax = 128
  /// Resets, PINGs, SETTINGS and empty frames that an HTTP/2 client may send in one second before it is sent away.
  public var http2NuisanceMax = 400
  /// Bytes that may wait for a slow reader on one HTTP/2 stream before its source is paused.
  public var streamBufferBytes = 131_072

  public init() {}

  var head: HeadLimits {
    HeadLimits(targetBytesMax: targetBytesMax, headBytesMax: headBytesMax, fieldsMax: min(fieldsMax, MessageHead.receivedMax))
  }
}

/// A listener as the engine needs it; its sockets come separately, one per worker.
public struct ListenerOptions: Sendable {
  /// The address as configured; names the listener over reloads.
  public var address: String
  public var port: UInt16
  public var tls: TLSServerContext?
  public var proxyProtocol: Bool
  /// HTTP/2 with prior knowledge on a plain listener, or by ALPN on a TLS listener.
  public var http2: Bool

  public init(address: String, port: UInt16, tls: TLSServerContext? = nil, proxyProtocol: Bool = false, http2: Bool = true) {
    self.address = address
    self.port = port
    self.tls = tls
    self.proxyProtocol = proxyProtocol
    self.http2 = http2
  }
}

/// What is said of the client to the upstream.
public struct ForwardingOptions: Sendable {
  /// Peers whose `X-Forwarded-*`, `Forwarded`, `X-Request-Id` are believed and added to; others' are replaced.
  public var trusted: [AddressRange]
  /// Also send `Forwarded` (RFC 7239).
  public var sendsForwarded: Bool
  /// The name in `Via` (RFC 9110 §7.6.3); empty: no `Via`.
  public var via: String
  /// What becomes of `X-Forwarded-*`: a trusted hop's are added to, everyone's are replaced, or none is sent.
  public var mode: Mode
  /// Proxies in front of us on every way: so many entries of `X-Forwarded-For` are believed, counted from the right.
  public var hops: Int

  public enum Mode: Sendable {
    case append, replace, off
  }

  public init(
    trusted: [AddressRange] = [], sendsForwarded: Bool = false, via: String = "tidegate", mode: Mode = .append,
    hops: Int = 0
  ) {
    self.trusted = trusted
    self.mode = mode
    self.hops = hops
    self.sendsForwarded = sendsForwarded
    self.via = via
  }
}
