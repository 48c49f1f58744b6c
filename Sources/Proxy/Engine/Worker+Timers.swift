// What happens when a deadline passes: of a connection, of an exchange, or of an alarm that somebody set.
import Glibc
import Runtime

/// Kinds of timer owners.
enum TimerKind {
  static let connection: UInt8 = 1
  static let exchange: UInt8 = 2
  static let alarm: UInt8 = 3
}

/// A call at a later time, for what is rare: health checks, delays, draining.
final class Alarm {
  let node: UnsafeMutablePointer<TimerNode>
  let action: () -> Void

  init(_ action: @escaping () -> Void) {
    node = .allocate(capacity: 1)
    node.initialize(to: TimerNode())
    self.action = action
  }

  deinit { node.deallocate() }
}

/// The alarms that are set, by number.
struct AlarmList {
  var next: UInt64 = 1
  var alarms: [UInt64: Alarm] = [:]
}

extension Worker {
  /// Calls `action` on this thread after `nanoseconds`; the number cancels it.
  @discardableResult
  public func after(_ nanoseconds: UInt64, _ action: @escaping () -> Void) -> UInt64 {
    let id = alarms.next
    alarms.next &+= 1
    let alarm = Alarm(action)
    alarm.node.pointee.kind = TimerKind.alarm
    alarm.node.pointee.owner = UnsafeMutableRawPointer(bitPattern: UInt(id))
    alarms.alarms[id] = alarm
    wheel.schedule(alarm.node, at: now &+ nanoseconds)
    return id
  }

  /// Takes an alarm back; unknown numbers are ignored.
  public func cancel(alarm id: UInt64) {
    guard let alarm = alarms.alarms.removeValue(forKey: id) else { return }
    wheel.cancel(alarm.node)
  }

  @inline(__always)
  func setDeadline(_ c: ConnectionRef, _ nanoseconds: UInt64) {
    let node = timer(of: c)
    if node.pointee.owner == nil {
      node.pointee.owner = UnsafeMutableRawPointer(c)
      node.pointee.kind = TimerKind.connection
    }
    wheel.schedule(node, at: nanoseconds == 0 ? 0 : now &+ nanoseconds)
  }

  /// As `setDeadline`, unless an earlier deadline is set: for a connection whose streams have deadlines of their own. 0: no change.
  @inline(__always)
  func hasten(_ c: ConnectionRef, _ nanoseconds: UInt64) {
    let deadline = timer(of: c).pointee.deadline
    if nanoseconds != 0 && (deadline == 0 || deadline > now &+ nanoseconds) { setDeadline(c, nanoseconds) }
  }

  @inline(__always)
  func setDeadline(_ x: ExchangeRef, _ nanoseconds: UInt64) {
    let node = timer(of: x)
    if node.pointee.owner == nil {
      node.pointee.owner = UnsafeMutableRawPointer(x)
      node.pointee.kind = TimerKind.exchange
    }
    wheel.schedule(node, at: nanoseconds == 0 ? 0 : now &+ nanoseconds)
  }

  // SAFETY: the node is stored inside the struct, whose address does not change while it is in use.
  @inline(__always)
  func timer(of c: ConnectionRef) -> UnsafeMutablePointer<TimerNode> {
    let offset = MemoryLayout<Connection>.offset(of: \.timer)!
    return (UnsafeMutableRawPointer(c) + offset).assumingMemoryBound(to: TimerNode.self)
  }

  @inline(__always)
  func timer(of x: ExchangeRef) -> UnsafeMutablePointer<TimerNode> {
    let offset = MemoryLayout<Exchange>.offset(of: \.timer)!
    return (UnsafeMutableRawPointer(x) + offset).assumingMemoryBound(to: TimerNode.self)
  }

  func fireTimers() {
    while let node = wheel.expire(now: now) {
      switch node.pointee.kind {
      case TimerKind.connection:
        let c = node.pointee.owner!.assumingMemoryBound(to: Connection.self)
        if c.pointee.role == .downstream { downstreamTimedOut(c) } else if c.pointee.role == .upstream { upstreamTimedOut(c) }
      case TimerKind.exchange:
        exchangeTimedOut(node.pointee.owner!.assumingMemoryBound(to: Exchange.self))
      default:
        let id = UInt64(UInt(bitPattern: node.pointee.owner))
        alarms.alarms.removeValue(forKey: id)?.action()
      }
    }
  }
}
