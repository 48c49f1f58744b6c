// Owns: asking the system's name servers through c-ares, without blocking: it names the sockets to watch, is told when they are ready,
// and calls back with endpoints and their TTL. When to ask again is the asking pool's business; watching is the owner's.
import CCares
import CEpoll
import Glibc
import Runtime

/// A resolver, confined to the thread that made it.
///
/// The owner watches descriptors as `watch` says, calls `process` when they are ready, and `processTimeouts` when `nextTimeout` has
/// passed. Completions run inside those two calls and never inside `resolve`.
public final class Resolver {
  public typealias Completion = (Result<Resolution, ResolveFailure>) -> Void
  /// (descriptor, want to read, want to write); both false: stop watching, the descriptor is about to be closed.
  public typealias Watch = (Int32, Bool, Bool) -> Void

  public let limits: ResolverLimits
  private let channel: ares_channel
  private let watch: WatchBox
  private var failures: FailureMemory
  private var open: [ResolveKey: Question] = [:]
  /// Completions whose turn comes with the next `process` or `processTimeouts`.
  private var finished: [(Completion, Result<Resolution, ResolveFailure>)] = []
  /// As last given by the owner; monotonic nanoseconds.
  private var now: UInt64 = 0

  /// - Parameters:
  ///   - servers: name servers as `127.0.0.1:53,[::1]:53` instead of those in /etc/resolv.conf.
  ///   - watch: see `Watch`; runs inside this object's calls, must not call back into it.
  public init(limits: ResolverLimits = ResolverLimits(), servers: String? = nil, watch: @escaping Watch) throws(ResolveFailure) {
    let trouble = ResolveFailure(kind: .system, name: servers ?? "/etc/resolv.conf", retryAfterNanoseconds: FailureMemory.longest)
    guard Resolver.libraryStatus == AresStatus.success else { throw trouble }
    let box = WatchBox(watch)
    var options = ares_options()
    options.timeout = limits.timeoutMilliseconds
    options.tries = limits.tries
    options.sock_state_cb = { data, descriptor, readable, writable in
      // SAFETY: `data` is the box that the resolver keeps until after ares_destroy, the last call that can come here.
      guard let data else { return }
      Unmanaged<WatchBox>.fromOpaque(data).takeUnretainedValue().watch(descriptor, readable != 0, writable != 0)
    }
    options.sock_state_cb_data = Unmanaged.passUnretained(box).toOpaque()
    var made: ares_channel?
    let mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB
    guard ares_init_options(&made, &options, mask) == AresStatus.success, let made else { throw trouble }
    if let servers, ares_set_servers_ports_csv(made, servers) != AresStatus.success {
      ares_destroy(made)
      throw trouble
    }
    channel = made
    self.watch = box
    self.limits = limits
    failures = FailureMemory(namesMax: limits.failuresMax)
  }

  /// Open questions end without their completions being called.
  deinit {
    ares_destroy(channel)
    withExtendedLifetime(watch) {}
  }

  private final class WatchBox {
    let watch: Watch
    init(_ watch: @escaping Watch) { self.watch = watch }
  }

  /// Once a process; the library counts nothing, so nothing is to be given back.
  private static let libraryStatus = ares_library_init(ARES_LIB_INIT_ALL)

  /// Asks for a name. Equal questions that are open share one answer; a question that failed lately is answered with that failure.
  /// - Parameters:
  ///   - name: host name, or address without port and brackets; for `.service` as `_http._tcp.example.com`.
  ///   - port: port of the endpoints; `.service` takes it from the records.
  ///   - now: monotonic nanoseconds.
  ///   - completion: called once, on this thread, from `process` or `processTimeouts`.
  public func resolve(
    _ name: String, port: UInt16, kind: ResolveKind = .address, now: UInt64, completion: @escaping Completion
  ) {
    self.now = now
    let key = ResolveKey(name: name, port: kind == .service ? 0 : port, kind: kind)
    if kind == .address, let literal = SocketAddress(host: name, port: port) {
      let endpoint = ResolvedEndpoint(address: literal, priority: 0, weight: 1, ttlSeconds: limits.ttlSecondsMax)
      finished.append((completion, .success(Resolution(endpoints: [endpoint], ttlSeconds: limits.ttlSecondsMax))))
    } else if let question = open[key] {
      question.completions.append(completion)
    } else if let failure = failures.resting(key, now: now) {
      finished.append((completion, .failure(failure)))
    } else if open.count >= limits.questionsMax {
      finished.append(
        (completion, .failure(ResolveFailure(kind: .tooMany, name: name, retryAfterNanoseconds: FailureMemory.first))))
    } else if name.isEmpty || name.utf8.count > 254 || name.utf8.contains(0) {
      finished.append((completion, .failure(failures.failed(key, .badName, now: now))))
    } else {
      let question = Question(key: key, resolver: self)
      question.completions.append(completion)
      open[key] = question
      switch kind {
      case .address: askAddresses(question, name: name, service: nil)
      case .service: askService(question)
      }
    }
  }

  /// A watched descriptor became ready.
  /// - Parameter now: monotonic nanoseconds.
  public func process(descriptor: Int32, readable: Bool, writable: Bool, now: UInt64) {
    self.now = now
    ares_process_fd(channel, readable ? descriptor : -1, writable ? descriptor : -1)
    deliver()
  }

  /// The time of `nextTimeout` has passed; calling it earlier does no harm.
  /// - Parameter now: monotonic nanoseconds.
  public func processTimeouts(now: UInt64) {
    process(descriptor: -1, readable: false, writable: false, now: now)
  }

  /// - Returns: nanoseconds until `processTimeouts` is due; nil when nothing is open.
  public func nextTimeout() -> UInt64? {
    if !finished.isEmpty { return 0 }
    var room = timeval()
    guard let left = ares_timeout(channel, nil, &room) else { return nil }
    return UInt64(max(left.pointee.tv_sec, 0)) * 1_000_000_000 + UInt64(max(left.pointee.tv_usec, 0)) * 1000
  }

  /// Runs completions; what they ask anew is answered in a later call, so that this ends.
  private func deliver() {
    let due = finished
    finished = []
    for (completion, result) in due { completion(result) }
  }

  // MARK: Questions

  private func askAddresses(_ question: Question, name: String, service: ServiceRecord?) {
    var hints = ares_addrinfo_hints()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    // Sorting by RFC 6724 would open a socket towards each address; the pool judges endpoints by how they answer.
    hints.ai_flags = ARES_AI_NOSORT
    question.open += 1
    let leg = Unmanaged.passRetained(Leg(question: question, service: service))
    ares_getaddrinfo(channel, name, nil, &hints, Resolver.onAddresses, leg.toOpaque())
  }

  private func askService(_ question: Question) {
    question.open += 1
    let leg = Unmanaged.passRetained(Leg(question: question, service: nil))
    ares_search(channel, question.key.name, 1, 33, Resolver.onService, leg.toOpaque())  // class IN, type SRV
  }

  private static let onAddresses: ares_addrinfo_callback = { argument, status, _, result in
    defer { if let result { ares_freeaddrinfo(result) } }
    guard let argument else { return }
    // SAFETY: `argument` is the leg retained for exactly this one call; c-ares calls back once for each question.
    let leg = Unmanaged<Leg>.fromOpaque(argument).takeRetainedValue()
    // The resolver is being torn down: it must not be touched any more.
    guard status != AresStatus.destruction else { return }
    leg.question.addresses(status: status, result: result, service: leg.service)
    leg.question.resolver.closeIfDone(leg.question)
  }

  private static let onService: ares_callback = { argument, status, _, bytes, count in
    guard let argument else { return }
    // SAFETY: as in `onAddresses`.
    let leg = Unmanaged<Leg>.fromOpaque(argument).takeRetainedValue()
    guard status != AresStatus.destruction else { return }
    let question = leg.question
    let resolver = question.resolver
    if status == AresStatus.success, let bytes {
      // SAFETY: c-ares gives `count` readable bytes for the time of this call; they are copied.
      let records = ServiceAnswer.records(Array(UnsafeBufferPointer(start: bytes, count: Int(count))))
      if records == nil { question.failed(.badAnswer) }
      for record in records ?? [] where !record.target.isEmpty {
        resolver.askAddresses(question, name: record.target, service: record)
      }
    } else {
      question.failed(ResolveFailureKind(status))
    }
    question.open -= 1
    resolver.closeIfDone(question)
  }

  private func closeIfDone(_ question: Question) {
    guard question.open == 0, open[question.key] === question else { return }
    open[question.key] = nil
    let result: Result<Resolution, ResolveFailure>
    if let resolution = question.resolution(limits) {
      failures.succeeded(question.key)
      result = .success(resolution)
    } else {
      result = .failure(failures.failed(question.key, question.failure ?? .noData, now: now))
    }
    for completion in question.completions { finished.append((completion, result)) }
  }
}

/// What one call of c-ares carries back.
private final class Leg {
  let question: Question
  let service: ServiceRecord?

  init(question: Question, service: ServiceRecord?) {
    self.question = question
    self.service = service
  }
}
