// Makes the stamps by which the later of two writes is told (Kulkarni et al. 2014): as close to wall time as the clock allows, and above
// whatever this node has seen. Keeping the last stamp over a restart is the caller's; who wins by a stamp is each fact's.

/// A node's hybrid clock.
///
/// A stamp is accepted only if it is at most `skewMax` ahead of this node's time. So a fast clock wins against a later write by `skewMax`
/// at the most, and only against one that had not seen its own: whoever has seen a stamp makes greater ones. Two seconds is a leap second
/// that one node counts and another does not, and as much again for clocks that NTP keeps (tens of milliseconds); a clock that nobody
/// keeps drifts by more within a day (50 ppm are 4.3 s) and is found.
public struct HybridClock: Sendable {
  /// Milliseconds by which a stamp may be ahead, unless the configuration says otherwise.
  public static let skewMaxDefault: UInt64 = 2_000

  /// Milliseconds by which an accepted stamp may be ahead of this node's time.
  public let skewMax: UInt64
  /// The greatest stamp made or accepted; to be kept over restarts before anything stamped is told.
  public private(set) var last: HybridStamp
  /// Stamps refused since the start because they were too far ahead.
  public private(set) var refusals: UInt64 = 0
  /// How this node's clock compares with the others', as of the last `review`.
  public private(set) var standing = ClockStanding.unknown
  private var survey = ClockSurvey()

  /// - Parameters:
  ///   - skewMax: milliseconds.
  ///   - notBefore: the last stamp of the node's previous life: every new one is greater, even if the clock was set back meanwhile.
  public init(skewMax: UInt64 = HybridClock.skewMaxDefault, notBefore: HybridStamp = .zero) {
    self.skewMax = skewMax
    last = notBefore
  }

  /// This node's time in milliseconds: its clock, or, while a majority finds that wrong by more than the bound, what the majority says.
  /// - Parameter now: the wall clock, nanoseconds since 1970.
  public func milliseconds(now: UInt64) -> UInt64 {
    let milliseconds = now / 1_000_000
    switch standing {
    case .unknown, .agrees, .disputed: return milliseconds
    case .fast(let by): return milliseconds - min(by, milliseconds)
    case .slow(let by):
      let (sum, overflow) = milliseconds.addingReportingOverflow(by)
      return overflow ? .max : sum
    }
  }

  /// A stamp above every earlier one.
  /// - Parameter now: the wall clock, nanoseconds since 1970.
  public mutating func stamp(now: UInt64) -> HybridStamp {
    last = max(HybridStamp(milliseconds: milliseconds(now: now)), last.next)
    return last
  }

  /// Milliseconds by which a stamp is too far ahead of this node's time; nil if it may be accepted.
  public func excess(_ remote: HybridStamp, now: UInt64) -> UInt64? {
    let (limit, overflow) = milliseconds(now: now).addingReportingOverflow(skewMax)
    if overflow || remote.milliseconds <= limit { return nil }
    return remote.milliseconds - limit
  }

  /// Takes note of a stamp that came from elsewhere, so that later ones made here are greater.
  /// - Returns: nil, or the milliseconds by which it is too far ahead: then nothing has changed but the count of refusals, and what it
  ///   stamps must not be taken over. Offered again when time has come that far, it is accepted.
  public mutating func observe(_ remote: HybridStamp, now: UInt64) -> UInt64? {
    if let excess = excess(remote, now: now) {
      refusals += 1
      return excess
    }
    last = max(last, remote)
    return nil
  }

  /// Takes note of another member's wall clock, which every probe and answer carries.
  /// - Parameters:
  ///   - theirs: milliseconds since 1970, uncorrected.
  ///   - now: this node's, nanoseconds.
  public mutating func note(_ member: MemberID, theirs: UInt64, now: UInt64) {
    survey.note(member, theirs: theirs, ours: now / 1_000_000)
  }

  /// A member that is no longer alive has no vote.
  public mutating func forget(_ member: MemberID) { survey.remove(member) }

  /// Draws the conclusion from the others' clocks; once a second suffices.
  /// - Parameter members: live members, this node included.
  /// - Returns: whether the standing has changed in kind, which is worth a line in the log.
  public mutating func review(members: Int) -> Bool {
    let before = standing
    standing = survey.standing(members: members, bound: skewMax)
    switch (before, standing) {
    case (.unknown, .unknown), (.agrees, .agrees), (.fast, .fast), (.slow, .slow), (.disputed, .disputed): return false
    case (.unknown, _), (.agrees, _), (.fast, _), (.slow, _), (.disputed, _): return true
    }
  }

  /// Comes back to this node's time after stamps were made, or kept from an earlier life, so far ahead that nobody accepts what follows
  /// them. The facts that bear such stamps are to be stamped anew (`Register.restamp`).
  /// - Returns: whether the clock was ahead by more than the bound.
  public mutating func stepBack(now: UInt64) -> Bool {
    guard excess(last, now: now) != nil else { return false }
    last = HybridStamp(milliseconds: milliseconds(now: now))
    return true
  }
}
