// What an ended exchange tells whoever accounts for it, as plain values: nothing here allocates or makes a String.
import Runtime

extension UnsafeMutablePointer where Pointee == Exchange {
  /// The trace id (W3C trace context); the request id where nobody brought or sent one.
  @inline(__always) public var traceID: (UInt64, UInt64) {
    pointee.trace.0 | pointee.trace.1 == 0 ? pointee.requestID : pointee.trace
  }

  /// As `protocolName`.
  public var protocolText: StaticString {
    pointee.downstreamID != 0 ? "HTTP/2.0" : pointee.minor == 1 ? "HTTP/1.1" : "HTTP/1.0"
  }

  /// Whether another node asks: for a client of its own, whose request is accounted for there.
  @inline(__always) public var isOfPeer: Bool { pointee.downstream.map { $0.pointee.isPeerLink } ?? false }

  /// Whether the response was handed over whole; false when either side gave up on it.
  @inline(__always) public var isComplete: Bool { pointee.responseIsComplete }

  /// Where the last attempt went; nil when there was none. For `ExchangeObserver.exchangeEnded`, while the exchange still has its pool.
  ///
  /// SAFETY: an endpoint may have left its pool, and its memory may be gone, between the end of the attempt and that of the exchange
  /// (names resolved anew while an HTTP/2 client takes its time). Its address is therefore looked up among those that the pool
  /// still has before it is followed; one that was freed and given out again is then an endpoint of this same pool.
  public var upstreamAddress: SocketAddress? {
    guard let endpoint = pointee.endpoint, let pool = pointee.pool else { return nil }
    if pointee.isCounted { return endpoint.pointee.address }
    for slot in pool.pointee.slots where slot == endpoint { return endpoint.pointee.address }
    return nil
  }

  /// Nanoseconds from the request's last departure to the response's first byte; nil when no upstream answered.
  @inline(__always) public var firstByteElapsed: UInt64? {
    pointee.firstByte == 0 ? nil : pointee.firstByte &- pointee.upstreamStarted
  }
}
