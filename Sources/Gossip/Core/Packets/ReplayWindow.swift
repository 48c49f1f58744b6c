// Owns: which of a sender's counters have been seen. Whether a packet is authentic is decided before one is marked.

/// A sliding window over counters (RFC 4303 §3.4.3), kept as a ring of words of which whole ones are cleared as it moves (RFC 6479).
///
/// A sender has one counter for all its peers, so that a receiver sees a fraction of the numbers and the window has to be as wide as what a
/// sender may send to everybody while one packet is late: 4,032 is 0.4 s at 10,000 packets a second.
public struct ReplayWindow: Sendable, Equatable {
  /// Bits of the ring. One word of them is being filled, so that the window is as wide as the others.
  static let bits = 4_096
  private static let words = bits / 64
  /// How far behind the newest counter one may be and still be told from a replay.
  public static let width = bits - 64

  /// The highest counter marked.
  public private(set) var newest: UInt64
  private var ring: [UInt64]

  /// A window that has seen one counter. Lower ones count as not seen yet.
  public init(first: UInt64) {
    newest = first
    ring = [UInt64](repeating: 0, count: ReplayWindow.words)
    mark(first)
  }

  /// Whether this counter is neither marked nor older than the window remembers.
  public func isFresh(_ counter: UInt64) -> Bool {
    if counter > newest { return true }
    if newest - counter >= UInt64(ReplayWindow.width) { return false }
    return ring[ReplayWindow.word(counter)] & ReplayWindow.bit(counter) == 0
  }

  /// Remembers a counter as seen.
  /// - Precondition: it is fresh.
  public mutating func mark(_ counter: UInt64) {
    if counter > newest {
      let steps = min((counter >> 6) - (newest >> 6), UInt64(ReplayWindow.words))
      var at = ReplayWindow.word(newest)
      for _ in 0..<steps {
        at = (at + 1) % ReplayWindow.words
        ring[at] = 0
      }
      newest = counter
    }
    ring[ReplayWindow.word(counter)] |= ReplayWindow.bit(counter)
  }

  private static func word(_ counter: UInt64) -> Int { Int(truncatingIfNeeded: (counter >> 6) % UInt64(words)) }
  private static func bit(_ counter: UInt64) -> UInt64 { 1 << (counter & 63) }
}
