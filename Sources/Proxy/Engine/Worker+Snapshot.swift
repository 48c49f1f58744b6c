// Publishing: a worker takes a new snapshot over between two turns of its loop. Pools that did not change keep their connections; an old
// snapshot is let go when its last request has ended. Draining and stopping stand here too.
import CEpoll
import Glibc
import Runtime

// SAFETY: snapshots and pools are counted by those that use them (`exchanges`, `holders`, `users`) and freed at zero, on this thread.
extension Worker {
  /// Makes `snapshot` the one for requests that begin from now on.
  ///
  /// - Parameter listings: the endpoints of each of its upstreams, in order.
  public func adopt(_ snapshot: Snapshot, listings: [UpstreamListing]) {
    let fresh = UnsafeMutablePointer<LiveSnapshot>.allocate(capacity: 1)
    let pools = UnsafeMutablePointer<UpstreamPoolRef>.allocate(capacity: max(snapshot.upstreams.count, 1))
    for (i, options) in snapshot.upstreams.enumerated() {
      let pool = reusablePool(options, listings[i]) ?? makePool(options, listings[i])
      pool.pointee.holders &+= 1
      pools[i] = pool
    }
    fresh.initialize(
      to: LiveSnapshot(
        snapshot: .passRetained(snapshot), application: .passUnretained(snapshot.application), pools: pools,
        poolCount: snapshot.upstreams.count))
    limits = snapshot.limits
    headLimits = snapshot.limits.head
    forwarding.adopt(snapshot.forwarding)
    forwarding.date.update(tg_now(CLOCK_REALTIME) / 1_000_000_000)
    if live == nil { keepDate() }
    let old = live
    // While the old snapshot is the current one: what is still queued on a listener that goes was meant for that listener.
    if let old { closeListeners(of: old.pointee.snapshot._withUnsafeGuaranteedRef { $0 }, without: snapshot) }
    live = fresh
    if let old { rebind(old.pointee.snapshot._withUnsafeGuaranteedRef { $0 }, snapshot) }
    if let old {
      old.pointee.isCurrent = false
      retired.append(old)
      if old.pointee.exchanges == 0 { releaseSnapshot(old) }
    }
  }

  /// A listener that is gone accepts what is queued and closes.
  private func closeListeners(of old: Snapshot, without new: Snapshot) {
    connections.forEach { c in
      guard c.pointee.role == .listener, c.pointee.listener >= 0 else { return }
      let address = old.listeners[Int(c.pointee.listener)].address
      if !new.listeners.contains(where: { $0.address == address }) { closeListener(c) }
    }
  }

  /// Listening sockets and connections follow their listener by its address.
  private func rebind(_ old: Snapshot, _ new: Snapshot) {
    connections.forEach { c in
      guard c.pointee.role == .listener || c.pointee.role == .downstream, c.pointee.listener >= 0 else { return }
      let address = old.listeners[Int(c.pointee.listener)].address
      if let index = new.listeners.firstIndex(where: { $0.address == address }) {
        c.pointee.listener = Int16(truncatingIfNeeded: index)
      } else {
        c.pointee.listener = -1
      }
    }
  }

  /// Takes in what is queued, then closes the socket. Whoever else holds a copy has closed it before.
  private func closeListener(_ c: ConnectionRef) {
    while accept(c) {}
    // Should another copy be open all the same, its events would go on without anybody to read them.
    loop.remove(c.pointee.fd)
    Glibc.close(c.pointee.fd)
    connections.give(c)
  }

  /// Once a second: the date, and endpoints whose ejection is over.
  private func keepDate() {
    if let live {
      for i in 0..<live.pointee.poolCount {
        readmit(live.pointee.pools[i])
      }
    }
    let wall = tg_now(CLOCK_REALTIME)
    forwarding.date.update(wall / 1_000_000_000)
    after(1_000_000_000 - wall % 1_000_000_000 + 1_000_000) { [unowned self] in keepDate() }
  }

  /// The names of `upstream` were resolved anew: its pool takes the new endpoints over.
  public func update(upstream index: Int, revision: UInt64, to listing: UpstreamListing) {
    guard let live, live.pointee.snapshot._withUnsafeGuaranteedRef({ $0.revision }) == revision, index < live.pointee.poolCount else {
      return
    }
    take(listing, into: live.pointee.pools[index])
  }

  private func closeIdle(_ endpoint: EndpointRef) {
    while let u = endpoint.pointee.idle { closeUpstream(u) }
    var next = endpoint.pointee.multiplexed
    while let u = next {
      next = u.pointee.nextIdle
      if u.pointee.http2?.pointee.streams == 0 { closeUpstream(u) }
    }
  }

  /// The pool of the same settings, with the endpoints of the listing: what was told of them meanwhile may have been for neither snapshot.
  private func reusablePool(_ options: UpstreamOptions, _ listing: UpstreamListing) -> UpstreamPoolRef? {
    guard let live else { return nil }
    for i in 0..<live.pointee.poolCount where live.pointee.pools[i].pointee.options.isSame(as: options) {
      take(listing, into: live.pointee.pools[i])
      return live.pointee.pools[i]
    }
    return nil
  }

  private func take(_ listing: UpstreamListing, into pool: UpstreamPoolRef) {
    let changes = pool.pointee.balancer.update(to: listing.listing, now: now)
    pool.place(listing)
    for slot in changes.retired { closeIdle(pool.endpoint(slot)) }
  }

  private func makePool(_ options: UpstreamOptions, _ listing: UpstreamListing) -> UpstreamPoolRef {
    let pool = UpstreamPoolRef.allocate(capacity: 1)
    let part = options.limits.part(worker: index, of: workerCount)
    pool.initialize(to: UpstreamPool(options, listing, limits: part, seed: random.next(), now: now))
    pool.place(listing)
    return pool
  }

  /// Lets go of the retired snapshots that no request uses any more. Never while an exchange is being ended: closing a pool's
  /// connections would free libnghttp2's sessions within their own callbacks.
  func releaseRetired() {
    releasesRetired = false
    for old in retired where old.pointee.exchanges == 0 { releaseSnapshot(old) }
  }

  private func releaseSnapshot(_ old: UnsafeMutablePointer<LiveSnapshot>) {
    retired.removeAll { $0 == old }
    for i in 0..<old.pointee.poolCount {
      let pool = old.pointee.pools[i]
      pool.pointee.holders &-= 1
      if pool.pointee.holders == 0 { retire(pool) }
    }
    old.pointee.snapshot.release()
    old.pointee.pools.deallocate()
    old.deinitialize(count: 1)
    old.deallocate()
  }

  /// No snapshot names the pool any more, so that no request uses it either: it had left the pool before its snapshot was let go.
  private func retire(_ pool: UpstreamPoolRef) {
    precondition(pool.pointee.users == 0, "\(pool.pointee.users) requests use a pool that no snapshot names")
    pool.pointee.isRetired = true
    for case let endpoint? in pool.pointee.slots { closeIdle(endpoint) }
    destroyPool(pool)
  }

  private func destroyPool(_ pool: UpstreamPoolRef) {
    // Connections that no exchange uses (connecting, multiplexed) may still name the pool.
    connections.forEach { c in
      if c.pointee.role == .upstream, let endpoint = c.pointee.endpoint, endpoint.pointee.pool == pool { closeUpstream(c) }
    }
    pool.destroy()
  }

  // MARK: draining and stopping

  /// Accepts what is queued, then no more; finishes what runs; calls `done(true)` when nothing is left, `done(false)` at the deadline.
  public func drain(within nanoseconds: UInt64, _ done: @escaping @Sendable (Bool) -> Void) {
    if isDraining { return }
    connections.forEach {
      if $0.pointee.role == .listener { closeListener($0) }
    }
    isDraining = true
    drainDeadline = now &+ nanoseconds
    drained = done
    connections.forEach { drainDownstream($0) }
    after(nanoseconds) { [unowned self] in finishDraining(false) }
  }

  private func drainDownstream(_ c: ConnectionRef) {
    guard c.pointee.role == .downstream else { return }
    if c.pointee.wire == .http2 {
      announceDrain(c)
    } else if c.pointee.sawEnd && c.pointee.wire == .http1 {
      downstreamReadable(c)
    } else if c.pointee.exchange == nil && c.pointee.input.isEmpty && c.pointee.requests > 0 {
      // Idle between requests: a request that is just arriving is read first.
      if c.pointee.reading == .linger || c.pointee.closesWhenFlushed { return }
      downstreamReadable(c)
      if c.pointee.role == .downstream && c.pointee.exchange == nil && c.pointee.input.isEmpty {
        if c.pointee.output.isEmpty { closeDownstream(c) } else { closeAfterFlush(c) }
      }
    }
  }

  func checkDrained() {
    if downstreamCount == 0 && exchanges.inUse == 0 { finishDraining(true) }
  }

  private func finishDraining(_ complete: Bool) {
    guard let done = drained else { return }
    drained = nil
    done(complete)
  }

  /// Ends `run` at the end of this turn; open connections are closed.
  public func stop() { isStopped = true }

  func closeEverything() {
    var open: [ConnectionRef] = []
    connections.forEach { if $0.pointee.role == .downstream { open.append($0) } }
    for c in open where c.pointee.role == .downstream {
      if c.pointee.wire == .http2 {
        closeHTTP2(c)
      } else {
        if let x = c.pointee.exchange { abandon(x) }
        closeDownstream(c)
      }
    }
    // Requests of the gateway's own have no client that closes; nobody is told of their end any more.
    var fetches: [(ExchangeRef, UInt64)] = []
    exchanges.forEach { if $0.pointee.downstreamID < 0 { fetches.append(($0, $0.pointee.serial)) } }
    for (x, serial) in fetches where x.pointee.serial == serial { abandon(x) }
    open = []
    connections.forEach { if $0.pointee.role == .upstream { open.append($0) } }
    for u in open where u.pointee.role == .upstream { closeUpstream(u) }
    for id in Array(alarms.alarms.keys) { cancel(alarm: id) }  // what they would do may hold on to this worker
    releaseRetired()
    if let old = live {
      live = nil
      releaseSnapshot(old)
    }
  }

  /// Numbers of this moment, for the admin endpoint.
  public var usage: (connections: Int, exchanges: Int, bufferBytes: Int) { (downstreamCount, exchanges.inUse, pool.lentBytes) }
}
