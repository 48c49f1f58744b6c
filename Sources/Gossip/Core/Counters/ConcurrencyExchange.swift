// How nodes tell each other of requests at once: what changed goes to all, each change a few times, since every telling carries whole
// counts. The counts are ConcurrencyTable's; sealing and sockets are the driver's.
import Runtime

/// One node's counts of requests at once and what of them the others have yet to hear.
public struct ConcurrencyExchange: Sendable {
  /// Nanoseconds between two tellings in a cluster of up to 200 members; beyond, more, so that a node sends no more than 4,000 datagrams a
  /// second for them.
  static let tellEvery: UInt64 = 50_000_000
  static let perMember: UInt64 = 250_000
  /// How often a change is told: that all are lost happens to one in a million where one datagram in a hundred is.
  static let tellings = 3
  /// Nanoseconds after which all that is in flight is told again.
  static let refreshEvery: UInt64 = 5_000_000_000
  static let bodyBytesMax = 1_200

  public private(set) var table: ConcurrencyTable
  private var peers: [CounterMember] = []
  /// Keys that are being told, the oldest first.
  private var telling: [UInt64] = []
  /// How often each is still to be told; for look-ups only.
  private var left: [UInt64: Int] = [:]
  private var tellAt: UInt64 = 0
  private var refreshAt: UInt64 = 0

  public init(table: ConcurrencyTable = ConcurrencyTable()) { self.table = table }

  /// See `ConcurrencyTable.begin`.
  public mutating func begin(_ key: UInt64, limit: UInt32) -> (isAllowed: Bool, isCounted: Bool) { table.begin(key, limit: limit) }

  /// See `ConcurrencyTable.end`.
  public mutating func end(_ key: UInt64) { table.end(key) }

  /// Whether there is something to tell.
  public var hasNews: Bool { !peers.isEmpty && (!telling.isEmpty || table.hasChanged) }

  /// When `advance` has something to do, monotonic nanoseconds.
  public var nextDeadline: UInt64 { peers.isEmpty ? .max : hasNews ? tellAt : refreshAt }

  /// The other members that live; what those who are gone had begun is over.
  public mutating func setMembers(_ list: [CounterMember]) {
    let isAnyNew = list.contains { !peers.contains($0) }
    peers = list
    table.setMembers(list)
    if isAnyNew { tellAll() }
  }

  private mutating func tellAll() {
    for share in table.own { note(share.key, ConcurrencyExchange.tellings) }
  }

  private mutating func note(_ key: UInt64, _ tellings: Int) {
    let before = left.updateValue(max(tellings, left[key] ?? 0), forKey: key)
    if before == nil { telling.append(key) }
  }

  /// What each of the other members is to be told now: bodies of parts.
  /// - Parameter now: monotonic nanoseconds.
  public mutating func advance(now: UInt64) -> [[UInt8]] {
    if now >= refreshAt {
      refreshAt = now &+ ConcurrencyExchange.refreshEvery
      for share in table.own where share.begun != share.ended { note(share.key, 1) }
    }
    guard now >= tellAt, hasNews else { return [] }
    tellAt = now &+ max(ConcurrencyExchange.tellEvery, UInt64(peers.count) &* ConcurrencyExchange.perMember)
    for key in table.takeChanged() { note(key, ConcurrencyExchange.tellings) }
    var bodies: [[UInt8]] = []
    var writer = ByteWriter(limit: ConcurrencyExchange.bodyBytesMax)
    for key in telling {
      guard let share = table.share(of: key) else { continue }
      let mark = writer.count
      share.encode(into: &writer)
      if !writer.isOverflowed { continue }
      writer.rewind(to: mark)
      bodies.append(writer.bytes)
      writer.removeAll()
      share.encode(into: &writer)
    }
    if writer.count > 0 { bodies.append(writer.bytes) }
    telling = telling.filter { key in
      let rest = (left[key] ?? 1) - 1
      left[key] = rest > 0 ? rest : nil
      return rest > 0
    }
    return bodies
  }

  /// Takes what a member told of itself.
  /// - Throws: when the body is not a row of shares; those before the fault count, as each is whole in itself.
  public mutating func receive(_ body: UnsafeRawBufferPointer, from sender: CounterMember) throws(ByteReadError) {
    var reader = ByteReader(body)
    while !reader.isAtEnd { table.merge(try ConcurrencyShare(from: &reader), from: sender) }
  }
}
