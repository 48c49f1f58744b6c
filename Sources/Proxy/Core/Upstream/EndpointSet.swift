// One worker's flat array of endpoint states: owns the memory and the slots. A slot is an endpoint's number for as long as anything
// of this worker names it, so that requests and connections outlive an update of the list. Who picks is Balancer.swift.

/// What an update of the list changed, by slot.
public struct EndpointChanges: Equatable, Sendable {
  public var added: [Int32] = []
  public var kept: [Int32] = []
  /// Left the list: close their idle connections; requests in flight may finish.
  public var retired: [Int32] = []
}

public struct EndpointSet: ~Copyable {
  // SAFETY: `capacity` elements are allocated; the first `slots` are initialised; only this worker touches them.
  public private(set) var states: UnsafeMutablePointer<EndpointState>
  /// Slots in use or once used: every valid slot is below.
  public private(set) var slots = 0
  private(set) var capacity: Int
  /// Keeps each slot's cell alive; same index as `states`.
  private var cells: [SharedCell<EndpointShared>?]
  private let poolCell: SharedCell<PoolShared>
  /// SAFETY: `poolCell` keeps it alive.
  public let pool: UnsafeMutablePointer<PoolShared>

  init(pool poolCell: SharedCell<PoolShared>, capacity: Int) {
    self.capacity = max(capacity, 4)
    states = .allocate(capacity: self.capacity)
    cells = Array(repeating: nil, count: self.capacity)
    self.poolCell = poolCell
    pool = poolCell.pointer
  }

  deinit {
    states.deallocate()
  }

  /// A request goes to the endpoint.
  @inline(__always)
  public mutating func beginRequest(_ slot: Int32) {
    states[Int(slot)].active &+= 1
  }

  /// A request that went to the endpoint is over.
  @inline(__always)
  public mutating func endRequest(_ slot: Int32) {
    states[Int(slot)].active &-= 1
    vacateIfUnused(slot)
  }

  /// A request waits for a connection to the endpoint.
  @inline(__always)
  public mutating func beginPending(_ slot: Int32) {
    states[Int(slot)].pending &+= 1
  }

  @inline(__always)
  public mutating func endPending(_ slot: Int32) {
    states[Int(slot)].pending &-= 1
    vacateIfUnused(slot)
  }

  /// A connection to the endpoint exists, or is being made.
  @inline(__always)
  public mutating func openConnection(_ slot: Int32) {
    states[Int(slot)].connections &+= 1
  }

  @inline(__always)
  public mutating func closeConnection(_ slot: Int32) {
    states[Int(slot)].connections &-= 1
    vacateIfUnused(slot)
  }

  /// Takes a new list over, keeping the state of the endpoints that stay (by id).
  mutating func update(to listing: EndpointListing) -> EndpointChanges {
    precondition(listing.pool === poolCell, "a listing of another pool")
    var changes = EndpointChanges()
    var slotByID: [UInt64: Int] = [:]
    for slot in 0..<slots where states[slot].presence != .vacant { slotByID[states[slot].id] = slot }
    var isListed = [Bool](repeating: false, count: slots)
    for entry in listing.entries {
      guard let slot = slotByID[entry.description.id] else { continue }
      isListed[slot] = true
      states[slot].describe(entry.description)
      states[slot].shared = entry.cell.pointer
      cells[slot] = entry.cell
      changes.kept.append(Int32(slot))
    }
    for slot in 0..<isListed.count where !isListed[slot] && states[slot].presence == .listed {
      states[slot].presence = .retired
      states[slot].track = -1
      changes.retired.append(Int32(slot))
      vacateIfUnused(Int32(slot))
    }
    for entry in listing.entries where slotByID[entry.description.id] == nil {
      changes.added.append(add(entry))
    }
    return changes
  }

  private mutating func add(_ entry: EndpointListing.Entry) -> Int32 {
    let state = EndpointState(entry.description, shared: entry.cell.pointer)
    for slot in 0..<slots where states[slot].presence == .vacant {
      states[slot] = state
      cells[slot] = entry.cell
      return Int32(slot)
    }
    if slots == capacity { grow() }
    (states + slots).initialize(to: state)
    cells[slots] = entry.cell
    slots += 1
    return Int32(slots - 1)
  }

  private mutating func grow() {
    // Retired endpoints linger beside the listed ones: the bound is on both, and far below what TriedEndpoints can name.
    precondition(capacity < Int(Int16.max) / 2, "\(slots) endpoints linger in one pool: connections of retired slots are not closed")
    let wider = UnsafeMutablePointer<EndpointState>.allocate(capacity: capacity * 2)
    wider.moveInitialize(from: states, count: slots)
    states.deallocate()
    states = wider
    cells.append(contentsOf: repeatElement(nil, count: capacity))
    capacity *= 2
  }

  @inline(__always)
  private mutating func vacateIfUnused(_ slot: Int32) {
    let state = states + Int(slot)
    if state.pointee.presence == .retired && state.pointee.isUnused { vacate(slot) }
  }

  @inline(never)
  private mutating func vacate(_ slot: Int32) {
    states[Int(slot)].presence = .vacant
    cells[Int(slot)] = nil
  }
}
