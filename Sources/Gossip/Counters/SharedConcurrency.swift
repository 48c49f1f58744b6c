// Requests at once as the workers' threads see them: one exchange behind a lock. All decisions are the heart's.
import Runtime

/// Counts of requests at once that any thread may begin and end.
public final class SharedConcurrency: Sendable {
  private let exchange = Locked(ConcurrencyExchange())
  private let wake: @Sendable () -> Void

  /// - Parameter wake: called when there is something to tell and there was nothing before.
  public init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

  /// See `ConcurrencyTable.begin`. Any thread.
  public func begin(_ key: UInt64, limit: UInt32) -> (isAllowed: Bool, isCounted: Bool) {
    changing { $0.begin(key, limit: limit) }
  }

  /// See `ConcurrencyTable.end`. Any thread.
  public func end(_ key: UInt64) { changing { $0.end(key) } }

  /// Requests in flight over the cluster, as far as is known.
  public func inFlight(_ key: UInt64) -> UInt64 { exchange.withLock { $0.table.inFlight(key) } }

  private func changing<Value>(_ change: (inout ConcurrencyExchange) -> Value) -> Value {
    let (value, isNews) = exchange.withLock { exchange in
      let hadNews = exchange.hasNews
      let value = change(&exchange)
      return (value, !hadNews && exchange.hasNews)
    }
    if isNews { wake() }
    return value
  }

  // The loop's.

  func setMembers(_ list: [CounterMember]) { exchange.withLock { $0.setMembers(list) } }

  func advance(now: UInt64) -> (bodies: [[UInt8]], next: UInt64) { exchange.withLock { ($0.advance(now: now), $0.nextDeadline) } }

  func receive(_ body: UnsafeRawBufferPointer, from sender: CounterMember) throws(ByteReadError) {
    let copy = Array(body)
    let result = exchange.withLock { exchange in
      Result { () throws(ByteReadError) in
        try reading(copy) { (bytes) throws(ByteReadError) in try exchange.receive(bytes, from: sender) }
      }
    }
    try result.get()
  }
}
