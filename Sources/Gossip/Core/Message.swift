// What nodes say to each other about membership, one message a part of a datagram. The encoding is in Message+Wire.swift.
import Runtime

/// A message of membership.
public enum Message: Hashable, Sendable {
  /// Asks whether `target` lives; nil asks whoever has the address. `digest` is that of the sender's view.
  case ping(number: UInt32, from: MemberID, target: MemberID?, digest: UInt64)
  /// Asks a helper to ping `target` at its address and to say what came of it.
  case pingRequest(number: UInt32, from: MemberID, target: MemberID)
  /// `from` lives; a helper passes the target's on.
  case ack(number: UInt32, from: MemberID, digest: UInt64)
  /// The helper has no answer yet, but is well itself (Lifeguard §IV-A).
  case nack(number: UInt32, from: MemberID)
  /// Statements without a record: suspect, dead, left.
  case rumours([Rumour])
  /// Statements with the member's record: alive.
  case statements([MemberStatement])
}

/// Messages that go to one address in one datagram.
public struct Outgoing: Hashable, Sendable {
  public var address: SocketAddress
  public var messages: [Message]
}
