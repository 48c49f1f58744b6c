// A node that did not run for a while, or was cut off, does not know what the others have appended to the log meanwhile. It doubts: until
// it has heard from each member that is there, after the doubt began, and knows what they know, what the log protects is not to be served.
import Runtime

/// A doubt that is not settled yet.
struct Doubt: Sendable {
  /// Told by whoever began it; named when it is over.
  var number: UInt64
  /// How much the logs of others knew when they answered a question that was asked after the doubt began. An older answer may have lain
  /// in a socket for as long as this node did not look.
  var heard: [MemberPosition] = []
  var askAt: UInt64

  /// Nanoseconds after which members that have not answered are asked again.
  static let askInterval: UInt64 = 50_000_000
}

extension SharedFacts {
  /// What the log protects is in doubt from now on; a doubt that is under way begins anew. `undoubted` says that it is over.
  public mutating func doubt(_ number: UInt64, now: FactTime) -> [FactEffect] {
    doubt = Doubt(number: number, askAt: now.monotonic)
    // What was asked before may never be answered.
    exchanging = nil
    return tick(now: now)
  }

  /// Whether this node may not have heard of all that the log says.
  public var isInDoubt: Bool { doubt != nil }

  /// What a member's log knows, said by it after the doubt began.
  mutating func note(_ member: MemberID, knows position: LogPosition) {
    guard doubt != nil else { return }
    if let at = doubt!.heard.firstIndex(where: { $0.member == member }) {
      doubt!.heard[at].position = max(doubt!.heard[at].position, position)
    } else {
      doubt!.heard.append(MemberPosition(member, position))
    }
  }

  /// Asks those that are awaited, or ends the doubt where nobody is.
  mutating func advanceDoubt(_ now: FactTime, _ effects: inout [FactEffect]) {
    guard let doubt else { return }
    let awaited = members.map(\.id).filter { id in
      guard let heard = doubt.heard.first(where: { $0.member == id }) else { return true }
      return log.syncedPosition(of: id) < heard.position
    }
    if awaited.isEmpty {
      self.doubt = nil
      return effects.append(.undoubted(doubt.number))
    }
    if now.monotonic < doubt.askAt { return }
    self.doubt!.askAt = now.monotonic &+ Doubt.askInterval
    effects.append(.probe(awaited))
  }
}
