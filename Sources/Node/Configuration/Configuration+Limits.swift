// Owns the bounds on what one client may cost.

extension Configuration {
  public struct Limits: Sendable, Equatable {
    public var targetBytes: Int
    /// At most 256 KiB.
    public var headerBytes: Int
    /// At most 256.
    public var headerCount: Int
    /// 0 is no limit.
    public var bodyBytes: Int
    public var headTimeout: Duration
    /// Also of a client that takes a response.
    public var bodyTimeout: Duration
    public var idleTimeout: Duration
    public var tunnelTimeout: Duration
    /// For each worker.
    public var connections: Int
    public var http2: HTTP2Limits
  }

  public struct HTTP2Limits: Sendable, Equatable {
    public var maxStreams: Int
    /// Resets, PING, SETTINGS, PRIORITY and empty frames in one second.
    public var controlFrames: Int
    /// For each stream and direction.
    public var streamBufferBytes: Int
  }
}
