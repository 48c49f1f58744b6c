// The readiness queue of one thread: epoll, an eventfd that other threads ring, and nothing else. Whoever owns the loop says what
// an event means; timers are TimerWheel's.
import CEpoll
import Glibc

/// SAFETY: `events` holds `batch` entries, as many as are asked for; `close` frees it, and the owner does not use the loop afterwards.
/// Edge-triggered readiness of many descriptors for one thread (epoll(7)).
public struct EventLoop {
  public static let readable: UInt32 = 0x001
  public static let writable: UInt32 = 0x004
  public static let failed: UInt32 = 0x008
  public static let hungUp: UInt32 = 0x010
  public static let peerClosed: UInt32 = 0x2000
  public static let edgeTriggered: UInt32 = 1 << 31
  /// What a stream connection waits for: registered once, never changed.
  public static let stream: UInt32 = readable | writable | peerClosed | edgeTriggered

  public static let batch = 512

  public let descriptor: Int32
  @usableFromInline let events: UnsafeMutablePointer<epoll_event>

  /// - Throws: `SystemFault` when the kernel gives no more descriptors.
  public init() throws {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard descriptor >= 0 else { throw SystemFault(call: "epoll_create1") }
    events = .allocate(capacity: EventLoop.batch)
    events.initialize(repeating: epoll_event(), count: EventLoop.batch)
  }

  public func close() {
    _ = Glibc.close(descriptor)
    events.deallocate()
  }

  /// Watches `fd`; `token` comes back with each of its events.
  @discardableResult
  public func add(_ fd: Int32, events interest: UInt32, token: UInt64) -> Bool {
    var event = epoll_event()
    event.events = interest
    event.data.u64 = token
    return epoll_ctl(descriptor, EPOLL_CTL_ADD, fd, &event) == 0
  }

  /// Changes what is waited for (used for descriptors that others own, such as a resolver's sockets).
  public func modify(_ fd: Int32, events interest: UInt32, token: UInt64) {
    var event = epoll_event()
    event.events = interest
    event.data.u64 = token
    epoll_ctl(descriptor, EPOLL_CTL_MOD, fd, &event)
  }

  /// Needed only for a descriptor that stays open elsewhere: closing the last copy removes it by itself.
  public func remove(_ fd: Int32) {
    var event = epoll_event()
    epoll_ctl(descriptor, EPOLL_CTL_DEL, fd, &event)
  }

  /// Waits up to `milliseconds` (-1: for ever); the number of events that `event(_:)` now holds, 0 when a signal came.
  @inline(__always)
  public func wait(milliseconds: Int32) -> Int {
    let n = epoll_wait(descriptor, events, Int32(EventLoop.batch), milliseconds)
    return n > 0 ? Int(n) : 0
  }

  /// The token and the ready bits of event `index` of the last `wait`.
  @inline(__always)
  public func event(_ index: Int) -> (token: UInt64, ready: UInt32) { (events[index].data.u64, events[index].events) }
}

/// A system call that failed: which, with its errno and its text.
public struct SystemFault: Error, CustomStringConvertible {
  public let call: String
  public let code: Int32

  public init(call: String, code: Int32 = tg_errno()) {
    self.call = call
    self.code = code
  }

  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}
