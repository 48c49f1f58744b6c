// The seam between a check's driver, which has the socket, and what is said over it: bytes in, bytes and an outcome out.
import Runtime

/// One protocol's part of a check. No I/O and no clock of its own.
protocol HealthConversation: AnyObject {
  /// The bytes that wait to be sent; they are the caller's from then on.
  func takeOutput() -> [UInt8]
  /// Bytes that came in; may be changed in place.
  /// - Returns: the outcome once it is known.
  func receive(_ p: Bytes, _ n: Int) -> HealthOutcome?
  /// The other side will send nothing more.
  func ended() -> HealthOutcome
}

enum HealthConversations {
  static let userAgent = "tidegate-health"

  /// - Returns: nil when a connection is all that is asked for.
  static func make(for target: HealthTarget) -> (any HealthConversation)? {
    switch target.check.kind {
    case .tcp: nil
    case .http: target.usesHTTP2 ? HTTP2Check(target) : HTTP1Check(target)
    case .grpc: HTTP2Check(target)
    }
  }
}
