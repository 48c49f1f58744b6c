// The one alarm clock of an event loop, as a descriptor (timerfd). A wait with a time limit makes the kernel read its clock, set a timer
// and take it down again at every turn; a wait without one, beside a timer that is set when the next deadline has moved closer, does not:
// 2 % of a proxied request's cost. Which deadlines there are is TimerWheel's.
import CEpoll
import Glibc

/// A timer that an event loop watches, edge-triggered: what it says need not be read.
public struct LoopTimer {
  public let descriptor: Int32
  /// Monotonic nanoseconds; `UInt64.max` while it is not set.
  private var setFor = UInt64.max

  /// - Throws: `SystemFault` when the kernel gives no more descriptors.
  public init() throws {
    descriptor = tg_timer()
    guard descriptor >= 0 else { throw SystemFault(call: "timerfd_create") }
  }

  public func close() { _ = Glibc.close(descriptor) }

  /// Makes sure that the loop wakes at `due` at latest; it may wake earlier, for a deadline that has been put off since.
  /// - Parameters:
  ///   - due: monotonic nanoseconds; `UInt64.max` for never.
  ///   - now: when it has rung, it is set anew.
  @inline(__always)
  public mutating func wake(at due: UInt64, now: UInt64) {
    if setFor <= now { setFor = .max }
    if due < setFor { set(due) }
  }

  @inline(never)
  private mutating func set(_ due: UInt64) {
    setFor = due
    // 0 would disarm it.
    let result = tg_timer_arm(descriptor, max(due, 1))
    precondition(result == 0, "timer \(descriptor) for \(due): errno \(tg_errno())")
  }
}
