// The resolver on a worker's loop: its sockets are watched, its timeouts are alarms. One for all upstreams of a node, so that equal
// questions are asked once.
import Runtime

public final class NameResolver {
  private unowned let worker: Worker
  private let limits: ResolverLimits
  private let servers: String?
  private var resolver: Resolver?
  private var alarm: UInt64 = 0

  /// - Parameter servers: as for `Resolver`; nil: the system's.
  public init(worker: Worker, limits: ResolverLimits = ResolverLimits(), servers: String? = nil) {
    self.worker = worker
    self.limits = limits
    self.servers = servers
  }

  /// Asks for a name; `completion` is called once, in a later turn of the loop, or never after `stop`.
  public func resolve(_ name: String, port: UInt16, kind: ResolveKind, completion: @escaping Resolver.Completion) {
    do throws(ResolveFailure) {
      if resolver == nil { resolver = try open() }
      resolver?.resolve(name, port: port, kind: kind, now: worker.now, completion: completion)
      arm()
    } catch {
      let failure = ResolveFailure(kind: error.kind, name: name, retryAfterNanoseconds: error.retryAfterNanoseconds)
      worker.after(0) { completion(.failure(failure)) }
    }
  }

  /// Ends all questions without an answer. Call on the worker's thread, before it ends.
  public func stop() {
    worker.cancel(alarm: alarm)
    resolver = nil
  }

  private func open() throws(ResolveFailure) -> Resolver {
    let worker = worker
    return try Resolver(limits: limits, servers: servers) { [unowned worker, weak self] descriptor, readable, writable in
      guard readable || writable else { return worker.unwatch(descriptor) }
      worker.watch(descriptor, readable: readable, writable: writable) { self?.process(descriptor, $0) }
    }
  }

  private func process(_ descriptor: Int32, _ ready: UInt32) {
    // An error is found by reading it.
    resolver?.process(
      descriptor: descriptor, readable: ready & ~EventLoop.writable != 0, writable: ready & EventLoop.writable != 0, now: worker.now)
    arm()
  }

  private func arm() {
    worker.cancel(alarm: alarm)
    guard let timeout = resolver?.nextTimeout() else { return }
    alarm = worker.after(timeout) { [weak self] in
      guard let self else { return }
      resolver?.processTimeouts(now: worker.now)
      arm()
    }
  }
}
