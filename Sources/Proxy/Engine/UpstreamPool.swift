// One worker's slice of an upstream: its connections to each endpoint, the idle ones among them, and the exchanges that wait for one.
// Which endpoint comes next is Balancer's; when to retry, eject or reject is decided by the hearts in Core/Upstream.
import Glibc
import Runtime

typealias UpstreamPoolRef = UnsafeMutablePointer<UpstreamPool>
typealias EndpointRef = UnsafeMutablePointer<EndpointSlot>

/// SAFETY: owned by its pool, freed when another endpoint takes the slot, which the balancer gives away only when nobody names it.
/// One endpoint's connections of one worker. Allocated apart, so that connections can point at it.
struct EndpointSlot {
  let pool: UpstreamPoolRef
  let slot: Int32
  let id: UInt64
  let address: SocketAddress
  var host: String
  let name: String
  let session: TLSSessionSlot
  var idle: ConnectionRef?
  var idleCount = 0
  /// Connections that carry HTTP/2, those with room for more streams first.
  var multiplexed: ConnectionRef?
  /// Connections under way that will carry HTTP/2: who comes meanwhile waits for them.
  var establishing = 0
  var requests: UInt64 = 0
  var failures: UInt64 = 0
}

struct UpstreamPool: ~Copyable {
  let options: UpstreamOptions
  var balancer: Balancer
  var circuit: Circuit
  var budget: RetryBudget
  let ejection: Ejection
  var slots: [EndpointRef?] = []
  var waitHead: ExchangeRef?
  var waitTail: ExchangeRef?
  /// Snapshots that name this pool; without one it is emptied and freed.
  var holders = 0
  /// Requests under way; keeps the pool while some are.
  var users = 0
  var isRetired = false
  var isServing = false
  var servesAgain = false

  init(_ options: UpstreamOptions, _ listing: UpstreamListing, limits: CircuitLimits, seed: UInt64, now: UInt64) {
    self.options = options
    balancer = Balancer(settings: options.balance, listing: listing.listing, workerSeed: seed, now: now)
    circuit = Circuit(limits: limits)
    budget = RetryBudget(settings: options.budget)
    ejection = Ejection(settings: options.ejection)
  }
}

extension UnsafeMutablePointer where Pointee == UpstreamPool {
  /// Makes the slots follow the balancer's after a new listing.
  func place(_ listing: UpstreamListing) {
    let count = pointee.balancer.endpoints.slots
    while pointee.slots.count < count { pointee.slots.append(nil) }
    for i in 0..<count {
      let id = pointee.balancer.endpoints.states[i].id
      guard pointee.balancer.endpoints.states[i].presence == .listed, let found = listing.addresses.first(where: { $0.id == id }) else {
        continue
      }
      if let known = pointee.slots[i], known.pointee.id == id {
        known.pointee.host = found.host  // its connections go on
        continue
      }
      if let old = pointee.slots[i] {
        old.deinitialize(count: 1)
        old.deallocate()
      }
      let endpoint = EndpointRef.allocate(capacity: 1)
      endpoint.initialize(
        to: EndpointSlot(
          pool: self, slot: Int32(i), id: id, address: found.address, host: found.host, name: found.address.description,
          session: TLSSessionSlot()))
      pointee.slots[i] = endpoint
    }
  }

  /// The slot of a listed endpoint.
  func slot(of id: UInt64) -> Int32? {
    for i in 0..<pointee.balancer.endpoints.slots
    where pointee.balancer.endpoints.states[i].id == id && pointee.balancer.endpoints.states[i].presence == .listed { return Int32(i) }
    return nil
  }

  @inline(__always)
  func endpoint(_ slot: Int32) -> EndpointRef { pointee.slots[Int(slot)]! }

  func destroy() {
    for case let endpoint? in pointee.slots {
      endpoint.deinitialize(count: 1)
      endpoint.deallocate()
    }
    deinitialize(count: 1)
    deallocate()
  }
}

extension Worker {
  // MARK: idle connections

  /// Takes the connection that was used last: it is the one least likely to be closed by the other side.
  @inline(__always)
  func takeIdle(_ endpoint: EndpointRef) -> ConnectionRef? {
    guard let u = endpoint.pointee.idle else { return nil }
    unlinkIdle(u)
    u.pointee.isReused = true
    return u
  }

  @inline(__always)
  func unlinkIdle(_ u: ConnectionRef) {
    let endpoint = u.pointee.endpoint!
    if let p = u.pointee.previousIdle { p.pointee.nextIdle = u.pointee.nextIdle } else { endpoint.pointee.idle = u.pointee.nextIdle }
    if let n = u.pointee.nextIdle { n.pointee.previousIdle = u.pointee.previousIdle }
    u.pointee.previousIdle = nil
    u.pointee.nextIdle = nil
    u.pointee.isIdle = false
    endpoint.pointee.idleCount &-= 1
  }

  /// Puts a connection whose exchange has ended back, or hands it to an exchange that waits.
  @inline(__always)
  func keepIdle(_ u: ConnectionRef) {
    let endpoint = u.pointee.endpoint!
    let pool = endpoint.pointee.pool
    u.pointee.exchange = nil
    let listed = pool.pointee.balancer.endpoints.states[Int(endpoint.pointee.slot)].presence == .listed
    // A hang-up that came with the last response is not reported again.
    if !listed || u.pointee.sawEnd || pool.pointee.isRetired || isDraining
      || endpoint.pointee.idleCount >= pool.pointee.options.idleConnections
    {
      return closeUpstream(u)
    }
    u.pointee.previousIdle = nil
    u.pointee.nextIdle = endpoint.pointee.idle
    endpoint.pointee.idle?.pointee.previousIdle = u
    endpoint.pointee.idle = u
    u.pointee.isIdle = true
    u.pointee.reading = .complete
    endpoint.pointee.idleCount &+= 1
    setDeadline(u, pool.pointee.options.idleTimeout)
    if pool.pointee.waitHead != nil { serveWaiting(pool) }
  }

  /// The connection is no longer one that waiting exchanges may hope for.
  func established(_ u: ConnectionRef) {
    if !u.pointee.isEstablishing { return }
    u.pointee.isEstablishing = false
    u.pointee.endpoint!.pointee.establishing &-= 1
  }

  /// Closes an upstream connection that no exchange uses any more.
  func closeUpstream(_ u: ConnectionRef) {
    let endpoint = u.pointee.endpoint!
    let pool = endpoint.pointee.pool
    if u.pointee.isIdle { unlinkIdle(u) }
    if u.pointee.http2 != nil { unlinkMultiplexed(u) }
    established(u)
    close(u)
    pool.pointee.circuit.release(.connection)
    pool.pointee.balancer.endpoints.closeConnection(endpoint.pointee.slot)
    if pool.pointee.waitHead != nil { serveWaiting(pool) }
  }

  // MARK: waiting for a connection

  /// Puts an exchange at the end of its pool's queue; false when the queue is full.
  func joinQueue(_ x: ExchangeRef, _ pool: UpstreamPoolRef) -> Bool {
    guard pool.pointee.circuit.admit(.pending) else { return false }
    x.pointee.isWaiting = true
    x.pointee.waitNext = nil
    x.pointee.waitPrevious = pool.pointee.waitTail
    if let tail = pool.pointee.waitTail { tail.pointee.waitNext = x } else { pool.pointee.waitHead = x }
    pool.pointee.waitTail = x
    let bound = pool.pointee.options.timeouts.connect
    if timer(of: x).pointee.deadline == 0 && bound != 0 {
      if x.pointee.waitUntil == 0 { x.pointee.waitUntil = now &+ bound }
      setDeadline(x, x.pointee.waitUntil > now ? x.pointee.waitUntil &- now : 1)
    }
    return true
  }

  func leaveQueue(_ x: ExchangeRef) {
    let pool = x.pointee.pool!
    if let p = x.pointee.waitPrevious { p.pointee.waitNext = x.pointee.waitNext } else { pool.pointee.waitHead = x.pointee.waitNext }
    if let n = x.pointee.waitNext {
      n.pointee.waitPrevious = x.pointee.waitPrevious
    } else {
      pool.pointee.waitTail = x.pointee.waitPrevious
    }
    x.pointee.waitPrevious = nil
    x.pointee.waitNext = nil
    x.pointee.isWaiting = false
    // The bound on waiting ends here; one on the whole request stays.
    if x.pointee.waitUntil != 0 { setDeadline(x, 0) }
    pool.pointee.circuit.release(.pending)
  }

  /// A connection became free: the exchange that has waited longest goes on. Not recursive: an attempt that fails at once comes back
  /// here by way of its connection's closing, and is then only noted.
  func serveWaiting(_ pool: UpstreamPoolRef) {
    if pool.pointee.isServing {
      pool.pointee.servesAgain = true
      return
    }
    pool.pointee.isServing = true
    repeat {
      pool.pointee.servesAgain = false
      guard let x = pool.pointee.waitHead else { break }
      leaveQueue(x)
      x.pointee.attempts &-= 1
      attempt(x, nil, 0)
    } while pool.pointee.servesAgain
    pool.pointee.isServing = false
  }
}
