// One thread, one loop, one core: owns its connections, its slice of every upstream pool, its timers, buffers and metric cells. Nothing on
// a request's path is shared with another thread. This file is the loop; what happens to a connection stands in the extensions.
import CEpoll
import CNghttp2
import COpenSSL
import Glibc
import Runtime

/// What a worker is given for its life.
public struct WorkerOptions {
  public var index: Int
  /// How many workers share the node's limits.
  public var count: Int
  public var seed: UInt64
  public var cells: MetricCells
  public var metrics: EngineMetrics

  public init(index: Int, count: Int, seed: UInt64, cells: MetricCells, metrics: EngineMetrics) {
    self.index = index
    self.count = count
    self.seed = seed
    self.cells = cells
    self.metrics = metrics
  }
}

/// Told when a worker's loop begins and ends a turn, on its thread: between the two it may hold on to what others would free. Subclassed,
/// not conformed to, for the reason that Application is.
open class TurnObserver {
  public init() {}
  open func turnBegins() {}
  open func turnEnds() {}
}

/// An event loop that serves.
///
/// SAFETY: (@unchecked Sendable) other threads only call `post`; everything else runs on the worker's own thread.
public final class Worker: @unchecked Sendable {
  static let headroom = 16384
  static let receiveBytes = 256 * 1024
  static let scratchBytes = 1 << 20
  static let spareBytes = 1 << 18
  /// Reads of one connection before others get their turn.
  static let readsPerTurn = 16
  /// Events of a turn from which on the worker counts as busy.
  static let busyBatch = 4

  public let index: Int
  let workerCount: Int
  public let cells: MetricCells
  public let metrics: EngineMetrics
  let loop: EventLoop
  let mailbox: Mailbox<@Sendable (Worker) -> Void>
  private var timer: LoopTimer
  let pool = BufferPool()
  /// `headroom` bytes for a rewritten head, then what was received.
  let receive: Bytes
  let receiveEnd: Bytes
  let scratch: Bytes
  /// Where the gateway's own response heads are made.
  let spare: Bytes
  /// Where HTTP/2 header blocks are laid down as HTTP/1 heads.
  let headText: Bytes
  let fieldList: UnsafeMutablePointer<nghttp2_nv>
  let statusText: Bytes
  let requestIDText: Bytes
  let memory = HTTP2Memory()
  let request: UnsafeMutablePointer<MessageHead>
  let response: UnsafeMutablePointer<MessageHead>
  /// A request head as this hop rewrote it, on its way to an HTTP/2 upstream.
  let rewritten: UnsafeMutablePointer<MessageHead>
  let tlsIO: UnsafeMutablePointer<TLSTransport>
  var connections = ConnectionPages()
  var exchanges = ExchangePages()
  var wheel: TimerWheel
  var random: SeededRandom
  /// Monotonic nanoseconds at the start of this turn of the loop.
  public internal(set) var now: UInt64
  var live: UnsafeMutablePointer<LiveSnapshot>?
  var retired: [UnsafeMutablePointer<LiveSnapshot>] = []
  /// A retired snapshot has lost its last request: released at the end of the turn, when nobody up the stack uses it, its pools or their
  /// connections any more.
  var releasesRetired = false
  var forwarding = ForwardingText()
  var limits = Limits()
  var headLimits = HeadLimits()
  /// Bytes of a message head that wait at the start of `scratch` to leave together with the first part of the body.
  var pendingHead = 0
  var ready: UnsafeMutablePointer<UInt64>
  var readyCapacity = 1024
  var readyCount = 0
  var flushes: UnsafeMutablePointer<UInt64>
  var flushCapacity = 256
  var flushCount = 0
  var downstreamCount = 0
  var acceptPaused = false
  private var lastBatch = 0
  private let sharesProcessor: Bool
  var isDraining = false
  var isStopped = false
  /// Called when draining has finished or its deadline has passed.
  var drained: (@Sendable (Bool) -> Void)?
  var drainDeadline: UInt64 = 0
  /// Handlers of descriptors watched for others, by descriptor.
  var foreign: [Int32: (UInt32) -> Void] = [:]
  var alarms = AlarmList()
  private var thread = pthread_t()
  /// Told of the turns of the loop; nil: nobody.
  private var observer: Unmanaged<TurnObserver>?

  public init(_ options: WorkerOptions) throws {
    index = options.index
    workerCount = options.count
    sharesProcessor = options.count >= sysconf(Int32(_SC_NPROCESSORS_ONLN))
    cells = options.cells
    metrics = options.metrics
    loop = try EventLoop()
    mailbox = try Mailbox()
    timer = try LoopTimer()
    let buffer = Bytes.allocate(capacity: Worker.headroom + Worker.receiveBytes + 64)
    receive = buffer + Worker.headroom
    receiveEnd = buffer + Worker.headroom + Worker.receiveBytes
    scratch = .allocate(capacity: Worker.scratchBytes + 1024)
    spare = .allocate(capacity: Worker.spareBytes)
    headText = .allocate(capacity: Worker.scratchBytes)
    fieldList = .allocate(capacity: MessageHead.capacity + 16)
    statusText = .allocate(capacity: 32)
    requestIDText = .allocate(capacity: 32)
    request = .allocate(capacity: 1)
    request.initialize(to: MessageHead())
    response = .allocate(capacity: 1)
    response.initialize(to: MessageHead())
    rewritten = .allocate(capacity: 1)
    rewritten.initialize(to: MessageHead())
    ready = .allocate(capacity: readyCapacity)
    flushes = .allocate(capacity: flushCapacity)
    tlsIO = .allocate(capacity: 1)
    tlsIO.initialize(to: TLSTransport())
    now = tg_now(CLOCK_MONOTONIC)
    wheel = TimerWheel(now: now)
    random = SeededRandom(seed: options.seed)
    let c = connections.take()
    c.pointee.fd = mailbox.descriptor
    c.pointee.role = .mailbox
    loop.add(mailbox.descriptor, events: EventLoop.readable, token: c.token)
    let clock = connections.take()
    clock.pointee.fd = timer.descriptor
    clock.pointee.role = .timer
    loop.add(timer.descriptor, events: EventLoop.readable | EventLoop.edgeTriggered, token: clock.token)
  }

  deinit {
    observer?.release()
    timer.close()
    loop.close()
    (receive - Worker.headroom).deallocate()
    scratch.deallocate()
    spare.deallocate()
    headText.deallocate()
    fieldList.deallocate()
    statusText.deallocate()
    requestIDText.deallocate()
    request.pointee.deallocate()
    response.pointee.deallocate()
    rewritten.pointee.deallocate()
    rewritten.deallocate()
    request.deallocate()
    response.deallocate()
    ready.deallocate()
    flushes.deallocate()
    tlsIO.pointee.deallocate()
    tlsIO.deallocate()
    forwarding.deallocate()
    wheel.deallocate()
    connections.deallocate()
    exchanges.deallocate()
  }

  /// Runs `work` on the worker's thread, soon. The one call that other threads may make.
  public func post(_ work: @escaping @Sendable (Worker) -> Void) { mailbox.post(work) }

  /// Whether the caller runs on the worker's own thread.
  public var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }

  /// Has somebody told of the turns of the loop. Before `run`, and once.
  public func observe(_ observer: TurnObserver) {
    precondition(self.observer == nil, "worker \(index) is observed twice")
    self.observer = .passRetained(observer)
  }

  /// Serves until `stop`. Call on the thread that the worker shall own.
  public func run() {
    thread = pthread_self()
    while !isStopped {
      let n = waitForEvents()
      observer?._withUnsafeGuaranteedRef { $0.turnBegins() }
      now = tg_now(CLOCK_MONOTONIC)
      var i = 0
      while i < n {
        let event = loop.event(i)
        i &+= 1
        if let c = ConnectionRef.of(token: event.token) { dispatch(c, event.ready) }
      }
      if readyCount > 0 { resumeReady() }
      fireTimers()
      // Last, so that what timers answered goes out with this turn and not with whatever wakes the next one.
      if flushCount > 0 { flushQueued() }
      if releasesRetired { releaseRetired() }
      if isDraining { checkDrained() }
      observer?._withUnsafeGuaranteedRef { $0.turnEnds() }
    }
    observer?._withUnsafeGuaranteedRef { $0.turnBegins() }
    closeEverything()
    observer?._withUnsafeGuaranteedRef { $0.turnEnds() }
  }

  /// Waits for events. Where the workers take every processor, whoever else runs here shares one with them: after a busy turn, letting
  /// it run first costs a system call and spares a sleep, a wake-up and turns of few events each (18 % of a request's cost with two
  /// workers on two processors).
  @inline(__always)
  private func waitForEvents() -> Int {
    if readyCount > 0 { return loop.wait(milliseconds: 0) }
    if sharesProcessor && lastBatch >= Worker.busyBatch {
      var n = loop.wait(milliseconds: 0)
      if n == 0 {
        sched_yield()
        n = loop.wait(milliseconds: 0)
      }
      lastBatch = n
      if n > 0 { return n }
    }
    timer.wake(at: wheel.nextDue, now: now)
    lastBatch = loop.wait(milliseconds: -1)
    return lastBatch
  }

  @inline(__always)
  private func dispatch(_ c: ConnectionRef, _ ready: UInt32) {
    // The first half of an event may close the connection, and a new one take its place.
    let generation = c.pointee.generation
    switch c.pointee.role {
    case .downstream:
      if ready & (EventLoop.peerClosed | EventLoop.hungUp | EventLoop.failed) != 0 { c.pointee.sawEnd = true }
      if ready & (EventLoop.hungUp | EventLoop.failed) != 0 { c.pointee.isBroken = true }
      if ready & EventLoop.writable != 0 && !c.pointee.output.isEmpty { downstreamWritable(c) }
      if ready & ~EventLoop.writable != 0 && c.pointee.generation == generation { downstreamReadable(c) }
    case .upstream:
      if ready & (EventLoop.peerClosed | EventLoop.hungUp | EventLoop.failed) != 0 { c.pointee.sawEnd = true }
      if c.pointee.isConnecting {
        upstreamConnected(c, failed: ready & (EventLoop.failed | EventLoop.hungUp) != 0)
        return
      }
      if ready & EventLoop.writable != 0 && !c.pointee.output.isEmpty { upstreamWritable(c) }
      if ready & ~EventLoop.writable != 0 && c.pointee.generation == generation { upstreamReadable(c) }
    case .listener: accept(c)
    case .mailbox: for work in mailbox.take() { work(self) }
    case .foreign: foreign[c.pointee.fd]?(ready)
    case .timer, .free, .inner: break  // the deadlines themselves are looked at in every turn
    }
  }

  /// Calls `body` with the start of each request's head that is under way. For a crash report: reads flat memory only.
  public func forEachHeadInFlight(_ body: (UnsafePointer<UInt8>, Int) -> Void) {
    exchanges.forEach { if !$0.pointee.head.isEmpty { body($0.pointee.head.start, $0.pointee.head.count) } }
  }

  // MARK: resuming and flushing

  /// Puts a connection on the list of those that go on later in this turn.
  func enqueueReady(_ c: ConnectionRef) {
    if c.pointee.isQueued { return }
    c.pointee.isQueued = true
    if readyCount == readyCapacity { grow(&ready, &readyCapacity) }
    ready[readyCount] = c.token
    readyCount &+= 1
  }

  private func resumeReady() {
    // Those that are added while this list is worked off wait for the next turn.
    let count = readyCount
    var i = 0
    while i < count {
      if let c = ConnectionRef.of(token: ready[i]), c.pointee.isQueued {
        c.pointee.isQueued = false
        if c.pointee.role == .downstream { resumeDownstream(c) } else if c.pointee.role == .upstream { resumeUpstream(c) }
      }
      i &+= 1
    }
    readyCount &-= count
    if readyCount > 0 { memmove(ready, ready + count, readyCount * 8) }
  }

  /// Marks an HTTP/2 connection whose frames are sent, together, at the end of this turn.
  func enqueueFlush(_ c: ConnectionRef) {
    if c.pointee.isFlushQueued { return }
    c.pointee.isFlushQueued = true
    if flushCount == flushCapacity { grow(&flushes, &flushCapacity) }
    flushes[flushCount] = c.token
    flushCount &+= 1
  }

  private func flushQueued() {
    var i = 0
    while i < flushCount {  // flushing may queue more
      if let c = ConnectionRef.of(token: flushes[i]), c.pointee.isFlushQueued {
        c.pointee.isFlushQueued = false
        flushHTTP2(c)
      }
      i &+= 1
    }
    flushCount = 0
  }

  private func grow(_ list: inout UnsafeMutablePointer<UInt64>, _ capacity: inout Int) {
    let fresh = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 2)
    memcpy(fresh, list, capacity * 8)
    list.deallocate()
    list = fresh
    capacity *= 2
  }

  // MARK: watching for others

  /// Watches a descriptor that somebody else owns; `handler` gets the ready bits. On the worker's thread only.
  public func watch(_ fd: Int32, readable: Bool, writable: Bool, _ handler: @escaping (UInt32) -> Void) {
    let interest = (readable ? EventLoop.readable : 0) | (writable ? EventLoop.writable : 0)
    var known: ConnectionRef?
    if foreign[fd] != nil { connections.forEach { if $0.pointee.role == .foreign && $0.pointee.fd == fd { known = $0 } } }
    foreign[fd] = handler
    if let c = known {
      loop.modify(fd, events: interest, token: c.token)
    } else {
      let c = connections.take()
      c.pointee.fd = fd
      c.pointee.role = .foreign
      loop.add(fd, events: interest, token: c.token)
    }
  }

  /// Stops watching; before the owner closes the descriptor.
  public func unwatch(_ fd: Int32) {
    guard foreign.removeValue(forKey: fd) != nil else { return }
    var known: ConnectionRef?
    connections.forEach { if $0.pointee.role == .foreign && $0.pointee.fd == fd { known = $0 } }
    loop.remove(fd)
    if let c = known { connections.give(c) }
  }
}
