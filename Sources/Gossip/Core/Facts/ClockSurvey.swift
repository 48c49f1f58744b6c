// What a node learns of its own clock from the clocks of the others. Reading clocks is the driver's; what follows from the standing is
// HybridClock's.

/// How a node's clock compares with those of the cluster.
public enum ClockStanding: Equatable, Sendable {
  /// Too few members have been heard to know.
  case unknown
  /// A majority, this node included, agrees within the bound.
  case agrees
  /// A majority is behind this node by more than the bound: this clock is fast, by so much as their median says.
  case fast(milliseconds: UInt64)
  /// A majority is ahead of this node by more than the bound.
  case slow(milliseconds: UInt64)
  /// Enough were heard, and no majority agrees on anything. Nobody knows the time; the operator must.
  case disputed
}

/// Offsets of the others' clocks, from the wall times that their messages carry.
public struct ClockSurvey: Sendable {
  private struct Peer: Sendable {
    var member: MemberID
    var offsets: [Int64]
    var next: Int

    /// Travel and waiting only make a clock look slower than it is, so the greatest of the last few offsets is the truest (the minimum
    /// filter of NTP, RFC 5905 §10).
    var offset: Int64 { offsets.max() ?? 0 }
  }

  /// Offsets kept of each member.
  public static let samplesMax = 8
  public static let peersMax = 4_096

  private var peers: [Peer] = []

  public init() {}

  public var count: Int { peers.count }

  /// Takes note of another's clock.
  /// - Parameters:
  ///   - theirs: its wall clock as the message says, uncorrected, milliseconds since 1970.
  ///   - ours: this node's, uncorrected, when the message was read.
  public mutating func note(_ member: MemberID, theirs: UInt64, ours: UInt64) {
    let most = UInt64(Int64.max / 2)
    let offset = Int64(min(theirs, most)) - Int64(min(ours, most))
    let at = place(of: member)
    guard at < peers.count, peers[at].member == member else {
      if peers.count < ClockSurvey.peersMax { peers.insert(Peer(member: member, offsets: [offset], next: 0), at: at) }
      return
    }
    if peers[at].offsets.count < ClockSurvey.samplesMax {
      peers[at].offsets.append(offset)
    } else {
      peers[at].offsets[peers[at].next] = offset
      peers[at].next = (peers[at].next + 1) % ClockSurvey.samplesMax
    }
  }

  /// Forgets a member that is no longer alive: the dead have no vote.
  public mutating func remove(_ member: MemberID) {
    let at = place(of: member)
    if at < peers.count, peers[at].member == member { peers.remove(at: at) }
  }

  /// - Parameters:
  ///   - members: live members, this node included; a majority is more than half of them.
  ///   - bound: milliseconds by which clocks may differ and still agree.
  public func standing(members: Int, bound: UInt64) -> ClockStanding {
    let offsets = peers.map(\.offset).sorted()
    let limit = Int64(clamping: bound)
    let behind = offsets.filter { $0 < -limit }
    let ahead = offsets.filter { $0 > limit }
    let voters = max(members, offsets.count + 1)
    if behind.count * 2 > voters { return .fast(milliseconds: behind[behind.count / 2].magnitude) }
    if ahead.count * 2 > voters { return .slow(milliseconds: ahead[ahead.count / 2].magnitude) }
    if (offsets.count - behind.count - ahead.count + 1) * 2 > voters { return .agrees }
    return (offsets.count + 1) * 2 > voters ? .disputed : .unknown
  }

  private func place(of member: MemberID) -> Int {
    var (low, high) = (0, peers.count)
    while low < high {
      let middle = (low + high) / 2
      if peers[middle].member < member { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
