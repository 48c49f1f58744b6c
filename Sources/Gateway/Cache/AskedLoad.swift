// Which other nodes a worker has asked how often of late, and which of them were slow: consistent hashing with bounded loads (Mirrokni,
// Thorup and Zadimoghaddam, SODA 2018), by what the asking worker itself has seen. Pure.

/// The questions of one worker in a window of time.
struct AskedLoad {
  /// A node is asked for more than its share beyond this multiple of the average of the nodes that are asked.
  static let bound = 1.25
  /// Questions in a window before anybody's share is looked at: of fewer the peak says nothing.
  static let countMin = 256
  static let windowMilliseconds: Int64 = 1_000
  static let slowMilliseconds: Int64 = 1_000

  private var counts: [UInt64: Int] = [:]
  /// Those of the window before count half.
  private var before: [UInt64: Int] = [:]
  private var sum = 0
  private var begun: Int64 = -1 << 62
  private var slow: [UInt64: Int64] = [:]

  /// An endpoint is asked for something.
  mutating func note(_ endpoint: UInt64, now: Int64) {
    if begun > now || now &- begun >= AskedLoad.windowMilliseconds {
      let isNext = begun <= now && now &- begun < 2 * AskedLoad.windowMilliseconds
      before = isNext ? counts : [:]
      counts = [:]
      begun = now
      sum = before.values.reduce(0, +) / 2
    }
    counts[endpoint, default: 0] += 1
    sum += 1
  }

  private func load(_ endpoint: UInt64) -> Int { counts[endpoint, default: 0] + before[endpoint, default: 0] / 2 }

  /// Whether an endpoint has been asked for more than its share, and another for less.
  /// - Parameter other: nil for this node itself, which is never asked.
  func isOver(_ endpoint: UInt64, besides other: UInt64?) -> Bool {
    let nodes = max(counts.count, before.count)
    guard sum >= AskedLoad.countMin, nodes > 1 else { return false }
    let most = AskedLoad.bound * Double(sum) / Double(nodes)
    guard Double(load(endpoint)) > most else { return false }
    return other.map { Double(load($0)) <= most } ?? true
  }

  /// An endpoint has not answered in time.
  mutating func noteSlow(_ endpoint: UInt64, now: Int64) {
    if slow.count >= 64 { slow.removeAll() }
    slow[endpoint] = now &+ AskedLoad.slowMilliseconds
  }

  func isSlow(_ endpoint: UInt64, now: Int64) -> Bool {
    guard !slow.isEmpty, let until = slow[endpoint] else { return false }
    return now < until && until &- now <= AskedLoad.slowMilliseconds
  }
}
