// Owns: the master's decisions: when the serving process is started, told something, killed, started again, and with which code the
// master leaves. A pure value: events and the time come in, effects go out, Master carries them out.

/// How the serving process ended.
enum ServerEnd: Equatable, Sendable {
  case exited(code: Int32)
  case signalled(signal: Int32, core: Bool)
  /// It could not be started at all.
  case notStarted(errno: Int32)

  /// Worth a crash report: a signal that nobody here sent.
  var isCrash: Bool {
    switch self {
    case .signalled: true
    case .exited, .notStarted: false
    }
  }
}

/// What the operator or the service manager signals to the master.
enum MasterSignal: Equatable, Sendable {
  /// SIGTERM or SIGINT.
  case stop
  /// SIGHUP.
  case reload
  /// SIGUSR1.
  case reopen
}

/// Exit codes of `tidegate run`.
enum MasterExit {
  static let ok: Int32 = 0
  static let badStart: Int32 = 1
  static let forced: Int32 = 2
  static let failedCleanup: Int32 = 3
}

struct Supervision: Equatable, Sendable {
  enum Event: Equatable, Sendable {
    case begin
    /// The serving process says that it serves.
    case ready
    case ended(ServerEnd)
    case signal(MasterSignal)
    /// The time given by `deadline` has come.
    case tick
  }

  enum Effect: Equatable, Sendable {
    case spawn
    case send(MasterCommand)
    /// SIGKILL.
    case kill
    /// READY=1 to the service manager.
    case announceReady
    /// STOPPING=1 to the service manager.
    case announceStopping
    /// Close addresses that this life of the server did not ask for: nobody would accept there.
    case releaseUnclaimed
    case reportCrash(ServerEnd)
    /// Log the coming restart. Nanoseconds.
    case announceRestart(ServerEnd, after: UInt64)
    case leave(code: Int32)
  }

  enum State: Equatable, Sendable {
    /// Nothing runs yet; `starting` follows.
    case idle
    /// The server runs and has not said ready; `serving`, `waiting`, `stopping` or `over` follow.
    case starting(since: UInt64)
    /// `waiting` or `stopping` follow.
    case serving(since: UInt64)
    /// The server is dead and is started again at `until`; `starting` or `over` follow.
    case waiting(until: UInt64)
    /// The server drains; `forcing` or `over` follow.
    case stopping
    /// The server was killed on request; `over` follows.
    case forcing
    /// Nothing follows.
    case over
  }

  private(set) var state = State.idle
  private(set) var everReady = false
  private(set) var restarts = 0
  private var backoff = RestartBackoff()

  /// When a tick is due, monotonic nanoseconds; nil when none is.
  var deadline: UInt64? {
    guard case .waiting(let until) = state else { return nil }
    return until
  }

  /// - Parameter now: monotonic nanoseconds.
  mutating func handle(_ event: Event, now: UInt64) -> [Effect] {
    switch event {
    case .begin:
      guard state == .idle else { return [] }
      return spawn(now: now)
    case .ready: return becameReady(now: now)
    case .ended(let end): return ended(end, now: now)
    case .signal(let signal): return signalled(signal, now: now)
    case .tick:
      guard case .waiting(let until) = state, now >= until else { return [] }
      return spawn(now: now)
    }
  }

  private mutating func spawn(now: UInt64) -> [Effect] {
    state = .starting(since: now)
    return [.spawn]
  }

  private mutating func becameReady(now: UInt64) -> [Effect] {
    guard case .starting(let since) = state else { return [] }
    state = .serving(since: since)
    everReady = true
    return [.releaseUnclaimed, .announceReady]
  }

  private mutating func ended(_ end: ServerEnd, now: UInt64) -> [Effect] {
    var effects: [Effect] = []
    switch state {
    case .starting(let since), .serving(let since):
      if end.isCrash { effects.append(.reportCrash(end)) }
      guard everReady else { return effects + leave(MasterExit.badStart) }
      let wait = backoff.died(lived: now >= since ? now - since : 0)
      restarts += 1
      state = .waiting(until: now + wait)
      return effects + [.announceRestart(end, after: wait)]
    case .stopping:
      if end.isCrash { effects.append(.reportCrash(end)) }
      switch end {
      case .exited(code: MasterExit.ok): return effects + leave(MasterExit.ok)
      case .exited(code: MasterExit.badStart) where !everReady: return effects + leave(MasterExit.badStart)
      case .exited, .signalled, .notStarted: return effects + leave(MasterExit.failedCleanup)
      }
    case .forcing: return leave(MasterExit.forced)
    case .idle, .waiting, .over: return []
    }
  }

  private mutating func signalled(_ signal: MasterSignal, now: UInt64) -> [Effect] {
    switch (signal, state) {
    case (.stop, .starting), (.stop, .serving):
      state = .stopping
      return [.announceStopping, .send(.drain)]
    case (.stop, .stopping):
      state = .forcing
      return [.kill]
    case (.stop, .idle), (.stop, .waiting): return [.announceStopping] + leave(MasterExit.ok)
    case (.reload, .starting), (.reload, .serving): return [.send(.reload)]
    case (.reload, .waiting):
      // The operator has mended something: no reason to sit out the wait.
      backoff.clear()
      return spawn(now: now)
    case (.reopen, .starting), (.reopen, .serving), (.reopen, .stopping): return [.send(.reopen)]
    case (.reload, .idle), (.reload, .stopping), (.reopen, .idle), (.reopen, .waiting): return []
    case (.stop, .forcing), (.stop, .over), (.reload, .forcing), (.reload, .over), (.reopen, .forcing), (.reopen, .over): return []
    }
  }

  private mutating func leave(_ code: Int32) -> [Effect] {
    state = .over
    return [.leave(code: code)]
  }
}
