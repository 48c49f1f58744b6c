// Owns: one worker's lines on their way to the writer: a ring of bytes that the worker fills and the writer's thread empties, without a
// lock. A line that does not fit is not written at all; counting it is the caller's.
import CEpoll
import Glibc
import Proxy
import Runtime
import Synchronization

// SAFETY: `ring` has `capacity` bytes, a power of two. Bytes from `consumed` up to `published` belong to the reader, the others to the
// worker; each side moves its own mark with release and reads the other's with acquire, so that a byte is never touched by both.
// What is behind `scratch` and `clock` belongs to the worker. The lane itself never changes, so that both sides may use it at once.
struct AccessLogLane: ~Copyable {
  private let ring: Bytes
  private let capacity: Int
  /// Bytes published and consumed since the start.
  private let published = Atomic<Int>(0)
  private let consumed = Atomic<Int>(0)
  /// The writer has been called and has not looked yet.
  private let isCalling = Atomic<Bool>(false)
  private let bell: Int32
  private let logsQueries: Bool
  private let time: any TimeSource
  /// Where a line is made.
  private let scratch: Bytes
  private let clock: UnsafeMutablePointer<Clock>

  /// What turns the loop's monotonic time into a date without asking the kernel for each line.
  private struct Clock {
    /// Wall clock minus monotonic clock.
    var offset: UInt64 = 0
    /// When it is to be read anew: the wall clock may jump.
    var until: UInt64 = 0
  }

  /// - Parameters:
  ///   - capacity: bytes that may wait; a power of two.
  ///   - bell: an eventfd that calls the writer.
  init(capacity: Int, bell: Int32, logsQueries: Bool, time: any TimeSource) {
    precondition(capacity.nonzeroBitCount == 1, "a ring of \(capacity) bytes")
    self.capacity = capacity
    self.bell = bell
    self.logsQueries = logsQueries
    self.time = time
    ring = .allocate(capacity: capacity)
    scratch = .allocate(capacity: AccessLogLimits.lineBytesMax)
    clock = .allocate(capacity: 1)
    clock.initialize(to: Clock())
  }

  deinit {
    ring.deallocate()
    scratch.deallocate()
    clock.deallocate()
  }

  // MARK: the worker's side

  /// Logs an exchange that has ended.
  /// - Returns: false when the writer is too far behind; the line is dropped then.
  func log(_ x: ExchangeRef, route: UnsafeBufferPointer<UInt8>) -> Bool {
    append(scratch, account(x, route: route).write(to: scratch))
  }

  /// Publishes `n` bytes, whole lines.
  func append(_ p: UnsafePointer<UInt8>, _ n: Int) -> Bool {
    let tail = published.load(ordering: .relaxed)
    let waiting = tail &- consumed.load(ordering: .acquiring)
    guard n <= capacity &- waiting else { return false }
    let at = tail & (capacity &- 1)
    let first = min(n, capacity &- at)
    memcpy(ring + at, p, first)
    memcpy(ring, p + first, n &- first)
    published.store(tail &+ n, ordering: .releasing)
    if waiting &+ n >= AccessLogLimits.callBytes && !isCalling.load(ordering: .relaxed) {
      isCalling.store(true, ordering: .relaxed)
      eventfd_write(bell, 1)
    }
    return true
  }

  private func account(_ x: ExchangeRef, route: UnsafeBufferPointer<UInt8>) -> AccessRecord {
    let started = x.pointee.started
    if x.pointee.ended >= clock.pointee.until { readWallClock(x.pointee.ended) }
    let none = StaticString("").utf8Start
    return AccessRecord(
      time: WallTime(nanoseconds: started &+ clock.pointee.offset), requestID: x.pointee.requestID, traceID: x.traceID,
      client: x.clientAddress, method: x.methodName, host: x.authority, path: x.path, query: logsQueries ? x.query : nil,
      route: ByteView(route.baseAddress ?? none, route.count), protocolText: x.protocolText, status: Int(x.pointee.status),
      bytesIn: x.pointee.bytesReceived, bytesOut: x.pointee.bytesSent, durationMicroseconds: (x.pointee.ended &- started) / 1000,
      upstream: x.upstreamAddress, upstreamMicroseconds: x.firstByteElapsed.map { $0 / 1000 },
      retries: max(Int(x.pointee.attempts) - 1, 0), fault: x.pointee.fault?.label ?? (x.isComplete ? nil : "aborted"))
  }

  private func readWallClock(_ now: UInt64) {
    clock.pointee.offset = time.wall().nanoseconds &- time.monotonic().nanoseconds
    clock.pointee.until = now &+ 1_000_000_000
  }

  // MARK: the writer's side

  /// From here on the writer may be called again.
  func heard() { isCalling.store(false, ordering: .relaxed) }

  /// What waits, in one piece or two.
  func waiting() -> (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) {
    let head = consumed.load(ordering: .relaxed)
    let count = published.load(ordering: .acquiring) &- head
    let at = head & (capacity &- 1)
    let first = min(count, capacity &- at)
    return (UnsafeBufferPointer(start: ring + at, count: first), UnsafeBufferPointer(start: ring, count: count &- first))
  }

  /// Gives `n` bytes back to the worker.
  func consume(_ n: Int) { consumed.store(consumed.load(ordering: .relaxed) &+ n, ordering: .releasing) }
}
