// The node's list of a pool's endpoints and the cells that its workers share. One thread owns it (the one that resolves names and
// reloads); workers get the listing through their mailbox and apply it with `Balancer.update`.

/// A pool's endpoints with their shared cells, as one update leaves them.
public struct EndpointListing: Sendable {
  public struct Entry: Sendable {
    public let description: EndpointDescription
    public let cell: SharedCell<EndpointShared>
  }

  public let entries: [Entry]
  public let pool: SharedCell<PoolShared>
  /// Named more than once (the first mention counts) or beyond `UpstreamLimits.endpointsMax`.
  public let dropped: Int
}

public struct EndpointDirectory: ~Copyable {
  private let maxEjectedPercent: Int
  private let pool = SharedCell(PoolShared())
  private var entries: [EndpointListing.Entry] = []
  private var isFirst = true

  /// - Parameter maxEjectedPercent: how many of the endpoints, rounded down, may be ejected at the same time.
  public init(maxEjectedPercent: Int = 50) {
    precondition((0...100).contains(maxEjectedPercent), "maxEjectedPercent is \(maxEjectedPercent), not within 0...100")
    self.maxEjectedPercent = maxEjectedPercent
  }

  /// Takes a new list over; endpoints that stay (by id) keep their cell, verdict and ejection.
  ///
  /// The endpoints of the first list begin without a slow start: a node that starts has nobody else to send traffic to.
  /// - Parameters:
  ///   - now: monotonic nanoseconds.
  ///   - holdNew: new endpoints wait for their first active check (`EndpointHolds.unchecked`); not for the first list.
  /// - Returns: what every worker is to apply.
  public mutating func update(to descriptions: [EndpointDescription], now: UInt64, holdNew: Bool = false) -> EndpointListing {
    var known: [UInt64: SharedCell<EndpointShared>] = [:]
    for entry in entries { known[entry.description.id] = entry.cell }
    var listed = Set<UInt64>()
    var next: [EndpointListing.Entry] = []
    for description in descriptions where next.count < UpstreamLimits.endpointsMax && listed.insert(description.id).inserted {
      let cell =
        known[description.id]
        ?? SharedCell(
          EndpointShared(holds: holdNew && !isFirst ? .unchecked : [], rampSince: isFirst ? 0 : max(now, 1)))
      next.append(EndpointListing.Entry(description: description, cell: cell))
    }
    for entry in entries where !listed.contains(entry.description.id) { entry.cell.pointer.pointee.retire(pool: pool.pointer.pointee) }
    entries = next
    isFirst = false
    let excess = pool.pointer.pointee.allowEjections(next.count * maxEjectedPercent / 100)
    readmit(excess, now: now)
    pool.pointer.pointee.changed()
    return EndpointListing(entries: next, pool: pool, dropped: descriptions.count - next.count)
  }

  /// The cell of an endpoint, for whoever brings a verdict about it; nil when the pool does not list it.
  public func cell(id: UInt64) -> SharedCell<EndpointShared>? {
    entries.first { $0.description.id == id }?.cell
  }

  public var poolCell: SharedCell<PoolShared> { pool }

  /// A pool that has shrunk may have more ejected than its share: those come back that would come back first.
  private func readmit(_ count: Int, now: UInt64) {
    guard count > 0 else { return }
    let ejected = entries.map(\.cell).filter { $0.ejectedUntil != 0 }
    let soonest = ejected.sorted { $0.ejectedUntil < $1.ejectedUntil }
    for cell in soonest where pool.ejectedCount > pool.ejectedMax {
      _ = cell.readmit(now: now, early: true, pool: pool)
    }
  }
}
