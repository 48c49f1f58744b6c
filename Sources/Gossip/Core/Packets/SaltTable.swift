// Owns: whose packets are remembered, for how long, and when a sender that is not remembered may come in. Keys and ciphers are Opener's,
// which keeps one for each slot of this table.
import Runtime

/// Bounds of what a receiver remembers of senders.
public struct SaltTableLimits: Sendable, Equatable {
  /// Senders remembered; each takes about 600 bytes here and 1 KiB in libcrypto.
  public var sendersMax = 4_096
  /// How far the clock of a sender that is not remembered may be from this node's, either way, and how old a packet of it may be.
  /// Five minutes is what Kerberos allows (RFC 4120 §3.1.3).
  public var timeliness: Duration = .seconds(300)
  /// How much earlier than this node's start a packet of a sender that is not remembered may have been sent: the skew at which a node that
  /// has just started still hears everybody at once.
  public var startSlack: Duration = .seconds(10)

  public init() {}
}

/// The replay windows of the senders heard lately.
///
/// How recordings are kept out. A salt in the table: by its window. A salt not in the table comes in only with a packet sent within
/// `timeliness` T of now and not before this node started, and only after it authenticated; from then on nothing is taken of it that was
/// sent earlier than T before it came in. A salt leaves the table only for another, and only when all that was taken of it was sent more
/// than T ago: so none of that brings the salt in again, or is taken when something else did, whatever the sender's clock says. A packet is
/// taken twice only when this node's clock has jumped back, or by a node that restarted, for packets sent within `startSlack` (and the
/// sender's skew) before its start. What rides in packets has to be idempotent for that reason.
public struct SaltTable: Sendable {
  private struct Entry: Sendable {
    var salt: PacketSalt
    var window: ReplayWindow
    /// Wall seconds before which nothing is taken of it.
    var floor: Int64
    /// The latest time of sending among the packets taken, by the sender's clock.
    var sentAt: UInt32
  }

  public let limits: SaltTableLimits
  private let start: Int64
  private let slack: Int64
  private let tolerance: Int64
  private var entries: [Entry] = []
  // For look-up only; never walked through, since its order differs from process to process.
  private var slots: [PacketSalt: Int] = [:]

  /// - Parameters:
  ///   - start: wall time of this node's start.
  ///   - limits: at least one sender, and durations that are not negative.
  public init(start: WallTime, limits: SaltTableLimits = SaltTableLimits()) {
    precondition(limits.sendersMax > 0 && limits.timeliness >= .zero && limits.startSlack >= .zero, "limits of a salt table: \(limits)")
    self.limits = limits
    self.start = Int64(start.secondsSinceEpoch)
    // A second more, since a sender's second begins up to one second before it sent.
    slack = SaltTable.wholeSeconds(limits.startSlack) + 1
    tolerance = SaltTable.wholeSeconds(limits.timeliness)
  }

  private static func wholeSeconds(_ duration: Duration) -> Int64 { duration.wholeNanoseconds / 1_000_000_000 }

  /// Senders remembered.
  public var count: Int { entries.count }

  public func slot(of salt: PacketSalt) -> Int? { slots[salt] }

  /// Whether a counter of a remembered sender is new.
  public func isFresh(_ counter: UInt64, slot: Int) -> Bool { entries[slot].window.isFresh(counter) }

  /// Whether a packet of a remembered sender was not sent before those that could bring it in.
  public func isTimely(sentAt: UInt32, slot: Int) -> Bool { Int64(sentAt) >= entries[slot].floor }

  /// The highest counter taken from a remembered sender.
  public func newest(slot: Int) -> UInt64 { entries[slot].window.newest }

  /// Whether a packet of a sender that is not remembered was sent recently enough.
  public func isTimely(sentAt: UInt32, wall: WallTime) -> Bool {
    Int64(sentAt) >= floor(wall) && Int64(sentAt) - Int64(wall.secondsSinceEpoch) <= tolerance
  }

  /// Wall seconds before which nothing of a new sender is taken.
  private func floor(_ wall: WallTime) -> Int64 {
    let now = Int64(wall.secondsSinceEpoch)
    // A clock that was ahead at the start and was set right since does not shut everybody out until it is that late again.
    return max(min(start, now) - slack, now - tolerance)
  }

  /// Notes an authentic packet of a remembered sender.
  public mutating func mark(_ counter: UInt64, sentAt: UInt32, slot: Int) {
    entries[slot].window.mark(counter)
    entries[slot].sentAt = max(entries[slot].sentAt, sentAt)
  }

  /// Remembers a sender, by its first authentic packet.
  /// - Returns: its slot, below `sendersMax`; nil when a full table holds nobody whose packets have all grown too old.
  public mutating func admit(_ salt: PacketSalt, counter: UInt64, sentAt: UInt32, wall: WallTime) -> Int? {
    precondition(slots[salt] == nil, "a salt is admitted twice")
    let entry = Entry(salt: salt, window: ReplayWindow(first: counter), floor: floor(wall), sentAt: sentAt)
    if entries.count < limits.sendersMax {
      entries.append(entry)
      slots[salt] = entries.count - 1
      return entries.count - 1
    }
    var oldest = 0
    for at in entries.indices where entries[at].sentAt < entries[oldest].sentAt { oldest = at }
    guard Int64(entries[oldest].sentAt) < floor(wall) else { return nil }
    slots[entries[oldest].salt] = nil
    entries[oldest] = entry
    slots[salt] = oldest
    return oldest
  }
}
