// How long a member stays suspect before it is taken for dead: long while one node alone says so, short when others find the same
// (Lifeguard §IV-B, "Local Health Aware Suspicion").
import Glibc

/// Bounds of a suspicion.
public struct SuspicionTimeout: Sendable, Equatable {
  /// Nanoseconds when it is fully confirmed.
  public var least: UInt64
  /// Nanoseconds while nobody has confirmed it.
  public var most: UInt64
  /// Independent confirmations after which waiting longer teaches nothing.
  public var confirmationsWanted: Int

  /// - Precondition: `least` is not above `most`.
  public init(least: UInt64, most: UInt64, confirmationsWanted: Int) {
    precondition(least <= most, "a least timeout of \(least) ns is above the most, \(most) ns")
    self.least = least
    self.most = most
    self.confirmationsWanted = max(confirmationsWanted, 0)
  }

  /// Nanoseconds after which a suspicion with so many confirmations has lasted long enough:
  /// `most - (most - least) * log(c + 1) / log(k + 1)`. With nobody to ask (k = 0) it is `least`.
  public func duration(confirmations: Int) -> UInt64 {
    if confirmations >= confirmationsWanted { return least }
    let share = log(Double(confirmations + 1)) / log(Double(confirmationsWanted + 1))
    return most - UInt64(Double(most - least) * share)
  }
}

/// One member under suspicion.
public struct Suspicion: Sendable, Equatable {
  public let timeout: SuspicionTimeout
  /// The first accuser, then those that confirmed it, each once.
  public private(set) var accusers: [MemberID]
  /// Monotonic nanoseconds; moved on by `extend`.
  public private(set) var started: UInt64

  public init(_ timeout: SuspicionTimeout, by accuser: MemberID, now: UInt64) {
    self.timeout = timeout
    accusers = [accuser]
    started = now
  }

  /// Takes note of another accuser.
  /// - Returns: whether it was a new one that counts, so that the news is worth passing on.
  public mutating func confirm(by accuser: MemberID) -> Bool {
    if accusers.count > timeout.confirmationsWanted || accusers.contains(accuser) { return false }
    accusers.append(accuser)
    return true
  }

  /// Time in which this node did not run does not count against anybody.
  public mutating func extend(byNanoseconds late: UInt64) {
    let (sum, overflow) = started.addingReportingOverflow(late)
    started = overflow ? .max : sum
  }

  /// When the member is dead, if nothing is heard of it by then.
  public var deadline: UInt64 {
    let (sum, overflow) = started.addingReportingOverflow(timeout.duration(confirmations: accusers.count - 1))
    return overflow ? .max : sum
  }
}
